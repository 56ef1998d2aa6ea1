/*
 * Where provisioned subscriptions begin and go on: at the cursor, from the journal, with a disk that
 * fails.
 */
#include "unit.h"

#include "subscription_rig.c"

/* ---- behind the ring ---- */

static void test_goes_on_from_the_journal_behind_the_ring(void **state)
{
    uint64_t last = 2 * READ_MAX + 100;

    (void)state;
    topic_at(0);
    run(&eight_at_once, MODE_EVENT, 0, NULL);
    topic_says(EVENT_EVENT, 1);
    report(SINK_AGAIN, 0);
    assert_notes("+ 1 !");
    for (uint64_t seq = 2; seq <= last; seq++)
        topic_says(EVENT_EVENT, seq);
    clock_advance(6 * US_PER_S);
    turns();
    assert_true(t.reads > 0);
    buf_clear(&t.notes);
    for (uint64_t seq = 1; seq <= last; seq++)
        done();
    AUTO(buf_done) struct buf expected = BUF_INIT;
    for (uint64_t seq = 9; seq <= last; seq++)
        buf_printf(&expected, "%s%llu", seq > 9 ? " " : "", (unsigned long long)seq);
    buf_putc(&expected, '\0');
    assert_notes(expected.p);
    assert_int_equal(t.s->cursor, last);
    assert_int_equal(t.s->missed, 0);
}

static void test_patches_too_come_from_the_journal(void **state)
{
    (void)state;
    topic_at(2);
    t.reads = 0;
    journal_add(EVENT_SNAPSHOT, 1);
    journal_add(EVENT_PATCH, 2);
    struct blob *large = blob_alloc(1000 * 1000);
    memset(large->p, '1', large->len);
    blob_unref(rig.status.document);
    rig.status.document = large;
    run(&one_by_one, MODE_SNAPSHOT_PATCH, 0, "{\"cursor\":1}");
    assert_notes("+ 2");
    assert_int_equal(t.reads, 1);
}

static void test_tries_again_while_the_journal_cannot_be_read(void **state)
{
    (void)state;
    topic_at(3);
    for (uint64_t seq = 1; seq <= 3; seq++)
        journal_add(EVENT_EVENT, seq);
    t.read_err = E_IO;
    struct subscription *s = run(&eight_at_once, MODE_EVENT, 0, "{\"cursor\":1}");
    assert_notes("+");
    assert_int_equal(t.reads, 1);
    clock_advance(US_PER_S);
    turns();
    assert_int_equal(t.reads, 2);
    t.read_err = E_OK;
    topic_says(EVENT_EVENT, 4);
    assert_notes("");
    clock_advance(US_PER_S);
    turns();
    assert_notes("2 3 4");
    assert_int_equal(s->missed, 0);
}

/* What is under way when the journal fails is not told twice. */
static void test_a_report_while_it_waits_for_the_journal(void **state)
{
    (void)state;
    topic_at(0);
    struct subscription *s = run(&one_by_one, MODE_EVENT, 0, NULL);
    topic_says(EVENT_EVENT, 1);
    assert_notes("+ 1");
    for (uint64_t seq = 2; seq <= LIMIT_RING_EVENTS + 10; seq++)
        topic_says(EVENT_EVENT, seq);
    t.read_err = E_IO;
    done();
    clock_advance(US_PER_S);
    turns();
    assert_notes("");
    t.read_err = E_OK;
    clock_advance(US_PER_S);
    turns();
    assert_notes("2");
    done();
    assert_notes("3");
    assert_int_equal(s->cursor, 2);
}

static void test_what_is_under_way_while_it_waits_for_the_journal(void **state)
{
    (void)state;
    topic_at(0);
    run(&eight_at_once, MODE_EVENT, 0, NULL);
    for (uint64_t seq = 1; seq <= LIMIT_RING_EVENTS + 20; seq++)
        topic_says(EVENT_EVENT, seq);
    assert_notes("+ 1 2 3 4 5 6 7 8");
    t.read_err = E_IO;
    done();
    t.read_err = E_OK;
    clock_advance(US_PER_S);
    turns();
    assert_notes("9");
    done();
    assert_notes("10");
}

