/*
 * A poller: the schedule of a topic. Fixed rate on the monotonic clock, phase by the hash of the
 * topic's id, never two polls of a topic at a time, missed ticks skipped and counted.
 *
 * It runs while the topic is followed, or always when alwaysOn. The first poll is at once.
 */
#ifndef CORE_POLLER_H
#define CORE_POLLER_H

#include "io/loop.h"

struct topic;
struct topic_conf;
struct request;

struct poller {
    struct topic *topic;
    bool running;
    bool again;         /* a poll was asked for while one was under way */
    bool once;          /* runs for one poll that was asked for while nobody follows */
    bool fresh;         /* the next poll was asked for: see struct request */
    int64_t due;        /* the next tick, µs */
    int64_t not_before; /* a source asked to wait (Retry-After) until then, µs; 0: no */
    struct timer timer;
    struct request *request; /* under way, or NULL */
    struct topic_conf
        *conf;   /* it started with; of the topic's the config is equal. While running */
    void *state; /* the processor's */
    uint64_t runs;
    uint64_t skipped;
};

void poller_init(struct poller *p, struct topic *t);
/* Start or stop as the topic's followers and settings say. */
void poller_update(struct poller *p);
/* Poll now (once more after the one under way), even if nobody follows the topic. False if it has
 * no poller. */
bool poller_poll_now(struct poller *p);
void poller_done(struct poller *p);
/* Called by the request's one exit. */
void poller_request_ended(struct poller *p);
/* The next tick after `now` of a schedule with this period and phase. Pure. */
int64_t poller_next_tick(int64_t now, int64_t period, int64_t phase);
/* When in its period it is due, in 2^-32 of the period. */
uint32_t poller_phase(const struct poller *p);

#endif
