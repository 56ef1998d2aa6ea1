#include "core/feed_conf.h"

#include "base/clock.h"
#include "base/duration.h"
#include "base/rand.h"
#include "core/conf.h"
#include "core/limits.h"
#include "core/note.h"
#include "json/merge.h"

#define TITLE "Validation error: Feed"

/* ---- attributes ---- */

bool feed_id_is_valid(struct str id)
{
    bool is_uuid = uuid_is_valid(id); /* in paths these are the same in either case */

    if (id.n == 0 || id.n > FEED_ID_MAX || id.p[0] == '.')
        return false;
    for (size_t i = 0; i < id.n; i++) {
        char c = id.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z' && !is_uuid) ||
              (c >= '0' && c <= '9') || strchr("._-", c)))
            return false;
    }
    return true;
}

static void check_id(struct attr_ctx *c, const struct attr *row, const void *value)
{
    const char *id = *(char *const *)value;

    (void)row;
    if (!feed_id_is_valid(str_of(id)))
        attr_fault(c,
                   "expected at most %d of the characters A-Z a-z 0-9 . _ - and no dot at the "
                   "start, found \"%s\"",
                   FEED_ID_MAX, id);
}

static void check_topics(struct attr_ctx *c, const struct attr *row, const void *value)
{
    (void)row;
    if (((const struct attr_texts *)value)->count == 0)
        attr_fault(c, "expected one topic at least, found none");
}

const struct attr feed_attrs[] = {
    {.name = "id",
     .kind = ATTR_STRING,
     .flags = ATTR_REQUIRED,
     .at = offsetof(struct feed_config, id),
     .min = 1,
     .max = FEED_ID_MAX,
     .check = check_id,
     .help = "Name of the feed in paths, case-sensitive. Cannot be changed later."},
    {.name = "topics",
     .kind = ATTR_STRING_LIST,
     .flags = ATTR_REQUIRED,
     .at = offsetof(struct feed_config, topics),
     .max = LIMIT_FEED_TOPICS,
     .check = check_topics,
     .help = "Which topics it holds: names, ids, or names with * (any characters) and ? (one)."},
    {.name = "eventTypes",
     .kind = ATTR_STRING_MAP,
     .at = offsetof(struct feed_config, event_types),
     .max = LIMIT_FEED_TYPES,
     .help = "Other names of event types: from <topic>:<change> to what consumers are to see."},
    {.name = "batchSize",
     .kind = ATTR_INT,
     .at = offsetof(struct feed_config, batch_size),
     .preset = "10",
     .min = 1,
     .max = LIMIT_FEED_BATCH,
     .help = "The most notifications of a batch."},
    {.name = "retention",
     .kind = ATTR_DURATION,
     .at = offsetof(struct feed_config, retention_us),
     .min = 1e6,
     .max = 36500 * 86400e6,
     .help =
         "How long nobody may poll before the oldest notifications are dropped, and how long what "
         "was discarded can be looked at; without it the setting feed.retention."},
    {.name = "tenant",
     .kind = ATTR_STRING,
     .at = offsetof(struct feed_config, tenant),
     .min = 1,
     .max = 255,
     .help = "Whose feed it is: the tenantId of its notifications, which requests have to name in "
             "X-TENANT-ID. Without it nobody is asked."},
    {.name = "createTimestamp",
     .kind = ATTR_IGNORED,
     .help = "When the feed was created. Set by the server."},
    {.name = "modifyTimestamp",
     .kind = ATTR_IGNORED,
     .help = "When the feed was last changed. Set by the server."},
    {.name = "active",
     .kind = ATTR_IGNORED,
     .help = "Whether what happens is queued: since it was configured or first asked for. Set by "
             "the server."},
};
const size_t feed_attr_count = ARRAY_LEN(feed_attrs);

/* ---- patterns ---- */

/* Back to the last star only: linear but for a factor of the pattern's length. */
bool feed_glob(struct str pattern, struct str text)
{
    size_t p = 0, t = 0, star = SIZE_MAX, from = 0;

    while (t < text.n) {
        if (p < pattern.n && pattern.p[p] == '*') {
            star = p++;
            from = t;
        } else if (p < pattern.n && (pattern.p[p] == '?' || pattern.p[p] == text.p[t])) {
            p++;
            t++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            t = ++from;
        } else {
            return false;
        }
    }
    while (p < pattern.n && pattern.p[p] == '*')
        p++;
    return p == pattern.n;
}

