#include "unit.h"

#include "base/arena.h"

static void test_pieces_are_zero_aligned_and_apart(void **state)
{
    (void)state;
    AUTO(arena_done) struct arena a = ARENA_INIT;
    char *pieces[500];

    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
        size_t n = i * 7 % 300;

        pieces[i] = arena_alloc(&a, n);
        assert_int_equal((uintptr_t)pieces[i] % _Alignof(max_align_t), 0);
        for (size_t k = 0; k < n; k++)
            assert_int_equal(pieces[i][k], 0);
        memset(pieces[i], (int)i & 0x7f, n);
    }
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++)
        for (size_t k = 0; k < i * 7 % 300; k++)
            assert_int_equal(pieces[i][k], i & 0x7f);
}

static void test_large_pieces_leave_the_small_room_in_use(void **state)
{
    (void)state;
    AUTO(arena_done) struct arena a = ARENA_INIT;
    char *small = arena_alloc(&a, 16);
    char *large = arena_alloc(&a, 1 << 20);
    char *next = arena_alloc(&a, 16);

    memset(large, 1, 1 << 20);
    assert_ptr_equal(next, small + 16);
}

static void test_maximum(void **state)
{
    (void)state;
    AUTO(arena_done) struct arena a = ARENA_INIT;

    a.max = 64;
    assert_non_null(arena_try_alloc(&a, 48));
    assert_null(arena_try_alloc(&a, 17));
    assert_int_equal(a.used, 48);
    assert_non_null(arena_try_alloc(&a, 16));
    assert_null(arena_try_alloc(&a, 0));
    assert_null(arena_try_alloc(&a, SIZE_MAX));
    assert_null(arena_try_alloc(&a, SIZE_MAX - 8));
}

static void over_max(void *arg)
{
    struct arena a = ARENA_INIT;

    (void)arg;
    a.max = 8;
    arena_alloc(&a, 100);
}

static void test_over_the_maximum_panics(void **state)
{
    (void)state;
    assert_true(aborts(over_max, NULL));
}

static void test_reuse_after_done(void **state)
{
    (void)state;
    struct arena a = ARENA_INIT;

    a.max = 32;
    arena_alloc(&a, 32);
    arena_done(&a);
    assert_int_equal(a.used, 0);
    assert_non_null(arena_try_alloc(&a, 32));
    arena_done(&a);
    arena_done(&a);
    arena_done(NULL);
}

static void test_texts(void **state)
{
    (void)state;
    AUTO(arena_done) struct arena a = ARENA_INIT;

    assert_string_equal(arena_strdup(&a, STR("abc")), "abc");
    assert_string_equal(arena_strdup(&a, STR_NONE), "");
    assert_string_equal(arena_printf(&a, "%s/%d", "x", 12), "x/12");
    assert_int_equal(strlen(arena_printf(&a, "%09000d", 1)), 9000);
}

int main(void)
{
    return RUN_TESTS(test_pieces_are_zero_aligned_and_apart,
                     test_large_pieces_leave_the_small_room_in_use, test_maximum,
                     test_over_the_maximum_panics, test_reuse_after_done, test_texts);
}
