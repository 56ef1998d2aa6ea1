#include "reads.h"

#include <math.h>
#include <pthread.h>

#include "json/value.h"

static struct jdoc *parse(const char *text)
{
    struct errinfo ei = ERRINFO_INIT;
    struct jdoc *d = NULL;

    assert_ok(jdoc_parse(str_of(text), NULL, &d, &ei), &ei);
    return d;
}

static void assert_written(const jval *v, const char *want)
{
    AUTO(buf_done) struct buf b = BUF_INIT;

    assert_int_equal(jv_write(v, &b), E_OK);
    assert_str(buf_view(&b), want);
}

static void assert_parsed_as(const char *text, const char *want)
{
    AUTO(jdoc_freep) struct jdoc *d = parse(text);
    AUTO(buf_done) struct buf b = BUF_INIT;

    assert_written(jdoc_root(d), want);
    assert_int_equal(jdoc_write(d, str_of(text), &b), E_OK);
    assert_str(buf_view(&b), want);
}

/* ---- parsing ---- */

static void accepts_what_rfc_8259_allows(void **state)
{
    (void)state;
    assert_parsed_as("null", "null");
    assert_parsed_as(" \t\r\n[ true , false ] \n", "[true,false]");
    assert_parsed_as("-0.0e-0", "-0.0e-0");
    assert_parsed_as("{\"\":{}}", "{\"\":{}}");
    assert_parsed_as("{\"a\":[],\"b\":[{},null],\"c\":[1,false,true]}\n",
                     "{\"a\":[],\"b\":[{},null],\"c\":[1,false,true]}");
    assert_parsed_as("[{\"a\" :1}]", "[{\"a\":1}]");
    assert_parsed_as("[\"\\u001F\"]", "[\"\\u001f\"]");
    assert_parsed_as("\"\\u0041\\/\\ud83d\\ude00\\b\\f\\n\\r\\t\\u001f\\\"\\\\\"",
                     "\"A/\xf0\x9f\x98\x80\\b\\f\\n\\r\\t\\u001f\\\"\\\\\"");
    assert_parsed_as("\"\\u0000\"", "\"\\u0000\"");
    assert_parsed_as("\"\x7f\xc2\x80\xef\xbf\xbf\"", "\"\x7f\xc2\x80\xef\xbf\xbf\"");
    assert_parsed_as("[123456789012345678901234567890.1e+999999999999]",
                     "[123456789012345678901234567890.1e+999999999999]");
}

static const struct {
    const char *text;
    enum err err;
    size_t offset;
    const char *says;
} refused[] = {
    {"", E_JSON_SYNTAX, 0, "line 1 column 1: nothing there"},
    {" \n ", E_JSON_SYNTAX, 0, "nothing there"},
    {"\xef\xbb\xbf{}", E_JSON_SYNTAX, 0, "byte order mark"},
    {"[1,]", E_JSON_SYNTAX, 2, "line 1 column 3: trailing comma"},
    {"{\"a\":1,}", E_JSON_SYNTAX, 6, "trailing comma"},
    {"[1 2]", E_JSON_SYNTAX, 3, "expected a comma or a closing bracket"},
    {"{\"a\" 1}", E_JSON_SYNTAX, 5, "expected a colon"},
    {"{a:1}", E_JSON_SYNTAX, 1, "expected a string for object key"},
    {"{\n  \"a\": 1,\n  'b': 2\n}", E_JSON_SYNTAX, 14, "line 3 column 3"},
    {"[\"\xc3\xa9\", x]", E_JSON_SYNTAX, 7, "line 1 column 7"},
    {"// no\n1", E_JSON_SYNTAX, 0, "line 1 column 1"},
    {"/* no */ 1", E_JSON_SYNTAX, 0, "line 1 column 1"},
    {"[NaN]", E_JSON_SYNTAX, 1, "column 2"},
    {"[Infinity]", E_JSON_SYNTAX, 1, "column 2"},
    {"01", E_JSON_SYNTAX, 0, "leading zero"},
    {"+1", E_JSON_SYNTAX, 0, ""},
    {".5", E_JSON_SYNTAX, 0, ""},
    {"1.", E_JSON_SYNTAX, 2, "end of data"},
    {"1e", E_JSON_SYNTAX, 2, "end of data"},
    {"0x10", E_JSON_SYNTAX, 1, ""},
    {"tru", E_JSON_SYNTAX, 3, "end of data"},
    {"1 2", E_JSON_SYNTAX, 2, "after document"},
    {"[1]]", E_JSON_SYNTAX, 3, "after document"},
    {"[1", E_JSON_SYNTAX, 2, "end of data"},
    {"\"a\nb\"", E_JSON_SYNTAX, 2, "control character"},
    {"\"\\x\"", E_JSON_SYNTAX, 2, "escape"},
    {"\"\\ud800\"", E_JSON_SYNTAX, 7, "surrogate"},
    {"\"\\udc00\\ud800\"", E_JSON_SYNTAX, 1, "surrogate"},
    {"\"\xff\"", E_JSON_UTF8, 1, "not valid UTF-8"},
    {"\"\xc0\x80\"", E_JSON_UTF8, 1, "not valid UTF-8"},
    {"\"\xed\xa0\x80\"", E_JSON_UTF8, 1, "not valid UTF-8"},
    {"\"\xf4\x90\x80\x80\"", E_JSON_UTF8, 1, "not valid UTF-8"},
    {"{\"\xe2\x82\":1}", E_JSON_UTF8, 2, "not valid UTF-8"},
    {"[\xff]", E_JSON_UTF8, 1, "not valid UTF-8"},
};

