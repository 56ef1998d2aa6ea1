/*
 * HTTP client: one fetcher per loop. The only door to libcurl.
 *
 * Transfers are spread over several multi handles by host, easy handles come from a pool, sockets
 * stay registered with an epoll of the fetcher's own (see fetch_multi.c for what each is worth).
 * Bodies are kept as sent (not inflated) and hashed as they arrive; whoever needs the plain text
 * calls inflate_body(). At most conf.per_host requests are under way per host, the rest wait in
 * order.
 */
#ifndef IO_FETCH_H
#define IO_FETCH_H

#include "base/buf.h"
#include "base/hash.h"
#include "io/egress.h"
#include "io/loop.h"

struct fetcher;
struct fetch;
struct fetch_target;

struct fetcher_conf {
    unsigned per_host;        /* requests under way per host (scheme, host, port) */
    unsigned max_connections; /* kept in all */
    int64_t connect_timeout_us;
    int64_t low_speed_us; /* no byte for so long ends the transfer */
    int64_t slow_us;      /* a host that has not answered for so long gets more connections */
    const char *ca_file;  /* NULL: the system's bundle */
};
void fetcher_conf_default(struct fetcher_conf *c);

/* egress NULL: only what is refused always is refused. */
struct fetcher *fetcher_new(struct loop *l, const struct fetcher_conf *conf, struct egress *egress);
/* All fetches were ended or cancelled. */
void fetcher_free(struct fetcher *fr);

/* ---- what to ask ---- */

/* URL and header fields that stay the same from poll to poll, parsed once. Used on one loop.
 * NULL and E_INVALID in ei for what is no http or https URL, or is over 8 KiB. */
struct fetch_target *fetch_target_new(struct str url, struct errinfo *ei);
void fetch_target_free(struct fetch_target *t);
/* Set or replace a field sent with every request to the target's own origin; also while requests
 * are under way. E_INVALID for names or values HTTP forbids, and for fields that frame the message.
 * Credentials in the URL are such a field (Authorization) from the start. */
MUST_USE enum err fetch_target_header(struct fetch_target *t, struct str name, struct str value,
                                      struct errinfo *ei);
/* scheme://host:port, lower case, port always there. */
struct str fetch_target_origin(const struct fetch_target *t);
/* The ith field that is sent with every request, "Name: value"; p NULL: there are no more. Borrowed
 * until the next change. */
struct str fetch_target_line(const struct fetch_target *t, size_t i);

/* One request as it left; more than one of a fetch that was redirected. */
struct fetch_hop {
    char *url;
    struct buf sent; /* request line and header fields, each with its CRLF; holds credentials */
    int status;      /* of the answer that redirected it; 0: it is the last */
};
#define FETCH_HOPS_MAX 8
struct fetch_hops {
    struct fetch_hop items[FETCH_HOPS_MAX];
    size_t count; /* further ones are not kept */
};
/* Overwrite and free what is in it; it may be used again. */
void fetch_hops_clear(struct fetch_hops *h);

struct fetch_params {
    const char *method;        /* NULL: GET */
    struct str url;            /* p NULL: the target's; else this request's own (pages, queries) */
    struct str body;           /* borrowed until the end */
    struct str etag;           /* If-None-Match; p NULL: none. Not sent on to where it redirects */
    struct str last_modified;  /* If-Modified-Since; likewise */
    const struct str *headers; /* more "Name: value" lines; they win over the target's */
    size_t header_count;
    /* When in its period it is made again and again, in 2^-32 of the period: hosts that are asked at
     * the same time are kept together. 0 for what has no schedule. */
    uint32_t phase;
    int64_t deadline; /* monotonic µs; the transfer ends by then */
    /* It ends so long after it left the queue, if not before; silence alone does not end it. 0: only
     * the deadline, and silence. */
    int64_t timeout_us;
    size_t max_bytes; /* of the body as sent; over it E_POLL_SIZE. 0: 64 MiB */
    bool cut;         /* over it is no error: the body is cut there, the rest is not waited for */
    /* 0: a 3xx is given back as it is, as it always is for a method other than GET and HEAD. Other
     * origins than the target's get none of the fields above, and https never leads to http. */
    unsigned max_redirects;
    bool
        secret; /* the fetcher's own copies of the fields and of the answer are overwritten after */
    struct fetch_hops *hops; /* gets what is sent, until the end; NULL: it is not kept */
};

/* ---- what came ---- */

struct fetch_result {
    enum err err; /* E_OK when an HTTP answer came whole, whatever its status */
    int status;
    struct str body;     /* as sent; borrowed for the callback */
    struct hash128 hash; /* of body as sent */
    struct str head;     /* all header lines of the last answer, CRLF between */
    struct str url;      /* of the last answer, after redirects; never with credentials */
    int64_t started;     /* when the request left the queue */
    int64_t connect_us, first_byte_us, total_us;
    unsigned redirects;
    struct errinfo info; /* what went wrong, for people */
};

/* Value of the nth field of that name in res->head, trimmed; STR_NONE if absent. */
struct str fetch_header(const struct fetch_result *res, const char *name, size_t n);

/* Never called inside fetch_start(). The fetch is gone after it returns. */
typedef void fetch_done_f(const struct fetch_result *res, void *arg);

/* t and what params borrows stay until the end. Never NULL. */
struct fetch *fetch_start(struct fetcher *fr, struct fetch_target *t,
                          const struct fetch_params *params, fetch_done_f *done, void *arg);
/* End it without a callback. */
void fetch_cancel(struct fetch *f);

#endif
