/*
 * Search expressions: cases from files (tests/cases/search), then limits.
 */
#include "topic_cases.h"
#include "unit.h"

#include "core/limits.h"
#include "core/search.h"

static struct jdoc *case_file(const char *name)
{
    AUTO_FREE char *path = xasprintf("%s/search/%s", getenv("POLLCAST_CASES"), name);

    return read_cases(path);
}

static void what_is_an_expression(void **state)
{
    AUTO(jdoc_freep) struct jdoc *doc = case_file("parse.json");
    struct jiter it = jiter_of(jdoc_root(doc));
    size_t refused = 0;

    (void)state;
    while (jiter_next(&it)) {
        AUTO(search_freep) struct search *s = NULL;
        struct errinfo ei = ERRINFO_INIT;
        struct str text = jv_str(jv_getz(it.value, "search"));
        struct str fault = jv_str(jv_getz(it.value, "fault"));
        enum err err = search_parse(text, &s, &ei);

        if ((err == E_OK) != !fault.p || (err != E_OK && err != E_INVALID))
            fail_msg("%.*s: %s", STR_ARG(text), err_text(&ei, err));
        if (fault.p && !memmem(ei.text, strlen(ei.text), fault.p, fault.n))
            fail_msg("%.*s: %s\nexpected: %.*s", STR_ARG(text), ei.text, STR_ARG(fault));
        refused += fault.p != NULL;
    }
    assert_true(refused > 20);
}

static bool lists(const jval *names, struct str name)
{
    struct jiter it = jiter_of(names);

    while (jiter_next(&it))
        if (str_eq(jv_str(it.value), name))
            return true;
    return false;
}

static void what_matches(void **state)
{
    AUTO(jdoc_freep) struct jdoc *doc = case_file("match.json");
    AUTO(jdoc_freep) struct jdoc *documents = case_file("documents.json");
    struct jiter it = jiter_of(jdoc_root(doc));

    (void)state;
    assert_true(jv_count(jdoc_root(doc)) > 30);
    while (jiter_next(&it)) {
        AUTO(search_freep) struct search *s = NULL;
        struct errinfo ei = ERRINFO_INIT;
        struct str text = jv_str(jv_getz(it.value, "search"));
        struct jiter each = jiter_of(jv_at(jdoc_root(documents), 0));

        assert_ok(search_parse(text, &s, &ei), &ei);
        while (jiter_next(&each)) {
            if (search_matches(s, each.value) != lists(jv_getz(it.value, "selects"), each.name))
                fail_msg("%.*s: %.*s", STR_ARG(text), STR_ARG(each.name));
        }
    }
}

static void repeat(struct buf *b, const char *text, unsigned times)
{
    for (unsigned i = 0; i < times; i++)
        buf_puts(b, text);
}

static enum err parse(const struct buf *b, struct errinfo *ei)
{
    AUTO(search_freep) struct search *s = NULL;

    return search_parse(buf_view(b), &s, ei);
}

static void limits(void **state)
{
    static const struct {
        const char *open, *part, *close;
        unsigned most;
        const char *fault;
    } rows[] = {
        {"", "a? OR ", "a?", LIMIT_SEARCH_OPERANDS - 1, "expected at most 64 operands"},
        {"", "(", "a?", LIMIT_SEARCH_DEPTH, "expected at most 32 parentheses in each other"},
        {"a:", "b", "", LIMIT_SEARCH_BYTES - 2, "expected at most 4096 bytes, found 4097"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        for (unsigned beyond = 0; beyond <= 1; beyond++) {
            AUTO(buf_done) struct buf b = BUF_INIT;
            struct errinfo ei = ERRINFO_INIT;

            buf_puts(&b, rows[i].open);
            repeat(&b, rows[i].part, rows[i].most + beyond);
            buf_puts(&b, rows[i].close);
            if (rows[i].part[0] == '(')
                repeat(&b, ")", rows[i].most + beyond);
            assert_int_equal(parse(&b, &ei), beyond ? E_LIMIT : E_OK);
            if (beyond)
                assert_non_null(strstr(ei.text, rows[i].fault));
        }
    }
}

static void text_that_is_none(void **state)
{
    static const struct str texts[] = {{"a:\xff", 3}, {"a:b\0c", 5}, {"\0", 1}, {NULL, 0}};
    struct errinfo ei = ERRINFO_INIT;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        AUTO(search_freep) struct search *s = NULL;

        if (i == 1)
            assert_ok(search_parse(texts[i], &s, &ei), &ei);
        else
            assert_int_equal(search_parse(texts[i], &s, NULL), E_INVALID);
    }
}

static void what_is_asked_for(void **state)
{
    static const struct {
        const char *search;
        bool config;
    } rows[] = {
        {"publisher.config?", true},
        {"publisher.config.url:x", true},
        {"a? AND (b? OR publisher.config.headers.X!y)", true},
        {"publisher.configuration:x", false},
        {"publisher? AND config:publisher.config", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(search_freep) struct search *s = NULL;

        assert_ok(search_parse(str_of(rows[i].search), &s, NULL), NULL);
        assert_int_equal(search_asks(s, STR("publisher.config")), rows[i].config);
    }
}

int main(void)
{
    return RUN_TESTS(what_is_an_expression, what_matches, limits, text_that_is_none,
                     what_is_asked_for);
}