/* ---- beginnings ---- */

static void test_goes_on_at_the_cursor(void **state)
{
    (void)state;
    topic_at(5);
    for (uint64_t seq = 1; seq <= 5; seq++)
        journal_add(EVENT_EVENT, seq);
    struct subscription *s = run(&one_by_one, MODE_EVENT, 0, "{\"cursor\":3}");
    assert_int_equal(s->cursor, 3);
    assert_notes("+ 4");
    done();
    subscription_free(s);
    assert_notes("5 -");
    turns();
    assert_string_equal(t.state, "{\"cursor\":4}");
    s = run(&one_by_one, MODE_EVENT, 0, t.state);
    assert_notes("+ 5");
    done();
    subscription_free(s);
    turns();
    run(&one_by_one, MODE_EVENT, 0, t.state);
    assert_notes("- +");
}

static void test_a_new_one_of_events_begins_where_the_topic_was(void **state)
{
    (void)state;
    topic_at(5);
    for (uint64_t seq = 1; seq <= 5; seq++)
        journal_add(EVENT_EVENT, seq);
    run(&eight_at_once, MODE_EVENT, 3, NULL);
    assert_notes("+ 4 5");
}

static void test_a_new_one_of_a_topic_without_events(void **state)
{
    (void)state;
    run(&one_by_one, MODE_SNAPSHOT_PATCH, 0, NULL);
    assert_notes("+");
    topic_says(EVENT_SNAPSHOT, 1);
    assert_notes("1");
}

/* After a crash the topic's numbers leap ahead of all cursors. */
static void test_a_leap_is_not_taken_for_missed_events(void **state)
{
    (void)state;
    topic_at(STORE_LEAP + 5);
    journal_add(EVENT_EVENT, 4);
    journal_add(EVENT_EVENT, 5);
    struct subscription *s = run(&one_by_one, MODE_EVENT, 0, "{\"cursor\":4}");
    assert_notes("+ 5");
    done();
    topic_says(EVENT_EVENT, STORE_LEAP + 6);
    assert_notes("1000006");
    assert_int_equal(s->missed, 0);
}

/* The data directory was replaced by an older one. */
static void test_a_cursor_beyond_the_journal(void **state)
{
    (void)state;
    topic_at(5);
    journal_add(EVENT_EVENT, 5);
    struct subscription *s = run(&one_by_one, MODE_EVENT, 0, "{\"cursor\":9}");
    assert_notes("+");
    assert_ptr_equal(s->reader.hub, the_hub());
    assert_int_equal(s->missed, 1);
    topic_says(EVENT_EVENT, 6);
    assert_notes("6");
    t.commit_err = E_STORE_FULL;
    done();
    topic_says(EVENT_EVENT, 7);
    assert_notes("");
    t.commit_err = E_OK;
    clock_advance(US_PER_S);
    turns();
    assert_int_equal(s->cursor, 6);
    assert_notes("7");
}

static void test_a_state_that_cannot_be_read_is_none(void **state)
{
    (void)state;
    topic_at(2);
    struct subscription *s = make(&one_by_one, MODE_EVENT, 2, "nonsense");
    assert_int_equal(s->cursor, 2);
    assert_true(s->has_cursor);
}

/* ---- what is held for it ---- */

