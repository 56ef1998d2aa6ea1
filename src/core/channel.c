/*
 * Life of channels: how they begin, what ends them.
 */
#include "core/channel.h"

#include "base/clock.h"
#include "base/count.h"
#include "base/trace.h"
#include "core/channel_replay.h"
#include "core/shard.h"
#include "io/sse_frame.h"

/* A field value that is a literal. */
#define VALUE(lit)                                                                                 \
    {                                                                                              \
        "" lit, sizeof(lit) - 1                                                                    \
    }

static const struct http_field channel_fields[] = {
    {"Content-Type", VALUE("text/event-stream")},
    {"Cache-Control", VALUE("no-cache")},
    {"X-Accel-Buffering", VALUE("no")},
    {NULL, VALUE("")},
};

static struct channel *channel_of(struct stream *s)
{
    return CONTAINER_OF(s, struct channel, stream);
}

/* ---- life ---- */

static void on_data(struct stream *s, const char *p, size_t n)
{
    /* A client of an event stream has nothing to say. */
    (void)s;
    (void)p;
    (void)n;
}

static void on_writable(struct stream *s)
{
    struct channel *c = channel_of(s);

    if (!c->waiting && !c->ended)
        channel_move(c, HUB_DUE);
}

static void on_end(struct stream *s, enum err why)
{
    struct channel *c = channel_of(s);

    if (why != E_OK || c->ended) {
        channel_close(c);
        return;
    }
    trace(channel, "%s: half closed", c->hub->conf->name);
    c->half_closed = c->probe = true;
    if (!c->waiting)
        channel_beat(c);
}

static const struct stream_events channel_events = {on_data, on_writable, on_end};

enum err channel_open(struct shard *sh, struct http_request *r, struct topic_conf *conf,
                      enum mode mode, bool resume, uint64_t after)
{
    AUTO(buf_done) struct buf rest = BUF_INIT;
    struct channel *c = xcalloc(1, sizeof *c);

    enum err err = http_takeover(r, 200, channel_fields, &c->stream, &channel_events, &rest);
    if (err != E_OK) {
        free(c);
        return err;
    }
    c->hub = hub_get(sh, conf);
    c->id[0] = rand_u64();
    c->id[1] = rand_u64();
    c->last_seq = after;
    c->moved = loop_now(sh->loop);
    c->mode = (uint8_t)mode;
    c->resume = resume;
    if (rest.len)
        c->line = blob_of_buf(&rest);
    hub_add_channel(c->hub, c->mode == MODE_SNAPSHOT_ONLY);
    count_one(COUNT_channels);
    count_one(COUNT_channels_opened);
    trace(channel, "%s: opened, %s, after %llu", conf->name, mode_name(mode),
          (unsigned long long)after);
    channel_move(c, HUB_WAITING);
    if (c->hub->ready)
        channel_start(c);
    return E_OK;
}

static void forget_frames(struct channel *c)
{
    for (size_t i = 0; i < ARRAY_LEN(c->now); i++)
        event_unrefp(&c->now[i]);
}

void channel_close(struct channel *c)
{
    struct hub *h = c->hub;

    if (c->closed)
        return;
    trace(channel, "%s: closed at %llu", h->conf->name, (unsigned long long)c->last_seq);
    c->closed = true;
    replay_drop(c);
    list_remove(&c->link);
    stream_close(&c->stream);
    forget_frames(c);
    blob_unrefp(&c->line);
    count_add(COUNT_channels, -1);
    loop_bury(h->shard->loop, c, free);
    hub_drop_channel(h, c->mode == MODE_SNAPSHOT_ONLY);
}

void channel_end(struct channel *c, struct event *e)
{
    if (c->ending || c->closed)
        return;
    c->ending = true;
    replay_drop(c);
    /* Only a frame that was begun is finished. */
    if (c->beat && c->offset == 0) {
        blob_unrefp(&c->line);
        c->beat = false;
    }
    if (c->line || c->offset == 0)
        forget_frames(c);
    else
        event_unrefp(&c->now[1]);
    channel_now(c, e);
    channel_move(c, HUB_DUE);
}

void channel_fail(struct channel *c, int code, struct str message)
{
    struct event *e = event_new_error(code, message, clock_now_wall(), 0);

    channel_end(c, e);
    event_unref(e);
}

