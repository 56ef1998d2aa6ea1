/*
 * Life of channels and their followers: how they begin, what ends them.
 */
#include "core/channel_write.h"

#include "base/clock.h"
#include "base/count.h"
#include "base/trace.h"
#include "core/channel_provision.h"
#include "core/shard.h"

static struct channel *channel_of(struct stream *s)
{
    return CONTAINER_OF(s, struct channel, stream);
}

static struct follower *follower_of(struct reader *r)
{
    return CONTAINER_OF(r, struct follower, reader);
}

static const char *name_of(const struct channel *c)
{
    return list_empty(&c->followers)
               ? "-"
               : LIST_ITEM(c->followers.next, struct follower, link)->reader.hub->conf->name;
}

/* ---- the connection ---- */

static void on_data(struct stream *s, const char *p, size_t n)
{
    struct channel *c = channel_of(s);

    if (c->wire->data)
        c->wire->data(c, p, n);
}

/* A reader that waits has nothing to write, but there may be a line. */
static void on_writable(struct stream *s)
{
    struct channel *c = channel_of(s);
    bool due = false;

    if (c->ended)
        return;
    /* Another is the first each time, so that one topic does not take all that there is room for. */
    if (!list_empty(&c->followers))
        list_append(&c->followers, list_pop(&c->followers));
    LIST_EACH (n, &c->followers) {
        struct reader *r = &LIST_ITEM(n, struct follower, link)->reader;
        if (!r->waiting) {
            reader_move(r, HUB_DUE);
            due = true;
        }
    }
    if (!due)
        channel_push(c);
}

static void send_beat(struct reader *r)
{
    struct channel *c = follower_of(r)->channel;

    if (!c->line && !c->begun && !r->now[0] && !r->ending) {
        c->line = c->wire->beat(c, r->hub);
        c->beat = true;
    }
    reader_move(r, HUB_DUE);
}

static void on_end(struct stream *s, enum err why)
{
    struct channel *c = channel_of(s);

    if (why != E_OK || c->ended || c->wire->stays) {
        channel_close(c);
        return;
    }
    trace(channel, "%s: half closed", name_of(c));
    c->half_closed = c->probe = true;
    LIST_EACH (n, &c->followers) {
        struct reader *r = &LIST_ITEM(n, struct follower, link)->reader;
        if (!r->waiting) {
            send_beat(r);
            return;
        }
    }
}

const struct stream_events channel_events = {on_data, on_writable, on_end};

/* ---- what hubs say to followers ---- */

/* The first is a part of its channel. */
static void drop_follower(struct follower *f)
{
    struct channel *c = f->channel;

    trace(channel, "%s: closed at %llu", f->reader.hub->conf->name,
          (unsigned long long)f->reader.last_seq);
    list_remove(&f->link);
    follower_unprovision(f);
    reader_close(&f->reader);
    if (f != &c->first)
        loop_bury(c->shard->loop, f, free);
    if (c->closed || !list_empty(&c->followers))
        return;
    list_append(&c->shard->idle_channels, &c->idle_link);
    if (atomic_load(&c->shard->engine->stage) == ENGINE_DRAINING)
        channel_finish(c);
}

static void drop_others(struct follower *f)
{
    LIST_EACH_SAFE (n, &f->channel->followers) {
        if (n != &f->link)
            drop_follower(LIST_ITEM(n, struct follower, link));
    }
}

static void on_beat(struct reader *r)
{
    const struct channel *c = follower_of(r)->channel;

    /* Another of its topics spoke meanwhile. */
    if (c->moved > r->moved && !c->probe) {
        r->moved = c->moved;
        reader_move(r, HUB_CURRENT);
        return;
    }
    send_beat(r);
}

static void on_stall(struct reader *r)
{
    struct channel *c = follower_of(r)->channel;

    /* Bytes of another of its topics went out meanwhile. */
    if (!c->ended && c->moved > r->moved) {
        r->moved = c->moved;
        reader_move(r, HUB_STALLED);
        return;
    }
    if (!c->ended) {
        count_one(COUNT_channels_slow_closed);
        trace(channel, "%s: closed, nothing moved", r->hub->conf->name);
    }
    channel_close(c);
}

/* A comment before all else that is still to come. */
static void on_comment(struct reader *r, struct str text)
{
    AUTO(buf_done) struct buf b = BUF_INIT;
    struct channel *c = follower_of(r)->channel;

    if (!c->wire->comment)
        return;
    c->wire->comment(c, text, &b);
    channel_say(c, buf_view(&b));
}

static void on_lost(struct reader *r)
{
    /* With its other topics, where it has such: the end of one alone would not be noticed. */
    count_one(COUNT_channels_slow_closed);
    channel_close(follower_of(r)->channel);
}

static void on_conf_changed(struct reader *r)
{
    struct follower *f = follower_of(r);

    if (!f->channel->wire->allows(r->hub->conf, (enum mode)r->mode))
        follower_fail(f, 40000, STR("the mode is not allowed any more"));
}

static void on_last(struct reader *r, struct event *e)
{
    struct follower *f = follower_of(r);

    /* The server stops: the ids of those that would go on did not tell of this one any more. */
    if (f->channel->wire->joint && e->error_code == 50503)
        drop_others(f);
    follower_end(f, e);
}

static void on_close(struct reader *r)
{
    channel_close(follower_of(r)->channel);
}

