#include "unit.h"

#include "subscriber/sub_kafka_conf.h"

#define AUTHORIZATION(user, password)                                                              \
    "\"authorization\":{\"type\":\"sasl_ssl\",\"sasl\":{\"mechanism\":\"plain\",\"username\":"     \
    "\"" user "\",\"password\":\"" password "\"}}"

/* Parse it; NULL: *f has its faults. */
static struct kafka_conf *parse(const char *text, struct faults *f)
{
    AUTO(jdoc_freep) struct jdoc *doc = NULL;

    assert_int_equal(jdoc_parse(str_of(text), NULL, &doc, NULL), E_OK);
    faults_init(f);
    return kafka_conf_new(jdoc_root(doc), f);
}

static struct kafka_conf *parse_good(const char *text)
{
    AUTO(faults_done) struct faults f;
    struct kafka_conf *conf = parse(text, &f);

    if (!conf)
        fail_msg("%s: %s: %s", text, f.items[0].pointer, f.items[0].detail);
    return conf;
}

static void free_conf(struct kafka_conf **conf)
{
    kafka_conf_free(*conf);
}

static void test_defaults(void **state)
{
    (void)state;
    AUTO(free_conf)
    struct kafka_conf *conf = parse_good("{\"bootstrapServers\":\"a:1\",\"topic\":\"t\"}");

    assert_int_equal(conf->common.mode, -1);
    assert_int_equal(conf->common.status, SUBSCRIPTION_ACTIVE);
    assert_int_equal(conf->partition, -1);
    assert_null(conf->record_key);
    assert_int_equal(conf->format, KAFKA_FORMAT_PLAIN);
    assert_int_equal(conf->auth.type, KAFKA_AUTH_NONE);
}

static void test_all_that_can_be_given(void **state)
{
    (void)state;
    AUTO(free_conf)
    struct kafka_conf *conf = parse_good(
        "{\"bootstrapServers\":\"kafka-1.example:9092 ,[::1]:9093\",\"topic\":\"a.B_c-1\","
        "\"partition\":2147483647,\"recordKey\":\"ä\",\"format\":\"cloudevents\","
        "\"subscriptionMode\":\"snapshot-only\",\"subscriptionStatus\":"
        "\"suspended\"," AUTHORIZATION("${env:USER}", "${file:/a/b}") "}");
    AUTO(buf_done) struct buf servers = BUF_INIT;

    kafka_conf_servers(conf, &servers);
    assert_string_equal(buf_cstr(&servers), "kafka-1.example:9092,[::1]:9093");
    assert_string_equal(conf->topic, "a.B_c-1");
    assert_int_equal(conf->partition, 2147483647);
    assert_string_equal(conf->record_key, "ä");
    assert_int_equal(conf->format, KAFKA_FORMAT_CLOUDEVENTS);
    assert_int_equal(conf->common.mode, MODE_SNAPSHOT_ONLY);
    assert_int_equal(conf->common.status, SUBSCRIPTION_SUSPENDED);
    assert_int_equal(conf->auth.type, KAFKA_AUTH_SASL_SSL);
    assert_int_equal(conf->auth.sasl.mechanism, KAFKA_PLAIN);
    assert_string_equal(conf->auth.sasl.username, "${env:USER}");
    assert_string_equal(conf->auth.sasl.password, "${file:/a/b}");
}

static void test_faults_are_told_all_at_once(void **state)
{
    AUTO(faults_done) struct faults f;
    static const char *const pointers[] = {"/bootstrapServers", "/topic", "/partition",
                                           "/authorization/sasl/username"};
    (void)state;

    assert_null(parse("{\"bootstrapServers\":\"a\",\"topic\":\"b c\",\"partition\":-1,"
                      "\"authorization\":{\"type\":\"sasl_ssl\",\"sasl\":{\"mechanism\":\"plain\","
                      "\"username\":\"\",\"password\":\"hush\"}}}",
                      &f));
    assert_int_equal(f.count, ARRAY_LEN(pointers));
    for (size_t i = 0; i < f.count; i++) {
        size_t k = 0;

        while (k < ARRAY_LEN(pointers) && strcmp(pointers[k], f.items[i].pointer) != 0)
            k++;
        assert_true(k < ARRAY_LEN(pointers));
        assert_null(strstr(f.items[i].detail, "hush"));
    }
}

static void test_who_may_share_connections(void **state)
{
    static const char plain[] = "{\"bootstrapServers\":\"a:1,b:2\",\"topic\":\"t\"}";
    static const char authorized[] =
        "{\"bootstrapServers\":\"a:1\",\"topic\":\"t\"," AUTHORIZATION("u", "p") "}";
    static const struct {
        const char *a, *b;
        bool same;
    } rows[] = {
        {plain, "{\"bootstrapServers\":\" a:1 , b:2\",\"topic\":\"other\",\"partition\":1}", true},
        {plain, "{\"bootstrapServers\":\"a:1\",\"topic\":\"t\"}", false},
        {plain, "{\"bootstrapServers\":\"a:1,b:2,c:3\",\"topic\":\"t\"}", false},
        {plain, "{\"bootstrapServers\":\"a:1,b:3\",\"topic\":\"t\"}", false},
        {plain, "{\"bootstrapServers\":\"a:1,b:2\",\"topic\":\"t\"," AUTHORIZATION("u", "p") "}",
         false},
        {authorized, "{\"bootstrapServers\":\"a:1\",\"topic\":\"t\"}", false},
        {authorized, "{\"bootstrapServers\":\"a:1\",\"topic\":\"o\"," AUTHORIZATION("u", "p") "}",
         true},
        {authorized, "{\"bootstrapServers\":\"a:1\",\"topic\":\"t\"," AUTHORIZATION("v", "p") "}",
         false},
        {authorized, "{\"bootstrapServers\":\"a:1\",\"topic\":\"t\"," AUTHORIZATION("u", "q") "}",
         false},
    };
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(free_conf) struct kafka_conf *a = parse_good(rows[i].a);
        AUTO(free_conf) struct kafka_conf *b = parse_good(rows[i].b);

        if (kafka_conf_same_cluster(a, b) != rows[i].same ||
            kafka_conf_same_cluster(b, a) != rows[i].same)
            fail_msg("%s and %s", rows[i].a, rows[i].b);
    }
}

static void test_what_references_must_not_give(void **state)
{
    (void)state;
    assert_null(kafka_conf_flaw(STR("p a\xc3\xa4:")));
    assert_non_null(kafka_conf_flaw(STR("")));
    assert_non_null(kafka_conf_flaw(str_make("a\0b", 3)));
}

int main(void)
{
    return RUN_TESTS(test_defaults, test_all_that_can_be_given, test_faults_are_told_all_at_once,
                     test_who_may_share_connections, test_what_references_must_not_give);
}
