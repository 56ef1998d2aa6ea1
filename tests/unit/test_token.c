/*
 * Tokens that are shared: who asks the provider, when, and what callers get meanwhile.
 */
#include "unit.h"

#include <pthread.h>

#include "token_rig.c"

/* ---- requests and answers over the wire ---- */

static void the_request_as_sent(void **state)
{
    (void)state;
    struct token_conf *c = client("/token");
    const char *r = script.request;

    assert_token(get(0, c), "tok-1");
    assert_true(str_starts(str_of(r), STR("POST /token HTTP/1.1\r\nHost: 127.0.0.1:")));
    assert_has(r, "Content-Type: application/x-www-form-urlencoded\r\n");
    assert_has(r, "Accept: application/json\r\n");
    /* base64("an+id:s3cr%3Dt+%26%3A%25%2B") */
    assert_has(r, "Authorization: Basic YW4raWQ6czNjciUzRHQrJTI2JTNBJTI1JTJC\r\n");
    assert_lacks(r, "Expect");
    assert_true(str_ends(str_of(r), STR("\r\n\r\ngrant_type=client_credentials")));
    token_conf_unref(c);
}

static void the_request_in_mode_body(void **state)
{
    (void)state;
    char url[128];

    snprintf(url, sizeof url, "%s/token", rig.origin->base);
    struct token_conf *c = client_at(url, "a b", TOKEN_MODE_BODY);
    assert_token(get(1, c), "tok-1");
    assert_lacks(script.request, "Authorization");
    assert_has(script.request, "\r\n\r\ngrant_type=client_credentials&scope=a+b&client_id=an+id&"
                               "client_secret=s3cr%3Dt+%26%3A%25%2B");
    token_conf_unref(c);
}

static void failures_of_the_endpoint(void **state)
{
    static const struct {
        const char *path;
        enum err err;
        bool passing;
        const char *text;
    } rows[] = {
        {"/ok", E_POLL_401, false, "no token_type"},
        {"/204", E_POLL_401, false, "not JSON"},
        {"/gzip", E_POLL_401, false, "not JSON"},
        {"/unknown", E_POLL_401, false, "status 404"},
        {"/hops/1", E_POLL_401, false, "redirects (status 302)"},
        {"/hops/2", E_POLL_401, false, "redirects (status 307)"},
        {"/big/65537", E_POLL_401, false, "65537 bytes, more than the limit of 65536"},
        {"/unsized/70000", E_POLL_401, false, "over the limit of 65536"},
        {"/hang", E_POLL_401, true, "no answer within"},
        {"/stall", E_POLL_401, true, "not whole after"},
        {"/short", E_POLL_401, true, "in the middle of the answer"},
        {"/nothing", E_POLL_401, true, "without an answer"},
        {"/garbage", E_POLL_401, false, "not valid HTTP"},
    };
    (void)state;

    rig.conf.poll_deadline_us = 300 * US_PER_MS;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        unsigned before = requests();
        struct token_conf *c = client(rows[i].path);
        const struct got *g = get((unsigned)i % SHARDS, c);

        assert_int_equal(g->err, rows[i].err);
        if (!strstr(g->text, rows[i].text))
            fail_msg("%s: %s", rows[i].path, g->text);
        assert_int_equal(g->passing, rows[i].passing);
        assert_has(g->text, "no access token");
        assert_has(g->text, "127.0.0.1:");
        assert_lacks(g->text, "s3cr");
        assert_true(g->retry_at > clock_now());
        assert_true(requests() > before); /* libcurl repeats one on a connection that was dead */
        token_conf_unref(c);
    }
}

