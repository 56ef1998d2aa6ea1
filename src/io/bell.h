/*
 * A bell: a descriptor that any thread may write to and that wakes the loop. For libraries with
 * threads of their own, which tell by writing to a descriptor that there is something to fetch.
 * Strokes are not counted: however many there were, the loop hears it once.
 */
#ifndef IO_BELL_H
#define IO_BELL_H

#include "base/err.h"
#include "io/loop.h"

struct bell;
typedef void bell_f(void *arg);

/* What to write, in one write(): this value, in this size. */
typedef uint64_t bell_stroke_t;
#define BELL_STROKE ((bell_stroke_t)1)

/* fn(arg) is called on the loop, once for all strokes since it was called last. It may free the
 * bell. E_SYSTEM: there are no descriptors left. */
MUST_USE enum err bell_new(struct loop *l, bell_f *fn, void *arg, struct bell **ret,
                           struct errinfo *ei);
/* Non-blocking; open until bell_free(). */
int bell_fd(const struct bell *b);
/* A stroke, from any thread. */
void bell_ring(const struct bell *b);
/* No call after. Nobody may still write to the descriptor. NULL is fine. */
void bell_free(struct bell *b);

#endif
