#include "unit.h"

#include "json/merge.h"

static const struct {
    const char *target, *patch, *result; /* target NULL: nothing there */
} cases[] = {
    /* RFC 7396, appendix A */
    {"{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
    {"{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}"},
    {"{\"a\":\"b\"}", "{\"a\":null}", "{}"},
    {"{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}"},
    {"{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
    {"{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}"},
    {"{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}"},
    {"{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}"},
    {"[\"a\",\"b\"]", "[\"c\",\"d\"]", "[\"c\",\"d\"]"},
    {"{\"a\":\"b\"}", "[\"c\"]", "[\"c\"]"},
    {"{\"a\":\"foo\"}", "null", "null"},
    {"{\"a\":\"foo\"}", "\"bar\"", "\"bar\""},
    {"{\"e\":null}", "{\"a\":1}", "{\"e\":null,\"a\":1}"},
    {"[1,2]", "{\"a\":\"b\",\"c\":null}", "{\"a\":\"b\"}"},
    {"{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}"},
    /* RFC 7396 §3 */
    {"{\"title\":\"Goodbye!\",\"author\":{\"givenName\":\"John\",\"familyName\":\"Doe\"},"
     "\"tags\":[\"example\",\"sample\"],\"content\":\"This will be unchanged\"}",
     "{\"title\":\"Hello!\",\"phoneNumber\":\"+01-123-456-7890\",\"author\":{\"familyName\":null},"
     "\"tags\":[\"example\"]}",
     "{\"title\":\"Hello!\",\"author\":{\"givenName\":\"John\"},\"tags\":[\"example\"],"
     "\"content\":\"This will be unchanged\",\"phoneNumber\":\"+01-123-456-7890\"}"},
    /* further */
    {NULL, "{\"a\":null,\"b\":{\"c\":null,\"d\":1.50}}", "{\"b\":{\"d\":1.50}}"},
    {NULL, "[null]", "[null]"},
    {"{\"a\":1}", "{\"a\":{\"b\":null}}", "{\"a\":{}}"},
    {"{\"c\":1,\"b\":2,\"a\":3}", "{\"a\":null,\"d\":4,\"c\":5}", "{\"c\":5,\"b\":2,\"d\":4}"},
    {"{\"\":1}", "{\"\":{\"\":2}}", "{\"\":{\"\":2}}"},
};

static void merges(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO(jdoc_freep) struct jdoc *target = NULL, *patch = NULL;
        AUTO(buf_done) struct buf b = BUF_INIT;

        if (cases[i].target)
            assert_int_equal(jdoc_parse(str_of(cases[i].target), NULL, &target, NULL), E_OK);
        assert_int_equal(jdoc_parse(str_of(cases[i].patch), NULL, &patch, NULL), E_OK);
        assert_int_equal(jmerge(jdoc_root(target), jdoc_root(patch), &b), E_OK);
        assert_str(buf_view(&b), cases[i].result);
    }
}

static void says_when_the_buffer_is_full(void **state)
{
    AUTO(jdoc_freep) struct jdoc *patch = NULL;
    AUTO(buf_done) struct buf b = BUF_INIT_MAX(5);

    (void)state;
    assert_int_equal(jdoc_parse(STR("{\"a\":\"long\"}"), NULL, &patch, NULL), E_OK);
    assert_int_equal(jmerge(NULL, jdoc_root(patch), &b), E_LIMIT);
}

int main(void)
{
    return RUN_TESTS(merges, says_when_the_buffer_is_full);
}
