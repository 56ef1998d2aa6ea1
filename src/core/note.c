#include "core/note.h"

#include "base/clock.h"
#include "core/changes.h"
#include "core/limits.h"

#define TOPICS "streams/hub/api/v1/topics/"
/* Who has no tenants is one himself; clients may read it as a UUID. */
#define NO_TENANT "00000000-0000-0000-0000-000000000000"

/* ---- making ---- */

void notes_done(struct notes *n)
{
    buf_done(&n->text);
    free(n->spans);
    free(n->stored);
    *n = (struct notes){.count = 0};
}

static void begin(struct notes *n, const struct topic_conf *topic, struct str change,
                  int64_t time_wall)
{
    struct buf *b = &n->text;

    if (n->count == n->cap) {
        n->cap = n->cap ? n->cap * 2 : 4;
        n->spans = xrealloc(n->spans, n->cap * sizeof *n->spans);
    }
    struct note_span *s = &n->spans[n->count];
    *s = (struct note_span){.label = b->len, .time_wall = time_wall};
    buf_printf(b, "%s\n%s\n", topic->id, topic->name);
    buf_str(b, change);
    s->label_n = b->len - s->label;
    s->body = b->len;
}

/* What was appended since begin() is the body. */
static void end(struct notes *n)
{
    struct note_span *s = &n->spans[n->count++];

    s->body_n = n->text.len - s->body;
}

static void put_origin(struct notes *n, uint64_t seq, unsigned index, uint64_t run)
{
    buf_printf(&n->text, "%llu %u %llu\n", (unsigned long long)seq, index, (unsigned long long)run);
}

void notes_add_message(struct notes *n, const struct topic_conf *topic, const char *name,
                       uint64_t seq, uint64_t run, int64_t time_wall, struct str message)
{
    begin(n, topic, name ? str_of(name) : STR("event"), time_wall);
    put_origin(n, seq, 0, run);
    buf_str(&n->text, message);
    end(n);
}

static void open_changed(struct notes *n, const struct topic_conf *topic, uint64_t seq,
                         unsigned index, int64_t time_wall)
{
    begin(n, topic, STR("changed"), time_wall);
    put_origin(n, seq, index, seq);
    buf_printf(&n->text, "{\"sequence\":%llu,", (unsigned long long)seq);
}

/* Where the document is, as the change cannot be told in fewer words. */
static void add_whole(struct notes *n, const struct topic_conf *topic, uint64_t seq, unsigned index,
                      int64_t time_wall)
{
    open_changed(n, topic, seq, index, time_wall);
    buf_printf(&n->text, "\"snapshot\":\"" TOPICS "%s/snapshot?at=%llu\"}", topic->id,
               (unsigned long long)seq);
    end(n);
}

/* Forget what was added last. */
static void take_back(struct notes *n)
{
    n->text.len = n->spans[--n->count].label;
}

static bool is_element(const jval *item)
{
    return jv_getz(item, "keyAt");
}

/* One note per element; what else changed makes one together, behind them, in at most max_bytes. */
static void add_items(struct notes *n, const struct topic_conf *topic, uint64_t seq,
                      int64_t time_wall, const jval *items, size_t max_bytes)
{
    struct jiter it = jiter_of(items);
    unsigned index = 0;
    size_t others = 0;

    while (jiter_next(&it)) {
        if (!is_element(it.value)) {
            others++;
            continue;
        }
        begin(n, topic, jv_str(jv_getz(it.value, "op")), time_wall);
        put_origin(n, seq, index++, seq);
        CHECK(jv_write(it.value, &n->text) == E_OK);
        end(n);
    }
    if (!others)
        return;
    open_changed(n, topic, seq, index, time_wall);
    buf_puts(&n->text, "\"changes\":[");
    it = jiter_of(items);
    for (size_t put = 0; jiter_next(&it);) {
        if (is_element(it.value))
            continue;
        buf_puts(&n->text, put++ ? "," : "");
        CHECK(jv_write(it.value, &n->text) == E_OK);
    }
    buf_puts(&n->text, "]}");
    end(n);
    if (n->spans[n->count - 1].body_n <= max_bytes)
        return;
    take_back(n);
    add_whole(n, topic, seq, index, time_wall);
}

