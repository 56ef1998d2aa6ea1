#include "subscriber/sub_kafka_record.h"

#include "base/clock.h"
#include "core/cloudevent.h"
#include "core/subscription.h"

#define PREFIX "X-Axway-Streams-"

/* ---- out ---- */

static void add(rd_kafka_headers_t *h, const char *name, const char *value)
{
    CHECK(rd_kafka_header_add(h, name, -1, value, -1) == RD_KAFKA_RESP_ERR_NO_ERROR);
}

static rd_kafka_headers_t *headers_of(const struct kafka_record *r)
{
    const struct subscription_conf *conf = r->user->subscription->conf;
    rd_kafka_headers_t *h = rd_kafka_headers_new(5);

    add(h, PREFIX "Subscription-Id", conf->id);
    add(h, PREFIX "Topic-Id", conf->topic);
    if (r->event_id[0]) {
        add(h, PREFIX "Event-Id", r->event_id);
        add(h, PREFIX "Event-Type", r->event_type);
    }
    /* CloudEvents Kafka Protocol Binding 1.0.2 §3.3.1; of what a test sends nothing is known. */
    if (r->event_id[0] && r->user->conf->format == KAFKA_FORMAT_CLOUDEVENTS)
        add(h, "content-type", CLOUDEVENT_MEDIA_TYPE "; charset=UTF-8");
    return h;
}

rd_kafka_resp_err_t kafka_record_produce(rd_kafka_t *rk, struct kafka_record *r)
{
    const struct kafka_conf *conf = r->user->conf;
    const char *key = conf->record_key ? conf->record_key : r->user->subscription->conf->topic;
    int32_t partition = conf->partition < 0 ? RD_KAFKA_PARTITION_UA : (int32_t)conf->partition;
    rd_kafka_headers_t *h = headers_of(r);
    rd_kafka_resp_err_t err = rd_kafka_producev(
        rk, RD_KAFKA_V_RKT(r->user->topic), RD_KAFKA_V_PARTITION(partition),
        RD_KAFKA_V_KEY(key, strlen(key)), RD_KAFKA_V_VALUE(r->value->p, r->value->len),
        RD_KAFKA_V_HEADERS(h), RD_KAFKA_V_TIMESTAMP(r->time_wall / US_PER_MS), RD_KAFKA_V_OPAQUE(r),
        RD_KAFKA_V_END);

    if (err)
        rd_kafka_headers_destroy(h);
    return err;
}

/* ---- errors ---- */

bool kafka_error_is_size(rd_kafka_resp_err_t err)
{
    return err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE ||
           err == RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE;
}

bool kafka_error_is_collateral(rd_kafka_resp_err_t err)
{
    switch (err) {
    case RD_KAFKA_RESP_ERR__FATAL:
    case RD_KAFKA_RESP_ERR__GAPLESS_GUARANTEE:
    case RD_KAFKA_RESP_ERR__PURGE_QUEUE:
    case RD_KAFKA_RESP_ERR__PURGE_INFLIGHT:
        return true;
    default:
        return false;
    }
}

void kafka_record_explain(const struct kafka_record *r, struct errinfo *ret)
{
    const struct kafka_conf *conf = r->user->conf;
    const char *trouble = kafka_user_trouble(r->user);

    err_clear(ret);
    switch (r->err) {
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
        (void)err_set(
            ret, E_LIMIT,
            "the Kafka topic %s does not take a record with a value of %zu bytes, that of "
            "event %s (its setting max.message.bytes)",
            conf->topic, r->value->len, r->event_id[0] ? r->event_id : "none");
        return;
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
        (void)err_set(ret, E_NOT_FOUND,
                      "the cluster has no topic %s, and does not make it by itself", conf->topic);
        return;
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
        (void)err_set(ret, E_NOT_FOUND, "the Kafka topic %s has no partition %lld", conf->topic,
                      (long long)conf->partition);
        return;
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
        (void)err_set(ret, E_IO, "the cluster does not allow writing to its topic %s", conf->topic);
        return;
    default:
        if (trouble && kafka_error_is_collateral(r->err))
            (void)err_set(ret, E_IO, "%s", trouble);
        else
            (void)err_set(ret, E_IO, "%s", rd_kafka_err2str(r->err));
    }
}
