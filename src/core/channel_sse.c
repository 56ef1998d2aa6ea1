/*
 * Channels of Server-Sent Events: the plain wires, and how one is opened.
 */
#include "core/channel_sse.h"
#include "core/channel_write.h"

#include "core/channel_provision.h"
#include "core/shard.h"
#include "io/sse_frame.h"

#define TAIL_LEN (sizeof SSE_FRAME_TAIL - 1)

bool sse_allows(const struct topic_conf *conf, enum mode mode)
{
    return conf->deliveries[SUBSCRIBER_SSE].modes & MODE_BIT(mode);
}

static void frame(struct gather *g, unsigned form, struct event *e)
{
    (void)form;
    gather_put(g, e->head, e->head_len);
    gather_put(g, e->body->p, e->body->len);
    gather_put(g, SSE_FRAME_TAIL, TAIL_LEN);
}

static struct blob *beat(struct channel *c, struct hub *h)
{
    (void)c;
    return blob_ref(hub_beat(h));
}

static void comment(struct channel *c, struct str text, struct buf *b)
{
    (void)c;
    sse_comment(b, text);
}

static const struct wire sse_wire = {
    .type = SUBSCRIBER_SSE,
    .frame = frame,
    .beat = beat,
    .comment = comment,
    .allows = sse_allows,
};

/* ---- several topics ---- */

static struct event *joint_own(const struct follower *f, struct event *e)
{
    AUTO(buf_done) struct buf line = BUF_INIT;

    if (e->type == EVENT_ERROR)
        return joint_error(f, e);
    joint_id_line(f, e->seq, &line);
    struct blob *id = blob_of_buf(&line);
    struct event *own = event_new_as(e, id);
    blob_unref(id);
    return own;
}

static void joint_frame(struct gather *g, unsigned form, struct event *e)
{
    const struct blob *id = event_have_form(e, EVENT_FORM_ID);

    if (id)
        gather_put(g, id->p, id->len);
    frame(g, form, e);
}

static struct blob *joint_beat(struct channel *c, struct hub *h)
{
    AUTO(buf_done) struct buf b = BUF_INIT;

    (void)h;
    joint_beat_write(c, &b);
    return blob_of_buf(&b);
}

static const struct wire joint_wire = {
    .type = SUBSCRIBER_SSE,
    .own = joint_own,
    .frame = joint_frame,
    .beat = joint_beat,
    .comment = comment,
    .allows = sse_allows,
    .joint = true,
};

/* ---- opening ---- */

static struct channel *new_channel(const struct sse_wish *wish, struct buf *b)
{
    if (wish->coding == HTTP_CODING_GZIP || wish->coding == HTTP_CODING_DEFLATE)
        return packed_channel_new(wish->coding == HTTP_CODING_DEFLATE, b);
    return xcalloc(1, sizeof(struct channel));
}

static const struct wire *wire_of(const struct sse_wish *wish)
{
    if (wish->coding == HTTP_CODING_GZIP || wish->coding == HTTP_CODING_DEFLATE)
        return wish->joint ? &joint_packed_wire : &packed_wire;
    return wish->joint ? &joint_wire : &sse_wire;
}

static enum err take_over(struct http_request *r, enum http_coding coding, struct channel *c,
                          struct buf *ret_rest)
{
    struct http_field fields[] = {
        {"Content-Type", STR("text/event-stream")},
        {"Cache-Control", STR("no-cache")},
        {"X-Accel-Buffering", STR("no")},
        {"Vary", STR("Accept-Encoding")},
        {NULL, STR_NONE},
        {NULL, STR_NONE},
    };

    if (coding == HTTP_CODING_GZIP)
        fields[4] = (struct http_field){"Content-Encoding", STR("gzip")};
    else if (coding == HTTP_CODING_DEFLATE)
        fields[4] = (struct http_field){"Content-Encoding", STR("deflate")};
    return http_takeover(r, 200, fields, &c->stream, &channel_events, ret_rest);
}

enum err channel_open(struct shard *sh, struct http_request *r, const struct sse_wish *wish)
{
    AUTO(buf_done) struct buf rest = BUF_INIT;
    AUTO(buf_done) struct buf first = BUF_INIT;
    struct channel *c = new_channel(wish, &first);

    /* The owners are to know before the client does: it may post at once, by another loop. */
    for (size_t i = 0; i < wish->count; i++)
        (void)hub_get(sh, wish->topics[i].conf);
    enum err err = take_over(r, wish->coding, c, &rest);
    if (err != E_OK) {
        free(c);
        return err;
    }
    buf_str(&rest, buf_view(&first));
    channel_init(c, sh, wire_of(wish));
    channel_opened(c, &rest);
    for (size_t i = 0; i < wish->count; i++) {
        const struct sse_topic *t = &wish->topics[i];
        struct follower *f = channel_follow(c, t->conf, t->mode, 0, t->resume, t->after);
        if (wish->subscription)
            follower_provision(f, wish->subscription);
    }
    return E_OK;
}
