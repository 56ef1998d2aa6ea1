/*
 * Looking at a feed without changing it: how a consumer stands, and what was discarded. Done in slices
 * beside all else, with a wish of its own, so that nobody waits for it.
 */
#include "core/feed_impl.h"

#include "base/duration.h"
#include "core/limits.h"

#define SCAN 20000

struct look {
    struct store_notes read;
    struct feed_ask *ask;
    struct feed_wish *wish;
    struct shard *shard;
    struct feed_state state;
    char *name;
    uint64_t queued;
    int64_t oldest_wall;
    struct buf consumers; /* of the feed's own stats: the names of all others, as JSON */
    /* of the archive */
    size_t place; /* in state.discards */
    size_t listed;
    struct buf text;
    struct jwriter w;
};

static void look_free(struct look *l)
{
    store_notes_done(&l->read);
    l->shard->feeds->busy--;
    feed_wish_unref(l->wish);
    feed_state_done(&l->state);
    buf_done(&l->text);
    buf_done(&l->consumers);
    free(l->name);
    free(l);
}

static void put_time(struct jwriter *w, const char *key, int64_t wall)
{
    char text[NOTE_TIME_LEN + 1];

    note_time(text, wall);
    jw_key(w, key);
    jw_strz(w, text);
}

static void finish(struct look *l, enum err err, const struct errinfo *ei)
{
    struct feed_ask *a = l->ask;

    if (err == E_OK) {
        CHECK(jw_end(&l->w) == E_OK);
        a->found = true;
        a->body = blob_of_buf(&l->text);
    }
    feed_answer(a, err, ei);
    look_free(l);
}

/* ---- how it stands ---- */

static void put_batch(struct jwriter *w, const struct feed_state *s)
{
    char id[24];

    snprintf(id, sizeof id, "%llu", (unsigned long long)s->batch);
    jw_key(w, "batch");
    jw_object(w);
    jw_key(w, "batchId");
    jw_strz(w, id);
    jw_key(w, "notifications");
    jw_i64(w, (int64_t)s->batch_count);
    jw_object_end(w);
}

static void name_consumers(struct look *l, const struct feed *f)
{
    struct jwriter w = jw_begin(&l->consumers);

    jw_array(&w);
    LIST_EACH (n, &f->consumers) {
        const struct feed_consumer *c = LIST_ITEM(n, struct feed_consumer, link);

        if (c->name[0])
            jw_strz(&w, c->name);
    }
    jw_array_end(&w);
    CHECK(jw_end(&w) == E_OK);
}

static void put_stats(struct look *l)
{
    struct jwriter *w = &l->w;
    int64_t oldest = l->state.open ? l->state.batch_wall : l->oldest_wall;
    uint64_t queued = l->queued + (l->state.open ? l->state.batch_count : 0);

    jw_object(w);
    jw_key(w, "feed");
    jw_strz(w, l->wish->conf->config.id);
    jw_key(w, "consumer");
    jw_strz(w, l->name[0] ? l->name : NULL);
    jw_key(w, "queued");
    jw_i64(w, (int64_t)queued);
    if (queued) {
        AUTO(buf_done) struct buf lag = BUF_INIT;

        put_time(w, "oldest", oldest);
        duration_format(&lag, MAX(clock_now_wall() - oldest, 0) / US_PER_MS * US_PER_MS);
        jw_key(w, "lag");
        jw_str(w, buf_view(&lag));
    }
    if (l->state.open)
        put_batch(w, &l->state);
    jw_key(w, "sequence");
    jw_i64(w, (int64_t)l->state.at);
    jw_key(w, "head");
    jw_i64(w, (int64_t)store_notes_head(l->shard->engine->store));
    if (l->consumers.len) {
        jw_key(w, "consumers");
        jw_raw(w, buf_view(&l->consumers));
    }
    jw_object_end(w);
}

static void count_on(struct look *l);

static void counted(struct look *l)
{
    if (!l->queued)
        l->oldest_wall = l->read.oldest_wall;
    l->queued += l->read.count;
    l->read.after = l->read.scanned;
    if (!l->read.ended) {
        count_on(l);
        return;
    }
    put_stats(l);
    finish(l, E_OK, NULL);
}

/* ---- the archive ---- */

static void put_discard(struct look *l, const struct feed_discard *d)
{
    struct jwriter *w = &l->w;

    jw_object(w);
    put_time(w, "discarded", d->wall);
    jw_key(w, "sequence");
    jw_i64(w, (int64_t)l->read.scanned);
    jw_key(w, "notifications");
    jw_array(w);
    feed_write_notes(w, l->wish->conf, l->read.notes, l->read.count);
    jw_array_end(w);
    jw_object_end(w);
}

static void list_on(struct look *l);

static void listed(struct look *l)
{
    const struct feed_discard *d = &l->state.discards[l->place];

    if (l->read.count)
        put_discard(l, d);
    l->listed += l->read.count;
    if (l->read.ended)
        l->place++;
    l->read.after = l->read.scanned;
    list_on(l);
}

static void list_end(struct look *l, bool more)
{
    jw_array_end(&l->w);
    jw_key(&l->w, "more");
    jw_bool(&l->w, more);
    jw_object_end(&l->w);
    finish(l, E_OK, NULL);
}

/* ---- both ---- */

static void on_read(struct store_op *op)
{
    struct look *l = CONTAINER_OF(op, struct look, read.op);

    if (op->err != E_OK)
        finish(l, op->err, &op->info);
    else if (l->ask->call == FEED_STATS)
        counted(l);
    else
        listed(l);
}

static void read_on(struct look *l)
{
    store_notes_done(&l->read);
    l->read.op.reply = l->shard->loop;
    l->read.op.done = on_read;
    l->read.wanted = feed_wish_wants;
    l->read.arg = l->wish;
    l->read.max_scan = SCAN;
    store_notes(l->shard->engine->store, &l->read);
}

static void count_on(struct look *l)
{
    l->read.count_only = true;
    read_on(l);
}

static void list_on(struct look *l)
{
    while (l->place < l->state.discard_count &&
           MAX(l->read.after, l->state.discards[l->place].after) >=
               l->state.discards[l->place].up_to)
        l->place++;
    if (l->place == l->state.discard_count || l->listed >= l->ask->limit) {
        list_end(l, l->place < l->state.discard_count);
        return;
    }
    l->read.after = MAX(l->read.after, l->state.discards[l->place].after);
    l->read.up_to = l->state.discards[l->place].up_to;
    l->read.max_notes = l->ask->limit - l->listed;
    l->read.max_bytes = LIMIT_FEED_BATCH_BYTES;
    read_on(l);
}

void feed_look(struct feed_consumer *c, struct feed_ask *a)
{
    struct look *l = xcalloc(1, sizeof *l);

    c->asked--;
    a->consumer_ = NULL; /* it need not be there to the end */
    l->ask = a;
    l->shard = c->shard;
    l->name = xstrdup(c->name);
    l->state = feed_state_copy(&c->state);
    feed_wish_renew(c);
    l->wish = a->call == FEED_STATS ? feed_wish_ref(c->wish) : feed_wish_new(c->feed->conf, NULL);
    l->w = jw_begin(&l->text);
    c->shard->feeds->busy++;
    if (a->call == FEED_STATS) {
        if (!c->name[0])
            name_consumers(l, c->feed);
        l->read.after = feed_position(c);
        count_on(l);
        return;
    }
    l->read.after = a->sequence;
    jw_object(&l->w);
    jw_key(&l->w, "discards");
    jw_array(&l->w);
    list_on(l);
}
