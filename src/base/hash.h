/*
 * Fast hash of bytes, 128 bits (XXH3). The only door to xxhash. Not for secrets.
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/str.h"

struct hash128 {
    uint64_t lo, hi;
};

struct hash_stream; /* state of a streamed hash, aligned heap memory */

struct hash128 hash_bytes(const void *p, size_t n);
uint64_t hash64(const void *p, size_t n);
uint64_t hash64_seed(const void *p, size_t n, uint64_t seed);
static inline bool hash_eq(struct hash128 a, struct hash128 b)
{
    return a.lo == b.lo && a.hi == b.hi;
}

struct hash_stream *hash_stream_new(void);
void hash_stream_free(struct hash_stream *s);
void hash_stream_reset(struct hash_stream *s);
void hash_stream_update(struct hash_stream *s, const void *p, size_t n);
struct hash128 hash_stream_value(const struct hash_stream *s);

#endif
