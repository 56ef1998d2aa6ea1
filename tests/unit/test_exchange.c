#include "unit.h"

#include "base/clock.h"
#include "core/exchange.h"
#include "core/limits.h"

#define WALL INT64_C(1769847300123456)

static struct exchange_book *book;

static struct exchange_base *base_new(void)
{
    struct mask m = {0};

    mask_hide(&m, STR("secret"));
    return exchange_base_new(&m, STR("http://h/?k=secret"), STR("Shared: 1\r\nBoth: 1\r\n"));
}

static int set_up(void **state)
{
    (void)state;
    clock_fake(WALL, WALL);
    book = exchange_book_new();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    exchange_book_free(book);
    clock_unfake();
    return 0;
}

/* What log shows between these times; doc owns it. */
static const jval *shown(const struct exchange_log *log, int64_t from, int64_t to,
                         struct jdoc **doc)
{
    AUTO(buf_done) struct buf b = BUF_INIT;
    struct jwriter w = jw_begin(&b);

    jdoc_free(*doc);
    jw_array(&w);
    exchange_write(log, "S", "T", from, to, &w);
    jw_array_end(&w);
    assert_int_equal(jw_end(&w), E_OK);
    assert_int_equal(jdoc_parse(buf_view(&b), NULL, doc, NULL), E_OK);
    return jdoc_root(*doc);
}

static const jval *all_of(const struct exchange_log *log, struct jdoc **doc)
{
    return shown(log, 0, INT64_MAX, doc);
}

static void add(struct exchange_log *log, struct exchange_base *base, unsigned attempt,
                struct str body)
{
    exchange_add(log, &(struct exchange){
                          .base = base,
                          .type = "event",
                          .began_wall = clock_now_wall(),
                          .attempt = attempt,
                          .status = 200,
                          .answer = STR("HTTP/1.1 200 OK\r\n"),
                          .body = body,
                          .body_bytes = body.n,
                      });
}

static int64_t attempt_of(const jval *x)
{
    int64_t n = -1;

    assert_true(jv_i64(jv_getz(x, "requestRetryAttempts"), &n));
    return n;
}

static void tells_all(void **state)
{
    struct exchange_log *log = exchange_log_new(book);
    struct exchange_base *base = base_new();
    AUTO(buf_done) struct buf b = BUF_INIT;
    struct jwriter w = jw_begin(&b);

    (void)state;
    exchange_add(log, &(struct exchange){
                          .base = base,
                          .type = "patch",
                          .began_wall = WALL,
                          .took_us = 1500,
                          .attempt = 2,
                          .head = STR("both: 2\r\nOwn: 3\r\n"),
                          .status = 500,
                          .answer = STR("HTTP/1.1 500 No\r\nX: a secret\r\n"),
                          .body = STR("secrets"),
                          .body_bytes = 77,
                          .error = "it said secret",
                      });
    exchange_add(log, &(struct exchange){
                          .base = base, .type = "test", .began_wall = WALL, .error = "no answer"});
    exchange_base_unref(base);
    exchange_write(log, "S", "T", 0, INT64_MAX, &w);
    assert_str(buf_view(&b),
               "{\"subscriptionId\":\"S\",\"pipelineId\":\"T\",\"eventType\":\"patch\","
               "\"requestDatetime\":\"2026-01-31T08:15:00.123456Z\","
               "\"requestDuration\":\"PT0.0015S\",\"requestRetryAttempts\":2,"
               "\"requestRetryMaxAttempts\":null,\"requestUrl\":\"http://h/?k=" SECRET_MASK "\","
               "\"requestHeaders\":{\"Shared\":\"1\",\"both\":\"2\",\"Own\":\"3\"},"
               "\"responseCode\":500,\"responseHeaders\":{\"X\":\"a " SECRET_MASK "\"},"
               "\"responseBody\":\"" SECRET_MASK "s\",\"responseSize\":\"77B\","
               "\"errorMessage\":\"it said " SECRET_MASK "\"},"
               "{\"subscriptionId\":\"S\",\"pipelineId\":\"T\",\"eventType\":\"test\","
               "\"requestDatetime\":\"2026-01-31T08:15:00.123456Z\",\"requestDuration\":\"PT0S\","
               "\"requestRetryAttempts\":0,\"requestRetryMaxAttempts\":null,"
               "\"requestUrl\":\"http://h/?k=" SECRET_MASK "\","
               "\"requestHeaders\":{\"Shared\":\"1\",\"Both\":\"1\"},\"responseCode\":null,"
               "\"responseHeaders\":null,\"responseBody\":null,\"responseSize\":null,"
               "\"errorMessage\":\"no answer\"}");
    exchange_log_free(log);
}

