/*
 * JSON pointers (RFC 6901).
 */
#ifndef JSON_POINTER_H
#define JSON_POINTER_H

#include "json/value.h"

/* Valid syntax? E_POINTER_SYNTAX says at which character and why. "" is valid. */
MUST_USE enum err jpointer_check(struct str pointer, struct errinfo *ei);
/* What it selects; NULL if nothing (or not a valid pointer). "-" selects nothing. */
jval *jpointer_get(const jval *root, struct str pointer);
/* Append "/" and the escaped token. */
void jpointer_add(struct buf *b, struct str token);
void jpointer_add_index(struct buf *b, size_t index);

/* ---- for walkers of their own ---- */

/* A token (between slashes, valid syntax) without its escapes; ret has room for token.n bytes.
 * Returns the length. */
size_t jpointer_unescape(struct str token, char *ret);
/* Is the token an array index as RFC 6901 §4 has it (digits, no leading zero)? */
bool jpointer_index(struct str token, size_t *ret);

#endif
