/*
 * One exchange with a source: a request, its retries, its token, and what the status of its answer
 * means. A run of a publisher makes one after the other, with the same struct http_call.
 *
 * The call belongs to the run's own record (request->step), which starts with it or holds it. The
 * body of an answer is there only as long as the fetch's callback, so the response step runs in it.
 */
#ifndef PUBLISHER_HTTP_EXCHANGE_H
#define PUBLISHER_HTTP_EXCHANGE_H

#include "core/request.h"
#include "core/token.h"
#include "io/fetch.h"
#include "publisher/http_timing.h"

struct http_call;
/* Another way for a request to leave; http_exchange_fetched() gets the answer. */
typedef void http_send_f(struct http_call *call, const struct fetch_params *params);

struct http_call {
    /* set before a request */
    struct request *request;
    struct fetch_target *target;
    const struct http_retries *retries;
    const char *method;             /* NULL: GET */
    struct str body;                /* p NULL: none */
    struct buf url;                 /* empty: the target's own */
    struct str etag, last_modified; /* p NULL: it is not conditional */
    int accepted;                   /* a status beside 2xx that is as good; 0: none */
    size_t max_bytes;               /* of the body of an answer; 0: payload.maxBytes */
    bool rate_limit;                /* X-Rate-Limit-Reset of an answer 429 counts, too */
    http_send_f *send;              /* NULL: by the fetcher of the loop */
    struct token_conf *client;      /* of type oauth2, with its secrets of now; or NULL */
    /* of which exchange of the run it is told, if it is not the first */
    const char *part; /* "page" */
    size_t number;    /* from 1 */
    /* under way */
    struct fetch *fetch;
    struct token_wait *token_wait;
    struct token *token;      /* of the client: sent with each request of the run */
    struct str authorization; /* its line, in place until the fetch ends */
    bool renewed;             /* the source refused a token; it is asked with a new one once */
    struct timer retry;
    int64_t began_wall; /* start of the first request of the run */
    /* the answer, only within the response step */
    const struct fetch_result *result;
};

/* call is zeroed. What is set before a request is the caller's to fill in. */
void http_exchange_init(struct http_call *call, struct request *r);
/* Send the request; ends in request_step_done() with call->result set, or in request_end() when all
 * attempts failed. request->attempt counts on: set it to 0 where another exchange begins. */
void http_exchange_send(struct http_call *call);
/* What came for it, where call->send is not NULL. */
void http_exchange_fetched(struct http_call *call, const struct fetch_result *res);
/* Stop what is under way, free what the call holds. */
void http_exchange_stop(struct http_call *call);

#endif
