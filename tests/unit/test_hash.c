#include "unit.h"

#include "base/hash.h"
#include "base/rand.h"

/* The published values of XXH3 for no input. */
static void test_known_values(void **state)
{
    (void)state;
    struct hash128 none = hash_bytes("", 0);

    assert_true(hash64("", 0) == UINT64_C(0x2d06800538d394c2));
    assert_true(none.hi == UINT64_C(0x99aa06d3014798d8) && none.lo == UINT64_C(0x6001c324468d497f));
    assert_true(hash_eq(hash_bytes(NULL, 0), none));
}

static void test_seed_matters(void **state)
{
    (void)state;
    assert_true(hash64_seed("abc", 3, 0) == hash64("abc", 3));
    assert_true(hash64_seed("abc", 3, 1) != hash64("abc", 3));
}

static void test_stream_equals_whole(void **state)
{
    (void)state;
    static char text[5000];
    struct hash_stream *s = hash_stream_new();

    rand_seed(4);
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)rand_u64();
    for (int round = 0; round < 200; round++) {
        size_t n = rand_u64() % sizeof text;

        hash_stream_reset(s);
        for (size_t at = 0, step; at < n; at += step) {
            step = rand_u64() % 700;
            step = MIN(step, n - at);
            hash_stream_update(s, text + at, step);
        }
        assert_true(hash_eq(hash_stream_value(s), hash_bytes(text, n)));
    }
    hash_stream_reset(s);
    hash_stream_update(s, NULL, 0);
    assert_true(hash_eq(hash_stream_value(s), hash_bytes("", 0)));
    hash_stream_free(s);
    hash_stream_free(NULL);
}

static void test_one_bit_changes_it(void **state)
{
    (void)state;
    char text[300] = {0};
    struct hash128 was = hash_bytes(text, sizeof text);

    for (size_t i = 0; i < sizeof text; i++) {
        text[i] = 1;
        assert_false(hash_eq(hash_bytes(text, sizeof text), was));
        text[i] = 0;
    }
}

int main(void)
{
    return RUN_TESTS(test_known_values, test_seed_matters, test_stream_equals_whole,
                     test_one_bit_changes_it);
}
