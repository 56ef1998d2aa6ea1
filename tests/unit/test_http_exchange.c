/*
 * When the http-poller asks: the schedules of tests/cases/retry/schedule, each by a real topic on a
 * real loop with a store, against an origin that answers as the case says. Only time is not real: it
 * stands still while anything is under way, and is moved to each next moment.
 */
#include "topic_cases.h"

#include <poll.h>
#include <uv.h>

#include "base/clock.h"
#include "base/rand.h"
#include "base/seal.h"
#include "core/topic.h"
#include "publisher/http_run.h"
#include "publisher/pub_http.h"

#include "scripted_origin.c"

#define ASKED_MAX 64
#define SOON (6 * US_PER_MS)      /* timers are on a grid, polls on a coarser one */
#define START INT64_C(1700000000) /* Tue, 14 Nov 2023 22:13:20 GMT */
#define START_WALL (START * US_PER_S)

static struct conf conf;
static struct engine engine;
static struct shard *shard;
static struct origin *origin;
static char directory[64];

/* What the origin says to each request in turn, and when they came. */
static struct {
    const jval *answers;
    _Atomic int64_t asked[ASKED_MAX], answered[ASKED_MAX];
    atomic_uint count;
} script;

/* ---- the origin ---- */

static void say_status(struct conn *c, const jval *a)
{
    AUTO(buf_done) struct buf line = BUF_INIT, fields = BUF_INIT;
    const jval *after = jv_getz(a, "Retry-After");
    int64_t status = 200;

    (void)jv_i64(jv_type(a) == JT_OBJECT ? jv_getz(a, "status") : a, &status);
    buf_printf(&line, "%d Said", (int)status);
    buf_puts(&fields, "Connection: close\r\n");
    if (after)
        buf_printf(&fields, "Retry-After: %.*s\r\n", STR_ARG(jv_str(after)));
    answer(c, buf_cstr(&line), buf_cstr(&fields), STR("{\"a\":1}"));
}

/* Once it is answered, the topic goes on. */
static bool be_scripted(struct conn *c)
{
    int64_t takes = 0;

    pthread_mutex_lock(&origin->mutex);
    unsigned n = script.count;
    assert_true(n < ASKED_MAX);
    const jval *a = jv_at(script.answers, n);
    script.asked[n] = clock_now();
    if (jv_i64(jv_getz(a, "takes"), &takes))
        clock_advance(takes * US_PER_S);
    script.answered[n] = clock_now();
    script.count = n + 1;
    if (!str_eqz(jv_str(a), "reset"))
        say_status(c, a);
    pthread_mutex_unlock(&origin->mutex);
    return false;
}

/* answers NULL: all are 200. */
static void begin_script(const jval *answers)
{
    pthread_mutex_lock(&origin->mutex);
    script.answers = answers;
    script.count = 0;
    pthread_mutex_unlock(&origin->mutex);
}

/* ---- life ---- */

static int set_up(void **state)
{
    const struct store_conf sc = {.url = directory};
    struct errinfo ei = ERRINFO_INIT;

    (void)state;
    alarm(60);
    snprintf(directory, sizeof directory, "/tmp/pollcast-exchange-XXXXXX");
    assert_non_null(mkdtemp(directory));
    AUTO_FREE char *key = xasprintf("%s/secret.key", directory);
    conf_init(&conf);
    conf_set_current(&conf);
    processor_register(&pub_http);
    clock_fake(START_WALL, START_WALL);
    rand_seed(1);
    engine.conf = &conf;
    assert_ok(store_open(&sc, &engine.store, &ei), &ei);
    assert_ok(seal_open(key, &engine.seal, &ei), &ei);
    engine.shard_count = 1;
    engine.stage = ENGINE_READY;
    shard = engine.shards[0] = shard_new(&engine, 0);
    origin = origin_start("127.0.0.1");
    origin->other = be_scripted;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    shard_close(shard);
    store_close(engine.store);
    shard_free(shard);
    seal_free(engine.seal);
    origin_stop(origin);
    clock_unfake();
    conf_done(&conf);
    alarm(0);
    return remove_tree(directory);
}

/* ---- the loop ---- */

static void turn(int wait_ms)
{
    struct pollfd p = {uv_backend_fd(loop_uv(shard->loop)), POLLIN, 0};

    poll(&p, 1, wait_ms);
    uv_run(loop_uv(shard->loop), UV_RUN_NOWAIT);
}

