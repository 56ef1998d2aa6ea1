/*
 * The calls that a consumer of a feed makes (docs/feeds.md), for commands; and what a refusal means, as
 * these calls are answered in the short form that clients of such feeds know.
 */
#ifndef CLI_FEED_CLIENT_H
#define CLI_FEED_CLIENT_H

#include "cli/client.h"

/* All borrowed. */
struct feed_client {
    struct client *client;
    const char *feed;
    const char *consumer; /* NULL: the feed's own */
};

/* tail: what follows the path of the feed, or of its consumer: "/next?max=1". Any 2xx is E_OK.
 * E_NOT_FOUND: there is no such feed or consumer, and ei says which may be meant; E_INVALID: it was
 * refused; E_UNAVAILABLE and errors of the same kind: it may be tried again. */
MUST_USE enum err feed_client_ask(const struct feed_client *f, const char *method, const char *tail,
                                  struct client_answer *ret, struct errinfo *ei);
/* E_CONFLICT: that batch is not the open one, and ei says which is. */
MUST_USE enum err feed_client_complete(const struct feed_client *f, struct str batch,
                                       struct errinfo *ei);
/* The batch of an answer of 200 to `next`; NULL, and E_INVALID in ei, if it is none. Borrowed. */
const jval *feed_client_batch(const struct feed_client *f, const struct client_answer *a,
                              struct errinfo *ei);

#endif
