#include "unit.h"

#include "core/page_guard.h"

static void a_page_seen_before_ends_the_cycle(void **state)
{
    AUTO(page_guard_done) struct page_guard g;
    struct errinfo ei = ERRINFO_INIT;

    (void)state;
    page_guard_init(&g, 1000);
    assert_int_equal(page_guard_enter(&g, STR("http://h/a?p=1"), &ei), E_OK);
    assert_int_equal(page_guard_enter(&g, STR("http://h/a?p=2"), &ei), E_OK);
    assert_int_equal(page_guard_enter(&g, STR("http://h/a?p=3"), &ei), E_OK);
    assert_int_equal(page_guard_count(&g), 3);
    assert_int_equal(page_guard_enter(&g, STR("http://h/a?p=2"), &ei), E_POLL_UNKNOWN);
    assert_string_equal(ei.text, "page 4 would be page 2 again (http://h/a): the next references "
                                 "go round in a circle; ended by the guard against pages seen "
                                 "before");
    assert_int_equal(page_guard_count(&g), 3);
    assert_int_equal(page_guard_enter(&g, STR("http://h/A?p=2"), NULL), E_OK);
}

static void too_many_pages_end_the_cycle(void **state)
{
    AUTO(page_guard_done) struct page_guard g;
    struct errinfo ei = ERRINFO_INIT;
    char url[64];

    (void)state;
    page_guard_init(&g, 500);
    for (int i = 0; i < 500; i++) {
        snprintf(url, sizeof url, "http://h/?p=%d", i);
        assert_int_equal(page_guard_enter(&g, str_of(url), &ei), E_OK);
    }
    assert_int_equal(page_guard_enter(&g, STR("http://h/?p=500"), &ei), E_POLL_UNKNOWN);
    assert_string_equal(ei.text, "there is a next page after 500 pages; ended by the guard "
                                 "pagination.maxPages");
    assert_int_equal(page_guard_count(&g), 500);
}

int main(void)
{
    return RUN_TESTS(a_page_seen_before_ends_the_cycle, too_many_pages_end_the_cycle);
}
