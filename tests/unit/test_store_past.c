/*
 * Documents of other days: what every store has to give of them, and when it says that it cannot. The
 * suite runs once for each row of `stores` (store_rig.c).
 */
#include "unit.h"

#include "store_rig.c"

static struct store_load load_at(struct rig *r, uint64_t num, uint64_t seq, int64_t wall,
                                 size_t max_patches)
{
    struct asked_load a = {
        .op = {.topic = num, .at_seq = seq, .at_wall = wall, .max_patches = max_patches}};

    start_load(r, &a);
    await(r, 1);
    return a.op;
}

/* base: NULL for that of this event. The patches end with the event itself. */
static void expect_then(struct rig *r, uint64_t num, uint64_t at, uint64_t seq, const char *base,
                        uint64_t base_seq)
{
    AUTO_LOAD ld = load_at(r, num, at, 0, 0);
    AUTO(blob_unrefp) struct blob *first = body_of(num, base_seq, 0);

    assert_ok(ld.op.err, &ld.op.info);
    assert_int_equal(ld.seq, seq);
    assert_true(str_eq(blob_view(ld.base), base ? str_of(base) : blob_view(first)));
    assert_int_equal(ld.patch_count, seq - base_seq);
    for (size_t i = 0; i < ld.patch_count; i++) {
        AUTO(blob_unrefp) struct blob *want = body_of(num, base_seq + 1 + i, 0);
        assert_true(str_eq(blob_view(ld.patches[i]), blob_view(want)));
    }
}

static void expect_no_then(struct rig *r, uint64_t num, uint64_t at, enum err err)
{
    AUTO_LOAD ld = load_at(r, num, at, 0, 0);

    assert_int_equal(ld.op.err, err);
    assert_null(ld.base);
    assert_int_equal(ld.patch_count, 0);
}

/* Events 1 … 200, whole ones at 70 and 140; a checkpoint after 160. */
static void commit_days(struct rig *r, uint64_t num)
{
    for (uint64_t i = 1; i <= 200; i++) {
        bool whole = i == 1 || i == 70 || i == 140;
        must_commit(r, (struct batch){.topic = num,
                                      .after = i - 1,
                                      .count = 1,
                                      .type = whole ? STORE_SNAPSHOT : STORE_PATCH,
                                      .time_wall = (int64_t)i * 1000,
                                      .checkpoint = i == 160 ? "[160]" : NULL});
    }
}

static void test_documents_of_other_days(void **state)
{
    (void)state;
    struct rig *r = rig_open(NULL);
    uint64_t num = topic(r, "a");

    expect_no_then(r, num, 1, E_NOT_FOUND);
    commit_days(r, num);
    for (int again = 0; again < 2; again++) {
        for (uint64_t at = 1; at <= 200; at++) {
            uint64_t base = at < 70 ? 1 : at < 140 ? 70 : at < 160 ? 140 : 160;
            expect_then(r, num, at, at, base == 160 ? "[160]" : NULL, base);
        }
        expect_then(r, num, 5000, 200, "[160]", 160);
        AUTO_LOAD ld = load_at(r, num, 150, 0, 0);
        assert_int_equal(ld.head, 200);
        assert_int_equal(ld.time_wall, 150 * 1000);
        rig_close_open(r);
    }
    rig_free(r);
}

static void test_documents_by_time(void **state)
{
    (void)state;
    struct rig *r = rig_open(NULL);
    uint64_t num = topic(r, "a");
    static const struct {
        int64_t wall;
        uint64_t seq; /* 0: none yet */
    } rows[] = {{999, 0},    {1000, 1},     {1999, 1},     {2000, 2},       {69999, 69},
                {70000, 70}, {199999, 199}, {200000, 200}, {INT64_MAX, 200}};

    commit_days(r, num);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO_LOAD ld = load_at(r, num, 0, rows[i].wall, 0);
        assert_int_equal(ld.op.err, rows[i].seq ? E_OK : E_NOT_FOUND);
        assert_int_equal(ld.seq, rows[i].seq);
    }
    rig_free(r);
}

