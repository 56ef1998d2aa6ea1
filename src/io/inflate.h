/*
 * Content codings of bodies: gzip, deflate, br, zstd. The only door to libdeflate, zlib, brotli and
 * zstd. Output is bounded while it is made: a bomb costs its limit, not its size.
 */
#ifndef IO_INFLATE_H
#define IO_INFLATE_H

#include "base/buf.h"

/* Decode body by its Content-Encoding field value ("gzip", "gzip, br", "", "identity"); several
 * codings are undone last first. ret gets the plain bytes, at most max. Errors: E_POLL_SIZE over
 * max, E_POLL_FORMAT damaged, truncated, or a coding that is not known (named). */
MUST_USE enum err inflate_body(struct str coding, struct str body, size_t max, struct buf *ret,
                               struct errinfo *ei);
/* What we can decode, for Accept-Encoding. Static. */
const char *inflate_accept(void);

#endif
