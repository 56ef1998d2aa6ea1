/*
 * Base64 (RFC 4648 §4), with padding and without line breaks.
 */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include "base/buf.h"

/* Bytes that the text of n bytes has. */
static inline size_t base64_len(size_t n)
{
    return (n + 2) / 3 * 4;
}
void base64_encode(struct buf *b, struct str s);
/* Append the bytes that s stands for. E_INVALID, b as it was: s is not what base64_encode() writes.
 * E_LIMIT of b. */
MUST_USE enum err base64_decode(struct buf *b, struct str s);

#endif
