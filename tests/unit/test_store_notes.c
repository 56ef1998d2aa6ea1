/*
 * Notes: committed with events or not at all, read by number, removed from the oldest on, numbers never
 * given twice.
 */
#include "unit.h"

#include "store_rig.c"

ASKED(notes)
ASKED(notes_at)
ASKED(notes_trim)

#define AUTO_NOTES AUTO(store_notes_done) struct store_notes

/* count notes of times from, from + 1 …, labelled a and b in turns, with a commit of one event. */
static enum err commit_notes(struct rig *r, uint64_t num, uint64_t after, size_t count,
                             int64_t from)
{
    AUTO_FREE struct store_note *notes = xcalloc(count + 1, sizeof *notes);
    AUTO(blob_unrefp) struct blob *body = body_of(num, after + 1, 0);
    struct store_event event = {
        .seq = after + 1, .type = STORE_EVENT, .time_wall = 1, .body = body};

    for (size_t i = 0; i < count; i++)
        notes[i] = (struct store_note){from + (int64_t)i, i % 2 ? STR("b") : STR("a"), STR("body")};
    struct store_commit op = {.topic = num,
                              .expected_seq = after,
                              .events = &event,
                              .event_count = 1,
                              .notes = notes,
                              .note_count = count};
    return commit(r, &op);
}

static struct store_notes read_notes(struct rig *r, struct store_notes op)
{
    struct asked_notes a = {.op = op};

    start_notes(r, &a);
    await(r, 1);
    assert_int_equal(a.op.op.err, E_OK);
    return a.op;
}

static uint64_t number_at(struct rig *r, int64_t time_wall)
{
    struct asked_notes_at a = {.op = {.time_wall = time_wall}};

    start_notes_at(r, &a);
    await(r, 1);
    assert_int_equal(a.op.op.err, E_OK);
    return a.op.num;
}

static void trim_notes(struct rig *r, uint64_t up_to)
{
    struct asked_notes_trim a = {.op = {.up_to = up_to}};

    start_notes_trim(r, &a);
    await(r, 1);
}

static bool is_b(struct str label, const void *arg)
{
    return str_eqz(label, arg);
}

static void test_read(void **state)
{
    struct rig *r = rig_open(NULL);
    uint64_t num = topic(r, "t");
    (void)state;

    assert_int_equal(store_notes_head(r->s), 0);
    assert_int_equal(commit_notes(r, num, 0, 10, 100), E_OK);
    assert_int_equal(store_notes_head(r->s), 10);

    AUTO_NOTES all = read_notes(r, (struct store_notes){.after = 0});
    assert_int_equal(all.count, 10);
    assert_true(all.ended);
    for (size_t i = 0; i < 10; i++) {
        assert_int_equal(all.notes[i].num, i + 1);
        assert_int_equal(all.notes[i].time_wall, 100 + i);
        assert_true(str_eqz(blob_view(all.notes[i].body), "body"));
    }
    AUTO_NOTES some =
        read_notes(r, (struct store_notes){.after = 1, .wanted = is_b, .arg = "b", .max_notes = 2});
    assert_int_equal(some.count, 2);
    assert_int_equal(some.notes[0].num, 2);
    assert_int_equal(some.notes[1].num, 4);
    assert_false(some.ended);
    assert_int_equal(some.scanned, 4);

    AUTO_NOTES none =
        read_notes(r, (struct store_notes){.after = 4, .wanted = is_b, .arg = "c", .max_scan = 3});
    assert_int_equal(none.count, 0);
    assert_int_equal(none.scanned, 7);
    assert_false(none.ended);

    AUTO_NOTES counted =
        read_notes(r, (struct store_notes){.count_only = true, .until_wall = 105, .up_to = 9});
    assert_int_equal(counted.count, 6);
    assert_null(counted.notes);
    assert_true(counted.ended);
    assert_int_equal(counted.oldest_wall, 100);
    assert_int_equal(counted.newest_wall, 105);

    AUTO_NOTES large = read_notes(r, (struct store_notes){.max_bytes = 5});
    assert_int_equal(large.count, 2);

    assert_int_equal(number_at(r, 0), 0);
    assert_int_equal(number_at(r, 100), 0);
    assert_int_equal(number_at(r, 101), 1);
    assert_int_equal(number_at(r, 1000), 10);
    rig_free(r);
}

static void test_all_or_nothing(void **state)
{
    struct rig *r = rig_open(NULL);
    uint64_t num = topic(r, "t");
    (void)state;

    assert_int_equal(commit_notes(r, num, 5, 3, 1), E_STORE_SEQ);
    assert_int_equal(store_notes_head(r->s), 0);
    assert_int_equal(commit_notes(r, num, 0, 3, 1), E_OK);
    rig_crash(r);
    assert_int_equal(store_notes_head(r->s), 3);
    AUTO_NOTES all = read_notes(r, (struct store_notes){.after = 2});
    assert_int_equal(all.count, 1);
    rig_free(r);
}

/* In slices, while others commit; the newest stays, and with it the numbers. */
static void test_trim(void **state)
{
    struct rig *r = rig_open(NULL);
    uint64_t num = topic(r, "t");
    (void)state;

    assert_int_equal(commit_notes(r, num, 0, 3000, 1), E_OK);
    trim_notes(r, 1000);
    for (uint64_t seq = 1, first = 0; first != 1001; seq++) {
        assert_int_equal(commit_notes(r, num, seq, 1, 1), E_OK);
        AUTO_NOTES rest = read_notes(r, (struct store_notes){.max_notes = 1});
        first = rest.notes[0].num;
        assert_in_range(first, 1, 1001);
        assert_in_range(seq, 1, 100000);
    }
    uint64_t head = store_notes_head(r->s);
    trim_notes(r, UINT64_MAX);
    for (size_t count = 0; count != 1;) {
        AUTO_NOTES rest = read_notes(r, (struct store_notes){.count_only = true});
        count = rest.count;
        assert_true(count >= 1);
    }
    rig_close_open(r);
    assert_int_equal(store_notes_head(r->s), head);
    assert_int_equal(number_at(r, INT64_MAX), head);
    rig_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_all_or_nothing),
        cmocka_unit_test(test_trim),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