static void refuses_everything_else(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        struct errinfo ei = ERRINFO_INIT;
        struct jdoc *d = NULL;
        enum err e = jdoc_parse(str_of(refused[i].text), NULL, &d, &ei);

        if (e != refused[i].err || !strstr(ei.text, refused[i].says))
            fail_msg("%s: %s, %s", refused[i].text, err_row(e)->name, ei.text);
        if (refused[i].offset != json_error_offset())
            fail_msg("%s: stopped at %zu (%s)", refused[i].text, json_error_offset(), ei.text);
        assert_null(d);
    }
    assert_int_equal(jdoc_parse(str_make("1\0", 2), NULL, &(struct jdoc *){NULL}, NULL),
                     E_JSON_SYNTAX);
}

static void leaves_the_last_of_repeated_names(void **state)
{
    AUTO(buf_done) struct buf large = BUF_INIT;

    (void)state;
    assert_parsed_as("{\"a\":1,\"b\":2,\"a\":3}", "{\"b\":2,\"a\":3}");
    assert_parsed_as("{\"a\":{\"x\":1,\"x\":[2]},\"a\":{\"x\":1,\"x\":[{\"\":1,\"\":2}],\"y\":0}}",
                     "{\"a\":{\"x\":[{\"\":2}],\"y\":0}}");
    assert_parsed_as("[{\"a\":1,\"b\":2},{\"a\":1,\"b\":2},{\"b\":1,\"b\":2}]",
                     "[{\"a\":1,\"b\":2},{\"a\":1,\"b\":2},{\"b\":2}]");
    assert_parsed_as("{\"\\u0061\":1.0,\"a\":1e400}", "{\"a\":1e400}");
    assert_parsed_as("{\"created_at\":1,\"created_by\":2,\"created_at\":\"\\u0001\\n\"}",
                     "{\"created_by\":2,\"created_at\":\"\\u0001\\n\"}");

    buf_putc(&large, '{');
    for (int i = 0; i < 1000; i++)
        buf_printf(&large, "\"name%d\":%d,", i % 999, i);
    buf_puts(&large, "\"z\":0}");

    AUTO(jdoc_freep) struct jdoc *d = parse(buf_cstr(&large));

    assert_int_equal(jv_count(jdoc_root(d)), 1000);
    assert_str(jv_number_text(jv_getz(jdoc_root(d), "name0")), "999");
}

static enum err parse_within(struct str text, const struct json_limits *limits, char *ret_text)
{
    AUTO(jdoc_freep) struct jdoc *d = NULL;
    struct errinfo ei = ERRINFO_INIT;
    enum err e = jdoc_parse(text, limits, &d, &ei);

    memcpy(ret_text, ei.text, sizeof ei.text);
    return e;
}

