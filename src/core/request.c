#include "core/request.h"

#include "base/count.h"
#include "base/log.h"
#include "base/trace.h"
#include "core/trial.h"

static const char *const state_names[] = {
    [REQUEST_SETUP] = "setup",           [REQUEST_REQUESTING] = "requesting",
    [REQUEST_RETRYING] = "retrying",     [REQUEST_PROCESSING] = "processing",
    [REQUEST_COMMITTING] = "committing", [REQUEST_ENDED] = "ended",
};

const char *request_state_name(enum request_state s)
{
    return state_names[s];
}

const char *request_exit_name(enum request_exit e)
{
    static const char *const names[] = {"ok", "unchanged", "error", "cancelled"};

    return names[e];
}

static void request_free(void *p)
{
    struct request *r = p;

    arena_done(&r->arena);
    topic_conf_unref(r->conf);
    free(r);
}

/* ---- steps ---- */

static void on_loaded(struct topic_loader *l, struct topic *t, enum err err,
                      const struct errinfo *ei)
{
    struct request *r = CONTAINER_OF(l, struct request, loader);

    (void)t;
    if (err != E_OK)
        request_end(r, EXIT_ERROR, err, ei);
    else
        r->processor->setup(r);
}

static void on_begin(struct deferred *d, void *arg)
{
    struct request *r = arg;

    (void)d;
    /* What was published last must be known before anything new can be compared with it. */
    r->loader.fn = on_loaded;
    topic_load(r->topic, &r->loader);
}

struct request *request_start(struct topic *t, int64_t due)
{
    struct request *r = xcalloc(1, sizeof *r);
    struct loop *loop = t->shard->loop;

    r->magic = REQUEST_MAGIC;
    r->topic = t;
    r->conf = topic_conf_ref(t->conf);
    r->processor = r->conf->processor;
    r->number = t->poller.runs;
    r->due = due;
    r->started = loop_now(loop);
    r->deadline = r->started + r->processor->deadline(r->conf->config);
    if (!t->trial)
        count_time(HIST_poll_lateness, MAX(r->started - due, 0));
    deferred_init(&r->deferred, on_begin, r);
    loop_defer(loop, &r->deferred);
    return r;
}

void request_step_done(struct request *r)
{
    CHECK_OBJ(r, REQUEST_MAGIC);
    if (r->state == REQUEST_SETUP) {
        r->state = REQUEST_REQUESTING;
        r->processor->request(r);
    } else {
        r->state = REQUEST_PROCESSING;
        r->processor->response(r);
    }
}

static void on_committed(void *arg, enum err err, const struct errinfo *ei)
{
    struct request *r = arg;

    /* The journal is gone when the topic was deleted, of which this loop hears in a moment. */
    enum request_exit exit = err == E_OK          ? EXIT_OK
                             : err == E_NOT_FOUND ? EXIT_CANCELLED
                                                  : EXIT_ERROR;

    request_end(r, exit, err, ei);
}

void request_publish(struct request *r, const jval *value, struct buf *text)
{
    struct errinfo ei = ERRINFO_INIT;

    CHECK_OBJ(r, REQUEST_MAGIC);
    enum err err = topic_pass_gate(r->topic, value, text, &ei);
    bool news = trial_payload_came(r->topic->trial, value, text, err);
    if (err != E_OK) {
        request_end(r, EXIT_ERROR, err, &ei);
        return;
    }
    r->state = REQUEST_COMMITTING;
    if (r->topic->trial) {
        request_end(r, news ? EXIT_OK : EXIT_UNCHANGED, E_OK, NULL);
        return;
    }
    struct blob *document = blob_take_buf(text);
    if (!topic_publish_document(r->topic, value, document, on_committed, r))
        request_end(r, EXIT_UNCHANGED, E_OK, NULL);
    blob_unref(document);
}

/* ---- the one exit ---- */

static void count_exit(enum request_exit exit)
{
    static const enum counter by_exit[] = {
        [EXIT_OK] = COUNT_polls_ok,
        [EXIT_UNCHANGED] = COUNT_polls_unchanged,
        [EXIT_ERROR] = COUNT_polls_error,
        [EXIT_CANCELLED] = COUNT_polls_cancelled,
    };

    count_one(COUNT_polls);
    count_one(by_exit[exit]);
}

/* Of a poll; a trial keeps its own. */
static void keep_outcome(struct request *r, enum request_exit exit, enum err err, int64_t now)
{
    struct topic_outcome *o = &r->topic->outcomes[r->number % TOPIC_OUTCOMES];
    int64_t took = clock_now() - r->started;

    count_exit(exit);
    count_time(HIST_poll_duration, took);
    *o = (struct topic_outcome){
        .started_wall = now - took,
        .took_us = (uint32_t)MIN(took, (int64_t)UINT32_MAX),
        .status = (uint16_t)r->status,
        .exit = exit & 0x7f,
        .shared = r->shared,
        .err = (uint8_t)err,
    };
}

void request_end(struct request *r, enum request_exit exit, enum err err, const struct errinfo *ei)
{
    struct topic *t = r->topic;
    int64_t now_wall = clock_now_wall();

    CHECK_OBJ(r, REQUEST_MAGIC);
    CHECK(r->state != REQUEST_ENDED);
    trace(poller, "%s: run %llu ends %s in state %s, status %d%s%s%s", t->conf->name,
          (unsigned long long)r->number, request_exit_name(exit), request_state_name(r->state),
          r->status, r->shared ? ", shared" : "", err == E_OK ? "" : ": ",
          err == E_OK ? "" : err_text(ei, err));
    r->state = REQUEST_ENDED;
    if (!t->trial)
        keep_outcome(r, exit, err, now_wall);
    deferred_cancel(&r->deferred);
    list_remove(&r->loader.link);
    if (t->poller.state)
        r->processor->settle(t->poller.state, exit == EXIT_OK || exit == EXIT_UNCHANGED);
    r->processor->finish(r);
    loop_bury(t->shard->loop, r, request_free);
    if (t->trial) {
        trial_request_ended(t->trial, exit, err, ei);
        return;
    }
    if (exit == EXIT_OK || exit == EXIT_UNCHANGED)
        topic_checked(t, now_wall);
    else if (exit == EXIT_ERROR)
        topic_failed(t, err, ei);
    poller_request_ended(&t->poller);
}

void request_cancel(struct request *r)
{
    topic_forget_commit(r->topic, r);
    request_end(r, EXIT_CANCELLED, E_CANCELLED, NULL);
}
