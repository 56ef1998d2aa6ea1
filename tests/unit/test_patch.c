#include "reads.h"

#include "json/patch.h"

static const struct {
    const char *doc, *patch;
    const char *result; /* NULL: fails */
    enum err err;
    const char *says;
} cases[] = {
    /* RFC 6902, appendix A */
    {"{\"foo\":\"bar\"}", "[{\"op\":\"add\",\"path\":\"/baz\",\"value\":\"qux\"}]",
     "{\"foo\":\"bar\",\"baz\":\"qux\"}", E_OK, NULL},
    {"{\"foo\":[\"bar\",\"baz\"]}", "[{\"op\":\"add\",\"path\":\"/foo/1\",\"value\":\"qux\"}]",
     "{\"foo\":[\"bar\",\"qux\",\"baz\"]}", E_OK, NULL},
    {"{\"baz\":\"qux\",\"foo\":\"bar\"}", "[{\"op\":\"remove\",\"path\":\"/baz\"}]",
     "{\"foo\":\"bar\"}", E_OK, NULL},
    {"{\"foo\":[\"bar\",\"qux\",\"baz\"]}", "[{\"op\":\"remove\",\"path\":\"/foo/1\"}]",
     "{\"foo\":[\"bar\",\"baz\"]}", E_OK, NULL},
    {"{\"baz\":\"qux\",\"foo\":\"bar\"}",
     "[{\"op\":\"replace\",\"path\":\"/baz\",\"value\":\"boo\"}]",
     "{\"baz\":\"boo\",\"foo\":\"bar\"}", E_OK, NULL},
    {"{\"foo\":{\"bar\":\"baz\",\"waldo\":\"fred\"},\"qux\":{\"corge\":\"grault\"}}",
     "[{\"op\":\"move\",\"from\":\"/foo/waldo\",\"path\":\"/qux/thud\"}]",
     "{\"foo\":{\"bar\":\"baz\"},\"qux\":{\"corge\":\"grault\",\"thud\":\"fred\"}}", E_OK, NULL},
    {"{\"foo\":[\"all\",\"grass\",\"cows\",\"eat\"]}",
     "[{\"op\":\"move\",\"from\":\"/foo/1\",\"path\":\"/foo/3\"}]",
     "{\"foo\":[\"all\",\"cows\",\"eat\",\"grass\"]}", E_OK, NULL},
    {"{\"baz\":\"qux\",\"foo\":[\"a\",2,\"c\"]}",
     "[{\"op\":\"test\",\"path\":\"/baz\",\"value\":\"qux\"},"
     "{\"op\":\"test\",\"path\":\"/foo/1\",\"value\":2}]",
     "{\"baz\":\"qux\",\"foo\":[\"a\",2,\"c\"]}", E_OK, NULL},
    {"{\"baz\":\"qux\"}", "[{\"op\":\"test\",\"path\":\"/baz\",\"value\":\"bar\"}]", NULL,
     E_PATCH_TEST, "operation 0 (test \"/baz\")"},
    {"{\"foo\":\"bar\"}", "[{\"op\":\"add\",\"path\":\"/child\",\"value\":{\"grandchild\":{}}}]",
     "{\"foo\":\"bar\",\"child\":{\"grandchild\":{}}}", E_OK, NULL},
    {"{\"foo\":\"bar\"}", "[{\"op\":\"add\",\"path\":\"/baz\",\"value\":\"qux\",\"xyz\":123}]",
     "{\"foo\":\"bar\",\"baz\":\"qux\"}", E_OK, NULL},
    {"{\"foo\":\"bar\"}", "[{\"op\":\"add\",\"path\":\"/baz/bat\",\"value\":\"qux\"}]", NULL,
     E_PATCH_APPLY, "not there"},
    {"{\"/\":9,\"~1\":10}", "[{\"op\":\"test\",\"path\":\"/~01\",\"value\":10}]",
     "{\"/\":9,\"~1\":10}", E_OK, NULL},
    {"{\"/\":9,\"~1\":10}", "[{\"op\":\"test\",\"path\":\"/~01\",\"value\":\"10\"}]", NULL,
     E_PATCH_TEST, "another"},
    {"{\"foo\":[\"bar\"]}", "[{\"op\":\"add\",\"path\":\"/foo/-\",\"value\":[\"abc\",\"def\"]}]",
     "{\"foo\":[\"bar\",[\"abc\",\"def\"]]}", E_OK, NULL},
    /* the root */
    {"{\"a\":1}", "[{\"op\":\"replace\",\"path\":\"\",\"value\":[2]}]", "[2]", E_OK, NULL},
    {"{\"a\":1}", "[{\"op\":\"add\",\"path\":\"\",\"value\":null}]", "null", E_OK, NULL},
    {"{\"a\":1}", "[{\"op\":\"remove\",\"path\":\"\"}]", NULL, E_PATCH_APPLY, "leave none"},
    {"{\"a\":1}", "[{\"op\":\"copy\",\"from\":\"\",\"path\":\"/b\"}]", "{\"a\":1,\"b\":{\"a\":1}}",
     E_OK, NULL},
    {"{\"a\":{\"b\":1}}", "[{\"op\":\"copy\",\"from\":\"/a\",\"path\":\"\"}]", "{\"b\":1}", E_OK,
     NULL},
    {"{\"a\":{\"b\":1}}", "[{\"op\":\"move\",\"from\":\"/a\",\"path\":\"\"}]", "{\"b\":1}", E_OK,
     NULL},
    {"7", "[{\"op\":\"test\",\"path\":\"\",\"value\":7.0}]", "7", E_OK, NULL},
    /* indexes */
    {"[1,2]", "[{\"op\":\"add\",\"path\":\"/2\",\"value\":3}]", "[1,2,3]", E_OK, NULL},
    {"[1,2]", "[{\"op\":\"add\",\"path\":\"/3\",\"value\":3}]", NULL, E_PATCH_APPLY,
     "past the end"},
    {"[1,2]", "[{\"op\":\"add\",\"path\":\"/01\",\"value\":3}]", NULL, E_PATCH_APPLY, "index"},
    {"[1,2]", "[{\"op\":\"add\",\"path\":\"/-1\",\"value\":3}]", NULL, E_PATCH_APPLY, "index"},
    {"[1,2]", "[{\"op\":\"add\",\"path\":\"/1e0\",\"value\":3}]", NULL, E_PATCH_APPLY, "index"},
    {"[1,2]", "[{\"op\":\"remove\",\"path\":\"/-\"}]", NULL, E_PATCH_APPLY,
     "nothing at this place"},
    {"[1,2]", "[{\"op\":\"replace\",\"path\":\"/2\",\"value\":3}]", NULL, E_PATCH_APPLY, "nothing"},
    {"[1,2]", "[{\"op\":\"test\",\"path\":\"/00\",\"value\":1}]", NULL, E_PATCH_TEST, "nothing"},
    {"[]", "[{\"op\":\"add\",\"path\":\"/-\",\"value\":3},{\"op\":\"remove\",\"path\":\"/0\"}]",
     "[]", E_OK, NULL},
    {"[]", "[{\"op\":\"add\",\"path\":\"/0/0\",\"value\":3}]", NULL, E_PATCH_APPLY, "not there"},
    {"{\"a\":\"x\"}", "[{\"op\":\"add\",\"path\":\"/a/b\",\"value\":3}]", NULL, E_PATCH_APPLY,
     "no content"},
    /* move and copy */
    {"{\"a\":{\"b\":1}}", "[{\"op\":\"move\",\"from\":\"/a\",\"path\":\"/a/b\"}]", NULL,
     E_PATCH_APPLY, "into itself"},
    {"{\"a\":{\"b\":1}}", "[{\"op\":\"move\",\"from\":\"\",\"path\":\"/x\"}]", NULL, E_PATCH_APPLY,
     "into itself"},
    {"{\"a\":1,\"ab\":2}", "[{\"op\":\"move\",\"from\":\"/a\",\"path\":\"/ab\"}]", "{\"ab\":1}",
     E_OK, NULL},
    {"{\"a\":1}", "[{\"op\":\"move\",\"from\":\"/a\",\"path\":\"/a\"}]", "{\"a\":1}", E_OK, NULL},
    {"{\"a\":1}", "[{\"op\":\"move\",\"from\":\"/b\",\"path\":\"/b\"}]", NULL, E_PATCH_APPLY,
     "nothing"},
    {"{\"a\":1}", "[{\"op\":\"copy\",\"from\":\"/b\",\"path\":\"/c\"}]", NULL, E_PATCH_APPLY,
     "nothing"},
    {"{\"a\":[{}]}",
     "[{\"op\":\"add\",\"path\":\"/a/0/x\",\"value\":1},"
     "{\"op\":\"copy\",\"from\":\"/a/0\",\"path\":\"/a/-\"},"
     "{\"op\":\"replace\",\"path\":\"/a/1/x\",\"value\":2}]",
     "{\"a\":[{\"x\":1},{\"x\":2}]}", E_OK, NULL},
    {"{\"a\":{\"x\":1}}",
     "[{\"op\":\"copy\",\"from\":\"/a\",\"path\":\"/b\"},"
     "{\"op\":\"add\",\"path\":\"/b/x\",\"value\":2},{\"op\":\"remove\",\"path\":\"/a/x\"}]",
     "{\"a\":{},\"b\":{\"x\":2}}", E_OK, NULL},
    /* a value of a patch, changed by a later operation */
    {"{}",
     "[{\"op\":\"add\",\"path\":\"/a\",\"value\":{\"b\":[]}},"
     "{\"op\":\"add\",\"path\":\"/a/b/0\",\"value\":1},"
     "{\"op\":\"test\",\"path\":\"/a\",\"value\":{\"b\":[1.0]}}]",
     "{\"a\":{\"b\":[1]}}", E_OK, NULL},
    /* test by value */
    {"{\"a\":{\"x\":1e2,\"y\":[-0]}}",
     "[{\"op\":\"test\",\"path\":\"/a\",\"value\":{\"y\":[0],\"x\":100}}]",
     "{\"a\":{\"x\":1e2,\"y\":[-0]}}", E_OK, NULL},
    {"{\"a\":null}", "[{\"op\":\"test\",\"path\":\"/a\",\"value\":null}]", "{\"a\":null}", E_OK,
     NULL},
    {"{}", "[{\"op\":\"test\",\"path\":\"/a\",\"value\":null}]", NULL, E_PATCH_TEST, "nothing"},
    /* syntax */
    {"{}", "{}", NULL, E_PATCH_SYNTAX, "array of operations, found object"},
    {"{}", "[1]", NULL, E_PATCH_SYNTAX, "must be an object"},
    {"{}", "[{}]", NULL, E_PATCH_SYNTAX, "\"op\" must be"},
    {"{}", "[{\"op\":\"spam\",\"path\":\"\"}]", NULL, E_PATCH_SYNTAX, "\"op\" must be"},
    {"{}", "[{\"op\":7,\"path\":\"\"}]", NULL, E_PATCH_SYNTAX, "\"op\" must be"},
    {"{}", "[{\"op\":\"remove\"}]", NULL, E_PATCH_SYNTAX, "\"path\" must be"},
    {"{}", "[{\"op\":\"remove\",\"path\":null}]", NULL, E_PATCH_SYNTAX, "found null"},
    {"{}", "[{\"op\":\"remove\",\"path\":\"a\"}]", NULL, E_PATCH_SYNTAX, "not a JSON pointer"},
    {"{}", "[{\"op\":\"remove\",\"path\":\"/~\"}]", NULL, E_PATCH_SYNTAX, "not a JSON pointer"},
    {"{}", "[{\"op\":\"add\",\"path\":\"/a\"}]", NULL, E_PATCH_SYNTAX, "\"value\" is missing"},
    {"{}", "[{\"op\":\"copy\",\"path\":\"/a\"}]", NULL, E_PATCH_SYNTAX, "\"from\" must be"},
    {"{\"a\":1}",
     "[{\"op\":\"remove\",\"path\":\"/a\"},{\"op\":\"move\",\"from\":\"b\",\"path\":\"/a\"}]", NULL,
     E_PATCH_SYNTAX, "operation 1 (move \"/a\")"},
    /* the rest */
    {"{\"n\":1.500,\"m\":1e999}", "[]", "{\"n\":1.500,\"m\":1e999}", E_OK, NULL},
    {"{\"\":{\"\":1}}", "[{\"op\":\"replace\",\"path\":\"//\",\"value\":2}]", "{\"\":{\"\":2}}",
     E_OK, NULL},
    {"{\"a\":1,\"b\":2,\"c\":3}",
     "[{\"op\":\"remove\",\"path\":\"/b\"},{\"op\":\"add\",\"path\":\"/b\",\"value\":4},"
     "{\"op\":\"add\",\"path\":\"/a\",\"value\":5}]",
     "{\"a\":5,\"c\":3,\"b\":4}", E_OK, NULL},
    {"{\"a\":{}}", "[{\"op\":\"add\",\"path\":\"/a/q~1~0\\\"\",\"value\":0}]",
     "{\"a\":{\"q/~\\\"\":0}}", E_OK, NULL},
};

