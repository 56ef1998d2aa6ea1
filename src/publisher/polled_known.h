/*
 * What is known of a feed that is polled: its batch in progress, and which notifications were
 * published. It is committed together with them, so that none is published twice, whenever the
 * program ends and whatever the feed gives again.
 */
#ifndef PUBLISHER_POLLED_KNOWN_H
#define PUBLISHER_POLLED_KNOWN_H

#include "publisher/polled_batch.h"

/* Zeroed but for feed, nothing is known. Owns its texts: polled_known_done(). */
struct polled_known {
    uint64_t feed;  /* which one it is */
    char *batch;    /* the last that was given; NULL: none */
    bool completed; /* and the feed knows that it was taken */
    uint64_t seq;   /* of the last event of it; 0: none */
    char **ids;     /* of the notifications of that batch, last, and of some before it */
    size_t count;
};

void polled_known_done(struct polled_known *k);
bool polled_known_has(const struct polled_known *k, struct str id);
/* Into *ret (zeroed): what is known when the batch->count first ones are published, the last event of
 * them with the number seq. Of ids that are not in the batch the last LIMIT_POLLED_IDS stay. */
void polled_known_next(const struct polled_known *k, const struct polled_batch *batch, uint64_t seq,
                       struct polled_known *ret);

/* Append as JSON text. */
void polled_known_write(const struct polled_known *k, struct buf *b);
/* *k is of its feed: what was saved of another one is not taken. */
void polled_known_read(struct polled_known *k, const jval *saved);

#endif
