/*
 * Writing of channels: frames go out from where they are, as many as are due in one call. A frame
 * that was begun is always finished: it is kept in now[0] (or line) with the offset, so the ring
 * may move on meanwhile.
 */
#include "base/count.h"
#include "base/trace.h"
#include "core/channel.h"
#include "core/channel_replay.h"
#include "core/limits.h"
#include "core/shard.h"
#include "io/sse_frame.h"

#define EVENT_IOV 4
#define TAIL_LEN (sizeof SSE_FRAME_TAIL - 1)
#define SUBSCRIPTION "\"subscriptionId\":\"%s\","
#define SUBSCRIPTION_LEN (sizeof SUBSCRIPTION - 1 - 2 + CHANNEL_ID_LEN)

struct gather {
    struct iovec v[LIMIT_CHANNEL_IOV];
    int n;
    size_t bytes;
    size_t skip; /* bytes of the first frame that were written before */
    char subscription[SUBSCRIPTION_LEN + 1];
};

/* ---- what is next ---- */

/* The ith event to be written, or NULL. Behind the end of a replay nothing is known yet, nor where
 * the ring has moved on too far. */
static struct event *event_ahead(const struct channel *c, size_t i)
{
    const struct hub_ring *r = &c->hub->ring;
    size_t now = (c->now[0] != NULL) + (size_t)(c->now[1] != NULL);

    if (i < now)
        return c->now[i];
    if (c->ending)
        return NULL;
    if (c->replay)
        return replay_at(c, i - now);
    uint64_t at = c->pos + i - now;
    if (at < r->first || at >= r->next)
        return NULL;
    const struct hub_slot *s = hub_ring_at(r, at);
    return c->mode == MODE_SNAPSHOT_ONLY && s->event->type != EVENT_ERROR ? s->whole : s->event;
}

static size_t frame_size(const struct event *e)
{
    return e->head_len + (e->type == EVENT_ERROR ? SUBSCRIPTION_LEN : 0) + e->body->len + TAIL_LEN;
}

/* Move past the next event of the replay or the ring. */
static void advance(struct channel *c, const struct event *e)
{
    if (e->seq)
        c->last_seq = e->seq;
    if (c->replay)
        c->replay_at++;
    else
        c->pos++;
}

/* ---- out of the ring ---- */

static void skip_known(struct channel *c)
{
    const struct hub_ring *r = &c->hub->ring;

    while (c->pos >= r->first && c->pos < r->next) {
        uint64_t seq = hub_ring_at(r, c->pos)->event->seq;
        if (seq == 0 || seq > c->last_seq)
            return;
        c->pos++;
    }
}

static void fall(struct channel *c)
{
    trace(channel, "%s: too far behind at %llu", c->hub->conf->name,
          (unsigned long long)c->last_seq);
    if (c->mode == MODE_EVENT) {
        count_one(COUNT_channels_slow_closed);
        channel_close(c);
        return;
    }
    count_one(COUNT_channels_skipped);
    channel_begin_at_head(c);
}

/* If no frame is under way: find out where the next one comes from. False: there is nothing to
 * write now, the channel waits or is closed. */
static bool settle(struct channel *c)
{
    if (c->ending || c->now[0] || c->offset > 0)
        return true;
    while (c->replay && !c->waiting && !replay_at(c, 0))
        replay_finish(c);
    if (c->waiting)
        return false;
    if (c->replay || c->now[0])
        return true;
    skip_known(c);
    if (c->pos < c->hub->ring.next && !event_ahead(c, 0))
        fall(c);
    return !c->closed;
}

/* ---- gathering ---- */

static void put(struct gather *g, const void *p, size_t n)
{
    size_t skip = MIN(g->skip, n);

    g->skip -= skip;
    if (skip == n)
        return;
    g->v[g->n++] = (struct iovec){(char *)(uintptr_t)p + skip, n - skip};
    g->bytes += n - skip;
}

static void put_subscription(struct gather *g, const struct channel *c)
{
    char id[CHANNEL_ID_LEN + 1];

    channel_id_text(c, id);
    snprintf(g->subscription, sizeof g->subscription, SUBSCRIPTION, id);
    put(g, g->subscription, SUBSCRIPTION_LEN);
}