static struct jdoc *parse(const char *text)
{
    struct errinfo ei = ERRINFO_INIT;
    struct jdoc *d = NULL;

    assert_ok(jdoc_parse(str_of(text), NULL, &d, &ei), &ei);
    return d;
}

static void applies(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO(jdoc_freep) struct jdoc *doc = parse(cases[i].doc), *patch = parse(cases[i].patch);
        AUTO(jdoc_freep) struct jdoc *result = NULL;
        AUTO(buf_done) struct buf b = BUF_INIT;
        struct errinfo ei = ERRINFO_INIT;
        enum err e = jpatch_apply(doc, jdoc_root(patch), &result, &ei);

        if (e != cases[i].err || (e != E_OK && !strstr(ei.text, cases[i].says)))
            fail_msg("%s: %s, %s", cases[i].patch, err_row(e)->name, ei.text);
        assert_int_equal(result != NULL, e == E_OK);
        if (!result)
            continue;
        assert_int_equal(jv_write(jdoc_root(result), &b), E_OK);
        assert_str(buf_view(&b), cases[i].result);
    }
}

static void applies_texts_in_order(void **state)
{
    const struct str patches[] = {
        STR("[{\"op\":\"add\",\"path\":\"/list/-\",\"value\":{\"n\":1.0}}]"),
        STR("[]"),
        STR("[{\"op\":\"replace\",\"path\":\"/list/0/n\",\"value\":2},"
            "{\"op\":\"remove\",\"path\":\"/x\"}]"),
    };
    AUTO(buf_done) struct buf b = BUF_INIT;
    struct errinfo ei = ERRINFO_INIT;
    struct str doc = STR(" { \"list\" : [ ] , \"x\" : 0 } ");

    (void)state;
    buf_puts(&b, ">");
    assert_ok(jpatch_apply_texts(doc, patches, 3, &b, &ei), &ei);
    assert_str(buf_view(&b), ">{\"list\":[{\"n\":2}]}");
}

