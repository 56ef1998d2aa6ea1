#include "core/feed_state.h"

#include "core/limits.h"

void feed_state_done(struct feed_state *s)
{
    blob_unrefp(&s->body);
    free(s->discards);
    s->discards = NULL;
    s->discard_count = 0;
}

struct feed_state feed_state_copy(const struct feed_state *s)
{
    struct feed_state copy = *s;

    copy.body = s->body ? blob_ref(s->body) : NULL;
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

/* ---- the text: a line of numbers, a line per discard, and the bytes of the batch ---- */

struct blob *feed_state_encode(const struct feed_state *s)
{
    AUTO(buf_done) struct buf b = BUF_INIT;

    buf_printf(&b, "1 %llu %llu %d %llu %llu %zu %lld %llu %lld %lld %lld %zu\n",
               (unsigned long long)s->at, (unsigned long long)s->batch, s->open,
               (unsigned long long)s->completed, (unsigned long long)s->batch_after, s->batch_count,
               (long long)s->batch_wall, (unsigned long long)s->dropped, (long long)s->dropped_from,
               (long long)s->dropped_to, (long long)s->polled_wall, s->discard_count);
    for (size_t i = 0; i < s->discard_count; i++)
        buf_printf(&b, "%llu %llu %lld\n", (unsigned long long)s->discards[i].after,
                   (unsigned long long)s->discards[i].up_to, (long long)s->discards[i].wall);
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

bool feed_state_decode(struct str text, struct feed_state *ret)
{
    AUTO(feed_state_done) struct feed_state s = {0};
    uint64_t v[13], d[3];

    if (!take_numbers(&text, v, ARRAY_LEN(v)) || v[0] != 1 || v[3] > 1 ||
        v[12] > LIMIT_FEED_DISCARDS)
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
    s.discards = xcalloc((size_t)v[12] + 1, sizeof *s.discards);
    while (s.discard_count < v[12]) {
        if (!take_numbers(&text, d, ARRAY_LEN(d)))
            return false;
        s.discards[s.discard_count++] = (struct feed_discard){d[0], d[1], (int64_t)d[2]};
    }
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

struct blob *feed_batch_make(const struct feed_conf *conf, const struct feed_state *s,
                             const struct store_noted *notes, size_t count, bool more)
{
    AUTO(buf_done) struct buf text = BUF_INIT;
    struct jwriter w = jw_begin(&text);
    char id[24];

    snprintf(id, sizeof id, "%llu", (unsigned long long)s->batch);
    jw_object(&w);
    jw_key(&w, "batchId");
    jw_strz(&w, id);
    jw_key(&w, "notifications");
    jw_array(&w);
    feed_write_notes(&w, conf, notes, count);
    jw_array_end(&w);
    jw_key(&w, "moreAvailable");
    jw_bool(&w, more);
    if (s->dropped)
        write_gap(&w, s);
    jw_object_end(&w);
    CHECK(jw_end(&w) == E_OK);
    return blob_of_buf(&text);
}
