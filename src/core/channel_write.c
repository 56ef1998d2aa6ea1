/*
 * Writing of channels: frames go out from where they are, as many as are due in one call. A frame
 * that was begun is always finished: the channel keeps its event, so its reader may move on.
 *
 * The order: what was begun, the line, then events of the follower whose turn it is.
 */
#include "core/channel_write.h"
#include "base/count.h"
#include "core/shard.h"

/* ---- gathering ---- */

void gather_put(struct gather *g, const void *p, size_t n)
{
    size_t skip = MIN(g->skip, n);

    g->size += n;
    g->skip -= skip;
    if (skip == n)
        return;
    g->v[g->n++] = (struct iovec){(char *)(uintptr_t)p + skip, n - skip};
    g->bytes += n - skip;
}

static void gather_frame(struct gather *g, const struct channel *c, unsigned form, struct event *e)
{
    g->size = 0;
    if (e)
        c->wire->frame(g, form, e);
    else
        gather_put(g, c->line->p, c->line->len);
    g->frames[g->count] = e;
    g->sizes[g->count++] = g->size;
}

/* Errors name the subscription. NULL: it is told to all the same. */
static struct event *own_event(const struct follower *f, struct event *e)
{
    char id[FOLLOWER_ID_LEN + 1];

    if (f->channel->wire->own)
        return f->channel->wire->own(f, e);
    if (e->type != EVENT_ERROR)
        return NULL;
    follower_id_text(f, id);
    return event_new_personal(e, id, NULL);
}

/* f NULL: what is between frames only. */
static void gather(struct gather *g, const struct channel *c, const struct follower *f)
{
    struct event *e;

    g->n = 0;
    g->bytes = g->count = 0;
    g->skip = c->offset;
    g->own = NULL;
    if (c->begun)
        gather_frame(g, c, c->begun_form, c->begun);
    if (c->line)
        gather_frame(g, c, 0, NULL);
    for (size_t i = 0; f && !g->own && g->n + WIRE_IOV <= LIMIT_CHANNEL_IOV; i++) {
        if (!(e = reader_ahead(&f->reader, i)))
            break;
        g->own = own_event(f, e);
        gather_frame(g, c, f->form, g->own ? g->own : e);
    }
}

/* ---- what was written ---- */

static void line_written(struct channel *c)
{
    if (c->beat)
        count_one(COUNT_heartbeats);
    c->beat = false;
    blob_unrefp(&c->line);
    if (c->wire->drained)
        c->wire->drained(c);
}

/* The ith frame is over. */
static void frame_written(struct channel *c, struct reader *r, const struct event *e)
{
    if (!e) {
        line_written(c);
        return;
    }
    count_one(COUNT_deliveries);
    if (c->begun)
        event_unrefp(&c->begun);
    else
        reader_take(r);
}

static void written(struct channel *c, struct reader *r, const struct gather *g, size_t n)
{
    count_add(COUNT_delivery_bytes, (int64_t)n);
    for (size_t i = 0; i < g->count; i++) {
        struct event *e = g->frames[i];
        size_t left = g->sizes[i] - c->offset;
        if (n > 0 && c->offset == 0 && c->wire->begun && (e || c->beat))
            c->wire->begun(c, e);
        if (n < left) {
            c->offset += n;
            if (c->offset > 0 && e && !c->begun) {
                c->begun = event_ref(e);
                c->begun_form = CONTAINER_OF(r, struct follower, reader)->form;
                reader_take(r);
            }
            return;
        }
        n -= left;
        c->offset = 0;
        frame_written(c, r, e);
    }
}

/* ---- one write ---- */

/* False: the channel is closed. *ret_all: nothing is left of it. */
static bool put_out(struct channel *c, struct reader *r, struct gather *g, bool *ret_all)
{
    ssize_t n = stream_writev(&c->stream, g->v, g->n);

    if (n > 0) {
        c->moved = loop_now(c->shard->loop);
        if (r)
            r->moved = c->moved;
        written(c, r, g, (size_t)n);
    }
    *ret_all = n >= 0 && (size_t)n == g->bytes;
    event_unref(g->own);
    if (n < 0)
        channel_close(c);
    return n >= 0;
}

/* There is something better to say. */
static void drop_beat(struct channel *c, const struct reader *r)
{
    if (!c->beat || (c->offset > 0 && !c->begun) || !reader_ahead(r, 0))
        return;
    blob_unrefp(&c->line);
    c->beat = false;
}

static void say_bye(struct channel *c)
{
    AUTO(buf_done) struct buf b = BUF_INIT;

    c->bye_said = true;
    if (!c->wire->bye)
        return;
    c->wire->bye(c, &b);
    channel_say(c, buf_view(&b));
}

/* The last follower was told its end. */
static void finish(struct channel *c, struct reader *r)
{
    if (!c->bye_said) {
        say_bye(c);
        reader_move(r, HUB_DUE);
    } else if (c->half_closed) {
        channel_close(c);
    } else {
        c->ended = true;
        reader_move(r, HUB_ENDING);
        stream_shutdown(&c->stream);
    }
}

/* Nothing is left to write for this follower. */
static void rest(struct channel *c, struct reader *r)
{
    struct follower *f = CONTAINER_OF(r, struct follower, reader);
    int64_t heartbeat_us = c->shard->engine->conf->sse_heartbeat_us;

    if (r->ending) {
        if (c->wire->stays || c->followers.next != c->followers.prev)
            follower_close(f);
        else
            finish(c, r);
        return;
    }
    reader_move(r, HUB_CURRENT);
    if (c->probe) {
        /* To the front, as if silent for long: the next tick writes to it. */
        c->probe = false;
        r->moved -= heartbeat_us - heartbeat_us / 8;
        c->moved = r->moved;
        list_remove(&r->link);
        list_prepend(&r->hub->lists[HUB_CURRENT], &r->link);
    }
}

void channel_flush(struct reader *r)
{
    struct follower *f = CONTAINER_OF(r, struct follower, reader);
    struct channel *c = f->channel;
    struct gather g;
    bool all;

    if (c->offset == 0 && !reader_settle(r))
        return;
    drop_beat(c, r);
    gather(&g, c, f);
    if (g.n == 0) {
        rest(c, r);
        return;
    }
    if (!put_out(c, r, &g, &all))
        return;
    if (!all)
        reader_move(r, HUB_STALLED);
    else if (reader_has_more(r))
        reader_move(r, HUB_DUE);
    else
        rest(c, r);
}

void channel_push(struct channel *c)
{
    struct gather g;
    bool all = true;

    gather(&g, c, NULL);
    if (g.n > 0 && !put_out(c, NULL, &g, &all))
        return;
    if (all && c->finishing) {
        c->ended = true;
        stream_shutdown(&c->stream);
    }
}

void channel_finish(struct channel *c)
{
    struct list *n;

    if (c->finishing || c->closed)
        return;
    c->finishing = true;
    while ((n = c->followers.next) != &c->followers)
        follower_close(LIST_ITEM(n, struct follower, link));
    say_bye(c);
    channel_push(c);
}
