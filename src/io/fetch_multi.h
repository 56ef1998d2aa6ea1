/*
 * Multi handles (shards), sockets and timers. For the fetcher's own files.
 */
#ifndef IO_FETCH_MULTI_H
#define IO_FETCH_MULTI_H

#include "io/fetch_impl.h"

/* One multi handle and the hosts that use it. */
struct fetch_shard {
    struct fetcher *fr;
    CURLM *multi; /* NULL: closed while nobody used it */
    struct list touched;
    struct timer timer; /* set no later than due */
    int64_t due;
    bool run_now;   /* timeout 0 was asked for */
    uint32_t phase; /* of the host it was made for */
    unsigned hosts, running, sockets, connecting;
    int64_t used; /* last end of a transfer */
};

/* What is known of a file descriptor that libcurl uses. */
struct fetch_sock {
    struct fetch_shard *shard;
    struct fetch_host *host; /* NULL: libcurl made it itself (resolver) */
    uint8_t want;            /* what libcurl asked for last */
    uint8_t armed;           /* what epoll watches */
    bool proven;             /* libcurl will tell when it closes it */
};

void fetcher_open_poll(struct fetcher *fr);
void fetcher_close_poll(struct fetcher *fr);
/* The shard for a new host that is asked at this phase (struct fetch_params). */
struct fetch_shard *fetch_shard_pick(struct fetcher *fr, uint32_t phase);
void fetch_shard_add(struct fetch_shard *s, struct fetch_xfer *x);
void fetch_shard_remove(struct fetch_shard *s, struct fetch_xfer *x);
/* Close its multi handle and all connections; opened again when needed. */
void fetch_shard_close(struct fetch_shard *s);
void fetch_shard_free(struct fetch_shard *s);
/* Do what libcurl's callbacks noted, and take in the transfers that ended. Bounded. */
void fetcher_settle(struct fetcher *fr);
void fetch_sock_opened(struct fetcher *fr, int fd, struct fetch_host *h);
int fetch_on_close_socket(void *arg, curl_socket_t fd);
/* After all multi handles were closed: whatever was closed without our knowing. */
void fetcher_forget_socks(struct fetcher *fr);

#endif
