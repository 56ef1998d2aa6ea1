#include "unit.h"

#include "json/omit.h"

#define PATTERNS 3

static const struct {
    const char *patterns[PATTERNS], *document, *left;
} cases[] = {
    {{"/a"}, "{\"a\":1,\"b\":2}", "{\"b\":2}"},
    {{"/a"}, "{\"a\":1}", "{}"},
    {{"/b"}, "{\"a\":1,\"b\":2,\"c\":3}", "{\"a\":1,\"c\":3}"},
    {{"/c"}, "{\"a\":1,\"b\":2,\"c\":{\"d\":[1,2]}}", "{\"a\":1,\"b\":2}"},
    {{"/a", "/c"}, "{\"a\":1,\"b\":2,\"c\":3}", "{\"b\":2}"},
    /* what is not there leaves the document as it is */
    {{"/x", "/a/x", "/b/0/x"}, "{\"a\":1,\"b\":[{\"y\":1.50}]}", "{\"a\":1,\"b\":[{\"y\":1.50}]}"},
    {{"/a"}, "{\"b\":{\"a\":1}}", "{\"b\":{\"a\":1}}"},
    {{"/a"}, "[{\"a\":1}]", "[{\"a\":1}]"},
    {{"/a"}, "7", "7"},
    {{"/a/b"}, "{\"a\":\"b\"}", "{\"a\":\"b\"}"},
    /* elements */
    {{"/0"}, "[1,2,3]", "[2,3]"},
    {{"/1", "/2"}, "[1,2,3]", "[1]"},
    {{"/00", "/-", "/+1"}, "[1,2]", "[1,2]"},
    {{"/0"}, "{\"0\":1,\"00\":2}", "{\"00\":2}"},
    {{"/18446744073709551616"}, "[1]", "[1]"},
    /* any member or element */
    {{"/*"}, "{\"a\":1,\"b\":[2]}", "{}"},
    {{"/*"}, "[1,[2]]", "[]"},
    {{"/*"}, "\"x\"", "\"x\""},
    {{"/*/t"}, "[{\"t\":1,\"v\":2},3,{\"v\":4}]", "[{\"v\":2},3,{\"v\":4}]"},
    {{"/*/*"}, "{\"a\":{\"x\":1},\"b\":[1],\"c\":3}", "{\"a\":{},\"b\":[],\"c\":3}"},
    {{"/a/*/t", "/a/0/u"},
     "{\"a\":[{\"t\":1,\"u\":2,\"v\":3},{\"t\":1,\"u\":2}],\"t\":9}",
     "{\"a\":[{\"v\":3},{\"u\":2}],\"t\":9}"},
    {{"/*/b", "/a/c"}, "{\"a\":{\"b\":1,\"c\":2,\"d\":3}}", "{\"a\":{\"d\":3}}"},
    {{"/a*"}, "{\"a*\":1,\"ab\":2}", "{\"ab\":2}"},
    {{"/*"}, "{\"*\":1,\"a\":2}", "{}"},
    /* one pattern ends where another goes on */
    {{"/a", "/a/b"}, "{\"a\":{\"b\":1},\"c\":2}", "{\"c\":2}"},
    {{"/a/b", "/*"}, "{\"a\":{\"b\":1},\"c\":2}", "{}"},
    /* names */
    {{"/"}, "{\"\":1,\"a\":2}", "{\"a\":2}"},
    {{"/a~1b", "/m~0n"}, "{\"a/b\":1,\"m~n\":2,\"m~0n\":3}", "{\"m~0n\":3}"},
    {{"/~01"}, "{\"~1\":1,\"/\":2}", "{\"/\":2}"},
    {{"/a\"b", "/\xc3\xa4"}, "{\"a\\\"b\":1,\"\\u00e4\":2,\"c\\n\":3}", "{\"c\\n\":3}"},
    /* all */
    {{""}, "{\"a\":1}", ""},
    {{"/a", ""}, "[1]", ""},
    {{NULL}, "{\"a\":[1,{}]}", "{\"a\":[1,{}]}"},
};

static struct jomit *compile(const char *const *patterns)
{
    char *texts[PATTERNS];
    size_t count = 0;

    for (; count < PATTERNS && patterns[count]; count++)
        texts[count] = (char *)(uintptr_t)patterns[count];
    return jomit_new(texts, count);
}

static void leaves_out_what_is_selected(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO(buf_done) struct buf left = BUF_INIT;
        AUTO(jdoc_freep) struct jdoc *d = NULL;
        struct jomit *o = compile(cases[i].patterns);

        assert_int_equal(jdoc_parse(str_of(cases[i].document), NULL, &d, NULL), E_OK);
        buf_putc(&left, ' ');
        assert_int_equal(jomit_write(o, jdoc_root(d), &left), E_OK);
        if (!str_eqz(str_drop(buf_view(&left), 1), cases[i].left))
            fail_msg("case %zu, %s of %s: left %.*s", i, cases[i].patterns[0], cases[i].document,
                     (int)left.len, left.p);
        jomit_free(o);
    }
    jomit_free(NULL);
}