static void texts_that_do_not_apply_leave_nothing(void **state)
{
    const struct str patches[] = {STR("[]"), STR("[{\"op\":\"remove\",\"path\":\"/y\"}]"),
                                  STR("[")};
    AUTO(buf_done) struct buf b = BUF_INIT;
    struct errinfo ei = ERRINFO_INIT, syntax = ERRINFO_INIT, document = ERRINFO_INIT;

    (void)state;
    assert_int_equal(jpatch_apply_texts(STR("{}"), patches, 2, &b, &ei), E_PATCH_APPLY);
    assert_string_equal(ei.text,
                        "patch 1: operation 0 (remove \"/y\"): there is nothing at this place");
    assert_int_equal(jpatch_apply_texts(STR("{}"), patches + 2, 1, &b, &syntax), E_JSON_SYNTAX);
    assert_int_equal(jpatch_apply_texts(STR("{"), patches, 0, &b, &document), E_JSON_SYNTAX);
    assert_int_equal(strncmp(document.text, "document: line 1", 16), 0);
    assert_int_equal(b.len, 0);
}

/* Ten thousand patches to a document of a hundred thousand values: each must cost its path only. */
static void many_texts_apply_quickly(void **state)
{
    enum { PATCHES = 10000, ELEMENTS = 100000 };
    AUTO(buf_done) struct buf doc = BUF_INIT, texts = BUF_INIT, b = BUF_INIT;
    AUTO_FREE struct str *patches = xcalloc(PATCHES, sizeof *patches);
    AUTO_FREE size_t *ends = xcalloc(PATCHES, sizeof *ends);
    struct errinfo ei = ERRINFO_INIT;

    (void)state;
    buf_puts(&doc, "{\"list\":[");
    for (int i = 0; i < ELEMENTS; i++)
        buf_printf(&doc, "%s{\"n\":%d}", i ? "," : "", i);
    buf_puts(&doc, "]}");
    for (int i = 0; i < PATCHES; i++) {
        buf_printf(&texts, "[{\"op\":\"replace\",\"path\":\"/list/%d/n\",\"value\":-%d}]",
                   i * 7 % ELEMENTS, i);
        ends[i] = texts.len;
    }
    for (int i = 0; i < PATCHES; i++)
        patches[i] = str_make(texts.p + (i ? ends[i - 1] : 0), ends[i] - (i ? ends[i - 1] : 0));

    int64_t start = cpu_now();

    assert_ok(jpatch_apply_texts(buf_view(&doc), patches, PATCHES, &b, &ei), &ei);
    assert_takes_reads(start, buf_view(&doc), 50);

    AUTO(jdoc_freep) struct jdoc *result = parse(buf_cstr(&b));
    int64_t n = 0;

    assert_true(jv_i64(jv_getz(jv_at(jv_getz(jdoc_root(result), "list"), 7 * 9999), "n"), &n));
    assert_int_equal(n, -9999);
}

