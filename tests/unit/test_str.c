#include "unit.h"

#include "base/str.h"

static void test_order_and_equality(void **state)
{
    (void)state;
    assert_int_equal(str_cmp(STR("a"), STR("b")), -1);
    assert_int_equal(str_cmp(STR("b"), STR("a")), 1);
    assert_int_equal(str_cmp(STR("a"), STR("ab")), -1);
    assert_int_equal(str_cmp(STR_NONE, STR("")), 0);
    assert_int_equal(str_cmp(STR("\xff"), STR("a")), 1);
    assert_true(str_eq(STR_NONE, STR("")));
    assert_false(str_eqz(STR("ab"), "a"));
    assert_true(str_case_eqz(STR("Content-TYPE"), "content-type"));
    assert_false(str_case_eqz(STR("["), "{"));
    assert_false(str_case_eqz(STR("\xc3\x89"), "\xc3\xa9"));
}

static void test_starts_ends_find(void **state)
{
    (void)state;
    assert_true(str_starts(STR("abc"), STR("ab")));
    assert_true(str_starts(STR("abc"), STR_NONE));
    assert_false(str_starts(STR("a"), STR("ab")));
    assert_true(str_case_starts(STR("Bearer x"), STR("bearer ")));
    assert_true(str_ends(STR("abc"), STR("bc")));
    assert_true(str_ends(STR("abc"), STR("")));
    assert_false(str_ends(STR("c"), STR("bc")));
    assert_int_equal(str_find(STR("abc"), 'c'), 2);
    assert_int_equal(str_find(STR("abc"), 'x'), 3);
    assert_int_equal(str_find(STR_NONE, 'x'), 0);
}

static void test_put(void **state)
{
    (void)state;
    char room[8] = "........";
    char *at = room;

    assert_str(str_put(&at, STR("abc")), "abc");
    assert_null(str_put(&at, STR_NONE).p);
    assert_non_null(str_put(&at, STR("")).p);
    assert_ptr_equal(str_put(&at, STR("d")).p, room + 3);
    assert_ptr_equal(at, room + 4);
    assert_memory_equal(room, "abcd....", 8);
}

static void test_trim_and_drop(void **state)
{
    (void)state;
    assert_str(str_trim(STR(" \t\r\n a b \n")), "a b");
    assert_str(str_trim(STR("  ")), "");
    assert_null(str_trim(STR_NONE).p);
    assert_str(str_drop(STR("abc"), 1), "bc");
    assert_str(str_drop(STR("abc"), 9), "");
    assert_null(str_drop(STR_NONE, 3).p);
}

static void test_split(void **state)
{
    (void)state;
    struct str rest = STR("a,,b,");

    assert_str(str_split(&rest, ','), "a");
    assert_str(str_split(&rest, ','), "");
    assert_str(str_split(&rest, ','), "b");
    assert_str(str_split(&rest, ','), "");
    assert_null(rest.p);
    assert_null(str_split(&rest, ',').p);
    rest = STR("");
    assert_non_null(str_split(&rest, ',').p);
    assert_null(rest.p);
}

static void test_numbers(void **state)
{
    (void)state;
    static const char *const bad[] = {"", " 1", "1 ", "+1", "0x1", "1e3", "18446744073709551616",
                                      "a"};
    uint64_t u = 7;
    int64_t i = 7;

    for (size_t k = 0; k < ARRAY_LEN(bad); k++)
        assert_false(str_to_u64(str_of(bad[k]), UINT64_MAX, &u));
    assert_int_equal(u, 7);
    assert_true(str_to_u64(STR("18446744073709551615"), UINT64_MAX, &u) && u == UINT64_MAX);
    assert_true(str_to_u64(STR("000"), 0, &u) && u == 0);
    assert_true(str_to_u64(STR("100"), 100, &u) && u == 100);
    assert_false(str_to_u64(STR("101"), 100, &u));
    assert_false(str_to_u64(STR("9"), 8, &u));
    assert_true(str_to_i64(STR("-9223372036854775808"), &i) && i == INT64_MIN);
    assert_true(str_to_i64(STR("9223372036854775807"), &i) && i == INT64_MAX);
    assert_true(str_to_i64(STR("-0"), &i) && i == 0);
    assert_false(str_to_i64(STR("9223372036854775808"), &i));
    assert_false(str_to_i64(STR("-9223372036854775809"), &i));
    assert_false(str_to_i64(STR("-"), &i));
    assert_false(str_to_i64(STR("--1"), &i));
    assert_false(str_to_i64(STR_NONE, &i));
}

