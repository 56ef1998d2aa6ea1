/*
 * Feeds: durable queues of notifications, given batch by batch to those who poll (GET
 * /eventnotifications/v2). A feed's notes are those of the store that its settings want; it is only a
 * position in them. Each consumer has a position of its own, and a batch that it has to complete
 * before it gets the next.
 *
 * A feed runs on the loop that the hash of its id names, from when it is active: configured, or asked
 * for. All its settings are known on every loop, as topics are: feed_find(). For topics that no active
 * feed holds nothing is queued.
 *
 * What is answered is durable: a batch before it is first given, so that it is the same byte for byte
 * until it is completed; its completion before that is confirmed.
 */
#ifndef CORE_FEED_H
#define CORE_FEED_H

#include "core/feed_conf.h"
#include "core/shard.h"

struct feed_consumer;
struct notes;

/* ---- asking, on the feed's own loop ---- */

enum feed_call {
    FEED_NEXT,     /* found: body is a batch; else there is none (in time) */
    FEED_COMPLETE, /* found: it was the batch that is open, or the one that was just completed */
    FEED_DISCARD,  /* all that is queued goes to the archive */
    FEED_SEEK,     /* the next batch begins elsewhere; the open one is forgotten */
    FEED_STATS,    /* body: how the consumer stands */
    FEED_ARCHIVE,  /* body: what was discarded */
    FEED_REMOVE,   /* a named consumer goes */
};

struct feed_ask;
/* Once for each, at once or later. found, body and err are set. */
typedef void feed_answered_f(struct feed_ask *a);
/* Owned by who asks until it is answered; feed_ask_done() after. Zero but for what the call needs. */
struct feed_ask {
    enum feed_call call;
    feed_answered_f *answered;
    uint64_t batch;  /* FEED_COMPLETE */
    size_t max;      /* FEED_NEXT: notifications of a new batch; 0: as the feed says */
    int64_t wait_us; /* FEED_NEXT: how long something is waited for; 0: not at all */
    int64_t
        lease_us; /* FEED_NEXT: for so long nobody else who gives a lease gets the batch; 0: none */
    /* FEED_NEXT: event types that are wanted, with * and ?, a NUL behind each; counted. NULL: all */
    struct blob *filter;
    bool by_time; /* FEED_SEEK */
    int64_t time_wall;
    uint64_t sequence;   /* FEED_SEEK: number of the first; FEED_ARCHIVE: begin behind it */
    size_t limit;        /* FEED_ARCHIVE */
    bool found;          /* answers from here on */
    struct blob *body;   /* counted; NULL: none */
    unsigned deliveries; /* of the batch: how often it was offered */
    enum err err;
    struct errinfo info;
    struct feed_consumer *consumer_; /* private from here on */
    struct list link_;
    struct timer timer_;
    int64_t until_;
};
/* consumer: name; n 0 is the feed's own. */
void feed_ask(struct shard *sh, struct str feed, struct str consumer, struct feed_ask *a);
/* Who asked is gone: it is answered soon, if it was not already. */
void feed_ask_cancel(struct feed_ask *a);
void feed_ask_done(struct feed_ask *a);
/* The loop on which a feed runs. */
struct shard *feed_owner(struct engine *e, struct str feed);

/* ---- settings, on any loop ---- */

/* Borrowed until the end of the turn; NULL if there is none. */
struct feed_conf *feed_find(struct shard *sh, struct str id);
/* All of this loop, in order of their ids; heap, count of them. */
struct feed_conf **feed_all(struct shard *sh, size_t *ret_count);
size_t feed_count(const struct shard *sh);
/* Store a new or changed conf (was NULL, or with rev 0: new) and make it current on all loops; as
 * subscription_store(). Takes a reference of its own. */
typedef void feed_done_f(void *arg, enum err err, const struct errinfo *ei, struct feed_conf *now);
void feed_store(struct shard *sh, struct feed_conf *c, const struct feed_conf *was,
                feed_done_f *done, void *arg);
/* The feed goes, with its consumers; of FEED_ALL what is there by default comes back. */
void feed_remove(struct shard *sh, struct feed_conf *c, uint64_t rev, feed_done_f *done, void *arg);

/* ---- for commits ---- */

/* Is something queued for this topic? */
bool feeds_cover(const struct shard *sh, const struct topic_conf *topic);
/* Notes became durable: whoever waits for them looks. */
void feeds_ring(struct engine *e);

/* ---- life, with the shard ---- */

struct feeds *feeds_new(struct shard *sh);
/* At start, before the loops run: read the records. */
MUST_USE enum err feeds_load(struct engine *e, struct errinfo *ei);
/* Begin to look after what grows old; nobody waits any more, and nothing is under way. */
void feeds_start(struct shard *sh);
void feeds_drain(struct shard *sh);
bool feeds_quiet(const struct shard *sh);
/* After the loop has ended and the store is closed. */
void feeds_free(struct shard *sh);

#endif
