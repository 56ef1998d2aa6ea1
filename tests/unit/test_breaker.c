#include "unit.h"

#include "base/count.h"
#include "core/breaker.h"

#define GAP 1000

static enum breaker_pass enter(struct breaker *b, int64_t now)
{
    int64_t wait;

    return breaker_enter(b, now, &wait);
}

/* A request that ends so, which may be made. */
static void request(struct breaker *b, enum breaker_end end, int64_t now)
{
    enum breaker_pass pass = enter(b, now);

    assert_int_not_equal(pass, BREAKER_REFUSED);
    breaker_leave(b, pass, end, now);
}

static struct breaker *opened(struct breakers *bs, int64_t now)
{
    struct breaker *b = breaker_get(bs, STR("http://a:1"));

    for (int i = 0; i < BREAKER_FAILURES; i++)
        request(b, BREAKER_SILENT, now);
    return b;
}

static void failures_in_a_row_open_it(void **state)
{
    struct breakers *bs = breakers_new(GAP);
    struct breaker *b = breaker_get(bs, STR("http://a:1"));
    struct breaker *other = breaker_get(bs, STR("http://a:2"));

    (void)state;
    assert_ptr_equal(breaker_get(bs, STR("http://a:1")), b);
    assert_ptr_not_equal(other, b);
    for (int round = 0; round < 3; round++) {
        for (int i = 1; i < BREAKER_FAILURES; i++)
            request(b, BREAKER_SILENT, 0);
        request(b, BREAKER_UNKNOWN, 0);
        request(b, BREAKER_ANSWERED, 0);
    }
    assert_int_equal(count_read(COUNT_breakers_open), 0);
    for (int i = 0; i < BREAKER_FAILURES; i++)
        request(b, BREAKER_SILENT, 0);
    assert_int_equal(count_read(COUNT_breakers_open), 1);
    assert_int_equal(enter(b, 0), BREAKER_REFUSED);
    assert_int_equal(enter(other, 0), BREAKER_CLOSED);
    breaker_put(other);
    breaker_put(b);
    assert_int_equal(enter(b, 0), BREAKER_REFUSED);
    breaker_put(b);
    assert_int_equal(count_read(COUNT_breakers_open), 0);
    breakers_free(bs);
}

static void one_probe_at_a_time(void **state)
{
    struct breakers *bs = breakers_new(GAP);
    struct breaker *b = opened(bs, 100);
    int64_t refused = count_read(COUNT_breaker_refusals);
    int64_t wait = -1;

    (void)state;
    assert_int_equal(breaker_enter(b, 100 + GAP - 1, &wait), BREAKER_REFUSED);
    assert_int_equal(wait, 1);
    assert_int_equal(breaker_enter(b, 100 + GAP, &wait), BREAKER_PROBE);
    assert_int_equal(breaker_enter(b, 100 + 5 * GAP, &wait), BREAKER_REFUSED);
    assert_int_equal(wait, 0);
    breaker_leave(b, BREAKER_PROBE, BREAKER_SILENT, 6000);
    assert_int_equal(enter(b, 6000 + GAP - 1), BREAKER_REFUSED);
    assert_int_equal(enter(b, 6000 + GAP), BREAKER_PROBE);
    /* It was not asked after all: the next may try at once. */
    breaker_leave(b, BREAKER_PROBE, BREAKER_UNKNOWN, 6000 + GAP);
    assert_int_equal(enter(b, 6000 + GAP), BREAKER_PROBE);
    breaker_leave(b, BREAKER_PROBE, BREAKER_ANSWERED, 8000);
    assert_int_equal(enter(b, 8000), BREAKER_CLOSED);
    assert_int_equal(enter(b, 8000), BREAKER_CLOSED);
    assert_int_equal(count_read(COUNT_breakers_open), 0);
    assert_int_equal(count_read(COUNT_breaker_refusals), refused + 3);
    breaker_put(b);
    breakers_free(bs);
}

/* Sent before it opened. */
static void late_ends(void **state)
{
    struct breakers *bs = breakers_new(GAP);
    struct breaker *b = breaker_get(bs, STR("http://a:1"));
    enum breaker_pass first = enter(b, 0), second = enter(b, 0);

    (void)state;
    breaker_put(opened(bs, 0));
    breaker_leave(b, first, BREAKER_SILENT, 500);
    assert_int_equal(enter(b, GAP), BREAKER_REFUSED);
    breaker_leave(b, second, BREAKER_ANSWERED, 600);
    assert_int_equal(enter(b, 600), BREAKER_CLOSED);
    /* It begins to count anew. */
    request(b, BREAKER_SILENT, 600);
    assert_int_equal(enter(b, 600), BREAKER_CLOSED);
    breaker_put(b);
    breakers_free(bs);
}

int main(void)
{
    return RUN_TESTS(failures_in_a_row_open_it, one_probe_at_a_time, late_ends);
}