static void a_full_buffer_is_as_it_was(void **state)
{
    static const char document[] = "{\"a\":1,\"b\":[\"some text\",2]}";
    AUTO(jdoc_freep) struct jdoc *d = NULL;
    struct jomit *o = compile((const char *const[PATTERNS]){"/a", "/b/9"});

    (void)state;
    assert_int_equal(jdoc_parse(str_of(document), NULL, &d, NULL), E_OK);
    for (size_t max = 1; max < 25; max++) {
        AUTO(buf_done) struct buf b = BUF_INIT_MAX(max);
        enum err err = jomit_write(o, jdoc_root(d), &b);

        assert_int_equal(err, max < strlen("{\"b\":[\"some text\",2]}") ? E_LIMIT : E_OK);
        if (err != E_OK)
            assert_int_equal(b.len, 0);
    }
    jomit_free(o);
}

static void all_patterns_of_a_set_count(void **state)
{
    AUTO(buf_done) struct buf text = BUF_INIT;
    AUTO(buf_done) struct buf left = BUF_INIT;
    AUTO(jdoc_freep) struct jdoc *d = NULL;
    char *patterns[JOMIT_MAX];

    (void)state;
    buf_puts(&text, "{\"keep\":0");
    for (size_t i = 0; i < JOMIT_MAX; i++) {
        patterns[i] = xasprintf("/m%zu/*", i);
        buf_printf(&text, ",\"m%zu\":[1,2]", i);
    }
    buf_puts(&text, "}");
    struct jomit *o = jomit_new(patterns, JOMIT_MAX);
    assert_int_equal(jdoc_parse(buf_view(&text), NULL, &d, NULL), E_OK);
    assert_int_equal(jomit_write(o, jdoc_root(d), &left), E_OK);
    assert_null(memmem(left.p, left.len, "1,2", 3));
    assert_non_null(memmem(left.p, left.len, "\"keep\":0", 8));
    assert_non_null(memmem(left.p, left.len, "\"m63\":[]", 8));
    jomit_free(o);
    for (size_t i = 0; i < JOMIT_MAX; i++)
        free(patterns[i]);
}

static void equal_by_value_without_it(void **state)
{
    static const struct {
        const char *a, *b;
        bool equal;
    } table[] = {
        {"{\"t\":1,\"v\":[{\"t\":2,\"x\":3}]}", "{\"t\":9,\"v\":[{\"t\":8,\"x\":3}]}", true},
        {"{\"t\":1,\"v\":[{\"t\":2,\"x\":3}]}", "{\"t\":1,\"v\":[{\"t\":2,\"x\":4}]}", false},
        {"{\"t\":1,\"v\":[{\"x\":3}]}", "{\"v\":[{\"t\":2,\"x\":3}]}", true},
        {"{\"t\":1,\"v\":[]}", "{\"t\":1,\"v\":[{\"t\":1}]}", false},
        {"{\"t\":1,\"a\":1,\"b\":2}", "{\"b\":2.0,\"t\":[],\"a\":1e0}", true},
        {"{\"t\":1,\"a\":1}", "{\"t\":1,\"a\":\"1\"}", false},
        /* in another order: what is behind counts all the same */
        {"{\"a\":{\"x\":1,\"t\":1,\"y\":2},\"v\":[{\"x\":1,\"t\":5,\"y\":[1,2]},7]}",
         "{\"v\":[{\"y\":[1,2],\"x\":1.0},7],\"a\":{\"y\":2,\"x\":1,\"t\":1}}", true},
        {"{\"v\":[{\"x\":1,\"t\":5,\"y\":2},7]}", "{\"v\":[{\"y\":2,\"x\":1},8]}", false},
        {"{\"v\":[{\"x\":1,\"y\":2},7]}", "{\"v\":[{\"y\":3,\"x\":1},7]}", false},
        {"{\"a\":1,\"t\":2}", "{\"a\":1,\"b\":2}", false},
        {"{\"a\":1,\"t\":2,\"b\":3}", "{\"t\":0,\"a\":1}", false},
        {"{\"a\":{\"t\":1}}", "{\"a\":{\"t\":2}}", false},
        {"{\"v\":[]}", "{\"v\":{}}", false},
        {"{\"v\":[1]}", "{\"v\":1}", false},
        {"{\"t\":1}", "{}", true},
        {"{\"t\":1}", "[]", false},
        {"1.0", "1", true},
        {"{\"v\":{\"t\":1}}", "{\"v\":{}}", true},
    };
    struct jomit *o = compile((const char *const[PATTERNS]){"/t", "/v/*/t", "/v/t"});

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        AUTO(jdoc_freep) struct jdoc *a = NULL;
        AUTO(jdoc_freep) struct jdoc *b = NULL;

        assert_int_equal(jdoc_parse(str_of(table[i].a), NULL, &a, NULL), E_OK);
        assert_int_equal(jdoc_parse(str_of(table[i].b), NULL, &b, NULL), E_OK);
        if (jomit_equal(o, jdoc_root(a), jdoc_root(b)) != table[i].equal ||
            jomit_equal(o, jdoc_root(b), jdoc_root(a)) != table[i].equal)
            fail_msg("%s and %s", table[i].a, table[i].b);
    }
    jomit_free(o);
}

int main(void)
{
    return RUN_TESTS(leaves_out_what_is_selected, a_full_buffer_is_as_it_was,
                     all_patterns_of_a_set_count, equal_by_value_without_it);
}
