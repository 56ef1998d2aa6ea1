#include "unit.h"

#include "base/clock.h"
#include "base/rand.h"

#define NOV_1994 (INT64_C(784111777) * US_PER_S) /* Sun, 06 Nov 1994 08:49:37 GMT */

static void test_clocks_run(void **state)
{
    (void)state;
    int64_t a = clock_now(), b = clock_now();

    assert_true(a > 0 && b >= a);
    assert_true(clock_now_wall() > INT64_C(1700000000) * US_PER_S);
}

static void test_fake(void **state)
{
    (void)state;
    clock_fake(100, NOV_1994);
    assert_true(clock_now() == 100 && clock_now_wall() == NOV_1994);
    clock_advance(50);
    assert_true(clock_now() == 150 && clock_now_wall() == NOV_1994 + 50);
    clock_unfake();
    assert_true(clock_now_wall() > NOV_1994 + US_PER_DAY);
}

static const struct {
    const char *text;
    int64_t wall;
} wall_rows[] = {
    {"1970-01-01T00:00:00Z", 0},
    {"1969-12-31T23:59:59.999999Z", -1},
    {"1994-11-06T08:49:37Z", NOV_1994},
    {"2000-02-29T12:34:56.987654Z", INT64_C(951827696987654)},
    {"1985-04-12T23:20:50.520000Z", INT64_C(482196050520000)},
    {"0000-01-01T00:00:00Z", INT64_C(-62167219200000000)},
    {"9999-12-31T23:59:59.999999Z", INT64_C(253402300799999999)},
};

static void test_wall_both_ways(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wall_rows); i++) {
        AUTO(buf_done) struct buf b = BUF_INIT;
        int64_t wall = 5;

        clock_format_wall(&b, wall_rows[i].wall);
        assert_str(buf_view(&b), wall_rows[i].text);
        assert_int_equal(clock_parse_wall(buf_view(&b), &wall), E_OK);
        assert_true(wall == wall_rows[i].wall);
    }
}

static void test_wall_forms(void **state)
{
    (void)state;
    static const struct {
        const char *text, *same;
    } rows[] = {
        {"1985-04-12t23:20:50.52z", "1985-04-12T23:20:50.520000Z"},
        {"1996-12-19T16:39:57-08:00", "1996-12-20T00:39:57Z"},
        {"1937-01-01T12:00:27.87+00:20", "1937-01-01T11:40:27.870000Z"},
        {"2020-01-01T00:00:00+23:59", "2019-12-31T00:01:00Z"},
        {"2020-01-01T00:00:00-00:00", "2020-01-01T00:00:00Z"},
        {"2020-01-01T00:00:00.1234569999999999999999Z", "2020-01-01T00:00:00.123456Z"},
        {"2020-01-01T00:00:00.0Z", "2020-01-01T00:00:00Z"},
        {"1990-12-31T23:59:60Z", "1990-12-31T23:59:59.999999Z"},
        {"1990-12-31T23:59:60.5Z", "1990-12-31T23:59:59.999999Z"},
        {"1990-12-31T15:59:60-08:00", "1990-12-31T23:59:59.999999Z"},
        {"2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(buf_done) struct buf b = BUF_INIT;
        int64_t wall = 5;

        assert_int_equal(clock_parse_wall(str_of(rows[i].text), &wall), E_OK);
        clock_format_wall(&b, wall);
        assert_str(buf_view(&b), rows[i].same);
    }
}

static void test_wall_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",
        "2020-01-01",
        "2020-01-01T00:00:00",
        "2020-01-01 00:00:00Z",
        "2020-01-01T00:00Z",
        "2020-01-01T00:00:00.Z",
        "2020-01-01T00:00:00,5Z",
        "2020-01-01T24:00:00Z",
        "2020-01-01T23:60:00Z",
        "2020-01-01T23:59:61Z",
        "2020-01-01T23:59:60Z", /* not the end of a month */
        "2020-01-31T22:59:60Z",
        "1990-12-31T23:59:60+01:00",
        "2020-00-01T00:00:00Z",
        "2020-13-01T00:00:00Z",
        "2020-01-00T00:00:00Z",
        "2020-01-32T00:00:00Z",
        "2020-04-31T00:00:00Z",
        "2023-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2020-1-01T00:00:00Z",
        "+2020-01-01T00:00:00Z",
        "20200101T000000Z",
        "2020-01-01T00:00:00+24:00",
        "2020-01-01T00:00:00+00:60",
        "2020-01-01T00:00:00+0000",
        "2020-01-01T00:00:00+00",
        "2020-01-01T00:00:00ZZ",
        " 2020-01-01T00:00:00Z",
        "2020-01-01T00:00:00Z ",
        "2020-01-01T-1:00:00Z",
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t wall = 5;

        assert_int_equal(clock_parse_wall(str_of(rows[i]), &wall), E_INVALID);
        assert_true(wall == 5);
    }
    assert_int_equal(clock_parse_wall(STR_NONE, &(int64_t){0}), E_INVALID);
}

static void test_http_three_forms(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
    };
    AUTO(buf_done) struct buf b = BUF_INIT;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t wall = 5;

        assert_int_equal(clock_parse_http(str_of(rows[i]), &wall), E_OK);
        assert_true(wall == NOV_1994);
    }
    clock_format_http(&b, NOV_1994 + 999999);
    assert_str(buf_view(&b), rows[0]);
}

