#include "unit.h"

#include "base/clock.h"
#include "core/limits.h"
#include "core/subscription_conf.h"

#define WALL INT64_C(1769847300123456) /* 2026-01-31T08:15:00.123456Z */
#define TOPIC_ID "11111111-1111-4111-8111-111111111111"
#define OTHER_ID "33333333-3333-4333-8333-333333333333"

/* ---- a sink ---- */

struct config {
    struct subscription_common common;
    char *url, *secret;
};

static const struct attr rows[] = {
    SUBSCRIPTION_ROWS(struct config),
    {.name = "url", .kind = ATTR_URL, .flags = ATTR_REQUIRED, .at = offsetof(struct config, url)},
    {.name = "secret",
     .kind = ATTR_STRING,
     .flags = ATTR_SECRET,
     .at = offsetof(struct config, secret),
     .max = LIMIT_TOPIC_BYTES},
};

static void config_free(void *config)
{
    attr_done(rows, ARRAY_LEN(rows), config);
    free(config);
}

static void *config_new(const jval *root, struct faults *f)
{
    struct config *c = xcalloc(1, sizeof *c);
    size_t before = f->count;
    struct attr_ctx ctx;

    c->common.mode = -1;
    attr_ctx_init(&ctx, f, "Validation error: Subscription", "");
    attr_parse(&ctx, rows, ARRAY_LEN(rows), root, c);
    attr_ctx_done(&ctx);
    if (f->count == before)
        return c;
    config_free(c);
    return NULL;
}

static const struct sink sink = {
    .type = SUBSCRIBER_WEBHOOK,
    .attrs = rows,
    .attr_count = ARRAY_LEN(rows),
    .config_new = config_new,
    .config_free = config_free,
};

/* ---- what is checked ---- */

#define SNAPSHOTS (MODE_BIT(MODE_SNAPSHOT_ONLY) | MODE_BIT(MODE_SNAPSHOT_PATCH))

static struct topic_conf topic;
static struct faults faults;
static struct subscription_conf *conf;

static int set_up(void **state)
{
    (void)state;
    memset(&topic, 0, sizeof topic);
    memcpy(topic.id, TOPIC_ID, UUID_LEN);
    topic.deliveries[SUBSCRIBER_WEBHOOK] =
        (struct topic_delivery){.modes = SNAPSHOTS, .preferred = MODE_SNAPSHOT_PATCH};
    faults_init(&faults);
    conf = NULL;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    subscription_conf_unref(conf);
    faults_done(&faults);
    return 0;
}

static struct subscription_conf *parse(const char *json, const struct subscription_conf *was)
{
    AUTO(jdoc_freep) struct jdoc *doc = NULL;
    struct errinfo ei = ERRINFO_INIT;

    faults_done(&faults);
    assert_ok(jdoc_parse(str_of(json), NULL, &doc, &ei), &ei);
    return subscription_conf_new(&sink, &topic, jdoc_root(doc), was, was ? 99 : 41,
                                 WALL + (was ? US_PER_S : 0), &faults);
}

static void make(const char *json)
{
    conf = parse(json, NULL);
    if (!conf)
        fail_msg("%s: %s", faults.items[0].pointer, faults.items[0].detail);
}

/* The faults as lines "pointer: detail". */
#define assert_faults(json, was, z) assert_faults_at((json), (was), (z), __FILE__, __LINE__)
static void assert_faults_at(const char *json, const struct subscription_conf *was, const char *z,
                             const char *file, int line)
{
    AUTO(buf_done) struct buf found = BUF_INIT;

    assert_null(parse(json, was));
    for (size_t i = 0; i < faults.count; i++)
        buf_printf(&found, "%s: %s\n", faults.items[i].pointer, faults.items[i].detail);
    assert_str_at(buf_view(&found), z, file, line);
}