static void test_documents_across_a_leap(void **state)
{
    (void)state;
    struct rig *r = rig_open(NULL);
    uint64_t num = topic(r, "a"), leapt = 2 + STORE_LEAP;

    must_commit(r, (struct batch){.topic = num, .count = 1, .type = STORE_SNAPSHOT});
    must_commit(r, (struct batch){.topic = num, .after = 1, .count = 1, .type = STORE_PATCH});
    rig_crash(r);
    expect_then(r, num, leapt, 2, NULL, 1);
    AUTO_LOAD ld = load_at(r, num, 3, 0, 0);
    assert_int_equal(ld.head, leapt);
    assert_int_equal(ld.seq, 2);
    must_commit(r,
                (struct batch){.topic = num, .after = leapt, .count = 1, .type = STORE_SNAPSHOT});
    expect_then(r, num, leapt, 2, NULL, 1);
    expect_then(r, num, leapt + 1, leapt + 1, NULL, leapt + 1);
    rig_free(r);
}

static void test_too_many_patches_in_between(void **state)
{
    (void)state;
    struct rig *r = rig_open(NULL);
    uint64_t num = topic(r, "a");

    commit_days(r, num);
    AUTO_LOAD just = load_at(r, num, 69, 0, 68);
    assert_int_equal(just.op.err, E_OK);
    assert_int_equal(just.patch_count, 68);
    AUTO_LOAD over = load_at(r, num, 69, 0, 67);
    assert_int_equal(over.op.err, E_GONE);
    assert_non_null(strstr(over.op.info.text, "over 67 changes"));
    rig_free(r);
}

/* What of other days is left when the journal was trimmed. */
static void test_documents_of_trimmed_days(void **state)
{
    (void)state;
    struct rig *r = rig_open(NULL);
    uint64_t num = topic(r, "a");

    commit_days(r, num);
    must_commit(r, (struct batch){.topic = num,
                                  .after = 200,
                                  .count = 1,
                                  .type = STORE_PATCH,
                                  .retention = {.max_events = 80}});
    expect_read(r, num, 0, false, 122, 201);
    for (uint64_t at = 1; at < 140; at++)
        expect_no_then(r, num, at, E_GONE);
    for (uint64_t at = 140; at <= 201; at++)
        expect_then(r, num, at, at, at < 160 ? NULL : "[160]", at < 160 ? 140 : 160);
    AUTO_LOAD early = load_at(r, num, 0, 100 * 1000, 0);
    assert_int_equal(early.op.err, E_GONE);
    rig_free(r);
}

/* Up to the checkpoint, and all: the checkpoint alone is left. */
static void test_documents_when_only_the_checkpoint_is_left(void **state)
{
    (void)state;
    struct rig *r = rig_open(NULL);
    uint64_t num = topic(r, "a");

    must_commit(r, (struct batch){.topic = num,
                                  .count = 100,
                                  .type = STORE_SNAPSHOT,
                                  .time_wall = 1,
                                  .checkpoint = "[100]",
                                  .retention = {.max_age_us = 1}});
    expect_read(r, num, 0, false, 0, 0);
    expect_no_then(r, num, 99, E_GONE);
    expect_then(r, num, 100, 100, "[100]", 100);
    AUTO_LOAD now = load_at(r, num, 0, INT64_MAX, 0);
    assert_int_equal(now.op.err, E_OK);
    assert_int_equal(now.seq, 100);
    assert_true(now.time_wall > 1);
    AUTO_LOAD then = load_at(r, num, 0, 1, 0);
    assert_int_equal(then.op.err, E_GONE);
    must_commit(r, (struct batch){.topic = num, .after = 100, .count = 2, .type = STORE_PATCH});
    expect_then(r, num, 100, 100, "[100]", 100);
    expect_then(r, num, 101, 101, "[100]", 100);
    expect_no_then(r, num, 99, E_GONE);
    rig_free(r);
}

int main(void)
{
    int failed = 0;

    for (size_t i = 0; i < ARRAY_LEN(stores); i++) {
        kind = &stores[i];
        print_message("store: %s\n", kind->name);
        failed += RUN_TESTS(test_documents_of_other_days, test_documents_by_time,
                            test_documents_across_a_leap, test_too_many_patches_in_between,
                            test_documents_of_trimmed_days,
                            test_documents_when_only_the_checkpoint_is_left);
    }
    return failed;
}
