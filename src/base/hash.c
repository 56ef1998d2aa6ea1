#include "base/hash.h"

/* All of it inline: on short inputs and long ones faster than the call into the library. */
#define XXH_INLINE_ALL
#include <xxhash.h>

#define STATE_ALIGN 64

struct hash_stream {
    XXH3_state_t state;
};

static struct hash128 of_xxh(XXH128_hash_t h)
{
    return (struct hash128){h.low64, h.high64};
}

struct hash128 hash_bytes(const void *p, size_t n)
{
    return of_xxh(XXH3_128bits(p, n));
}

uint64_t hash64(const void *p, size_t n)
{
    return XXH3_64bits(p, n);
}

uint64_t hash64_seed(const void *p, size_t n, uint64_t seed)
{
    return XXH3_64bits_withSeed(p, n, seed);
}

struct hash_stream *hash_stream_new(void)
{
    struct hash_stream *s = aligned_alloc(STATE_ALIGN, sizeof *s);

    if (!s)
        panic("out of memory asking for %zu bytes", sizeof *s);
    hash_stream_reset(s);
    return s;
}

void hash_stream_free(struct hash_stream *s)
{
    free(s);
}

void hash_stream_reset(struct hash_stream *s)
{
    XXH3_INITSTATE(&s->state);
    XXH3_128bits_reset(&s->state);
}

void hash_stream_update(struct hash_stream *s, const void *p, size_t n)
{
    if (n)
        XXH3_128bits_update(&s->state, p, n);
}

struct hash128 hash_stream_value(const struct hash_stream *s)
{
    return of_xxh(XXH3_128bits_digest(&s->state));
}
