/*
 * Merging pages: cases from files (tests/cases/pages), then limits.
 */
#include "topic_cases.h"
#include "unit.h"

#include "core/limits.h"
#include "core/page_merge.h"

#define MAX_BYTES 4096

/* Pages of a case are values, or with "text" the JSON of them. */
static enum err add_page(struct page_merge *m, const jval *page, bool text, struct errinfo *ei)
{
    AUTO(jdoc_freep) struct jdoc *doc = NULL;

    if (text) {
        assert_int_equal(jdoc_parse(jv_str(page), NULL, &doc, NULL), E_OK);
        page = jdoc_root(doc);
    }
    return page_merge_add(m, page, ei);
}

static void check_case(const jval *c)
{
    AUTO(page_merge_done) struct page_merge m;
    AUTO(buf_done) struct buf merged = BUF_INIT;
    AUTO(buf_done) struct buf expected = BUF_INIT;
    AUTO_FREE char *comment = str_dup(jv_str(jv_getz(c, "comment")));
    AUTO_FREE char *says = str_dup(jv_str(jv_getz(c, "error")));
    struct jiter it = jiter_of(jv_getz(c, "pages"));
    struct errinfo ei = ERRINFO_INIT;
    enum err err = E_OK;

    page_merge_init(&m, jv_str(jv_getz(c, "payload")), jv_str(jv_getz(c, "next")), MAX_BYTES);
    while (err == E_OK && jiter_next(&it))
        err = add_page(&m, it.value, jv_bool(jv_getz(c, "text")), &ei);
    if (err == E_OK)
        err = page_merge_finish(&m, &merged, &ei);
    if (says[0]) {
        if (err != E_POLL_FORMAT || !strstr(ei.text, says))
            fail_msg("%s: \"%s\" does not say \"%s\"", comment, ei.text, says);
        return;
    }
    if (err != E_OK)
        fail_msg("%s: %s", comment, ei.text);
    assert_int_equal(jv_write(jv_getz(c, "merged"), &expected), E_OK);
    if (!str_eq(buf_view(&merged), buf_view(&expected)))
        fail_msg("%s: merged to %s", comment, buf_cstr(&merged));
}

static void cases_in_files(void **state)
{
    (void)state;
    assert_true(each_case("pages", check_case) >= 40);
}

static enum err add(struct page_merge *m, const char *text, struct errinfo *ei)
{
    AUTO(jdoc_freep) struct jdoc *doc = NULL;

    assert_int_equal(jdoc_parse(str_of(text), NULL, &doc, NULL), E_OK);
    return page_merge_add(m, jdoc_root(doc), ei);
}

static void check_limit(const char *const *pages, size_t count, size_t size)
{
    for (size_t max = size - 1; max <= size; max++) {
        AUTO(page_merge_done) struct page_merge m;
        AUTO(buf_done) struct buf text = BUF_INIT;
        struct errinfo ei = ERRINFO_INIT;
        enum err err = E_OK;

        page_merge_init(&m, STR_NONE, STR_NONE, max);
        for (size_t i = 0; i < count && err == E_OK; i++)
            err = add(&m, pages[i], &ei);
        if (err == E_OK)
            err = page_merge_finish(&m, &text, &ei);
        assert_int_equal(err, max < size ? E_POLL_SIZE : E_OK);
        assert_int_equal(text.len, max < size ? 0 : size);
        if (err != E_OK)
            assert_non_null(strstr(ei.text, "payload.maxBytes is "));
    }
}

static void the_size_limit_is_exact(void **state)
{
    static const char *const one[] = {"[1,2,3]"};
    static const char *const arrays[] = {"[1,2]", "[]", "[\"abc\",{\"d\":[]}]"};
    static const char *const objects[] = {"{\"a\":[1],\"b\":1}",
                                          "{\"a\":[2],\"c\":{\"d\":\"\\n\"}}",
                                          "{\"c\":{\"e\":null},\"b\":12}"};
    static const char *const scalars[] = {"1", "\"abc\""};

    (void)state;
    check_limit(one, 1, 7);
    check_limit(arrays, 3, strlen("[1,2,\"abc\",{\"d\":[]}]"));
    check_limit(objects, 3, strlen("{\"a\":[1,2],\"b\":12,\"c\":{\"d\":\"\\n\",\"e\":null}}"));
    check_limit(scalars, 2, 5);
}

/* A source that goes on for ever is stopped by the page that is too much, not at the end. */
static void size_is_looked_at_page_by_page(void **state)
{
    AUTO(page_merge_done) struct page_merge m;
    struct errinfo ei = ERRINFO_INIT;
    enum err err = E_OK;
    size_t pages = 0;

    (void)state;
    page_merge_init(&m, STR_NONE, STR_NONE, MAX_BYTES);
    for (; err == E_OK; pages++)
        err = add(&m, "{\"items\":[\"0123456789\",\"0123456789\"]}", &ei);
    assert_int_equal(err, E_POLL_SIZE);
    assert_true(pages < MAX_BYTES / 24);
    assert_non_null(strstr(ei.text, "4096"));
}

static void members_have_a_limit(void **state)
{
    AUTO(page_merge_done) struct page_merge m;
    AUTO(buf_done) struct buf page = BUF_INIT;
    struct errinfo ei = ERRINFO_INIT;

    (void)state;
    buf_puts(&page, "{\"x\":1");
    for (int i = 0; i < LIMIT_MERGE_MEMBERS; i++)
        buf_printf(&page, ",\"%d\":1", i);
    buf_puts(&page, "}");
    page_merge_init(&m, STR_NONE, STR_NONE, 64 * 1024 * 1024);
    assert_int_equal(add(&m, "{}", &ei), E_OK);
    assert_int_equal(add(&m, buf_cstr(&page), &ei), E_POLL_SIZE);
    assert_non_null(strstr(ei.text, "members"));
}

static void many_pages_of_keyed_objects(void **state)
{
    AUTO(page_merge_done) struct page_merge m;
    AUTO(buf_done) struct buf text = BUF_INIT;
    struct errinfo ei = ERRINFO_INIT;
    char page[128];

    (void)state;
    page_merge_init(&m, STR_NONE, STR_NONE, 1024 * 1024);
    for (int i = 0; i < 2000; i++) {
        snprintf(page, sizeof page, "{\"k%d\":{\"v\":%d},\"k%d\":{\"w\":1}}", i, i,
                 (i * 7 + 1) % 2000);
        assert_ok(add(&m, page, &ei), &ei);
    }
    assert_ok(page_merge_finish(&m, &text, &ei), &ei);
    AUTO(jdoc_freep) struct jdoc *doc = NULL;
    assert_int_equal(jdoc_parse(buf_view(&text), NULL, &doc, NULL), E_OK);
    assert_int_equal(jv_count(jdoc_root(doc)), 2000);
    for (int i = 0; i < 2000; i++) {
        int64_t v, w;
        const jval *at;

        snprintf(page, sizeof page, "k%d", i);
        at = jv_getz(jdoc_root(doc), page);
        assert_true(jv_i64(jv_getz(at, "v"), &v) && v == i);
        assert_true(jv_i64(jv_getz(at, "w"), &w) && w == 1);
    }
}

int main(void)
{
    return RUN_TESTS(cases_in_files, the_size_limit_is_exact, size_is_looked_at_page_by_page,
                     members_have_a_limit, many_pages_of_keyed_objects);
}
