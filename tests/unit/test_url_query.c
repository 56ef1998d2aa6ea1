#include "unit.h"

#include "core/limits.h"
#include "core/url.h"

static void parameters_are_set(void **state)
{
    static const struct {
        const char *url, *name, *value, *result;
    } rows[] = {
        /* appended */
        {"http://h/x", "p", "2", "http://h/x?p=2"},
        {"http://h", "p", "2", "http://h?p=2"},
        {"http://h/x?", "p", "2", "http://h/x?p=2"},
        {"http://h/x?a=1", "p", "2", "http://h/x?a=1&p=2"},
        {"http://h/x?a=1&", "p", "2", "http://h/x?a=1&p=2"},
        {"http://h/x?&", "p", "2", "http://h/x?&p=2"},
        {"http://h/x?a=1#f", "p", "2", "http://h/x?a=1&p=2"},
        {"http://h/x#f?p=1", "p", "2", "http://h/x?p=2"},
        {"http://h/x?a=p", "p", "2", "http://h/x?a=p&p=2"},
        {"http://h/x?pp=1&P=1", "p", "2", "http://h/x?pp=1&P=1&p=2"},
        /* replaced, all else as it was */
        {"http://h/x?p=1", "p", "2", "http://h/x?p=2"},
        {"http://h/x?p", "p", "2", "http://h/x?p=2"},
        {"http://h/x?p=", "p", "2", "http://h/x?p=2"},
        {"http://h/x?p=1=1&a=1", "p", "2", "http://h/x?p=2&a=1"},
        {"http://h/x?a=%7e+&p=1&b[]=%e9&c", "p", "2", "http://h/x?a=%7e+&p=2&b[]=%e9&c"},
        {"http://h/x?p=1&a=1&p=3&p", "p", "2", "http://h/x?p=2&a=1"},
        {"http://h/x?a&&p=1&&b&", "p", "2", "http://h/x?a&&p=2&&b&"},
        /* names are compared decoded */
        {"http://h/x?%70age=1", "page", "2", "http://h/x?page=2"},
        {"http://h/x?page%5Bnumber%5d=1", "page[number]", "2", "http://h/x?page%5Bnumber%5D=2"},
        {"http://h/x?page[number]=1", "page[number]", "2", "http://h/x?page%5Bnumber%5D=2"},
        {"http://h/x?a+b=1&a%20b=2", "a b", "3", "http://h/x?a%20b=3"},
        {"http://h/x?%=1&%7=1&%zz=1", "%zz", "2", "http://h/x?%=1&%7=1&%25zz=2"},
        {"http://h/x?%=1", "%", "2", "http://h/x?%25=2"},
        {"http://h/x?=1", "p", "2", "http://h/x?=1&p=2"},
        /* values are encoded where a query needs it */
        {"http://h/x", "t", "2020-01-01T00:00:00+01:00",
         "http://h/x?t=2020-01-01T00:00:00%2B01:00"},
        {"http://h/x", "t", "a&b=c#d e%f/g~h_i.j", "http://h/x?t=a%26b%3Dc%23d%20e%25f/g~h_i.j"},
        {"http://h/x", "t", "\xc3\xa9\n\"'<>", "http://h/x?t=%C3%A9%0A%22%27%3C%3E"},
        {"http://h/x", "t", "", "http://h/x?t="},
        {"http://h/x", "t", "YWJj==", "http://h/x?t=YWJj%3D%3D"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(buf_done) struct buf b = BUF_INIT;
        struct errinfo ei = ERRINFO_INIT;

        buf_puts(&b, "p=9&");
        assert_ok(url_query_set(str_of(rows[i].url), str_of(rows[i].name), str_of(rows[i].value),
                                &b, &ei),
                  &ei);
        assert_str(str_drop(buf_view(&b), 4), rows[i].result);
    }
}

static void any_byte_can_be_a_value(void **state)
{
    AUTO(buf_done) struct buf b = BUF_INIT;

    (void)state;
    assert_int_equal(url_query_set(STR("http://h"), STR("t"), STR("a\0b"), &b, NULL), E_OK);
    assert_str(buf_view(&b), "http://h?t=a%00b");
}

static enum err set_long(size_t n, char c)
{
    AUTO(buf_done) struct buf value = BUF_INIT;
    AUTO(buf_done) struct buf b = BUF_INIT;
    struct errinfo ei = ERRINFO_INIT;

    while (value.len < n)
        buf_putc(&value, c);
    enum err err = url_query_set(STR("http://h"), STR("name"), buf_view(&value), &b, &ei);
    if (err == E_OK)
        return err;
    assert_string_equal(ei.text, "with its parameter \"name\" it has more than 8192 bytes");
    assert_int_equal(b.len, 0);
    return err;
}

static void long_results_are_refused(void **state)
{
    size_t rest = LIMIT_URL_BYTES - strlen("http://h?name=");

    (void)state;
    assert_int_equal(set_long(rest, 'a'), E_OK);
    assert_int_equal(set_long(rest + 1, 'a'), E_INVALID);
    assert_int_equal(set_long(rest / 3 + 1, '+'), E_INVALID);
    assert_int_equal(set_long(1024 * 1024, 'a'), E_INVALID);
}

int main(void)
{
    return RUN_TESTS(parameters_are_set, any_byte_can_be_a_value, long_results_are_refused);
}
