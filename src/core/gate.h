/*
 * The gate before publishing: what a payload must be like, by the experience of whoever set the
 * topic up. Sources answer now and then with half a list, or with an apology in place of data;
 * subscribers shall keep the last good payload then. Beyond the source, off by default. Pure.
 */
#ifndef CORE_GATE_H
#define CORE_GATE_H

#include "core/attr.h"

struct gate_conf {
    int64_t min_items;          /* -1: any */
    double max_shrink;          /* a share of the last good payload; -1: any */
    struct attr_texts pointers; /* each must select something */
};

enum { GATE_ATTRS = 3 };
/* Of an ATTR_OBJECT whose struct is a gate_conf, set by gate_conf_init() before it is parsed. */
extern const struct attr gate_attrs[GATE_ATTRS];

/* No rules. */
void gate_conf_init(struct gate_conf *conf);
bool gate_has_rules(const struct gate_conf *conf);

/* May value, whose minified text has `bytes`, be published? last: minified text of the last good
 * payload; p NULL: none. E_POLL_FORMAT: no; ei names the rule, what it expects and what it found. */
MUST_USE enum err gate_check(const struct gate_conf *conf, struct str last, const jval *value,
                             size_t bytes, struct errinfo *ei);

#endif
