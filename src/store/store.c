/*
 * The seam: which backend, the thread it runs on, the queue in front of it and the way back.
 *
 * An operation travels as a mail: to the store's loop, there it waits in the queue (hung up by the
 * same mail), and back to the loop that asked. Whoever holds the mail owns the operation.
 */
#include "store/store_journal.h"

#include <signal.h>

#include "base/trace.h"
#include "store/store_backend.h"

#define GROUP_MAX_DEFAULT 500
/* A group ends when its bodies reach this, so that no transaction grows without bound. */
#define GROUP_BYTES_MAX ((size_t)8 << 20)
#define TICK_US US_PER_S

static const struct store_backend *const backends[] = {&store_sqlite_backend};

/* ---- the way back ---- */

static void on_answer(struct mail *m)
{
    struct store_op *op = CONTAINER_OF(m, struct store_op, mail);

    op->done(op);
}

static void answer(struct store *s, struct store_op *op)
{
    /* Whoever closes a store has given up its operations; their memory may be gone. */
    if (!s->closing)
        loop_post(op->reply, &op->mail, on_answer);
}

/* ---- on the store's thread ---- */

static size_t bytes_of(const struct store_op *op)
{
    size_t n = 0;

    if (op->kind_ == STORE_OP_PUT) {
        n = ((const struct store_put *)op)->body->len;
    } else if (op->kind_ == STORE_OP_COMMIT) {
        const struct store_commit *c = (const struct store_commit *)op;

        for (size_t i = 0; i < c->event_count; i++)
            n += c->events[i].body->len;
        for (size_t i = 0; i < c->note_count; i++)
            n += c->notes[i].body.n;
        n += c->checkpoint ? c->checkpoint->len : 0;
        n += c->state ? c->state->len : 0;
    }
    return n;
}

static size_t take_group(struct store *s)
{
    size_t count = 0, bytes = 0;

    while (s->queue && count < s->group_max && bytes < GROUP_BYTES_MAX) {
        struct store_op *op = CONTAINER_OF(s->queue, struct store_op, mail);

        s->queue = s->queue->next;
        s->group[count++] = op;
        bytes += bytes_of(op);
    }
    if (!s->queue)
        s->queue_end = &s->queue;
    return count;
}

static void run_group(struct store *s)
{
    size_t count = take_group(s);

    s->backend->run(s, s->group, count);
    for (size_t i = 0; i < count; i++)
        answer(s, s->group[i]);
}

static bool on_step(void *arg)
{
    struct store *s = arg;
    bool more = false;

    if (!s->begun && !s->closing)
        return false;
    if (s->queue)
        run_group(s);
    if (s->closing) {
        if (!s->queue)
            loop_stop(s->loop);
        return s->queue != NULL;
    }
    /* Waiting operations come before housekeeping, but the periodic one must not starve. */
    if (!s->queue || s->ticked) {
        more = s->backend->tidy(s, s->ticked);
        s->ticked = false;
    }
    return s->queue || more;
}

static void on_tick(struct timer *t, void *arg)
{
    struct store *s = arg;

    s->ticked = true;
    timer_set(s->loop, t, loop_now(s->loop) + TICK_US);
}

static void on_op(struct mail *m)
{
    /* The store's loop serves one store: it is the user of its loop. */
    struct store *s = loop_user(loop_current());

    m->next = NULL;
    *s->queue_end = m;
    s->queue_end = &m->next;
    if (s->begun)
        return;
    s->begun = true;
    timer_set(s->loop, &s->tick, loop_now(s->loop) + TICK_US);
}

static void on_close(struct mail *m)
{
    CONTAINER_OF(m, struct store, close_mail)->closing = true;
}

static void *run_thread(void *arg)
{
    loop_run(((struct store *)arg)->loop);
    return NULL;
}

/* ---- life ---- */

static const struct store_backend *backend_of(const char *url)
{
    const struct store_backend *of_dirs = NULL;

    for (size_t i = 0; i < ARRAY_LEN(backends); i++) {
        if (!backends[i]->scheme)
            of_dirs = backends[i];
        else if (str_starts(str_of(url), str_of(backends[i]->scheme)))
            return backends[i];
    }
    return strstr(url, "://") ? NULL : of_dirs;
}

