/*
 * zlib, one compressor per thread, made when it is first needed and reset for each part.
 */
#include "io/gzip_parts.h"

#include <pthread.h>
#include <zlib.h>

/* Up to this many bytes the better level costs less than a millisecond or two more. */
#define SHORT_TEXT ((size_t)64 << 10)
#define LONGEST_TEXT ((size_t)4 << 20)
/* What a flush adds at most, beyond deflateBound(). */
#define FLUSH_BYTES 16

static pthread_key_t key;

static void free_compressor(void *p)
{
    deflateEnd(p);
    free(p);
}

static void make_key(void)
{
    if (pthread_key_create(&key, free_compressor) != 0)
        panic("no thread-specific data left");
}

/* Raw blocks, with the largest window and the memory that zlib takes if not told otherwise. */
static z_stream *new_compressor(void)
{
    z_stream *z = xcalloc(1, sizeof *z);

    if (deflateInit2(z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) !=
            Z_OK ||
        pthread_setspecific(key, z) != 0)
        panic("out of memory for a compressor");
    return z;
}

/* Without any text. */
static z_stream *compressor(int level)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, make_key);
    z_stream *z = pthread_getspecific(key);
    if (!z)
        z = new_compressor();
    CHECK(deflateReset(z) == Z_OK && deflateParams(z, level, Z_DEFAULT_STRATEGY) == Z_OK);
    return z;
}

/* ---- checksums ---- */

static void check_begin(struct gzip_check *c)
{
    *c = (struct gzip_check){.crc = (uint32_t)crc32(0, NULL, 0),
                             .adler = (uint32_t)adler32(0, NULL, 0)};
}

static void check_take(struct gzip_check *c, const void *p, size_t n)
{
    c->n += n;
    c->crc = (uint32_t)crc32_z(c->crc, p, n);
    c->adler = (uint32_t)adler32_z(c->adler, p, n);
}

static void check_end(struct gzip_check *c)
{
    c->shift = (uint32_t)crc32_combine_gen((z_off_t)c->n);
}

/* ---- parts ---- */

static void put_le16(struct buf *b, unsigned v)
{
    buf_putc(b, (char)(v & 0xff));
    buf_putc(b, (char)(v >> 8 & 0xff));
}

/* Blocks that are not compressed (RFC 1951 §3.2.4). */
static void put_stored(struct buf *b, const char *p, size_t n)
{
    while (n > 0) {
        size_t part = MIN(n, (size_t)GZIP_PLAIN_MAX);
        buf_putc(b, 0);
        put_le16(b, (unsigned)part);
        put_le16(b, ~(unsigned)part);
        buf_append(b, p, part);
        p += part;
        n -= part;
    }
}

static void deflate_piece(z_stream *z, const struct iovec *v, int flush, struct buf *b)
{
    z->next_in = v->iov_base;
    z->avail_in = (uInt)v->iov_len;
    do {
        if (buf_reserve(b, deflateBound(z, z->avail_in) + FLUSH_BYTES) != E_OK)
            panic("a part of %zu bytes", b->len);
        z->next_out = (Bytef *)(b->p + b->len);
        z->avail_out = (uInt)MIN(b->cap - b->len, (size_t)UINT32_MAX);
        uInt room = z->avail_out;
        CHECK(deflate(z, flush) != Z_STREAM_ERROR);
        b->len += room - z->avail_out;
    } while (z->avail_in > 0 || z->avail_out == 0);
}

void gzip_part(const struct iovec *v, int count, struct buf *b, struct gzip_check *ret)
{
    struct gzip_check c;

    check_begin(&c);
    for (int i = 0; i < count; i++)
        check_take(&c, v[i].iov_base, v[i].iov_len);
    check_end(&c);
    CHECK(c.n <= UINT32_MAX);
    if (c.n > LONGEST_TEXT) {
        for (int i = 0; i < count; i++)
            put_stored(b, v[i].iov_base, v[i].iov_len);
    } else {
        z_stream *z = compressor(c.n > SHORT_TEXT ? 1 : 6);
        for (int i = 0; i < count; i++)
            deflate_piece(z, &v[i], i + 1 < count ? Z_NO_FLUSH : Z_SYNC_FLUSH, b);
    }
    *ret = c;
}

void gzip_part_plain(struct str text, struct buf *b)
{
    CHECK(text.n > 0 && text.n <= GZIP_PLAIN_MAX);
    put_stored(b, text.p, text.n);
}

/* ---- streams ---- */

void gzip_begin(struct gzip_stream *s, bool zlib, struct buf *b)
{
    /* RFC 1952 §2.3: deflate, no flags, no time, no hint, an unknown system. */
    static const char gzip_head[] = {'\x1f', '\x8b', 8, 0, 0, 0, 0, 0, 0, '\xff'};
    /* RFC 1950 §2.2: deflate, window of 32 KiB, the default level; a multiple of 31. */
    static const char zlib_head[] = {'\x78', '\x9c'};

    *s = (struct gzip_stream){.sum = zlib ? 1 : 0, .zlib = zlib};
    if (zlib)
        buf_append(b, zlib_head, sizeof zlib_head);
    else
        buf_append(b, gzip_head, sizeof gzip_head);
}

void gzip_add(struct gzip_stream *s, const struct gzip_check *part)
{
    if (s->zlib)
        s->sum = (uint32_t)adler32_combine(s->sum, part->adler, (z_off_t)part->n);
    else
        s->sum = (uint32_t)crc32_combine_op(s->sum, part->crc, part->shift);
    s->size += (uint32_t)part->n;
}

void gzip_add_plain(struct gzip_stream *s, struct str text)
{
    const void *p = text.p;

    s->sum = (uint32_t)(s->zlib ? adler32_z(s->sum, p, text.n) : crc32_z(s->sum, p, text.n));
    s->size += (uint32_t)text.n;
}

void gzip_end(const struct gzip_stream *s, struct buf *b)
{
    /* An empty last block with fixed codes (RFC 1951 §3.2.6). */
    buf_append(b, "\x03\x00", 2);
    if (s->zlib) {
        for (int shift = 24; shift >= 0; shift -= 8)
            buf_putc(b, (char)(s->sum >> shift & 0xff));
        return;
    }
    put_le16(b, s->sum & 0xffff);
    put_le16(b, s->sum >> 16);
    put_le16(b, s->size & 0xffff);
    put_le16(b, s->size >> 16);
}
