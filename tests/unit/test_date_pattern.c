#include "unit.h"

#include "core/date_pattern.h"
#include "core/limits.h"

#define AT INT64_C(1632304569) /* 2021-09-22T09:56:09Z, a Wednesday */

static struct date_pattern *compile(const char *text)
{
    struct date_pattern *p = NULL;
    struct errinfo ei = ERRINFO_INIT;

    assert_ok(date_pattern_new(str_of(text), &p, &ei), &ei);
    return p;
}

static void test_refused_at_the_letter(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *why;
    } rows[] = {
        {"yyyy-MM-ddTHH", "letter 11 of the pattern: T has no meaning; put text in quotes: 'T'"},
        {"年MMMMMM", "letter 2 of the pattern: M may stand at most 5 times in a row, found 6"},
        {"V", "letter 1 of the pattern: V may stand 2 times in a row, found 1"},
        {"BB", "letter 1 of the pattern: B may stand 1, 4 or 5 times in a row, found 2"},
        {"H:OO", "letter 3 of the pattern: O may stand 1 or 4 times in a row, found 2"},
        {"cc", "letter 1 of the pattern: c may stand 1, 3, 4 or 5 times in a row, found 2"},
        {"FF", "letter 1 of the pattern: F may stand 1 time in a row, found 2"},
        {"SSSSSSSSSS", "letter 1 of the pattern: S may stand at most 9 times in a row, found 10"},
        {"H 'open", "letter 3 of the pattern: this quote is not closed"},
        {"H 'open''", "letter 3 of the pattern: this quote is not closed"},
        {"'''", "letter 1 of the pattern: this quote is not closed"},
        {"[H]]", "letter 4 of the pattern: no [ stands before this ]"},
        {"H#", "letter 2 of the pattern: # is reserved; put text in quotes: '#'"},
        {"H{", "letter 2 of the pattern: { is reserved; put text in quotes: '{'"},
        {"Hpp:", "letter 2 of the pattern: behind p, which pads, must stand the letter to pad"},
        {"ppHmm", "letter 4 of the pattern: a number may not follow the padded number at letter 3 "
                  "without a text between them"},
        {"\xff", "the pattern is not UTF-8"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct date_pattern *p = NULL;
        struct errinfo ei = ERRINFO_INIT;

        assert_int_equal(date_pattern_new(str_of(rows[i].pattern), &p, &ei), E_INVALID);
        assert_null(p);
        assert_string_equal(ei.text, rows[i].why);
    }
}

static void test_too_long(void **state)
{
    char text[LIMIT_DATE_TEXT + 1];
    AUTO(date_pattern_freep) struct date_pattern *p = NULL;
    struct date_pattern *none = NULL;

    (void)state;
    memset(text, ' ', sizeof text);
    assert_int_equal(date_pattern_new(str_make(text, LIMIT_DATE_PATTERN + 1), &none, NULL),
                     E_LIMIT);
    assert_int_equal(date_pattern_new(str_make(text, LIMIT_DATE_PATTERN), &p, NULL), E_OK);
    assert_int_equal(
        date_pattern_parse(p, date_zone_utc(), str_make(text, sizeof text), NULL, NULL), E_LIMIT);
    assert_int_equal(
        date_pattern_parse(p, date_zone_utc(), str_make(text, LIMIT_DATE_PATTERN), NULL, NULL),
        E_OK);
}

static void test_deep_options(void **state)
{
    char text[LIMIT_DATE_PATTERN];
    AUTO(date_pattern_freep) struct date_pattern *p = NULL;

    (void)state;
    memset(text, '[', sizeof text);
    assert_int_equal(date_pattern_new(str_make(text, sizeof text), &p, NULL), E_OK);
    assert_int_equal(date_pattern_parse(p, date_zone_utc(), STR(""), NULL, NULL), E_OK);
    assert_int_equal(date_pattern_parse(p, date_zone_utc(), STR("x"), NULL, NULL), E_INVALID);
}

static void test_print_appends_or_changes_nothing(void **state)
{
    AUTO(date_pattern_freep) struct date_pattern *good = compile("HH:mm");
    AUTO(date_pattern_freep) struct date_pattern *bad = compile("HH:pMM");
    AUTO(date_pattern_freep) struct date_pattern *year = compile("yyyyyyyyyyyy");
    AUTO(buf_done) struct buf b = BUF_INIT;
    struct errinfo ei = ERRINFO_INIT;

    (void)state;
    buf_puts(&b, "at ");
    assert_int_equal(date_pattern_format(good, date_zone_utc(), AT, 0, &b, NULL), E_OK);
    assert_str(buf_view(&b), "at 09:56");
    assert_int_equal(date_pattern_format(bad, date_zone_utc(), AT, 0, &b, &ei), E_INVALID);
    assert_str(buf_view(&b), "at 09:56");
    assert_string_equal(ei.text,
                        "letter 5 of the pattern: \"09\" is wider than the 1 it is padded to");
    err_clear(&ei);
    assert_int_equal(date_pattern_format(year, date_zone_utc(), AT, 0, &b, &ei), E_INVALID);
    assert_non_null(strstr(ei.text, "write at most 10"));
}

