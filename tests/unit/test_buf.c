#include "unit.h"

#include "base/buf.h"

static void test_growth_doubles_and_stops_at_max(void **state)
{
    (void)state;
    AUTO(buf_done) struct buf b = BUF_INIT_MAX(1000);
    size_t cap = 0, grown = 0;

    for (size_t i = 0; i < 1000; i++) {
        assert_int_equal(buf_try_append(&b, "x", 1), E_OK);
        assert_true(b.len <= b.cap && b.cap <= 1000);
        grown += b.cap != cap;
        cap = b.cap;
    }
    assert_true(grown <= 5);
    assert_int_equal(buf_try_append(&b, "x", 1), E_LIMIT);
    assert_int_equal(b.len, 1000);
    assert_int_equal(buf_try_append(&b, "", 0), E_OK);
    assert_int_equal(strlen(buf_cstr(&b)), 1000);
}

static void test_sizes_that_overflow_are_refused(void **state)
{
    (void)state;
    AUTO(buf_done) struct buf b = BUF_INIT;

    buf_puts(&b, "abc");
    assert_int_equal(buf_reserve(&b, SIZE_MAX), E_LIMIT);
    assert_int_equal(buf_reserve(&b, SIZE_MAX - 2), E_LIMIT);
    assert_int_equal(buf_reserve(&b, BUF_MAX_DEFAULT), E_LIMIT);
    assert_str(buf_view(&b), "abc");
}

static void over_max(void *arg)
{
    struct buf b = BUF_INIT_MAX(2);

    (void)arg;
    buf_puts(&b, "abc");
}

static void test_plain_append_over_max_panics(void **state)
{
    (void)state;
    assert_true(aborts(over_max, NULL));
}

static void test_printf(void **state)
{
    (void)state;
    AUTO(buf_done) struct buf b = BUF_INIT;

    buf_printf(&b, "%s", "");
    assert_int_equal(b.len, 0);
    for (int i = 0; i < 100; i++)
        buf_printf(&b, "%d,", i);
    assert_int_equal(b.len, 10 * 2 + 90 * 3);
    buf_clear(&b);
    buf_printf(&b, "%05000d", 7);
    assert_int_equal(b.len, 5000);
}

static void test_printf_up_to_exactly_max(void **state)
{
    (void)state;
    AUTO(buf_done) struct buf b = BUF_INIT_MAX(5);

    buf_printf(&b, "%s", "12345");
    assert_str(buf_view(&b), "12345");
    assert_int_equal(b.cap, 5);
}

static void test_u64(void **state)
{
    (void)state;
    AUTO(buf_done) struct buf b = BUF_INIT;

    buf_u64(&b, 0);
    buf_putc(&b, ' ');
    buf_u64(&b, 1234567890);
    buf_putc(&b, ' ');
    buf_u64(&b, UINT64_MAX);
    assert_str(buf_view(&b), "0 1234567890 18446744073709551615");
}

static void test_json_strings(void **state)
{
    (void)state;
    static const struct {
        struct str in;
        const char *out;
    } rows[] = {
        {STR_NONE, "\"\""},
        {STR("plain"), "\"plain\""},
        {STR("a\"b\\c/d"), "\"a\\\"b\\\\c/d\""},
        {STR("\b\t\n\f\r"), "\"\\b\\t\\n\\f\\r\""},
        {STR("\0\x01\x1f\x7f"), "\"\\u0000\\u0001\\u001f\x7f\""},
        {STR("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"), "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\""},
        {STR("a\xff"
             "b"),
         "\"a\xef\xbf\xbd"
         "b\""},
        {STR("\xed\xa0\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
        {STR("\xf0\x9f\x98"), "\"\xef\xbf\xbd\""},
        {STR("\xe2\x82"
             "x"),
         "\"\xef\xbf\xbdx\""},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(buf_done) struct buf b = BUF_INIT;

        buf_json_str(&b, rows[i].in);
        assert_str(buf_view(&b), rows[i].out);
    }
}

static void test_consume(void **state)
{
    (void)state;
    AUTO(buf_done) struct buf b = BUF_INIT;

    buf_consume(&b, 0);
    buf_puts(&b, "abcdef");
    buf_consume(&b, 2);
    assert_str(buf_view(&b), "cdef");
    buf_consume(&b, 4);
    assert_int_equal(b.len, 0);
}

static void test_take(void **state)
{
    (void)state;
    struct buf b = BUF_INIT;
    AUTO_FREE char *empty = buf_take(&b);

    assert_string_equal(empty, "");
    buf_puts(&b, "abc");

    AUTO_FREE char *text = buf_take(&b);

    assert_string_equal(text, "abc");
    assert_null(b.p);
    assert_int_equal(b.len + b.cap, 0);
    buf_puts(&b, "again");
    assert_str(buf_view(&b), "again");
    buf_done(&b);
    buf_done(NULL);
}

int main(void)
{
    return RUN_TESTS(test_growth_doubles_and_stops_at_max, test_sizes_that_overflow_are_refused,
                     test_plain_append_over_max_panics, test_printf, test_printf_up_to_exactly_max,
                     test_u64, test_json_strings, test_consume, test_take);
}
