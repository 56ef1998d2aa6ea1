/*
 * What is durable of a feed's consumer as text, and the bytes of batches.
 */
#include "unit.h"

#include "core/feed_state.h"
#include "core/limits.h"

#define WALL INT64_C(1642925636840443)

static void test_state(void **state)
{
    AUTO(feed_state_done)
    struct feed_state s = {.at = 9,
                           .batch = 1642925639481,
                           .open = true,
                           .batch_after = 4,
                           .batch_count = 5,
                           .batch_wall = WALL,
                           .body = blob_new("{\n}", 3),
                           .dropped = 1,
                           .dropped_from = 2,
                           .dropped_to = 3,
                           .polled_wall = 4};
    AUTO(feed_state_done) struct feed_state now = {0};
    (void)state;

    feed_state_discard(&s, 20, 1);
    feed_state_discard(&s, 20, 2); /* nothing was queued */
    assert_int_equal(s.discard_count, 1);
    assert_int_equal(s.discards[0].after, 4);
    assert_null(s.body);
    s.open = true;
    s.body = blob_new("{\n}", 3);
    AUTO(blob_unrefp) struct blob *text = feed_state_encode(&s);
    assert_true(feed_state_decode(blob_view(text), &now));
    assert_int_equal(now.at, 20);
    assert_int_equal(now.batch, s.batch);
    assert_int_equal(now.discard_count, 1);
    assert_int_equal(now.discards[0].up_to, 20);
    assert_int_equal(now.batch_wall, WALL);
    assert_true(str_eqz(blob_view(now.body), "{\n}"));
    /* Cut anywhere in its numbers it is none. */
    for (size_t n = 0; n + 4 < text->len; n++)
        assert_false(feed_state_decode(str_make(text->p, n), &now));
    assert_true(feed_state_expire(&now, 2));
    assert_false(feed_state_expire(&now, 2));
    for (uint64_t i = 0; i < 300; i++)
        feed_state_discard(&now, 21 + i, 3);
    assert_int_equal(now.discard_count, 100);
    assert_int_equal(now.discards[99].up_to, 320);
}

static void test_filter(void **state)
{
    static const char types[] = "orders:*\0prices:changed"; /* the last NUL is the literal's */
    AUTO(feed_state_done)
    struct feed_state s = {.at = 9, .filter = blob_new(types, sizeof types)};
    AUTO(feed_state_done) struct feed_state now = {0};
    AUTO(feed_state_done) struct feed_state other = {0};
    (void)state;

    feed_state_discard(&s, 20, 1);
    for (int open = 0; open < 2; open++) {
        if (open) {
            s.open = true;
            s.batch = 7;
            s.body = blob_new("{\n}", 3);
        }
        AUTO(blob_unrefp) struct blob *text = feed_state_encode(&s);
        feed_state_done(&now);
        assert_true(feed_state_decode(blob_view(text), &now));
        assert_int_equal(now.filter->len, sizeof types);
        assert_memory_equal(now.filter->p, types, sizeof types);
        assert_int_equal(now.discards[0].up_to, 20);
        assert_int_equal(now.body != NULL, open);
        for (size_t n = 0; n + (open ? 3 : 1) < text->len; n++)
            assert_false(feed_state_decode(str_make(text->p, n), &other));
    }
    /* What an earlier version wrote has none. */
    assert_true(feed_state_decode(STR("1 9 0 0 0 0 0 0 0 0 0 0 0\n"), &other));
    assert_null(other.filter);
    assert_int_equal(other.at, 9);
}

static void test_damaged_states(void **state)
{
    static const char *const texts[] = {
        "",
        "1 9 0 0 0 0 0 0 0 0 0 0 0",        /* no end of the line */
        "1 9 0 0 0 0 0 0 0 0 0 0 0\nrest",  /* a batch that is not open */
        "1 9 7 1 0 0 0 0 0 0 0 0 0\n",      /* an open one without bytes */
        "1 9 0 1 0 0 0 0 0 0 0 0 0\n{}",    /* or without an id */
        "1 9 0 2 0 0 0 0 0 0 0 0 0\n{}",    /* neither open nor not */
        "1 9 0 0 0 0 0 0 0 0 0 0 1\n",      /* a discard that is missing */
        "1 9 0 0 0 0 0 0 0 0 0 0 101\n",    /* too many */
        "1 9 0 0 0 0 0 0 0 0 0 0\n",        /* a number too few */
        "1 9 0 0 0 0 0 0 0 0 0 0 0 0\n",    /* one too many */
        "1 -9 0 0 0 0 0 0 0 0 0 0 0\n",     /* one that is none */
        "3 9 0 0 0 0 0 0 0 0 0 0 0\n",      /* of a later version */
        "2 9 0 0 0 0 0 0 0 0 0 0 0 0\n",    /* a filter of nothing */
        "2 9 0 0 0 0 0 0 0 0 0 0 0 5\na:b", /* cut */
        "2 9 0 0 0 0 0 0 0 0 0 0 0 3\na:b", /* without its end */
    };
    struct feed_state s = {.at = 77};
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        assert_false(feed_state_decode(str_of(texts[i]), &s));
    assert_int_equal(s.at, 77);
}

