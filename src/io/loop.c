#include "io/loop.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <uv.h>

#include "base/count.h"
#include "base/trace.h"

/* A turn longer than this delays everybody else on the loop: it is counted and traced. */
#define SLOW_TURN_US (50 * US_PER_MS)
/* Rounds of mail in one turn: a flood of mail must not keep sockets waiting. */
#define MAIL_ROUNDS 4

struct grave {
    void *p;
    void (*free_fn)(void *p);
};

struct step {
    loop_step_f *fn;
    void *arg;
};

struct loop {
    unsigned index;
    int64_t now;
    uv_loop_t uv;
    uv_check_t check;
    uv_prepare_t prepare;
    uv_idle_t idle;   /* active while there is more to do at once */
    uv_timer_t timer; /* wakes the poll for the earliest timer; its callback does nothing */
    uv_poll_t bell;   /* wakes the poll for mail: watches bell_fd */
    int bell_fd;
    int64_t armed_at; /* what `timer` is set to, or TIME_NEVER */
    bool more;        /* something is left to do at once */
    struct heap timers;
    struct list deferred;
    struct grave *graves;
    size_t grave_count, grave_cap;
    struct step steps[LOOP_STEPS];
    void *user;
    _Atomic(struct mail *) mail; /* newest first */
    atomic_bool stopping;
};

static _Thread_local struct loop *current;

/* ---- the bell ---- */

/* From any thread. An event descriptor of our own: the loop that uv_async_send() wakes spins until
 * the sender is back from its system call. */
static void ring(const struct loop *l)
{
    if (eventfd_write(l->bell_fd, 1) != 0)
        CHECK(errno == EAGAIN); /* it cannot count further: it is ringing */
}

/* The turn that follows takes the mail. */
static void on_bell(uv_poll_t *h, int status, int events)
{
    const struct loop *l = h->data;
    eventfd_t strokes;

    (void)status;
    (void)events;
    (void)eventfd_read(l->bell_fd, &strokes);
}

/* ---- mailbox ---- */

void loop_post(struct loop *to, struct mail *m, mail_f *fn)
{
    struct mail *head = atomic_load_explicit(&to->mail, memory_order_relaxed);

    m->fn = fn;
    do {
        m->next = head;
    } while (!atomic_compare_exchange_weak_explicit(&to->mail, &head, m, memory_order_release,
                                                    memory_order_relaxed));
    count_one(COUNT_mailbox_posts);
    /* Only the first of a batch has to wake the loop; it takes the whole chain. Own mail does not: the
     * poll will not wait. */
    if (to == current)
        to->more = true;
    else if (!head)
        ring(to);
}

static struct mail *mail_take(struct loop *l)
{
    struct mail *m = atomic_exchange_explicit(&l->mail, NULL, memory_order_acquire);
    struct mail *in_order = NULL;

    while (m) {
        struct mail *next = m->next;
        m->next = in_order;
        in_order = m;
        m = next;
    }
    return in_order;
}

static void run_mail(struct loop *l)
{
    for (int round = 0; round < MAIL_ROUNDS; round++) {
        struct mail *m = mail_take(l);
        if (!m)
            return;
        while (m) {
            struct mail *next = m->next; /* the mail may be freed by its function */
            m->fn(m);
            m = next;
        }
    }
    l->more = true;
}

struct posted_call {
    struct mail mail;
    loop_call_f *fn;
    void *arg;
};

static void on_posted_call(struct mail *m)
{
    AUTO_FREE struct posted_call *c = CONTAINER_OF(m, struct posted_call, mail);
    c->fn(c->arg);
}

void loop_post_call(struct loop *to, loop_call_f *fn, void *arg)
{
    struct posted_call *c = xmalloc(sizeof *c);

    c->fn = fn;
    c->arg = arg;
    loop_post(to, &c->mail, on_posted_call);
}

/* ---- timers ---- */

void timer_init(struct timer *t, timer_f *fn, void *arg)
{
    *t = (struct timer){.fn = fn, .arg = arg};
}

