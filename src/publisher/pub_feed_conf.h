/*
 * publisher.config of the feed-poller: its attributes and what they are parsed into. Immutable once
 * made, used by any loop.
 */
#ifndef PUBLISHER_PUB_FEED_CONF_H
#define PUBLISHER_PUB_FEED_CONF_H

#include "core/http_fields.h"
#include "publisher/http_timing.h"

/* When a batch is completed, in the order of the names in the API. */
enum { POLLED_STORED, POLLED_DELIVERED };

struct polled_conf {
    char *url;
    int64_t polling_period_us;
    struct http_retries retries;
    struct http_fields fields;
    char *tenant_id;    /* NULL: none */
    int complete_after; /* POLLED_… */
};

enum { POLLED_CONF_ATTRS = 11 };
extern const struct attr polled_conf_attrs[POLLED_CONF_ATTRS];

#define POLLED_TENANT_FIELD "X-TENANT-ID"

/* See struct processor: config_new, config_free, period. */
void *polled_conf_new(const jval *config, const char *pointer, struct faults *f);
void polled_conf_free(void *config);
int64_t polled_conf_period(const void *config);

#endif