static void test_distance(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        size_t d;
    } rows[] = {
        {"", "", 0},       {"", "abc", 3},    {"abc", "abc", 0},       {"abc", "abd", 1},
        {"abc", "acb", 1}, {"abc", "ab", 1},  {"ab", "abc", 1},        {"kitten", "sitting", 3},
        {"ca", "abc", 3},  {"hub", "bhu", 2}, {"abcdef", "badcfe", 3},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct str a = str_of(rows[i].a), b = str_of(rows[i].b);

        assert_int_equal(str_distance(a, b, 10), rows[i].d);
        assert_int_equal(str_distance(b, a, 10), rows[i].d);
        /* exact up to the maximum, maximum + 1 beyond */
        for (size_t max = 0; max < 5; max++)
            assert_int_equal(str_distance(a, b, max), MIN(rows[i].d, max + 1));
    }

    char lots[500];

    memset(lots, 'a', sizeof lots);
    assert_int_equal(str_distance(str_make(lots, 500), str_make(lots, 499), 3), 4);
}

static void test_nearest(void **state)
{
    (void)state;
    static const char *const names[] = {"poller", "fetch", "hub", "http.maxHeaderBytes"};

    assert_string_equal(str_nearest(STR("polelr"), names, 4), "poller");
    assert_string_equal(str_nearest(STR("fetsh"), names, 4), "fetch");
    assert_string_equal(str_nearest(STR("http.max_header_bytes"), names, 4), "http.maxHeaderBytes");
    assert_null(str_nearest(STR("entirely else"), names, 4));
    assert_null(str_nearest(STR("x"), names, 4));
    assert_null(str_nearest(STR(""), names, 4));
    assert_null(str_nearest(STR("hub"), names, 0));
}

static const struct {
    struct str s;
    bool ok;
} utf8_rows[] = {
    {STR(""), true},
    {STR("\0"), true},
    {STR("ascii \x7f"), true},
    {STR("\xc2\x80"), true},
    {STR("\xdf\xbf"), true},
    {STR("\xe0\xa0\x80"), true},
    {STR("\xed\x9f\xbf"), true},
    {STR("\xee\x80\x80"), true},
    {STR("\xef\xbf\xbf"), true},
    {STR("\xf0\x90\x80\x80"), true},
    {STR("\xf4\x8f\xbf\xbf"), true},
    {STR("\x80"), false},     /* tail alone */
    {STR("\xc0\x80"), false}, /* overlong */
    {STR("\xc1\xbf"), false},
    {STR("\xe0\x9f\xbf"), false},
    {STR("\xf0\x8f\xbf\xbf"), false},
    {STR("\xed\xa0\x80"), false}, /* surrogates */
    {STR("\xed\xbf\xbf"), false},
    {STR("\xf4\x90\x80\x80"), false}, /* past U+10FFFF */
    {STR("\xf5\x80\x80\x80"), false},
    {STR("\xff"), false},
    {STR("\xc2"), false}, /* cut short */
    {STR("\xe2\x82"), false},
    {STR("\xf0\x9f\x98"), false},
    {STR("\xc2\x41"), false},
    {STR("\xe2\x82\x41"), false},
};

/* Each vector at each place of a longer text, so that every path of the fast scan meets it. */
static void test_utf8(void **state)
{
    (void)state;
    char text[128];

    assert_true(str_is_utf8(STR_NONE));
    for (size_t i = 0; i < ARRAY_LEN(utf8_rows); i++)
        for (size_t before = 0; before < 80; before++)
            for (size_t after = 0; after < 34; after += 11) {
                struct str s = utf8_rows[i].s;

                memset(text, 'a', sizeof text);
                memcpy(text + before, s.p, s.n);
                assert_int_equal(str_is_utf8(str_make(text, before + s.n + after)),
                                 utf8_rows[i].ok);
            }
}

/* Every code point that may be encoded is accepted and no other sequence of three bytes. */
static void test_utf8_counts(void **state)
{
    (void)state;
    size_t good = 0;

    for (unsigned v = 0; v < 1u << 24; v++) {
        char t[3] = {(char)(v >> 16), (char)(v >> 8), (char)v};
        bool ok;

        if (!(v & 0x800000))
            continue;
        good += str_utf8_step(str_make(t, 3), &ok) == 3 && ok;
    }
    assert_int_equal(good, 0x10000 - 0x800 - 0x800); /* from U+0800 on, without surrogates */
}

int main(void)
{
    return RUN_TESTS(test_order_and_equality, test_starts_ends_find, test_put, test_trim_and_drop,
                     test_split, test_numbers, test_distance, test_nearest, test_utf8,
                     test_utf8_counts);
}
