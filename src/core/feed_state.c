#include "core/feed_state.h"

#include "core/limits.h"

void feed_state_done(struct feed_state *s)
{
    blob_unrefp(&s->body);
    blob_unrefp(&s->filter);
    free(s->discards);
    s->discards = NULL;
    s->discard_count = 0;
}

struct feed_state feed_state_copy(const struct feed_state *s)
{
    struct feed_state copy = *s;

    copy.body = s->body ? blob_ref(s->body) : NULL;
    copy.filter = s->filter ? blob_ref(s->filter) : NULL;
    copy.discards = xcalloc(s->discard_count + 1, sizeof *copy.discards); /* room for one more */
    if (s->discard_count)
        memcpy(copy.discards, s->discards, s->discard_count * sizeof *copy.discards);
    return copy;
}

void feed_state_discard(struct feed_state *s, uint64_t up_to, int64_t now_wall)
{
    uint64_t after = s->open ? s->batch_after : s->at;

    if (after < up_to) {
        size_t over = s->discard_count >= LIMIT_FEED_DISCARDS;
        s->discards = xrealloc(s->discards, (s->discard_count + 1) * sizeof *s->discards);
        memmove(s->discards, s->discards + over, (s->discard_count - over) * sizeof *s->discards);
        s->discard_count -= over;
        s->discards[s->discard_count++] = (struct feed_discard){after, up_to, now_wall};
    }
    s->at = up_to;
    s->open = false;
    s->completed = 0;
    s->dropped = 0;
    blob_unrefp(&s->body);
}

bool feed_state_expire(struct feed_state *s, int64_t before_wall)
{
    size_t old = 0;

    while (old < s->discard_count && s->discards[old].wall < before_wall)
        old++;
    if (old)
        memmove(s->discards, s->discards + old, (s->discard_count - old) * sizeof *s->discards);
    s->discard_count -= old;
    return old > 0;
}

/* ---- the text: a line of numbers, a line per discard, the filter, and the bytes of the batch ---- */

/* The first number: whether the line ends with the length of a filter. */
enum { PLAIN = 1, FILTERED = 2 };

struct blob *feed_state_encode(const struct feed_state *s)
{
    AUTO(buf_done) struct buf b = BUF_INIT;

    buf_printf(&b, "%d %llu %llu %d %llu %llu %zu %lld %llu %lld %lld %lld %zu",
               s->filter ? FILTERED : PLAIN, (unsigned long long)s->at,
               (unsigned long long)s->batch, s->open, (unsigned long long)s->completed,
               (unsigned long long)s->batch_after, s->batch_count, (long long)s->batch_wall,
               (unsigned long long)s->dropped, (long long)s->dropped_from, (long long)s->dropped_to,
               (long long)s->polled_wall, s->discard_count);
    if (s->filter)
        buf_printf(&b, " %zu", s->filter->len);
    buf_putc(&b, '\n');
    for (size_t i = 0; i < s->discard_count; i++)
        buf_printf(&b, "%llu %llu %lld\n", (unsigned long long)s->discards[i].after,
                   (unsigned long long)s->discards[i].up_to, (long long)s->discards[i].wall);
    buf_str(&b, blob_view(s->filter));
    if (s->open)
        buf_str(&b, blob_view(s->body));
    return blob_of_buf(&b);
}

static bool take_numbers(struct str *text, uint64_t *v, size_t count)
{
    struct str line = str_split(text, '\n');

    for (size_t i = 0; i < count; i++)
        if (!str_to_u64(str_split(&line, ' '), INT64_MAX, &v[i]))
            return false;
    return !line.p && text->p;
}

static bool take_discards(struct str *text, size_t count, struct feed_state *s)
{
    uint64_t d[3];

    if (count > LIMIT_FEED_DISCARDS)
        return false;
    s->discards = xcalloc(count + 1, sizeof *s->discards);
    while (s->discard_count < count) {
        if (!take_numbers(text, d, ARRAY_LEN(d)))
            return false;
        s->discards[s->discard_count++] = (struct feed_discard){d[0], d[1], (int64_t)d[2]};
    }
    return true;
}

