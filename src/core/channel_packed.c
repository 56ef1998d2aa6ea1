/*
 * Compressed channels. A stream is put together of parts (io/gzip_parts.h): an event's is made once
 * and kept with it, as its form EVENT_FORM_DEFLATED; a heartbeat's is made once per hub; comments, and
 * the ids of channels of several topics, are a channel's own. A channel has no compressor.
 */
#include "base/count.h"
#include "core/channel_sse.h"
#include "core/channel_write.h"
#include "io/gzip_parts.h"
#include "io/sse_frame.h"

struct packed_channel {
    struct channel channel;
    struct gzip_stream stream; /* of all that was said, and of no heartbeat that was not sent */
};

/* What a form EVENT_FORM_DEFLATED begins with. Behind it: the event's id line as a plain part, then
 * the part of the rest of its frame. */
struct packed {
    struct gzip_check rest;
    uint32_t id_bytes; /* of the plain part; 0: the event has no id */
};

static struct packed_channel *packed_channel_of(struct channel *c)
{
    return CONTAINER_OF(c, struct packed_channel, channel);
}

struct channel *packed_channel_new(bool zlib, struct buf *b)
{
    struct packed_channel *p = xcalloc(1, sizeof *p);

    gzip_begin(&p->stream, zlib, b);
    return &p->channel;
}

static struct blob *plain_part(struct str text)
{
    AUTO(buf_done) struct buf b = BUF_INIT;

    gzip_part_plain(text, &b);
    return blob_of_buf(&b);
}

static struct str text_of_plain(const struct blob *part)
{
    return str_drop(blob_view(part), GZIP_PLAIN_HEAD);
}

/* ---- events ---- */

static struct blob *pack(const struct event *e)
{
    AUTO(buf_done) struct buf b = BUF_INIT;
    struct packed head = {.id_bytes = 0};
    size_t id = event_id_line(e);
    struct iovec v[] = {
        {(char *)(uintptr_t)e->head + id, e->head_len - id},
        {e->body->p, e->body->len},
        {(char *)(uintptr_t)SSE_FRAME_TAIL, sizeof SSE_FRAME_TAIL - 1},
    };

    buf_append(&b, &head, sizeof head);
    if (id) {
        gzip_part_plain(str_make(e->head, id), &b);
        head.id_bytes = (uint32_t)(id + GZIP_PLAIN_HEAD);
    }
    gzip_part(v, ARRAY_LEN(v), &b, &head.rest);
    memcpy(b.p, &head, sizeof head);
    count_one(COUNT_events_compressed);
    return blob_of_buf(&b);
}

static struct str packed_of(struct event *e, struct packed *ret)
{
    const struct blob *b = event_form(e, EVENT_FORM_DEFLATED, pack);

    memcpy(ret, b->p, sizeof *ret);
    return str_drop(blob_view(b), sizeof *ret);
}

static void frame(struct gather *g, unsigned form, struct event *e)
{
    const struct blob *id = event_have_form(e, EVENT_FORM_ID);
    struct packed head;
    struct str bytes = packed_of(e, &head);

    (void)form;
    if (id) {
        gather_put(g, id->p, id->len);
        bytes = str_drop(bytes, head.id_bytes);
    }
    gather_put(g, bytes.p, bytes.n);
}

/* What is sent has to be counted: its order is not known before. */
static void begun(struct channel *c, struct event *e)
{
    struct gzip_stream *stream = &packed_channel_of(c)->stream;
    struct packed head;

    if (!e) {
        gzip_add_plain(stream, text_of_plain(c->line));
        return;
    }
    const struct blob *id = event_have_form(e, EVENT_FORM_ID);
    (void)packed_of(e, &head);
    if (id)
        gzip_add_plain(stream, text_of_plain(id));
    else if (head.id_bytes)
        gzip_add_plain(stream, str_make(e->head, head.id_bytes - GZIP_PLAIN_HEAD));
    gzip_add(stream, &head.rest);
}

/* ---- what else is said ---- */

/* So short that compressing would save nothing. */
static struct blob *beat(struct channel *c, struct hub *h)
{
    (void)c;
    if (!h->beat_packed)
        h->beat_packed = plain_part(blob_view(hub_beat(h)));
    return blob_ref(h->beat_packed);
}

static void comment(struct channel *c, struct str text, struct buf *b)
{
    AUTO(buf_done) struct buf line = BUF_INIT;

    sse_comment(&line, text);
    gzip_part_plain(buf_view(&line), b);
    gzip_add_plain(&packed_channel_of(c)->stream, buf_view(&line));
}

static void bye(struct channel *c, struct buf *b)
{
    gzip_end(&packed_channel_of(c)->stream, b);
}

const struct wire packed_wire = {
    .type = SUBSCRIBER_SSE,
    .frame = frame,
    .begun = begun,
    .beat = beat,
    .comment = comment,
    .bye = bye,
    .allows = sse_allows,
};

/* ---- several topics ---- */

static struct event *joint_own(const struct follower *f, struct event *e)
{
    AUTO(buf_done) struct buf line = BUF_INIT;
    struct packed head;

    if (e->type == EVENT_ERROR)
        return joint_error(f, e);
    (void)packed_of(e, &head);
    joint_id_line(f, e->seq, &line);
    struct blob *id = plain_part(buf_view(&line));
    struct event *own = event_new_as(e, id);
    blob_unref(id);
    return own;
}

static struct blob *joint_beat(struct channel *c, struct hub *h)
{
    AUTO(buf_done) struct buf b = BUF_INIT;

    (void)h;
    joint_beat_write(c, &b);
    return plain_part(buf_view(&b));
}

const struct wire joint_packed_wire = {
    .type = SUBSCRIBER_SSE,
    .own = joint_own,
    .frame = frame,
    .begun = begun,
    .beat = joint_beat,
    .comment = comment,
    .bye = bye,
    .allows = sse_allows,
    .joint = true,
};
