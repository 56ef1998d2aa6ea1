/*
 * Provisioned subscriptions at run time: what is told in which order, after failures and changes.
 */
#include "unit.h"

#include "subscription_rig.c"

/* ---- in order ---- */

static void test_one_at_a_time_each_after_the_cursor_is_durable(void **state)
{
    (void)state;
    topic_at(4);
    struct subscription *s = run(&one_by_one, MODE_SNAPSHOT_PATCH, 4, NULL);
    assert_notes("+ 4");
    assert_false(s->has_cursor);
    topic_says(EVENT_PATCH, 5);
    topic_says(EVENT_PATCH, 6);
    assert_notes("");

    t.hold = true;
    done();
    assert_notes("");
    assert_int_equal(s->cursor, 0);
    release();
    turns();
    assert_int_equal(s->cursor, 4);
    assert_string_equal(t.state, "{\"cursor\":4}");
    assert_int_equal(t.num, 7);
    assert_int_equal(t.expected_seq, 3);
    assert_notes("5");
    done();
    assert_notes("6");
    done();
    assert_notes("");
    assert_int_equal(s->cursor, 6);
    assert_int_equal(s->delivered, 3);

    topic_says(EVENT_PATCH, 7);
    assert_notes("7");
}

static void test_several_at_a_time_do_not_wait_for_the_cursor(void **state)
{
    (void)state;
    topic_at(0);
    struct subscription *s = run(&eight_at_once, MODE_EVENT, 0, NULL);
    for (uint64_t seq = 1; seq <= 10; seq++)
        topic_says(EVENT_EVENT, seq);
    assert_notes("+ 1 2 3 4 5 6 7 8");
    t.hold = true;
    done();
    assert_notes("9");
    done();
    done();
    assert_notes("10");
    /* One commit at a time; the next names where things stand by then. */
    assert_int_equal(t.commits, 1);
    release();
    turns();
    assert_int_equal(t.commits, 2);
    assert_string_equal(t.state, "{\"cursor\":3}");
    assert_int_equal(s->cursor, 3);
}

static void test_so_many_bytes_at_a_time(void **state)
{
    AUTO_FREE char *large = xasprintf("%01200d", 1);

    (void)state;
    topic_at(0);
    run(&few_bytes_at_once, MODE_EVENT, 0, NULL);
    journal_add(EVENT_EVENT, 1);
    publish(EVENT_EVENT, 1, large, NULL);
    turns();
    topic_says(EVENT_EVENT, 2);
    topic_says(EVENT_EVENT, 3);
    assert_notes("+ 1"); /* one alone may have more */
    done();
    assert_notes("2 3");
    journal_add(EVENT_EVENT, 4);
    publish(EVENT_EVENT, 4, large, NULL);
    turns();
    topic_says(EVENT_EVENT, 5);
    assert_notes("4");
    done();
    done();
    assert_notes("");
    change_status(t.s, SUBSCRIPTION_ACTIVE);
    assert_notes("- + 4");
    done();
    assert_notes("5");
}

static void test_of_several_all_are_told_again(void **state)
{
    (void)state;
    topic_at(0);
    struct subscription *s = run(&eight_at_once, MODE_EVENT, 0, NULL);
    for (uint64_t seq = 1; seq <= 3; seq++)
        topic_says(EVENT_EVENT, seq);
    done();
    report(SINK_AGAIN, 0);
    assert_notes("+ 1 2 3 !");
    topic_says(EVENT_EVENT, 4);
    assert_waits(5 * US_PER_S, 6 * US_PER_S);
    assert_notes("2/1 3/1 4/1");
    done();
    done();
    done();
    assert_int_equal(s->cursor, 4);
}

static void test_what_a_topic_says_of_its_failures_is_passed_over(void **state)
{
    (void)state;
    topic_at(1);
    struct subscription *s = run(&one_by_one, MODE_SNAPSHOT_PATCH, 1, NULL);
    publish_error(70503, "the source answered 503");
    turns();
    topic_says(EVENT_PATCH, 2);
    done();
    assert_notes("+ 1 2");
    publish_error(70500, "the source answered 500");
    turns();
    done();
    assert_notes("");
    assert_int_equal(s->missed, 0);
    assert_int_equal(s->cursor, 2);
}

