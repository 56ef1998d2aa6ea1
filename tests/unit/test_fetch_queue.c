/*
 * Many fetches at a time: queues per host, names to resolve, cancelling, callbacks that start and
 * cancel others.
 */
#include <math.h>

#include "unit.h"

#include "fetch_rig.c"
#include "io/fetch_multi.h"

/* ---- queues ---- */

static void test_per_host_cap(void **state)
{
    struct rig *b = *state;

    b->origin->hold_until = 4; /* conf.per_host of this rig */
    for (int i = 0; i < 20; i++)
        ask(b, "/hold");
    await(b);
    assert_int_equal(b->origin->active_max, 4);
    assert_int_equal(b->origin->requests, 20);
    assert_in_range(b->origin->connections, 1, 4);
    assert_all_status(b, 200);
}

/* One that answers at once is asked much at a time over few connections, one that does not over as
 * many as are allowed. */
static void test_connections(void **state)
{
    struct rig *b = *state;
    struct fetcher_conf conf = rig_conf();

    conf.per_host = 200;
    conf.slow_us = 60 * US_PER_S;
    replace_fetcher(b, &conf, NULL);
    for (int i = 0; i < 400; i++)
        ask(b, "/ok");
    await(b);
    assert_in_range(b->origin->connections, 1, 64);
    conf.slow_us = US_PER_MS;
    replace_fetcher(b, &conf, NULL);
    b->origin->hold_until = 200;
    for (int i = 0; i < 400; i++)
        ask(b, "/hold");
    await(b);
    assert_int_equal(b->origin->active_max, 200);
    assert_all_status(b, 200);
}

static void test_order_in_queue(void **state)
{
    struct rig *b = *state;
    struct got *g[12];

    struct fetcher_conf conf = rig_conf();

    conf.per_host = 1;
    replace_fetcher(b, &conf, NULL);
    for (size_t i = 0; i < ARRAY_LEN(g); i++)
        g[i] = ask(b, "/ok");
    await(b);
    for (size_t i = 0; i < ARRAY_LEN(g); i++)
        assert_int_equal(g[i]->order, i + 1);
    assert_int_equal(b->origin->connections, 1);
}

static void test_a_thousand_fetches(void **state)
{
    struct rig *b = *state;
    struct origin *others[4];

    for (unsigned i = 0; i < ARRAY_LEN(others); i++) {
        char ip[16];
        snprintf(ip, sizeof ip, "127.0.0.%u", i + 10);
        others[i] = origin_start(ip);
    }
    for (unsigned i = 0; i < 1000; i++) {
        char url[128];
        snprintf(url, sizeof url, "%s/big/%u", others[i % 4]->base, i);
        ask_target(b, url, NULL);
    }
    await(b);
    assert_all_status(b, 200);
    for (unsigned i = 0; i < 1000; i++)
        assert_int_equal(b->got[i]->body_len, i);
    for (unsigned i = 0; i < ARRAY_LEN(others); i++) {
        assert_int_equal(others[i]->requests, 250);
        assert_in_range(others[i]->connections, 1, 4);
    }
    for (unsigned i = 0; i < ARRAY_LEN(others); i++)
        origin_stop(others[i]);
}

/* More names than may be resolved at a time. */
static void test_many_names(void **state)
{
    struct rig *b = *state;

    for (int i = 0; i < 150; i++) {
        char url[64];
        snprintf(url, sizeof url, "http://h%d.localhost:%u/ok", i, b->origin->port);
        ask_target(b, url, NULL);
    }
    await(b);
    assert_all_status(b, 200);
    assert_int_equal(b->origin->connections, 150);
}

/* ---- connections ---- */

static void ask_names(struct rig *b, int count)
{
    for (int i = 0; i < count; i++) {
        char url[64];
        snprintf(url, sizeof url, "http://h%d.localhost:%u/ok", i, b->origin->port);
        ask_target(b, url, NULL);
        await(b);
    }
}

static void test_kept_connections_are_limited(void **state)
{
    struct rig *b = *state;
    struct fetcher_conf conf = rig_conf();

    conf.max_connections = 2;
    replace_fetcher(b, &conf, NULL);
    ask_names(b, 5);
    assert_int_equal(b->origin->connections, 5);
    ask_names(b, 5);
    assert_int_equal(b->origin->connections, 8); /* two were still there */
    assert_all_status(b, 200);
}

static void test_multis_are_closed_when_idle(void **state)
{
    struct rig *b = *state;

    ask(b, "/ok");
    await(b);
    clock_fake(clock_now(), clock_now_wall());
    for (int i = 0; i < 5; i++) {
        clock_advance(61 * US_PER_S);
        short_turn(b);
    }
    clock_unfake();
    ask(b, "/ok");
    await(b);
    assert_int_equal(b->origin->connections, 2);
    assert_all_status(b, 200);
}

/* ---- multi handles ---- */

#define HOSTS 2000U

static struct got *ask_host(struct rig *b, unsigned i, uint32_t phase)
{
    struct fetch_params p = params(b);
    char url[64];

