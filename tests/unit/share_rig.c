/*
 * Two shards that share requests, and an origin that answers when it is told to. Everything but the
 * origin runs on the test's thread: turn() is one turn of both loops. Included by the tests of
 * fetch_share.
 */
#include <poll.h>
#include <pthread.h>
#include <uv.h>

#include "base/clock.h"
#include "base/count.h"
#include "core/fetch_share_impl.h"
#include "core/limits.h"
#include "core/token_wire.h"

#include "scripted_origin.c"

#define share_test(fn) cmocka_unit_test_setup_teardown(fn, rig_setup, rig_teardown)

#define SHARDS 2
#define POLLS_MAX 1200
#define PERIOD (5 * US_PER_S)
#define DEADLINE (30 * US_PER_S)

struct poll {
    struct share_ask *ask;
    bool done, shared, failed;
    int status;
    enum err err;
    char text[ERRINFO_TEXT];
    char body[32];
    int64_t started;
    void (*then)(struct poll *p); /* in the callback */
};

static struct rig {
    struct conf conf;
    struct engine engine;
    struct shard shards[SHARDS];
    struct topic_conf topic;
    struct origin *origin;
    bool no_target;
    struct poll polls[POLLS_MAX];
    size_t count;
    int64_t t0;
} rig;

/* Read by the origin's threads. */
static struct {
    atomic_int status;
    atomic_bool closed; /* it answers nothing until it is open */
    atomic_size_t pad;  /* bytes of each body */
    atomic_uint given;
    char request[REQUEST_MAX]; /* the last one; under the origin's mutex */
} script;

/* ---- the origin ---- */

static bool be_script(struct conn *c)
{
    struct origin *o = c->o;
    AUTO(buf_done) struct buf body = BUF_INIT;
    char line[32];

    pthread_mutex_lock(&o->mutex);
    snprintf(script.request, sizeof script.request, "%s", c->request);
    while (script.closed)
        pthread_cond_wait(&o->changed, &o->mutex);
    pthread_mutex_unlock(&o->mutex);
    buf_printf(&body, "answer %u", atomic_fetch_add(&script.given, 1) + 1);
    while (body.len < script.pad)
        buf_putc(&body, ' ');
    snprintf(line, sizeof line, "%d Whatever", script.status);
    return answer(c, line, "Retry-After: 9\r\n", buf_view(&body));
}

static void origin_open(bool open)
{
    pthread_mutex_lock(&rig.origin->mutex);
    script.closed = !open;
    pthread_cond_broadcast(&rig.origin->changed);
    pthread_mutex_unlock(&rig.origin->mutex);
}

static unsigned requests(void)
{
    return rig.origin->requests;
}

/* ---- life ---- */

static void shard_make(unsigned i)
{
    struct shard *sh = &rig.shards[i];
    struct fetcher_conf fc;

    sh->engine = &rig.engine;
    sh->index = i;
    sh->loop = loop_new(i);
    fetcher_conf_default(&fc);
    fc.low_speed_us = 0;
    sh->fetcher = fetcher_new(sh->loop, &fc, NULL);
    sh->shares = fetch_shares_new(sh);
    rig.engine.shards[i] = sh;
}

static int rig_setup(void **state)
{
    alarm(60); /* an answer that never comes must not hang the suite */
    memset(&rig, 0, sizeof rig);
    rig.conf.poll_coalesce = true;
    rig.engine.conf = &rig.conf;
    rig.engine.shard_count = SHARDS;
    rig.topic.refs = 1;
    for (unsigned i = 0; i < SHARDS; i++)
        shard_make(i);
    script.status = 200;
    script.closed = false;
    script.pad = 0;
    script.given = 0;
    rig.origin = origin_start("127.0.0.1");
    rig.origin->other = be_script;
    clock_fake(clock_now(), clock_now_wall());
    rig.t0 = clock_now();
    *state = &rig;
    return 0;
}

/* As the engine ends: what was cancelled or is under way still has mails on their way. */
static void shards_close(void)
{
    for (unsigned i = 0; i < SHARDS; i++) {
        fetch_shares_close(rig.shards[i].shares);
        fetcher_free(rig.shards[i].fetcher);
    }
    for (unsigned i = 0; i < SHARDS; i++) {
        fetch_shares_free(rig.shards[i].shares);
        loop_free(rig.shards[i].loop);
    }
}