static const struct reader_ops follower_ops = {
    .flush = channel_flush,
    .beat = on_beat,
    .stall = on_stall,
    .comment = on_comment,
    .lost = on_lost,
    .conf_changed = on_conf_changed,
    .end = on_last,
    .close = on_close,
};

struct follower *follower_of_reader(struct reader *r)
{
    return r->ops == &follower_ops && !r->ending ? follower_of(r) : NULL;
}

/* ---- life ---- */

void channel_init(struct channel *c, struct shard *sh, const struct wire *wire)
{
    c->wire = wire;
    c->shard = sh;
    list_init(&c->followers);
    c->moved = loop_now(sh->loop);
}

void channel_opened(struct channel *c, struct buf *rest)
{
    if (rest->len)
        c->line = blob_of_buf(rest);
    list_append(&c->shard->idle_channels, &c->idle_link);
    count_one(COUNT_channels);
    count_one(COUNT_channels_opened);
}

struct follower *channel_follow(struct channel *c, struct topic_conf *conf, enum mode mode,
                                unsigned form, bool resume, uint64_t after)
{
    struct follower *f = c->first.channel ? xcalloc(1, sizeof *f) : &c->first;

    f->channel = c;
    f->id[0] = rand_u64();
    f->id[1] = rand_u64();
    f->form = (uint8_t)form;
    f->reader.ops = &follower_ops;
    f->reader.mode = (uint8_t)mode;
    list_append(&c->followers, &f->link);
    list_remove(&c->idle_link);
    trace(channel, "%s: opened, %s, after %llu", conf->name, mode_name(mode),
          (unsigned long long)after);
    reader_open(&f->reader, c->shard, conf, resume, after);
    return f;
}

void channel_close(struct channel *c)
{
    struct list *n;

    if (c->closed)
        return;
    c->closed = true;
    while ((n = c->followers.next) != &c->followers)
        drop_follower(LIST_ITEM(n, struct follower, link));
    list_remove(&c->idle_link);
    stream_close(&c->stream);
    event_unrefp(&c->begun);
    blob_unrefp(&c->line);
    count_add(COUNT_channels, -1);
    loop_bury(c->shard->loop, c, c->wire->free ? c->wire->free : free);
}

static bool is_last(const struct follower *f)
{
    const struct list *all = &f->channel->followers;

    return all->next == &f->link && all->prev == &f->link;
}

void follower_close(struct follower *f)
{
    if (is_last(f) && !f->channel->wire->stays)
        channel_close(f->channel);
    else
        drop_follower(f);
}

/* Only what was begun is finished. */
static void drop_unsent_beat(struct channel *c)
{
    if (!c->beat || (c->offset > 0 && !c->begun))
        return;
    blob_unrefp(&c->line);
    c->beat = false;
}

void follower_end(struct follower *f, struct event *e)
{
    struct reader *r = &f->reader;

    if (r->ending || r->closed)
        return;
    drop_unsent_beat(f->channel);
    reader_end(r, e);
    reader_move(r, HUB_DUE);
}

void follower_fail(struct follower *f, int code, struct str message)
{
    struct event *e = event_new_error(code, message, clock_now_wall(), 0);

    follower_end(f, e);
    event_unref(e);
}

void channel_say(struct channel *c, struct str bytes)
{
    AUTO(buf_done) struct buf b = BUF_INIT;

    drop_unsent_beat(c);
    buf_str(&b, blob_view(c->line));
    buf_str(&b, bytes);
    blob_unref(c->line);
    c->line = blob_of_buf(&b);
    c->beat = false;
}

void follower_id_text(const struct follower *f, char ret[FOLLOWER_ID_LEN + 1])
{
    uint64_t a = f->id[0], b = f->id[1];

    /* RFC 9562 §5.4: version 4, variant 10. */
    snprintf(ret, FOLLOWER_ID_LEN + 1, "%08x-%04x-4%03x-%04x-%012llx", (unsigned)(a >> 32),
             (unsigned)(a >> 16 & 0xffff), (unsigned)(a & 0xfff),
             (unsigned)(0x8000 | (b >> 48 & 0x3fff)), (unsigned long long)(b & 0xffffffffffff));
}

/* ---- those without followers ---- */

static struct channel *idle_channel(struct list *n)
{
    return LIST_ITEM(n, struct channel, idle_link);
}

/* There is no heartbeat for those that follow nothing: they have that long to begin. */
static void tick_idle(struct channel *c, int64_t now)
{
    int64_t silent = now - c->moved;

    if (silent >= HUB_ENDING_US && (c->ended || c->finishing))
        channel_close(c);
    else if (silent >= c->shard->engine->conf->sse_stall_us)
        channel_finish(c);
}

void channel_idle_tick(struct shard *sh, int64_t now)
{
    LIST_EACH_SAFE (n, &sh->idle_channels)
        tick_idle(idle_channel(n), now);
}

void channel_idle_drain(struct shard *sh)
{
    LIST_EACH_SAFE (n, &sh->idle_channels)
        channel_finish(idle_channel(n));
}

void channel_idle_close(struct shard *sh)
{
    while (!list_empty(&sh->idle_channels))
        channel_close(idle_channel(sh->idle_channels.next));
}

size_t channel_idle_count(const struct shard *sh)
{
    size_t count = 0;

    LIST_EACH (n, &sh->idle_channels)
        count++;
    return count;
}