static void put_event(struct gather *g, const struct channel *c, const struct event *e)
{
    put(g, e->head, e->head_len);
    if (e->type == EVENT_ERROR)
        put_subscription(g, c);
    put(g, e->body->p, e->body->len);
    put(g, SSE_FRAME_TAIL, TAIL_LEN);
}

static void gather(struct gather *g, const struct channel *c)
{
    struct event *e;

    g->n = 0;
    g->bytes = 0;
    g->skip = c->offset;
    if (c->line)
        put(g, c->line->p, c->line->len);
    for (size_t i = 0; g->n + EVENT_IOV <= LIMIT_CHANNEL_IOV && (e = event_ahead(c, i)); i++)
        put_event(g, c, e);
}

/* ---- what was written ---- */

static void line_written(struct channel *c)
{
    if (c->beat)
        count_one(COUNT_heartbeats);
    c->beat = false;
    blob_unrefp(&c->line);
}

static void event_written(struct channel *c, const struct event *e)
{
    count_one(COUNT_deliveries);
    if (!c->now[0]) {
        advance(c, e);
        return;
    }
    event_unref(c->now[0]);
    c->now[0] = TAKE(c->now[1]);
}

/* A frame of the ring or a replay was begun: keep it. */
static void pin(struct channel *c)
{
    if (c->line || c->now[0])
        return;
    struct event *e = event_ahead(c, 0);
    c->now[0] = event_ref(e);
    advance(c, e);
}

static void written(struct channel *c, size_t n)
{
    count_add(COUNT_delivery_bytes, (int64_t)n);
    while (n > 0) {
        struct event *e = c->line ? NULL : event_ahead(c, 0);
        size_t left = (e ? frame_size(e) : c->line->len) - c->offset;
        if (n < left) {
            c->offset += n;
            pin(c);
            return;
        }
        n -= left;
        c->offset = 0;
        if (e)
            event_written(c, e);
        else
            line_written(c);
    }
}

/* ---- one write ---- */

static void drop_beat(struct channel *c)
{
    if (!c->beat || c->offset > 0 || !event_ahead(c, 0))
        return;
    blob_unrefp(&c->line);
    c->beat = false;
}

/* Nothing is left to write. */
static void rest(struct channel *c)
{
    int64_t heartbeat_us = c->hub->shard->engine->conf->sse_heartbeat_us;

    if (!c->ending) {
        channel_move(c, HUB_CURRENT);
        if (c->probe) {
            /* To the front, as if silent for long: the next tick writes to it. */
            c->probe = false;
            c->moved -= heartbeat_us - heartbeat_us / 8;
            list_remove(&c->link);
            list_prepend(&c->hub->lists[HUB_CURRENT], &c->link);
        }
    } else if (c->half_closed) {
        channel_close(c);
    } else {
        c->ended = true;
        channel_move(c, HUB_ENDING);
        stream_shutdown(&c->stream);
    }
}

static bool has_more(const struct channel *c)
{
    return c->now[0] || (!c->ending && (c->replay || c->pos < c->hub->ring.next));
}

void channel_flush(struct channel *c)
{
    struct gather g;

    if (!settle(c))
        return;
    drop_beat(c);
    gather(&g, c);
    if (g.n == 0) {
        rest(c);
        return;
    }
    ssize_t n = stream_writev(&c->stream, g.v, g.n);
    if (n < 0) {
        channel_close(c);
        return;
    }
    if (n > 0) {
        c->moved = loop_now(c->hub->shard->loop);
        written(c, (size_t)n);
    }
    if ((size_t)n < g.bytes)
        channel_move(c, HUB_STALLED);
    else if (has_more(c))
        channel_move(c, HUB_DUE);
    else
        rest(c);
}

void channel_beat(struct channel *c)
{
    if (!c->line && !c->now[0] && !c->ending) {
        c->line = blob_ref(hub_beat(c->hub));
        c->beat = true;
    }
    channel_move(c, HUB_DUE);
}
