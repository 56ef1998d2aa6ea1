/*
 * The Link field: cases from files (tests/cases/links), then sizes.
 */
#include "topic_cases.h"
#include "unit.h"

#include "core/link.h"

#define PAGE STR("http://h/items?p=1")

static void check_case(const jval *c)
{
    const jval *expected = jv_getz(c, "target");
    struct jiter it = jiter_of(jv_getz(c, "links"));
    struct str links[8];
    size_t count = 0;

    while (jiter_next(&it)) {
        assert_true(count < ARRAY_LEN(links));
        links[count++] = jv_str(it.value);
    }
    struct str found = link_find(links, count, STR("next"), PAGE);
    if (!str_eq(found, jv_str(expected)) || (found.p != NULL) != (jv_type(expected) == JT_STRING))
        fail_msg("%.*s: found \"%.*s\"", STR_ARG(jv_str(jv_getz(c, "comment"))), (int)found.n,
                 found.p ? found.p : "(none)");
}

static void cases_in_files(void **state)
{
    (void)state;
    assert_true(each_case("links", check_case) >= 50);
}

static void any_relation_can_be_asked_for(void **state)
{
    struct str link = STR("</2>; rel=next, </9>; rel=\"last end\"");

    (void)state;
    assert_str(link_find(&link, 1, STR("last"), PAGE), "/9");
    assert_str(link_find(&link, 1, STR("END"), PAGE), "/9");
    assert_null(link_find(&link, 1, STR("first"), PAGE).p);
}

/* Fields as large as no client lets through end soon all the same. */
static void long_fields_take_no_time(void **state)
{
    static const char *const parts[] = {
        "<", "\"", ",", ";", "\\", "<>;\"", "</a>;anchor=x;rel=next,"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        AUTO(buf_done) struct buf b = BUF_INIT;

        while (b.len < 300000)
            buf_puts(&b, parts[i]);
        struct str field = buf_view(&b);
        assert_null(link_find(&field, 1, STR("next"), PAGE).p);
    }
}

int main(void)
{
    return RUN_TESTS(cases_in_files, any_relation_can_be_asked_for, long_fields_take_no_time);
}
