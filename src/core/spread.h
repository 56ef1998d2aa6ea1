/*
 * One thing done on every loop, started from the first: how what is the same on all loops (the
 * directories of topics and subscriptions) is changed in one order for all. Mails of one sender
 * arrive in order, so whatever is spread first is done first, everywhere.
 */
#ifndef CORE_SPREAD_H
#define CORE_SPREAD_H

#include "core/shard.h"

typedef void spread_f(struct shard *sh, void *arg);
typedef void spread_done_f(void *arg);

/* On the first loop: run each(arg) on all loops, told to `first` first, then done(arg) on the first
 * loop. arg stays until then. */
void spread_start(struct engine *e, const struct shard *first, spread_f *each, spread_done_f *done,
                  void *arg);

#endif