/* The first document is compared with an empty one of its kind. */
static struct str nothing_like(struct str after)
{
    return str_starts(after, STR("["))   ? STR("[]")
           : str_starts(after, STR("{")) ? STR("{}")
                                         : STR("null");
}

void notes_add_change(struct notes *n, const struct topic_conf *topic, uint64_t seq,
                      int64_t time_wall, struct str before, struct str after)
{
    AUTO(blob_unrefp)
    struct blob *changes = changes_make_within(before.p ? before : nothing_like(after), after,
                                               &topic->change, LIMIT_FEED_COMMIT_BYTES);
    AUTO(jdoc_freep) struct jdoc *doc = NULL;
    size_t most = MAX(before.n, after.n) * LIMIT_CHANGES_FACTOR;

    if (!changes || jdoc_parse(blob_view(changes), NULL, &doc, NULL) != E_OK ||
        jv_count(jdoc_root(doc)) == 0 || jv_count(jdoc_root(doc)) > LIMIT_FEED_COMMIT)
        add_whole(n, topic, seq, 0, time_wall);
    else
        add_items(n, topic, seq, time_wall, jdoc_root(doc),
                  MAX(most, (size_t)LIMIT_CHANGES_MIN_BYTES));
}

const struct store_note *notes_stored(struct notes *n)
{
    n->stored = xrealloc(n->stored, MAX(n->count, (size_t)1) * sizeof *n->stored);
    for (size_t i = 0; i < n->count; i++) {
        const struct note_span *s = &n->spans[i];
        n->stored[i] = (struct store_note){
            .time_wall = s->time_wall,
            .label = str_make(n->text.p + s->label, s->label_n),
            .body = str_make(n->text.p + s->body, s->body_n),
        };
    }
    return n->stored;
}

/* ---- reading ---- */

bool note_label(struct str label, struct note *ret)
{
    ret->topic_id = str_split(&label, '\n');
    ret->topic_name = str_split(&label, '\n');
    ret->change = label;
    return label.p;
}

bool note_decode(const struct store_noted *stored, struct note *ret)
{
    struct str rest = blob_view(stored->body);
    struct str origin = str_split(&rest, '\n');
    uint64_t index;

    *ret = (struct note){.num = stored->num, .time_wall = stored->time_wall, .payload = rest};
    if (!note_label(blob_view(stored->label), ret) || !rest.p ||
        !str_to_u64(str_split(&origin, ' '), UINT64_MAX, &ret->seq) ||
        !str_to_u64(str_split(&origin, ' '), UINT32_MAX, &index) ||
        !str_to_u64(origin, UINT64_MAX, &ret->run))
        return false;
    ret->index = (unsigned)index;
    return true;
}

/* ---- telling ---- */

void note_event_type(const struct note *n, struct buf *b)
{
    buf_str(b, n->topic_name);
    buf_putc(b, ':');
    buf_str(b, n->change);
}

void note_time(char ret[NOTE_TIME_LEN + 1], int64_t wall)
{
    struct clock_civil c = clock_civil_of(wall);

    snprintf(ret, NOTE_TIME_LEN + 1, "%04u-%02u-%02uT%02u:%02u:%02u.%06u0+00:00",
             (unsigned)c.year % 10000, (unsigned)c.month % 100, (unsigned)c.day % 100,
             (unsigned)c.hour % 100, (unsigned)c.minute % 100, (unsigned)c.second % 100,
             (unsigned)c.us % 1000000);
}

