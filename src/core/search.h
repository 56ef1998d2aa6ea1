/*
 * Search expressions: which objects of a collection are asked for. Pure; over JSON values.
 *
 *     expression = conjunction *( OR conjunction )
 *     conjunction = unit *( AND unit )
 *     unit = "(" expression ")" | operand
 *     operand = name ":" value | name "!" value | name "?"
 *
 * A name is that of a member, names of nested members joined by dots. A value is a bare word, or
 * text within double quotes with backslash escapes. The manual (docs/api.md) says what matches.
 */
#ifndef CORE_SEARCH_H
#define CORE_SEARCH_H

#include "json/value.h"

struct search;

/* text is copied. E_INVALID says at which character (from 1) and what was expected; E_LIMIT: over
 * LIMIT_SEARCH_BYTES, _DEPTH or _OPERANDS. */
MUST_USE enum err search_parse(struct str text, struct search **ret, struct errinfo *ei);
void search_free(struct search *s);
static inline void search_freep(struct search **s)
{
    search_free(*s);
    *s = NULL;
}
bool search_matches(const struct search *s, const jval *v);
/* Does an operand ask for the member of this name, or for something within it? */
bool search_asks(const struct search *s, struct str name);

#endif