static void test_holds_the_journal_from_its_cursor_on(void **state)
{
    (void)state;
    topic_at(9);
    assert_int_equal(subscriptions_hold(&rig.topic), 0);
    make(&one_by_one, MODE_SNAPSHOT_PATCH, 9, NULL); /* begins with a snapshot */
    make(&one_by_one, MODE_SNAPSHOT_ONLY, 0, "{\"cursor\":2}");
    assert_int_equal(subscriptions_hold(&rig.topic), 0);
    make(&one_by_one, MODE_EVENT, 0, "{\"cursor\":6}");
    assert_int_equal(subscriptions_hold(&rig.topic), 7);
    struct subscription *last = make(&one_by_one, MODE_SNAPSHOT_PATCH, 0, "{\"cursor\":4}");
    assert_int_equal(subscriptions_hold(&rig.topic), 5);
    subscription_free(last);
    assert_int_equal(subscriptions_hold(&rig.topic), 7);
    make(&one_by_one, MODE_EVENT, 0, NULL);
    assert_int_equal(subscriptions_hold(&rig.topic), 1);
}

static void test_says_what_was_not_held_long_enough(void **state)
{
    (void)state;
    topic_at(6);
    for (uint64_t seq = 1; seq <= 6; seq++)
        journal_add(EVENT_EVENT, seq);
    t.trimmed = 4;
    struct subscription *s = run(&eight_at_once, MODE_EVENT, 0, "{\"cursor\":2}");
    assert_notes("+ 5 6");
    assert_int_equal(s->missed, 1);
}

static void test_patches_not_held_are_replaced_by_the_document(void **state)
{
    (void)state;
    topic_at(6);
    t.trimmed = 4;
    struct subscription *s = run(&eight_at_once, MODE_SNAPSHOT_PATCH, 0, "{\"cursor\":2}");
    assert_notes("+ 6");
    assert_int_equal(s->missed, 0);
}

/* ---- the disk ---- */

static void test_waits_until_the_cursor_can_be_stored(void **state)
{
    (void)state;
    topic_at(1);
    struct subscription *s = run(&one_by_one, MODE_SNAPSHOT_PATCH, 1, NULL);
    topic_says(EVENT_PATCH, 2);
    assert_notes("+ 1");
    t.commit_err = E_STORE_FULL;
    done();
    for (unsigned i = 2; i < 5; i++) {
        clock_advance(US_PER_S);
        turns();
        assert_int_equal(t.commits, i);
    }
    assert_notes("");
    t.commit_err = E_OK;
    clock_advance(US_PER_S);
    turns();
    assert_notes("2");
    assert_int_equal(s->cursor, 1);
}

static void test_a_cursor_that_could_not_be_stored_is_stored_when_it_runs_again(void **state)
{
    (void)state;
    topic_at(1);
    struct subscription *s = run(&one_by_one, MODE_SNAPSHOT_PATCH, 1, NULL);
    topic_says(EVENT_PATCH, 2);
    t.commit_err = E_STORE_FULL;
    done();
    change_status(s, SUBSCRIPTION_SUSPENDED);
    assert_notes("+ 1 -");
    t.commit_err = E_OK;
    change_status(s, SUBSCRIPTION_ACTIVE);
    assert_int_equal(s->cursor, 1);
    assert_notes("+ 2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        sub_test(test_goes_on_from_the_journal_behind_the_ring),
        sub_test(test_patches_too_come_from_the_journal),
        sub_test(test_tries_again_while_the_journal_cannot_be_read),
        sub_test(test_a_report_while_it_waits_for_the_journal),
        sub_test(test_what_is_under_way_while_it_waits_for_the_journal),
        sub_test(test_goes_on_at_the_cursor),
        sub_test(test_a_new_one_of_events_begins_where_the_topic_was),
        sub_test(test_a_new_one_of_a_topic_without_events),
        sub_test(test_a_leap_is_not_taken_for_missed_events),
        sub_test(test_a_cursor_beyond_the_journal),
        sub_test(test_a_state_that_cannot_be_read_is_none),
        sub_test(test_holds_the_journal_from_its_cursor_on),
        sub_test(test_says_what_was_not_held_long_enough),
        sub_test(test_patches_not_held_are_replaced_by_the_document),
        sub_test(test_waits_until_the_cursor_can_be_stored),
        sub_test(test_a_cursor_that_could_not_be_stored_is_stored_when_it_runs_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