/* ---- the beginning ---- */

void channel_move(struct channel *c, enum hub_list to)
{
    c->waiting = to == HUB_WAITING;
    list_remove(&c->link);
    list_append(&c->hub->lists[to], &c->link);
    if (to == HUB_DUE)
        hub_wake(c->hub);
}

void channel_now(struct channel *c, struct event *e)
{
    size_t i = c->now[0] ? 1 : 0;

    CHECK(!c->now[i]);
    c->now[i] = event_ref(e);
}

/* A comment before all else; the first write of the channel is still to come, or a frame is just
 * over. */
static void say(struct channel *c, struct str comment)
{
    AUTO(buf_done) struct buf b = BUF_INIT;

    CHECK(c->offset == 0);
    buf_str(&b, blob_view(c->line));
    sse_comment(&b, comment);
    blob_unref(c->line);
    c->line = blob_of_buf(&b);
    c->beat = false;
}

void channel_begin_at_head(struct channel *c)
{
    const struct topic_status *st = &c->hub->status;
    struct event *whole = c->mode == MODE_EVENT ? NULL : hub_whole(c->hub);

    c->pos = c->hub->ring.next;
    c->last_seq = st->seq;
    c->resume = false;
    if (whole)
        channel_now(c, whole);
    if (st->error)
        channel_now(c, st->error);
}

void channel_begin_afresh(struct channel *c, const char *why)
{
    AUTO(buf_done) struct buf b = BUF_INIT;

    if (c->mode == MODE_EVENT) {
        struct event *e =
            event_new_error(40400, STR("resume point no longer held"), clock_now_wall(), 0);
        channel_now(c, e);
        event_unref(e);
    } else {
        buf_printf(&b, "snapshot instead of resume: %s", why);
        say(c, buf_view(&b));
    }
    channel_begin_at_head(c);
}

void channel_resumed(struct channel *c)
{
    AUTO(buf_done) struct buf b = BUF_INIT;
    char id[EVENT_ID_MAX + 1];

    event_id_make(id, c->hub->conf->id, c->last_seq);
    buf_printf(&b, "resumed after %s", id);
    say(c, buf_view(&b));
    c->resume = false;
    count_one(COUNT_channels_resumed);
}

void channel_go_on_at(struct channel *c, uint64_t pos)
{
    const struct hub *h = c->hub;

    c->pos = pos;
    /* An error of now is behind all events; the ring has it unless the hub came after it. */
    if (pos == h->ring.next && h->status.error)
        channel_now(c, h->status.error);
}

/* What the client has seen may have reached the loop that it comes from before this one: what the
 * owner answers is behind it. */
static void ask_owner(struct channel *c)
{
    c->asked = true;
    channel_move(c, HUB_WAITING);
    hub_ask(c->hub);
}

static void start_resumed(struct channel *c)
{
    const struct hub *h = c->hub;
    uint64_t pos;

    if (c->last_seq > h->status.seq && !c->asked) {
        ask_owner(c);
    } else if (c->last_seq > h->status.seq) {
        channel_begin_afresh(c, "no event has this id");
    } else if (c->mode == MODE_SNAPSHOT_ONLY && c->last_seq < h->status.seq) {
        channel_resumed(c);
        channel_begin_at_head(c);
    } else if (hub_ring_find(&h->ring, c->last_seq, &pos)) {
        channel_resumed(c);
        channel_go_on_at(c, pos);
    } else {
        replay_start(c, c->last_seq);
    }
}

void channel_start(struct channel *c)
{
    channel_move(c, HUB_DUE);
    if (c->resume)
        start_resumed(c);
    else
        channel_begin_at_head(c);
}

void channel_id_text(const struct channel *c, char ret[CHANNEL_ID_LEN + 1])
{
    uint64_t a = c->id[0], b = c->id[1];

    /* RFC 9562 §5.4: version 4, variant 10. */
    snprintf(ret, CHANNEL_ID_LEN + 1, "%08x-%04x-4%03x-%04x-%012llx", (unsigned)(a >> 32),
             (unsigned)(a >> 16 & 0xffff), (unsigned)(a & 0xfff),
             (unsigned)(0x8000 | (b >> 48 & 0x3fff)), (unsigned long long)(b & 0xffffffffffff));
}
