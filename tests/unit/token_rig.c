/*
 * Two shards that can get tokens, and an origin with a token endpoint: /token gives a new token to
 * each request, as `script` says. Everything but the origin runs on the test's thread: turn() is one
 * turn of both loops. Included by the tests of tokens.
 */
#include <poll.h>
#include <uv.h>

#include "base/clock.h"
#include "base/count.h"
#include "core/token_impl.h"

#include "scripted_origin.c"

#define rig_test(fn) cmocka_unit_test_setup_teardown(fn, rig_setup, rig_teardown)
#define assert_has(text, part) assert_non_null(strstr((text), (part)))
#define assert_lacks(text, part) assert_null(strstr((text), (part)))

#define SHARDS 2
#define GOT_MAX 600
#define SECRET "s3cr=t &:%+"

/* One call of token_get() and what came of it. */
struct got {
    struct token_wait *wait;
    bool done;
    enum err err;
    struct token *token; /* a reference */
    bool passing;
    int64_t retry_at;
    char text[ERRINFO_TEXT];
    void (*then)(struct got *g); /* in the callback */
};

struct rig {
    struct conf conf;
    struct engine engine;
    struct shard shards[SHARDS];
    struct origin *origin;
    struct got got[GOT_MAX];
    size_t count;
};

static struct rig rig;

/* What the token endpoint does; read by the origin's threads. */
static struct {
    atomic_int status;     /* 200, or an error */
    atomic_int expires_in; /* s */
    atomic_int retry_after;
    atomic_bool closed;        /* it answers nothing until it is open */
    atomic_uint given;         /* tokens */
    char request[REQUEST_MAX]; /* the last one; under the origin's mutex */
} script;

/* ---- the endpoint ---- */

static bool say_error(struct conn *c, int status)
{
    char line[64], field[64] = "";

    snprintf(line, sizeof line, "%d Refused", status);
    if (script.retry_after)
        snprintf(field, sizeof field, "Retry-After: %d\r\n", script.retry_after);
    return answer(
        c, line, field,
        STR("{\"error\":\"temporarily_unavailable\",\"error_description\":\"come back\"}"));
}

static bool be_token(struct conn *c)
{
    struct origin *o = c->o;
    char body[128];

    pthread_mutex_lock(&o->mutex);
    snprintf(script.request, sizeof script.request, "%s", c->request);
    while (script.closed)
        pthread_cond_wait(&o->changed, &o->mutex);
    pthread_mutex_unlock(&o->mutex);
    if (script.status != 200)
        return say_error(c, script.status);
    snprintf(body, sizeof body,
             "{\"access_token\":\"tok-%u\",\"token_type\":\"bearer\",\"expires_in\":%d}",
             atomic_fetch_add(&script.given, 1) + 1, script.expires_in);
    return answer(c, "200 OK", "Content-Type: application/json\r\n", str_of(body));
}

static bool be_other(struct conn *c)
{
    if (str_eqz(c->path, "/token"))
        return be_token(c);
    return answer(c, "404 Not Found", "", STR("no such path"));
}

static void endpoint_open(bool open)
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
    loop_set_user(sh->loop, sh);
    fetcher_conf_default(&fc);
    sh->fetcher = fetcher_new(sh->loop, &fc, NULL);
    sh->tokens = tokens_new(sh);
    rig.engine.shards[i] = sh;
}

static int rig_setup(void **state)
{
    alarm(60); /* a token that never comes must not hang the suite */
    memset(&rig, 0, sizeof rig);
    rig.conf.poll_deadline_us = 30 * US_PER_S;
    rig.engine.conf = &rig.conf;
    rig.engine.shard_count = SHARDS;
    for (unsigned i = 0; i < SHARDS; i++)
        shard_make(i);
    script.status = 200;
    script.expires_in = 100;
    script.retry_after = 0;
    script.closed = false;
    script.given = 0;
    rig.origin = origin_start("127.0.0.1");
    rig.origin->other = be_other;
    *state = &rig;
    return 0;
}

static int rig_teardown(void **state)
{
    (void)state;
    endpoint_open(true);
    for (unsigned i = 0; i < SHARDS; i++) {
        tokens_free(rig.shards[i].tokens);
        fetcher_free(rig.shards[i].fetcher);
    }
    for (unsigned i = 0; i < SHARDS; i++)
        loop_free(rig.shards[i].loop);
    for (size_t i = 0; i < rig.count; i++)
        token_unref(rig.got[i].token);
    origin_stop(rig.origin);
    clock_unfake();
    alarm(0);
    return 0;
}

/* ---- the loops ---- */

/* A turn of both, after waiting a little for something to do. */
static void turn(void)
{
    struct pollfd p[SHARDS];

    for (unsigned i = 0; i < SHARDS; i++)
        p[i] = (struct pollfd){uv_backend_fd(loop_uv(rig.shards[i].loop)), POLLIN, 0};
    poll(p, SHARDS, 5);
    for (unsigned i = 0; i < SHARDS; i++)
        uv_run(loop_uv(rig.shards[i].loop), UV_RUN_NOWAIT);
}

/* As many as mails to the owner and back, and what they start, can take. */
static inline void turns(void)
{
    for (int i = 0; i < 8; i++)
        turn();
}

static inline void await_requests(unsigned n)
{
    while (requests() < n)
        turn();
    assert_int_equal(requests(), n);
}

static inline void fake_time(void)
{
    clock_fake(clock_now(), clock_now_wall());
}

/* Time goes on; the loops have seen it. */
static inline void pass(int64_t us)
{
    clock_advance(us);
    turns();
}

/* ---- asking ---- */

static inline struct token_conf *client_at(const char *url, const char *scope, enum token_mode mode)
{
    return token_conf_new(&(struct token_client){
        .provider = str_of(url),
        .id = STR("an id"),
        .secret = STR(SECRET),
        .scope = str_of(scope),
        .mode = mode,
    });
}

static struct token_conf *client(const char *path)
{
    char url[128];

    snprintf(url, sizeof url, "%s%s", rig.origin->base, path);
    return client_at(url, NULL, TOKEN_MODE_HEADER);
}

static void on_got(const struct token_result *res, void *arg)
{
    struct got *g = arg;

    assert_false(g->done);
    assert_true((res->err == E_OK) == (res->token != NULL));
    g->done = true;
    g->wait = NULL;
    g->err = res->err;
    g->token = res->token ? token_ref(res->token) : NULL;
    g->passing = res->passing;
    g->retry_at = res->retry_at;
    snprintf(g->text, sizeof g->text, "%s", err_text(&res->info, res->err));
    if (g->then)
        g->then(g);
}

static struct got *ask(unsigned shard, struct token_conf *c)
{
    struct got *g = &rig.got[rig.count++];

    assert_true(rig.count <= GOT_MAX);
    g->wait = token_get(&rig.shards[shard], c, on_got, g);
    assert_non_null(g->wait);
    return g;
}

static struct got *await(struct got *g)
{
    while (!g->done)
        turn();
    return g;
}

static inline struct got *get(unsigned shard, struct token_conf *c)
{
    return await(ask(shard, c));
}

static inline void assert_token(const struct got *g, const char *token)
{
    AUTO_FREE char *want = xasprintf("Authorization: Bearer %s", token);

    assert_true(g->done);
    if (g->err)
        fail_msg("%s: %s", err_row(g->err)->name, g->text);
    assert_str(token_header(g->token), want);
}
