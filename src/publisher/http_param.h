/*
 * Computed query parameters of the http-poller: values made from the start of the last successful
 * cycle. The attributes are parsed once; values are pure.
 */
#ifndef PUBLISHER_HTTP_PARAM_H
#define PUBLISHER_HTTP_PARAM_H

#include "core/attr.h"
#include "core/date_pattern.h"

struct http_param {
    char *name;
    int type, reference;                 /* places in their names */
    char *pattern, *zone_name, *initial; /* NULL: not given */
    bool milliseconds;
    int64_t overlap_us;
    struct date_pattern *format; /* type date-time */
    struct date_zone *zone;      /* NULL: UTC */
};

struct http_params {
    struct http_param *items;
    size_t count;
};

enum { HTTP_PARAM_ATTRS = 7 };
/* Rows of one parameter, for the manual. */
extern const struct attr http_param_attrs[HTTP_PARAM_ATTRS];

/* Parse the attribute computedQueryParameters; object NULL: none. c is at the object. */
void http_params_parse(struct attr_ctx *c, const jval *object, struct http_params *ret);
void http_params_done(struct http_params *p);

/* Append url with all parameters set, in place of those of the same name it has. last_success_wall:
 * when the first request of the last successful cycle was sent; 0: there was none, and the initial
 * value counts, or now less the period. E_POLL_CONFIG: it would be too long, or a value cannot be
 * written in its pattern. */
MUST_USE enum err http_params_apply(const struct http_params *p, struct str url,
                                    int64_t last_success_wall, int64_t now_wall, int64_t period_us,
                                    struct buf *b, struct errinfo *ei);

#endif