static void bounded_in_count_and_by_time(void **state)
{
    struct exchange_log *log = exchange_log_new(book);
    struct exchange_base *base = base_new();
    AUTO(jdoc_freep) struct jdoc *doc = NULL;

    (void)state;
    for (unsigned i = 0; i < LIMIT_EXCHANGES + 7; i++) {
        add(log, base, i, STR("x"));
        clock_advance(US_PER_S);
    }
    const jval *all = all_of(log, &doc);
    assert_int_equal(jv_count(all), LIMIT_EXCHANGES);
    assert_int_equal(attempt_of(jv_at(all, 0)), 7);
    assert_int_equal(attempt_of(jv_at(all, LIMIT_EXCHANGES - 1)), LIMIT_EXCHANGES + 6);
    const jval *some = shown(log, WALL + 10 * US_PER_S, WALL + 12 * US_PER_S, &doc);
    assert_int_equal(jv_count(some), 3);
    assert_int_equal(attempt_of(jv_at(some, 0)), 10);
    exchange_base_unref(base);
    exchange_log_free(log);
}

static void bounded_in_age(void **state)
{
    struct exchange_log *log = exchange_log_new(book), *other = exchange_log_new(book);
    struct exchange_base *base = base_new();
    AUTO(jdoc_freep) struct jdoc *doc = NULL;

    (void)state;
    add(log, base, 1, STR("x"));
    clock_advance(LIMIT_EXCHANGE_AGE_S * US_PER_S);
    assert_int_equal(jv_count(all_of(log, &doc)), 1);
    clock_advance(1);
    assert_int_equal(jv_count(all_of(log, &doc)), 0);
    /* Another's next one frees it. */
    add(other, base, 1, STR("x"));
    clock_fake(WALL, WALL);
    assert_int_equal(jv_count(all_of(log, &doc)), 0);
    assert_int_equal(jv_count(all_of(other, &doc)), 1);
    exchange_base_unref(base);
    exchange_log_free(log);
    exchange_log_free(other);
}

static void bounded_in_bytes(void **state)
{
    struct exchange_log *log = exchange_log_new(book);
    AUTO(jdoc_freep) struct jdoc *doc = NULL;
    AUTO_FREE char *text = xcalloc(1, 40001);

    (void)state;
    memset(text, 'x', 40000);
    for (unsigned i = 0; i < 50; i++) {
        struct mask m = {0};
        struct exchange_base *base = exchange_base_new(&m, STR("u"), str_of(text));
        add(log, base, i, str_of(text));
        exchange_base_unref(base);
    }
    const jval *all = all_of(log, &doc);
    assert_in_range(jv_count(all), 20, LIMIT_EXCHANGE_BYTES / 40000);
    assert_int_equal(attempt_of(jv_at(all, jv_count(all) - 1)), 49);
    assert_int_equal(jv_str(jv_getz(jv_at(all, 0), "responseBody")).n, LIMIT_EXCHANGE_BODY);
    assert_str(jv_str(jv_getz(jv_at(all, 0), "responseSize")), "40000B");
    exchange_log_free(log);
}

/* Of all subscriptions the oldest go. */
static void bounded_on_a_loop(void **state)
{
    enum { LOGS = 200 };
    struct exchange_log *logs[LOGS];
    AUTO(jdoc_freep) struct jdoc *doc = NULL;
    AUTO_FREE char *text = xcalloc(1, 40001);
    size_t kept = 0;

    (void)state;
    memset(text, 'x', 40000);
    for (size_t i = 0; i < LOGS; i++) {
        struct mask m = {0};
        struct exchange_base *base = exchange_base_new(&m, STR("u"), str_of(text));
        logs[i] = exchange_log_new(book);
        for (unsigned n = 0; n < 20; n++)
            add(logs[i], base, n, STR("x"));
        exchange_base_unref(base);
    }
    for (size_t i = 0; i < LOGS; i++) {
        size_t count = jv_count(all_of(logs[i], &doc));
        assert_true(count == 0 || count == 20 || kept == 0);
        kept += count;
    }
    assert_int_equal(jv_count(all_of(logs[0], &doc)), 0);
    assert_int_equal(jv_count(all_of(logs[LOGS - 1], &doc)), 20);
    assert_in_range(kept, 1500, LIMIT_LOOP_EXCHANGE_BYTES / 40000);
    for (size_t i = 0; i < LOGS; i++)
        exchange_log_free(logs[i]);
}

/* A secret is not cut in two: half of it would be shown. */
static void a_secret_at_the_cut(void **state)
{
    struct exchange_log *log = exchange_log_new(book);
    struct exchange_base *base = base_new();
    AUTO(jdoc_freep) struct jdoc *doc = NULL;
    char body[LIMIT_EXCHANGE_BODY + 100];

    (void)state;
    memset(body, 'x', sizeof body);
    memcpy(body + LIMIT_EXCHANGE_BODY - 3, "secret", 6);
    add(log, base, 0, str_make(body, sizeof body));
    struct str shown_body = jv_str(jv_getz(jv_at(all_of(log, &doc), 0), "responseBody"));
    assert_int_equal(shown_body.n, LIMIT_EXCHANGE_BODY - 3);
    assert_true(str_ends(shown_body, STR("xx")));
    exchange_base_unref(base);
    exchange_log_free(log);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(tells_all),         TEST(bounded_in_count_and_by_time),
        TEST(bounded_in_age),    TEST(bounded_in_bytes),
        TEST(bounded_on_a_loop), TEST(a_secret_at_the_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