static void start_thread(struct store *s)
{
    sigset_t all, was;

    /* Signals belong to the main thread. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &was);
    int rc = pthread_create(&s->thread, NULL, run_thread, s);
    pthread_sigmask(SIG_SETMASK, &was, NULL);
    if (rc != 0)
        panic("the thread of the store: %s", strerror(rc));
}

enum err store_open(const struct store_conf *conf, struct store **ret, struct errinfo *ei)
{
    const struct store_backend *backend = backend_of(conf->url);
    struct store *s;

    if (!backend)
        return err_set(ei, E_INVALID, "\"%s\" names no kind of store that is known", conf->url);
    enum err e = backend->open(conf, &s, ei);
    if (e != E_OK)
        return e;
    s->backend = backend;
    s->group_max = conf->group_max ? conf->group_max : GROUP_MAX_DEFAULT;
    s->group = xcalloc(s->group_max, sizeof(struct store_op *));
    s->queue_end = &s->queue;
    timer_init(&s->tick, on_tick, s);
    s->loop = loop_new(LOOPS_MAX); /* beyond the numbers of the program's own loops */
    loop_set_user(s->loop, s);
    loop_set_step(s->loop, LOOP_STEP_COMMIT, on_step, s);
    start_thread(s);
    *ret = s;
    return E_OK;
}

void store_close(struct store *s)
{
    if (!s)
        return;
    loop_post(s->loop, &s->close_mail, on_close);
    pthread_join(s->thread, NULL);
    loop_free(s->loop);
    free(s->group);
    s->backend->close(s);
}

enum err store_each_record(struct store *s, struct str kind, store_record_f *fn, void *arg,
                           struct errinfo *ei)
{
    return s->backend->each_record(s, kind, fn, arg, ei);
}

/* ---- starting operations ---- */

static void start(struct store *s, struct store_op *op, enum store_op_kind kind)
{
    CHECK(op->reply && op->done);
    op->kind_ = kind;
    op->err = E_OK;
    err_clear(&op->info);
    loop_post(s->loop, &op->mail, on_op);
}

void store_put(struct store *s, struct store_put *op)
{
    op->num = op->rev = op->seq = 0;
    start(s, &op->op, STORE_OP_PUT);
}

void store_delete(struct store *s, struct store_delete *op)
{
    start(s, &op->op, STORE_OP_DELETE);
}

void store_commit(struct store *s, struct store_commit *op)
{
    start(s, &op->op, STORE_OP_COMMIT);
}

void store_read(struct store *s, struct store_read *op)
{
    op->events = NULL;
    op->count = 0;
    op->exact = op->whole = op->more = false;
    op->head = 0;
    start(s, &op->op, STORE_OP_READ);
}

void store_load(struct store *s, struct store_load *op)
{
    op->head = op->seq = 0;
    op->time_wall = 0;
    op->base = NULL;
    op->patches = NULL;
    op->patch_count = 0;
    start(s, &op->op, STORE_OP_LOAD);
}

void store_notes(struct store *s, struct store_notes *op)
{
    op->notes = NULL;
    op->count = 0;
    start(s, &op->op, STORE_OP_NOTES);
}

void store_notes_at(struct store *s, struct store_notes_at *op)
{
    op->num = 0;
    start(s, &op->op, STORE_OP_NOTES_AT);
}

void store_notes_trim(struct store *s, struct store_notes_trim *op)
{
    start(s, &op->op, STORE_OP_NOTES_TRIM);
}

/* ---- answers ---- */

void store_notes_done(struct store_notes *op)
{
    for (size_t i = 0; op->notes && i < op->count; i++) {
        blob_unref(op->notes[i].label);
        blob_unref(op->notes[i].body);
    }
    free(op->notes);
    op->notes = NULL;
    op->count = 0;
}

void store_read_done(struct store_read *op)
{
    for (size_t i = 0; i < op->count; i++)
        blob_unref(op->events[i].body);
    free(op->events);
    op->events = NULL;
    op->count = 0;
}

void store_load_done(struct store_load *op)
{
    for (size_t i = 0; i < op->patch_count; i++)
        blob_unref(op->patches[i]);
    free(op->patches);
    op->patches = NULL;
    op->patch_count = 0;
    blob_unrefp(&op->base);
}

/* ---- for the process ---- */

uint64_t store_notes_head(struct store *s)
{
    return atomic_load_explicit(&s->notes_head, memory_order_acquire);
}

void store_count_group(struct store *s, uint64_t events, uint64_t bytes, int64_t took_us)
{
    atomic_fetch_add_explicit(&s->events, events, memory_order_relaxed);
    atomic_fetch_add_explicit(&s->bytes, bytes, memory_order_relaxed);
    atomic_fetch_add_explicit(&s->groups, 1, memory_order_relaxed);
    atomic_store_explicit(&s->last_group_us, took_us, memory_order_relaxed);
    trace(store, "group: %llu events, %llu bytes, %lld us", (unsigned long long)events,
          (unsigned long long)bytes, (long long)took_us);
}

void store_stats(struct store *s, struct store_stats *ret)
{
    *ret = (struct store_stats){
        .events = atomic_load_explicit(&s->events, memory_order_relaxed),
        .bytes = atomic_load_explicit(&s->bytes, memory_order_relaxed),
        .groups = atomic_load_explicit(&s->groups, memory_order_relaxed),
        .last_group_us = atomic_load_explicit(&s->last_group_us, memory_order_relaxed),
    };
}
