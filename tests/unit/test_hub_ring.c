/*
 * The ring against a model that keeps everything.
 */
#include "unit.h"

#include "core/hub_ring.h"
#include "core/limits.h"

#define TOPIC_ID "11111111-1111-4111-8111-111111111111"
#define MODEL_MAX 3000

static struct event *make(uint64_t seq, size_t bytes)
{
    struct blob *body = blob_alloc(bytes);

    memset(body->p, 'x', bytes);
    struct event *e = event_new(TOPIC_ID, EVENT_PATCH, seq, 0, body);
    blob_unref(body);
    return e;
}

static struct event *const no_sides[HUB_SIDES];

static void push(struct hub_ring *r, uint64_t seq, size_t bytes)
{
    struct event *e = seq ? make(seq, bytes) : event_new_error(70000, STR("x"), 0, 0);

    hub_ring_push(r, e, no_sides);
    event_unref(e);
}

static void test_no_memory_before_the_first_event(void **state)
{
    (void)state;
    struct hub_ring r = {0};
    uint64_t at;

    hub_ring_clear(&r, 5);
    assert_null(r.slots);
    assert_true(hub_ring_find(&r, 5, &at));
    assert_int_equal(at, r.next);
    assert_false(hub_ring_find(&r, 4, &at));
    assert_false(hub_ring_find(&r, 6, &at));
    push(&r, 6, 10);
    assert_int_equal(r.cap, 8);
    hub_ring_clear(&r, 0);
    assert_null(r.slots);
}

static void test_clear_lets_every_cursor_fall_out(void **state)
{
    (void)state;
    struct hub_ring r = {0};

    push(&r, 1, 10);
    uint64_t at_head = r.next;
    hub_ring_clear(&r, 7);
    assert_true(at_head < r.first);
}

static void test_bounded_by_count(void **state)
{
    (void)state;
    struct hub_ring r = {0};

    for (uint64_t seq = 1; seq <= 1000; seq++)
        push(&r, seq, 10);
    assert_int_equal(r.next - r.first, LIMIT_RING_EVENTS);
    assert_int_equal(r.cap, LIMIT_RING_EVENTS);
    assert_int_equal(r.base_seq, 1000 - LIMIT_RING_EVENTS);
    hub_ring_clear(&r, 0);
}

static void test_bounded_by_bytes_but_never_empty(void **state)
{
    (void)state;
    struct hub_ring r = {0};

    for (uint64_t seq = 1; seq <= 10; seq++)
        push(&r, seq, LIMIT_RING_BYTES / 4);
    assert_true(r.bytes <= LIMIT_RING_BYTES);
    assert_int_equal(r.next - r.first, 3);
    push(&r, 11, 2 * LIMIT_RING_BYTES);
    assert_int_equal(r.next - r.first, 1);
    assert_int_equal(r.base_seq, 10);
    push(&r, 12, 10);
    assert_int_equal(r.next - r.first, 1);
    assert_int_equal(hub_ring_at(&r, r.first)->event->seq, 12);
    hub_ring_clear(&r, 0);
    assert_int_equal(r.bytes, 0);
}

static void test_sides_have_bounds_of_their_own(void **state)
{
    (void)state;
    struct hub_ring r = {0};
    struct event *large = make(1, LIMIT_RING_BYTES / 2), *small = make(1, 10);

    for (int side = 0; side < HUB_SIDES; side++) {
        struct event *sides[HUB_SIDES];
        for (int i = 0; i < HUB_SIDES; i++)
            sides[i] = i == side ? large : small;
        for (uint64_t seq = 1; seq <= 20; seq++) {
            struct event *e = make(seq, 10);
            hub_ring_push(&r, e, sides);
            event_unref(e);
            assert_true(r.sides[side].bytes <= LIMIT_RING_BYTES);
            assert_ptr_equal(hub_ring_at(&r, r.next - 1)->sides[side], large);
        }
        assert_int_equal(r.next - r.first, 20);
        for (int i = 0; i < HUB_SIDES; i++)
            assert_int_equal(hub_ring_at(&r, r.first)->sides[i] == NULL, i == side);
        hub_ring_clear(&r, 0);
        for (int i = 0; i < HUB_SIDES; i++)
            assert_int_equal(r.sides[i].bytes, 0);
    }
    event_unref(large);
    event_unref(small);
}