#define assert_shown(c, z) assert_shown_at((c), (z), __FILE__, __LINE__)
static void assert_shown_at(const struct subscription_conf *c, const char *z, const char *file,
                            int line)
{
    AUTO(buf_done) struct buf text = BUF_INIT;
    struct jwriter w = jw_begin(&text);

    jw_object(&w);
    subscription_conf_write(c, &w);
    jw_object_end(&w);
    assert_int_equal(jw_end(&w), E_OK);
    /* Behind the id, which is random. */
    assert_int_equal(strncmp(text.p, "{\"id\":\"", 7), 0);
    assert_str_at(str_drop(buf_view(&text), 7 + UUID_LEN), z, file, line);
}

#define URL "\"url\":\"http://127.0.0.1:1/\""

static void test_a_new_one(void **state)
{
    (void)state;
    make("{" URL ",\"secret\":\"s3cr3t\"}");
    assert_true(uuid_is_valid(str_of(conf->id)));
    assert_int_equal(conf->mode, MODE_SNAPSHOT_PATCH);
    assert_int_equal(conf->status, SUBSCRIPTION_ACTIVE);
    assert_int_equal(conf->since, 41);
    assert_string_equal(((struct config *)conf->config)->secret, "s3cr3t");
    assert_shown(conf, "\",\"topicId\":\"" TOPIC_ID "\",\"subscriptionMode\":\"snapshot-patch\","
                       "\"subscriptionStatus\":\"active\",\"url\":\"http://127.0.0.1:1/\","
                       "\"secret\":\"********\",\"createTimestamp\":\"2026-01-31T08:15:00.123Z\","
                       "\"modifyTimestamp\":\"2026-01-31T08:15:00.123Z\"}");
}

static void test_what_the_server_sets_is_passed_over(void **state)
{
    (void)state;
    make("{" URL ",\"id\":\"" OTHER_ID "\",\"topicId\":\"" OTHER_ID "\",\"createTimestamp\":1,"
         "\"modifyTimestamp\":{},\"subscriptionMode\":\"snapshot-only\",\"secret\":null,"
         "\"subscriptionStatus\":\"suspended\"}");
    assert_string_not_equal(conf->id, OTHER_ID);
    assert_string_equal(conf->topic, TOPIC_ID);
    assert_int_equal(conf->mode, MODE_SNAPSHOT_ONLY);
    assert_int_equal(conf->status, SUBSCRIPTION_SUSPENDED);
    assert_str(
        blob_view(conf->json),
        "{\"subscriptionMode\":\"snapshot-only\",\"subscriptionStatus\":\"suspended\",\"url\":"
        "\"http://127.0.0.1:1/\"}");
}

static void test_all_faults_at_once(void **state)
{
    (void)state;
    assert_faults("[]", NULL, ": expected an object, found an array\n");
    assert_faults(
        "{\"subscriptionMode\":\"event\",\"subscriptionStatus\":\"asleep\",\"urll\":1}", NULL,
        "/subscriptionStatus: expected one of \"active\", \"suspended\", found the string "
        "\"asleep\"\n"
        "/url: \"url\" is required: expected an absolute http or https URL of at most 8192 "
        "bytes, found nothing\n"
        "/urll: unknown attribute; did you mean \"url\"?\n"
        "/subscriptionMode: expected a mode that the topic offers by webhook "
        "(snapshot-only, snapshot-patch), found event\n");
    /* The default is what is left of a mode that nobody knows: it is no second fault. */
    assert_int_equal(faults.count, 4);
    assert_null(parse("{" URL ",\"subscriptionMode\":\"patches\"}", NULL));
    assert_int_equal(faults.count, 1);
    assert_string_equal(faults.items[0].pointer, "/subscriptionMode");
}

static void test_a_topic_that_is_not_delivered_so(void **state)
{
    (void)state;
    topic.deliveries[SUBSCRIBER_WEBHOOK].modes = 0;
    assert_faults("{" URL "}", NULL,
                  ": the topic is not delivered by webhook: add {\"type\":\"webhook\"} to its "
                  "subscribers\n");
}