static void keeps_to_its_limits(void **state)
{
    struct json_limits limits = {.max_bytes = 20, .max_nodes = 4, .max_depth = 3};
    char says[ERRINFO_TEXT];

    (void)state;
    assert_int_equal(parse_within(STR("[[[]]]"), &limits, says), E_OK);
    assert_int_equal(parse_within(STR("[[[1]]]"), &limits, says), E_OK);
    assert_int_equal(parse_within(STR("[[\"]\",[[]]]]"), &limits, says), E_JSON_NODES);
    limits.max_nodes = 9;
    assert_int_equal(parse_within(STR("[[\"]\",[[]]]]"), &limits, says), E_JSON_DEPTH);
    assert_string_equal(says, "line 1 column 8: nested deeper than allowed");
    assert_int_equal(parse_within(STR("{\"a\":{\"b\":{\"c\":{}}"), &limits, says), E_JSON_SYNTAX);
    assert_int_equal(parse_within(STR("[1,2,3,4,5,6,7,8]"), &limits, says), E_OK);
    assert_int_equal(parse_within(STR("[1,2,3,4,5,6,7,8,9]"), &limits, says), E_JSON_NODES);
    assert_int_equal(parse_within(STR("                    1"), &limits, says), E_LIMIT);
    assert_int_equal(parse_within(STR("                   1"), &limits, says), E_OK);
    limits.max_depth = 0;
    assert_int_equal(parse_within(STR("1"), &limits, says), E_OK);
    assert_int_equal(parse_within(STR("[]"), &limits, says), E_JSON_DEPTH);
}

static void takes_what_it_wrote_without_a_look_at_names(void **state)
{
    const char *text = "[{\"a\":1.0,\"b\":{}},{\"a\":\"\\n\",\"b\":[[],{\"c\":null}]}]";
    AUTO(buf_done) struct buf deep = BUF_INIT;
    AUTO(jdoc_freep) struct jdoc *d = NULL;
    struct jdoc *none = NULL;

    (void)state;
    assert_int_equal(jdoc_parse_own(str_of(text), &d), E_OK);
    assert_written(jdoc_root(d), text);
    assert_int_equal(jdoc_parse_own(STR("[1"), &none), E_JSON_SYNTAX);
    for (int i = 0; i < 2049; i++)
        buf_puts(&deep, "{\"a\":");
    buf_puts(&deep, "1");
    for (int i = 0; i < 2049; i++)
        buf_putc(&deep, '}');
    assert_int_equal(jdoc_parse_own(buf_view(&deep), &none), E_JSON_DEPTH);
    assert_null(none);
}

static void stops_early_at_many_values(void **state)
{
    struct json_limits limits = {.max_bytes = (size_t)8 << 20, .max_nodes = 100, .max_depth = 9};
    AUTO(buf_done) struct buf b = BUF_INIT;
    char says[ERRINFO_TEXT];

    (void)state;
    buf_puts(&b, "[0");
    for (int i = 0; i < 2000000; i++)
        buf_puts(&b, ",0");
    buf_putc(&b, ']');
    assert_int_equal(parse_within(buf_view(&b), &limits, says), E_JSON_NODES);
}

static void refuses_depth_quickly(void **state)
{
    AUTO(buf_done) struct buf b = BUF_INIT, flat = BUF_INIT;
    struct json_limits deep = json_limits_default;
    char says[ERRINFO_TEXT];
    const int depth = 1000000;

    (void)state;
    for (int i = 0; i < depth; i++) {
        buf_puts(&b, i % 2 ? "[" : "{\"a\":");
        buf_puts(&flat, i ? ",{}" : "[{}");
    }
    buf_puts(&b, "0");
    for (int i = depth; i-- > 0;)
        buf_puts(&b, i % 2 ? "]" : "}");
    buf_puts(&flat, "]");

    int64_t start = cpu_now();

    assert_int_equal(parse_within(buf_view(&b), NULL, says), E_JSON_DEPTH);
    deep.max_depth = UINT32_MAX;
    assert_int_equal(parse_within(buf_view(&b), &deep, says), E_JSON_DEPTH);
    assert_takes_reads(start, buf_view(&flat), 20);
}

