#include "core/reader.h"

#include "base/clock.h"
#include "base/count.h"
#include "base/trace.h"
#include "core/reader_replay.h"
#include "core/shard.h"

/* ---- life ---- */

void reader_open(struct reader *r, struct shard *sh, struct topic_conf *conf, bool resume,
                 uint64_t after)
{
    r->hub = hub_get(sh, conf);
    r->last_seq = after;
    r->resume = r->known = resume;
    r->moved = loop_now(sh->loop);
    hub_add_reader(r->hub, r);
    reader_move(r, HUB_WAITING);
    if (r->hub->ready)
        reader_start(r);
}

static void forget_now(struct reader *r)
{
    for (size_t i = 0; i < ARRAY_LEN(r->now); i++)
        event_unrefp(&r->now[i]);
}

void reader_close(struct reader *r)
{
    if (r->closed)
        return;
    r->closed = true;
    replay_drop(r);
    list_remove(&r->link);
    forget_now(r);
    hub_drop_reader(r->hub, r);
}

void reader_move(struct reader *r, enum hub_list to)
{
    r->waiting = to == HUB_WAITING;
    if (to == HUB_STALLED)
        r->slow = true;
    else if (to == HUB_CURRENT)
        r->slow = false;
    list_remove(&r->link);
    list_append(&r->hub->lists[to], &r->link);
    if (to == HUB_DUE)
        hub_wake(r->hub);
}

static void put_now(struct reader *r, struct event *e)
{
    size_t i = r->now[0] ? 1 : 0;

    CHECK(!r->now[i]);
    r->now[i] = event_ref(e);
}

void reader_end(struct reader *r, struct event *e)
{
    r->ending = true;
    replay_drop(r);
    forget_now(r);
    put_now(r, e);
}

/* ---- the beginning ---- */

static void comment(struct reader *r, struct str text)
{
    if (r->ops->comment)
        r->ops->comment(r, text);
}

void reader_begin_at_head(struct reader *r)
{
    const struct topic_status *st = &r->hub->status;
    struct event *whole = r->mode == MODE_EVENT ? NULL : hub_whole(r->hub);

    r->pos = r->hub->ring.next;
    r->last_seq = st->seq;
    r->resume = false;
    r->known = !whole;
    if (whole)
        put_now(r, whole);
    if (st->error)
        put_now(r, st->error);
}

void reader_missed(struct reader *r)
{
    struct event *e =
        event_new_error(40400, STR("resume point no longer held"), clock_now_wall(), 0);

    put_now(r, e);
    event_unref(e);
    r->resume = false;
}

void reader_begin_afresh(struct reader *r, const char *why)
{
    AUTO(buf_done) struct buf b = BUF_INIT;

    if (r->mode == MODE_EVENT) {
        reader_missed(r);
    } else {
        buf_printf(&b, "snapshot instead of resume: %s", why);
        comment(r, buf_view(&b));
    }
    reader_begin_at_head(r);
}

void reader_resumed(struct reader *r)
{
    AUTO(buf_done) struct buf b = BUF_INIT;
    char id[EVENT_ID_MAX + 1];

    event_id_make(id, r->hub->conf->id, r->last_seq);
    buf_printf(&b, "resumed after %s", id);
    comment(r, buf_view(&b));
    r->resume = false;
    if (!r->durable)
        count_one(COUNT_channels_resumed);
}

void reader_go_on_at(struct reader *r, uint64_t pos)
{
    const struct hub *h = r->hub;

    r->pos = pos;
    /* An error of now is behind all events; the ring has it unless the hub came after it. */
    if (pos == h->ring.next && h->status.error)
        put_now(r, h->status.error);
}

/* The event of a slot in the reader's mode; NULL: it is not kept. */
static struct event *as_told(const struct reader *r, const struct hub_slot *s)
{
    if (r->mode == MODE_SNAPSHOT_PATCH || r->mode == MODE_EVENT || s->event->type == EVENT_ERROR)
        return s->event;
    return s->sides[r->mode == MODE_CHANGES ? HUB_CHANGES : HUB_WHOLE];
}

/* What the client has seen may have reached the loop that it comes from before this one: what the
 * owner answers is behind it. */
static void ask_owner(struct reader *r)
{
    r->asked = true;
    reader_move(r, HUB_WAITING);
    hub_ask(r->hub);
}

