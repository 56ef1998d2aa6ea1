#include "unit.h"

#include <semaphore.h>
#include <sys/resource.h>
#include <time.h>

#include "core/engine.h"
#include "core/subscription.h"
#include "core/topic.h"
#include "publisher/pub_http.h"

static char directory[64];

static int set_up(void **state)
{
    (void)state;
    snprintf(directory, sizeof directory, "/tmp/pollcast-engine-XXXXXX");
    return mkdtemp(directory) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    return remove_tree(directory);
}

static void conf_make(struct conf *c, const char *listen)
{
    conf_init(c);
    free(c->listen);
    c->listen = xstrdup(listen);
    free(c->data);
    c->data = xasprintf("%s/data", directory);
    c->loops = 3;
    c->drain_us = 0;
}

static void on_request(struct http_request *r, void *arg)
{
    (void)arg;
    http_respond(r, 204, NULL, STR_NONE);
}

static const char *on_error_body(struct buf *b, int status, const char *detail, void *arg)
{
    (void)arg;
    buf_printf(b, "%d %s", status, detail);
    return "text/plain";
}

/* ---- records put by hand ---- */

struct put {
    struct store_put op;
    struct loop *loop;
};

static void on_put(struct store_op *op)
{
    loop_stop(CONTAINER_OF(op, struct put, op.op)->loop);
}

static void put_record(struct store *s, struct loop *l, const char *kind, const char *id,
                       const char *name, const char *body)
{
    struct put put = {.loop = l};

    put.op.op.reply = l;
    put.op.op.done = on_put;
    put.op.kind = kind;
    put.op.id = xstrdup(id);
    put.op.name = xstrdup(name);
    put.op.body = blob_new(body, strlen(body));
    store_put(s, &put.op);
    loop_run(l);
    assert_ok(put.op.op.err, &put.op.op.info);
    free(put.op.id);
    free(put.op.name);
    blob_unref(put.op.body);
}

static const char good_id[] = "11111111-2222-4333-8444-555555555555";
static const char bad_id[] = "11111111-2222-4333-8444-666666666666";

static struct store *open_store(const struct conf *c)
{
    const struct store_conf sc = {.url = c->data, .group_max = 8};
    struct store *s;
    struct errinfo ei = ERRINFO_INIT;

    assert_ok(store_open(&sc, &s, &ei), &ei);
    return s;
}

#define GOOD_TOPIC                                                                                 \
    "{\"name\":\"good\",\"publisher\":{\"type\":\"http-poller\",\"config\":"                       \
    "{\"url\":\"http://127.0.0.1:1/\"}},\"subscribers\":[{\"type\":\"webhook\"}]}"
#define BAD_TOPIC "{\"publisher\":{\"type\":\"of a later version\"}}"

struct record {
    const char *kind, *id, *body;
};

/* Up to one without a kind. */
static void put_records(const struct conf *c, const struct record *records)
{
    struct store *s = open_store(c);
    struct loop *l = loop_new(0);

    for (; records->kind; records++)
        put_record(s, l, records->kind, records->id, records->id, records->body);
    store_close(s);
    loop_free(l);
}

static void count_record(const struct store_record *r, const struct store_head *head, void *arg)
{
    (void)r;
    (void)head;
    ++*(unsigned *)arg;
}

static unsigned count_records(const struct conf *c, struct str kind)
{
    struct errinfo ei = ERRINFO_INIT;
    unsigned records = 0;
    struct store *s = open_store(c);

    assert_ok(store_each_record(s, kind, count_record, &records, &ei), &ei);
    store_close(s);
    return records;
}

/* ---- tests ---- */

static void test_starts_and_stops(void **state)
{
    struct conf c;
    struct engine *e;
    struct errinfo ei = ERRINFO_INIT;
    char address[ADDRESS_TEXT_MAX];
    struct address parsed;

    (void)state;
    conf_make(&c, "[::1]:0");
    for (int round = 0; round < 3; round++) {
        assert_ok(engine_start(&c, on_request, on_error_body, &e, &ei), &ei);
        assert_int_equal(e->stage, ENGINE_READY);
        assert_int_equal(e->shard_count, 3);
        engine_address(e, address);
        assert_ok(address_parse(str_of(address), &parsed, &ei), &ei);
        assert_string_equal(parsed.ip, "::1");
        assert_int_not_equal(parsed.port, 0);
        for (unsigned i = 0; i < 3; i++)
            assert_int_equal(http_server_port(e->shards[i]->server), parsed.port);
        engine_stop(e);
    }
    conf_done(&c);
}

