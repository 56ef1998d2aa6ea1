/*
 * A channel: one open connection that follows a topic. It is a cursor: a position in its hub's
 * ring and at most one frame half written. It queues nothing. What it is doing is told by the list
 * of its hub that it is on (core/hub.h).
 *
 * It owns itself: it goes when its connection ends, by channel_close() or after channel_end().
 *
 * A reader too far behind (its position fell out of the ring) gets one fresh snapshot and goes on
 * from there; of an event topic it is closed and resumes by id. A channel of which nothing moves
 * for long is closed. One whose client sends no more is still served: the first write after the
 * client is really gone fails, and a heartbeat is sent at once and at the next tick to find out.
 */
#ifndef CORE_CHANNEL_H
#define CORE_CHANNEL_H

#include "core/hub.h"
#include "io/http_server.h"

struct replay;

/* Fields are for channel*.c; the hub looks at link, moved, mode and ending. */
struct channel {
    struct stream stream;
    struct hub *hub;
    struct list link;  /* on one of hub->lists */
    uint64_t id[2];    /* random: the UUID in error events */
    uint64_t pos;      /* ordinal of the next event of the ring */
    uint64_t last_seq; /* all up to here was said; when waiting to start: the resume point */
    int64_t moved;     /* when the socket last took bytes, µs */
    /* What is to be written, in this order: line, now, replay, ring from pos. */
    struct blob *line; /* a comment */
    struct event *now[2];
    struct replay *replay;
    uint32_t replay_at; /* index of its next event */
    size_t offset;      /* bytes of the first of these that were written */
    uint8_t mode;       /* enum mode */
    uint8_t rounds;     /* of reading the journal because the ring had moved on */
    bool resume;        /* last_seq is a resume point */
    bool asked;         /* the owner, whether it knows of last_seq */
    bool beat;          /* line is a heartbeat: not needed if there is something else to write */
    bool waiting;       /* on HUB_WAITING */
    bool half_closed;   /* the client sends no more */
    bool probe;         /* it may be gone: send the next heartbeat soon */
    bool ending;        /* now holds the last that it is told */
    bool ended;         /* on HUB_ENDING */
    bool closed;
};

/*
 * Open a channel on a request: it is taken over (200, text/event-stream), and gone after the call
 * whatever it returns. resume: the client gave a last event id with this seq (`after`).
 * E_CLOSED: the client had left.
 */
MUST_USE enum err channel_open(struct shard *sh, struct http_request *r, struct topic_conf *conf,
                               enum mode mode, bool resume, uint64_t after);
/* The hub is ready: find out where to begin. Used by the hub. */
void channel_start(struct channel *c);
/* Write what is due, once. Used by the hub. */
void channel_flush(struct channel *c);
/* Silence lasted long enough: a heartbeat becomes due. Used by the hub. */
void channel_beat(struct channel *c);
/* Finish the frame under way, say e (borrowed) and nothing more, then close. */
void channel_end(struct channel *c, struct event *e);
/* The same with an error event of this code. */
void channel_fail(struct channel *c, int code, struct str message);
/* Close now; freed at the end of the turn. */
void channel_close(struct channel *c);

/* ---- between channel.c, channel_write.c and channel_replay.c ---- */

/* To another list of the hub. */
void channel_move(struct channel *c, enum hub_list to);
/* Start from today: a snapshot, the error if there is one, then live. */
void channel_begin_at_head(struct channel *c);
/* The same instead of a resume that is not possible; why is told in a comment. */
void channel_begin_afresh(struct channel *c, const char *why);
/* Tell that the resume worked. */
void channel_resumed(struct channel *c);
/* Live from this ordinal of the ring on. */
void channel_go_on_at(struct channel *c, uint64_t pos);
/* Add to `now`. Takes a reference. */
void channel_now(struct channel *c, struct event *e);

#define CHANNEL_ID_LEN UUID_LEN
/* The subscription id of a channel that nobody provisioned. */
void channel_id_text(const struct channel *c, char ret[CHANNEL_ID_LEN + 1]);

#endif
