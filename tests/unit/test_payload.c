#include "unit.h"

#include "core/limits.h"
#include "core/payload.h"

#define MAX_BYTES 2048

static enum err make(const char *body, const char *pointer, struct payload *p, struct errinfo *ei)
{
    err_clear(ei);
    return payload_make(str_of(body), STR_NONE, str_of(pointer), MAX_BYTES, p, ei);
}

static void good_bodies_give_minified_text(void **state)
{
    (void)state;
    static const struct {
        const char *body, *pointer, *text;
    } rows[] = {
        {" { \"a\" : [ 1 , 2.50 ] } ", NULL, "{\"a\":[1,2.50]}"},
        {"{\"a\":{\"b\":[9007199254740993]}}", "/a/b", "[9007199254740993]"},
        {"{\"a\":{\"b\":null}}", "/a/b", "null"},
        {"[1,2]", "", "[1,2]"},
        {"{\"x\":1,\"x\":2}", NULL, "{\"x\":2}"},
        {"1e400", NULL, "1e400"},
        {"\"\xc3\xa9\"", NULL, "\"\xc3\xa9\""},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(payload_done) struct payload p = {NULL, NULL, BUF_INIT};
        struct errinfo ei = ERRINFO_INIT;
        assert_int_equal(make(rows[i].body, rows[i].pointer, &p, &ei), E_OK);
        assert_str(buf_view(&p.text), rows[i].text);
    }
}

static void bad_bodies_say_why(void **state)
{
    (void)state;
    static const struct {
        const char *body, *pointer;
        enum err err;
        const char *says;
    } rows[] = {
        {"", NULL, E_POLL_FORMAT, "JSON"},
        {"<html></html>", NULL, E_POLL_FORMAT, "line 1"},
        {"{\"a\":1", NULL, E_POLL_FORMAT, "JSON"},
        {"{\"a\":1} x", NULL, E_POLL_FORMAT, "JSON"},
        {"\"\xff\"", NULL, E_POLL_FORMAT, "UTF-8"},
        {"{\"a\":1}", "/b", E_POLL_FORMAT, "/b"},
        {"[1]", "/1", E_POLL_FORMAT, "/1"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(payload_done) struct payload p = {NULL, NULL, BUF_INIT};
        struct errinfo ei = ERRINFO_INIT;
        assert_int_equal(make(rows[i].body, rows[i].pointer, &p, &ei), rows[i].err);
        if (!strstr(ei.text, rows[i].says))
            fail_msg("\"%s\" does not say \"%s\"", ei.text, rows[i].says);
        assert_null(p.doc);
    }
}

static void limits_hold(void **state)
{
    (void)state;
    AUTO(payload_done) struct payload p = {NULL, NULL, BUF_INIT};
    struct errinfo ei = ERRINFO_INIT;
    char big[MAX_BYTES + 3];
    char deep[MAX_BYTES];

    memset(big, ' ', sizeof big);
    big[0] = '1';
    big[MAX_BYTES] = '\0';
    assert_int_equal(make(big, NULL, &p, &ei), E_OK);
    payload_done(&p);
    big[MAX_BYTES] = ' ';
    big[MAX_BYTES + 1] = '\0';
    assert_int_equal(make(big, NULL, &p, &ei), E_POLL_SIZE);
    assert_non_null(strstr(ei.text, "2048"));
    memset(deep, '[', 1000);
    memset(deep + 1000, ']', 1000);
    deep[2000] = '\0';
    assert_int_equal(make(deep, NULL, &p, &ei), E_POLL_FORMAT);
    assert_non_null(strstr(ei.text, "deep"));
}

static void codings_that_cannot_be_undone_are_told(void **state)
{
    (void)state;
    AUTO(payload_done) struct payload p = {NULL, NULL, BUF_INIT};
    struct errinfo ei = ERRINFO_INIT;
    static const char damaged[] = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03garbage";

    assert_int_equal(payload_make(str_make(damaged, sizeof damaged - 1), STR("gzip"), STR_NONE,
                                  MAX_BYTES, &p, &ei),
                     E_POLL_FORMAT);
    err_clear(&ei);
    assert_int_equal(payload_make(STR("{}"), STR("rot13"), STR_NONE, MAX_BYTES, &p, &ei),
                     E_POLL_FORMAT);
    assert_non_null(strstr(ei.text, "rot13"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_bodies_give_minified_text),
        cmocka_unit_test(bad_bodies_say_why),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(codings_that_cannot_be_undone_are_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
