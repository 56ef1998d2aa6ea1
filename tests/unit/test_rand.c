#include "unit.h"

#include "base/rand.h"

static void test_seed_repeats(void **state)
{
    (void)state;
    uint64_t first[8];

    rand_seed(42);
    for (size_t i = 0; i < ARRAY_LEN(first); i++)
        first[i] = rand_u64();
    assert_true(first[0] != first[1]);
    rand_seed(42);
    for (size_t i = 0; i < ARRAY_LEN(first); i++)
        assert_true(rand_u64() == first[i]);
    rand_seed(43);
    assert_true(rand_u64() != first[0]);
}

static void test_unit_is_uniform(void **state)
{
    (void)state;
    size_t tenths[10] = {0};

    rand_seed(5);
    for (int i = 0; i < 100000; i++) {
        double v = rand_unit();

        assert_true(v >= 0 && v < 1);
        tenths[(size_t)(v * 10)]++;
    }
    for (size_t i = 0; i < 10; i++)
        assert_in_range(tenths[i], 9500, 10500);
}

static void test_uuid(void **state)
{
    (void)state;
    char a[UUID_LEN + 1], b[UUID_LEN + 1];

    for (int i = 0; i < 200; i++) {
        uuid_make(a);
        assert_int_equal(strlen(a), UUID_LEN);
        assert_true(uuid_is_valid(str_of(a)));
        assert_int_equal(a[14], '4');
        assert_non_null(strchr("89ab", a[19]));
        uuid_make(b);
        assert_string_not_equal(a, b);
    }
}

static void test_uuid_check(void **state)
{
    (void)state;
    assert_true(uuid_is_valid(STR("00000000-0000-0000-0000-000000000000")));
    assert_true(uuid_is_valid(STR("F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6")));
    assert_false(uuid_is_valid(STR("f81d4fae-7dec-11d0-a765-00a0c91e6bf")));
    assert_false(uuid_is_valid(STR("f81d4fae-7dec-11d0-a765-00a0c91e6bf66")));
    assert_false(uuid_is_valid(STR("f81d4fae07dec-11d0-a765-00a0c91e6bf6")));
    assert_false(uuid_is_valid(STR("g81d4fae-7dec-11d0-a765-00a0c91e6bf6")));
    assert_false(uuid_is_valid(STR("-81d4fae-7dec-11d0-a765-00a0c91e6bf6")));
    assert_false(uuid_is_valid(STR_NONE));
}

int main(void)
{
    return RUN_TESTS(test_seed_repeats, test_unit_is_uniform, test_uuid, test_uuid_check);
}