static void providers_that_cannot_be_asked(void **state)
{
    static const struct {
        const char *url;
        enum err err;
        const char *text;
    } rows[] = {
        {"ftp://127.0.0.1/token", E_POLL_CONFIG, "authorization.provider: only http"},
        {"http://169.254.169.254/token", E_POLL_401, "169.254"},
        {"http://127.0.0.1:1/token", E_POLL_401, "no connection"},
    };
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct token_conf *c = client_at(rows[i].url, NULL, TOKEN_MODE_HEADER);
        struct got *g = ask(0, c);

        assert_false(g->done);
        await(g);
        assert_int_equal(g->err, rows[i].err);
        assert_has(g->text, rows[i].text);
        token_conf_unref(c);
    }
    assert_int_equal(requests(), 0);
}

static void errors_with_the_providers_words(void **state)
{
    (void)state;
    struct token_conf *c = client("/token");

    script.status = 503;
    const struct got *g = get(0, c);
    assert_int_equal(g->err, E_POLL_401);
    assert_true(g->passing);
    AUTO_FREE char *want = xasprintf("no access token from %s: temporarily_unavailable: come back "
                                     "(status 503)",
                                     rig.origin->base);
    assert_string_equal(g->text, want);
    token_conf_unref(c);
}

/* ---- sharing ---- */

static void one_request_for_equal_clients_on_all_loops(void **state)
{
    (void)state;
    struct token_conf *a = client("/token"), *b = client("/token");

    assert_ptr_not_equal(a, b);
    const struct got *first = get(0, a);
    const struct got *second = get(1, b);
    assert_token(first, "tok-1");
    assert_ptr_equal(first->token, second->token);
    assert_int_equal(requests(), 1);
    token_conf_unref(a);
    token_conf_unref(b);
}

static void other_clients_have_other_tokens(void **state)
{
    char url[128];
    (void)state;

    snprintf(url, sizeof url, "%s/token", rig.origin->base);
    struct token_conf *confs[] = {
        client_at(url, NULL, TOKEN_MODE_HEADER),
        client_at(url, "one", TOKEN_MODE_HEADER),
        client_at(url, "two", TOKEN_MODE_HEADER),
        client_at(url, "two", TOKEN_MODE_BODY),
    };
    for (unsigned i = 0; i < ARRAY_LEN(confs); i++) {
        AUTO_FREE char *want = xasprintf("tok-%u", i + 1);
        assert_token(get(i % SHARDS, confs[i]), want);
    }
    assert_int_equal(requests(), ARRAY_LEN(confs));
    for (unsigned i = 0; i < ARRAY_LEN(confs); i++)
        token_conf_unref(confs[i]);
}

/* Clients whose hashes are equal must not get each other's tokens. */
static void equal_hashes_are_not_equal_clients(void **state)
{
    char url[128];
    (void)state;

    snprintf(url, sizeof url, "%s/token", rig.origin->base);
    struct token_conf *confs[3] = {
        client_at(url, "one", TOKEN_MODE_HEADER),
        client_at(url, "two", TOKEN_MODE_HEADER),
        client_at(url, "three", TOKEN_MODE_HEADER),
    };
    for (unsigned i = 0; i < 3; i++)
        confs[i]->hash = 7;
    for (unsigned round = 0; round < 2; round++) {
        assert_token(get(0, confs[0]), "tok-1");
        assert_token(get(0, confs[1]), "tok-2");
        assert_token(get(1, confs[2]), "tok-3");
        assert_token(get(1, confs[0]), "tok-1");
    }
    assert_int_equal(requests(), 3);
    for (unsigned i = 0; i < 3; i++)
        token_conf_unref(confs[i]);
}

static void a_fresh_token_costs_no_mail(void **state)
{
    (void)state;
    struct token_conf *c = client("/token");

    get(0, c);
    get(1, c);
    int64_t mails = count_read(COUNT_mailbox_posts);
    for (int i = 0; i < 20; i++) {
        struct got *g = ask((unsigned)i % SHARDS, c);

        assert_false(g->done);
        assert_token(await(g), "tok-1");
    }
    assert_int_equal(count_read(COUNT_mailbox_posts), mails);
    assert_int_equal(requests(), 1);
    token_conf_unref(c);
}