/* ---- failures ---- */

static void test_again_later_and_later(void **state)
{
    static const int64_t waits_s[][2] = {{5, 6},   {8, 12},    {16, 24},   {32, 48},
                                         {64, 96}, {128, 192}, {240, 300}, {240, 300}};
    (void)state;
    topic_at(1);
    struct subscription *s = run(&one_by_one, MODE_SNAPSHOT_PATCH, 1, NULL);
    assert_notes("+ 1");
    for (unsigned i = 0; i < ARRAY_LEN(waits_s); i++) {
        AUTO_FREE char *again = xasprintf("1/%u", i + 1);

        report(SINK_AGAIN, 0);
        assert_notes("!");
        assert_string_equal(s->why.text, "the receiver says 1");
        assert_waits(waits_s[i][0] * US_PER_S, waits_s[i][1] * US_PER_S);
        assert_notes(again);
    }
    done();
    assert_int_equal(s->failed, ARRAY_LEN(waits_s));
    assert_int_equal(s->attempt, 0);
    assert_string_equal(s->why.text, "");
    /* It begins with the shortest wait anew. */
    topic_says(EVENT_PATCH, 2);
    report(SINK_AGAIN, 0);
    assert_notes("2 !");
    assert_waits(5 * US_PER_S, 6 * US_PER_S);
    assert_notes("2/1");
}

static void test_not_sooner_than_the_receiver_asked(void **state)
{
    (void)state;
    topic_at(1);
    run(&one_by_one, MODE_SNAPSHOT_PATCH, 1, NULL);
    report(SINK_AGAIN, 1000 * US_PER_S);
    assert_notes("+ 1 !");
    assert_waits(1000 * US_PER_S, 1000 * US_PER_S);
    assert_notes("1/1");
    /* Who asks for less than is waited anyway gets no more attempts by it. */
    report(SINK_AGAIN, US_PER_S);
    assert_notes("!");
    assert_waits(8 * US_PER_S, 12 * US_PER_S);
    assert_notes("1/2");
}

static void test_what_can_never_be_delivered_is_passed_over(void **state)
{
    (void)state;
    topic_at(0);
    struct subscription *s = run(&one_by_one, MODE_EVENT, 0, NULL);
    topic_says(EVENT_EVENT, 1);
    topic_says(EVENT_EVENT, 2);
    report(SINK_NEVER, 0);
    assert_notes("+ 1 2");
    assert_int_equal(s->cursor, 1);
    assert_int_equal(s->missed, 1);
    assert_int_equal(s->delivered, 0);
    assert_string_equal(s->why.text, "the receiver says 3");
}

static void test_gone_suspends(void **state)
{
    (void)state;
    topic_at(1);
    struct subscription *s = run(&one_by_one, MODE_SNAPSHOT_PATCH, 1, NULL);
    report(SINK_GONE, 0);
    assert_notes("+ 1 !");
    assert_int_equal(t.stores, 1);
    assert_int_equal(t.stored->status, SUBSCRIPTION_SUSPENDED);
    assert_int_equal(t.stored->mode, MODE_SNAPSHOT_PATCH);
    assert_ptr_equal(t.was, s->conf);
    topic_says(EVENT_PATCH, 2);
    assert_notes("");

    /* The settings come back to where they are from. */
    change_status(s, SUBSCRIPTION_SUSPENDED);
    assert_notes("-");
    topic_says(EVENT_PATCH, 3);
    assert_null(s->state);
    assert_string_equal(s->why.text, "the receiver says 2");
    assert_int_equal(s->failed, 1);

    /* Nothing had come through: it begins with today's document. */
    change_status(s, SUBSCRIPTION_ACTIVE);
    assert_notes("+ 3");
}

static void test_gone_is_asked_again_when_it_cannot_be_stored(void **state)
{
    (void)state;
    topic_at(1);
    run(&one_by_one, MODE_SNAPSHOT_PATCH, 1, NULL);
    report(SINK_GONE, 0);
    assert_notes("+ 1 !");
    assert_waits(300 * US_PER_S, 300 * US_PER_S);
    assert_notes("1/1");
    report(SINK_GONE, 0);
    assert_int_equal(t.stores, 2);
}

/* ---- only the newest ---- */