/* Is all from pos on kept as the reader's mode has it? */
static bool ring_tells(const struct reader *r, uint64_t pos)
{
    const struct hub_ring *ring = &r->hub->ring;

    for (uint64_t at = pos; r->mode == MODE_CHANGES && at < ring->next; at++) {
        if (!as_told(r, hub_ring_at(ring, at)))
            return false;
    }
    return true;
}

static void start_resumed(struct reader *r)
{
    const struct hub *h = r->hub;
    uint64_t pos;

    if (r->last_seq > h->status.seq && !r->asked) {
        ask_owner(r);
    } else if (r->last_seq > h->status.seq) {
        reader_begin_afresh(r, "no event has this id");
    } else if (r->mode == MODE_SNAPSHOT_ONLY && r->last_seq < h->status.seq) {
        reader_resumed(r);
        reader_begin_at_head(r);
    } else if (hub_ring_find(&h->ring, r->last_seq, &pos) && ring_tells(r, pos)) {
        reader_resumed(r);
        reader_go_on_at(r, pos);
    } else if (r->mode == MODE_CHANGES && r->last_seq == 0) {
        reader_begin_at_head(r);
    } else {
        replay_start(r, r->last_seq);
    }
}

void reader_start(struct reader *r)
{
    reader_move(r, HUB_DUE);
    if (r->resume)
        start_resumed(r);
    else
        reader_begin_at_head(r);
}

/* ---- taking ---- */

struct event *reader_ahead(const struct reader *r, size_t i)
{
    const struct hub_ring *ring = &r->hub->ring;
    size_t now = (r->now[0] != NULL) + (size_t)(r->now[1] != NULL);

    if (i < now)
        return r->now[i];
    if (r->ending || r->waiting)
        return NULL;
    if (r->replay)
        return replay_at(r, i - now);
    uint64_t at = r->pos + i - now;
    if (at < ring->first || at >= ring->next)
        return NULL;
    return as_told(r, hub_ring_at(ring, at));
}

/* Move past the next event of the replay or the ring. */
static void advance(struct reader *r, const struct event *e)
{
    if (e->seq)
        r->last_seq = e->seq;
    if (r->replay)
        r->replay_at++;
    else
        r->pos++;
}

void reader_take(struct reader *r)
{
    if (!r->now[0]) {
        advance(r, reader_ahead(r, 0));
        return;
    }
    if (r->now[0]->seq)
        r->known = true;
    event_unref(r->now[0]);
    r->now[0] = TAKE(r->now[1]);
}

static void skip_known(struct reader *r)
{
    const struct hub_ring *ring = &r->hub->ring;

    while (r->pos >= ring->first && r->pos < ring->next) {
        uint64_t seq = hub_ring_at(ring, r->pos)->event->seq;
        if (seq == 0 || seq > r->last_seq)
            return;
        r->pos++;
    }
}

/* In the journal, where the ring does not reach back. */
static bool reads_on(const struct reader *r)
{
    switch ((enum mode)r->mode) {
    case MODE_SNAPSHOT_PATCH:
        return r->durable;
    case MODE_EVENT:
        return r->durable || !r->slow;
    case MODE_CHANGES:
        return r->last_seq > 0;
    case MODE_SNAPSHOT_ONLY:
    case MODE_COUNT:
        break;
    }
    return false;
}

static void fall(struct reader *r)
{
    trace(channel, "%s: too far behind at %llu", r->hub->conf->name,
          (unsigned long long)r->last_seq);
    if (reads_on(r)) {
        replay_start(r, r->last_seq);
    } else if (r->mode == MODE_EVENT) {
        r->ops->lost(r);
    } else {
        count_one(COUNT_channels_skipped);
        reader_begin_at_head(r);
    }
}

bool reader_settle(struct reader *r)
{
    while (!r->ending && !r->now[0]) {
        while (r->replay && !r->waiting && !replay_at(r, 0))
            replay_finish(r);
        if (r->waiting)
            return false;
        if (r->replay || r->now[0])
            return true;
        skip_known(r);
        if (r->pos >= r->hub->ring.next || reader_ahead(r, 0))
            return true;
        fall(r);
        if (!r->replay)
            return !r->closed;
    }
    return true;
}

bool reader_has_more(const struct reader *r)
{
    return r->now[0] || (!r->ending && (r->replay || r->pos < r->hub->ring.next));
}
