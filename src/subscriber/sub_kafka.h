/*
 * The Kafka sink: each event of a subscription is a record of a Kafka topic, written by an idempotent
 * producer. What it promises, and what it does where a cluster refuses, is in docs/kafka.md.
 */
#ifndef SUBSCRIBER_SUB_KAFKA_H
#define SUBSCRIBER_SUB_KAFKA_H

#include "core/sink.h"

extern const struct sink sub_kafka_sink;

#endif