static void test_snapshots_that_are_outdated_are_skipped(void **state)
{
    (void)state;
    topic_at(1);
    struct subscription *s = run(&one_by_one, MODE_SNAPSHOT_ONLY, 1, NULL);
    topic_says(EVENT_PATCH, 2);
    topic_says(EVENT_PATCH, 3);
    topic_says(EVENT_PATCH, 4);
    assert_notes("+ 1");
    done();
    assert_notes("4");
    report(SINK_AGAIN, 0);
    topic_says(EVENT_PATCH, 5);
    topic_says(EVENT_PATCH, 6);
    publish_error(70503, "the source answered 503");
    turns();
    assert_notes("!");
    assert_waits(5 * US_PER_S, 6 * US_PER_S);
    assert_notes("6/1");
    report(SINK_AGAIN, 0);
    assert_notes("!");
    assert_waits(8 * US_PER_S, 12 * US_PER_S);
    assert_notes("6/2");
    done();
    assert_int_equal(s->cursor, 6);
    assert_notes("");
}

/* ---- changes ---- */

static void test_new_settings_while_under_way(void **state)
{
    (void)state;
    topic_at(1);
    struct subscription *s = run(&one_by_one, MODE_SNAPSHOT_PATCH, 1, NULL);
    done();
    topic_says(EVENT_PATCH, 2);
    assert_notes("+ 1 2");
    report(SINK_AGAIN, 0);
    change_status(s, SUBSCRIPTION_ACTIVE);
    /* At once, without what the old ones had to wait for. */
    assert_notes("! - + 2");
    clock_advance(10 * US_PER_S);
    turns();
    assert_notes("");
    done();
    assert_int_equal(s->cursor, 2);
}

static void test_suspended_while_it_waits(void **state)
{
    (void)state;
    topic_at(1);
    struct subscription *s = run(&one_by_one, MODE_SNAPSHOT_PATCH, 1, NULL);
    report(SINK_AGAIN, 0);
    change_status(s, SUBSCRIPTION_SUSPENDED);
    assert_notes("+ 1 ! -");
    clock_advance(10 * US_PER_S);
    turns();
    assert_true(s->reader.closed);
    assert_notes("");
}

static void test_suspended_and_active_again(void **state)
{
    (void)state;
    topic_at(0);
    struct subscription *s = run(&one_by_one, MODE_EVENT, 0, NULL);
    topic_says(EVENT_EVENT, 1);
    done();
    change_status(s, SUBSCRIPTION_SUSPENDED);
    assert_notes("+ 1 -");
    topic_says(EVENT_EVENT, 2);
    topic_says(EVENT_EVENT, 3);
    assert_int_equal(subscriptions_hold(&rig.topic), 2);
    assert_notes("");
    change_status(s, SUBSCRIPTION_ACTIVE);
    assert_notes("+ 2");
    done();
    assert_notes("3");
}

static void test_a_mode_that_the_topic_does_not_offer_any_more(void **state)
{
    (void)state;
    topic_at(1);
    struct subscription *s = run(&one_by_one, MODE_SNAPSHOT_PATCH, 1, NULL);
    assert_notes("+ 1");
    rig.topic_conf->deliveries[SUBSCRIBER_WEBHOOK].modes = MODE_BIT(MODE_SNAPSHOT_ONLY);
    hub_post_conf(&rig.shard, TOPIC_ID, rig.topic_conf);
    turns();
    assert_notes("!");
    assert_int_equal(t.stored->status, SUBSCRIPTION_SUSPENDED);
    assert_non_null(strstr(s->why.text, "not delivered by webhook in mode snapshot-patch"));
    assert_int_equal(s->failed, 0);

    /* It is not told what it may not have, also when that could not be stored. */
    clock_advance(300 * US_PER_S);
    turns();
    assert_notes("!");
    assert_int_equal(t.stores, 2);
}

static void test_a_mode_that_the_topic_did_not_offer_at_the_start(void **state)
{
    (void)state;
    topic_at(1);
    rig.topic_conf->deliveries[SUBSCRIBER_WEBHOOK].modes = 0;
    struct subscription *s = run(&one_by_one, MODE_SNAPSHOT_PATCH, 1, NULL);
    assert_notes("+");
    assert_int_equal(t.stored->status, SUBSCRIPTION_SUSPENDED);
    change_status(s, SUBSCRIPTION_SUSPENDED);
    assert_notes("-");
}

