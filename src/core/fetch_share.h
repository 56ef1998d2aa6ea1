/*
 * Requests that several topics make alike, made once: polls that are due within one period, and whose
 * requests are equal to the byte, share one fetch and its answer.
 *
 * The loop hash(request) % loops owns a request: it is the only one that makes it, and keeps the
 * answer for as long as it can serve. Polls ask by mail and get a reference by mail. Who asks while
 * the request is under way waits for its end; a failure is kept as well, so that a thousand topics do
 * not retry each for itself. What serves whom is said in core/fetch_answer.h.
 *
 * Each loop counts the topics by what their settings fix of their requests. A topic that is alone
 * with that does not ask here at all.
 */
#ifndef CORE_FETCH_SHARE_H
#define CORE_FETCH_SHARE_H

#include "core/fetch_answer.h"

struct fetch_shares;
struct shard;
struct share_ask;
struct topic_conf;

/* Of a shard: made after its fetcher. Closed when the loops have stopped, before the fetcher goes;
 * freed when all shards are closed. NULL is fine. */
struct fetch_shares *fetch_shares_new(struct shard *sh);
void fetch_shares_close(struct fetch_shares *s);
void fetch_shares_free(struct fetch_shares *s);

/* ---- topics that may make the same requests ---- */

/* For the directory: this loop knows the topic now, or no more. */
void fetch_share_enter(struct shard *sh, const struct topic_conf *c);
void fetch_share_leave(struct shard *sh, const struct topic_conf *c);
/* Is there another topic whose requests may be the same? */
bool fetch_share_wanted(const struct shard *sh, const struct topic_conf *c);

/* ---- asking ---- */

/* Makes what c has to be asked with; on the loop that owns the request. NULL: it cannot be, ei says
 * why. */
typedef struct fetch_target *share_target_f(const struct topic_conf *c, struct errinfo *ei);

struct share_params {
    struct hash128 key; /* of all that makes the request; see below */
    struct fetch_need need;
    bool fresh; /* ask the source, whatever is kept or under way */
    /* The request, should it have to be made; key covers all but the deadline. */
    struct topic_conf *conf;
    share_target_f *target;
    struct str url, etag, last_modified; /* as in struct fetch_params */
    struct token *token;                 /* is sent; or NULL */
    size_t max_bytes;
    unsigned max_redirects;
    int64_t deadline; /* monotonic µs; of the poll: it fails by then even if others go on waiting */
};

/* shared: another poll made the request. Never called inside fetch_share_ask(), and the ask is gone
 * when it is called. The answer is borrowed for the call. */
typedef void share_done_f(const struct fetch_answer *a, bool shared, void *arg);

/* On the shard's loop. Never NULL; borrows p for the call. */
struct share_ask *fetch_share_ask(struct shard *sh, const struct share_params *p,
                                  share_done_f *done, void *arg);
/* The callback does not come. A request under way ends if nobody else waits for it. NULL is fine. */
void fetch_share_cancel(struct share_ask *ask);

#endif
