/*
 * Bodies of answers, compressed (RFC 1952). With io/inflate.h the only door to libdeflate and zlib.
 */
#ifndef IO_GZIP_H
#define IO_GZIP_H

#include "base/buf.h"

/* Append body as one gzip member. Takes 2 to 40 ns a byte: longer bodies are compressed less well,
 * but sooner. */
void gzip_body(struct str body, struct buf *ret);

#endif
