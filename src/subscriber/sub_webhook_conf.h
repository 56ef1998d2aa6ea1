/*
 * The settings of a webhook subscription: its attributes and what they are parsed into. Immutable
 * once made, used by any loop.
 */
#ifndef SUBSCRIBER_SUB_WEBHOOK_CONF_H
#define SUBSCRIBER_SUB_WEBHOOK_CONF_H

#include "core/http_fields.h"
#include "core/subscription_conf.h"
#include "subscriber/sub_webhook_sign.h"

/* In the order of the names in the API. */
enum webhook_format { WEBHOOK_PLAIN, WEBHOOK_CLOUDEVENTS };

struct webhook_conf {
    struct subscription_common common;
    char *url;
    struct http_fields fields;
    struct attr_texts secrets; /* for signing; may hold references */
    int format;                /* enum webhook_format */
    int64_t timeout_us;
};

enum { WEBHOOK_CONF_ATTRS = 12 };
extern const struct attr webhook_conf_attrs[WEBHOOK_CONF_ATTRS];

/* See struct sink: config_new, config_free. */
void *webhook_conf_new(const jval *root, struct faults *f);
void webhook_conf_free(void *config);

/* Does something have to be resolved before it can be used? */
bool webhook_conf_by_reference(const struct webhook_conf *conf);
/* The keys of the secrets as they are now, into keys, which is empty and stays so after an error.
 * E_POLL_CONFIG names the attribute. */
MUST_USE enum err webhook_conf_keys(const struct webhook_conf *conf, const struct conf *server,
                                    struct webhook_keys *keys, struct errinfo *ei);

#endif