bool feed_conf_covers(const struct feed_conf *c, struct str topic_id, struct str topic_name)
{
    const struct attr_texts *topics = &c->config.topics;

    if (c->everything)
        return true;
    for (size_t i = 0; i < topics->count; i++) {
        if (feed_glob(str_of(topics->items[i]), topic_name) || str_eqz(topic_id, topics->items[i]))
            return true;
    }
    return false;
}

bool feed_conf_wants(struct str label, const void *arg)
{
    const struct feed_conf *c = arg;
    struct note n;

    return c->everything ||
           (note_label(label, &n) && feed_conf_covers(c, n.topic_id, n.topic_name));
}

struct str feed_conf_event_type(const struct feed_conf *c, struct buf *b)
{
    const struct attr_map *types = &c->config.event_types;

    for (size_t i = 0; i < types->count; i++) {
        if (str_eqz(buf_view(b), types->items[i].name))
            return str_of(types->items[i].value);
    }
    return buf_view(b);
}

int64_t feed_conf_retention(const struct feed_conf *c)
{
    return c->config.retention_us ? c->config.retention_us : conf_current()->feed_retention_us;
}

/* ---- making ---- */

static struct feed_conf *conf_alloc(void)
{
    struct feed_conf *c = xcalloc(1, sizeof *c);

    atomic_init(&c->refs, 1);
    return c;
}

struct feed_conf *feed_conf_ref(const struct feed_conf *c)
{
    struct feed_conf *conf = (struct feed_conf *)(uintptr_t)c;

    atomic_fetch_add_explicit(&conf->refs, 1, memory_order_relaxed);
    return conf;
}

void feed_conf_unref(const struct feed_conf *c)
{
    struct feed_conf *conf = (struct feed_conf *)(uintptr_t)c;

    if (!conf || atomic_fetch_sub_explicit(&conf->refs, 1, memory_order_acq_rel) > 1)
        return;
    attr_done(feed_attrs, feed_attr_count, &conf->config);
    blob_unref(conf->json);
    free(conf);
}

static bool is_ours(struct str name)
{
    return str_eqz(name, "createTimestamp") || str_eqz(name, "modifyTimestamp") ||
           str_eqz(name, "active");
}

static struct blob *make_json(const jval *root)
{
    AUTO(buf_done) struct buf text = BUF_INIT;
    struct jwriter w = jw_begin(&text);
    struct jiter it = jiter_of(root);

    jw_object(&w);
    while (jiter_next(&it)) {
        if (is_ours(it.name) || jv_type(it.value) == JT_NULL)
            continue;
        jw_key_str(&w, it.name);
        jw_value(&w, it.value);
    }
    jw_object_end(&w);
    CHECK(jw_end(&w) == E_OK);
    return blob_of_buf(&text);
}

static void note_everything(struct feed_conf *c)
{
    for (size_t i = 0; i < c->config.topics.count; i++)
        c->everything |= strcmp(c->config.topics.items[i], "*") == 0;
}

static void check_all(const struct feed_conf *c, const struct feed_conf *was, struct faults *f)
{
    const char *id = c->config.id;

    if (id && was && strcmp(id, was->config.id) != 0)
        fault_add(f, "/id", TITLE, "cannot be changed: expected \"%s\", found \"%s\"",
                  was->config.id, id);
    if (id && strcmp(id, FEED_ALL) == 0 && c->config.topics.count > 0 && !c->everything)
        fault_add(f, "/topics", TITLE,
                  "feed \"%s\" holds every topic: expected [\"*\"]; make another feed for some",
                  FEED_ALL);
}

static bool parse(struct feed_conf *c, const jval *root, const struct feed_conf *was,
                  struct faults *f)
{
    struct attr_ctx ctx;

    if (jv_type(root) != JT_OBJECT) {
        fault_add(f, "", TITLE, "expected an object, found %s", fault_found(f, root));
        return false;
    }
    attr_ctx_init(&ctx, f, TITLE, "");
    attr_parse(&ctx, feed_attrs, feed_attr_count, root, &c->config);
    attr_ctx_done(&ctx);
    note_everything(c);
    check_all(c, was, f);
    return !faults_any(f);
}

struct feed_conf *feed_conf_new(const jval *root, const struct feed_conf *was, uint64_t since,
                                int64_t now_wall, struct faults *f)
{
    AUTO(feed_conf_unrefp) struct feed_conf *c = conf_alloc();

    c->active = true;
    c->since = was && was->active ? was->since : since;
    c->modified_wall = now_wall / US_PER_MS * US_PER_MS;
    c->created_wall = was && was->created_wall ? was->created_wall : c->modified_wall;
    if (!parse(c, root, was, f))
        return NULL;
    c->json = make_json(root);
    if (c->json->len > LIMIT_TOPIC_BYTES)
        fault_add(f, "", TITLE, "expected at most %d bytes of JSON, found %zu", LIMIT_TOPIC_BYTES,
                  c->json->len);
    return faults_any(f) ? NULL : TAKE(c);
}

