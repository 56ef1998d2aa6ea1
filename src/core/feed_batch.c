/*
 * Making the next batch: notes are gathered in slices until there is one more than the batch takes, for
 * that one is what `moreAvailable` tells; then the batch is made durable, and given.
 */
#include "core/feed_impl.h"

#include "base/count.h"
#include "core/limits.h"

/* Notes looked at by one operation of the store, so that commits come between. */
#define SCAN 5000

void feed_batch_forget(struct feed_consumer *c)
{
    for (size_t i = 0; i < c->gathered_count; i++) {
        blob_unref(c->gathered[i].label);
        blob_unref(c->gathered[i].body);
    }
    free(TAKE(c->gathered));
    c->gathered_count = c->gathered_bytes = 0;
}

static size_t wanted(const struct feed_consumer *c)
{
    return c->current->max ? c->current->max : (size_t)c->feed->conf->config.batch_size;
}

static void set_filter(struct feed_state *s, struct blob *filter)
{
    blob_unref(s->filter);
    s->filter = filter ? blob_ref(filter) : NULL;
}

static void on_opened(struct feed_consumer *c, enum err err, const struct errinfo *ei)
{
    feed_batch_forget(c);
    if (err != E_OK) {
        feed_answer(c->current, err, ei);
        return;
    }
    c->clear_to = c->gathered_up_to;
    c->deliveries = 0;
    c->lease_until = 0;
    count_one(COUNT_feed_batches);
    feed_give(c, c->current);
}

/* The first `count` of what was gathered, or as many of them as fit. */
static void open_batch(struct feed_consumer *c, size_t count, bool more)
{
    struct feed_state s = feed_state_copy(&c->state);

    /* They grow, and look like what the first of such feeds gave: milliseconds. */
    s.batch = MAX(s.batch + 1, (uint64_t)(clock_now_wall() / US_PER_MS));
    blob_unref(s.body);
    s.body = feed_batch_make(c->wish->conf, &s, c->gathered, &count, &more);
    set_filter(&s, c->wish->filter);
    s.at = c->gathered[count - 1].num;
    s.open = true;
    s.completed = 0;
    s.batch_after = c->gathered[0].num - 1;
    s.batch_count = count;
    s.batch_wall = c->gathered[0].time_wall;
    s.dropped = 0;
    if (more)
        c->gathered_up_to = c->gathered[count].num - 1;
    c->ahead = more;
    c->next = s;
    feed_save(c, on_opened);
}

/* Where the filter could not be stored, the next request tries it again. */
static void on_filtered(struct feed_consumer *c, enum err err, const struct errinfo *ei)
{
    (void)err;
    (void)ei;
    feed_nothing(c, c->current);
}

/* Nothing is there for it. What it asks for is known after a restart all the same. */
static void find_nothing(struct feed_consumer *c)
{
    if (str_eq(blob_view(c->state.filter), blob_view(c->wish->filter))) {
        feed_nothing(c, c->current);
        return;
    }
    c->next = feed_state_copy(&c->state);
    set_filter(&c->next, c->wish->filter);
    feed_save(c, on_filtered);
}

static void gather(struct feed_consumer *c);

/* What was read moves over. */
static void take(struct feed_consumer *c)
{
    size_t all = c->gathered_count + c->read.count;

    c->gathered = xrealloc(c->gathered, MAX(all, (size_t)1) * sizeof *c->gathered);
    for (size_t i = 0; i < c->read.count; i++) {
        c->gathered[c->gathered_count++] = c->read.notes[i];
        c->gathered_bytes += c->read.notes[i].body->len;
    }
    free(TAKE(c->read.notes));
    c->read.count = 0;
    c->gathered_up_to = c->read.scanned;
}

static void on_gathered(struct feed_consumer *c, enum err err, const struct errinfo *ei)
{
    if (err != E_OK) {
        feed_batch_forget(c);
        feed_answer(c->current, err, ei);
        return;
    }
    take(c);
    size_t n = c->gathered_count;
    if (n > wanted(c) || (n > 1 && c->gathered_bytes >= LIMIT_FEED_BATCH_BYTES)) {
        open_batch(c, n - 1, true);
    } else if (!c->read.ended) {
        gather(c);
    } else if (n > 0) {
        open_batch(c, n, false);
    } else {
        c->clear_to = MAX(c->clear_to, c->gathered_up_to);
        find_nothing(c);
    }
}

static void gather(struct feed_consumer *c)
{
    c->read.after = c->gathered_up_to;
    c->read.up_to = 0;
    c->read.until_wall = 0;
    c->read.max_notes = wanted(c) + 1 - c->gathered_count;
    c->read.max_bytes =
        c->gathered_bytes < LIMIT_FEED_BATCH_BYTES ? LIMIT_FEED_BATCH_BYTES - c->gathered_bytes : 1;
    c->read.max_scan = SCAN;
    c->read.count_only = false;
    feed_read(c, on_gathered);
}

void feed_batch_begin(struct feed_consumer *c)
{
    feed_batch_forget(c);
    c->gathered_up_to = feed_position(c);
    if (store_notes_head(c->shard->engine->store) <= c->gathered_up_to)
        find_nothing(c);
    else
        gather(c);
}
