/*
 * What test_trial_record.c does not show of masks.
 */
#include "unit.h"

#include "core/limits.h"
#include "core/mask.h"

static void assert_shown(const struct mask *m, const char *text, const char *expected)
{
    AUTO(buf_done) struct buf b = BUF_INIT;
    struct jwriter w = jw_begin(&b);

    mask_text(m, str_of(text), &w);
    assert_int_equal(jw_end(&w), E_OK);
    assert_str(buf_view(&b), expected);
}

static void texts(void **state)
{
    AUTO(mask_done) struct mask m = {0};

    (void)state;
    assert_shown(&m, "abcd", "\"abcd\"");
    mask_hide(&m, STR("abcd"));
    mask_hide(&m, STR("abcdef"));
    mask_hide(&m, STR("abc"));
    assert_shown(&m, "abcd", "\"" SECRET_MASK "\"");
    assert_shown(&m, "-abcdef-abcde-abc", "\"-" SECRET_MASK "-" SECRET_MASK "e-abc\"");
    assert_shown(&m, "", "\"\"");
}

static void lists_of_secrets(void **state)
{
    static const struct attr rows[] = {
        {.name = "secrets", .kind = ATTR_STRING_LIST, .flags = ATTR_SECRET | ATTR_REFERENCE},
        {.name = "names", .kind = ATTR_STRING_LIST},
    };
    AUTO(jdoc_freep) struct jdoc *doc = NULL;
    AUTO(mask_done) struct mask m = {0};

    (void)state;
    assert_int_equal(jdoc_parse(STR("{\"secrets\":[\"first\",\"${env:A}\",\"second\"],"
                                    "\"names\":[\"third\"]}"),
                                NULL, &doc, NULL),
                     E_OK);
    mask_hide_all(&m, rows, ARRAY_LEN(rows), jdoc_root(doc));
    assert_shown(&m, "first second third ${env:A}",
                 "\"" SECRET_MASK " " SECRET_MASK " third ${env:A}\"");
    assert_true(mask_size(&m) > 0);
}

static void cuts_nothing_in_two(void **state)
{
    AUTO(mask_done) struct mask m = {0};
    struct str s = STR("12secret\xc3\xa9!");
    static const size_t expected[] = {0, 1, 2, 2, 2, 2, 2, 2, 8, 8, 10, 11, 11};

    (void)state;
    mask_hide(&m, STR("secret"));
    for (size_t max = 0; max < ARRAY_LEN(expected); max++)
        assert_int_equal(mask_cut(&m, s, max), expected[max]);
}

static void header_fields(void **state)
{
    AUTO(mask_done) struct mask m = {0};
    AUTO(buf_done) struct buf b = BUF_INIT;
    struct jwriter w = jw_begin(&b);
    struct str head =
        STR("HTTP/1.1 200 OK\r\nA: 1\r\nAuthorization: Bearer x\r\na:2\r\nnone\r\n:3\r\n"
            "B:\r\n");

    (void)state;
    mask_fields(&m, head, &w);
    assert_int_equal(jw_end(&w), E_OK);
    assert_str(buf_view(&b), "{\"A\":\"1, 2\",\"Authorization\":\"" SECRET_MASK "\",\"B\":\"\"}");
}

int main(void)
{
    return RUN_TESTS(texts, lists_of_secrets, cuts_nothing_in_two, header_fields);
}