static bool take_filter(struct str *text, uint64_t n, struct feed_state *s)
{
    if (n == 0 || n > text->n || text->p[n - 1] != '\0')
        return false;
    s->filter = blob_new(text->p, (size_t)n);
    *text = str_drop(*text, (size_t)n);
    return true;
}

bool feed_state_decode(struct str text, struct feed_state *ret)
{
    AUTO(feed_state_done) struct feed_state s = {0};
    bool filtered = str_starts(text, STR("2 "));
    uint64_t v[14] = {0};

    if (!take_numbers(&text, v, filtered ? 14 : 13) || v[0] != (filtered ? FILTERED : PLAIN) ||
        v[3] > 1)
        return false;
    s.at = v[1];
    s.batch = v[2];
    s.open = v[3];
    s.completed = v[4];
    s.batch_after = v[5];
    s.batch_count = (size_t)v[6];
    s.batch_wall = (int64_t)v[7];
    s.dropped = v[8];
    s.dropped_from = (int64_t)v[9];
    s.dropped_to = (int64_t)v[10];
    s.polled_wall = (int64_t)v[11];
    if (!take_discards(&text, (size_t)v[12], &s) || (filtered && !take_filter(&text, v[13], &s)))
        return false;
    /* What follows is the batch that is open. */
    if (s.open ? text.n == 0 || s.batch == 0 : text.n > 0)
        return false;
    if (s.open)
        s.body = blob_new(text.p, text.n);
    *ret = s;
    s = (struct feed_state){.at = 0};
    return true;
}

/* ---- batches ---- */

static void write_one(struct jwriter *w, const struct feed_conf *conf,
                      const struct store_noted *stored)
{
    AUTO(buf_done) struct buf type = BUF_INIT;
    struct note n;

    if (!note_decode(stored, &n))
        return;
    note_event_type(&n, &type);
    note_write(w, &n, feed_conf_event_type(conf, &type), conf->config.tenant);
}

void feed_write_notes(struct jwriter *w, const struct feed_conf *conf,
                      const struct store_noted *notes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        write_one(w, conf, &notes[i]);
}

static void write_gap(struct jwriter *w, const struct feed_state *s)
{
    char from[NOTE_TIME_LEN + 1], to[NOTE_TIME_LEN + 1];

    note_time(from, s->dropped_from);
    note_time(to, s->dropped_to);
    jw_key(w, "gap");
    jw_object(w);
    jw_key(w, "dropped");
    jw_i64(w, (int64_t)s->dropped);
    jw_key(w, "from");
    jw_strz(w, from);
    jw_key(w, "to");
    jw_strz(w, to);
    jw_object_end(w);
}

/* What stands behind the notifications takes no more than this. */
#define BATCH_END 512

struct blob *feed_batch_make(const struct feed_conf *conf, const struct feed_state *s,
                             const struct store_noted *notes, size_t *count, bool *more)
{
    AUTO(buf_done) struct buf text = BUF_INIT;
    AUTO(buf_done) struct buf one = BUF_INIT;
    struct jwriter w = jw_begin(&text);
    char id[24];

    snprintf(id, sizeof id, "%llu", (unsigned long long)s->batch);
    jw_object(&w);
    jw_key(&w, "batchId");
    jw_strz(&w, id);
    jw_key(&w, "notifications");
    jw_array(&w);
    for (size_t i = 0; i < *count; i++) {
        struct jwriter each = jw_begin(&one);

        buf_clear(&one);
        write_one(&each, conf, &notes[i]);
        if (i > 0 && text.len + one.len + BATCH_END > LIMIT_FEED_BATCH_BYTES) {
            *count = i;
            *more = true;
            break;
        }
        if (one.len)
            jw_raw(&w, buf_view(&one));
    }
    jw_array_end(&w);
    jw_key(&w, "moreAvailable");
    jw_bool(&w, *more);
    if (s->dropped)
        write_gap(&w, s);
    jw_object_end(&w);
    CHECK(jw_end(&w) == E_OK);
    return blob_of_buf(&text);
}
