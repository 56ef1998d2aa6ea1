/*
 * publisher.config of the http-poller: its attributes and what they are parsed into. Immutable
 * once made, used by any loop.
 */
#ifndef PUBLISHER_PUB_HTTP_CONF_H
#define PUBLISHER_PUB_HTTP_CONF_H

#include "core/attr.h"
#include "core/gate.h"
#include "core/http_fields.h"
#include "core/topic_conf.h"
#include "publisher/http_page_conf.h"
#include "publisher/http_param.h"
#include "publisher/http_timing.h"

struct http_conf {
    char *url;
    int64_t polling_period_us;
    char *payload_pointer; /* NULL: the whole document */
    struct http_retries retries;
    char *array_key; /* NULL: guessed */
    bool allow_move;
    struct attr_texts ignore;
    struct jomit *omit; /* of ignore, compiled; NULL: none */
    struct gate_conf gate;
    struct http_fields fields;
    const jval *params_json; /* only while it is parsed */
    struct http_params params;
    struct http_page_conf pagination; /* mode HTTP_PAGE_NONE: none */
};

enum { HTTP_CONF_ATTRS = 16 };
extern const struct attr http_conf_attrs[HTTP_CONF_ATTRS];

/* See struct processor: config_new, config_free, change, gate. */
void *http_conf_new(const jval *config, const char *pointer, struct faults *f);
void http_conf_free(void *config);
void http_conf_change(const void *config, struct change_conf *ret);
const struct gate_conf *http_conf_gate(const void *config);
/* µs between polls, within the bounds that the server's settings have now: they may have become
 * narrower since the topic was stored. */
int64_t http_conf_period(const void *config);

#endif
