/*
 * The attributes of a Kafka subscription and what they are parsed into: the config of the sink
 * (core/sink.h). Immutable once made; it owns its texts. Nothing here knows librdkafka.
 */
#ifndef SUBSCRIBER_SUB_KAFKA_CONF_H
#define SUBSCRIBER_SUB_KAFKA_CONF_H

#include "core/secret_ref.h"
#include "core/subscription_conf.h"

/* In the order of the names in the API. */
enum kafka_auth_type { KAFKA_AUTH_NONE = -1, KAFKA_AUTH_SASL_SSL };
enum kafka_mechanism { KAFKA_PLAIN };
enum kafka_format { KAFKA_FORMAT_PLAIN, KAFKA_FORMAT_CLOUDEVENTS };

struct kafka_sasl {
    int mechanism;
    char *username, *password; /* may hold references */
};
struct kafka_auth {
    int type;
    struct kafka_sasl sasl;
};

struct kafka_conf {
    struct subscription_common common;
    char *bootstrap_servers; /* as given */
    char *topic;             /* of Kafka */
    int64_t partition;       /* -1: by the key */
    char *record_key;        /* NULL: the id of the subscription's topic */
    int format;
    struct kafka_auth auth;
};

enum { KAFKA_CONF_ATTRS = 12 };
extern const struct attr kafka_conf_attrs[KAFKA_CONF_ATTRS];

/* config_new and config_free of the sink. */
void *kafka_conf_new(const jval *root, struct faults *f);
void kafka_conf_free(void *config);

/* Append "a:9092,b:9092": without blanks. */
void kafka_conf_servers(const struct kafka_conf *c, struct buf *b);
/* Do they go to the same servers as the same user? Then they may share connections. */
bool kafka_conf_same_cluster(const struct kafka_conf *a, const struct kafka_conf *b);
/* What is wrong with a user name or password that a reference gave (secret_flaw_f). */
const char *kafka_conf_flaw(struct str value);

#endif
