/*
 * The settings of a provisioned subscription: immutable, counted, shared by all loops. A change
 * makes a new one. Made from JSON by subscription_conf_new(), which checks everything and lists all
 * faults. (The wishes of a channel, which go with it, are no subscriptions in this sense.)
 */
#ifndef CORE_SUBSCRIPTION_CONF_H
#define CORE_SUBSCRIPTION_CONF_H

#include <stdatomic.h>

#include "core/attr.h"
#include "core/sink.h"
#include "core/topic_conf.h"

enum subscription_status { SUBSCRIPTION_ACTIVE, SUBSCRIPTION_SUSPENDED };

/* What all have; the config of a sink begins with it. */
struct subscription_common {
    int mode; /* enum mode; -1: none given */
    int status;
};

extern const char *const subscription_mode_names[];
extern const char *const subscription_status_names[];

/* The rows of that, for the table of a sink whose config struct is `type` and begins with
 * `common`. */
#define SUBSCRIPTION_ROWS(type)                                                                    \
    {.name = "id", .kind = ATTR_IGNORED, .help = "UUID of the subscription. Set by the server."},  \
        {.name = "topicId",                                                                        \
         .kind = ATTR_IGNORED,                                                                     \
         .help = "UUID of its topic. Set by the server."},                                         \
        {.name = "subscriptionMode",                                                               \
         .kind = ATTR_ENUM,                                                                        \
         .at = offsetof(type, common.mode),                                                        \
         .names = subscription_mode_names,                                                         \
         .help = "How the topic is told; without it, the default that the topic has for this way " \
                 "of delivery. Cannot be changed later."},                                         \
        {.name = "subscriptionStatus",                                                             \
         .kind = ATTR_ENUM,                                                                        \
         .at = offsetof(type, common.status),                                                      \
         .preset = "active",                                                                       \
         .names = subscription_status_names,                                                       \
         .help = "suspended: nothing is delivered; when it is active again, it goes on where it "  \
                 "was."},                                                                          \
        {.name = "createTimestamp",                                                                \
         .kind = ATTR_IGNORED,                                                                     \
         .help = "When the subscription was created. Set by the server."},                         \
    {                                                                                              \
        .name = "modifyTimestamp", .kind = ATTR_IGNORED,                                           \
        .help = "When the subscription was last changed. Set by the server."                       \
    }

struct subscription_conf {
    atomic_uint refs;
    uint64_t num; /* of the store's record; 0 before it is stored */
    uint64_t rev;
    uint64_t since; /* number of the topic's last event when it was made */
    char id[UUID_LEN + 1];
    char topic[UUID_LEN + 1];
    int64_t created_wall, modified_wall;
    const struct sink *sink;
    void *config; /* the sink's, parsed; begins with struct subscription_common */
    enum mode mode;
    enum subscription_status status;
    struct blob *json; /* as stored: secrets in it, without num and rev */
};

/* Check `root` (the JSON of a POST, or of a merged PATCH) and make a conf for a topic.
 * was: the conf it replaces, or NULL; its id, topic, mode and created time are kept and masked
 * secrets mean the value that stands. since: number of the topic's last event, of a new one. NULL
 * when faults were added. */
struct subscription_conf *subscription_conf_new(const struct sink *sink,
                                                const struct topic_conf *topic, const jval *root,
                                                const struct subscription_conf *was, uint64_t since,
                                                int64_t now_wall, struct faults *f);
/* The same with another status. */
struct subscription_conf *subscription_conf_with_status(const struct subscription_conf *was,
                                                        enum subscription_status status,
                                                        int64_t now_wall);
struct subscription_conf *subscription_conf_ref(const struct subscription_conf *c);
void subscription_conf_unref(const struct subscription_conf *c);
static inline void subscription_conf_unrefp(struct subscription_conf **c)
{
    subscription_conf_unref(*c);
    *c = NULL;
}
/* Members of the subscription as the API shows it, into an object that is open: defaults filled in,
 * secrets masked. */
void subscription_conf_write(const struct subscription_conf *c, struct jwriter *w);
/* The text of its record, secrets in it. */
struct blob *subscription_conf_record(const struct subscription_conf *c);
/* A conf from a record of the store. Errors: E_STORE_CORRUPT with the first fault. */
MUST_USE enum err subscription_conf_load(struct str id, struct str body, uint64_t num, uint64_t rev,
                                         struct subscription_conf **ret, struct errinfo *ei);

#endif
