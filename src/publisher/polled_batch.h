/*
 * A batch as a feed gives it, checked: {"batchId", "notifications": [{"id", …}, …],
 * "moreAvailable"}; and the URLs of a feed. Pure.
 */
#ifndef PUBLISHER_POLLED_BATCH_H
#define PUBLISHER_POLLED_BATCH_H

#include "json/value.h"

/* Borrows from the document it was read from. */
struct polled_batch {
    struct str id;
    const jval *notifications; /* each an object whose "id" is a text */
    size_t count;              /* of them that are looked at */
    bool more;                 /* others wait behind it */
    int64_t dropped;           /* how many a feed says that it did not keep before this batch */
};

/* E_POLL_FORMAT: it is not as documented; ei says where. */
MUST_USE enum err polled_batch_read(const jval *root, struct polled_batch *ret, struct errinfo *ei);

/* Append the URL of a feed's next batch, and the one to POST to when a batch is completed. feed: what
 * url_check() takes; its query is kept. */
void polled_url_next(struct str feed, struct buf *b);
void polled_url_complete(struct str feed, struct str batch, struct buf *b);

#endif