static void parses_from_many_sizes_and_frees(void **state)
{
    (void)state;
    for (size_t n = 1; n < ((size_t)1 << 21); n = n * 3 + 1) {
        AUTO(buf_done) struct buf b = BUF_INIT;
        AUTO(jdoc_freep) struct jdoc *d = NULL, *again = NULL;

        buf_putc(&b, '[');
        for (size_t i = 0; i < n / 8; i++)
            buf_puts(&b, "\"abcd\",");
        buf_puts(&b, "{}]");
        assert_int_equal(jdoc_parse(buf_view(&b), NULL, &d, NULL), E_OK);
        assert_int_equal(jdoc_parse(buf_view(&b), NULL, &again, NULL), E_OK);
        assert_int_equal(jv_count(jdoc_root(d)), n / 8 + 1);
        assert_true(jv_equal(jdoc_root(d), jdoc_root(again)));
    }
}

/* ---- looking ---- */

static void looks_at_values(void **state)
{
    AUTO(jdoc_freep)
    struct jdoc *d =
        parse("{\"a\":[1,[2],{\"x\":3},4],\"s\":\"q\\u0000r\",\"t\":true,\"n\":null,\"f\":false}");
    jval *root = jdoc_root(d), *a = jv_getz(root, "a");

    (void)state;
    assert_int_equal(jv_type(root), JT_OBJECT);
    assert_int_equal(jv_count(root), 5);
    assert_int_equal(jv_count(a), 4);
    assert_str(jv_number_text(jv_at(a, 3)), "4");
    assert_str(jv_number_text(jv_getz(jv_at(a, 2), "x")), "3");
    assert_null(jv_at(a, 4));
    assert_null(jv_at(root, 0));
    assert_null(jv_getz(a, "a"));
    assert_null(jv_getz(root, "A"));
    assert_int_equal(jv_str(jv_getz(root, "s")).n, 3);
    assert_true(jv_bool(jv_getz(root, "t")));
    assert_false(jv_bool(jv_getz(root, "f")));
    assert_false(jv_bool(jv_getz(root, "n")));
    assert_int_equal(jv_type(jv_getz(root, "n")), JT_NULL);
    assert_string_equal(jtype_name(jv_type(a)), "array");
}

static void nothing_is_looked_at_safely(void **state)
{
    struct jiter it = jiter_of(NULL);
    int64_t i = 7;
    double f = 7;

    (void)state;
    assert_int_equal(jv_type(NULL), JT_NONE);
    assert_string_equal(jtype_name(JT_NONE), "nothing");
    assert_null(jv_getz(NULL, "a"));
    assert_null(jv_at(NULL, 0));
    assert_int_equal(jv_count(NULL), 0);
    assert_null(jv_str(NULL).p);
    assert_null(jv_number_text(NULL).p);
    assert_false(jv_bool(NULL));
    assert_false(jv_i64(NULL, &i));
    assert_false(jv_double(NULL, &f));
    assert_false(jiter_next(&it));
    assert_true(jv_equal(NULL, NULL));
    assert_null(jdoc_root(NULL));
    jdoc_free(NULL);
}

static void walks_members_and_elements(void **state)
{
    AUTO(jdoc_freep) struct jdoc *d = parse("{\"a\":[],\"b\":{\"c\":[1,{}]},\"d\":[[[]],2]}");
    AUTO(buf_done) struct buf seen = BUF_INIT;
    struct jiter it = jiter_of(jdoc_root(d));

    (void)state;
    while (jiter_next(&it)) {
        struct jiter inner = jiter_of(it.value);

        buf_printf(&seen, "%zu%.*s(", it.index, STR_ARG(it.name));
        while (jiter_next(&inner))
            buf_printf(&seen, "%zu%s ", inner.index, jtype_name(jv_type(inner.value)));
        buf_puts(&seen, ")");
    }
    assert_str(buf_view(&seen), "0a()1b(0array )2d(0array 1number )");
    it = jiter_of(jv_at(jv_getz(jdoc_root(d), "d"), 1));
    assert_false(jiter_next(&it));
}

/* ---- numbers ---- */