/* A UUID of version 8 (RFC 9562 §5.8), always the same for the same event. */
static void put_uuid(struct jwriter *w, const char *kind, const struct note *n, uint64_t seq,
                     unsigned index)
{
    char text[160], uuid[UUID_LEN + 1];
    int len = snprintf(text, sizeof text, "%s %.*s %llu %u", kind, STR_ARG(n->topic_id),
                       (unsigned long long)seq, index);
    struct hash128 h = hash_bytes(text, MIN((size_t)len, sizeof text - 1));
    uint64_t high = (h.hi & ~UINT64_C(0xf000)) | 0x8000;
    uint64_t low = (h.lo & ~(UINT64_C(3) << 62)) | UINT64_C(1) << 63;

    snprintf(uuid, sizeof uuid, "%08llx-%04llx-%04llx-%04llx-%012llx",
             (unsigned long long)(high >> 32), (unsigned long long)(high >> 16 & 0xffff),
             (unsigned long long)(high & 0xffff), (unsigned long long)(low >> 48),
             (unsigned long long)(low & UINT64_C(0xffffffffffff)));
    jw_strz(w, uuid);
}

void note_write(struct jwriter *w, const struct note *n, struct str event_type, const char *tenant)
{
    char time[NOTE_TIME_LEN + 1];
    char url[sizeof TOPICS + UUID_LEN + sizeof "/snapshot"];

    note_time(time, n->time_wall);
    snprintf(url, sizeof url, TOPICS "%.*s/snapshot", (int)MIN(n->topic_id.n, (size_t)UUID_LEN),
             n->topic_id.p);
    jw_object(w);
    jw_key(w, "id");
    put_uuid(w, "note", n, n->seq, n->index);
    jw_key(w, "eventType");
    jw_str(w, event_type);
    jw_key(w, "when");
    jw_strz(w, time);
    jw_key(w, "tenantId");
    jw_strz(w, tenant ? tenant : NO_TENANT);
    jw_key(w, "causationId");
    put_uuid(w, "event", n, n->seq, 0);
    jw_key(w, "correlationId");
    put_uuid(w, "run", n, n->run, 0);
    jw_key(w, "relativeUrl");
    jw_strz(w, url);
    jw_key(w, "payload");
    jw_raw(w, n->payload);
    jw_object_end(w);
}

/* ---- v1 ---- */

static void write_v1(struct jwriter *w, const jval *notification, struct str base)
{
    struct jiter it = jiter_of(notification);

    jw_object(w);
    while (jiter_next(&it)) {
        AUTO(buf_done) struct buf url = BUF_INIT;

        if (!str_eqz(it.name, "relativeUrl")) {
            jw_key_str(w, it.name);
            jw_value(w, it.value);
            continue;
        }
        buf_str(&url, base);
        buf_str(&url, jv_str(it.value));
        jw_key(w, "url");
        jw_str(w, buf_view(&url));
    }
    jw_object_end(w);
}

void note_batch_v1(struct str batch, struct str base, struct buf *ret)
{
    AUTO(jdoc_freep) struct jdoc *doc = NULL;
    struct json_limits limits = json_limits_default;
    struct jwriter w = jw_begin(ret);

    limits.max_bytes = SIZE_MAX;
    limits.max_nodes = SIZE_MAX;
    limits.max_depth = 2048;
    CHECK(jdoc_parse(batch, &limits, &doc, NULL) == E_OK);
    struct jiter it = jiter_of(jdoc_root(doc));
    jw_object(&w);
    while (jiter_next(&it)) {
        jw_key_str(&w, it.name);
        if (!str_eqz(it.name, "notifications")) {
            jw_value(&w, it.value);
            continue;
        }
        struct jiter each = jiter_of(it.value);
        jw_array(&w);
        while (jiter_next(&each))
            write_v1(&w, each.value, base);
        jw_array_end(&w);
    }
    jw_object_end(&w);
    CHECK(jw_end(&w) == E_OK);
}
