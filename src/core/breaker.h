/*
 * Breakers: one per host that subscriptions deliver to, on each loop. When a host did not answer
 * several times in a row, whoever asked, it is left alone but for one probe at a time, so that it
 * costs next to nothing while it is down, however many subscriptions wait for it. A request that is
 * answered, with whatever status, makes it whole again.
 */
#ifndef CORE_BREAKER_H
#define CORE_BREAKER_H

#include "base/str.h"

/* Requests in a row without an answer that open a breaker. */
#define BREAKER_FAILURES 5

struct breaker;
struct breakers;

/* gap_us: from a probe that failed to the next. */
struct breakers *breakers_new(int64_t gap_us);
/* Whoever got one has put it back. NULL is fine. */
void breakers_free(struct breakers *bs);

/* That of a host ("https://example.com:443"), one reference; forgotten with the last. */
struct breaker *breaker_get(struct breakers *bs, struct str host);
/* NULL is fine. */
void breaker_put(struct breaker *b);

/* ---- requests ---- */

enum breaker_pass { BREAKER_CLOSED, BREAKER_PROBE, BREAKER_REFUSED };
enum breaker_end {
    BREAKER_ANSWERED, /* by whatever status */
    BREAKER_SILENT,   /* no connection, or no answer in time */
    BREAKER_UNKNOWN,  /* it was not asked after all, or not to the end */
};

/* May a request be sent to the host? Unless it is refused, what became of it has to be told. wait:
 * where it is refused, not before that time, µs; 0: a probe is under way. */
enum breaker_pass breaker_enter(struct breaker *b, int64_t now, int64_t *ret_wait_us);
void breaker_leave(struct breaker *b, enum breaker_pass pass, enum breaker_end end, int64_t now);

#endif
