/*
 * Sinks: ways of delivery of which subscriptions are provisioned and last: webhook, kafka. A sink
 * carries events; what is to be carried next, from where after a restart, and when to try again
 * after a failure is the affair of core/subscription.h.
 *
 * Built-in sinks are rows of a table that the program registers at start; the core knows them only
 * by this struct. All of it is called on the loop that owns the topic, except what says otherwise.
 */
#ifndef CORE_SINK_H
#define CORE_SINK_H

#include "core/event.h"
#include "core/fault.h"
#include "core/mode.h"

struct attr;
struct subscription;

enum sink_outcome {
    SINK_DONE,  /* the receiver has it */
    SINK_AGAIN, /* not now: the same events again, later */
    SINK_GONE,  /* the receiver wants no more: the subscription is suspended */
    SINK_NEVER, /* it can never be delivered: it is passed over, and counted as missed */
};

struct sink_result {
    enum sink_outcome outcome;
    int64_t wait_us;     /* AGAIN: not sooner than this, as the receiver asked; 0: it did not */
    struct errinfo info; /* not DONE: why, for people, without secrets */
};

struct sink {
    enum subscriber_type type;
    /* Rows of a subscription, those all sinks have (SUBSCRIPTION_ROWS) included. */
    const struct attr *attrs;
    size_t attr_count;
    /* Parse the JSON of a subscription; adds faults with pointers from its root. Returns the config
     * (immutable, used by any loop; begins with struct subscription_common), NULL only when faults
     * were added. Any loop. */
    void *(*config_new)(const jval *root, struct faults *f);
    void (*config_free)(void *config);
    /* Events that may be under way at once; 1: one after the other. */
    unsigned window;
    size_t window_bytes; /* and their bytes, unless one alone has more; 0: any */

    /* The subscription becomes active, or its settings changed: what is kept for it. NULL: nothing
     * is carried, who subscribed comes for it (SSE by id); then all below is NULL, too. */
    void *(*start)(struct subscription *s);
    /* Nothing is reported after. What is under way may arrive or not. */
    void (*stop)(void *state);
    /* Carry e, kept until it is reported: by subscription_report(), once for each event, in the
     * order of these calls, not inside of this one. attempt: 0 for the first. After AGAIN or GONE
     * was reported, all that is still under way is forgotten by cancel(). */
    void (*deliver)(void *state, struct event *e, unsigned attempt);
    void (*cancel)(void *state);
    /* Send this body as it is, apart from all else; no retry. Nothing is reported. NULL: there is
     * nobody to send it to. */
    void (*test)(void *state, struct str body);
    /* Write what was said with the receiver between these times (wall, µs, both included), the
     * oldest first and masked, as elements of an array that is open in w. Also while the
     * subscription is suspended, so it is kept in s->kept, not in the state. NULL: it is not kept. */
    void (*exchanges)(const struct subscription *s, int64_t from_wall, int64_t to_wall,
                      struct jwriter *w);
    /* The subscription goes, after stop(): free what s->kept holds (not NULL). NULL: never any. */
    void (*kept_free)(void *kept);
};

/* At start, before any loop runs. */
void sink_register(const struct sink *s);
/* NULL if no such type. */
const struct sink *sink_find(enum subscriber_type type);

#endif
