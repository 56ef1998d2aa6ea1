/*
 * What the files of the http-poller share: pub_http.c (life of the state, setup, end),
 * http_cycle.c (what the answers mean: pages, and whether there is anything new). One request with its
 * retries is http_exchange.h.
 *
 * Who owns what: the state lives as long as the poller runs; the run as long as the poll request;
 * the body of an answer only as long as the fetch's callback, so the response step runs in it.
 */
#ifndef PUBLISHER_HTTP_RUN_H
#define PUBLISHER_HTTP_RUN_H

#include "core/fetch_share.h"
#include "core/page_guard.h"
#include "core/page_memo.h"
#include "core/page_merge.h"
#include "core/request.h"
#include "publisher/http_exchange.h"
#include "publisher/pub_http_conf.h"

/* What is known of the last cycle that succeeded. */
struct http_known {
    int64_t success_wall; /* when its first request was sent; 0: none has succeeded */
    uint64_t config_key;  /* of the settings that make the request */
    uint64_t request_key; /* of the exact request: the URL, too */
    bool has_hash;
    struct hash128 hash; /* of the bodies as sent */
    char *etag;          /* only of a cycle with a single request */
    char *last_modified;
};

struct http_state {
    uint64_t config_key;
    struct fetch_target *target; /* NULL: the URL cannot be used, see flaw */
    struct errinfo *flaw;        /* else NULL */
    struct http_known kept;
    struct http_known *learnt; /* of the run under way, kept when it is settled; or NULL */
    struct page_memo memo;     /* of the cycles of these settings */
    int64_t seen; /* when the last first answer was asked for, monotonic: no older one is taken */
};

struct http_page_kept;

/* Of a cycle of pages. As long as each is the one of the cycle before, they are kept as they came, in
 * the arena: most often all are, and none has to be looked into. */
struct http_pages {
    struct page_guard guard;
    struct page_merge merge;
    struct http_page_kept *kept, **kept_end;
    size_t kept_bytes;
    bool merging; /* one was another: all are merged as they come */
};

struct http_run {
    struct http_state *state;
    struct http_call call; /* its requests may be those of other topics: http_share.c */
    struct share_ask *ask; /* asked for together with other topics, or NULL */
    uint64_t round;        /* serial of the last page's answer, if it shares; or 0 */
    uint64_t request_key;
    struct http_pages *pages; /* NULL: the answer is all there is */
    struct hash128 hash;      /* of all bodies so far */
};

/* The number of the page under way, from 1. */
static inline size_t http_run_page(const struct http_run *run)
{
    return run->pages ? page_guard_count(&run->pages->guard) : 1;
}

/* The response step. */
void http_cycle_response(struct request *r);

void http_known_done(struct http_known *k);

#endif
