/*
 * What is durable of a consumer of a feed: how far it is, and the batch that it has not completed. And
 * the bytes of a batch. Pure.
 */
#ifndef CORE_FEED_STATE_H
#define CORE_FEED_STATE_H

#include "core/feed_conf.h"
#include "core/note.h"

/* Notes that were discarded: those after `after` up to `up_to`. */
struct feed_discard {
    uint64_t after, up_to;
    int64_t wall;
};

struct feed_state {
    uint64_t at; /* the notes up to here are completed, in the open batch, dropped or discarded */
    /* the batch that is open, or was last */
    uint64_t batch; /* its id; 0: there was none */
    bool open;
    uint64_t
        completed; /* id of the last that was completed, unless something came after; 0: none */
    uint64_t batch_after; /* number of the note before its first */
    size_t batch_count;
    int64_t batch_wall; /* time of its first notification */
    struct blob *body;  /* as it is given, until it is completed */
    /* what the next batch has to say of notifications that were dropped */
    uint64_t dropped;
    int64_t dropped_from, dropped_to;
    int64_t polled_wall;
    struct blob *filter; /* what it asked for last, as of struct feed_ask; NULL: all */
    struct feed_discard *discards;
    size_t discard_count;
};

void feed_state_done(struct feed_state *s);
/* A copy that owns what it holds. */
struct feed_state feed_state_copy(const struct feed_state *s);
struct blob *feed_state_encode(const struct feed_state *s);
/* False: it is none, or damaged. *ret is only written on success. */
bool feed_state_decode(struct str text, struct feed_state *ret);
/* One more discard; those older than the retention, and the oldest beyond LIMIT_FEED_DISCARDS, go. */
void feed_state_discard(struct feed_state *s, uint64_t up_to, int64_t now_wall);
/* Forget discards before this time. True: there were such. */
bool feed_state_expire(struct feed_state *s, int64_t before_wall);

/* Notifications into an array that is open; what cannot be read is left out. */
void feed_write_notes(struct jwriter *w, const struct feed_conf *conf,
                      const struct store_noted *notes, size_t count);
/* The bytes of batch s->batch, which tells what was dropped, too: of the *count notes as many as
 * LIMIT_FEED_BATCH_BYTES take, one at least; *count and *more (others are behind it) become what they
 * are then. */
struct blob *feed_batch_make(const struct feed_conf *conf, const struct feed_state *s,
                             const struct store_noted *notes, size_t *count, bool *more);

#endif
