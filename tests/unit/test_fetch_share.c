/*
 * Requests made once for several polls: who asks the source, who is served by it, and what it means
 * that somebody gives up.
 */
#include "unit.h"

#include "share_rig.c"

/* ---- one request for many ---- */

static void one_request_for_who_waits_and_who_comes_later(void **state)
{
    (void)state;
    struct share_params p = params();
    struct poll *polls[6];

    origin_open(false);
    for (unsigned i = 0; i < 6; i++)
        polls[i] = ask(i % 2, &p);
    await_requests(1);
    for (unsigned i = 0; i < 6; i++)
        assert_false(polls[i]->done);
    origin_open(true);
    unsigned own = 0;
    for (unsigned i = 0; i < 6; i++) {
        assert_string_equal(await(polls[i])->body, "answer 1");
        own += !polls[i]->shared;
    }
    assert_int_equal(own, 1);
    p.need.due += PERIOD - 1;
    assert_got(get(0, &p), "answer 1", true);
    assert_got(get(1, &p), "answer 1", true);
    p.need.due++;
    assert_got(get(0, &p), "answer 2", false);
    assert_int_equal(requests(), 2);
}

static void what_is_sent(void **state)
{
    (void)state;
    char url[100];
    struct share_params p = params();
    struct token *t = token_new(STR("tok"), 0, US_PER_S);

    snprintf(url, sizeof url, "%s/page?n=2", rig.origin->base);
    p.url = str_of(url);
    p.etag = STR("\"e\"");
    p.last_modified = STR("Thu, 01 Jan 2026 00:00:00 GMT");
    p.token = t;
    script.status = 304;
    struct poll *polls = ask(0, &p);
    token_unref(t);
    memset(url, 'x', sizeof url); /* the ask has its own */
    await(polls);
    assert_int_equal(polls->status, 304);
    assert_false(polls->failed);
    assert_true(str_starts(str_of(script.request), STR("GET /page?n=2 HTTP/1.1\r\n")));
    assert_non_null(strstr(script.request, "Authorization: Bearer tok\r\n"));
    assert_non_null(strstr(script.request, "If-None-Match: \"e\"\r\n"));
    assert_non_null(strstr(script.request, "If-Modified-Since: Thu, 01 Jan 2026 00:00:00 GMT\r\n"));
}

static void other_keys_are_other_requests(void **state)
{
    (void)state;
    struct share_params a = params_at(1, 1), b = params_at(1, 2), c = params_at(0, 1);

    assert_got(get(0, &a), "answer 1", false);
    assert_got(get(0, &b), "answer 2", false);
    assert_got(get(0, &c), "answer 3", false);
    assert_got(get(1, &a), "answer 1", true);
}

static void asked_for_afresh(void **state)
{
    (void)state;
    struct share_params p = params(), fresh = params();

    fresh.fresh = true;
    assert_got(get(0, &p), "answer 1", false);
    assert_got(get(0, &fresh), "answer 2", false);
    assert_got(get(1, &p), "answer 2", true); /* the newest is kept */
    /* Two afresh at a time are two; who needs something newer than is kept waits for the newest. */
    origin_open(false);
    struct poll *first = ask(0, &fresh);
    turns();
    clock_advance(1000);
    struct poll *second = ask(1, &fresh);
    turns();
    p.need.after = clock_now();
    struct poll *joined = ask(0, &p);
    await_requests(4);
    origin_open(true);
    await(first);
    await(second);
    assert_false(first->shared || second->shared);
    assert_true(await(joined)->shared);
    assert_int_equal(joined->started, second->started);
    assert_int_equal(requests(), 4);
}

static void nothing_older_than_was_seen(void **state)
{
    (void)state;
    struct share_params p = params();

    origin_open(false);
    struct poll *first = ask(0, &p);
    await_requests(1);
    p.need.after = clock_now() + 1;
    clock_advance(2);
    struct poll *second = ask(0, &p);
    await_requests(2); /* the one under way will not do */
    origin_open(true);
    assert_false(await(first)->shared);
    assert_false(await(second)->shared);
}

/* ---- failures ---- */