/* ---- batches ---- */

static struct store_noted noted(uint64_t num, size_t size)
{
    AUTO(buf_done) struct buf body = BUF_INIT;

    buf_printf(&body, "%llu 0 %llu\n\"", (unsigned long long)num, (unsigned long long)num);
    for (size_t i = 0; i < size; i++)
        buf_putc(&body, 'x');
    buf_putc(&body, '"');
    return (struct store_noted){.num = num,
                                .time_wall = WALL,
                                .label = blob_new("id\ntopic\nevent", 14),
                                .body = blob_of_buf(&body)};
}

/* Makes a batch of them; returns how many notifications it has. */
static size_t make(struct store_noted *notes, size_t count, bool behind, bool *ret_more,
                   size_t *ret_bytes)
{
    AUTO(feed_conf_unrefp) struct feed_conf *conf = feed_conf_default();
    const struct feed_state s = {
        .batch = 7, .dropped = 3, .dropped_from = WALL, .dropped_to = WALL + 1};
    AUTO(jdoc_freep) struct jdoc *doc = NULL;
    size_t taken = count;

    *ret_more = behind;
    AUTO(blob_unrefp)
    struct blob *bytes = feed_batch_make(conf, &s, notes, &taken, ret_more);
    assert_int_equal(jdoc_parse(blob_view(bytes), NULL, &doc, NULL), E_OK);
    assert_str(jv_str(jv_getz(jdoc_root(doc), "batchId")), "7");
    assert_int_equal(jv_count(jv_getz(jdoc_root(doc), "notifications")), taken);
    assert_int_equal(jv_bool(jv_getz(jdoc_root(doc), "moreAvailable")), *ret_more);
    assert_int_equal(jv_count(jv_getz(jdoc_root(doc), "gap")), 3);
    *ret_bytes = bytes->len;
    for (size_t i = 0; i < count; i++) {
        blob_unref(notes[i].label);
        blob_unref(notes[i].body);
    }
    return taken;
}

static void test_batches_are_cut(void **state)
{
    bool more;
    size_t bytes;
    (void)state;

    struct store_noted small[3] = {noted(1, 10), noted(2, 10), noted(3, 10)};
    assert_int_equal(make(small, 3, false, &more, &bytes), 3);
    assert_false(more);
    struct store_noted some[5];
    for (size_t i = 0; i < 5; i++)
        some[i] = noted(i + 1, LIMIT_FEED_BATCH_BYTES / 4);
    assert_int_equal(make(some, 5, false, &more, &bytes), 3);
    assert_true(more);
    assert_in_range(bytes, LIMIT_FEED_BATCH_BYTES / 4 * 3, LIMIT_FEED_BATCH_BYTES);
    /* The envelopes count: bodies that fit exactly do not. */
    struct store_noted tight[2] = {noted(1, 10), noted(2, LIMIT_FEED_BATCH_BYTES - 10)};
    assert_int_equal(make(tight, 2, false, &more, &bytes), 1);
    assert_true(more);
    /* One that is larger is given alone. */
    struct store_noted large[2] = {noted(1, LIMIT_FEED_BATCH_BYTES * 2), noted(2, 10)};
    assert_int_equal(make(large, 2, true, &more, &bytes), 1);
    assert_true(more);
    assert_true(bytes > LIMIT_FEED_BATCH_BYTES * 2);
    struct store_noted last = noted(1, LIMIT_FEED_BATCH_BYTES * 2);
    assert_int_equal(make(&last, 1, false, &more, &bytes), 1);
    assert_false(more);
}

int main(void)
{
    return RUN_TESTS(test_state, test_filter, test_damaged_states, test_batches_are_cut);
}
