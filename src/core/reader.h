/*
 * A reader: a cursor in a hub. It follows one topic in one mode, from a resume point or from today,
 * and takes event by event: from the hub's ring, from the journal where the ring does not reach
 * back (a replay), or one fresh snapshot where it cannot catch up otherwise. It queues nothing.
 * (In mode changes the replay is one event: all that changed since its position.)
 * What it is doing is told by the list of its hub that it is on (core/hub.h).
 *
 * Embedded in whoever reads: a follower of a channel, a subscription. The owner takes what is ahead
 * and says so; it gives the reader up by reader_close() and frees the memory itself, not in the
 * same turn.
 *
 * One too far behind (its position fell out of the ring) gets one fresh snapshot and goes on from
 * there. Of an event topic it goes on in the journal if it was the ring that ran ahead of it, in a
 * burst; one that is slow is ended, to resume by id. A durable one always reads the journal.
 */
#ifndef CORE_READER_H
#define CORE_READER_H

#include "core/hub.h"

struct reader;
struct replay;

/* Called on the hub's loop. All but close may close the reader. */
struct reader_ops {
    /* On HUB_DUE: take what is due. Leaves that list, or is called again. */
    void (*flush)(struct reader *r);
    /* On HUB_CURRENT for a heartbeat's time, or the owner is to find out whether it is still
     * there. */
    void (*beat)(struct reader *r);
    /* On HUB_STALLED and nothing moved for long, or on HUB_ENDING for too long. */
    void (*stall)(struct reader *r);
    /* How it begins, where that is not as asked for: a line for people. NULL: not told. */
    void (*comment)(struct reader *r, struct str text);
    /* It cannot go on: it fell out of the ring of an event topic or, a durable one, the journal
     * cannot be read. It may be opened again after last_seq. */
    void (*lost)(struct reader *r);
    /* The topic's settings are others now: hub->conf. */
    void (*conf_changed)(struct reader *r);
    /* The topic was deleted or the server stops: e (an error, borrowed) is the last it is told. */
    void (*end)(struct reader *r, struct event *e);
    /* At once. */
    void (*close)(struct reader *r);
};

struct reader {
    const struct reader_ops *ops;
    struct hub *hub;
    struct list link;  /* on one of hub->lists */
    uint64_t pos;      /* ordinal of the next event of the ring */
    uint64_t last_seq; /* all up to here was taken; when waiting to start: the resume point */
    int64_t moved;     /* when it last took something, µs; the owner sets it */
    /* What is ahead, in this order: now, replay, ring from pos. */
    struct event *now[2];
    struct replay *replay;
    uint32_t replay_at; /* index of its next event */
    uint8_t mode;       /* enum mode */
    uint8_t rounds;     /* of reading the journal because the ring had moved on */
    bool resume;        /* last_seq is a resume point */
    bool durable;       /* last_seq is of a cursor that the journal is held for */
    bool asked;         /* the owner, whether it knows of last_seq */
    bool known;         /* whoever reads has what last_seq says: no snapshot is still ahead */
    bool waiting;       /* on HUB_WAITING */
    bool slow;          /* was on HUB_STALLED since it last had all */
    bool ending;        /* now holds the last that it is told */
    bool closed;
};

/* What the caller sets before: ops, mode, durable; all else is zero. It starts on its own when the
 * hub is ready. resume: go on after this seq; else from today on. Nothing is called within. */
void reader_open(struct reader *r, struct shard *sh, struct topic_conf *conf, bool resume,
                 uint64_t after);
/* Off its hub. Nothing if it is closed. */
void reader_close(struct reader *r);
/* To another list of the hub. */
void reader_move(struct reader *r, enum hub_list to);

/* ---- taking ---- */

/* Find out where the next event comes from. False: there is nothing to take now, the reader waits
 * or is closed. */
bool reader_settle(struct reader *r);
/* The ith event ahead, borrowed, or NULL: nothing more is known yet. */
struct event *reader_ahead(const struct reader *r, size_t i);
/* The first of them was taken. */
void reader_take(struct reader *r);
/* There is, or may be, more than reader_ahead() told. */
bool reader_has_more(const struct reader *r);
/* e (borrowed) is all that is still ahead. */
void reader_end(struct reader *r, struct event *e);

/* ---- for the hub ---- */

/* The hub is ready: find out where to begin. */
void reader_start(struct reader *r);

/* ---- between reader.c and reader_replay.c ---- */

/* Start from today: a snapshot, the error if there is one, then live. */
void reader_begin_at_head(struct reader *r);
/* The same instead of a resume that is not possible. */
void reader_begin_afresh(struct reader *r, const char *why);
/* Tell that some of what followed the resume point is not held any more. */
void reader_missed(struct reader *r);
/* Tell that the resume worked. */
void reader_resumed(struct reader *r);
/* Live from this ordinal of the ring on. */
void reader_go_on_at(struct reader *r, uint64_t pos);

#endif
