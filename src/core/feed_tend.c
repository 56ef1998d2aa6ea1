/*
 * What feeds do of themselves, now and then: notifications that nobody polled for too long are dropped,
 * notes that a consumer does not want are passed over, discards that are old enough are forgotten; and
 * the store is told which notes nobody needs.
 */
#include "core/feed_impl.h"

#include "base/count.h"
#include "base/log.h"

#define TEND_US US_PER_S
/* Notes looked at for one consumer at a time. */
#define SCAN 20000
/* Its last poll is stored when it is so much newer than the one that is. */
#define SAVE_PART 8

static int64_t retention(const struct feed_consumer *c)
{
    return feed_conf_retention(c->feed->conf);
}

/* ---- dropping ---- */

static void on_dropped(struct feed_consumer *c, enum err err, const struct errinfo *ei)
{
    if (err != E_OK) {
        log_warn("what a feed drops cannot be stored", LOG_S("feed", c->feed->conf->config.id),
                 LOG_S("why", err_text(ei, err)));
        return;
    }
    c->clear_to = MAX(c->clear_to, c->state.at);
    c->ahead = false;
}

static void on_too_old(struct feed_consumer *c, enum err err, const struct errinfo *ei)
{
    (void)ei;
    if (err != E_OK || c->read.scanned <= c->state.at)
        return;
    if (!c->read.count) {
        c->clear_to = MAX(c->clear_to, c->read.scanned);
        return;
    }
    c->next = feed_state_copy(&c->state);
    if (!c->next.dropped)
        c->next.dropped_from = c->read.oldest_wall;
    c->next.dropped += c->read.count;
    c->next.dropped_to = c->read.newest_wall;
    c->next.at = c->read.scanned;
    count_add(COUNT_feed_dropped, (int64_t)c->read.count);
    log_warn("a feed that nobody polls drops its oldest notifications",
             LOG_S("feed", c->feed->conf->config.id), LOG_S("consumer", c->name),
             LOG_I("dropped", (int64_t)c->read.count));
    feed_save(c, on_dropped);
}

/* ---- passing over ---- */

static void on_looked(struct feed_consumer *c, enum err err, const struct errinfo *ei)
{
    (void)ei;
    if (err != E_OK)
        return;
    if (c->read.count)
        c->ahead = true;
    else
        c->clear_to = MAX(c->clear_to, c->read.scanned);
}

static void look(struct feed_consumer *c, int64_t until_wall, size_t max, feed_then_f *then)
{
    feed_wish_renew(c);
    store_notes_done(&c->read);
    c->read.after = feed_position(c);
    c->read.up_to = 0;
    c->read.until_wall = until_wall;
    c->read.max_notes = max;
    c->read.max_bytes = 0;
    c->read.max_scan = SCAN;
    c->read.count_only = true;
    feed_read(c, then);
}

/* ---- one consumer ---- */

static void on_noted(struct feed_consumer *c, enum err err, const struct errinfo *ei)
{
    (void)c;
    (void)err; /* the next time */
    (void)ei;
}

static bool save_is_due(const struct feed_consumer *c)
{
    return c->polled_wall - c->state.polled_wall > MAX(retention(c) / SAVE_PART, US_PER_S);
}

static void save_polled(struct feed_consumer *c)
{
    c->next = feed_state_copy(&c->state);
    (void)feed_state_expire(&c->next, clock_now_wall() - retention(c));
    feed_save(c, on_noted);
}

static bool has_old_discards(const struct feed_consumer *c, int64_t now_wall)
{
    return c->state.discard_count && c->state.discards[0].wall < now_wall - retention(c);
}

static void tend(struct feed_consumer *c, int64_t now_wall, uint64_t head)
{
    if (c->then || !list_empty(&c->asks) || !c->num)
        return;
    if (!list_empty(&c->idle))
        c->polled_wall = now_wall;
    if (has_old_discards(c, now_wall) || save_is_due(c))
        save_polled(c);
    else if (now_wall - c->polled_wall > retention(c) && feed_position(c) < head)
        look(c, now_wall - retention(c), 0, on_too_old);
    else if (!c->ahead && feed_position(c) < head && list_empty(&c->idle))
        look(c, 0, 1, on_looked);
}

/* ---- what is needed no more ---- */

static uint64_t held_by(const struct feed_consumer *c)
{
    uint64_t hold = c->state.open ? MIN(c->state.batch_after, feed_position(c)) : feed_position(c);

    return c->state.discard_count ? MIN(hold, c->state.discards[0].after) : hold;
}

static uint64_t held_here(const struct feeds *fs, uint64_t head)
{
    struct feed *f;
    uint64_t hold = head;

    for (size_t i = 0; (f = map_next(&fs->running, &i));) {
        LIST_EACH (n, &f->consumers)
            hold = MIN(hold, held_by(LIST_ITEM(n, struct feed_consumer, link)));
    }
    return hold;
}

static void on_trimmed(struct store_op *op)
{
    CONTAINER_OF(op, struct feeds, trim.op)->trimming = false;
}

/* On the first loop. What the others hold is as of their last turn: they hold less since, if at all. */
static void trim(struct shard *sh, struct feeds *fs)
{
    uint64_t hold = UINT64_MAX;

    for (unsigned i = 0; i < sh->engine->shard_count; i++)
        hold = MIN(hold, atomic_load(&sh->engine->shards[i]->feeds->hold));
    if (hold == fs->trimmed || fs->trimming)
        return;
    fs->trimmed = hold;
    fs->trimming = true;
    fs->trim.op.reply = sh->loop;
    fs->trim.op.done = on_trimmed;
    fs->trim.up_to = hold;
    store_notes_trim(sh->engine->store, &fs->trim);
}

void feed_on_tend(struct timer *t, void *arg)
{
    struct shard *sh = arg;
    struct feeds *fs = sh->feeds;
    /* In this order: what is queued after it is held. */
    uint64_t head = store_notes_head(sh->engine->store);
    int64_t now_wall = clock_now_wall();
    struct feed *f;

    for (size_t i = 0; (f = map_next(&fs->running, &i));) {
        LIST_EACH (n, &f->consumers)
            tend(LIST_ITEM(n, struct feed_consumer, link), now_wall, head);
    }
    atomic_store(&fs->hold, held_here(fs, head));
    if (sh->index == 0)
        trim(sh, fs);
    timer_set(sh->loop, t, loop_now(sh->loop) + TEND_US);
}
