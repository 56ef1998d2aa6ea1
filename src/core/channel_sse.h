/*
 * Channels of Server-Sent Events: plain or compressed, of one topic or of several. One of several
 * topics (joint) tells with each event where it stands in all of them, so that one id resumes all.
 */
#ifndef CORE_CHANNEL_SSE_H
#define CORE_CHANNEL_SSE_H

#include "core/channel.h"

/* A topic to follow. */
struct sse_topic {
    struct topic_conf *conf;
    enum mode mode;
    bool resume;    /* the client gave an id, with this number */
    uint64_t after; /* 0, only of a joint channel: from the first event on */
};

struct sse_wish {
    const struct sse_topic *topics;
    size_t count;
    bool joint;               /* may be of one topic, too; else count is 1 */
    const char *subscription; /* the id of a provisioned one; NULL: none */
    enum http_coding coding;
};

/* Open a channel on a request: it is taken over (200, text/event-stream), and gone after the call
 * whatever it returns. E_CLOSED: the client had left. */
MUST_USE enum err channel_open(struct shard *sh, struct http_request *r,
                               const struct sse_wish *wish);

/* ---- within the family ---- */

/* "id: …\n" of an event of this follower: its own number, and of the others what the client has. */
void joint_id_line(const struct follower *f, uint64_t seq, struct buf *b);
/* The heartbeat that is true of all its topics. */
void joint_beat_write(const struct channel *c, struct buf *b);
/* An error, as the follower is told it. */
struct event *joint_error(const struct follower *f, const struct event *e);

/* A compressed one. It sends what was compressed once for all, and keeps a checksum. */
struct packed_channel;
extern const struct wire packed_wire, joint_packed_wire;
/* Zeroed but for its checksum; the header of the stream is appended to b. */
struct channel *packed_channel_new(bool zlib, struct buf *b);

/* May a topic be followed this way? */
bool sse_allows(const struct topic_conf *conf, enum mode mode);

#endif