static void test_freed_while_under_way(void **state)
{
    (void)state;
    topic_at(1);
    struct subscription *s = run(&one_by_one, MODE_SNAPSHOT_PATCH, 1, NULL);
    topic_says(EVENT_PATCH, 2);
    t.hold = true;
    done();
    assert_ptr_equal(subscription_of(&rig.topic, s->conf->id), s);
    subscription_free(s);
    assert_null(subscription_of(&rig.topic, "22222222-2222-4222-8222-222222222222"));
    turns();
    release(); /* of nobody's */
    turns();
    assert_notes("+ 1 -");
}

static void test_the_end_of_the_topic(void **state)
{
    (void)state;
    topic_at(1);
    struct subscription *s = run(&one_by_one, MODE_SNAPSHOT_PATCH, 1, NULL);
    hub_post_deleted(&rig.shard, TOPIC_ID);
    turns();
    assert_null(the_hub());
    assert_true(s->reader.closed);
    subscription_free(s);
    assert_notes("+ 1 -");
}

/* ---- the end ---- */

static void test_a_stop_waits_for_what_is_under_way(void **state)
{
    (void)state;
    topic_at(1);
    struct subscription *s = run(&one_by_one, MODE_SNAPSHOT_PATCH, 1, NULL);
    topic_says(EVENT_PATCH, 2);
    atomic_store(&rig.engine.stage, ENGINE_DRAINING);
    subscriptions_drain(&rig.shard);
    assert_false(subscriptions_quiet(&rig.shard));
    t.hold = true;
    done();
    assert_notes("+ 1");
    assert_false(subscriptions_quiet(&rig.shard));
    release();
    turns();
    assert_true(subscriptions_quiet(&rig.shard));
    assert_int_equal(s->cursor, 1);
    assert_notes("");
}

static void test_a_stop_does_not_wait_for_what_failed(void **state)
{
    (void)state;
    topic_at(1);
    struct subscription *s = run(&one_by_one, MODE_SNAPSHOT_PATCH, 1, NULL);
    report(SINK_AGAIN, 0);
    assert_notes("+ 1 !");
    atomic_store(&rig.engine.stage, ENGINE_DRAINING);
    subscriptions_drain(&rig.shard);
    assert_true(subscriptions_quiet(&rig.shard));
    assert_notes("-");
    assert_null(s->state);

    atomic_store(&rig.engine.stage, ENGINE_READY);
    subscriptions_start(&rig.shard);
    turns();
    assert_notes("+ 1");
    atomic_store(&rig.engine.stage, ENGINE_DRAINING);
    subscriptions_drain(&rig.shard);
    report(SINK_AGAIN, 0);
    assert_true(subscriptions_quiet(&rig.shard));
    clock_advance(10 * US_PER_S);
    turns();
    assert_notes("!");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        sub_test(test_one_at_a_time_each_after_the_cursor_is_durable),
        sub_test(test_several_at_a_time_do_not_wait_for_the_cursor),
        sub_test(test_so_many_bytes_at_a_time),
        sub_test(test_of_several_all_are_told_again),
        sub_test(test_what_a_topic_says_of_its_failures_is_passed_over),
        sub_test(test_again_later_and_later),
        sub_test(test_not_sooner_than_the_receiver_asked),
        sub_test(test_what_can_never_be_delivered_is_passed_over),
        sub_test(test_gone_suspends),
        sub_test(test_gone_is_asked_again_when_it_cannot_be_stored),
        sub_test(test_snapshots_that_are_outdated_are_skipped),
        sub_test(test_new_settings_while_under_way),
        sub_test(test_suspended_while_it_waits),
        sub_test(test_suspended_and_active_again),
        sub_test(test_a_mode_that_the_topic_does_not_offer_any_more),
        sub_test(test_a_mode_that_the_topic_did_not_offer_at_the_start),
        sub_test(test_freed_while_under_way),
        sub_test(test_the_end_of_the_topic),
        sub_test(test_a_stop_waits_for_what_is_under_way),
        sub_test(test_a_stop_does_not_wait_for_what_failed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
