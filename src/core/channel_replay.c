#include "core/channel_replay.h"

#include "base/trace.h"
#include "core/limits.h"
#include "core/shard.h"

/* Times that a channel reads the journal again because the ring has moved on meanwhile. */
#define REPLAY_ROUNDS 3

struct replay {
    struct store_read read;
    struct list link; /* on hub->replays */
    struct hub *hub;  /* NULL: gone */
    unsigned refs;    /* channels */
    bool reading;
    enum err err;
    bool exact, more;
    uint64_t after;
    uint64_t end_seq; /* all from after to this is in events */
    struct event **events;
    size_t count;
};

/* ---- life ---- */

static void replay_free(struct replay *r)
{
    list_remove(&r->link);
    for (size_t i = 0; i < r->count; i++)
        event_unref(r->events[i]);
    free(r->events);
    free(r);
}

void replay_drop(struct channel *c)
{
    struct replay *r = TAKE(c->replay);

    if (r && --r->refs == 0 && !r->reading)
        replay_free(r);
}

void replay_hub_gone(struct hub *h)
{
    struct list *n;

    /* Without channels there are only those that are still being read. */
    while ((n = list_pop(&h->replays)))
        LIST_ITEM(n, struct replay, link)->hub = NULL;
}

/* ---- reading ---- */

static void take_up(struct channel *c);

static void keep_answer(struct replay *r)
{
    struct store_read *read = &r->read;

    r->err = read->op.err;
    if (r->err != E_OK)
        return;
    r->exact = read->exact;
    r->more = read->more;
    r->end_seq = r->after;
    if (r->hub) {
        r->events = xcalloc(read->count, sizeof(struct event *));
        r->count = read->count;
    }
    for (size_t i = 0; i < r->count; i++) {
        const struct store_event *e = &read->events[i];
        r->events[i] =
            event_new(r->hub->conf->id, (enum event_type)e->type, e->seq, e->time_wall, e->body);
        r->end_seq = e->seq;
    }
    if (!r->more)
        r->end_seq = MAX(r->end_seq, read->head);
    store_read_done(read);
}

static void on_read(struct store_op *op)
{
    struct replay *r = CONTAINER_OF(op, struct replay, read.op);

    r->reading = false;
    keep_answer(r);
    r->refs++;
    if (r->hub) {
        trace(channel, "%s: %zu events after %llu from the journal", r->hub->conf->name, r->count,
              (unsigned long long)r->after);
        LIST_EACH_SAFE (n, &r->hub->lists[HUB_WAITING]) {
            struct channel *c = LIST_ITEM(n, struct channel, link);
            if (c->replay == r)
                take_up(c);
        }
    }
    if (--r->refs == 0)
        replay_free(r);
}

static struct replay *replay_new(struct hub *h, uint64_t after)
{
    struct replay *r = xcalloc(1, sizeof *r);

    r->hub = h;
    r->after = after;
    r->reading = true;
    r->read.op.reply = h->shard->loop;
    r->read.op.done = on_read;
    r->read.topic = h->conf->num;
    r->read.after = after;
    r->read.max_events = LIMIT_REPLAY_EVENTS;
    r->read.max_bytes = LIMIT_REPLAY_BYTES;
    list_append(&h->replays, &r->link);
    store_read(h->shard->engine->store, &r->read);
    return r;
}

/* Index of what follows `after`; false if it is no point of the replay. */
static bool index_after(const struct replay *r, uint64_t after, size_t *ret)
{
    size_t low = 0, high = r->count;

    while (low < high) {
        size_t mid = (low + high) / 2;
        if (r->events[mid]->seq <= after)
            low = mid + 1;
        else
            high = mid;
    }
    if (low > 0 ? r->events[low - 1]->seq != after : r->after != after)
        return false;
    *ret = low;
    return true;
}

static bool is_whole(const struct replay *r)
{
    return r->err == E_OK && r->exact && !r->more;
}

/* One that has, or may turn out to have, all after `after`. */
static struct replay *find_shared(struct hub *h, uint64_t after)
{
    size_t index;

    LIST_EACH (n, &h->replays) {
        struct replay *r = LIST_ITEM(n, struct replay, link);
        if (r->reading
                ? r->after <= after
                : is_whole(r) && r->end_seq >= h->ring.base_seq && index_after(r, after, &index))
            return r;
    }
    return NULL;
}

static void wait_for(struct channel *c, struct replay *r)
{
    r->refs++;
    c->replay = r;
    channel_move(c, HUB_WAITING);
    if (!r->reading)
        take_up(c);
}

void replay_start(struct channel *c, uint64_t after)
{
    struct replay *r = find_shared(c->hub, after);

    c->last_seq = after;
    wait_for(c, r ? r : replay_new(c->hub, after));
}

/* ---- use ---- */

/* Why the replay cannot be told from index on; NULL: it can. */
static const char *refusal(const struct channel *c, const struct replay *r, size_t index)
{
    const struct blob *document = c->hub->status.document;
    size_t bytes = 0;

    if (c->mode == MODE_EVENT)
        return NULL; /* piece by piece, and there is no other way to say it */
    if (r->more)
        return "too much was missed";
    for (size_t i = index; i < r->count; i++)
        bytes += r->events[i]->head_len + r->events[i]->body->len;
    return document && bytes > document->len ? "it is shorter than what was missed" : NULL;
}

static void take_up(struct channel *c)
{
    struct replay *r = c->replay;
    uint64_t after = c->last_seq;
    const char *why = NULL;
    size_t index = 0;

    if (r->err != E_OK)
        why = "the journal cannot be read";
    else if (r->after != after && (!is_whole(r) || !index_after(r, after, &index))) {
        /* What was read for another does not tell. */
        struct hub *h = c->hub;
        replay_drop(c);
        wait_for(c, replay_new(h, after));
        return;
    } else if (!r->exact)
        why = "what followed is not held any more";
    else
        why = refusal(c, r, index);
    channel_move(c, HUB_DUE);
    if (why) {
        replay_drop(c);
        channel_begin_afresh(c, why);
        return;
    }
    c->replay_at = (uint32_t)index;
    if (index < r->count && c->mode == MODE_EVENT)
        c->rounds = 0;
    if (c->resume)
        channel_resumed(c);
}

struct event *replay_at(const struct channel *c, size_t ahead)
{
    const struct replay *r = c->replay;

    return c->replay_at + ahead < r->count ? r->events[c->replay_at + ahead] : NULL;
}

void replay_finish(struct channel *c)
{
    const struct hub *h = c->hub;
    uint64_t pos;

    c->last_seq = MAX(c->last_seq, c->replay->end_seq);
    replay_drop(c);
    if (hub_ring_after(&h->ring, c->last_seq, &pos))
        channel_go_on_at(c, pos);
    else if (c->rounds++ < REPLAY_ROUNDS)
        replay_start(c, c->last_seq);
    else
        channel_begin_afresh(c, "the topic changes too fast");
}
