/*
 * Waits between attempts, one by one: tests/cases/retry/delays, retry_after and rate_limit_reset. Whole polls:
 * test_http_exchange.c.
 */
#include "topic_cases.h"

#include "base/clock.h"
#include "base/rand.h"
#include "core/limits.h"
#include "core/retry.h"

#define NOW (INT64_C(1700000000) * US_PER_S) /* Tue, 14 Nov 2023 22:13:20 GMT */
#define SPREAD_ROUNDS 100000
#define SPREAD_PARTS 10

static double number(const jval *c, const char *name)
{
    double d;

    assert_true(jv_double(jv_getz(c, name), &d));
    return d;
}

static void check_delay(const jval *c)
{
    int64_t got =
        retry_delay((unsigned)number(c, "n"), (int64_t)(number(c, "initial") * 1e6),
                    (int64_t)(number(c, "max") * 1e6), number(c, "factor"), number(c, "random"));
    int64_t expected = (int64_t)(number(c, "wait") * 1e6);

    if (got < expected - 30 || got > expected + 30)
        fail_msg("%.*s: %lld instead of %lld µs", STR_ARG(jv_str(jv_getz(c, "what"))),
                 (long long)got, (long long)expected);
}

static void delays(void **state)
{
    (void)state;
    assert_true(each_case("retry/delays", check_delay) > 20);
}

static void delays_stay_within_bounds(void **state)
{
    int64_t least = INT64_MAX, most = 0;

    (void)state;
    rand_seed(1);
    for (unsigned i = 0; i < 10000; i++) {
        int64_t d = retry_delay(i % 9, US_PER_S, 10 * US_PER_S, 0.5, rand_unit());

        assert_in_range(d, US_PER_S, 10 * US_PER_S);
        least = MIN(least, d);
        most = MAX(most, d);
    }
    assert_int_equal(least, US_PER_S);
    assert_int_equal(most, 10 * US_PER_S);
}

/* Each part of 4 s ± a half has its share of the waits, give or take five standard deviations. */
static void delays_are_spread_uniformly(void **state)
{
    unsigned parts[SPREAD_PARTS] = {0};

    (void)state;
    rand_seed(2);
    for (unsigned i = 0; i < SPREAD_ROUNDS; i++) {
        int64_t d = retry_delay(2, US_PER_S, 10 * US_PER_S, 0.5, rand_unit());
        int64_t part = (d - 2 * US_PER_S) * SPREAD_PARTS / (4 * US_PER_S);

        assert_in_range(part, 0, SPREAD_PARTS - 1);
        parts[part]++;
    }
    for (unsigned i = 0; i < SPREAD_PARTS; i++)
        assert_in_range(parts[i], SPREAD_ROUNDS / SPREAD_PARTS - 475,
                        SPREAD_ROUNDS / SPREAD_PARTS + 475);
}

typedef bool parse_f(struct str value, int64_t now_wall, int64_t *ret_us);

static void check_field(const jval *c, parse_f *parse)
{
    struct str value = jv_str(jv_getz(c, "value"));
    const jval *wait = jv_getz(c, "wait");
    bool expected = jv_type(wait) != JT_NULL;
    int64_t got = -7;

    if (parse(value, NOW, &got) != expected)
        fail_msg("\"%.*s\" is %staken", STR_ARG(value), expected ? "not " : "");
    assert_int_equal(got, expected ? (int64_t)(number(c, "wait") * 1e6) : -7);
}

static void check_retry_after(const jval *c)
{
    check_field(c, retry_after_parse);
}

static void check_rate_limit_reset(const jval *c)
{
    check_field(c, rate_limit_reset_parse);
}

static void retry_after(void **state)
{
    int64_t untouched;

    (void)state;
    assert_int_equal(LIMIT_RETRY_AFTER_S, 86400);
    assert_true(each_case("retry/retry_after", check_retry_after) > 20);
    assert_false(retry_after_parse(STR_NONE, NOW, &untouched));
}

static void rate_limit_reset(void **state)
{
    int64_t untouched;

    (void)state;
    assert_true(each_case("retry/rate_limit_reset", check_rate_limit_reset) > 20);
    assert_false(rate_limit_reset_parse(STR_NONE, NOW, &untouched));
}

int main(void)
{
    return RUN_TESTS(delays, delays_stay_within_bounds, delays_are_spread_uniformly, retry_after,
                     rate_limit_reset);
}
