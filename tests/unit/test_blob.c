#include "unit.h"

#include <pthread.h>

#include "base/blob.h"

static void test_copy(void **state)
{
    (void)state;
    char text[] = "abc";
    struct blob *b = blob_new(text, 3);

    text[0] = 'x';
    assert_str(blob_view(b), "abc");
    assert_int_equal(b->p[3], 0);
    blob_unrefp(&b);
    assert_null(b);
    blob_unref(NULL);
    assert_null(blob_view(NULL).p);
}

static void test_empty_and_of_buf(void **state)
{
    (void)state;
    AUTO(buf_done) struct buf buf = BUF_INIT;
    struct blob *none = blob_of_buf(&buf);

    assert_int_equal(none->len, 0);
    assert_int_equal(none->p[0], 0);
    buf_puts(&buf, "text");

    struct blob *b = blob_of_buf(&buf);

    buf_clear(&buf);
    buf_puts(&buf, "else");
    assert_str(blob_view(b), "text");
    blob_unref(b);
    blob_unref(none);
}

/* Of a few bytes as of many, of a buffer that is full as of one with much room. */
static void test_take_buf(void **state)
{
    (void)state;
    for (size_t n = 1; n <= 100000; n *= 10)
        for (size_t room = 0; room <= 200000; room += 100000) {
            AUTO(buf_done) struct buf buf = BUF_INIT;
            assert_int_equal(buf_reserve(&buf, n + room), E_OK);
            for (size_t i = 0; i < n; i++)
                buf_putc(&buf, (char)('a' + i % 26));
            struct blob *b = blob_take_buf(&buf);
            assert_null(buf.p);
            assert_int_equal(b->len, n);
            for (size_t i = 0; i < n; i++)
                assert_int_equal(b->p[i], 'a' + i % 26);
            assert_int_equal(b->p[n], 0);
            buf_puts(&buf, "used again");
            blob_unref(b);
        }
}

static void *hold_and_drop(void *arg)
{
    for (int i = 0; i < 10000; i++)
        blob_unref(blob_ref(arg));
    blob_unref(arg);
    return NULL;
}

static void test_threads_share(void **state)
{
    (void)state;
    pthread_t threads[4];
    struct blob *b = blob_new("shared", 6);

    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hold_and_drop, blob_ref(b)), 0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&b->refs), 1);
    assert_str(blob_view(b), "shared");
    blob_unref(b);
}

int main(void)
{
    return RUN_TESTS(test_copy, test_empty_and_of_buf, test_take_buf, test_threads_share);
}
