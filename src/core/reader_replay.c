#include "core/reader_replay.h"

#include "base/trace.h"
#include "core/document.h"
#include "core/limits.h"
#include "core/shard.h"

/* Times that a reader asks the journal again because the ring has moved on meanwhile. */
#define REPLAY_ROUNDS 3

struct replay {
    union {
        struct store_read read;
        struct store_load load; /* for mode changes: the document at `after` */
    };
    struct list link; /* on hub->replays */
    struct hub *hub;  /* NULL: gone */
    unsigned refs;    /* readers */
    bool changes;     /* for mode changes: one event, of all that changed */
    bool reading;
    enum err err;
    bool exact, whole, more;
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

void replay_drop(struct reader *rd)
{
    struct replay *r = TAKE(rd->replay);

    if (r && --r->refs == 0 && !r->reading)
        replay_free(r);
}

void replay_hub_gone(struct hub *h)
{
    struct list *n;

    /* Without readers there are only those that are still being read. */
    while ((n = list_pop(&h->replays)))
        LIST_ITEM(n, struct replay, link)->hub = NULL;
}

/* ---- reading ---- */

static void take_up(struct reader *rd);

static void keep_answer(struct replay *r)
{
    struct store_read *read = &r->read;

    r->err = read->op.err;
    if (r->err != E_OK)
        return;
    r->exact = read->exact;
    r->whole = read->whole;
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

/* Only if nothing is lost by it: from exactly the document that the reader has. */
static void keep_changes(struct replay *r)
{
    AUTO(blob_unrefp) struct blob *before = NULL;
    struct store_load *load = &r->load;
    bool held = load->op.err == E_OK && load->seq == r->after;

    r->err = load->op.err;
    if (r->err == E_GONE || r->err == E_NOT_FOUND)
        r->err = E_OK;
    if (held)
        r->err = document_assemble(load, &before, NULL);
    store_load_done(load);
    if (!before || !r->hub || !r->hub->status.document)
        return;
    r->exact = r->whole = true;
    r->end_seq = r->hub->status.seq;
    r->events = xcalloc(1, sizeof(struct event *));
    r->events[r->count++] = hub_changes(r->hub, blob_view(before));
}

static void answered(struct replay *r)
{
    r->reading = false;
    if (r->changes)
        keep_changes(r);
    else
        keep_answer(r);
    r->refs++;
    if (r->hub) {
        trace(channel, "%s: %zu events after %llu from the journal", r->hub->conf->name, r->count,
              (unsigned long long)r->after);
        LIST_EACH_SAFE (n, &r->hub->lists[HUB_WAITING]) {
            struct reader *rd = LIST_ITEM(n, struct reader, link);
            if (rd->replay == r)
                take_up(rd);
        }
    }
    if (--r->refs == 0)
        replay_free(r);
}

static void on_read(struct store_op *op)
{
    answered(CONTAINER_OF(op, struct replay, read.op));
}

static void on_load(struct store_op *op)
{
    answered(CONTAINER_OF(op, struct replay, load.op));
}

static void start_read(struct replay *r)
{
    r->read.op.reply = r->hub->shard->loop;
    r->read.op.done = on_read;
    r->read.topic = r->hub->conf->num;
    r->read.after = r->after;
    r->read.max_events = LIMIT_REPLAY_EVENTS;
    r->read.max_bytes = LIMIT_REPLAY_BYTES;
    store_read(r->hub->shard->engine->store, &r->read);
}

static void start_load(struct replay *r)
{
    r->load.op.reply = r->hub->shard->loop;
    r->load.op.done = on_load;
    r->load.topic = r->hub->conf->num;
    r->load.at_seq = r->after;
    r->load.max_patches = LIMIT_REPLAY_EVENTS;
    store_load(r->hub->shard->engine->store, &r->load);
}

static struct replay *replay_new(struct hub *h, uint64_t after, enum mode mode)
{
    struct replay *r = xcalloc(1, sizeof *r);

    r->hub = h;
    r->after = after;
    r->reading = true;
    r->changes = mode == MODE_CHANGES;
    list_append(&h->replays, &r->link);
    if (r->changes)
        start_load(r);
    else
        start_read(r);
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

static bool is_shared(const struct replay *r, uint64_t after, enum mode mode)
{
    size_t index;

    if (r->changes != (mode == MODE_CHANGES) || (r->changes && r->after != after))
        return false;
    if (r->reading)
        return r->after <= after;
    return is_whole(r) && r->end_seq >= r->hub->ring.base_seq && index_after(r, after, &index);
}

/* One that has, or may turn out to have, all after `after`. */
static struct replay *find_shared(struct hub *h, uint64_t after, enum mode mode)
{
    LIST_EACH (n, &h->replays) {
        struct replay *r = LIST_ITEM(n, struct replay, link);
        if (is_shared(r, after, mode))
            return r;
    }
    return NULL;
}

static void wait_for(struct reader *rd, struct replay *r)
{
    r->refs++;
    rd->replay = r;
    reader_move(rd, HUB_WAITING);
    if (!r->reading)
        take_up(rd);
}

void replay_start(struct reader *rd, uint64_t after)
{
    struct replay *r = find_shared(rd->hub, after, (enum mode)rd->mode);

    rd->last_seq = after;
    wait_for(rd, r ? r : replay_new(rd->hub, after, (enum mode)rd->mode));
}

/* ---- use ---- */

/* Why the replay cannot be told from index on; NULL: it can. */
static const char *refusal(const struct reader *rd, const struct replay *r, size_t index)
{
    const struct blob *document = rd->hub->status.document;
    size_t bytes = 0;

    if (rd->mode == MODE_EVENT)
        return NULL; /* piece by piece, and there is no other way to say it */
    if (rd->mode == MODE_CHANGES)
        return NULL; /* which is a snapshot where it would be too long */
    if (r->more)
        return "too much was missed";
    for (size_t i = index; i < r->count; i++)
        bytes += r->events[i]->head_len + r->events[i]->body->len;
    return document && bytes > document->len ? "it is shorter than what was missed" : NULL;
}

/* Nothing may be lost: the owner tries again later. */
static void give_up(struct reader *rd)
{
    replay_drop(rd);
    reader_move(rd, HUB_PARKED);
    rd->ops->lost(rd);
}

static void take_up(struct reader *rd)
{
    struct replay *r = rd->replay;
    uint64_t after = rd->last_seq;
    const char *why = NULL;
    size_t index = 0;

    if (r->err != E_OK && rd->durable) {
        give_up(rd);
        return;
    }
    if (r->err == E_OK && r->after != after && (!is_whole(r) || !index_after(r, after, &index))) {
        /* What was read for another does not tell. */
        struct hub *h = rd->hub;
        replay_drop(rd);
        wait_for(rd, replay_new(h, after, (enum mode)rd->mode));
        return;
    }
    bool held = rd->durable ? r->whole : r->exact;
    if (r->err != E_OK)
        why = "the journal cannot be read";
    else if (!held && rd->mode != MODE_EVENT)
        why = "what followed is not held any more";
    else
        why = refusal(rd, r, index);
    reader_move(rd, HUB_DUE);
    if (why) {
        replay_drop(rd);
        reader_begin_afresh(rd, why);
        return;
    }
    rd->replay_at = (uint32_t)index;
    if (index < r->count && rd->mode == MODE_EVENT)
        rd->rounds = 0;
    if (!held)
        reader_missed(rd);
    else if (rd->resume)
        reader_resumed(rd);
}

struct event *replay_at(const struct reader *rd, size_t ahead)
{
    const struct replay *r = rd->replay;

    return rd->replay_at + ahead < r->count ? r->events[rd->replay_at + ahead] : NULL;
}

void replay_finish(struct reader *rd)
{
    const struct hub *h = rd->hub;
    uint64_t pos;

    rd->last_seq = MAX(rd->last_seq, rd->replay->end_seq);
    replay_drop(rd);
    if (hub_ring_after(&h->ring, rd->last_seq, &pos)) {
        rd->rounds = 0;
        reader_go_on_at(rd, pos);
    } else if (rd->rounds++ < REPLAY_ROUNDS)
        replay_start(rd, rd->last_seq);
    else
        reader_begin_afresh(rd, "the topic changes too fast");
}
