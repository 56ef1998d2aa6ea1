/*
 * When tokens are renewed: early, after failures, after the API refused one.
 */
#include "unit.h"

#include "token_rig.c"

/* ---- in time ---- */

/* Another token than this, which a renewal in the background brings. */
static struct got *await_other(unsigned shard, struct token_conf *c, const struct token *was)
{
    struct got *g = get(shard, c);

    while (g->token == was) {
        turns();
        g = get(shard, c);
    }
    return g;
}

static void renewed_at_90_percent_in_the_background(void **state)
{
    (void)state;
    struct token_conf *c = client("/token");

    fake_time();
    assert_token(get(0, c), "tok-1");
    assert_token(get(1, c), "tok-1");
    pass(89 * US_PER_S);
    assert_token(get(0, c), "tok-1");
    turns();
    assert_int_equal(requests(), 1);
    endpoint_open(false);
    pass(2 * US_PER_S);
    assert_token(get(0, c), "tok-1"); /* while the new one is on its way */
    assert_token(get(1, c), "tok-1");
    await_requests(2);
    endpoint_open(true);
    assert_token(await_other(0, c, rig.got[0].token), "tok-2");
    assert_token(await_other(1, c, rig.got[0].token), "tok-2");
    turns();
    assert_int_equal(requests(), 2);
    token_conf_unref(c);
}

static void not_renewed_for_nobody(void **state)
{
    (void)state;
    struct token_conf *c = client("/token");

    fake_time();
    get(0, c);
    pass(99 * US_PER_S);
    pass(500 * US_PER_S);
    assert_int_equal(requests(), 1);
    assert_token(get(1, c), "tok-2");
    assert_int_equal(requests(), 2);
    token_conf_unref(c);
}

/* Who comes new while a renewal is under way gets what there is. */
static void a_token_that_still_works_is_not_waited_for(void **state)
{
    (void)state;
    struct token_conf *c = client("/token");

    fake_time();
    get(0, c);
    pass(95 * US_PER_S);
    endpoint_open(false);
    assert_token(get(1, c), "tok-1");
    await_requests(2);
    assert_false(script.given > 1);
    token_conf_unref(c);
}

static void the_old_token_serves_while_renewal_fails(void **state)
{
    (void)state;
    struct token_conf *c = client("/token");

    fake_time();
    get(0, c);
    pass(91 * US_PER_S);
    script.status = 500;
    int64_t errors = count_read(COUNT_token_errors);
    assert_token(get(0, c), "tok-1");
    while (count_read(COUNT_token_errors) == errors)
        turn();
    turns();
    assert_int_equal(requests(), 2);
    for (int i = 0; i < 10; i++)
        assert_token(get((unsigned)i % SHARDS, c), "tok-1");
    assert_int_equal(requests(), 2);
    pass(9 * US_PER_S + US_PER_MS); /* it has expired; the provider may be asked again */
    const struct got *g = get(0, c);
    assert_int_equal(g->err, E_POLL_401);
    assert_has(g->text, "temporarily_unavailable");
    assert_int_equal(requests(), 3);
    script.status = 200;
    pass(10 * US_PER_S);
    assert_token(get(1, c), "tok-2");
    token_conf_unref(c);
}

/* ---- back-off ---- */

static void failures_are_given_at_once_while_backing_off(void **state)
{
    (void)state;
    struct token_conf *c = client("/token");
    int64_t wait_max[] = {1500, 3000, 6000, 10000, 10000, 10000};

    fake_time();
    script.status = 500;
    for (unsigned i = 0; i < ARRAY_LEN(wait_max); i++) {
        const struct got *g = get(0, c);
        int64_t wait = g->retry_at - clock_now();

        assert_int_equal(requests(), i + 1);
        assert_true(wait >= US_PER_S && wait <= wait_max[i] * US_PER_MS);
        for (int k = 0; k < 5; k++) {
            const struct got *again = get((unsigned)k % SHARDS, c);
            assert_int_equal(again->err, E_POLL_401);
            assert_string_equal(again->text, g->text);
            assert_int_equal(again->retry_at, g->retry_at);
        }
        pass(wait - US_PER_MS);
        assert_int_equal(get(0, c)->err, E_POLL_401);
        assert_int_equal(requests(), i + 1);
        pass(US_PER_MS);
    }
    script.status = 200;
    assert_token(get(1, c), "tok-1");
    token_conf_unref(c);
}

