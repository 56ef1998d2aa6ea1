#include "unit.h"

#include "subscriber/sub_kafka_settings.h"

static const struct settings_list none;
static const struct secret_rules all_allowed = {.local = true, .env = &none, .files = &none};

static struct kafka_conf plain = {.bootstrap_servers = "a.example:9092, b.example:9093",
                                  .auth.type = KAFKA_AUTH_NONE};

static struct kafka_conf authorized(char *username, char *password)
{
    return (struct kafka_conf){
        .bootstrap_servers = "a.example:9092",
        .auth = {.type = KAFKA_AUTH_SASL_SSL,
                 .sasl = {.mechanism = KAFKA_PLAIN, .username = username, .password = password}},
    };
}

static void conf_destroyp(rd_kafka_conf_t **c)
{
    if (*c)
        rd_kafka_conf_destroy(*c);
}

static void assert_set(const rd_kafka_conf_t *c, const char *name, const char *value)
{
    char now[512];
    size_t size = sizeof now;

    assert_int_equal(rd_kafka_conf_get(c, name, now, &size), RD_KAFKA_CONF_OK);
    if (strcmp(now, value) != 0)
        fail_msg("%s is %s, not %s", name, now, value);
}

/* librdkafka checks what goes together only here. */
static void assert_usable(rd_kafka_conf_t *c)
{
    char why[256] = "";
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, c, why, sizeof why);

    if (!rk)
        fail_msg("%s", why);
    rd_kafka_destroy(rk);
}

static void test_what_all_have(void **state)
{
    (void)state;
    for (int use = KAFKA_SHARED; use <= KAFKA_TEST; use++) {
        AUTO(conf_destroyp) rd_kafka_conf_t *c = NULL;

        assert_int_equal(
            kafka_settings_new(&plain, (enum kafka_use)use, &all_allowed, "", &c, NULL), E_OK);
        assert_set(c, "bootstrap.servers", "a.example:9092,b.example:9093");
        assert_set(c, "security.protocol", "plaintext");
        assert_set(c, "enable.idempotence", "true");
        assert_set(c, "acks", "-1");
        assert_set(c, "partitioner", "murmur2_random");
        assert_set(c, "message.timeout.ms", use == KAFKA_TEST ? "30000" : "0");
        assert_set(c, "enable.gapless.guarantee", use == KAFKA_TEST ? "false" : "true");
        if (use != KAFKA_SHARED)
            assert_set(c, "batch.num.messages", "1");
        assert_usable(TAKE(c));
    }
}

static void test_authorization(void **state)
{
    AUTO(conf_destroyp) rd_kafka_conf_t *c = NULL;
    struct kafka_conf conf = authorized("a ${env:SUB_KAFKA_USER}", "${env:SUB_KAFKA_PASSWORD}");
    (void)state;

    setenv("SUB_KAFKA_USER", "user", 1);
    setenv("SUB_KAFKA_PASSWORD", "hush, \"you\"", 1);
    assert_int_equal(kafka_settings_new(&conf, KAFKA_SHARED, &all_allowed, NULL, &c, NULL), E_OK);
    assert_set(c, "security.protocol", "sasl_ssl");
    assert_set(c, "sasl.mechanisms", "PLAIN");
    assert_set(c, "sasl.username", "a user");
    assert_set(c, "sasl.password", "hush, \"you\"");
    assert_set(c, "enable.ssl.certificate.verification", "true");
    assert_set(c, "ssl.endpoint.identification.algorithm", "https");
    assert_usable(TAKE(c));
}

static void test_authorities_by_setting(void **state)
{
    AUTO(conf_destroyp) rd_kafka_conf_t *c = NULL;
    struct kafka_conf conf = authorized("u", "p");
    struct errinfo ei = ERRINFO_INIT;
    (void)state;

    assert_int_equal(kafka_settings_new(&conf, KAFKA_SHARED, &all_allowed, "/none.pem", &c, &ei),
                     E_INVALID);
    assert_non_null(strstr(ei.text, "/none.pem"));
    assert_non_null(strstr(ei.text, "kafka.caFile"));
    assert_int_equal(kafka_settings_new(&conf, KAFKA_SHARED, &all_allowed, "/dev/null", &c, NULL),
                     E_OK);
    assert_set(c, "ssl.ca.location", "/dev/null");
}

static void test_references_that_give_nothing(void **state)
{
    char *names[] = {"OTHER"};
    const struct settings_list other = {.items = names, .count = 1};
    const struct secret_rules rules = {.local = true, .env = &other, .files = &other};
    struct kafka_conf conf = authorized("u", "hush${env:SUB_KAFKA_NONE}");
    struct errinfo ei = ERRINFO_INIT;
    rd_kafka_conf_t *c = NULL;
    (void)state;

    unsetenv("SUB_KAFKA_NONE");
    assert_int_equal(kafka_settings_new(&conf, KAFKA_SHARED, &all_allowed, NULL, &c, &ei),
                     E_INVALID);
    assert_null(c);
    assert_non_null(strstr(ei.text, "authorization.sasl.password"));
    assert_non_null(strstr(ei.text, "SUB_KAFKA_NONE"));
    assert_null(strstr(ei.text, "hush"));

    setenv("SUB_KAFKA_NONE", "p", 1);
    err_clear(&ei);
    assert_int_equal(kafka_settings_new(&conf, KAFKA_SHARED, &rules, NULL, &c, &ei), E_INVALID);
    assert_non_null(strstr(ei.text, "secrets.env"));
}

int main(void)
{
    return RUN_TESTS(test_what_all_have, test_authorization, test_authorities_by_setting,
                     test_references_that_give_nothing);
}