static const struct {
    const char *a, *b;
    bool equal;
} numbers[] = {
    {"1", "1.0", true},
    {"1", "10e-1", true},
    {"1", "0.1E+1", true},
    {"100", "1e2", true},
    {"-0", "0", true},
    {"0", "0.000e999999999999999999999", true},
    {"0", "-0e-5", true},
    {"-1", "1", false},
    {"1e400", "10e399", true},
    {"1e400", "1e401", false},
    {"9007199254740993", "9007199254740992", false},
    {"9007199254740993", "9007199254740993.0", true},
    {"0.1", "0.10000000000000000000000000001", false},
    {"123456789012345678901234567890", "123456789012345678901234567890.000", true},
    {"123456789012345678901234567890", "1.2345678901234567890123456789e29", true},
    {"123456789012345678901234567890", "123456789012345678901234567891", false},
    {"100000000000000000000000000000", "1e29", true},
    {"1e999999999999", "1e999999999999", true},
    {"1e999999999999", "10e999999999998", true},
    {"1e999999999999999999999999999", "10e999999999999999999999999998", true},
    {"1e999999999999999999999999999", "1e999999999999999999999999998", false},
    {"1e100000000000000000", "10e99999999999999999", true},
    {"1e1000000000000000000000", "0.01e1000000000000000000002", true},
    {"1e-1000000000000000000000", "10e-1000000000000000000001", true},
    {"1e-1000000000000000000000", "1e1000000000000000000000", false},
    {"1e00000000000000000000000000000000000002", "100", true},
    {"12.50", "12.5", true},
    {"1250e-2", "12.5", true},
    {"12.5", "125", false},
    {"1000000000000000000", "1e18", true},
    {"999999999999999999", "999999999999999999.0", true},
    {"0.000000000000000000000001", "1e-24", true},
};

static void compares_numbers_by_decimal_value(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        AUTO(jdoc_freep) struct jdoc *a = parse(numbers[i].a), *b = parse(numbers[i].b);
        struct str s = str_of(numbers[i].a), t = str_of(numbers[i].b);

        if (json_number_equal(s, t) != numbers[i].equal ||
            json_number_equal(t, s) != numbers[i].equal)
            fail_msg("%s and %s", numbers[i].a, numbers[i].b);
        assert_int_equal(jv_equal(jdoc_root(a), jdoc_root(b)), numbers[i].equal);
        if (numbers[i].equal && jv_hash(jdoc_root(a)) != jv_hash(jdoc_root(b)))
            fail_msg("hashes of %s and %s", numbers[i].a, numbers[i].b);
    }
}

static const struct {
    const char *text;
    bool fits;
    int64_t value;
} integers[] = {
    {"0", true, 0},
    {"-0.0", true, 0},
    {"42", true, 42},
    {"-42.000", true, -42},
    {"1e3", true, 1000},
    {"12.5e1", true, 125},
    {"12.5", false, 0},
    {"1e-1", false, 0},
    {"9223372036854775807", true, INT64_MAX},
    {"9223372036854775808", false, 0},
    {"-9223372036854775808", true, INT64_MIN},
    {"-9223372036854775809", false, 0},
    {"9.223372036854775807e18", true, INT64_MAX},
    {"1e18", true, 1000000000000000000},
    {"1e19", false, 0},
    {"1e999999999999999999999", false, 0},
    {"99999999999999999999", false, 0},
};

static void gives_integers_that_fit(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(integers); i++) {
        AUTO(jdoc_freep) struct jdoc *d = parse(integers[i].text);
        int64_t v = 77;

        if (jv_i64(jdoc_root(d), &v) != integers[i].fits)
            fail_msg("%s", integers[i].text);
        assert_int_equal(v, integers[i].fits ? integers[i].value : 77);
    }
}

static void gives_doubles(void **state)
{
    AUTO(jdoc_freep) struct jdoc *d = parse("[0.1,-2,1e400,\"1\",18446744073709551616]");
    jval *a = jdoc_root(d);
    double v = 0;

    (void)state;
    assert_true(jv_double(jv_at(a, 0), &v) && v == 0.1);
    assert_true(jv_double(jv_at(a, 1), &v) && v == -2.0);
    assert_false(jv_double(jv_at(a, 2), &v));
    assert_false(jv_double(jv_at(a, 3), &v));
    assert_true(jv_double(jv_at(a, 4), &v) && v == 0x1p64);
}

