#include "unit.h"

#include "base/clock.h"
#include "core/poller.h"

static void ticks_keep_rate_and_phase(void **state)
{
    (void)state;
    static const struct {
        int64_t now, period, phase, next;
    } rows[] = {
        {0, 1000, 0, 1000},    {0, 1000, 1, 1},        {1, 1000, 1, 1001},
        {999, 1000, 0, 1000},  {1000, 1000, 0, 2000},  {1001, 1000, 999, 1999},
        {500, 1000, 999, 999}, {5000, 700, 100, 5700}, {123456789, 1000000, 250000, 124250000},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(poller_next_tick(rows[i].now, rows[i].period, rows[i].phase),
                         rows[i].next);
}

static void a_tick_is_always_later_and_within_a_period(void **state)
{
    (void)state;
    for (int64_t period = 1; period < 60; period++) {
        for (int64_t phase = 0; phase < period; phase++) {
            for (int64_t now = 0; now < 130; now++) {
                int64_t next = poller_next_tick(now, period, phase);
                assert_true(next > now && next <= now + period);
                assert_int_equal(next % period, phase);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ticks_keep_rate_and_phase),
        cmocka_unit_test(a_tick_is_always_later_and_within_a_period),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