static void one_attempt_for_all(void **state)
{
    (void)state;
    struct share_params p = params();

    script.status = 500;
    for (unsigned attempt = 0; attempt < 3; attempt++) {
        p.need.attempt = attempt;
        for (unsigned i = 0; i < 20; i++) {
            struct poll *got = get(i % 2, &p);

            assert_true(got->failed && got->status == 500);
            assert_int_equal(got->shared, i > 0);
        }
        assert_int_equal(requests(), attempt + 1);
        pass(4 * US_PER_S); /* longer than a period in all, as retries take */
    }
    /* A success serves whoever is at whichever attempt. */
    script.status = 200;
    p.need.attempt = 3;
    assert_got(get(0, &p), "answer 4", false);
    p.need.attempt = 0;
    assert_got(get(0, &p), "answer 4", true);
    p.need.attempt = 2;
    assert_got(get(1, &p), "answer 4", true);
}

static void no_target(void **state)
{
    (void)state;
    struct share_params p = params();

    rig.no_target = true;
    for (unsigned i = 0; i < SHARDS; i++) {
        struct poll *got = get(i, &p);

        assert_int_equal(got->err, E_POLL_CONFIG);
        assert_string_equal(got->text, "a reference leads nowhere");
    }
    assert_int_equal(requests(), 0);
}

/* ---- deadlines ---- */

static void who_joins_fails_by_its_own_deadline(void **state)
{
    (void)state;
    struct share_params p = params();

    origin_open(false);
    struct poll *maker = ask(0, &p);
    await_requests(1);
    p.deadline = clock_now() + US_PER_S;
    struct poll *hurried = ask(0, &p), *local = ask(1, &p);
    pass(US_PER_S + 30 * US_PER_MS);
    assert_int_equal(await(hurried)->err, E_POLL_TIMEOUT);
    assert_int_equal(await(local)->err, E_POLL_TIMEOUT);
    assert_false(hurried->shared);
    assert_non_null(strstr(hurried->text, "no answer in time"));
    assert_false(maker->done);
    origin_open(true);
    assert_got(await(maker), "answer 1", false);
}

static void who_has_time_left_does_not_fail_with_the_maker(void **state)
{
    (void)state;
    struct share_params p = params();

    origin_open(false);
    struct poll *maker = ask(1, &p);
    p.deadline += 2 * US_PER_S;
    struct poll *longer = ask(0, &p);
    p.deadline += 2 * US_PER_S;
    struct poll *longest = ask(0, &p);
    await_requests(1);
    pass(DEADLINE + 1000);
    assert_int_equal(await(maker)->err, E_POLL_TIMEOUT);
    assert_false(maker->shared);
    await_requests(2); /* one for both, with the longest deadline */
    assert_false(longer->done || longest->done);
    pass(2 * US_PER_S + 30 * US_PER_MS);
    assert_int_equal(await(longer)->err, E_POLL_TIMEOUT);
    assert_int_equal(requests(), 2);
    origin_open(true);
    await(longest);
    assert_int_equal(longest->err, E_OK);
    assert_false(longest->shared);
}

/* ---- giving up ---- */

static void cancelled_at_any_time(void **state)
{
    (void)state;
    struct share_params p = params();

    for (unsigned owner = 0; owner < SHARDS; owner++) {
        for (int after_turns = 0; after_turns < 6; after_turns++) {
            p.key = (struct hash128){.lo = owner, .hi = 100 + (uint64_t)after_turns};
            struct poll *polls[SHARDS] = {ask(0, &p), ask(1, &p)};

            for (int i = 0; i < after_turns; i++)
                turn_waiting(0);
            for (unsigned i = 0; i < SHARDS; i++)
                if (!polls[i]->done)
                    cancel(polls[i]);
            bool done[SHARDS] = {polls[0]->done, polls[1]->done};
            turns();
            for (unsigned i = 0; i < SHARDS; i++) {
                assert_int_equal(polls[i]->done, done[i]);
                assert_true(list_empty(&rig.shards[i].shares->asks));
            }
        }
    }
    fetch_share_cancel(NULL);
}