static void test_far_years(void **state)
{
    AUTO(date_pattern_freep) struct date_pattern *p = compile("u-MM-dd");
    AUTO(buf_done) struct buf b = BUF_INIT;

    (void)state;
    assert_int_equal(date_pattern_format(p, date_zone_utc(), 31556889832780799, 0, &b, NULL), E_OK);
    assert_str(buf_view(&b), "999999999-12-31");
    assert_int_equal(date_pattern_format(p, date_zone_utc(), 31556889832780800, 0, &b, NULL),
                     E_INVALID);
    assert_int_equal(date_pattern_format(p, date_zone_utc(), INT64_MAX, 0, &b, NULL), E_INVALID);
    assert_int_equal(date_pattern_format(p, date_zone_utc(), INT64_MIN, 0, &b, NULL), E_INVALID);
    assert_str(buf_view(&b), "999999999-12-31");
}

static void test_read_says_where(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *text, *why;
    } rows[] = {
        {"yyyy-MM-dd", "2021-9-22",
         "character 7 of the text: expected month in 2 digits (letter 6 of the pattern, M)"},
        {"yyyy-MM-dd", "2021/09", "character 5 of the text: expected \"-\""},
        {"yyyy-MM-dd", "2021-09-",
         "character 9 of the text: expected day of the month in 2 digits (letter 9 of the pattern, "
         "d), found the end"},
        {"yyyy-MM-dd", "2021-09-22T", "character 11 of the text: nothing more was expected"},
        {"d MMM", "5 sep",
         "character 3 of the text: expected month such as Dec (letter 3 of the pattern, M)"},
        {"HH:mmXXX", "10:00+1",
         "character 6 of the text: expected Z or an offset such as +01:00 (letter 6 of the "
         "pattern, X)"},
        {"HH:mm", "10:61", "minute: 61 is not from 0 to 59"},
        {"E yyyy-MM-dd", "Mon 2021-09-22",
         "its parts contradict each other: day of the week 1 and 3"},
        {"HH B", "05 noon", "its parts contradict each other: 05:00 is not \"noon\""},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(date_pattern_freep) struct date_pattern *p = compile(rows[i].pattern);
        struct errinfo ei = ERRINFO_INIT;
        struct date_reading reading = {.epoch_s = 7};

        assert_int_equal(
            date_pattern_parse(p, date_zone_utc(), str_of(rows[i].text), &reading, &ei), E_INVALID);
        assert_string_equal(ei.text, rows[i].why);
        assert_int_equal(reading.epoch_s, 7);
    }
}

static void test_read_moments(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *text;
        bool is_moment;
        int64_t s;
        int32_t nanos;
    } rows[] = {
        {"yyyy-MM-dd HH:mm", "2021-09-22 09:56", true, AT - 9, 0},
        {"yyyy-MM-dd'T'HH:mm:ss.SSSX", "2021-09-22T11:56:09.250+02", true, AT, 250000000},
        {"yyyy-MM-dd HH:mm VV", "2021-09-22 11:56 Europe/Berlin", true, AT - 9, 0},
        {"yyyy-MM-dd HH:mm z", "2021-09-22 11:56 CEST", false, 0, 0},
        {"yyyy-MM-dd", "2021-02-31", false, 0, 0},
        {"HH", "24", false, 0, 0},
        {"yyyy-MM-dd H", "2021-09-21 24", true, AT / 86400 * 86400, 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(date_pattern_freep) struct date_pattern *p = compile(rows[i].pattern);
        struct errinfo ei = ERRINFO_INIT;
        struct date_reading reading = {.epoch_s = 7};

        assert_ok(date_pattern_parse(p, date_zone_utc(), str_of(rows[i].text), &reading, &ei), &ei);
        assert_int_equal(reading.is_moment, rows[i].is_moment);
        assert_true(reading.epoch_s == rows[i].s && reading.nanos == rows[i].nanos);
    }
}

int main(void)
{
    return RUN_TESTS(test_refused_at_the_letter, test_too_long, test_deep_options,
                     test_print_appends_or_changes_nothing, test_far_years, test_read_says_where,
                     test_read_moments);
}
