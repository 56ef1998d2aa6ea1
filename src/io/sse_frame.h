/*
 * Server-Sent Events frames (HTML Living Standard §9.2). Pure.
 */
#ifndef IO_SSE_FRAME_H
#define IO_SSE_FRAME_H

#include "base/buf.h"

/* Append a frame: id (p NULL: no id line; an id with a NUL is left out as well, clients ignore
 * it), event name (NULL: none, which clients take as "message"), data (each line break, be it CR,
 * LF or both, starts a new data line), blank line. Line breaks in id and event are dropped. */
void sse_frame(struct buf *b, struct str id, const char *event, struct str data);
/* The part of a frame before its data and after it, for data that is sent from its own memory and
 * holds no line break. */
void sse_frame_head(struct buf *b, struct str id, const char *event);
#define SSE_FRAME_TAIL "\n\n"
/* ": text\n\n"; each line of the text becomes a comment line. */
void sse_comment(struct buf *b, struct str text);

#endif
