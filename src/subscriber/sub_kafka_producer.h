/*
 * Producers of librdkafka, their users and records.
 *
 * A producer (connections to one cluster as one user, with librdkafka's threads) is shared by the
 * users of one loop that go to the same cluster, and goes with its last user. librdkafka tells what
 * became of records by a queue that rings a bell of the loop (io/bell.h); nothing of ours runs on
 * its threads, except the check of addresses before connecting.
 *
 * A record is owned by its user's list until it is forgotten, then by the producer until librdkafka
 * is through with it. Records of a user arrive in the order in which they were added, or not at all:
 * a producer in which one failed for good takes no more and is retired; what is behind it fails too.
 */
#ifndef SUBSCRIBER_SUB_KAFKA_PRODUCER_H
#define SUBSCRIBER_SUB_KAFKA_PRODUCER_H

#include "base/list.h"
#include "core/event.h"
#include "subscriber/sub_kafka_settings.h"

struct kafka_producer;
struct kafka_user;
struct shard;
struct subscription;

enum kafka_record_status {
    KAFKA_HELD, /* librdkafka has no room for it yet */
    KAFKA_SENT,
    KAFKA_DONE, /* all in-sync replicas have it */
    KAFKA_FAILED,
};

struct kafka_record {
    struct list link;        /* of its user; on none: forgotten */
    struct list to_tell;     /* of its producer, while KAFKA_SENT */
    struct kafka_user *user; /* NULL: forgotten */
    enum kafka_record_status status;
    rd_kafka_resp_err_t err; /* KAFKA_FAILED */
    int64_t sent_at;
    struct blob *value;
    char event_id[EVENT_ID_MAX + 1]; /* "": of no event */
    const char *event_type;
    int64_t time_wall;
};

/* Both are called on the loop, not within a call of the user's. */
struct kafka_user_ops {
    /* Records became DONE or FAILED, or the producer was retired. It may leave. */
    void (*told)(struct kafka_user *u);
    /* Records are under way for long, and why as far as that is known. It may not leave. */
    void (*stuck)(struct kafka_user *u, const struct errinfo *why);
};

/* Embedded in who writes. */
struct kafka_user {
    const struct kafka_user_ops *ops;
    struct subscription *subscription;
    const struct kafka_conf *conf;
    struct kafka_producer *producer; /* NULL: none now */
    rd_kafka_topic_t *topic;         /* of it, as long */
    struct list link;                /* of its producer */
    struct list records;             /* oldest first */
    struct kafka_record *next;       /* the oldest that is held, or NULL */
    bool failed;                     /* one of them; nothing behind it is sent */
    struct deferred tell;
    struct errinfo why; /* it could not join */
};

/* ---- users ---- */

void kafka_user_init(struct kafka_user *u, const struct kafka_user_ops *ops,
                     struct subscription *s);
/* Get a producer, one of its own unless KAFKA_SHARED. It has none. False: the settings cannot be used,
 * as when a reference gives nothing, or the system refuses; u->why says so. */
bool kafka_user_join(struct kafka_user *u, enum kafka_use use);
/* Forget all records and give the producer back, if it has one. What was sent may arrive. */
void kafka_user_leave(struct kafka_user *u);
/* Its producer takes nothing more: leave it once nothing is under way. False without one. */
bool kafka_user_is_retired(const struct kafka_user *u);
/* Why its producer was retired or is hindered, or there is none; NULL: nothing is known. */
const char *kafka_user_trouble(const struct kafka_user *u);

/* ---- records ---- */

/* Add it as KAFKA_HELD; it is the user's now. value: a reference is taken. event_type: static. */
struct kafka_record *kafka_record_add(struct kafka_user *u, struct blob *value,
                                      const char *event_type, int64_t time_wall);
/* Hand over what is held, the oldest first, as far as there is room. u has a producer. */
void kafka_user_send(struct kafka_user *u);
/* It cannot be sent; told later. */
void kafka_record_fail(struct kafka_record *r, rd_kafka_resp_err_t err);
/* Forget it. */
void kafka_record_drop(struct kafka_record *r);
/* NULL: it has none. */
struct kafka_record *kafka_user_oldest(const struct kafka_user *u);

#endif
