/*
 * Which kept answer serves which poll. Times are made up: nothing here looks at a clock.
 */
#include "unit.h"

#include "core/fetch_answer.h"
#include "core/token.h"
#include "core/token_wire.h"

#define PERIOD (5 * US_PER_S)
#define T0 (1000 * US_PER_S)

static struct fetch_answer *make(int status, int64_t due, int64_t started, unsigned attempt)
{
    const struct fetch_result res = {
        .err = status ? E_OK : E_POLL_CONNECT,
        .status = status,
        .body = STR("body"),
        .head = STR("Retry-After: 7\r\n"),
        .url = STR("http://h/"),
    };
    const struct fetch_asked asked = {.due = due, .started = started, .attempt = attempt};

    return fetch_answer_new(&res, &asked);
}

static void put(struct fetch_answers *s, int status, int64_t due, int64_t started, unsigned attempt)
{
    struct fetch_answer *a = make(status, due, started, attempt);

    fetch_answers_keep(s, a);
    fetch_answer_unref(a);
}

static bool has_good(const struct fetch_answers *s, int64_t due, int64_t period)
{
    const struct fetch_need need = {.due = due, .period = period};

    return fetch_answers_good(s, &need) != NULL;
}

static bool has_failure(const struct fetch_answers *s, int64_t due, unsigned attempt)
{
    const struct fetch_need need = {.due = due, .period = PERIOD, .attempt = attempt};

    return fetch_answers_failure(s, &need) != NULL;
}

/* ---- one answer ---- */

static void an_answer_is_a_copy(void **state)
{
    (void)state;
    char body[] = "{\"a\":1}", head[] = "ETag: \"v\"\r\n", url[] = "http://h/x";
    struct fetch_result res = {
        .status = 200,
        .body = str_of(body),
        .head = str_of(head),
        .url = str_of(url),
        .redirects = 1,
        .connect_us = 5,
    };
    const struct fetch_asked asked = {.due = 1, .started = 2, .started_wall = 3};
    struct fetch_answer *a = fetch_answer_new(&res, &asked);
    struct fetch_answer *b = fetch_answer_new(&res, &asked);

    memset(body, 'x', sizeof body);
    memset(head, 'x', sizeof head);
    memset(url, 'x', sizeof url);
    assert_str(a->res.body, "{\"a\":1}");
    assert_str(fetch_header(&a->res, "etag", 0), "\"v\"");
    assert_str(a->res.url, "http://h/x");
    assert_int_equal(a->res.redirects, 1);
    assert_int_equal(a->res.connect_us, 5);
    assert_true(a->asked.due == 1 && a->asked.started == 2 && a->asked.started_wall == 3);
    assert_false(a->failed);
    assert_true(a->serial && b->serial && a->serial != b->serial);
    fetch_answer_unref(b);
    fetch_answer_unref(a);
}

static void what_a_failure_is(void **state)
{
    (void)state;
    static const struct {
        struct fetch_result res;
        bool conditional, failed;
    } rows[] = {
        {{.status = 200}, false, false},
        {{.status = 299}, false, false},
        {{.status = 304}, true, false},
        {{.status = 304}, false, true},
        {{.status = 304, .redirects = 1}, true, true},
        {{.status = 199}, false, true},
        {{.status = 302}, false, true},
        {{.status = 404}, true, true},
        {{.status = 500}, false, true},
        {{.err = E_POLL_TIMEOUT}, false, true},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct fetch_asked asked = {.conditional = rows[i].conditional};
        struct fetch_answer *a = fetch_answer_new(&rows[i].res, &asked);

        if (a->failed != rows[i].failed)
            fail_msg("row %zu: failed is %d", i, a->failed);
        fetch_answer_unref(a);
    }
}

static void the_token_is_kept_with_it(void **state)
{
    (void)state;
    struct token *t = token_new(STR("secret"), 0, US_PER_S);
    const struct fetch_result res = {.status = 200, .body = STR("x")};
    const struct fetch_asked asked = {.token = t};
    struct fetch_answer *a = fetch_answer_ref(fetch_answer_new(&res, &asked));

    token_unref(t);
    fetch_answer_unref(a);
    assert_str(token_header(a->asked.token), "Authorization: Bearer secret");
    fetch_answer_unref(a);
    fetch_answer_unref(NULL);
}

/* ---- the rule ---- */