/* An event that is its own whole costs no more. */
static void test_snapshot_is_its_own_whole(void **state)
{
    (void)state;
    struct hub_ring r = {0};

    for (uint64_t seq = 1; seq <= 3; seq++) {
        struct event *e = make(seq, LIMIT_RING_BYTES / 4);
        hub_ring_push(&r, e, (struct event *[HUB_SIDES]){e, e});
        event_unref(e);
    }
    assert_int_equal(r.sides[HUB_WHOLE].bytes, 0);
    for (uint64_t at = r.first; at < r.next; at++)
        assert_ptr_equal(hub_ring_at(&r, at)->sides[HUB_WHOLE], hub_ring_at(&r, at)->event);
    hub_ring_clear(&r, 0);
}

/* What the model says follows seq: an ordinal, or UINT64_MAX if the ring does not reach back. */
static uint64_t model_after(const uint64_t *seqs, size_t count, const struct hub_ring *r,
                            uint64_t seq, bool *ret_point)
{
    uint64_t base = 0, at = 0;

    *ret_point = seq == 0;
    for (size_t i = 0; i < count; i++) {
        if (seqs[i] && i < r->first)
            base = seqs[i];
        if (seqs[i] && seqs[i] <= seq)
            at = i + 1;
        if (seqs[i] == seq)
            *ret_point = true;
    }
    return seq < base ? UINT64_MAX : MAX(at, r->first);
}

static void compare(const uint64_t *seqs, size_t count, const struct hub_ring *r, uint64_t seq)
{
    bool point;
    uint64_t at = 4711, found = 4711;
    uint64_t wanted = model_after(seqs, count, r, seq, &point);

    assert_int_equal(hub_ring_after(r, seq, &at), wanted != UINT64_MAX);
    if (wanted != UINT64_MAX)
        assert_int_equal(at, wanted);
    bool finds = hub_ring_find(r, seq, &found);
    assert_int_equal(finds, wanted != UINT64_MAX && point);
    if (finds)
        assert_int_equal(found, wanted);
}

/* Random events, gaps, errors and sizes; after each, every place around the ring's ends and some
 * between are looked up. */
static void test_like_the_model(void **state)
{
    (void)state;
    static uint64_t seqs[MODEL_MAX];
    struct hub_ring r = {0};
    uint64_t seq = 0;

    rand_seed(4711);
    for (size_t count = 0; count < MODEL_MAX; count++) {
        uint64_t dice = rand_u64() % 100;
        bool error = dice < 10;
        if (!error)
            seq += dice < 90 ? 1 : 1 + rand_u64() % 1000000;
        seqs[count] = error ? 0 : seq;
        push(&r, seqs[count], rand_u64() % 50 ? 100 : (size_t)(rand_u64() % LIMIT_RING_BYTES));
        for (int i = -1; i <= 1; i++) {
            compare(seqs, count + 1, &r, seq + (uint64_t)i);
            compare(seqs, count + 1, &r, r.base_seq + (uint64_t)(r.base_seq ? i : 0));
        }
        compare(seqs, count + 1, &r, seqs[rand_u64() % (count + 1)]);
        compare(seqs, count + 1, &r, rand_u64() % (seq + 2));
    }
    hub_ring_clear(&r, 0);
}

int main(void)
{
    return RUN_TESTS(test_no_memory_before_the_first_event, test_clear_lets_every_cursor_fall_out,
                     test_bounded_by_count, test_bounded_by_bytes_but_never_empty,
                     test_sides_have_bounds_of_their_own, test_snapshot_is_its_own_whole,
                     test_like_the_model);
}
