/*
 * What the sink keeps for a subscription: its records under way, and how it is to be tried next.
 *
 * After a failure all is told again by the core, on another producer: one of its own, so that what
 * is wrong with one subscription disturbs the others of a shared producer once and no more. When all
 * is well again it goes back to the shared one. Records that are too large only in company stay
 * alone.
 */
#include "subscriber/sub_kafka.h"

#include "base/clock.h"
#include "base/log.h"
#include "core/cloudevent.h"
#include "core/limits.h"
#include "core/subscription.h"
#include "core/topic.h"
#include "subscriber/sub_kafka_record.h"

/* Attempts of a message that is too large, before it is passed over. */
#define SIZE_ATTEMPTS 8

struct kafka_state {
    struct subscription *s;
    struct kafka_user events;
    struct kafka_user tests;
    unsigned test_count; /* records of tests under way */
    bool alone;          /* what went wrong was its own affair */
    bool crowded;        /* the last failure: too large, together with others */
    bool stays_alone;
};

static struct kafka_state *state_of_events(struct kafka_user *u)
{
    return CONTAINER_OF(u, struct kafka_state, events);
}

static struct kafka_state *state_of_tests(struct kafka_user *u)
{
    return CONTAINER_OF(u, struct kafka_state, tests);
}

/* ---- what became of events ---- */

/* Messages stand for themselves. Of a document, what follows means nothing without this one. */
static bool may_pass_over(const struct kafka_state *st, const struct kafka_record *r)
{
    const struct subscription *s = st->s;

    return st->alone && kafka_error_is_size(r->err) && s->conf->mode == MODE_EVENT &&
           s->attempt + 1 >= SIZE_ATTEMPTS;
}

static void report_failure(struct kafka_state *st, struct kafka_record *r)
{
    struct sink_result res = {.outcome = SINK_AGAIN, .info = ERRINFO_INIT};

    kafka_record_explain(r, &res.info);
    if (may_pass_over(st, r))
        res.outcome = SINK_NEVER;
    st->crowded = kafka_error_is_size(r->err) && !st->alone;
    st->alone = st->alone || !kafka_error_is_collateral(r->err);
    kafka_record_drop(r);
    subscription_report(st->s, &res);
}

static void report_success(struct kafka_state *st, struct kafka_record *r)
{
    const struct sink_result done = {.outcome = SINK_DONE, .info = ERRINFO_INIT};

    st->stays_alone = st->stays_alone || st->crowded;
    st->crowded = false;
    kafka_record_drop(r);
    subscription_report(st->s, &done);
}

/* Nothing is under way: it may change its producer. */
static void settle(struct kafka_state *st)
{
    if (st->alone && !st->stays_alone && st->events.producer) {
        st->alone = false;
        kafka_user_leave(&st->events);
    } else if (kafka_user_is_retired(&st->events)) {
        kafka_user_leave(&st->events);
    }
}

static void on_told(struct kafka_user *u)
{
    struct kafka_state *st = state_of_events(u);
    struct kafka_record *r;

    /* A report may add records, and a failure forgets them all. */
    while ((r = kafka_user_oldest(u)) && r->status == KAFKA_DONE)
        report_success(st, r);
    while ((r = kafka_user_oldest(u)) && r->status == KAFKA_FAILED)
        report_failure(st, r);
    if (!r)
        settle(st);
}

static void on_stuck(struct kafka_user *u, const struct errinfo *why)
{
    subscription_stuck(state_of_events(u)->s, why);
}

static const struct kafka_user_ops event_ops = {.told = on_told, .stuck = on_stuck};

/* ---- delivering ---- */

static struct blob *value_of(const struct kafka_state *st, struct event *e)
{
    const struct kafka_conf *conf = st->s->conf->config;

    return conf->format == KAFKA_FORMAT_CLOUDEVENTS ? cloudevent_of(e, st->s->topic->conf)
                                                    : e->body;
}

