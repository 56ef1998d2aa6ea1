/*
 * Documents without some of their parts: the parts are named by patterns, JSON pointers (RFC 6901)
 * in which a token "*" stands for any member or element. Pure.
 *
 * A set of patterns is compiled once; it is immutable then and may be used by any thread.
 */
#ifndef JSON_OMIT_H
#define JSON_OMIT_H

#include "json/value.h"

#define JOMIT_MAX 64 /* patterns of a set */

struct jomit;

/* patterns: at most JOMIT_MAX, each of valid syntax (jpointer_check()); borrowed for the call. */
struct jomit *jomit_new(char *const *patterns, size_t count);
/* NULL is fine. */
void jomit_free(struct jomit *o);

/* Append the minified text of v without what a pattern selects; nothing when v itself is selected.
 * Elements behind one that is left out move up. Fails only with E_LIMIT of the buffer. */
MUST_USE enum err jomit_write(const struct jomit *o, const jval *v, struct buf *b);
/* Are they equal by value (jv_equal()), both without what a pattern selects in them? */
bool jomit_equal(const struct jomit *o, const jval *a, const jval *b);

#endif