static void retry_after_is_heeded(void **state)
{
    (void)state;
    struct token_conf *c = client("/token");

    fake_time();
    script.status = 429;
    script.retry_after = 120;
    const struct got *g = get(0, c);
    assert_int_equal(g->retry_at - clock_now(), 120 * US_PER_S);
    script.status = 200;
    pass(119 * US_PER_S);
    assert_int_equal(get(1, c)->err, E_POLL_401);
    assert_int_equal(requests(), 1);
    pass(US_PER_S);
    assert_token(get(1, c), "tok-1");
    token_conf_unref(c);
}

/* ---- 401 from the API ---- */

static void refuse_on(unsigned shard, struct token_conf *c, const struct got *g)
{
    token_refused(&rig.shards[shard], c, g->token);
}

static void a_refused_token_is_renewed_once(void **state)
{
    (void)state;
    struct token_conf *c = client("/token");
    const struct got *a = get(0, c), *b = get(1, c);

    for (int i = 0; i < 50; i++) {
        refuse_on(0, c, a);
        ask(0, c);
        refuse_on(1, c, b);
        ask(1, c);
    }
    for (size_t i = 2; i < rig.count; i++)
        assert_token(await(&rig.got[i]), "tok-2");
    refuse_on(0, c, a); /* news from long ago */
    refuse_on(1, c, b);
    assert_token(get(0, c), "tok-2");
    assert_token(get(1, c), "tok-2");
    assert_int_equal(requests(), 2);
    token_conf_unref(c);
}

static void a_refusal_counts_while_a_renewal_is_under_way(void **state)
{
    (void)state;
    struct token_conf *c = client("/token");

    fake_time();
    const struct got *g = get(0, c);
    pass(95 * US_PER_S);
    endpoint_open(false);
    assert_token(get(0, c), "tok-1");
    await_requests(2);
    refuse_on(0, c, g);
    struct got *next = ask(0, c);
    turns();
    assert_false(next->done);
    endpoint_open(true);
    assert_token(await(next), "tok-2");
    assert_int_equal(requests(), 2);
    token_conf_unref(c);
}

static void tokens_refused_at_once_are_renewed_ever_more_rarely(void **state)
{
    (void)state;
    struct token_conf *c = client("/token");
    int64_t age[] = {0, 1, 2, 4, 8, 16, 32, 60, 60};

    fake_time();
    script.expires_in = 1000;
    const struct got *g = get(0, c);
    for (unsigned i = 0; i < ARRAY_LEN(age); i++) {
        if (age[i] > 0) {
            pass(age[i] * US_PER_S - US_PER_MS);
            refuse_on(0, c, g);
            assert_ptr_equal(get(0, c)->token, g->token);
            assert_int_equal(requests(), i + 1);
            pass(US_PER_MS);
        }
        refuse_on(0, c, g);
        const struct got *next = get(0, c);
        assert_ptr_not_equal(next->token, g->token);
        assert_int_equal(requests(), i + 2);
        g = next;
    }
    /* One that lives until its renewal clears the suspicion. */
    pass(901 * US_PER_S);
    g = await_other(0, c, g->token);
    assert_int_equal(requests(), ARRAY_LEN(age) + 2);
    refuse_on(0, c, g);
    assert_ptr_not_equal(get(0, c)->token, g->token);
    token_conf_unref(c);
}

static void a_refused_token_is_not_given_out_when_renewal_fails(void **state)
{
    (void)state;
    struct token_conf *c = client("/token");

    fake_time();
    const struct got *g = get(0, c);
    script.status = 400;
    refuse_on(0, c, g);
    assert_int_equal(get(0, c)->err, E_POLL_401);
    refuse_on(0, c, g);
    assert_int_equal(get(0, c)->err, E_POLL_401);
    assert_int_equal(requests(), 2);
    script.status = 200;
    pass(2 * US_PER_S);
    assert_token(get(0, c), "tok-2");
    token_conf_unref(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        rig_test(renewed_at_90_percent_in_the_background),
        rig_test(not_renewed_for_nobody),
        rig_test(a_token_that_still_works_is_not_waited_for),
        rig_test(the_old_token_serves_while_renewal_fails),
        rig_test(failures_are_given_at_once_while_backing_off),
        rig_test(retry_after_is_heeded),
        rig_test(a_refused_token_is_renewed_once),
        rig_test(a_refusal_counts_while_a_renewal_is_under_way),
        rig_test(tokens_refused_at_once_are_renewed_ever_more_rarely),
        rig_test(a_refused_token_is_not_given_out_when_renewal_fails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
