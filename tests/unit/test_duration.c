#include "unit.h"

#include "base/clock.h"
#include "base/duration.h"
#include "base/rand.h"

#define MINUTE (60 * US_PER_S)
#define HOUR (60 * MINUTE)

static void test_parse(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t us;
    } rows[] = {
        {"PT0S", 0},
        {"P0D", 0},
        {"PT0.5S", US_PER_S / 2},
        {"PT0,5S", US_PER_S / 2},
        {"PT5M", 5 * MINUTE},
        {"P7D", 7 * US_PER_DAY},
        {"P1DT12H", 36 * HOUR},
        {"P2W", 14 * US_PER_DAY},
        {"PT1H2M3.000004S", HOUR + 2 * MINUTE + 3 * US_PER_S + 4},
        {"PT1.5H", 90 * MINUTE},
        {"P0.5D", 12 * HOUR},
        {"P1.5W", 7 * US_PER_DAY + 84 * HOUR},
        {"PT0.0000019S", 1},
        {"PT0.1234567890123456789012345S", 123456},
        {"PT36H", 36 * HOUR},
        {"PT007S", 7 * US_PER_S},
        {"PT9223372036854.775807S", INT64_MAX},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct errinfo ei = ERRINFO_INIT;
        int64_t us = -1;

        assert_ok(duration_parse(str_of(rows[i].text), &us, &ei), &ei);
        assert_true(us == rows[i].us);
    }
}

static void test_refused_with_the_reason(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
    } rows[] = {
        {"", "it must start with P"},
        {"5M", "it must start with P"},
        {"pt5m", "it must start with P"},
        {"-PT5M", "it must start with P"},
        {"P", "nothing follows the P"},
        {"PT", "nothing follows the T"},
        {"P1DT", "nothing follows the T"},
        {"PT-5M", "a duration has no sign"},
        {"PT+5M", "a duration has no sign"},
        {"P1Y", "years and months have no fixed length; for minutes write PT"},
        {"P5M", "years and months have no fixed length; for minutes write PT"},
        {"PT5", "expected H, M or S after a number"},
        {"PT5D", "expected H, M or S after a number"},
        {"P5", "expected W or D after a number"},
        {"P5H", "expected W or D after a number"},
        {"PT5m", "expected H, M or S after a number"},
        {"PT5S ", "a number is missing"},
        {" PT5S", "it must start with P"},
        {"PTS", "a number is missing"},
        {"PT.5S", "a number is missing"},
        {"PT5.S", "digits are missing after the point"},
        {"PT1S1M", "its parts are repeated or out of order"},
        {"PT1M1M", "its parts are repeated or out of order"},
        {"P1D1W", "its parts are repeated or out of order"},
        {"P1W1D", "weeks stand alone"},
        {"P1WT1H", "weeks stand alone"},
        {"PT1.5H1M", "only the last part may have a fraction"},
        {"PT1HT1M", "a number is missing"},
        {"PT9223372036854.775808S", "it is too long"},
        {"PT99999999999999999999S", "it is too long"},
        {"P106751992D", "it is too long"},
        {"PT2562047788H1H", "its parts are repeated or out of order"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct errinfo ei = ERRINFO_INIT;
        int64_t us = 77;

        assert_int_equal(duration_parse(str_of(rows[i].text), &us, &ei), E_INVALID);
        assert_true(us == 77);
        assert_true(str_ends(str_of(ei.text), str_of(rows[i].why)));
        assert_true(str_starts(str_drop(str_of(ei.text), 1), str_of(rows[i].text)));
    }
    assert_int_equal(duration_parse(STR_NONE, &(int64_t){0}, NULL), E_INVALID);
    assert_int_equal(duration_parse(STR("PT5S\0"), &(int64_t){0}, NULL), E_INVALID);
}

static void test_format(void **state)
{
    (void)state;
    static const struct {
        int64_t us;
        const char *text;
    } rows[] = {
        {0, "PT0S"},
        {1, "PT0.000001S"},
        {US_PER_S / 2, "PT0.5S"},
        {US_PER_S, "PT1S"},
        {60 * US_PER_S, "PT1M"},
        {90 * US_PER_S, "PT90S"},
        {3600 * US_PER_S, "PT1H"},
        {90 * MINUTE, "PT90M"},
        {24 * HOUR, "P1D"},
        {36 * HOUR, "PT36H"},
        {7 * US_PER_DAY, "P7D"},
        {14 * US_PER_DAY, "P2W"},
        {US_PER_DAY + 1, "P1DT0.000001S"},
        {60 * US_PER_S + 500000, "PT60.5S"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(buf_done) struct buf b = BUF_INIT;

        duration_format(&b, rows[i].us);
        assert_str(buf_view(&b), rows[i].text);
    }
}

static void check_identity(int64_t us)
{
    AUTO(buf_done) struct buf b = BUF_INIT;
    AUTO(buf_done) struct buf seconds = BUF_INIT;
    int64_t back = -1;

    duration_format(&b, us);
    assert_int_equal(duration_parse(buf_view(&b), &back, NULL), E_OK);
    assert_true(back == us);
    buf_printf(&seconds, "PT%lldS", (long long)(us / US_PER_S));
    if (us % US_PER_S == 0)
        assert_true(b.len <= seconds.len);
}

static void test_parse_of_format_is_identity(void **state)
{
    (void)state;
    static const int64_t units[] = {1,    1000,       US_PER_S,       MINUTE,
                                    HOUR, US_PER_DAY, 7 * US_PER_DAY, 36 * HOUR};

    check_identity(INT64_MAX);
    rand_seed(6);
    for (int i = 0; i < 20000; i++) {
        int64_t unit = units[rand_u64() % ARRAY_LEN(units)];

        check_identity((int64_t)(rand_u64() % 100000) * unit);
        check_identity((int64_t)(rand_u64() >> 1 >> rand_u64() % 62));
    }
}

int main(void)
{
    return RUN_TESTS(test_parse, test_refused_with_the_reason, test_format,
                     test_parse_of_format_is_identity);
}