static void test_http_more(void **state)
{
    (void)state;
    int64_t wall;

    assert_int_equal(clock_parse_http(STR("Wed Nov 16 08:49:37 1994"), &wall), E_OK);
    assert_true(wall == NOV_1994 + 10 * US_PER_DAY);
    /* the name of the day is not compared */
    assert_int_equal(clock_parse_http(STR("Mon, 06 Nov 1994 08:49:37 GMT"), &wall), E_OK);
    assert_true(wall == NOV_1994);
    assert_int_equal(clock_parse_http(STR("Sat, 31 Dec 2016 23:59:60 GMT"), &wall), E_OK);
    assert_true(wall == INT64_C(1483228800) * US_PER_S - 1);
}

/* RFC 9110 §5.6.7: over 50 years ahead means the past. */
static void test_http_two_digit_years(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t year;
    } rows[] = {
        {"Sunday, 06-Nov-76 08:49:37 GMT", 2076}, {"Sunday, 06-Nov-77 08:49:37 GMT", 1977},
        {"Sunday, 06-Nov-99 08:49:37 GMT", 1999}, {"Sunday, 06-Nov-00 08:49:37 GMT", 2000},
        {"Sunday, 06-Nov-26 08:49:37 GMT", 2026},
    };

    clock_fake(0, clock_days(2026, 6, 1) * US_PER_DAY);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t wall;

        assert_int_equal(clock_parse_http(str_of(rows[i].text), &wall), E_OK);
        assert_int_equal(clock_civil_of(wall).year, rows[i].year);
    }
    clock_unfake();
}

static void test_http_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",
        "Sun",
        "0",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 gmt",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        "sun, 06 Nov 1994 08:49:37 GMT",
        "Sun 06 Nov 1994 08:49:37 GMT",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 94 08:49:37 GMT",
        "Sun, 06-Nov-94 08:49:37 GMT",
        "Sunday, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-1994 08:49:37 GMT",
        "Sunday Nov  6 08:49:37 1994",
        "Sun Nov 6 08:49:37 1994",
        "Sun Nov  6 08:49:37 94",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Sun, 29 Feb 1994 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:49:37 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 08:49:60 GMT",
        "Xxx, 06 Nov 1994 08:49:37 GMT",
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t wall = 5;

        assert_int_equal(clock_parse_http(str_of(rows[i]), &wall), E_INVALID);
        assert_true(wall == 5);
    }
}

static void test_format_and_parse_are_inverse(void **state)
{
    (void)state;
    uint64_t span = UINT64_C(315569519999999999); /* 0000 … 9999 */

    rand_seed(7);
    for (int i = 0; i < 20000; i++) {
        AUTO(buf_done) struct buf b = BUF_INIT;
        int64_t wall = (int64_t)(rand_u64() % span) + wall_rows[5].wall, back = 0;

        clock_format_wall(&b, wall);
        assert_int_equal(clock_parse_wall(buf_view(&b), &back), E_OK);
        assert_true(back == wall);
        buf_clear(&b);
        clock_format_http(&b, wall);
        assert_int_equal(clock_parse_http(buf_view(&b), &back), E_OK);
        assert_true(back <= wall && wall - back < US_PER_S);
    }
}

/* Day by day over two cycles of the calendar, counted by hand. */
static void test_calendar(void **state)
{
    (void)state;
    int64_t year = 1600, day_number = clock_days(1600, 1, 1);
    int weekday = 6;

    for (; year < 2400; year++)
        for (int month = 1; month <= 12; month++)
            for (int day = 1; day <= clock_days_in_month(year, month); day++, day_number++) {
                struct clock_civil c = clock_civil_of(day_number * US_PER_DAY + 1);

                assert_true(clock_days(year, month, day) == day_number);
                assert_true(c.year == year && c.month == month && c.day == day);
                assert_int_equal(c.weekday, weekday);
                weekday = (weekday + 1) % 7;
            }
    assert_true(day_number - clock_days(1600, 1, 1) == 2 * 146097);
}

static void test_years_beyond_four_digits_are_bounded(void **state)
{
    (void)state;
    AUTO(buf_done) struct buf b = BUF_INIT;
    char ms[CLOCK_MS_LEN + 1];

    clock_format_wall(&b, INT64_MAX);
    buf_putc(&b, ' ');
    clock_format_wall(&b, INT64_MIN);
    assert_str(buf_view(&b), "9999-12-31T23:59:59.999999Z 0000-01-01T00:00:00Z");
    buf_clear(&b);
    clock_format_http(&b, INT64_MIN);
    assert_str(buf_view(&b), "Sat, 01 Jan 0000 00:00:00 GMT");
    clock_text_ms(ms, INT64_MAX);
    assert_string_equal(ms, "9999-12-31T23:59:59.999Z");
    clock_text_ms(ms, NOV_1994 + 7999);
    assert_string_equal(ms, "1994-11-06T08:49:37.007Z");
}

int main(void)
{
    return RUN_TESTS(test_clocks_run, test_fake, test_wall_both_ways, test_wall_forms,
                     test_wall_refused, test_http_three_forms, test_http_more,
                     test_http_two_digit_years, test_http_refused,
                     test_format_and_parse_are_inverse, test_calendar,
                     test_years_beyond_four_digits_are_bounded);
}
