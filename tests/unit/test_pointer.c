#include "unit.h"

#include "json/pointer.h"

static const struct {
    const char *pointer, *selects; /* NULL: nothing */
} cases[] = {
    /* RFC 6901 §5 */
    {"/foo", "[\"bar\",\"baz\"]"},
    {"/foo/0", "\"bar\""},
    {"/", "0"},
    {"/a~1b", "1"},
    {"/c%d", "2"},
    {"/e^f", "3"},
    {"/g|h", "4"},
    {"/i\\j", "5"},
    {"/k\"l", "6"},
    {"/ ", "7"},
    {"/m~0n", "8"},
    /* further */
    {"/~01", "9"},
    {"/deep/1/x/", "10"},
    {"/foo/2", NULL},
    {"/foo/-", NULL},
    {"/foo/00", NULL},
    {"/foo/01", NULL},
    {"/foo/+1", NULL},
    {"/foo/", NULL},
    {"/foo/18446744073709551617", NULL},
    {"/foo/0/x", NULL},
    {"/nope", NULL},
    {"/nope/x", NULL},
    {"foo", NULL},
    {"/m~n", NULL},
};

static const char document[] =
    "{\"foo\":[\"bar\",\"baz\"],\"\":0,\"a/b\":1,\"c%d\":2,\"e^f\":3,\"g|h\":4,\"i\\\\j\":5,"
    "\"k\\\"l\":6,\" \":7,\"m~n\":8,\"~1\":9,\"deep\":[0,{\"x\":{\"\":10}}]}";

static void selects(void **state)
{
    AUTO(jdoc_freep) struct jdoc *d = NULL;

    (void)state;
    assert_int_equal(jdoc_parse(str_of(document), NULL, &d, NULL), E_OK);
    assert_ptr_equal(jpointer_get(jdoc_root(d), STR("")), jdoc_root(d));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO(buf_done) struct buf b = BUF_INIT;
        jval *v = jpointer_get(jdoc_root(d), str_of(cases[i].pointer));

        if (!v != !cases[i].selects)
            fail_msg("%s selects %s", cases[i].pointer, v ? "something" : "nothing");
        if (!v)
            continue;
        assert_int_equal(jv_write(v, &b), E_OK);
        assert_str(buf_view(&b), cases[i].selects);
    }
    assert_null(jpointer_get(NULL, STR("")));
    assert_null(jpointer_get(NULL, STR("/a")));
}

static void long_tokens_with_escapes_select(void **state)
{
    AUTO(buf_done) struct buf text = BUF_INIT, pointer = BUF_INIT;
    AUTO(jdoc_freep) struct jdoc *d = NULL;

    (void)state;
    buf_puts(&text, "{\"");
    buf_puts(&pointer, "/");
    for (int i = 0; i < 500; i++) {
        buf_puts(&text, "~");
        buf_puts(&pointer, "~0");
    }
    buf_puts(&text, "\":1}");
    assert_int_equal(jdoc_parse(buf_view(&text), NULL, &d, NULL), E_OK);
    assert_non_null(jpointer_get(jdoc_root(d), buf_view(&pointer)));
}

static const struct {
    const char *pointer, *says; /* NULL: valid */
} syntax[] = {
    {"", NULL},
    {"/", NULL},
    {"/~0~1/-/0", NULL},
    {"a", "character 1"},
    {"/a~", "character 3"},
    {"/~2", "character 2"},
    {"/~0~x", "character 4"},
    {"/\xff", "UTF-8"},
};

static void checks_syntax(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(syntax); i++) {
        struct errinfo ei = ERRINFO_INIT;
        enum err e = jpointer_check(str_of(syntax[i].pointer), &ei);

        assert_int_equal(e, syntax[i].says ? E_POINTER_SYNTAX : E_OK);
        if (syntax[i].says && !strstr(ei.text, syntax[i].says))
            fail_msg("%s: %s", syntax[i].pointer, ei.text);
    }
}

static void adds_escaped_tokens(void **state)
{
    AUTO(buf_done) struct buf b = BUF_INIT;

    (void)state;
    jpointer_add(&b, STR("a/b~c"));
    jpointer_add(&b, STR(""));
    jpointer_add_index(&b, 120);
    assert_str(buf_view(&b), "/a~1b~0c//120");
}

int main(void)
{
    return RUN_TESTS(selects, long_tokens_with_escapes_select, checks_syntax, adds_escaped_tokens);
}
