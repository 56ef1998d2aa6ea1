/*
 * A channel: one open connection that follows topics, each by a reader (core/reader.h). It queues
 * nothing: what it holds is at most one frame half written, and a line that goes between frames.
 * How events become bytes is its wire's affair: SSE, its compressed form, WebSocket.
 *
 * It owns itself and its followers: it goes when its connection ends, by channel_close() or when
 * the last follower was told its end.
 *
 * A channel of which nothing moves for long is closed. One whose client sends no more is still
 * served: the first write after the client is really gone fails, and a heartbeat is sent at once
 * and at the next tick to find out.
 */
#ifndef CORE_CHANNEL_H
#define CORE_CHANNEL_H

#include "core/limits.h"
#include "core/reader.h"
#include "io/http_server.h"

struct channel;
struct gather;

/* Pieces of one frame at most. */
#define WIRE_IOV 3

struct wire {
    /* Put the frame of e, the same bytes each time it is asked for, by gather_put() of memory that
     * e holds. */
    void (*frame)(struct gather *g, const struct channel *c, struct event *e);
    /* A heartbeat; a reference for the caller. */
    struct blob *(*beat)(struct channel *c, struct hub *h);
    /* Append a line for people. NULL: there is no place for such. */
    void (*comment)(struct channel *c, struct str text, struct buf *b);
    /* Append what is said last. NULL: nothing. */
    void (*bye)(struct channel *c, struct buf *b);
    /* The client spoke. NULL: it has nothing to say. May close the channel. */
    void (*data)(struct channel *c, const char *p, size_t n);
    /* May a follower of the topic go on as it does? */
    bool (*allows)(const struct topic_conf *conf, enum mode mode);
    /* The connection outlives its followers. */
    bool stays;
    /* Frees the memory of the channel, at the end of the turn. NULL: free(). */
    void (*free)(void *channel);
};

/* One topic of a channel. */
struct follower {
    struct reader reader;
    struct channel *channel;
    struct list link; /* on channel->followers */
};

/* Fields are for channel*.c and wires. */
struct channel {
    struct stream stream;
    const struct wire *wire;
    struct shard *shard;
    struct list followers;
    uint64_t id[2];      /* random: the UUID in error events */
    struct event *begun; /* its frame is half written */
    struct blob *line;   /* bytes that go next, between frames */
    size_t offset;       /* written of begun; without it, of line */
    int64_t moved;       /* when the socket last took bytes, µs */
    bool beat;           /* line is a heartbeat: not needed if there is something else to write */
    bool half_closed;    /* the client sends no more */
    bool probe;          /* it may be gone: send the next heartbeat soon */
    bool bye_said;       /* the wire's last word was */
    bool finishing;      /* no follower is left; what is left to write goes out */
    bool ended;          /* all is said and FIN sent */
    bool closed;
    struct follower first; /* most have no other */
};

/* Open a channel of SSE on a request that follows one topic: it is taken over (200,
 * text/event-stream), and gone after the call whatever it returns. resume: the client gave a last
 * event id with this seq (`after`). E_CLOSED: the client had left. */
MUST_USE enum err channel_open(struct shard *sh, struct http_request *r, struct topic_conf *conf,
                               enum mode mode, bool resume, uint64_t after);

/* ---- for wires ---- */

/* Of a zeroed channel whose stream is opened with channel_events. */
void channel_init(struct channel *c, struct shard *sh, const struct wire *wire);
extern const struct stream_events channel_events;
/* It is open; rest (of the head) is written first. */
void channel_opened(struct channel *c, struct buf *rest);
/* Follow one more topic. Returns the follower. */
struct follower *channel_follow(struct channel *c, struct topic_conf *conf, enum mode mode,
                                bool resume, uint64_t after);
/* Write this as soon as no frame is half written. */
void channel_say(struct channel *c, struct str bytes);
/* All is said: no follower is left, what is half written and the wire's last word go out, then the
 * connection ends. */
void channel_finish(struct channel *c);
/* Finish the frame under way, tell the follower e (borrowed) and nothing more; the channel ends with
 * its last follower unless its wire stays. */
void follower_end(struct follower *f, struct event *e);
/* The same with an error event of this code. */
void follower_fail(struct follower *f, int code, struct str message);
/* Now and without a word; of the last, the channel closes unless its wire stays. */
void follower_close(struct follower *f);
/* Close now; freed at the end of the turn. */
void channel_close(struct channel *c);

#define CHANNEL_ID_LEN UUID_LEN
/* The subscription id of a channel that nobody provisioned. */
void channel_id_text(const struct channel *c, char ret[CHANNEL_ID_LEN + 1]);

/* ---- writing: channel_write.c ---- */

/* What one write takes. */
struct gather {
    struct iovec v[LIMIT_CHANNEL_IOV];
    int n;
    size_t bytes;
    size_t skip;                             /* bytes of the first frame that were written before */
    struct event *frames[LIMIT_CHANNEL_IOV]; /* borrowed; NULL: the line */
    size_t sizes[LIMIT_CHANNEL_IOV];         /* as they are, whole */
    size_t count;
    size_t size;       /* of the frame that is being put */
    struct event *own; /* made for this write */
};
/* For wire.frame: p stays as long as the event. */
void gather_put(struct gather *g, const void *p, size_t n);

void channel_flush(struct reader *r);
/* The same without a follower: what was begun, and the line. */
void channel_push(struct channel *c);

#endif
