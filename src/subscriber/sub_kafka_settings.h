/*
 * What librdkafka is told: one table of its settings, and what comes of a subscription's config.
 */
#ifndef SUBSCRIBER_SUB_KAFKA_SETTINGS_H
#define SUBSCRIBER_SUB_KAFKA_SETTINGS_H

#include <librdkafka/rdkafka.h>

#include "subscriber/sub_kafka_conf.h"

/* What a producer is for. */
enum kafka_use {
    KAFKA_SHARED, /* by all subscriptions of a loop that go to the same cluster */
    KAFKA_ALONE,  /* by one that failed: no record is sent together with another */
    KAFKA_TEST,   /* for one record that is given up soon */
};

/* How long a KAFKA_TEST tries. Records of subscriptions are tried for ever: one that was given up
 * while a later one is under way would leave a gap. */
#define KAFKA_TEST_MS 30000

/* References of conf are looked up now. ca_file: "" or NULL for the system's authorities.
 * *ret: rd_kafka_conf_destroy(), unless rd_kafka_new() took it. Errors: E_INVALID. */
MUST_USE enum err kafka_settings_new(const struct kafka_conf *conf, enum kafka_use use,
                                     const struct secret_rules *rules, const char *ca_file,
                                     rd_kafka_conf_t **ret, struct errinfo *ei);

#endif