/* ---- equality ---- */

static const struct {
    const char *a, *b;
    bool equal;
} values[] = {
    {"{\"a\":1,\"b\":[1,{\"c\":null}]}", "{ \"b\" : [ 1.0, {\"c\":null} ], \"a\":10e-1}", true},
    {"{\"a\":1}", "{\"a\":1,\"b\":2}", false},
    {"{\"a\":1,\"c\":2}", "{\"a\":1,\"b\":2}", false},
    {"[1,2]", "[2,1]", false},
    {"[1,2]", "[1,2,3]", false},
    {"[]", "{}", false},
    {"null", "false", false},
    {"true", "false", false},
    {"\"1\"", "1", false},
    {"\"a\"", "\"\\u0061\"", true},
    {"{\"\\u0061\":1}", "{\"a\":1}", true},
    {"\"a\\u0000\"", "\"a\"", false},
    {"\"12345678\"", "\"1234567\"", false},
    {"\"1234567890123456789\"", "\"1234567890123456780\"", false},
    {"[[],[]]", "[[[]]]", false},
    {"{\"a\":{\"b\":1},\"c\":{\"d\":2}}", "{\"c\":{\"d\":2},\"a\":{\"b\":1}}", true},
};

static void compares_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        AUTO(jdoc_freep) struct jdoc *a = parse(values[i].a), *b = parse(values[i].b);

        if (jv_equal(jdoc_root(a), jdoc_root(b)) != values[i].equal)
            fail_msg("%s and %s", values[i].a, values[i].b);
        if ((jv_hash(jdoc_root(a)) == jv_hash(jdoc_root(b))) != values[i].equal)
            fail_msg("hashes of %s and %s", values[i].a, values[i].b);
    }
}

/* A search for each name would take minutes. */
static void compares_large_objects_in_any_order(void **state)
{
    AUTO(buf_done) struct buf up = BUF_INIT, down = BUF_INIT;
    const int count = 100000;

    (void)state;
    for (int i = 0; i < count; i++) {
        buf_printf(&up, "%c\"name%d\":%d", i ? ',' : '{', i, i);
        buf_printf(&down, "%c\"name%d\":%d", i ? ',' : '{', count - 1 - i, count - 1 - i);
    }
    buf_putc(&up, '}');
    buf_putc(&down, '}');

    AUTO(jdoc_freep) struct jdoc *a = parse(buf_cstr(&up)), *b = parse(buf_cstr(&down));
    int64_t start = cpu_now();

    assert_true(jv_equal(jdoc_root(a), jdoc_root(b)));
    assert_int_equal(jv_hash(jdoc_root(a)), jv_hash(jdoc_root(b)));
    assert_takes_reads(start, buf_view(&up), 20);
}

/* ---- writing ---- */

static void writes_for_people(void **state)
{
    AUTO(jdoc_freep) struct jdoc *d = parse("{\"a\":[1,{\"b\":[]}],\"c\":{},\"d\":\"x\\n\"}");
    AUTO(buf_done) struct buf b = BUF_INIT;

    (void)state;
    assert_int_equal(jv_write_pretty(jdoc_root(d), &b), E_OK);
    assert_str(buf_view(&b), "{\n"
                             "  \"a\": [\n"
                             "    1,\n"
                             "    {\n"
                             "      \"b\": []\n"
                             "    }\n"
                             "  ],\n"
                             "  \"c\": {},\n"
                             "  \"d\": \"x\\n\"\n"
                             "}");
}

static void writing_stops_at_the_buffers_maximum(void **state)
{
    const char *text =
        "[\"abcdefgh\",\"\\u0001\",1234567890123456789,{\"a\":null},\"a text of more "
        "than two times sixteen bytes\",{},[],{\"a name of more than sixteen\":[],"
        "\"\\n\":{\"b\":true}},[[false]]]";
    AUTO(jdoc_freep) struct jdoc *d = parse(text);

    (void)state;
    for (size_t max = 3; max <= strlen(text) + 2; max++) {
        AUTO(buf_done) struct buf b = BUF_INIT_MAX(max);
        enum err want = max < strlen(text) + 2 ? E_LIMIT : E_OK;

        buf_puts(&b, "xx");
        assert_int_equal(jv_write(jdoc_root(d), &b), want);
        if (want == E_LIMIT)
            assert_str(buf_view(&b), "xx");
    }
    AUTO(buf_done) struct buf b = BUF_INIT_MAX(20);

    assert_int_equal(jv_write_pretty(jdoc_root(d), &b), E_LIMIT);
    assert_int_equal(b.len, 0);
}

