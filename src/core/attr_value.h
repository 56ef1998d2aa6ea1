/*
 * Single values of attributes; for attr.c only.
 */
#ifndef CORE_ATTR_VALUE_H
#define CORE_ATTR_VALUE_H

#include "core/attr.h"

/* Check a value that is there and put it into its member; false after a fault (the member is then
 * untouched or partly filled) and for rows without a member. */
bool attr_parse_value(struct attr_ctx *c, const struct attr *row, const jval *v, void *member);
bool attr_name_find(const char *const *names, struct str s, size_t *ret);

#endif