static void test_raises_the_limit_of_files(void **state)
{
    struct rlimit limit;
    struct conf c;
    struct engine *e;
    struct errinfo ei = ERRINFO_INIT;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = MIN(limit.rlim_max, (rlim_t)128);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    conf_make(&c, "127.0.0.1:0");
    assert_ok(engine_start(&c, on_request, on_error_body, &e, &ei), &ei);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(limit.rlim_cur, limit.rlim_max);
    engine_stop(e);
    conf_done(&c);
}

/* Files for which the kernel has room without growing its table. */
static long file_room(void)
{
    FILE *f = fopen("/proc/self/status", "r");
    char line[256];
    long room = 0;

    assert_non_null(f);
    while (fgets(line, sizeof line, f))
        (void)sscanf(line, "FDSize: %ld", &room);
    fclose(f);
    return room;
}

static void test_has_room_for_all_connections_from_the_start(void **state)
{
    struct rlimit limit;
    struct conf c;
    struct engine *e;
    struct errinfo ei = ERRINFO_INIT;

    (void)state;
    conf_make(&c, "127.0.0.1:0");
    assert_ok(engine_start(&c, on_request, on_error_body, &e, &ei), &ei);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_true(file_room() >= MIN((long)limit.rlim_max, (long)c.http_max_connections));
    engine_stop(e);
    conf_done(&c);
}

static void test_a_record_that_does_not_load_is_left_alone(void **state)
{
    struct conf c;
    struct engine *e;
    struct errinfo ei = ERRINFO_INIT;

    (void)state;
    conf_make(&c, "127.0.0.1:0");
    put_records(&c, (const struct record[]){{"topic", good_id, GOOD_TOPIC},
                                            {"topic", bad_id, BAD_TOPIC},
                                            {NULL, NULL, NULL}});
    assert_ok(engine_start(&c, on_request, on_error_body, &e, &ei), &ei);
    for (unsigned i = 0; i < e->shard_count; i++) {
        assert_non_null(map_get(&e->shards[i]->by_id, str_of(good_id)));
        assert_null(map_get(&e->shards[i]->by_id, str_of(bad_id)));
        assert_int_equal(topic_find(e->shards[i], good_id) != NULL,
                         e->shards[i] == shard_owner(e, good_id));
    }
    engine_stop(e);
    assert_int_equal(count_records(&c, STR("topic")), 2);
    conf_done(&c);
}

/* ---- subscriptions ---- */

struct sub_config {
    struct subscription_common common;
};

static const struct attr sub_rows[] = {SUBSCRIPTION_ROWS(struct sub_config)};

static void *sub_config_new(const jval *root, struct faults *f)
{
    struct sub_config *c = xcalloc(1, sizeof *c);
    struct attr_ctx ctx;

    attr_ctx_init(&ctx, f, "Validation error: Subscription", "");
    attr_parse(&ctx, sub_rows, ARRAY_LEN(sub_rows), root, c);
    attr_ctx_done(&ctx);
    return c;
}

static void sub_config_free(void *config)
{
    free(config);
}

static atomic_uint started, stopped;
static sem_t starts;

static void *sub_start(struct subscription *s)
{
    atomic_fetch_add(&started, 1);
    sem_post(&starts);
    return s;
}

static void sub_stop(void *sub_state)
{
    (void)sub_state;
    atomic_fetch_add(&stopped, 1);
}

static const struct sink sink = {
    .type = SUBSCRIBER_WEBHOOK,
    .attrs = sub_rows,
    .attr_count = ARRAY_LEN(sub_rows),
    .config_new = sub_config_new,
    .config_free = sub_config_free,
    .window = 1,
    .start = sub_start,
    .stop = sub_stop,
};

static const char sub_id[] = "22222222-2222-4222-8222-111111111111";
static const char suspended_id[] = "22222222-2222-4222-8222-222222222222";
static const char orphan_id[] = "22222222-2222-4222-8222-333333333333";
static const char unknown_id[] = "22222222-2222-4222-8222-444444444444";

#define SUBSCRIPTION(topic, status)                                                                \
    "{\"type\":\"webhook\",\"topicId\":\"" topic "\",\"since\":0,\"subscription\":"                \
    "{\"subscriptionMode\":\"snapshot-patch\",\"subscriptionStatus\":\"" status "\"}}"

