#include "unit.h"

#include "base/clock.h"
#include "base/rand.h"
#include "core/limits.h"
#include "core/retry.h"

static void delays(void **state)
{
    static const struct {
        unsigned n;
        double initial_s, max_s, factor, random, expected_s;
    } rows[] = {
        /* without jitter: doubled until the maximum */
        {0, 1, 10, 0, 0.3, 1},
        {1, 1, 10, 0, 0.3, 2},
        {2, 1, 10, 0, 0.3, 4},
        {3, 1, 10, 0, 0.3, 8},
        {4, 1, 10, 0, 0.3, 10},
        {100, 1, 10, 0, 0.3, 10},
        {4000000000u, 1, 10, 0, 0.3, 10},
        /* jitter: from 1 - factor to 1 + factor, 1 in the middle */
        {2, 1, 10, 0.5, 0, 2},
        {2, 1, 10, 0.5, 0.5, 4},
        {2, 1, 10, 0.5, 0.75, 5},
        {2, 1, 60, 1, 0.25, 2},
        /* kept within initial and maximum */
        {0, 1, 10, 0.5, 0, 1},
        {0, 1, 10, 0.5, 0.75, 1.25},
        {4, 1, 10, 0.5, 0.999999, 10},
        {4, 1, 10, 0.5, 0, 5},
        {2, 1, 10, 1, 0, 1},
        /* zero and odd bounds */
        {5, 0, 10, 0.5, 0.9, 0},
        {5, 0, 0, 0.5, 0.9, 0},
        {0, 1, 0, 0.5, 0.9, 0},
        {0, 10, 1, 0.5, 0.1, 1},
        {7, 10, 1, 0.5, 0.9, 1},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t got = retry_delay(rows[i].n, (int64_t)(rows[i].initial_s * 1e6),
                                  (int64_t)(rows[i].max_s * 1e6), rows[i].factor, rows[i].random);
        int64_t expected = (int64_t)(rows[i].expected_s * 1e6);

        if (got < expected - 30 || got > expected + 30)
            fail_msg("row %zu: %lld instead of %lld µs", i, (long long)got, (long long)expected);
    }
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

static void retry_after(void **state)
{
    const int64_t now = INT64_C(1700000000) * US_PER_S; /* Tue, 14 Nov 2023 22:13:20 GMT */
    static const struct {
        const char *value;
        int64_t seconds; /* -1: not valid */
    } rows[] = {
        {"0", 0},
        {"1", 1},
        {"120", 120},
        {" 7 ", 7},
        {"007", 7},
        {"86400", LIMIT_RETRY_AFTER_S},
        {"86401", LIMIT_RETRY_AFTER_S},
        {"99999999999999999999999999", LIMIT_RETRY_AFTER_S},
        {"Tue, 14 Nov 2023 22:14:20 GMT", 60},
        {"Tuesday, 14-Nov-23 22:14:20 GMT", 60},
        {"Tue Nov 14 22:14:20 2023", 60},
        {"Tue, 14 Nov 2023 22:13:20 GMT", 0},
        {"Tue, 14 Nov 2023 22:13:19 GMT", 0},
        {"Thu, 01 Jan 1970 00:00:00 GMT", 0},
        {"Wed, 15 Nov 2023 22:13:20 GMT", LIMIT_RETRY_AFTER_S},
        {"Fri, 31 Dec 9999 23:59:59 GMT", LIMIT_RETRY_AFTER_S},
        {"", -1},
        {"-1", -1},
        {"+5", -1},
        {"1.5", -1},
        {"5s", -1},
        {"soon", -1},
        {"0x10", -1},
        {"1e3", -1},
        {"2023-11-14T22:14:20Z", -1},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t got = -7;
        bool valid = retry_after_parse(str_of(rows[i].value), now, &got);

        if (valid != (rows[i].seconds >= 0))
            fail_msg("\"%s\" is %staken", rows[i].value, valid ? "" : "not ");
        assert_int_equal(got, valid ? rows[i].seconds * US_PER_S : -7);
    }
    int64_t untouched;
    assert_false(retry_after_parse(STR_NONE, now, &untouched));
}

int main(void)
{
    return RUN_TESTS(delays, delays_stay_within_bounds, retry_after);
}
