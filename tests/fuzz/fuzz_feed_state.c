/*
 * Any bytes as what is durable of a feed's consumer: they are refused, or they say the same when they
 * are encoded again, whatever is discarded and forgotten then.
 */
#include "core/feed_state.h"
#include "core/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_same(const struct feed_state *a, const struct feed_state *b)
{
    CHECK(a->at == b->at && a->batch == b->batch && a->open == b->open);
    CHECK(a->completed == b->completed && a->batch_after == b->batch_after);
    CHECK(a->batch_count == b->batch_count && a->batch_wall == b->batch_wall);
    CHECK(a->dropped == b->dropped && a->dropped_from == b->dropped_from);
    CHECK(a->dropped_to == b->dropped_to && a->polled_wall == b->polled_wall);
    CHECK(str_eq(blob_view(a->body), blob_view(b->body)) && !a->body == !b->body);
    CHECK(str_eq(blob_view(a->filter), blob_view(b->filter)) && !a->filter == !b->filter);
    CHECK(a->discard_count == b->discard_count);
    for (size_t i = 0; i < a->discard_count; i++)
        CHECK(memcmp(&a->discards[i], &b->discards[i], sizeof a->discards[i]) == 0);
}

static void check_again(const struct feed_state *s)
{
    AUTO(feed_state_done) struct feed_state copy = feed_state_copy(s);
    AUTO(feed_state_done) struct feed_state again = {.at = 0};
    AUTO(blob_unrefp) struct blob *text = feed_state_encode(&copy);
    AUTO(blob_unrefp) struct blob *twice = NULL;

    CHECK(feed_state_decode(blob_view(text), &again));
    check_same(s, &again);
    twice = feed_state_encode(&again);
    CHECK(str_eq(blob_view(text), blob_view(twice)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(feed_state_done) struct feed_state s = {.at = 0};

    if (!feed_state_decode(str_make((const char *)data, size), &s))
        return 0;
    /* What is open can be given and completed, and a filter has types. */
    CHECK(!s.open || (s.batch && s.body->len > 0));
    CHECK(s.open || !s.body);
    CHECK(!s.filter || (s.filter->len > 0 && s.filter->p[s.filter->len - 1] == '\0'));
    CHECK(s.discard_count <= LIMIT_FEED_DISCARDS);
    check_again(&s);
    feed_state_discard(&s, s.at / 2 + size, (int64_t)size);
    CHECK(!s.open && !s.body && s.discard_count <= LIMIT_FEED_DISCARDS);
    check_again(&s);
    (void)feed_state_expire(&s, (int64_t)(s.polled_wall / 2));
    check_again(&s);
    return 0;
}