/* Each copy doubles the document: it must end with an error, soon. */
static void copies_cannot_explode(void **state)
{
    AUTO(buf_done) struct buf text = BUF_INIT;
    AUTO(jdoc_freep) struct jdoc *doc = parse("{\"a\":[1]}"), *result = NULL;
    struct errinfo ei = ERRINFO_INIT;

    (void)state;
    buf_puts(&text, "[");
    for (int i = 0; i < 60; i++)
        buf_printf(&text, "%s{\"op\":\"copy\",\"from\":\"\",\"path\":\"/c%d\"}", i ? "," : "", i);
    buf_puts(&text, "]");

    AUTO(jdoc_freep) struct jdoc *patch = parse(buf_cstr(&text));

    assert_int_equal(jpatch_apply(doc, jdoc_root(patch), &result, &ei), E_LIMIT);
    assert_null(result);
}

/* A result may not be deeper than what is parsed again. */
static void patches_cannot_nest_without_end(void **state)
{
    AUTO(buf_done) struct buf text = BUF_INIT;
    AUTO(jdoc_freep) struct jdoc *doc = parse("{\"a\":{\"b\":{}}}"), *result = NULL;

    (void)state;
    buf_puts(&text, "[");
    for (int i = 0; i < 5000; i++)
        buf_printf(&text,
                   "%s{\"op\":\"move\",\"from\":\"/a\",\"path\":\"/t\"},"
                   "{\"op\":\"add\",\"path\":\"/a\",\"value\":{}},"
                   "{\"op\":\"move\",\"from\":\"/t\",\"path\":\"/a/b\"}",
                   i ? "," : "");
    buf_puts(&text, "]");

    AUTO(jdoc_freep) struct jdoc *patch = parse(buf_cstr(&text));

    assert_int_equal(jpatch_apply(doc, jdoc_root(patch), &result, NULL), E_LIMIT);
}

int main(void)
{
    return RUN_TESTS(applies, applies_texts_in_order, texts_that_do_not_apply_leave_nothing,
                     many_texts_apply_quickly, copies_cannot_explode,
                     patches_cannot_nest_without_end);
}