void timer_set(struct loop *l, struct timer *t, int64_t at)
{
    heap_set(&l->timers, &t->node, at);
}

void timer_clear(struct loop *l, struct timer *t)
{
    heap_remove(&l->timers, &t->node);
}

/* A timer that sets itself again for a time already past must not keep the turn from ending, or
 * sockets would starve: no more fire than were set when it began. */
static void run_timers(struct loop *l)
{
    struct heap_node *n;
    size_t left = l->timers.count;

    while (left-- > 0 && (n = heap_min(&l->timers)) && n->key <= l->now) {
        struct timer *t = CONTAINER_OF(n, struct timer, node);
        heap_remove(&l->timers, n);
        t->fn(t, t->arg);
    }
}

static void on_wake(uv_timer_t *t)
{
    ((struct loop *)t->data)->armed_at = TIME_NEVER;
}

static void arm_timer(struct loop *l)
{
    struct heap_node *n = heap_min(&l->timers);
    int64_t at = n ? n->key : TIME_NEVER;

    if (at == l->armed_at)
        return;
    l->armed_at = at;
    if (at == TIME_NEVER) {
        uv_timer_stop(&l->timer);
        return;
    }
    uv_update_time(&l->uv);
    int64_t wait_us = at - clock_now();
    /* Rounded up to the grid: wake-ups are shared, and none comes before its time. */
    uint64_t wait_ms = wait_us <= 0 ? 0 : (uint64_t)((wait_us + US_PER_MS - 1) / US_PER_MS);
    uv_timer_start(&l->timer, on_wake, wait_ms, 0);
}

/* ---- deferred calls and the graveyard ---- */

void deferred_init(struct deferred *d, deferred_f *fn, void *arg)
{
    *d = (struct deferred){.fn = fn, .arg = arg};
}

void loop_defer(struct loop *l, struct deferred *d)
{
    if (!list_linked(&d->link))
        list_append(&l->deferred, &d->link);
}

void deferred_cancel(struct deferred *d)
{
    list_remove(&d->link);
}

static void run_deferred(struct loop *l)
{
    struct list batch, *n;

    list_init(&batch);
    list_splice(&batch, &l->deferred);
    while ((n = list_pop(&batch))) {
        struct deferred *d = CONTAINER_OF(n, struct deferred, link);
        d->fn(d, d->arg);
    }
}

void loop_bury(struct loop *l, void *p, void (*free_fn)(void *p))
{
    if (l->grave_count == l->grave_cap) {
        l->grave_cap = l->grave_cap ? l->grave_cap * 2 : 64;
        l->graves = xrealloc(l->graves, l->grave_cap * sizeof *l->graves);
    }
    l->graves[l->grave_count++] = (struct grave){p, free_fn};
}

static void empty_graves(struct loop *l)
{
    /* A destructor may bury more; the array may move. */
    for (size_t i = 0; i < l->grave_count; i++) {
        struct grave g = l->graves[i];
        g.free_fn(g.p);
    }
    l->grave_count = 0;
}

/* ---- the turn ---- */

void loop_set_step(struct loop *l, enum loop_step step, loop_step_f *fn, void *arg)
{
    l->steps[step] = (struct step){fn, arg};
}

static void run_step(struct loop *l, enum loop_step step)
{
    if (l->steps[step].fn && l->steps[step].fn(l->steps[step].arg))
        l->more = true;
}

static bool has_more(struct loop *l)
{
    return l->more || !list_empty(&l->deferred);
}

/*
 * What follows the sockets in a turn. The order matters:
 * - timers before the ends of fetches: a deadline that passed wins over an answer of this turn;
 * - fetches before mail: a poll of ours ends before news of others are looked at;
 * - mail before deferred calls: what mail starts completes in this turn;
 * - commits after all of these: one hand-over to the store for everything the turn changed;
 * - flush after commits: channels get what other turns made durable while this turn's is on its
 *   way to disk, and an event is written to all channels in one go;
 * - graves last: nothing of this turn can still point to them.
 */
