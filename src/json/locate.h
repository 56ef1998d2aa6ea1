/*
 * Where in a text a value stands, for messages that name a line. Pure.
 */
#ifndef JSON_LOCATE_H
#define JSON_LOCATE_H

#include "base/buf.h"

/* The offset of the value that the pointer (RFC 6901) selects in text, which is valid JSON; a
 * member's is that of its name. Where it selects nothing, that of the nearest container on its
 * way. Of a repeated name the last counts. */
size_t json_locate(struct str text, struct str pointer);
/* The line (from 1) of that. */
unsigned json_locate_line(struct str text, struct str pointer);
/* Append "path:line:column: what", for the jdoc_parse() of text that failed last on this thread. */
void json_locate_fault(struct buf *b, const char *path, struct str text, enum err err,
                       const struct errinfo *ei);

#endif
