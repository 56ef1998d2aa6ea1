/*
 * libdeflate, one compressor per thread and level, made when it is first needed.
 */
#include "io/gzip.h"

#include <libdeflate.h>
#include <pthread.h>

/* Up to this many bytes the better level costs less than a millisecond more. */
#define SHORT_BODY ((size_t)64 << 10)

static const int levels[] = {6, 1}; /* for short bodies, for long ones */
static pthread_key_t keys[ARRAY_LEN(levels)];

static void free_compressor(void *c)
{
    libdeflate_free_compressor(c);
}

static void make_keys(void)
{
    for (size_t i = 0; i < ARRAY_LEN(levels); i++)
        if (pthread_key_create(&keys[i], free_compressor) != 0)
            panic("no thread-specific data left");
}

static struct libdeflate_compressor *compressor(size_t place)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, make_keys);
    struct libdeflate_compressor *c = pthread_getspecific(keys[place]);
    if (c)
        return c;
    c = libdeflate_alloc_compressor(levels[place]);
    if (!c || pthread_setspecific(keys[place], c) != 0)
        panic("out of memory for a compressor");
    return c;
}

void gzip_body(struct str body, struct buf *ret)
{
    struct libdeflate_compressor *c = compressor(body.n > SHORT_BODY);
    size_t most = libdeflate_gzip_compress_bound(c, body.n);

    if (buf_reserve(ret, most) != E_OK)
        panic("a body of %zu bytes to compress", body.n);
    size_t n = libdeflate_gzip_compress(c, body.p, body.n, ret->p + ret->len, most);
    CHECK(n > 0);
    ret->len += n;
}
