/*
 * A loop: one thread, one libuv loop, and everything that lives on it. Code on a loop is
 * single-threaded and takes no locks; other threads reach it only by loop_post().
 *
 * One turn, in this order (why: see turn() in loop.c): now → sockets → timers → ends of fetches →
 * mailbox → deferred calls → commits → flush of hubs → graveyard.
 *
 * Timers, mails and deferred calls are embedded in the objects they serve; nothing is allocated.
 * Timers fire on a grid of 1 ms. All times: base/clock.h.
 */
#ifndef IO_LOOP_H
#define IO_LOOP_H

#include "base/clock.h"
#include "base/heap.h"
#include "base/list.h"

struct loop;
struct uv_loop_s;

#define LOOPS_MAX 64

/* ---- life ---- */

/* index: 0 … count-1 among the loops of the program. Aborts when the system refuses. */
struct loop *loop_new(unsigned index);
/* Run on this thread until loop_stop(); then returns with all handles still there, and may be
 * called again. */
void loop_run(struct loop *l);
/* From any thread: let the running turn end, then return from loop_run(). */
void loop_stop(struct loop *l);
/* Close what is left and free. After loop_run() returned; users have closed their handles. */
void loop_free(struct loop *l);
/* The loop of this thread, or NULL. */
struct loop *loop_current(void);
unsigned loop_index(const struct loop *l);
/* Start of the turn, monotonic µs: cheap. clock_now() where exactness matters. */
int64_t loop_now(const struct loop *l);
struct uv_loop_s *loop_uv(struct loop *l);

/* ---- timers ---- */

struct timer;
typedef void timer_f(struct timer *t, void *arg);
struct timer {
    struct heap_node node; /* key: when, µs */
    timer_f *fn;
    void *arg;
};
void timer_init(struct timer *t, timer_f *fn, void *arg);
/* Fire once at `at` (or a little after). Moves a timer that is set. */
void timer_set(struct loop *l, struct timer *t, int64_t at);
void timer_clear(struct loop *l, struct timer *t);
static inline bool timer_is_set(const struct timer *t)
{
    return t->node.at != 0;
}

/* ---- mailbox: the only way between threads ---- */

struct mail;
/* Runs on the receiving loop; owns the mail and whatever holds it. */
typedef void mail_f(struct mail *m);
struct mail {
    struct mail *next;
    mail_f *fn;
};
/* Mails of one sender arrive in order. After loop_stop() was seen, mails stay undelivered. */
void loop_post(struct loop *to, struct mail *m, mail_f *fn);

/* Convenience for rare calls: runs fn(arg) on the loop. */
typedef void loop_call_f(void *arg);
void loop_post_call(struct loop *to, loop_call_f *fn, void *arg);

/* ---- deferred calls and the graveyard ---- */

/* Run later in this turn, after the mailbox (from a deferred call: next turn). Deferring twice
 * before it ran is once. No completion runs inside the call that started the work: this is how. */
struct deferred;
typedef void deferred_f(struct deferred *d, void *arg);
struct deferred {
    struct list link;
    deferred_f *fn;
    void *arg;
};
void deferred_init(struct deferred *d, deferred_f *fn, void *arg);
void loop_defer(struct loop *l, struct deferred *d);
void deferred_cancel(struct deferred *d);

/* Free p by free_fn at the end of the turn: no object is freed inside its own callback. */
void loop_bury(struct loop *l, void *p, void (*free_fn)(void *p));

/* ---- steps of a turn that other modules own ---- */

enum loop_step {
    LOOP_STEP_FETCH,  /* ends of fetches, bounded */
    LOOP_STEP_COMMIT, /* hand the turn's commits to the store */
    LOOP_STEP_FLUSH,  /* write to channels what became due */
    LOOP_STEPS
};
/* Called once per turn at its place. fn returns true when it has more to do at once. */
typedef bool loop_step_f(void *arg);
void loop_set_step(struct loop *l, enum loop_step step, loop_step_f *fn, void *arg);

/* A slot for per-loop objects of other layers (hubs, directory …): see core/shard.h. */
void loop_set_user(struct loop *l, void *user);
void *loop_user(const struct loop *l);

#endif
