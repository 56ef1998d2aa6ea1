#include "unit.h"

#include "json/yaml.h"

static void check(const char *json, const char *yaml)
{
    AUTO(jdoc_freep) struct jdoc *doc = NULL;
    AUTO(buf_done) struct buf b = BUF_INIT;

    assert_int_equal(jdoc_parse(str_of(json), NULL, &doc, NULL), E_OK);
    yaml_write(jdoc_root(doc), &b);
    assert_str(buf_view(&b), yaml);
}

static void scalars(void **state)
{
    (void)state;
    check("1.50", "1.50\n");
    check("true", "true\n");
    check("null", "null\n");
    check("{}", "{}\n");
    check("[]", "[]\n");
    check("\"a word/with (signs) 1.0\"", "a word/with (signs) 1.0\n");
}

static void texts_that_mean_something_else(void **state)
{
    static const char *const texts[] = {
        "\"\"",           "\"1\"",    "\"true\"", "\"No\"",     "\"null\"",      "\"~\"",
        "\"2026-01-01\"", "\"a: b\"", "\"a:\"",   "\"a #b\"",   "\"- a\"",       "\"a \"",
        "\" a\"",         "\"*/*\"",  "\"$ref\"", "\"[a]\"",    "\"{a}\"",       "\"a\\nb\"",
        "\"\\\"a\\\"\"",  "\"a'b\"",  "\"é\"",    "\"/a/{b}\"", "\"a,b\"",       "\"a!\"",
        "\"&a\"",         "\"%a\"",   "\"@a\"",   "\"`a\"",     "\"a\\u0000b\"",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        AUTO_FREE char *line = xasprintf("%s\n", texts[i]);

        check(texts[i], line);
    }
}

static void blocks(void **state)
{
    (void)state;
    check("{\"a\":1,\"b\":{\"c\":[],\"200\":{\"e\":{}}},\"$ref\":\"x\"}", "a: 1\n"
                                                                          "b:\n"
                                                                          "  c: []\n"
                                                                          "  \"200\":\n"
                                                                          "    e: {}\n"
                                                                          "\"$ref\": x\n");
    check("[1,{\"a\":1,\"b\":[\"c\",[2,3]]},[],{\"d\":{\"e\":null}}]", "- 1\n"
                                                                       "- a: 1\n"
                                                                       "  b:\n"
                                                                       "    - c\n"
                                                                       "    - - 2\n"
                                                                       "      - 3\n"
                                                                       "- []\n"
                                                                       "- d:\n"
                                                                       "    e: null\n");
}

int main(void)
{
    return RUN_TESTS(scalars, texts_that_mean_something_else, blocks);
}
