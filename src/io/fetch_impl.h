/*
 * What the files of the fetcher share: fetch.c (life, queues, deadlines, ends), fetch_multi.c
 * (multi handles, sockets, timers), fetch_xfer.c (easy handles and their callbacks),
 * fetch_target.c (URLs, header fields), fetch_hop.c (what was sent), fetch_end.c (ends, redirects).
 *
 * Ownership: a fetcher owns shards, hosts, and the pool of transfers. A fetch borrows its target,
 * and from its launch to its end owns one transfer. A host lives while it has fetches or open
 * sockets. libcurl is never called from its own callbacks: they only note what has to be done,
 * and fetcher_settle() does it.
 */
#ifndef IO_FETCH_IMPL_H
#define IO_FETCH_IMPL_H

#include <curl/curl.h>

#include "base/map.h"
#include "io/fetch.h"
#include "io/fetch_host.h"
#include "io/fetch_target.h"

#define FETCH_HEAD_MAX ((size_t)64 << 10) /* header fields of an answer */

struct fetch_sock;
struct tls_trust;

/* A pooled easy handle with its buffers. */
struct fetch_xfer {
    struct list link;
    CURL *easy;
    struct fetch *f;
    struct buf body, head, lines;
    unsigned opened; /* sockets, over its life */
    struct curl_slist *nodes;
    size_t node_cap;
    bool head_whole, cut; /* cut: the body is longer, and that is fine */
    /* options in force that change from fetch to fetch */
    bool special; /* other than a GET without body */
    bool forbid_reuse;
    bool verbose; /* libcurl tells what it sends: see on_debug() */
    long dns_s, connect_ms, buffer_bytes;
    char error[CURL_ERROR_SIZE];
};

enum fetch_state { FETCH_QUEUED, FETCH_RUNNING, FETCH_DONE, FETCH_CALLING };

struct fetch {
    struct fetcher *fr;
    struct fetch_target *target;
    struct fetch_params params;
    fetch_done_f *done;
    void *arg;
    enum fetch_state state;
    struct list link; /* host's queue or sent, fetcher's done list or spare ones */
    struct heap_node due;
    struct fetch_host *host;
    struct fetch_xfer *x;
    struct fetch_lines *lines;   /* of the target, at launch */
    const struct fetch_url *url; /* the target's or own */
    struct fetch_url own;
    uint64_t *seen; /* hashes of URLs redirected from; redirects of them */
    unsigned redirects;
    int64_t started, alive; /* left the queue; last byte either way */
    int64_t sent_at;        /* the fetcher's worked */
    curl_off_t sent;
    bool connecting;
    bool resolving;
    bool opened;             /* an address was found that egress allows */
    bool refused4, refused6; /* info tells of an address of IPv4, of IPv6 that egress refuses */
    enum err err;
    int status;
    struct errinfo info;
};

struct fetcher {
    struct loop *loop;
    int64_t now; /* when sockets were looked at last; the loop's is older while they are */
    int64_t
        worked; /* goes as now does, but stands still while this loop is kept from looking, µs */
    struct fetcher_conf conf;
    char *ca_file;
    struct tls_trust *trust; /* made with the first TLS connection */
    int64_t trust_made;
    struct egress *egress;
    int epfd;
    struct uv_poll_s *poll; /* freed by libuv's close callback */
    struct fetch_sock *socks;
    size_t sock_cap;
    unsigned sockets;
    struct fetch_shard **shards;
    unsigned shard_count;
    struct list touched; /* shards to settle */
    struct map hosts;
    struct list hungry;  /* hosts that may have something to launch */
    struct list starved; /* hosts that wait for a resolver */
    struct list held;    /* hosts that may have no further connection yet */
    unsigned resolving;
    struct list pool; /* transfers */
    unsigned pool_count;
    struct list spare; /* fetches */
    unsigned spare_count;
    struct fetch_lines *plain; /* for origins other than the target's */
    struct heap deadlines;
    struct timer deadline_timer, reap_timer, held_timer;
    struct list done;
    struct deferred more;
    unsigned live; /* fetches not yet ended */
};

/* ---- fetch.c ---- */

/* The transfer of x ended with code: pass it on or follow its redirect. */
void fetch_finish(struct fetch_xfer *x, CURLcode code);
/* Launch what waits and may start now. */
void fetcher_feed(struct fetcher *fr);
/* It is now. */
void fetcher_look(struct fetcher *fr, int64_t now);
/* f has a socket, or will not have one. */
void fetch_connected(struct fetch *f);

/* ---- fetch_xfer.c ---- */
struct fetch_xfer *fetch_xfer_take(struct fetcher *fr);
/* To the pool, or free. NULL is fine. */
void fetch_xfer_give(struct fetcher *fr, struct fetch_xfer *x);
void fetch_xfer_free(struct fetch_xfer *x);
/* Overwrite what was sent and received. */
void fetch_xfer_wipe(struct fetch_xfer *x);
/* Set all options for x->f; E_INVALID for fields, E_LIMIT for too many. */
MUST_USE enum err fetch_xfer_prepare(struct fetch_xfer *x);

/* ---- fetch_hop.c: fills params.hops; without them these do nothing ---- */
void fetch_hop_begin(struct fetch *f);
void fetch_hop_sent(struct fetch *f, const char *p, size_t n);
void fetch_hop_redirected(struct fetch *f);

/* ---- fetch_end.c ---- */

/* Set f->err, status and info from how the transfer ended. */
void fetch_judge(struct fetch *f, CURLcode code);
/* After fetch_judge(): true when the answer is a redirect and f->url is now where to go on. A
 * redirect that must not be followed sets f->err. */
bool fetch_redirect(struct fetch *f);
void fetch_fill_result(struct fetch *f, struct fetch_result *ret);

#endif