/* When the topic will do something by itself; 0: it waits for somebody else. */
static int64_t next_moment(const struct topic *t)
{
    const struct request *r = t->poller.request;

    if (!r)
        return t->poller.timer.node.key;
    if (timer_is_set(&shard->gather))
        return shard->gather.node.key;
    return r->state == REQUEST_RETRYING ? ((struct http_run *)r->step)->call.retry.node.key : 0;
}

static int64_t settle(const struct topic *t)
{
    int64_t at;

    while (!(at = next_moment(t)))
        turn(5);
    return at;
}

/* Time goes on until just before that moment, when nothing may have happened yet. */
static void pass_almost_to(int64_t at)
{
    const unsigned before = script.count;

    clock_advance(at - SOON - clock_now());
    turn(0);
    turn(0);
    assert_int_equal(script.count, before);
}

static void pass_to(const struct topic *t, int64_t at)
{
    if (at - SOON > clock_now())
        pass_almost_to(at);
    if (next_moment(t) != at) /* something else came between */
        return;
    clock_advance(MAX(at + US_PER_MS - clock_now(), 0));
    while (next_moment(t) == at)
        turn(0);
}

/* ---- topics ---- */

static bool stored;

static void on_stored(void *arg, enum err err, const struct errinfo *ei, struct topic_conf *now)
{
    (void)arg;
    (void)now;
    assert_ok(err, ei);
    stored = true;
}

/* The topic of a case, polled from now on. */
static struct topic *make_topic(const jval *config)
{
    AUTO(buf_done) struct buf text = BUF_INIT;
    AUTO(faults_done) struct faults f;
    AUTO(jdoc_freep) struct jdoc *doc = NULL;

    buf_printf(&text,
               "{\"name\":\"a\",\"publisher\":{\"type\":\"http-poller\",\"alwaysOn\":true,"
               "\"config\":{\"url\":\"%s/scripted\"",
               origin->base);
    for (struct jiter it = jiter_of(config); jiter_next(&it);) {
        AUTO(buf_done) struct buf value = BUF_INIT;
        assert_int_equal(jv_write(it.value, &value), E_OK);
        buf_printf(&text, ",\"%.*s\":%s", STR_ARG(it.name), buf_cstr(&value));
    }
    buf_puts(&text, "}}}");
    assert_int_equal(jdoc_parse(buf_view(&text), NULL, &doc, NULL), E_OK);
    faults_init(&f);
    struct topic_conf *c = topic_conf_new(jdoc_root(doc), STR_NONE, NULL, clock_now_wall(), &f);
    if (!c)
        fail_msg("%s: %s", f.items[0].pointer, f.items[0].detail);
    stored = false;
    directory_store(shard, c, NULL, on_stored, NULL);
    while (!stored)
        turn(5);
    struct topic *t = topic_find(shard, c->id);
    topic_conf_unref(c);
    assert_non_null(t);
    return t;
}

static void delete_topic(struct topic *t)
{
    stored = false;
    directory_delete(shard, t->conf, on_stored, NULL);
    while (!stored)
        turn(5);
}

/* ---- a case ---- */

/* A number of seconds, or [least, most]. */
static void check_seconds(const char *what, const char *of, int64_t us, const jval *expected)
{
    double least = 0, most = 0;
    bool range = jv_type(expected) == JT_ARRAY;

    assert_true(jv_double(range ? jv_at(expected, 0) : expected, &least));
    assert_true(jv_double(range ? jv_at(expected, 1) : expected, &most));
    if ((double)us < least * 1e6 - 1 || (double)us > most * 1e6 + (double)SOON)
        fail_msg("%s: %s after %.6f s, expected %g … %g", what, of, (double)us / 1e6, least, most);
}

/* ends: "ok" or a code. */
static void check_end(const char *what, const struct topic *t, const jval *ends)
{
    int64_t code = 0;
    int got = t->error ? t->error->error_code : 0;

    if (!jv_i64(ends, &code))
        assert_str(jv_str(ends), "ok");
    if (got != code)
        fail_msg("%s: ends with %d, expected %d", what, got, (int)code);
}

static void check_times(const char *what, const jval *waits, const jval *next)
{
    const size_t attempts = jv_count(waits) + 1;

    for (size_t i = 1; i < attempts; i++)
        check_seconds(what, "a retry", script.asked[i] - script.answered[i - 1],
                      jv_at(waits, i - 1));
    if (next)
        check_seconds(what, "the next poll", script.asked[attempts] - script.answered[attempts - 1],
                      next);
}

/* Until the poll under way has ended. */
static void finish_poll(const struct topic *t)
{
    for (int64_t at = settle(t); t->poller.request; at = settle(t))
        pass_to(t, at);
}

