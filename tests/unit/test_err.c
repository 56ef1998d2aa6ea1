#include "unit.h"

#include "base/err.h"

static void test_every_row_is_whole(void **state)
{
    (void)state;
    for (int e = E_OK; e < ERR_COUNT; e++) {
        const struct err_row *row = err_row((enum err)e);
        size_t n = strlen(row->text);

        assert_true(strncmp(row->name, "E_", 2) == 0);
        assert_true(n > 0 && row->text[n - 1] != '.');
        assert_true(row->http_status >= 200 && row->http_status < 600);
        assert_true(row->channel_code == 0 ||
                    (row->channel_code >= 40000 && row->channel_code < 80000));
        assert_true(e == E_OK || row->http_status >= 400);
    }
}

static void test_first_failure_wins(void **state)
{
    (void)state;
    struct errinfo ei = ERRINFO_INIT;

    assert_int_equal(err_set(&ei, E_LIMIT, "over %d", 5), E_LIMIT);
    assert_int_equal(err_set(&ei, E_IO, "later"), E_IO);
    assert_int_equal(ei.err, E_LIMIT);
    assert_string_equal(err_text(&ei, E_LIMIT), "over 5");
    err_clear(&ei);
    assert_int_equal(err_set(&ei, E_IO, "again"), E_IO);
    assert_string_equal(ei.text, "again");
}

static void test_no_info_is_fine(void **state)
{
    (void)state;
    assert_int_equal(err_set(NULL, E_IO, "x"), E_IO);
    assert_int_equal(err_prefix(NULL, E_IO, "x"), E_IO);
    assert_string_equal(err_text(NULL, E_NOT_FOUND), "not found");
    err_clear(NULL);
}

static void test_prefix(void **state)
{
    (void)state;
    struct errinfo ei = ERRINFO_INIT;

    assert_int_equal(err_prefix(&ei, E_NOT_FOUND, "topic %d", 1), E_NOT_FOUND);
    assert_string_equal(ei.text, "topic 1: not found");
    assert_int_equal(err_prefix(&ei, E_NOT_FOUND, "line 2"), E_NOT_FOUND);
    assert_string_equal(ei.text, "line 2: topic 1: not found");
}

static void test_long_texts_are_cut(void **state)
{
    (void)state;
    struct errinfo ei = ERRINFO_INIT;

    err_set(&ei, E_IO, "%0*d", ERRINFO_TEXT * 2, 1);
    assert_int_equal(strlen(ei.text), ERRINFO_TEXT - 1);
    err_prefix(&ei, E_IO, "head");
    assert_int_equal(strlen(ei.text), ERRINFO_TEXT - 1);
    assert_true(strncmp(ei.text, "head: 000", 9) == 0);
    err_prefix(&ei, E_IO, "%0*d", ERRINFO_TEXT * 2, 1);
    assert_int_equal(strlen(ei.text), ERRINFO_TEXT - 1);
}

int main(void)
{
    return RUN_TESTS(test_every_row_is_whole, test_first_failure_wins, test_no_info_is_fine,
                     test_prefix, test_long_texts_are_cut);
}
