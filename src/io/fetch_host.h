/*
 * An origin that is asked: which fetches wait for it and which are under way, and its connections.
 * It lives while it has fetches or open sockets (fetch.c).
 */
#ifndef IO_FETCH_HOST_H
#define IO_FETCH_HOST_H

#include "base/list.h"

struct fetch_shard;
struct fetcher;

struct fetch_host {
    struct fetcher *fr;
    struct fetch_shard *shard;
    struct list queue;   /* fetches that wait, in order */
    struct list sent;    /* fetches that run, in order of their launch */
    struct list waiting; /* on the fetcher's list hungry, starved or held */
    unsigned fetches;    /* queued and running */
    unsigned running;
    unsigned sockets;
    unsigned connecting; /* of the running ones: for a connection that has no socket yet */
    bool literal;
    char origin[];
};

/* Connections of h that have no request under way. */
unsigned fetch_host_idle(const struct fetch_host *h);
/* Free h if it has neither fetches nor sockets. */
void fetch_host_drop(struct fetch_host *h);

#endif
