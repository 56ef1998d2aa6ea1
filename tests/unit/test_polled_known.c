#include "unit.h"

#include "core/limits.h"
#include "publisher/polled_known.h"

/* k becomes what is known when of this batch of notifications n = from … to only so many are
 * published. */
static void take_part(struct polled_known *k, const char *id, int from, int to, size_t count,
                      uint64_t seq)
{
    AUTO(buf_done) struct buf text = BUF_INIT;
    AUTO(jdoc_freep) struct jdoc *doc = NULL;
    struct polled_known next = {0};
    struct polled_batch b = {0};

    buf_printf(&text, "{\"batchId\":\"%s\",\"notifications\":[", id);
    for (int n = from; n <= to; n++)
        buf_printf(&text, "%s{\"id\":\"n%d\"}", n == from ? "" : ",", n);
    buf_puts(&text, "]}");
    assert_int_equal(jdoc_parse(buf_view(&text), NULL, &doc, NULL), E_OK);
    assert_int_equal(polled_batch_read(jdoc_root(doc), &b, NULL), E_OK);
    b.count = MIN(b.count, count);
    polled_known_next(k, &b, seq, &next);
    polled_known_done(k);
    *k = next;
}

static void take(struct polled_known *k, const char *id, int from, int to, uint64_t seq)
{
    take_part(k, id, from, to, SIZE_MAX, seq);
}

static bool has(const struct polled_known *k, int n)
{
    char id[16];

    snprintf(id, sizeof id, "n%d", n);
    return polled_known_has(k, str_of(id));
}

static bool has_all(const struct polled_known *k, int from, int to)
{
    for (int n = from; n <= to; n++) {
        if (!has(k, n))
            return false;
    }
    return true;
}

static void a_batch_and_some_before_it_are_known(void **state)
{
    struct polled_known k = {.feed = 7};

    (void)state;
    assert_false(has(&k, 1));
    take(&k, "a", 1, 10, 10);
    assert_true(has_all(&k, 1, 10));
    assert_false(has(&k, 11));
    assert_string_equal(k.batch, "a");
    assert_int_equal(k.seq, 10);
    assert_int_equal(k.feed, 7);
    assert_false(k.completed);
    for (int i = 1; i < 100; i++)
        take(&k, "b", 10 * i + 1, 10 * i + 10, 1);
    assert_int_equal(k.count, LIMIT_POLLED_IDS + 10);
    assert_true(has_all(&k, 1000 - LIMIT_POLLED_IDS - 9, 1000));
    assert_false(has(&k, 1000 - LIMIT_POLLED_IDS - 10));
    polled_known_done(&k);
    assert_false(has(&k, 1000));
    assert_int_equal(k.feed, 7);
}

static void the_ids_of_a_batch_are_all_kept(void **state)
{
    struct polled_known k = {0};

    (void)state;
    take(&k, "a", 1, LIMIT_POLLED_BATCH, 1);
    assert_true(has_all(&k, 1, LIMIT_POLLED_BATCH));
    take(&k, "b", LIMIT_POLLED_BATCH + 1, 2 * LIMIT_POLLED_BATCH, 1);
    assert_true(has_all(&k, LIMIT_POLLED_BATCH - LIMIT_POLLED_IDS + 1, 2 * LIMIT_POLLED_BATCH));
    assert_int_equal(k.count, LIMIT_POLLED_BATCH + LIMIT_POLLED_IDS);
    polled_known_done(&k);
}

/* What was published of the rest before stays known, too. */
static void of_a_batch_a_part_may_be_published(void **state)
{
    struct polled_known k = {0};

    (void)state;
    take(&k, "a", 7, 8, 1);
    take_part(&k, "a", 1, 10, 5, 1);
    assert_true(has_all(&k, 1, 5));
    assert_false(has(&k, 6));
    assert_true(has_all(&k, 7, 8));
    assert_false(has(&k, 9));
    take(&k, "a", 1, 10, 1);
    assert_int_equal(k.count, 10);
    polled_known_done(&k);
}

/* What comes again is not the oldest any more, and not there twice. */
static void an_id_that_comes_again_stays_longer(void **state)
{
    struct polled_known k = {0};

    (void)state;
    take(&k, "a", 1, 5, 1);
    take(&k, "b", 6, LIMIT_POLLED_IDS, 1);
    take(&k, "a", 1, 5, 1);
    assert_int_equal(k.count, LIMIT_POLLED_IDS);
    take(&k, "c", 1000, 1100, 1);
    assert_true(has_all(&k, 1, 5));
    assert_true(has(&k, 6));
    take(&k, "d", 2000, 2000 + LIMIT_POLLED_IDS - 110, 1);
    assert_true(has_all(&k, 1, 5));
    assert_false(has(&k, 6));
    polled_known_done(&k);
}

static void read_back(struct polled_known *k, struct str text)
{
    AUTO(jdoc_freep) struct jdoc *doc = NULL;

    assert_int_equal(jdoc_parse(text, NULL, &doc, NULL), E_OK);
    polled_known_read(k, jdoc_root(doc));
}

static void what_is_stored_is_read_for_the_same_feed(void **state)
{
    struct polled_known k = {.feed = UINT64_C(0xfedcba9876543210)}, same = {.feed = k.feed};
    struct polled_known other = {.feed = 1};
    AUTO(buf_done) struct buf text = BUF_INIT;

    (void)state;
    take(&k, "a \\\"b\\\"", 1, 3, UINT64_C(1) << 40);
    k.completed = true;
    polled_known_write(&k, &text);
    take(&other, "old", 7, 8, 1);
    read_back(&same, buf_view(&text));
    read_back(&other, buf_view(&text));
    assert_string_equal(same.batch, "a \"b\"");
    assert_int_equal(same.seq, UINT64_C(1) << 40);
    assert_true(same.completed);
    assert_int_equal(same.count, 3);
    assert_true(has_all(&same, 1, 3));
    assert_null(other.batch);
    assert_int_equal(other.count, 0);
    polled_known_done(&k);
    polled_known_done(&same);
}

static void nothing_known_is_stored_too(void **state)
{
    struct polled_known k = {.feed = 5}, again = {.feed = 5};
    AUTO(buf_done) struct buf text = BUF_INIT;

    (void)state;
    polled_known_write(&k, &text);
    assert_str(buf_view(&text), "{\"feed\":\"0000000000000005\"}");
    read_back(&again, buf_view(&text));
    assert_null(again.batch);
    /* What somebody else stored. */
    read_back(&again, STR("{\"feed\":\"0000000000000005\",\"batch\":\"x\",\"seq\":\"?\",\"ids\":[1,"
                          "null,\"\",\"n4\"]}"));
    assert_string_equal(again.batch, "x");
    assert_int_equal(again.count, 1);
    assert_true(has(&again, 4));
    read_back(&again, STR("[]"));
    assert_null(again.batch);
}

int main(void)
{
    return RUN_TESTS(a_batch_and_some_before_it_are_known, the_ids_of_a_batch_are_all_kept,
                     of_a_batch_a_part_may_be_published, an_id_that_comes_again_stays_longer,
                     what_is_stored_is_read_for_the_same_feed, nothing_known_is_stored_too);
}