static bool has_producer(struct kafka_state *st)
{
    return st->events.producer ||
           kafka_user_join(&st->events, st->alone ? KAFKA_ALONE : KAFKA_SHARED);
}

static void deliver(void *state, struct event *e, unsigned attempt)
{
    struct kafka_state *st = state;

    (void)attempt;
    if (!kafka_user_oldest(&st->events) && kafka_user_is_retired(&st->events))
        kafka_user_leave(&st->events);
    struct kafka_record *r =
        kafka_record_add(&st->events, value_of(st, e), event_type_name(e->type), e->time_wall);
    event_id_make(r->event_id, st->s->conf->topic, e->seq);
    if (st->events.failed)
        return;
    if (has_producer(st))
        kafka_user_send(&st->events);
    else
        kafka_record_fail(r, RD_KAFKA_RESP_ERR__FATAL);
}

static void cancel(void *state)
{
    struct kafka_state *st = state;

    kafka_user_leave(&st->events);
}

/* ---- tests ---- */

static void test_failed(struct kafka_state *st, const char *why)
{
    struct errinfo ei = ERRINFO_INIT;

    (void)err_set(&ei, E_IO, "a test record was not written: %s", why);
    log_warn("a test record of a subscription was not written",
             LOG_S("subscription", st->s->conf->id), LOG_S("why", why));
    subscription_stuck(st->s, &ei);
}

static void on_test_told(struct kafka_user *u)
{
    struct kafka_state *st = state_of_tests(u);
    struct errinfo why = ERRINFO_INIT;
    struct kafka_record *r;

    while ((r = kafka_user_oldest(u)) && r->status == KAFKA_DONE) {
        log_info("a test record of a subscription was written",
                 LOG_S("subscription", st->s->conf->id));
        st->test_count--;
        kafka_record_drop(r);
    }
    if (r && r->status != KAFKA_FAILED)
        return;
    if (r) {
        kafka_record_explain(r, &why);
        test_failed(st, why.text);
    }
    st->test_count = 0;
    kafka_user_leave(u);
}

/* It is given up by itself. */
static void on_test_stuck(struct kafka_user *u, const struct errinfo *why)
{
    (void)u;
    (void)why;
}

static const struct kafka_user_ops test_ops = {.told = on_test_told, .stuck = on_test_stuck};

/* By a producer of its own: it shall show whether the settings work now, and disturb nobody. */
static void test(void *state, struct str body)
{
    struct kafka_state *st = state;
    AUTO(blob_unrefp) struct blob *value = blob_new(body.p, body.n);

    if (st->test_count >= LIMIT_KAFKA_TESTS) {
        test_failed(st, "too many are under way");
    } else if (!st->tests.producer && !kafka_user_join(&st->tests, KAFKA_TEST)) {
        test_failed(st, kafka_user_trouble(&st->tests));
    } else {
        st->test_count++;
        (void)kafka_record_add(&st->tests, value, NULL, clock_now_wall());
        kafka_user_send(&st->tests);
    }
}

/* ---- life ---- */

static void *start(struct subscription *s)
{
    struct kafka_state *st = xcalloc(1, sizeof *st);

    st->s = s;
    kafka_user_init(&st->events, &event_ops, s);
    kafka_user_init(&st->tests, &test_ops, s);
    return st;
}

static void stop(void *state)
{
    struct kafka_state *st = state;

    kafka_user_leave(&st->events);
    kafka_user_leave(&st->tests);
    free(st);
}

const struct sink sub_kafka_sink = {
    .type = SUBSCRIBER_KAFKA,
    .attrs = kafka_conf_attrs,
    .attr_count = KAFKA_CONF_ATTRS,
    .config_new = kafka_conf_new,
    .config_free = kafka_conf_free,
    .window = LIMIT_KAFKA_WINDOW,
    .window_bytes = LIMIT_KAFKA_WINDOW_BYTES,
    .start = start,
    .stop = stop,
    .deliver = deliver,
    .cancel = cancel,
    .test = test,
};