static void however_many_wait_one_request(void **state)
{
    (void)state;
    struct token_conf *c = client("/token");

    endpoint_open(false);
    for (unsigned i = 0; i < 500; i++)
        ask(i % SHARDS, c);
    await_requests(1);
    for (unsigned i = 0; i < 20; i++)
        ask(i % SHARDS, c);
    turns();
    for (size_t i = 0; i < rig.count; i++)
        assert_false(rig.got[i].done);
    endpoint_open(true);
    for (size_t i = 0; i < rig.count; i++)
        assert_token(await(&rig.got[i]), "tok-1");
    assert_int_equal(requests(), 1);
    assert_int_equal(count_read(COUNT_token_requests) > 0, true);
    token_conf_unref(c);
}

/* ---- each loop in a thread of its own ---- */

static atomic_uint thread_waits;

static void on_thread_token(const struct token_result *res, void *arg)
{
    struct got *g = arg;

    on_got(res, g);
    if (atomic_fetch_sub(&thread_waits, 1) == 1)
        for (unsigned i = 0; i < SHARDS; i++)
            loop_stop(rig.shards[i].loop);
}

/* The half of the waiters that are on this loop. */
static void on_thread_start(void *arg)
{
    struct shard *sh = arg;
    struct token_conf *c = client("/token");

    for (unsigned i = 0; i < 250; i++) {
        struct got *g = &rig.got[i * SHARDS + sh->index];
        g->wait = token_get(sh, c, on_thread_token, g);
    }
    token_conf_unref(c);
}

static void *run_thread(void *arg)
{
    loop_run(((struct shard *)arg)->loop);
    return NULL;
}

static void however_many_wait_on_threads(void **state)
{
    pthread_t threads[SHARDS];
    (void)state;

    atomic_store(&thread_waits, 500);
    rig.count = 500;
    for (unsigned i = 0; i < SHARDS; i++) {
        loop_post_call(rig.shards[i].loop, on_thread_start, &rig.shards[i]);
        assert_int_equal(pthread_create(&threads[i], NULL, run_thread, &rig.shards[i]), 0);
    }
    for (unsigned i = 0; i < SHARDS; i++)
        pthread_join(threads[i], NULL);
    for (size_t i = 0; i < 500; i++)
        assert_token(&rig.got[i], "tok-1");
    assert_int_equal(requests(), 1);
}

/* ---- cancelling ---- */

static void cancel(struct got *g)
{
    assert_false(g->done);
    token_cancel(TAKE(g->wait));
}

static void cancelled_at_every_stage(void **state)
{
    (void)state;
    struct token_conf *c = client("/token");
    struct got *at_once = ask(0, c);

    cancel(at_once);
    turns();
    assert_int_equal(requests(), 0);
    endpoint_open(false);
    struct got *asked = ask(0, c), *other = ask(1, c);
    turn();
    cancel(asked);
    await_requests(1);
    cancel(other);
    struct got *late = ask(1, c), *stays = ask(1, c);
    turns();
    cancel(late);
    endpoint_open(true);
    assert_token(await(stays), "tok-1");
    struct got *ready = ask(0, c);
    cancel(ready);
    turns();
    assert_false(at_once->done || asked->done || other->done || late->done || ready->done);
    assert_int_equal(requests(), 1);
    token_cancel(NULL);
    token_conf_unref(c);
}

static void what_nobody_waits_for_any_more_is_kept(void **state)
{
    (void)state;
    struct token_conf *c = client("/token");

    endpoint_open(false);
    struct got *g = ask(0, c);
    await_requests(1);
    cancel(g);
    endpoint_open(true);
    assert_token(get(1, c), "tok-1");
    assert_int_equal(requests(), 1);
    token_conf_unref(c);
}

static struct got *victim;
static struct token_conf *again_conf;

static void cancel_victim(struct got *g)
{
    (void)g;
    cancel(victim);
}

static void come_back(struct got *g)
{
    token_refused(&rig.shards[0], again_conf, g->token);
    victim = ask(0, again_conf);
    assert_false(victim->done);
}

