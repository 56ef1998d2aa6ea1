/*
 * A loop, a fetcher and an origin for one test, and the answers as they came. Included by the
 * tests of the fetcher.
 */
#include <uv.h>

#include "base/map.h"
#include "io/fetch.h"

#include "scripted_origin.c"

#define rig_test(fn) cmocka_unit_test_setup_teardown(fn, rig_setup, rig_teardown)
#define assert_has(text, part) assert_non_null(strstr((text), (part)))

struct rig;

/* One fetch and what came of it. */
struct got {
    struct rig *b;
    struct fetch *f;
    bool done, cancelled;
    unsigned order; /* in which callbacks came, from 1 */
    enum err err;
    int status;
    char *body, *url, *etag, *type, *coding;
    size_t body_len;
    struct hash128 hash;
    int64_t total_us;
    unsigned redirects;
    char text[ERRINFO_TEXT];
};

struct rig {
    struct loop *loop;
    struct fetcher *fr;
    struct origin *origin;
    struct map targets; /* by URL */
    struct got **got;
    size_t count;
    unsigned pending, ends;
    void (*on_got)(struct rig *b, struct got *g); /* in the callback */
};

static struct fetcher_conf rig_conf(void)
{
    struct fetcher_conf conf;

    fetcher_conf_default(&conf);
    conf.per_host = 4;
    conf.connect_timeout_us = 5 * US_PER_S;
    conf.low_speed_us = 10 * US_PER_S;
    return conf;
}

static int rig_setup(void **state)
{
    struct rig *b = xcalloc(1, sizeof *b);

    alarm(60); /* a fetch that never ends must not hang the suite */
    b->loop = loop_new(0);
    struct fetcher_conf conf = rig_conf();
    b->fr = fetcher_new(b->loop, &conf, NULL);
    b->origin = origin_start("127.0.0.1");
    *state = b;
    return 0;
}

static int rig_teardown(void **state)
{
    struct rig *b = *state;
    struct fetch_target *t;

    fetcher_free(b->fr);
    for (size_t i = 0; (t = map_next(&b->targets, &i)) != NULL;)
        fetch_target_free(t);
    map_done(&b->targets);
    for (size_t i = 0; i < b->count; i++) {
        free(b->got[i]->body);
        free(b->got[i]->url);
        free(b->got[i]->etag);
        free(b->got[i]->type);
        free(b->got[i]->coding);
        free(b->got[i]);
    }
    free(b->got);
    origin_stop(b->origin);
    loop_free(b->loop);
    free(b);
    alarm(0);
    return 0;
}

static struct fetch_params params(struct rig *b)
{
    return (struct fetch_params){
        .deadline = loop_now(b->loop) + 20 * US_PER_S,
        .max_bytes = (size_t)10 << 20,
    };
}

static char *header_copy(const struct fetch_result *res, const char *name)
{
    struct str v = fetch_header(res, name, 0);

    assert_null(fetch_header(res, name, 1).p);
    return str_dup(v.p ? v : STR(""));
}

static void on_done(const struct fetch_result *res, void *arg)
{
    struct got *g = arg;
    struct rig *b = g->b;

    assert_false(g->done);
    assert_false(g->cancelled);
    g->done = true;
    g->order = ++b->ends;
    b->pending--;
    g->err = res->err;
    g->status = res->status;
    g->body = str_dup(res->body.p ? res->body : STR(""));
    g->body_len = res->body.n;
    g->hash = res->hash;
    g->url = str_dup(res->url.p ? res->url : STR(""));
    g->etag = header_copy(res, "etag");
    g->type = header_copy(res, "Content-Type");
    g->coding = header_copy(res, "CONTENT-encoding");
    g->total_us = res->total_us;
    g->redirects = res->redirects;
    snprintf(g->text, sizeof g->text, "%s", err_text(&res->info, res->err));
    assert_true((res->err == E_OK) == (res->info.err == E_OK));
    if (b->on_got)
        b->on_got(b, g);
}

static struct fetch_target *target(struct rig *b, const char *url)
{
    struct fetch_target *t = map_get(&b->targets, str_of(url));

    if (t)
        return t;
    t = fetch_target_new(str_of(url), NULL);
    assert_non_null(t);
    map_put(&b->targets, str_of(url), t);
    return t;
}

static struct got *ask_target(struct rig *b, const char *url, const struct fetch_params *p)
{
    struct fetch_params usual = params(b);
    struct got *g = xcalloc(1, sizeof *g);

    g->b = b;
    b->got = xrealloc(b->got, (b->count + 1) * sizeof *b->got);
    b->got[b->count++] = g;
    b->pending++;
    g->f = fetch_start(b->fr, target(b, url), p ? p : &usual, on_done, g);
    assert_non_null(g->f);
    return g;
}

static const char *url_of(struct rig *b, const char *path, char *buf, size_t size)
{
    snprintf(buf, size, "%s%s", b->origin->base, path);
    return buf;
}

static inline struct got *ask_with(struct rig *b, const char *path, const struct fetch_params *p)
{
    char url[512];

    return ask_target(b, url_of(b, path, url, sizeof url), p);
}

static inline struct got *ask(struct rig *b, const char *path)
{
    return ask_with(b, path, NULL);
}

static inline void set_header(struct rig *b, const char *path, const char *name, const char *value)
{
    char url[512];
    struct errinfo ei = ERRINFO_INIT;

    assert_ok(fetch_target_header(target(b, url_of(b, path, url, sizeof url)), str_of(name),
                                  str_of(value), &ei),
              &ei);
}

static void turn(struct rig *b)
{
    uv_run(loop_uv(b->loop), UV_RUN_ONCE);
}

static void on_tick(struct timer *t, void *arg)
{
    (void)t;
    (void)arg; /* ending the poll is the point */
}

/* For what does not wake the loop, at the origin or on a fake clock: a turn of at most about 1 ms. */
static inline void short_turn(struct rig *b)
{
    struct timer t;

    timer_init(&t, on_tick, NULL);
    /* From the last turn: a clock that was moved since does not move the timers set before. */
    timer_set(b->loop, &t, loop_now(b->loop) + US_PER_MS);
    turn(b);
    timer_clear(b->loop, &t);
}

/* Until nothing is under way. */
static void await(struct rig *b)
{
    while (b->pending > 0)
        turn(b);
}

static inline void await_one(struct rig *b, const struct got *g)
{
    while (!g->done)
        turn(b);
}

static inline void cancel(struct rig *b, struct got *g)
{
    assert_false(g->done);
    g->cancelled = true;
    b->pending--;
    fetch_cancel(g->f);
}

static void on_time(struct timer *t, void *arg)
{
    (void)t;
    *(bool *)arg = true;
}

/* Turns that the loop makes in ms without being asked for anything. */
static inline unsigned turns_during(struct rig *b, int64_t ms)
{
    struct timer t;
    bool over = false;
    unsigned turns = 0;

    timer_init(&t, on_time, &over);
    timer_set(b->loop, &t, clock_now() + ms * US_PER_MS);
    for (; !over; turns++)
        turn(b);
    return turns;
}

static inline void replace_fetcher(struct rig *b, const struct fetcher_conf *conf, struct egress *e)
{
    fetcher_free(b->fr);
    b->fr = fetcher_new(b->loop, conf, e);
}

static inline void assert_all_status(struct rig *b, int status)
{
    for (size_t i = 0; i < b->count; i++) {
        if (b->got[i]->err)
            fail_msg("fetch %zu: %s", i, b->got[i]->text);
        assert_int_equal(b->got[i]->status, status);
    }
}