static void a_request_ends_with_the_last_who_waits(void **state)
{
    (void)state;
    struct share_params p = params();

    origin_open(false);
    struct poll *polls[] = {ask(0, &p), ask(1, &p), ask(0, &p)};
    await_requests(1);
    /* Whoever made it: the others go on waiting. */
    cancel(polls[0]);
    cancel(polls[1]);
    turns();
    assert_int_equal(count_read(COUNT_fetch_inflight), 1);
    assert_false(polls[2]->done);
    cancel(polls[2]);
    turns();
    assert_int_equal(count_read(COUNT_fetch_inflight), 0);
    assert_int_equal(rig.shards[1].shares->entries.count, 0);
    /* And the next who asks makes a new one. */
    struct poll *next = ask(0, &p);
    await_requests(2);
    origin_open(true);
    assert_false(await(next)->shared);
}

static void the_maker_gives_up(void **state)
{
    (void)state;
    struct share_params p = params();

    origin_open(false);
    struct poll *maker = ask(1, &p);
    await_requests(1);
    struct poll *other = ask(0, &p);
    turns();
    cancel(maker);
    turns();
    origin_open(true);
    assert_got(await(other), "answer 1", true);
    assert_false(maker->done);
    assert_int_equal(requests(), 1);
}

static void cancel_next(struct poll *p)
{
    if (!p[1].done)
        cancel(p + 1);
}

static void cancelled_in_a_callback(void **state)
{
    (void)state;
    struct share_params p = params();

    origin_open(false);
    for (unsigned i = 0; i < 200; i++)
        ask(0, &p)->then = i % 2 ? NULL : cancel_next;
    await_requests(1);
    origin_open(true);
    await(&rig.polls[198]);
    turns();
    for (unsigned i = 0; i < 200; i++)
        assert_int_equal(rig.polls[i].done, i % 2 == 0);
    assert_true(list_empty(&rig.shards[0].shares->asks));
}

static void ask_in_callback(struct poll *p)
{
    struct share_params next = params();

    (void)p;
    ask(0, &next);
}

static void asked_in_a_callback(void **state)
{
    (void)state;
    struct share_params p = params();
    struct poll *first = ask(1, &p);

    first->then = ask_in_callback;
    await(first);
    assert_got(await(&rig.polls[1]), "answer 1", true);
}

static void closed_with_all_of_it_under_way(void **state)
{
    (void)state;
    struct share_params p = params_at(0, 1), q = params_at(1, 2), kept = params_at(1, 3);

    get(0, &kept);
    origin_open(false);
    for (unsigned i = 0; i < 4; i++) {
        ask(i % 2, &p);
        ask(i % 2, &q);
    }
    await_requests(3);
    /* Waiting ones cancelled but not told yet; new ones on their way; an answer on its way home. */
    cancel(&rig.polls[1]);
    cancel(&rig.polls[2]);
    ask(0, &kept);
    ask(1, &kept);
    ask(0, &q);
    ask(1, &p);
    cancel(&rig.polls[rig.count - 1]);
    uv_run(loop_uv(rig.shards[1].loop), UV_RUN_NOWAIT);
    /* The rest is the teardown's, and the sanitizer's. */
}

/* ---- what is kept, and for how long ---- */

static void kept_for_the_longest_period(void **state)
{
    (void)state;
    struct share_params p = params();

    get(0, &p);
    assert_int_equal(count_read(COUNT_fetch_shared_kept), 1);
    assert_true(count_read(COUNT_fetch_shared_bytes) > 0);
    p.need.period = 60 * US_PER_S;
    get(0, &p);
    pass(59 * US_PER_S);
    assert_int_equal(count_read(COUNT_fetch_shared_kept), 1);
    pass(3 * US_PER_S);
    assert_int_equal(count_read(COUNT_fetch_shared_kept), 0);
    assert_int_equal(rig.shards[1].shares->entries.count, 0);
    assert_int_equal(requests(), 1);
}

static void failures_are_kept_for_the_retries_of_others(void **state)
{
    (void)state;
    struct share_params p = params();

    script.status = 500;
    get(0, &p);
    pass(PERIOD + 2 * US_PER_S);
    assert_int_equal(count_read(COUNT_fetch_shared_kept), 1);
    pass(DEADLINE);
    assert_int_equal(count_read(COUNT_fetch_shared_kept), 0);
}

