/*
 * Channels of Server-Sent Events: the wire, and how one is opened.
 */
#include "core/channel.h"
#include "core/shard.h"
#include "io/sse_frame.h"

#define TAIL_LEN (sizeof SSE_FRAME_TAIL - 1)

/* A field value that is a literal. */
#define VALUE(lit)                                                                                 \
    {                                                                                              \
        "" lit, sizeof(lit) - 1                                                                    \
    }

static const struct http_field fields[] = {
    {"Content-Type", VALUE("text/event-stream")},
    {"Cache-Control", VALUE("no-cache")},
    {"X-Accel-Buffering", VALUE("no")},
    {NULL, VALUE("")},
};

static void frame(struct gather *g, const struct channel *c, struct event *e)
{
    (void)c;
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

static bool allows(const struct topic_conf *conf, enum mode mode)
{
    return conf->sse_modes & MODE_BIT(mode);
}

static const struct wire sse_wire = {
    .frame = frame,
    .beat = beat,
    .comment = comment,
    .allows = allows,
};

enum err channel_open(struct shard *sh, struct http_request *r, struct topic_conf *conf,
                      enum mode mode, bool resume, uint64_t after)
{
    AUTO(buf_done) struct buf rest = BUF_INIT;
    struct channel *c = xcalloc(1, sizeof *c);

    enum err err = http_takeover(r, 200, fields, &c->stream, &channel_events, &rest);
    if (err != E_OK) {
        free(c);
        return err;
    }
    channel_init(c, sh, &sse_wire);
    channel_opened(c, &rest);
    channel_follow(c, conf, mode, resume, after);
    return E_OK;
}