static void the_writer_knows_its_commas(void **state)
{
    AUTO(jdoc_freep) struct jdoc *d = parse("{\"x\":[0.10]}");
    AUTO(buf_done) struct buf b = BUF_INIT;
    struct jwriter w = jw_begin(&b);

    (void)state;
    jw_object(&w);
    jw_key(&w, "a");
    jw_array(&w);
    jw_array_end(&w);
    jw_key_str(&w, STR("b\"\n"));
    jw_array(&w);
    jw_null(&w);
    jw_bool(&w, true);
    jw_bool(&w, false);
    jw_i64(&w, INT64_MIN);
    jw_double(&w, 0.1);
    jw_double(&w, 3);
    jw_double(&w, 1e300);
    jw_double(&w, (double)INFINITY);
    jw_str(&w, str_make("a\0\xff\xc3\xa9", 5));
    jw_strz(&w, NULL);
    jw_object(&w);
    jw_object_end(&w);
    jw_value(&w, jdoc_root(d));
    jw_value(&w, NULL);
    jw_raw(&w, STR("[7]"));
    jw_array_end(&w);
    jw_key(&w, "c");
    jw_strz(&w, "");
    jw_object_end(&w);
    assert_int_equal(jw_end(&w), E_OK);
    assert_str(buf_view(&b),
               "{\"a\":[],\"b\\\"\\n\":[null,true,false,-9223372036854775808,0.1,3,1e300,null,"
               "\"a\\u0000\xef\xbf\xbd\xc3\xa9\",null,{},{\"x\":[0.10]},null,[7]],\"c\":\"\"}");
}

static void the_writer_remembers_a_full_buffer(void **state)
{
    AUTO(buf_done) struct buf b = BUF_INIT_MAX(8);
    struct jwriter w = jw_begin(&b);

    (void)state;
    jw_array(&w);
    jw_strz(&w, "too long for it");
    jw_i64(&w, 1);
    jw_array_end(&w);
    assert_int_equal(jw_end(&w), E_LIMIT);
    assert_true(b.len <= 8);
}

static void *use_pool(void *arg)
{
    AUTO(jdoc_freep) struct jdoc *d = arg;
    AUTO(jdoc_freep) struct jdoc *own = parse("[1,2,3]");

    assert_true(jv_equal(jdoc_root(d), jdoc_root(own)) || jv_count(jdoc_root(d)) > 3);
    return NULL;
}

/* Leaks would show under the address sanitizer. */
static void documents_may_be_freed_by_other_threads(void **state)
{
    AUTO(buf_done) struct buf b = BUF_INIT;

    (void)state;
    buf_puts(&b, "[0");
    for (int i = 0; i < 50000; i++)
        buf_puts(&b, ",1");
    buf_puts(&b, "]");
    for (int i = 0; i < 3; i++) {
        pthread_t thread;

        assert_int_equal(pthread_create(&thread, NULL, use_pool, parse(buf_cstr(&b))), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
    }
}

int main(void)
{
    return RUN_TESTS(accepts_what_rfc_8259_allows, refuses_everything_else,
                     leaves_the_last_of_repeated_names, keeps_to_its_limits,
                     takes_what_it_wrote_without_a_look_at_names, stops_early_at_many_values,
                     refuses_depth_quickly, parses_from_many_sizes_and_frees, looks_at_values,
                     nothing_is_looked_at_safely, walks_members_and_elements,
                     compares_numbers_by_decimal_value, gives_integers_that_fit, gives_doubles,
                     compares_values, compares_large_objects_in_any_order, writes_for_people,
                     writing_stops_at_the_buffers_maximum, the_writer_knows_its_commas,
                     the_writer_remembers_a_full_buffer, documents_may_be_freed_by_other_threads);
}
