#include "unit.h"

#include "base/clock.h"
#include "base/log.h"

#define AT "1994-11-06T08:49:37.007Z"

static void freeze(enum log_level level, enum log_format format)
{
    clock_fake(0, INT64_C(784111777007000));
    log_set(level, format);
}

static void say_fields(void *arg)
{
    (void)arg;
    log_info("topic created", LOG_S("topic", "prices"), LOG_I("loop", 3), LOG_I("low", INT64_MIN));
    log_error("plain");
    log_warn("quoting", LOG_S("a", ""), LOG_S("b", "x y"), LOG_S("c", "k=v"),
             LOG_S("d", "say \"hi\""), LOG_S("e", "a\nb\x1b"), LOG_S("f", "caf\xc3\xa9"),
             LOG_STR("g", STR("\xff")), LOG_STR("h", STR_NONE), LOG_S("i", "c:\\d"),
             LOG_S("url", "http://h/p?q"));
}

static void test_logfmt(void **state)
{
    (void)state;
    freeze(LOG_INFO, LOG_LOGFMT);

    AUTO_FREE char *said = capture_stderr(say_fields, NULL);

    assert_string_equal(said, "time=" AT " level=info msg=\"topic created\" topic=prices loop=3 "
                              "low=-9223372036854775808\n"
                              "time=" AT " level=error msg=plain\n"
                              "time=" AT " level=warn msg=quoting a=\"\" b=\"x y\" c=\"k=v\" "
                              "d=\"say \\\"hi\\\"\" e=\"a\\nb\\u001b\" f=\"caf\xc3\xa9\" "
                              "g=\"\xef\xbf\xbd\" h=\"\" i=\"c:\\\\d\" url=http://h/p?q\n");
}

static void test_json(void **state)
{
    (void)state;
    freeze(LOG_INFO, LOG_JSON);

    AUTO_FREE char *said = capture_stderr(say_fields, NULL);

    assert_string_equal(
        said,
        "{\"time\":\"" AT "\",\"level\":\"info\",\"msg\":\"topic created\","
        "\"topic\":\"prices\",\"loop\":3,\"low\":-9223372036854775808}\n"
        "{\"time\":\"" AT "\",\"level\":\"error\",\"msg\":\"plain\"}\n"
        "{\"time\":\"" AT "\",\"level\":\"warn\",\"msg\":\"quoting\",\"a\":\"\",\"b\":\"x y\","
        "\"c\":\"k=v\",\"d\":\"say \\\"hi\\\"\",\"e\":\"a\\nb\\u001b\",\"f\":\"caf\xc3\xa9\","
        "\"g\":\"\xef\xbf\xbd\",\"h\":\"\",\"i\":\"c:\\\\d\",\"url\":\"http://h/p?q\"}\n");
}

static void say_all_levels(void *arg)
{
    (void)arg;
    log_error("1");
    log_warn("2");
    log_info("3");
    log_debug("4");
}

static void test_levels(void **state)
{
    (void)state;
    enum log_level level = LOG_INFO;
    static const size_t lines_at[] = {
        [LOG_ERROR] = 1, [LOG_WARN] = 2, [LOG_INFO] = 3, [LOG_DEBUG] = 4};

    for (int l = LOG_ERROR; l <= LOG_DEBUG; l++) {
        freeze((enum log_level)l, LOG_LOGFMT);

        AUTO_FREE char *said = capture_stderr(say_all_levels, NULL);
        size_t lines = 0;

        for (const char *at = said; (at = strchr(at, '\n')) != NULL; at++)
            lines++;
        assert_int_equal(lines, lines_at[l]);
    }
    assert_true(log_level_parse(STR("debug"), &level) && level == LOG_DEBUG);
    assert_true(log_level_parse(STR("error"), &level) && level == LOG_ERROR);
    assert_false(log_level_parse(STR("Debug"), &level));
    assert_false(log_level_parse(STR(""), &level));
}

static void say_much(void *arg)
{
    const char *text = arg;

    log_info("long", LOG_S("before", "1"), LOG_S("text", text), LOG_S("after", "2"));
}

/* Whatever the length, one line comes out, closed and not over the size of the buffer. */
static void check_long(char *text, size_t n, bool json)
{
    text[n] = '\0';

    AUTO_FREE char *said = capture_stderr(say_much, text);
    size_t len = strlen(said);

    text[n] = text[0];
    assert_true(len <= 8192);
    assert_ptr_equal(strchr(said, '\n'), said + len - 1);
    if (json)
        assert_true(str_ends(str_of(said), STR("\"}\n")));
    assert_true(str_is_utf8(str_of(said)));
    if (n < 7000)
        assert_non_null(strstr(said, json ? "\"after\":\"2\"" : "after=2"));
    else if (n > 9000)
        assert_non_null(strstr(said, "\xe2\x80\xa6"));
}

static void test_long_lines_are_cut(void **state)
{
    (void)state;
    static char text[20001];

    for (int json = 0; json < 2; json++) {
        freeze(LOG_INFO, json ? LOG_JSON : LOG_LOGFMT);
        memset(text, 'x', sizeof text - 1);
        check_long(text, 6000, json);
        for (size_t n = 7900; n < 8250; n++)
            check_long(text, n, json);
        check_long(text, 20000, json);
        memset(text, 1, sizeof text - 1);
        check_long(text, 20000, json);
    }
}

static void log_nothing_else(void *arg)
{
    (void)arg;
    log_write(LOG_INFO, "bare", NULL);
}

static void test_no_fields(void **state)
{
    (void)state;
    freeze(LOG_INFO, LOG_LOGFMT);

    AUTO_FREE char *said = capture_stderr(log_nothing_else, NULL);

    assert_string_equal(said, "time=" AT " level=info msg=bare\n");
}

int main(void)
{
    return RUN_TESTS(test_logfmt, test_json, test_levels, test_long_lines_are_cut, test_no_fields);
}