static const struct record subscription_records[] = {
    {"topic", good_id, GOOD_TOPIC},
    {"subscription", sub_id, SUBSCRIPTION("11111111-2222-4333-8444-555555555555", "active")},
    {"subscription", suspended_id,
     SUBSCRIPTION("11111111-2222-4333-8444-555555555555", "suspended")},
    {"subscription", orphan_id, SUBSCRIPTION("11111111-2222-4333-8444-666666666666", "active")},
    {"subscription", unknown_id, "{\"type\":\"of a later version\"}"},
    {NULL, NULL, NULL},
};

static void test_subscriptions_are_loaded_with_their_topics(void **state)
{
    struct conf c;
    struct engine *e;
    struct errinfo ei = ERRINFO_INIT;

    (void)state;
    conf_make(&c, "127.0.0.1:0");
    put_records(&c, subscription_records);
    assert_int_equal(sem_init(&starts, 0, 0), 0);
    assert_ok(engine_start(&c, on_request, on_error_body, &e, &ei), &ei);
    for (unsigned i = 0; i < e->shard_count; i++) {
        assert_non_null(subscription_find(e->shards[i], str_of(sub_id)));
        assert_non_null(subscription_find(e->shards[i], str_of(suspended_id)));
        assert_null(subscription_find(e->shards[i], str_of(orphan_id)));
        assert_null(subscription_find(e->shards[i], str_of(unknown_id)));
    }
    const struct timespec until = {.tv_sec = time(NULL) + 10};
    assert_int_equal(sem_timedwait(&starts, &until), 0);
    engine_stop(e);
    assert_int_equal(atomic_load(&started), 1);
    assert_int_equal(atomic_load(&stopped), 1);
    /* The orphan is gone for good; what a later version wrote is not. */
    assert_int_equal(count_records(&c, STR("subscription")), 3);
    conf_done(&c);
}

/* Its topic may be the one that this version cannot read. */
static void test_a_subscription_of_a_topic_that_was_not_loaded_is_left_alone(void **state)
{
    struct conf c;
    struct engine *e;
    struct errinfo ei = ERRINFO_INIT;

    (void)state;
    conf_make(&c, "127.0.0.1:0");
    put_records(&c, subscription_records);
    put_records(&c, (const struct record[]){{"topic", bad_id, BAD_TOPIC}, {NULL, NULL, NULL}});
    assert_ok(engine_start(&c, on_request, on_error_body, &e, &ei), &ei);
    assert_null(subscription_find(e->shards[0], str_of(orphan_id)));
    engine_stop(e);
    assert_int_equal(count_records(&c, STR("subscription")), 4);
    conf_done(&c);
}

static void expect_refusal(struct conf *c, enum err expected, const char *why)
{
    struct engine *e = NULL;
    struct errinfo ei = ERRINFO_INIT;

    assert_int_equal(engine_start(c, on_request, on_error_body, &e, &ei), expected);
    if (!strstr(ei.text, why))
        fail_msg("expected \"%s\", found \"%s\"", why, ei.text);
    assert_null(e);
    conf_done(c);
}

static void test_refusals(void **state)
{
    struct conf c, other;
    struct engine *e;
    struct errinfo ei = ERRINFO_INIT;
    char address[ADDRESS_TEXT_MAX];

    (void)state;
    conf_make(&c, "0.0.0.0:0");
    expect_refusal(&c, E_INVALID, "--insecure");
    conf_make(&c, "nonsense");
    expect_refusal(&c, E_INVALID, "has no port");

    conf_make(&c, "127.0.0.1:0");
    assert_ok(engine_start(&c, on_request, on_error_body, &e, &ei), &ei);
    conf_make(&other, "127.0.0.1:0");
    expect_refusal(&other, E_STORE_BUSY, "in use");
    engine_address(e, address);
    conf_make(&other, address);
    free(other.data);
    other.data = xasprintf("%s/other", directory);
    expect_refusal(&other, E_IO, "in use");
    engine_stop(e);
    conf_done(&c);
}

int main(void)
{
    processor_register(&pub_http);
    sink_register(&sink);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_starts_and_stops, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_raises_the_limit_of_files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_has_room_for_all_connections_from_the_start, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_record_that_does_not_load_is_left_alone, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_subscriptions_are_loaded_with_their_topics, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            test_a_subscription_of_a_topic_that_was_not_loaded_is_left_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refusals, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
