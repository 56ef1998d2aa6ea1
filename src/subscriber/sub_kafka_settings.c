#include "subscriber/sub_kafka_settings.h"

#include <errno.h>
#include <unistd.h>

#define SHARED (1u << KAFKA_SHARED)
#define ALONE (1u << KAFKA_ALONE)
#define TEST (1u << KAFKA_TEST)
#define ALL (SHARED | ALONE | TEST)

#define TEXT_OF(n) TEXT_OF_(n)
#define TEXT_OF_(n) #n

static const struct {
    const char *name, *value;
    unsigned uses;
} settings[] = {
    {"client.id", "pollcast", ALL},
    /* Neither lost nor doubled nor out of order between here and the broker; acks=all with it. */
    {"enable.idempotence", "true", ALL},
    {"acks", "all", ALL},
    /* Where a record cannot be written, none behind it is: the producer ends instead. */
    {"enable.gapless.guarantee", "true", SHARED | ALONE},
    {"message.timeout.ms", "0", SHARED | ALONE},
    {"message.timeout.ms", TEXT_OF(KAFKA_TEST_MS), TEST},
    /* As Kafka's own clients choose the partition of a key. */
    {"partitioner", "murmur2_random", ALL},
    /* What comes in one turn of the loop goes together; waiting longer would only delay. */
    {"linger.ms", "2", SHARED},
    {"linger.ms", "0", ALONE | TEST},
    {"batch.size", "1000000", SHARED},
    {"batch.num.messages", "1", ALONE | TEST},
    /* The broker decides what is too large. Payloads are lent, not copied: this bounds what is
     * kept alive, and is above the largest payload there can be. */
    {"message.max.bytes", "134217728", ALL},
    {"queue.buffering.max.kbytes", "131072", ALL},
    {"queue.buffering.max.messages", "10000", ALL},
    /* A broker that comes back is used within seconds. */
    {"reconnect.backoff.ms", "100", ALL},
    {"reconnect.backoff.max.ms", "2000", ALL},
    {"socket.connection.setup.timeout.ms", "10000", ALL},
    {"socket.timeout.ms", "30000", ALL},
    {"socket.keepalive.enable", "true", ALL},
    {"socket.nagle.disable", "true", ALL},
    /* For how long a topic may be unknown, where the cluster makes topics by itself. */
    {"topic.metadata.propagation.max.ms", "10000", ALL},
    {"topic.metadata.refresh.interval.ms", "60000", ALL},
    {"log.queue", "true", ALL},
    {"log.connection.close", "false", ALL},
};

static enum err set(rd_kafka_conf_t *c, const char *name, const char *value, struct errinfo *ei)
{
    char why[256];

    if (rd_kafka_conf_set(c, name, value, why, sizeof why) == RD_KAFKA_CONF_OK)
        return E_OK;
    return err_set(ei, E_INVALID, "librdkafka does not take %s: %s", name, why);
}

static enum err set_secret(rd_kafka_conf_t *c, const char *name, const char *attr, const char *text,
                           const struct secret_rules *rules, struct errinfo *ei)
{
    AUTO(buf_wipe) struct buf plain = BUF_INIT;
    enum err err = secret_ref_resolve(str_of(text), rules, kafka_conf_flaw, &plain, ei);

    if (err != E_OK)
        return err_prefix(ei, err, "authorization.sasl.%s", attr);
    return set(c, name, buf_cstr(&plain), ei);
}

/* librdkafka would not say which file it is. */
static enum err set_authorities(rd_kafka_conf_t *c, const char *ca_file, struct errinfo *ei)
{
    if (!ca_file || !ca_file[0])
        return E_OK;
    if (access(ca_file, R_OK) != 0)
        return err_set(ei, E_INVALID, "the file %s, which the setting kafka.caFile names: %s",
                       ca_file, strerror(errno));
    return set(c, "ssl.ca.location", ca_file, ei);
}

static enum err set_auth(rd_kafka_conf_t *c, const struct kafka_auth *auth,
                         const struct secret_rules *rules, const char *ca_file, struct errinfo *ei)
{
    static const char *const protocols[] = {"sasl_ssl"};
    static const char *const mechanisms[] = {"PLAIN"};

    if (auth->type == KAFKA_AUTH_NONE)
        return set(c, "security.protocol", "plaintext", ei);
    enum err err = set(c, "security.protocol", protocols[auth->type], ei);
    if (err == E_OK)
        err = set(c, "enable.ssl.certificate.verification", "true", ei);
    if (err == E_OK)
        err = set(c, "ssl.endpoint.identification.algorithm", "https", ei);
    if (err == E_OK)
        err = set_authorities(c, ca_file, ei);
    if (err == E_OK)
        err = set(c, "sasl.mechanism", mechanisms[auth->sasl.mechanism], ei);
    if (err == E_OK)
        err = set_secret(c, "sasl.username", "username", auth->sasl.username, rules, ei);
    if (err == E_OK)
        err = set_secret(c, "sasl.password", "password", auth->sasl.password, rules, ei);
    return err;
}

static void conf_destroyp(rd_kafka_conf_t **c)
{
    if (*c)
        rd_kafka_conf_destroy(*c);
}

enum err kafka_settings_new(const struct kafka_conf *conf, enum kafka_use use,
                            const struct secret_rules *rules, const char *ca_file,
                            rd_kafka_conf_t **ret, struct errinfo *ei)
{
    AUTO(conf_destroyp) rd_kafka_conf_t *c = rd_kafka_conf_new();
    AUTO(buf_done) struct buf servers = BUF_INIT;
    enum err err = E_OK;

    for (size_t i = 0; err == E_OK && i < ARRAY_LEN(settings); i++)
        if (settings[i].uses & 1u << use)
            err = set(c, settings[i].name, settings[i].value, ei);
    kafka_conf_servers(conf, &servers);
    if (err == E_OK)
        err = set(c, "bootstrap.servers", buf_cstr(&servers), ei);
    if (err == E_OK)
        err = set_auth(c, &conf->auth, rules, ca_file, ei);
    if (err != E_OK)
        return err;
    *ret = TAKE(c);
    return E_OK;
}
