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

#include "core/reader.h"
#include "io/http_server.h"

struct channel;
struct follower;
struct gather;

/* Pieces of one frame at most. */
#define WIRE_IOV 4

struct wire {
    enum subscriber_type type;
    /* Put the frame of e in this form, the same bytes each time it is asked for, by gather_put() of
     * memory that e holds. */
    void (*frame)(struct gather *g, unsigned form, struct event *e);
    /* A new event in the place of e, for this follower only: it is the last of a write. NULL: e goes
     * as it is. Without this function only errors do not: they name the subscription. */
    struct event *(*own)(const struct follower *f, struct event *e);
    /* The first byte of an event goes out, or of a heartbeat (NULL). NULL: of no interest. */
    void (*begun)(struct channel *c, struct event *e);
    /* A heartbeat; a reference for the caller. */
    struct blob *(*beat)(struct channel *c, struct hub *h);
    /* Append a line for people. NULL: there is no place for such. */
    void (*comment)(struct channel *c, struct str text, struct buf *b);
    /* Append what is said last. NULL: nothing. */
    void (*bye)(struct channel *c, struct buf *b);
    /* The client spoke. NULL: it has nothing to say. May close the channel. */
    void (*data)(struct channel *c, const char *p, size_t n);
    /* A line that had to wait is written. NULL: of no interest. */
    void (*drained)(struct channel *c);
    /* May a follower of the topic go on as it does? */
    bool (*allows)(const struct topic_conf *conf, enum mode mode);
    /* The connection outlives its followers, for a while. */
    bool stays;
    /* Its followers resume together: where one of them cannot go on, or the server stops, all end. */
    bool joint;
    /* Frees the memory of the channel, at the end of the turn. NULL: free(). */
    void (*free)(void *channel);
};

/* One topic of a channel. */
struct follower {
    struct reader reader;
    struct channel *channel;
    struct list link; /* on channel->followers */
    uint64_t id[2];   /* the UUID of its subscription, in error events; a random one */
    uint8_t form;     /* of its frames: what the wire makes of it */
    bool provisioned; /* the subscription is: on shard->provisioned */
};

/* Fields are for channel*.c and wires. */
struct channel {
    struct stream stream;
    const struct wire *wire;
    struct shard *shard;
    struct list followers;
    struct list idle_link; /* on shard->idle_channels while it has none */
    struct event *begun;   /* its frame is half written */
    struct blob *line;     /* bytes that go next, between frames */
    size_t offset;         /* written of begun; without it, of line */
    int64_t moved;         /* when the socket last took bytes, µs */
    uint8_t begun_form;    /* the follower's */
    bool beat;             /* line is a heartbeat: not needed if there is something else to write */
    bool half_closed;      /* the client sends no more */
    bool probe;            /* it may be gone: send the next heartbeat soon */
    bool bye_said;         /* the wire's last word was */
    bool finishing;        /* no follower is left; what is left to write goes out */
    bool ended;            /* all is said and FIN sent */
    bool closed;
    struct follower first; /* most have no other */
};

/* ---- for wires ---- */

/* Of a zeroed channel whose stream is opened with channel_events. */
void channel_init(struct channel *c, struct shard *sh, const struct wire *wire);
extern const struct stream_events channel_events;
/* It is open; rest (of the head) is written first. */
void channel_opened(struct channel *c, struct buf *rest);
/* Follow one more topic. Returns the follower. */
struct follower *channel_follow(struct channel *c, struct topic_conf *conf, enum mode mode,
                                unsigned form, bool resume, uint64_t after);
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
/* The follower that a reader of a hub is; NULL: it is none of a channel, or was told its end. */
struct follower *follower_of_reader(struct reader *r);

/* ---- those without followers: called by the hubs' turn ---- */

/* Those that follow nothing for long, or have ended, close. */
void channel_idle_tick(struct shard *sh, int64_t now);
/* The server stops: all end. */
void channel_idle_drain(struct shard *sh);
void channel_idle_close(struct shard *sh);
size_t channel_idle_count(const struct shard *sh);

#define FOLLOWER_ID_LEN UUID_LEN
/* The id of its subscription. */
void follower_id_text(const struct follower *f, char ret[FOLLOWER_ID_LEN + 1]);

#endif