static void test_too_large(void **state)
{
    AUTO(buf_done) struct buf json = BUF_INIT;

    (void)state;
    buf_puts(&json, "{" URL ",\"secret\":\"");
    for (size_t i = 0; i < LIMIT_TOPIC_BYTES; i++)
        buf_putc(&json, 'x');
    buf_puts(&json, "\"}");
    assert_null(parse(buf_cstr(&json), NULL));
    assert_non_null(strstr(faults.items[0].detail, "bytes of JSON"));
}

static void test_changed(void **state)
{
    AUTO(subscription_conf_unrefp) struct subscription_conf *now = NULL;

    (void)state;
    make("{" URL ",\"secret\":\"s3cr3t\",\"subscriptionMode\":\"snapshot-only\"}");
    now = parse("{\"url\":\"http://127.0.0.1:2/\",\"secret\":\"********\",\"subscriptionMode\":"
                "\"snapshot-only\",\"topicId\":\"" TOPIC_ID "\"}",
                conf);
    assert_non_null(now);
    assert_string_equal(now->id, conf->id);
    assert_string_equal(((struct config *)now->config)->secret, "s3cr3t");
    assert_string_equal(((struct config *)now->config)->url, "http://127.0.0.1:2/");
    assert_int_equal(now->since, 41);
    assert_int_equal(now->created_wall, conf->created_wall);
    assert_int_equal(now->modified_wall, conf->modified_wall + US_PER_S);
    assert_int_equal(now->mode, MODE_SNAPSHOT_ONLY); /* which is not the default */
}

#define FIXED                                                                                      \
    "/topicId: cannot be changed: expected \"" TOPIC_ID "\", found the number 7\n"                 \
    "/subscriptionMode: the mode of a subscription is fixed: expected \"snapshot-patch\", found "  \
    "\"snapshot-only\"; delete the subscription and make another\n"

static void test_what_is_fixed(void **state)
{
    (void)state;
    make("{" URL ",\"secret\":\"s3cr3t\"}");
    AUTO_FREE char *found =
        xasprintf("/id: cannot be changed: expected \"%s\", found the string \"" OTHER_ID "\"\n%s",
                  conf->id, FIXED);
    assert_faults("{" URL ",\"subscriptionMode\":\"snapshot-only\",\"id\":\"" OTHER_ID
                  "\",\"topicId\":7}",
                  conf, found);
}

/* Its topic offers the mode no more: it may be changed while it is suspended, not made active. */
static void test_one_whose_topic_changed(void **state)
{
    AUTO(subscription_conf_unrefp) struct subscription_conf *now = NULL;

    (void)state;
    make("{" URL "}");
    topic.deliveries[SUBSCRIBER_WEBHOOK].modes = MODE_BIT(MODE_SNAPSHOT_ONLY);
    now = parse("{" URL ",\"subscriptionStatus\":\"suspended\"}", conf);
    assert_non_null(now);
    assert_int_equal(now->mode, MODE_SNAPSHOT_PATCH);
    assert_faults("{" URL ",\"subscriptionStatus\":\"active\"}", now,
                  "/subscriptionMode: expected a mode that the topic offers by webhook "
                  "(snapshot-only), found snapshot-patch\n");
    topic.deliveries[SUBSCRIBER_WEBHOOK].modes = 0;
    assert_faults("{" URL "}", now,
                  ": the topic is not delivered by webhook: add {\"type\":\"webhook\"} to its "
                  "subscribers\n");
}

static void test_another_status(void **state)
{
    AUTO(subscription_conf_unrefp) struct subscription_conf *now = NULL;

    (void)state;
    make("{" URL ",\"secret\":\"s3cr3t\",\"subscriptionMode\":\"snapshot-only\"}");
    now = subscription_conf_with_status(conf, SUBSCRIPTION_SUSPENDED, WALL + US_PER_S);
    assert_string_equal(now->id, conf->id);
    assert_int_equal(now->status, SUBSCRIPTION_SUSPENDED);
    assert_int_equal(now->mode, MODE_SNAPSHOT_ONLY);
    assert_int_equal(now->since, 41);
    assert_int_equal(now->modified_wall, conf->modified_wall + US_PER_S);
    assert_string_equal(((struct config *)now->config)->secret, "s3cr3t");
    assert_str(
        blob_view(now->json),
        "{\"subscriptionMode\":\"snapshot-only\",\"subscriptionStatus\":\"suspended\",\"url\":"
        "\"http://127.0.0.1:1/\",\"secret\":\"s3cr3t\"}");
}