    p.phase = phase;
    snprintf(url, sizeof url, "http://127.1.%u.%u:%u/ok", i >> 8, i & 255, b->origin->port);
    return ask_target(b, url, &p);
}

/* How far from the phase its multi handle was made for, of the whole period. */
static double off_phase(const struct got *g)
{
    int32_t off = (int32_t)(g->f->params.phase - g->f->host->shard->phase);

    return fabs((double)off / 0x1p32);
}

/* They come in any order, as topics do, and those asked at like times share a handle. No handle gets
 * too many, and there are no more of them than the hosts need. */
static void test_hosts_of_like_phase_are_together(void **state)
{
    struct rig *b = *state;
    double off = 0;

    for (unsigned i = 0; i < HOSTS; i++)
        off += off_phase(ask_host(b, i, i * 2654435761U));
    const struct fetcher *fr = b->fr;
    assert_in_range(fr->shard_count, HOSTS / 64, HOSTS / 48 + 1);
    for (unsigned i = 0; i < fr->shard_count; i++)
        assert_in_range(fr->shards[i]->hosts, 1, 64);
    assert_true(off / HOSTS < 3.0 / fr->shard_count);
    for (size_t i = 0; i < b->count; i++)
        cancel(b, b->got[i]);
}

/* Without a schedule all are of one phase, and the handles are filled one after the other. */
static void test_hosts_without_phase_fill_handles(void **state)
{
    struct rig *b = *state;

    for (unsigned i = 0; i < HOSTS; i++)
        ask_host(b, i, 0);
    assert_int_equal(b->fr->shard_count, HOSTS / 64 + 1);
    for (size_t i = 0; i < b->count; i++)
        cancel(b, b->got[i]);
}

/* ---- cancelling ---- */

static void test_cancel_queued_running_done(void **state)
{
    struct rig *b = *state;
    struct got *running[4], *queued[4];

    for (int i = 0; i < 4; i++)
        running[i] = ask(b, "/hang");
    for (int i = 0; i < 4; i++)
        queued[i] = ask(b, "/ok");
    while (b->origin->requests < 4)
        short_turn(b);
    cancel(b, queued[0]);
    cancel(b, running[0]); /* lets one of the queue go */
    await_one(b, queued[1]);
    assert_int_equal(queued[1]->status, 200);
    cancel(b, running[1]);
    cancel(b, running[2]);
    cancel(b, running[3]);
    await(b);
    assert_false(queued[0]->done);
    for (int i = 0; i < 4; i++)
        assert_false(running[i]->done);
    assert_int_equal(queued[3]->status, 200);
}

static void cancel_all_others(struct rig *b, struct got *me)
{
    for (size_t i = 0; i < b->count; i++)
        if (b->got[i] != me && !b->got[i]->done)
            cancel(b, b->got[i]);
}

static void test_cancel_others_from_a_callback(void **state)
{
    struct rig *b = *state;

    for (int i = 0; i < 30; i++)
        ask(b, i % 3 ? "/ok" : "/hops/1");
    b->on_got = cancel_all_others;
    await(b);
    unsigned done = 0;
    for (size_t i = 0; i < b->count; i++)
        done += b->got[i]->done;
    assert_int_equal(done, 1);
}

static void cancel_self(struct rig *b, struct got *me)
{
    (void)b;
    fetch_cancel(me->f);
}

static void test_cancel_self_in_callback_is_harmless(void **state)
{
    struct rig *b = *state;
    struct got *g = ask(b, "/ok");

    b->on_got = cancel_self;
    await(b);
    assert_int_equal(g->status, 200);
}

static void start_another(struct rig *b, struct got *me)
{
    (void)me;
    if (b->count < 50)
        ask(b, "/ok");
}

static void test_start_from_a_callback(void **state)
{
    struct rig *b = *state;

    b->on_got = start_another;
    ask(b, "/ok");
    await(b);
    assert_int_equal(b->count, 50);
    assert_all_status(b, 200);
    assert_int_equal(b->origin->connections, 1);
}

/* A target's fields may change (a token renewed) while its requests are queued or under way. */
static void test_target_changes_under_way(void **state)
{
    struct rig *b = *state;
    struct got *hung = ask(b, "/hang");

    while (b->origin->requests < 1)
        short_turn(b);
    for (int i = 0; i < 100; i++)
        set_header(b, "/hang", "X-Token", i % 2 ? "a" : "b");
    struct got *g = ask(b, "/echo");
    await_one(b, g);
    assert_int_equal(g->status, 200);
    cancel(b, hung);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        rig_test(test_per_host_cap),
        rig_test(test_connections),
        rig_test(test_order_in_queue),
        rig_test(test_a_thousand_fetches),
        rig_test(test_many_names),
        rig_test(test_kept_connections_are_limited),
        rig_test(test_multis_are_closed_when_idle),
        rig_test(test_hosts_of_like_phase_are_together),
        rig_test(test_hosts_without_phase_fill_handles),
        rig_test(test_cancel_queued_running_done),
        rig_test(test_cancel_others_from_a_callback),
        rig_test(test_cancel_self_in_callback_is_harmless),
        rig_test(test_start_from_a_callback),
        rig_test(test_target_changes_under_way),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