static void less_than_a_period_between_due_times(void **state)
{
    (void)state;
    struct fetch_answers s = {0};

    assert_true(fetch_answers_empty(&s));
    assert_false(has_good(&s, T0, PERIOD));
    put(&s, 200, T0, T0 + 3000, 0);
    assert_true(has_good(&s, T0, PERIOD));
    assert_true(has_good(&s, T0 + PERIOD - 1, PERIOD));
    assert_false(has_good(&s, T0 + PERIOD, PERIOD)); /* the same topic, one period later */
    assert_true(has_good(&s, T0 + PERIOD, PERIOD + 1));
    assert_false(has_good(&s, T0 + PERIOD, PERIOD / 2));
    assert_true(has_good(&s, T0 - 60 * US_PER_S, PERIOD)); /* late, at its retries */
    fetch_answers_clear(&s);
    assert_true(fetch_answers_empty(&s));
    assert_int_equal(s.bytes, 0);
}

static void nothing_older_than_what_was_seen(void **state)
{
    (void)state;
    struct fetch_answers s = {0};
    struct fetch_need need = {.due = T0 + 1, .period = PERIOD, .after = T0 + 3000};

    put(&s, 200, T0, T0 + 3000, 0);
    assert_non_null(fetch_answers_good(&s, &need));
    need.after++;
    assert_null(fetch_answers_good(&s, &need));
    fetch_answers_clear(&s);
}

static void a_round_of_pages_belongs_together(void **state)
{
    (void)state;
    struct fetch_answers s = {0};
    const struct fetch_need need = {.due = T0 + 2 * PERIOD, .period = PERIOD, .same_round = true};

    put(&s, 200, T0, T0, 0);
    assert_false(has_good(&s, need.due, PERIOD));
    assert_non_null(fetch_answers_good(&s, &need));
    fetch_answers_clear(&s);
}

static void failures_serve_their_attempt(void **state)
{
    (void)state;
    struct fetch_answers s = {0};

    put(&s, 500, T0, T0, 0);
    assert_true(has_failure(&s, T0 + 1, 0));
    assert_false(has_failure(&s, T0 + 1, 1));
    assert_false(has_failure(&s, T0 + PERIOD, 0));
    assert_false(has_good(&s, T0 + 1, PERIOD));
    put(&s, 0, T0 + 10, T0 + 2 * US_PER_S, 3);
    assert_false(has_failure(&s, T0 + 20, 1));
    assert_false(has_failure(&s, T0 + 20, 2));
    assert_true(has_failure(&s, T0 + 20, 3));
    assert_true(has_failure(&s, T0 + PERIOD, 3)); /* each from its own poll */
    assert_false(has_failure(&s, T0 + 20, 4));
    /* The next poll's first attempt takes the place of the last one's. */
    put(&s, 503, T0 + PERIOD, T0 + PERIOD, 0);
    assert_true(has_failure(&s, T0 + PERIOD + 1, 0));
    const struct fetch_need need = {.due = T0 + PERIOD, .period = PERIOD};
    assert_str(fetch_header(&fetch_answers_failure(&s, &need)->res, "Retry-After", 0), "7");
    fetch_answers_clear(&s);
    assert_int_equal(s.bytes, 0);
}

static void the_newest_news_count(void **state)
{
    (void)state;
    struct fetch_answers s = {0};

    put(&s, 500, T0, T0, 0);
    put(&s, 500, T0, T0 + 1000, 1);
    put(&s, 200, T0, T0 + 2000, 2);
    assert_true(has_good(&s, T0 + 1, PERIOD));
    assert_false(has_failure(&s, T0 + 1, 0));
    assert_false(has_failure(&s, T0 + 1, 1));

    put(&s, 500, T0, T0 + 1500, 0); /* asked for before the good one */
    assert_true(has_good(&s, T0 + 1, PERIOD));
    put(&s, 200, T0 - 1000, T0 + 1500, 0);
    const struct fetch_need need = {.due = T0, .period = PERIOD};
    assert_int_equal(fetch_answers_good(&s, &need)->asked.started, T0 + 2000);

    put(&s, 404, T0 + PERIOD, T0 + PERIOD, 0);
    assert_false(has_good(&s, T0 + 1, PERIOD));
    assert_false(has_good(&s, T0 + 1, 100 * PERIOD));
    assert_true(has_failure(&s, T0 + PERIOD, 0));
    fetch_answers_clear(&s);
}

int main(void)
{
    return RUN_TESTS(an_answer_is_a_copy, what_a_failure_is, the_token_is_kept_with_it,
                     less_than_a_period_between_due_times, nothing_older_than_what_was_seen,
                     a_round_of_pages_belongs_together, failures_serve_their_attempt,
                     the_newest_news_count);
}
