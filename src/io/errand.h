/*
 * An errand: a call that may block, made away from the loop, on a thread of libuv's. For rare calls
 * of libraries that offer nothing better, as ending something that has threads of its own.
 */
#ifndef IO_ERRAND_H
#define IO_ERRAND_H

#include "io/loop.h"

typedef void errand_f(void *arg);

/* Run work(arg) on another thread, then done(arg) on the loop: when it runs, else in loop_free(),
 * which waits for it. work touches nothing that the loop uses meanwhile. */
void errand_run(struct loop *l, errand_f *work, errand_f *done, void *arg);

#endif