static void run_case(const jval *c)
{
    AUTO_FREE char *what = str_dup(jv_str(jv_getz(c, "what")));
    const jval *waits = jv_getz(c, "waits");
    size_t attempts = jv_count(waits) + 1;

    begin_script(jv_getz(c, "answers"));
    clock_fake(clock_now(), START_WALL);
    struct topic *t = make_topic(jv_getz(c, "config"));
    finish_poll(t);
    if (script.count != attempts)
        fail_msg("%s: %u attempts, expected %zu", what, script.count, attempts);
    check_end(what, t, jv_getz(c, "ends"));
    while (script.count == attempts) {
        pass_to(t, settle(t));
        finish_poll(t);
    }
    assert_int_equal(script.count, attempts + 1);
    assert_null(t->error);
    check_times(what, waits, jv_getz(c, "next"));
    delete_topic(t);
}

static void schedules(void **state)
{
    (void)state;
    assert_true(each_case("retry/schedule", run_case) > 100);
}

/* ---- the period ---- */

/* Of a topic of which this is said: µs from one regular poll to the next. */
static void check_period(const char *config, int64_t period)
{
    AUTO(jdoc_freep) struct jdoc *doc = NULL;

    assert_int_equal(jdoc_parse(str_of(config), NULL, &doc, NULL), E_OK);
    begin_script(NULL);
    struct topic *t = make_topic(jdoc_root(doc));
    for (finish_poll(t); script.count < 5; finish_poll(t))
        pass_to(t, settle(t));
    /* The first poll is at once, and the next at the topic's place in the period. */
    int64_t place = script.asked[1] - script.asked[0];
    if (place < period / 2 || place > period / 2 + period + SOON)
        fail_msg("%s: the second poll after %lld us", config, (long long)place);
    for (unsigned i = 2; i < 5; i++) {
        int64_t apart = script.asked[i] - script.asked[i - 1];
        if (apart < period - SOON || apart > period + SOON)
            fail_msg("%s: %lld us between polls", config, (long long)apart);
    }
    delete_topic(t);
}

static void periods(void **state)
{
    (void)state;
    check_period("{}", 5 * US_PER_S);
    check_period("{\"pollingPeriod\":\"PT0.5S\"}", US_PER_S / 2);
    check_period("{\"pollingPeriod\":\"PT1M30S\"}", 90 * US_PER_S);
    check_period("{\"pollingPeriod\":\"PT1H\"}", 3600 * US_PER_S);
}

/* ---- a commit that nobody waits for ---- */

/* A topic whose first document is there, and is not committed until time goes on. */
static struct topic *make_waiting(void)
{
    AUTO(jdoc_freep) struct jdoc *doc = NULL;

    assert_int_equal(jdoc_parse(STR("{\"pollingPeriod\":\"PT1H\"}"), NULL, &doc, NULL), E_OK);
    begin_script(NULL);
    struct topic *t = make_topic(jdoc_root(doc));
    while (!t->commit)
        turn(5);
    for (int i = 0; i < 3; i++)
        turn(0);
    assert_non_null(t->commit);
    assert_int_equal(t->seq, 0);
    assert_true(timer_is_set(&shard->gather));
    return t;
}

static void waiting_commit_ends_with_time(void **state)
{
    (void)state;
    struct topic *t = make_waiting();

    assert_in_range(shard->gather.node.key - clock_now(), 1, 50 * US_PER_MS);
    finish_poll(t);
    assert_int_equal(t->seq, 1);
    delete_topic(t);
}

static bool loaded;

static void on_loaded(struct topic_loader *l, struct topic *t, enum err err,
                      const struct errinfo *ei)
{
    (void)l;
    (void)ei;
    assert_int_equal(err, E_OK);
    assert_str(blob_view(t->document), "{\"a\":1}");
    loaded = true;
}

static void waiting_commit_ends_when_somebody_asks(void **state)
{
    (void)state;
    struct topic *t = make_waiting();
    struct topic_loader loader = {.fn = on_loaded};
    int64_t now = clock_now();

    loaded = false;
    topic_load(t, &loader);
    while (!loaded)
        turn(5);
    assert_int_equal(clock_now(), now);
    assert_int_equal(t->seq, 1);
    assert_false(timer_is_set(&shard->gather));
    delete_topic(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schedules),
        cmocka_unit_test(periods),
        cmocka_unit_test(waiting_commit_ends_with_time),
        cmocka_unit_test(waiting_commit_ends_when_somebody_asks),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
