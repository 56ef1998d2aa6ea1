#include "unit.h"

#include "base/map.h"
#include "base/rand.h"

#define KEYS 300

static void test_empty(void **state)
{
    (void)state;
    struct map m = MAP_INIT;
    size_t at = 0;

    assert_null(map_get(&m, STR("a")));
    assert_null(map_remove(&m, STR("a")));
    assert_null(map_next(&m, &at));
    map_done(&m);
    map_done(NULL);
}

static void test_put_get_remove(void **state)
{
    (void)state;
    AUTO(map_done) struct map m = MAP_INIT;
    char key[] = "key";
    int a, b;

    assert_null(map_put(&m, str_of(key), &a));
    key[0] = 'x';
    assert_ptr_equal(map_get(&m, STR("key")), &a);
    assert_ptr_equal(map_put(&m, STR("key"), &b), &a);
    assert_int_equal(m.count, 1);
    assert_null(map_get(&m, STR("ke")));
    assert_null(map_get(&m, STR("key\0")));
    assert_ptr_equal(map_remove(&m, STR("key")), &b);
    assert_null(map_remove(&m, STR("key")));
    assert_int_equal(m.count, 0);
}

static void test_odd_keys(void **state)
{
    (void)state;
    AUTO(map_done) struct map m = MAP_INIT;
    int a, b, c;

    map_put(&m, STR_NONE, &a);
    map_put(&m, STR("\0"), &b);
    map_put(&m, STR("\0\0"), &c);
    assert_ptr_equal(map_get(&m, STR("")), &a);
    assert_ptr_equal(map_get(&m, STR("\0")), &b);
    assert_ptr_equal(map_get(&m, STR("\0\0")), &c);
}

static size_t walk(const struct map *m, size_t seen[KEYS], const size_t values[KEYS])
{
    size_t count = 0;
    void *v;

    for (size_t i = 0; (v = map_next(m, &i)) != NULL; count++)
        seen[(const size_t *)v - values]++;
    return count;
}

/* The map against a plain table, under random puts and removals. */
static void test_against_a_table(void **state)
{
    (void)state;
    AUTO(map_done) struct map m = MAP_INIT;
    size_t values[KEYS];
    void *model[KEYS] = {NULL};
    size_t count = 0;

    rand_seed(1);
    for (int step = 0; step < 40000; step++) {
        size_t k = rand_u64() % KEYS;
        /* phases in which it mostly grows and mostly shrinks */
        bool put = rand_u64() % 8 < (step / 5000 % 2 ? 2 : 6);
        void *value = &values[rand_u64() % KEYS];
        AUTO_FREE char *key = xasprintf("key-%zu", k);
        void *was = put ? map_put(&m, str_of(key), value) : map_remove(&m, str_of(key));

        assert_ptr_equal(was, model[k]);
        count = count + put - (was != NULL);
        model[k] = put ? value : NULL;
        assert_int_equal(m.count, count);
        assert_true(m.cap == 0 || m.count <= m.cap / 4 * 3);
    }
    for (size_t k = 0; k < KEYS; k++) {
        AUTO_FREE char *key = xasprintf("key-%zu", k);

        assert_ptr_equal(map_get(&m, str_of(key)), model[k]);
    }
}

static void test_walk_meets_each_once(void **state)
{
    (void)state;
    AUTO(map_done) struct map m = MAP_INIT;
    size_t values[KEYS], seen[KEYS] = {0};

    for (size_t k = 0; k < KEYS; k++) {
        AUTO_FREE char *key = xasprintf("%zu", k);

        map_put(&m, str_of(key), &values[k]);
    }
    assert_int_equal(walk(&m, seen, values), KEYS);
    for (size_t k = 0; k < KEYS; k++)
        assert_int_equal(seen[k], 1);
}

/* The key is where it was given; after a replacement, where the new one was. */
static void test_borrowed_keys(void **state)
{
    (void)state;
    AUTO(map_done) struct map m = MAP_INIT_BORROWING;
    char first[] = "key", second[] = "key";
    int a, b;

    assert_null(map_put(&m, str_of(first), &a));
    assert_ptr_equal(map_put(&m, str_of(second), &b), &a);
    first[0] = 'x';
    assert_ptr_equal(map_get(&m, STR("key")), &b);
    second[0] = 'x';
    assert_null(map_get(&m, STR("key")));
    second[0] = 'k';
    assert_ptr_equal(map_remove(&m, STR("key")), &b);
    map_put(&m, STR_NONE, &a);
    assert_ptr_equal(map_get(&m, STR("")), &a);
}

int main(void)
{
    return RUN_TESTS(test_empty, test_put_get_remove, test_odd_keys, test_against_a_table,
                     test_walk_meets_each_once, test_borrowed_keys);
}
