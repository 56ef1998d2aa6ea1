/*
 * What the files of the http-poller share: pub_http.c (life of the state, setup, end),
 * http_exchange.c (one request with its retries), http_cycle.c (what the answers mean: pages, and
 * whether there is anything new).
 *
 * Who owns what: the state lives as long as the poller runs; the run as long as the poll request;
 * the body of an answer only as long as the fetch's callback, so the response step runs in it.
 */
#ifndef PUBLISHER_HTTP_RUN_H
#define PUBLISHER_HTTP_RUN_H

#include "core/page_guard.h"
#include "core/page_merge.h"
#include "core/request.h"
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
    struct fetch_target *target; /* NULL: the URL cannot be used, see info */
    struct errinfo info;
    struct http_known kept;
    struct http_known learnt; /* of the run under way; kept when it is settled */
    bool has_learnt;
};

/* Of a cycle of pages. */
struct http_pages {
    struct page_guard guard;
    struct page_merge merge;
};

struct http_run {
    struct http_state *state;
    struct fetch *fetch;           /* under way, or NULL */
    struct token_wait *token_wait; /* likewise */
    struct token *token;           /* of type oauth2: sent with each request of the run */
    struct str authorization;      /* its line, in place until the fetch ends */
    bool renewed;                  /* the API refused a token; it is asked with a new one once */
    struct timer retry;
    int64_t began_wall; /* start of the first request */
    struct buf url;     /* of the request under way; empty: the target's own */
    uint64_t request_key;
    bool conditional;                  /* validators are sent */
    struct http_pages *pages;          /* NULL: the answer is all there is */
    struct hash128 hash;               /* of all bodies so far */
    const struct fetch_result *result; /* only within the response step */
};

/* Send the request of run->url; ends in request_step_done() with run->result set, or in
 * request_end() when all attempts failed. */
void http_exchange_send(struct request *r);
/* Stop what is under way. */
void http_exchange_stop(struct request *r);
void http_exchange_init(struct request *r);

/* The response step. */
void http_cycle_response(struct request *r);

void http_known_done(struct http_known *k);

#endif