/* ---- the record ---- */

static void test_what_is_stored_is_what_is_loaded(void **state)
{
    AUTO(subscription_conf_unrefp) struct subscription_conf *loaded = NULL;
    struct errinfo ei = ERRINFO_INIT;

    (void)state;
    make("{" URL ",\"secret\":\"s3cr3t\",\"subscriptionStatus\":\"suspended\"}");
    struct blob *record = subscription_conf_record(conf);
    assert_ok(subscription_conf_load(str_of(conf->id), blob_view(record), 8, 3, &loaded, &ei), &ei);
    blob_unref(record);
    assert_string_equal(loaded->id, conf->id);
    assert_string_equal(loaded->topic, TOPIC_ID);
    assert_ptr_equal(loaded->sink, &sink);
    assert_int_equal(loaded->num, 8);
    assert_int_equal(loaded->rev, 3);
    assert_int_equal(loaded->since, 41);
    assert_int_equal(loaded->mode, conf->mode);
    assert_int_equal(loaded->status, SUBSCRIPTION_SUSPENDED);
    assert_int_equal(loaded->created_wall, conf->created_wall);
    assert_int_equal(loaded->modified_wall, conf->modified_wall);
    assert_true(str_eq(blob_view(loaded->json), blob_view(conf->json)));
    assert_string_equal(((struct config *)loaded->config)->secret, "s3cr3t");
}

static void test_records_that_are_none(void **state)
{
    static const struct {
        const char *id, *body, *why;
    } cases[] = {
        {OTHER_ID, "{", "subscription " OTHER_ID},
        {OTHER_ID, "[]", "none that this version knows"},
        {OTHER_ID, "{\"type\":\"pigeon\",\"topicId\":\"" TOPIC_ID "\",\"since\":0}", "none that"},
        {OTHER_ID, "{\"type\":\"kafka\",\"topicId\":\"" TOPIC_ID "\",\"since\":0}", "none that"},
        {OTHER_ID, "{\"type\":\"webhook\",\"topicId\":\"x\",\"since\":0}", "none that"},
        {OTHER_ID, "{\"type\":\"webhook\",\"topicId\":\"" TOPIC_ID "\",\"since\":-1}", "none that"},
        {"x", "{\"type\":\"webhook\",\"topicId\":\"" TOPIC_ID "\",\"since\":0}", "none that"},
        {OTHER_ID,
         "{\"type\":\"webhook\",\"topicId\":\"" TOPIC_ID "\",\"since\":0,\"subscription\":{}}",
         "/url: \"url\" is required"},
        {OTHER_ID, "{\"type\":\"webhook\",\"topicId\":\"" TOPIC_ID "\",\"since\":0}",
         "expected an object, found nothing"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct errinfo ei = ERRINFO_INIT;

        assert_int_equal(
            subscription_conf_load(str_of(cases[i].id), str_of(cases[i].body), 1, 1, &conf, &ei),
            E_STORE_CORRUPT);
        assert_null(conf);
        if (!strstr(ei.text, cases[i].why))
            fail_msg("expected \"%s\", found \"%s\"", cases[i].why, ei.text);
    }
}

int main(void)
{
    sink_register(&sink);
    const struct CMUnitTest tests[] = {
#define conf_test(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
        conf_test(test_a_new_one),
        conf_test(test_what_the_server_sets_is_passed_over),
        conf_test(test_all_faults_at_once),
        conf_test(test_a_topic_that_is_not_delivered_so),
        conf_test(test_too_large),
        conf_test(test_changed),
        conf_test(test_what_is_fixed),
        conf_test(test_one_whose_topic_changed),
        conf_test(test_another_status),
        conf_test(test_what_is_stored_is_what_is_loaded),
        conf_test(test_records_that_are_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
