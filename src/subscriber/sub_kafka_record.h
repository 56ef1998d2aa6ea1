/*
 * One record: how an event becomes it, and what an error of it means.
 */
#ifndef SUBSCRIBER_SUB_KAFKA_RECORD_H
#define SUBSCRIBER_SUB_KAFKA_RECORD_H

#include "subscriber/sub_kafka_producer.h"

/* Hand it over, as its user's config says. Its value is lent until librdkafka tells what became of it;
 * all else is copied. Returns the error of librdkafka. */
rd_kafka_resp_err_t kafka_record_produce(rd_kafka_t *rk, struct kafka_record *r);

/* The record was too large: no other try will change that, unless the cluster is changed. */
bool kafka_error_is_size(rd_kafka_resp_err_t err);
/* It failed because another one did, or the producer as a whole. */
bool kafka_error_is_collateral(rd_kafka_resp_err_t err);
/* Say why r, which failed, did, for people. */
void kafka_record_explain(const struct kafka_record *r, struct errinfo *ret);

#endif