static void callbacks_may_cancel_refuse_and_ask(void **state)
{
    (void)state;
    struct token_conf *c = again_conf = client("/token");
    struct got *first = ask(0, c);

    victim = ask(0, c);
    struct got *third = ask(0, c);
    first->then = cancel_victim;
    assert_token(await(third), "tok-1");
    assert_true(first->done);
    assert_false(victim->done);
    struct got *fourth = ask(0, c);
    fourth->then = come_back;
    await(fourth);
    assert_token(await(victim), "tok-2");
    token_conf_unref(c);
}

/* The end of the program: the copies of one loop go before the other loop's sources. */
static void freed_at_every_stage(void **state)
{
    for (unsigned stage = 0; stage < 4; stage++) {
        struct token_conf *confs[] = {client("/token"), client("/hang"), client("/stall")};

        endpoint_open(false);
        for (unsigned i = 0; i < SHARDS * ARRAY_LEN(confs); i++)
            ask(i % SHARDS, confs[i / SHARDS]);
        for (unsigned i = 0; i < stage; i++)
            turn();
        while (stage == 3 && requests() < ARRAY_LEN(confs))
            turn();
        for (size_t i = 0; i < rig.count; i++)
            assert_false(rig.got[i].done);
        for (unsigned i = 0; i < ARRAY_LEN(confs); i++)
            token_conf_unref(confs[i]);
        rig_teardown(state);
        rig_setup(state);
    }
}

/* ---- forgetting ---- */

static size_t held(void)
{
    size_t n = 0;

    for (unsigned i = 0; i < SHARDS; i++)
        n += rig.shards[i].tokens->copies.count + rig.shards[i].tokens->sources.count;
    return n;
}

static void what_is_not_used_is_forgotten(void **state)
{
    (void)state;
    struct token_conf *c = client("/token");

    fake_time();
    script.expires_in = 1000;
    get(0, c);
    get(1, c);
    assert_int_equal(held(), 3);
    for (int i = 0; i < 11; i++)
        pass(61 * US_PER_S);
    assert_int_equal(held(), 1); /* the token has not expired */
    assert_token(get(1, c), "tok-1");
    for (int i = 0; i < 11; i++)
        pass(61 * US_PER_S);
    assert_int_equal(held(), 0);
    assert_token(get(1, c), "tok-2");
    assert_int_equal(requests(), 2);
    token_conf_unref(c);
}

static void what_is_used_is_not_forgotten(void **state)
{
    (void)state;
    struct token_conf *c = client("/hang");

    fake_time();
    rig.conf.poll_deadline_us = US_PER_DAY;
    struct got *g = ask(0, c);
    await_requests(1);
    for (int i = 0; i < 25; i++)
        pass(US_PER_S);
    assert_int_equal(held(), 2);
    assert_false(g->done);
    pass(6 * US_PER_S);
    await(g);
    assert_has(g->text, "no answer within 3"); /* 30 s at most, whatever polls may have */
    token_conf_unref(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        rig_test(the_request_as_sent),
        rig_test(the_request_in_mode_body),
        rig_test(failures_of_the_endpoint),
        rig_test(providers_that_cannot_be_asked),
        rig_test(errors_with_the_providers_words),
        rig_test(one_request_for_equal_clients_on_all_loops),
        rig_test(other_clients_have_other_tokens),
        rig_test(equal_hashes_are_not_equal_clients),
        rig_test(a_fresh_token_costs_no_mail),
        rig_test(however_many_wait_one_request),
        rig_test(however_many_wait_on_threads),
        rig_test(cancelled_at_every_stage),
        rig_test(what_nobody_waits_for_any_more_is_kept),
        rig_test(callbacks_may_cancel_refuse_and_ask),
        rig_test(freed_at_every_stage),
        rig_test(what_is_not_used_is_forgotten),
        rig_test(what_is_used_is_not_forgotten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
