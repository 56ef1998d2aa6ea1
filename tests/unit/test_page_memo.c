#include "unit.h"

#include "core/page_memo.h"

static struct hash128 exchange(const char *text)
{
    return hash_bytes(text, strlen(text));
}

static void a_page_that_comes_again_leads_to_the_same_place(void **state)
{
    struct page_memo m = PAGE_MEMO_INIT;

    (void)state;
    assert_null(page_memo_find(&m, 1, exchange("a")).p);
    page_memo_put(&m, 1, exchange("a"), STR("http://h/2"));
    page_memo_put(&m, 2, exchange("b"), STR(""));
    assert_str(page_memo_find(&m, 1, exchange("a")), "http://h/2");
    struct str last = page_memo_find(&m, 2, exchange("b"));
    assert_non_null(last.p);
    assert_int_equal(last.n, 0);
    /* Another answer, another page. */
    assert_null(page_memo_find(&m, 1, exchange("b")).p);
    assert_null(page_memo_find(&m, 2, exchange("a")).p);
    assert_null(page_memo_find(&m, 3, exchange("b")).p);
    page_memo_put(&m, 1, exchange("c"), STR(""));
    assert_null(page_memo_find(&m, 1, exchange("a")).p);
    assert_int_equal(page_memo_find(&m, 1, exchange("c")).n, 0);
    page_memo_done(&m);
    assert_null(page_memo_find(&m, 1, exchange("c")).p);
}

static void pages_may_be_left_out(void **state)
{
    struct page_memo m = PAGE_MEMO_INIT;

    (void)state;
    page_memo_put(&m, 5, exchange("e"), STR("http://h/6"));
    assert_str(page_memo_find(&m, 5, exchange("e")), "http://h/6");
    for (size_t n = 1; n < 5; n++)
        assert_null(page_memo_find(&m, n, (struct hash128){0}).p);
    page_memo_done(&m);
}

static void there_is_an_end_to_what_is_kept(void **state)
{
    struct page_memo m = PAGE_MEMO_INIT;
    char url[2000];

    (void)state;
    page_memo_put(&m, 256, exchange("a"), STR("http://h/"));
    page_memo_put(&m, 257, exchange("a"), STR("http://h/"));
    page_memo_put(&m, 100000, exchange("a"), STR("http://h/"));
    assert_non_null(page_memo_find(&m, 256, exchange("a")).p);
    assert_null(page_memo_find(&m, 257, exchange("a")).p);
    assert_null(page_memo_find(&m, 100000, exchange("a")).p);
    memset(url, 'x', sizeof url);
    page_memo_put(&m, 1, exchange("a"), str_make(url, 1024));
    assert_int_equal(page_memo_find(&m, 1, exchange("a")).n, 1024);
    page_memo_put(&m, 1, exchange("a"), str_make(url, 1025));
    assert_null(page_memo_find(&m, 1, exchange("a")).p);
    page_memo_done(&m);
}

int main(void)
{
    return RUN_TESTS(a_page_that_comes_again_leads_to_the_same_place, pages_may_be_left_out,
                     there_is_an_end_to_what_is_kept);
}