struct feed_conf *feed_conf_default(void)
{
    AUTO(faults_done) struct faults f;
    AUTO(jdoc_freep) struct jdoc *doc = NULL;
    struct feed_conf *c = conf_alloc();

    faults_init(&f);
    CHECK(jdoc_parse(STR("{\"id\":\"" FEED_ALL "\",\"topics\":[\"*\"]}"), NULL, &doc, NULL) ==
          E_OK);
    CHECK(parse(c, jdoc_root(doc), NULL, &f));
    c->json = make_json(jdoc_root(doc));
    return c;
}

struct feed_conf *feed_conf_activated(const struct feed_conf *was, uint64_t since)
{
    AUTO(faults_done) struct faults f;
    AUTO(jdoc_freep) struct jdoc *doc = NULL;

    faults_init(&f);
    CHECK(jdoc_parse(blob_view(was->json), NULL, &doc, NULL) == E_OK);
    struct feed_conf *c = feed_conf_new(jdoc_root(doc), was, since, clock_now_wall(), &f);
    CHECK(c);
    return c;
}

/* ---- showing ---- */

static void put_time(struct jwriter *w, const char *key, int64_t wall)
{
    char text[CLOCK_MS_LEN + 1];

    if (!wall)
        return;
    clock_text_ms(text, wall);
    jw_key(w, key);
    jw_strz(w, text);
}

void feed_conf_write(const struct feed_conf *c, struct jwriter *w)
{
    AUTO(jdoc_freep) struct jdoc *doc = NULL;

    CHECK(jdoc_parse(blob_view(c->json), NULL, &doc, NULL) == E_OK);
    attr_write_members(feed_attrs, feed_attr_count, jdoc_root(doc), w);
    if (!c->config.retention_us) {
        AUTO(buf_done) struct buf text = BUF_INIT;

        duration_format(&text, feed_conf_retention(c));
        jw_key(w, "retention");
        jw_str(w, buf_view(&text));
    }
    jw_key(w, "active");
    jw_bool(w, c->active);
    put_time(w, "createTimestamp", c->created_wall);
    put_time(w, "modifyTimestamp", c->modified_wall);
}

/* ---- the record ---- */

struct blob *feed_conf_record(const struct feed_conf *c)
{
    AUTO(buf_done) struct buf text = BUF_INIT;
    struct jwriter w = jw_begin(&text);

    jw_object(&w);
    jw_key(&w, "since");
    jw_i64(&w, (int64_t)c->since);
    put_time(&w, "createTimestamp", c->created_wall);
    put_time(&w, "modifyTimestamp", c->modified_wall);
    jw_key(&w, "feed");
    jw_raw(&w, blob_view(c->json));
    jw_object_end(&w);
    CHECK(jw_end(&w) == E_OK);
    return blob_of_buf(&text);
}

static int64_t stored_time(const jval *root, const char *name)
{
    int64_t wall = 0;

    return clock_parse_wall(jv_str(jv_getz(root, name)), &wall) == E_OK ? wall : 0;
}

enum err feed_conf_load(struct str body, uint64_t num, uint64_t rev, struct feed_conf **ret,
                        struct errinfo *ei)
{
    AUTO(faults_done) struct faults f;
    AUTO(jdoc_freep) struct jdoc *doc = NULL;
    AUTO(feed_conf_unrefp) struct feed_conf *c = conf_alloc();
    int64_t since;

    faults_init(&f);
    f.stored = true;
    if (jdoc_parse(body, NULL, &doc, ei) != E_OK ||
        !jv_i64(jv_getz(jdoc_root(doc), "since"), &since) || since < 0)
        return err_set(ei, E_STORE_CORRUPT, "it is no feed that this version knows");
    const jval *root = jdoc_root(doc);
    if (!parse(c, jv_getz(root, "feed"), NULL, &f))
        return err_set(ei, E_STORE_CORRUPT, "%s: %s", f.items[0].pointer, f.items[0].detail);
    c->num = num;
    c->rev = rev;
    c->active = true;
    c->since = (uint64_t)since;
    c->created_wall = stored_time(root, "createTimestamp");
    c->modified_wall = stored_time(root, "modifyTimestamp");
    c->json = make_json(jv_getz(root, "feed"));
    *ret = TAKE(c);
    return E_OK;
}