static void no_more_than_so_many_bytes(void **state)
{
    (void)state;
    const size_t each = LIMIT_SHARED_BYTES / 4;
    struct share_params p = params();

    script.pad = each;
    for (uint64_t i = 0; i < 6; i++) {
        p.key.hi = 100 + i;
        get(0, &p);
        assert_true(count_read(COUNT_fetch_shared_bytes) <= LIMIT_SHARED_BYTES);
    }
    assert_int_equal(count_read(COUNT_fetch_shared_kept), 3);
    script.pad = 0;
    p.key.hi = 105;
    assert_true(get(0, &p)->shared);
    p.key.hi = 100; /* the oldest went */
    assert_false(get(0, &p)->shared);
    assert_int_equal(requests(), 7);
}

static void no_more_than_so_many_requests(void **state)
{
    (void)state;
    struct fetch_shares *s = rig.shards[0].shares;
    struct share_params p = params_at(0, 0);

    rig.no_target = true; /* failures without a request: quick */
    for (uint64_t i = 0; i < LIMIT_SHARED_ANSWERS + 100; i++) {
        p.key.hi = i;
        rig.count = 0;
        memset(&rig.polls[0], 0, sizeof rig.polls[0]);
        ask(0, &p);
        while (!rig.polls[0].done)
            uv_run(loop_uv(rig.shards[0].loop), UV_RUN_NOWAIT);
    }
    assert_int_equal(s->kept_count, LIMIT_SHARED_ANSWERS);
    assert_int_equal(s->entries.count, LIMIT_SHARED_ANSWERS);
}

static void callbacks_are_spread_over_turns(void **state)
{
    (void)state;
    struct share_params p = params_at(0, 1);

    origin_open(false);
    for (unsigned i = 0; i < 1000; i++)
        ask(i % 2, &p);
    await_requests(1);
    origin_open(true);
    size_t most = 0;
    for (size_t done = 0; done < 1000;) {
        size_t was = done;

        turn();
        done = 0;
        for (unsigned i = 0; i < 1000; i++)
            done += rig.polls[i].done;
        most = MAX(most, done - was);
    }
    assert_true(most <= 2 * 64);
    assert_int_equal(requests(), 1);
}

/* ---- which topics may share ---- */

static void topics_are_counted(void **state)
{
    (void)state;
    struct shard *sh = &rig.shards[0];
    struct topic_conf a = {.share_key = {1, 2}}, b = {.share_key = {1, 2}},
                      c = {.share_key = {1, 3}}, none = {.share_key = {0, 0}};

    fetch_share_enter(sh, &a);
    fetch_share_enter(sh, &c);
    fetch_share_enter(sh, &none);
    fetch_share_enter(sh, &none);
    assert_false(fetch_share_wanted(sh, &a));
    fetch_share_enter(sh, &b);
    assert_true(fetch_share_wanted(sh, &a));
    assert_false(fetch_share_wanted(sh, &c));
    assert_false(fetch_share_wanted(sh, &none));
    assert_false(fetch_share_wanted(&rig.shards[1], &a)); /* each loop counts for itself */
    rig.conf.poll_coalesce = false;
    assert_false(fetch_share_wanted(sh, &a));
    rig.conf.poll_coalesce = true;
    fetch_share_leave(sh, &a);
    assert_false(fetch_share_wanted(sh, &b));
    fetch_share_leave(sh, &b);
    fetch_share_leave(sh, &c);
    fetch_share_leave(sh, &none);
    assert_int_equal(sh->shares->topics.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        share_test(one_request_for_who_waits_and_who_comes_later),
        share_test(what_is_sent),
        share_test(other_keys_are_other_requests),
        share_test(asked_for_afresh),
        share_test(nothing_older_than_was_seen),
        share_test(one_attempt_for_all),
        share_test(no_target),
        share_test(who_joins_fails_by_its_own_deadline),
        share_test(who_has_time_left_does_not_fail_with_the_maker),
        share_test(cancelled_at_any_time),
        share_test(a_request_ends_with_the_last_who_waits),
        share_test(the_maker_gives_up),
        share_test(cancelled_in_a_callback),
        share_test(asked_in_a_callback),
        share_test(closed_with_all_of_it_under_way),
        share_test(kept_for_the_longest_period),
        share_test(failures_are_kept_for_the_retries_of_others),
        share_test(no_more_than_so_many_bytes),
        share_test(no_more_than_so_many_requests),
        share_test(callbacks_are_spread_over_turns),
        share_test(topics_are_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