static int rig_teardown(void **state)
{
    (void)state;
    origin_open(true);
    shards_close();
    origin_stop(rig.origin);
    clock_unfake();
    alarm(0);
    /* Nobody keeps a topic's settings; nothing is kept of what was. */
    if (rig.topic.refs != 1 || count_read(COUNT_fetch_shared_kept) != 0 ||
        count_read(COUNT_fetch_shared_bytes) != 0) {
        print_error("refs %u, kept %lld, bytes %lld\n", rig.topic.refs,
                    (long long)count_read(COUNT_fetch_shared_kept),
                    (long long)count_read(COUNT_fetch_shared_bytes));
        return -1;
    }
    return 0;
}

static void turn_waiting(int ms)
{
    struct pollfd p[SHARDS];

    for (unsigned i = 0; i < SHARDS; i++)
        p[i] = (struct pollfd){uv_backend_fd(loop_uv(rig.shards[i].loop)), POLLIN, 0};
    poll(p, SHARDS, ms);
    for (unsigned i = 0; i < SHARDS; i++)
        uv_run(loop_uv(rig.shards[i].loop), UV_RUN_NOWAIT);
}

static void turn(void)
{
    turn_waiting(5);
}

/* As many as an ask there and back, and what it starts, can take. */
static void turns(void)
{
    for (int i = 0; i < 8; i++)
        turn_waiting(1);
}

static void pass(int64_t us)
{
    clock_advance(us);
    turns();
}

static void await_requests(unsigned n)
{
    while (requests() < n)
        turn();
    turns();
    assert_int_equal(requests(), n);
}

/* ---- asking ---- */

static struct fetch_target *make_target(const struct topic_conf *c, struct errinfo *ei)
{
    assert_ptr_equal(c, &rig.topic);
    if (rig.no_target) {
        err_set(ei, E_POLL_CONFIG, "a reference leads nowhere");
        return NULL;
    }
    return fetch_target_new(str_of(rig.origin->base), ei);
}

static void on_answer(const struct fetch_answer *a, bool shared, void *arg)
{
    struct poll *p = arg;

    assert_false(p->done);
    p->done = true;
    p->ask = NULL;
    p->shared = shared;
    p->failed = a->failed;
    p->status = a->res.status;
    p->err = a->res.err;
    p->started = a->asked.started;
    snprintf(p->text, sizeof p->text, "%s", err_text(&a->res.info, a->res.err));
    snprintf(p->body, sizeof p->body, "%.*s", (int)MIN(a->res.body.n, sizeof p->body - 1),
             a->res.body.p);
    if (p->then)
        p->then(p);
}

/* The loop that owns the request is 0 or 1, as wanted. */
static struct share_params params_at(unsigned owner, uint64_t request)
{
    int64_t now = clock_now();

    return (struct share_params){
        .key = {.lo = owner, .hi = request},
        .need = {.due = now, .period = PERIOD},
        .conf = &rig.topic,
        .target = make_target,
        .deadline = now + DEADLINE,
    };
}

static struct share_params params(void)
{
    return params_at(1, 7);
}

static struct poll *ask(unsigned shard, const struct share_params *params)
{
    struct poll *p = &rig.polls[rig.count++];

    assert_true(rig.count <= POLLS_MAX);
    p->ask = fetch_share_ask(&rig.shards[shard], params, on_answer, p);
    assert_non_null(p->ask);
    assert_false(p->done);
    return p;
}

static struct poll *await(struct poll *p)
{
    while (!p->done)
        turn();
    return p;
}

static struct poll *get(unsigned shard, const struct share_params *params)
{
    return await(ask(shard, params));
}

static void cancel(struct poll *p)
{
    fetch_share_cancel(TAKE(p->ask));
}

static void assert_got(const struct poll *p, const char *body, bool shared)
{
    assert_true(p->done);
    assert_int_equal(p->err, E_OK);
    assert_string_equal(p->body, body);
    assert_int_equal(p->shared, shared);
}