static void turn(struct loop *l)
{
    l->now = clock_now();
    int64_t began = l->now;
    l->more = false;
    run_timers(l);
    run_step(l, LOOP_STEP_FETCH);
    run_mail(l);
    run_deferred(l);
    run_step(l, LOOP_STEP_COMMIT);
    run_step(l, LOOP_STEP_FLUSH);
    empty_graves(l);
    int64_t took = clock_now() - began;
    if (took > SLOW_TURN_US) {
        count_one(COUNT_loop_slow_turns);
        trace(loop, "loop %u: a turn took %lld us", l->index, (long long)took);
    }
}

static void on_idle(uv_idle_t *h)
{
    (void)h; /* its being active is the point: the poll does not wait */
}

static void on_prepare(uv_prepare_t *h)
{
    struct loop *l = h->data;

    if (has_more(l))
        uv_idle_start(&l->idle, on_idle);
    else
        uv_idle_stop(&l->idle);
    arm_timer(l);
}

static void on_check(uv_check_t *h)
{
    struct loop *l = h->data;

    turn(l);
    if (atomic_load_explicit(&l->stopping, memory_order_acquire))
        uv_stop(&l->uv);
}

/* ---- life ---- */

static void must(int rc, const char *what)
{
    if (rc != 0)
        panic("%s: %s", what, uv_strerror(rc));
}

struct loop *loop_new(unsigned index)
{
    struct loop *l = xcalloc(1, sizeof *l);

    l->index = index;
    l->armed_at = TIME_NEVER;
    l->now = clock_now();
    list_init(&l->deferred);
    must(uv_loop_init(&l->uv), "event loop");
    must(uv_check_init(&l->uv, &l->check), "event loop");
    must(uv_prepare_init(&l->uv, &l->prepare), "event loop");
    must(uv_idle_init(&l->uv, &l->idle), "event loop");
    must(uv_timer_init(&l->uv, &l->timer), "event loop");
    l->bell_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    must(l->bell_fd < 0 ? -errno : uv_poll_init(&l->uv, &l->bell, l->bell_fd), "event loop");
    l->check.data = l->prepare.data = l->timer.data = l->bell.data = l;
    must(uv_check_start(&l->check, on_check), "event loop");
    must(uv_prepare_start(&l->prepare, on_prepare), "event loop");
    must(uv_poll_start(&l->bell, UV_READABLE, on_bell), "event loop");
    return l;
}

void loop_run(struct loop *l)
{
    current = l;
    uv_run(&l->uv, UV_RUN_DEFAULT);
    atomic_store_explicit(&l->stopping, false, memory_order_relaxed);
    current = NULL;
}

void loop_stop(struct loop *l)
{
    atomic_store_explicit(&l->stopping, true, memory_order_release);
    ring(l);
}

static void close_handle(uv_handle_t *h, void *arg)
{
    (void)arg;
    if (!uv_is_closing(h))
        uv_close(h, NULL);
}

void loop_free(struct loop *l)
{
    if (!l)
        return;
    /* Others may still want to bury or close things in their last callbacks. */
    uv_walk(&l->uv, close_handle, NULL);
    uv_run(&l->uv, UV_RUN_DEFAULT);
    empty_graves(l);
    must(uv_loop_close(&l->uv), "closing the event loop");
    close(l->bell_fd);
    heap_done(&l->timers);
    free(l->graves);
    free(l);
}

struct loop *loop_current(void)
{
    return current;
}

unsigned loop_index(const struct loop *l)
{
    return l->index;
}

int64_t loop_now(const struct loop *l)
{
    return l->now;
}

struct uv_loop_s *loop_uv(struct loop *l)
{
    return &l->uv;
}

void loop_set_user(struct loop *l, void *user)
{
    l->user = user;
}

void *loop_user(const struct loop *l)
{
    return l->user;
}
