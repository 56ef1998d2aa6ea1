#include "unit.h"

#include "base/heap.h"
#include "base/rand.h"

#define NODES 400

static void check_order(const struct heap *h)
{
    for (size_t i = 0; i < h->count; i++) {
        const struct heap_slot *slot = &h->slots[i];

        assert_int_equal(slot->node->at, i + 1);
        assert_int_equal(slot->node->key, slot->key);
        if (i > 0)
            assert_true(h->slots[(i - 1) / 4].key <= slot->key);
    }
}

static void test_sorts(void **state)
{
    (void)state;
    struct heap_node n[NODES] = {0}; /* before the heap, whose end unlinks them */
    AUTO(heap_done) struct heap h = HEAP_INIT;
    int64_t last = INT64_MIN;

    assert_null(heap_min(&h));
    rand_seed(2);
    for (size_t i = 0; i < NODES; i++)
        heap_set(&h, &n[i], (int64_t)(rand_u64() % 100) - 50);
    check_order(&h);
    for (size_t i = 0; i < NODES; i++) {
        struct heap_node *min = heap_min(&h);

        assert_true(min->key >= last);
        last = min->key;
        heap_remove(&h, min);
        assert_int_equal(min->at, 0);
    }
    assert_null(heap_min(&h));
}

static int64_t least(const struct heap_node *n)
{
    int64_t min = INT64_MAX;

    for (size_t i = 0; i < NODES; i++)
        if (n[i].at && n[i].key < min)
            min = n[i].key;
    return min;
}

static void test_random_moves_and_removals(void **state)
{
    (void)state;
    struct heap_node n[NODES] = {0}; /* before the heap, whose end unlinks them */
    AUTO(heap_done) struct heap h = HEAP_INIT;

    rand_seed(3);
    for (int step = 0; step < 5000; step++) {
        struct heap_node *at = &n[rand_u64() % NODES];

        if (rand_u64() % 3)
            heap_set(&h, at, (int64_t)rand_u64());
        else
            heap_remove(&h, at);
        if (step % 50 == 0)
            check_order(&h);
        if (h.count)
            assert_true(heap_min(&h)->key == least(n));
    }
    check_order(&h);
}

static void test_extremes(void **state)
{
    (void)state;
    struct heap h = HEAP_INIT;
    struct heap_node a = {0}, b = {0};

    heap_remove(&h, &a);
    heap_set(&h, &a, INT64_MAX);
    heap_set(&h, &b, INT64_MIN);
    assert_ptr_equal(heap_min(&h), &b);
    heap_set(&h, &a, INT64_MIN);
    heap_set(&h, &b, INT64_MAX);
    assert_ptr_equal(heap_min(&h), &a);
    heap_done(&h);
    assert_int_equal(a.at, 0);
    heap_remove(&h, &a);
    heap_done(NULL);
}

int main(void)
{
    return RUN_TESTS(test_sorts, test_random_moves_and_removals, test_extremes);
}
