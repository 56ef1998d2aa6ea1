/*
 * publisher.config of the http-poller: its attributes and what they are parsed into. Immutable
 * once made, used by any loop.
 */
#ifndef PUBLISHER_PUB_HTTP_CONF_H
#define PUBLISHER_PUB_HTTP_CONF_H

#include "core/attr.h"
#include "core/topic_conf.h"

struct http_conf {
    char *url;
    int64_t polling_period_us;
    char *payload_pointer; /* NULL: the whole document */
    struct attr_map headers;
    struct attr_ints retry_on_http_codes;
    int64_t retry_max_attempts; /* after the first attempt */
    int64_t retry_initial_us, retry_max_us;
    double retry_factor;
    char *array_key; /* NULL: guessed */
    bool allow_move;
};

enum { HTTP_CONF_ATTRS = 14 };
extern const struct attr http_conf_attrs[HTTP_CONF_ATTRS];

/* See struct processor: config_new, config_free, change. */
void *http_conf_new(const jval *config, const char *pointer, struct faults *f);
void http_conf_free(void *config);
void http_conf_change(const void *config, struct change_conf *ret);
/* µs between polls, within the bounds that the server's settings have now: they may have become
 * narrower since the topic was stored. */
int64_t http_conf_period(const void *config);

/* A header field whose value is never shown: Authorization, Cookie, X-Api-Key … */
bool http_conf_is_secret_header(struct str name);

#endif
