/*
 * Decoders of bodies. Each appends to a buffer that cannot grow past the limit, and treats a body
 * that ends early as damaged: a truncated answer must never look like a short one.
 */
#include "io/inflate.h"

#include <brotli/decode.h>
#include <libdeflate.h>
#include <pthread.h>
#include <zlib.h>
#include <zstd.h>

#define CODINGS_MAX 4 /* undone one after the other; nobody needs more */
#define FIRST_GUESS 4 /* a plain body is thought to be so many times the coded one */
#define STEP ((size_t)16 << 10)

typedef enum err decode_f(struct str in, struct buf *out, struct errinfo *ei);

static enum err too_large(const struct buf *out, struct errinfo *ei)
{
    return err_set(ei, E_POLL_SIZE, "the body is over the limit of %zu bytes once decoded",
                   out->max - 1);
}

static enum err damaged(const char *coding, struct errinfo *ei)
{
    return err_set(ei, E_POLL_FORMAT, "the %s body is damaged or truncated", coding);
}

/* Make room for `want` more bytes, or as many as there may be, but more than there is. */
static enum err grow(struct buf *out, size_t want, struct errinfo *ei)
{
    size_t left = out->max - out->len;
    size_t room = out->cap - out->len;

    if (room >= left || buf_reserve(out, MIN(MAX(want, room + 1), left)))
        return too_large(out, ei);
    return E_OK;
}

/* For decoders that go on where they stopped. */
static enum err more_room(struct buf *out, size_t coded, struct errinfo *ei)
{
    if (out->cap > out->len)
        return E_OK;
    return grow(out, MAX(MAX(coded * FIRST_GUESS, STEP), out->len), ei);
}

/* ---- gzip and deflate ---- */

static pthread_key_t decompressor_key;

static void free_decompressor(void *d)
{
    libdeflate_free_decompressor(d);
}

static void make_key(void)
{
    if (pthread_key_create(&decompressor_key, free_decompressor))
        panic("no more thread keys");
}

/* One per thread: it has 11 KB of tables that are of no use to anybody else meanwhile. */
static struct libdeflate_decompressor *decompressor(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, make_key);
    struct libdeflate_decompressor *d = pthread_getspecific(decompressor_key);
    if (d)
        return d;
    d = libdeflate_alloc_decompressor();
    if (!d || pthread_setspecific(decompressor_key, d))
        panic("out of memory for a decompressor");
    return d;
}

typedef enum libdeflate_result libdeflate_f(struct libdeflate_decompressor *d, const void *in,
                                            size_t in_len, void *out, size_t out_cap,
                                            size_t *ret_in, size_t *ret_out);

/* libdeflate decodes at one go; when the room was too small, it does so again with more. */
static enum err deflate_with(libdeflate_f *fn, const char *coding, struct str in, size_t guess,
                             struct buf *out, size_t *ret_used, struct errinfo *ei)
{
    size_t used = 0, made = 0;

    if (guess > out->cap - out->len && out->cap < out->max) {
        enum err e = grow(out, guess, ei);
        if (e)
            return e;
    }
    for (;;) {
        enum libdeflate_result r =
            fn(decompressor(), in.p, in.n, out->p + out->len, out->cap - out->len, &used, &made);
        if (r == LIBDEFLATE_SUCCESS)
            break;
        if (r != LIBDEFLATE_INSUFFICIENT_SPACE)
            return damaged(coding, ei);
        enum err e = grow(out, MAX((out->cap - out->len) * 2, STEP), ei);
        if (e)
            return e;
    }
    out->len += made;
    *ret_used = used;
    return E_OK;
}

/* The size that a gzip body of one member claims at its end (modulo 2^32, RFC 1952 §2.3.1), where
 * that can be: DEFLATE makes at most 1032 bytes of one. */
static size_t gzip_guess(struct str in)
{
    if (in.n < 18)
        return STEP;
    const unsigned char *end = (const unsigned char *)in.p + in.n;
    size_t claimed =
        (size_t)end[-4] | (size_t)end[-3] << 8 | (size_t)end[-2] << 16 | (size_t)end[-1] << 24;
    return claimed >= in.n / 2 && claimed / 1032 <= in.n ? MAX(claimed, 1) : in.n * FIRST_GUESS;
}

static enum err decode_gzip(struct str in, struct buf *out, struct errinfo *ei)
{
    size_t used = 0;

    /* Members follow each other (§2.2); padding of zeros after the last is left by some writers. */
    do {
        enum err e =
            deflate_with(libdeflate_gzip_decompress_ex, "gzip", in, gzip_guess(in), out, &used, ei);
        if (e)
            return e;
        in = str_drop(in, used);
        while (in.n > 0 && in.p[0] == '\0')
            in = str_drop(in, 1);
    } while (in.n > 0);
    return E_OK;
}

/* "deflate" is the zlib format (RFC 9110 §8.4.1.2), but some servers send it raw. */
static enum err decode_deflate(struct str in, struct buf *out, struct errinfo *ei)
{
    const unsigned char *p = (const unsigned char *)in.p;
    size_t guess = MAX(in.n * FIRST_GUESS, STEP);
    size_t used = 0;
    bool zlib = in.n >= 2 && (p[0] & 15) == 8 && (p[0] << 8 | p[1]) % 31 == 0;
    enum err e = E_POLL_FORMAT;

    if (zlib)
        e = deflate_with(libdeflate_zlib_decompress_ex, "deflate", in, guess, out, &used, NULL);
    if (e == E_POLL_FORMAT)
        e = deflate_with(libdeflate_deflate_decompress_ex, "deflate", in, guess, out, &used, NULL);
    if (e == E_POLL_SIZE)
        return too_large(out, ei);
    if (e || used != in.n)
        return damaged("deflate", ei);
    return E_OK;
}

/* ---- brotli ---- */

static void free_brotli(BrotliDecoderState **s)
{
    BrotliDecoderDestroyInstance(*s);
}

static enum err decode_brotli(struct str in, struct buf *out, struct errinfo *ei)
{
    AUTO(free_brotli) BrotliDecoderState *s = BrotliDecoderCreateInstance(NULL, NULL, NULL);
    const uint8_t *next_in = (const uint8_t *)in.p;
    size_t left_in = in.n;
    BrotliDecoderResult r = BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT;

    if (!s)
        panic("out of memory for a decoder");
    while (r == BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT) {
        enum err e = more_room(out, in.n, ei);
        if (e)
            return e;
        uint8_t *next_out = (uint8_t *)out->p + out->len;
        size_t left_out = out->cap - out->len;
        r = BrotliDecoderDecompressStream(s, &left_in, &next_in, &left_out, &next_out, NULL);
        out->len = out->cap - left_out;
    }
    if (r != BROTLI_DECODER_RESULT_SUCCESS || left_in > 0)
        return damaged("br", ei);
    return E_OK;
}

/* ---- zstd ---- */

static void free_zstd(ZSTD_DCtx **d)
{
    ZSTD_freeDCtx(*d);
}

static enum err decode_zstd(struct str in, struct buf *out, struct errinfo *ei)
{
    AUTO(free_zstd) ZSTD_DCtx *d = ZSTD_createDCtx();
    ZSTD_inBuffer i = {in.p, in.n, 0};

    /* RFC 9659: a window of more than 8 MB need not be supported, and would be memory from us. */
    if (!d || ZSTD_isError(ZSTD_DCtx_setParameter(d, ZSTD_d_windowLogMax, 23)))
        panic("out of memory for a decoder");
    for (;;) {
        enum err e = more_room(out, in.n, ei);
        if (e)
            return e;
        ZSTD_outBuffer o = {out->p, out->cap, out->len};
        size_t r = ZSTD_decompressStream(d, &o, &i);
        out->len = o.pos;
        if (ZSTD_isError(r))
            return damaged("zstd", ei);
        /* 0: a frame is whole and written. */
        if (i.pos == i.size && (r == 0 || o.pos < o.size))
            return r == 0 ? E_OK : damaged("zstd", ei);
    }
}

/* ---- by name ---- */

static const struct coding {
    const char *name;
    decode_f *fn;
} codings[] = {
    {"gzip", decode_gzip}, {"x-gzip", decode_gzip}, {"deflate", decode_deflate},
    {"br", decode_brotli}, {"zstd", decode_zstd},
};

/* The functions to call, in the order in which they were applied. */
static enum err codings_of(struct str field, decode_f *ret[CODINGS_MAX], size_t *ret_count,
                           struct errinfo *ei)
{
    size_t count = 0;

    for (struct str word = str_split(&field, ','); word.p; word = str_split(&field, ',')) {
        word = str_trim(word);
        if (word.n == 0 || str_case_eqz(word, "identity"))
            continue;
        decode_f *fn = NULL;
        for (size_t i = 0; i < ARRAY_LEN(codings); i++)
            if (str_case_eqz(word, codings[i].name))
                fn = codings[i].fn;
        if (!fn)
            return err_set(ei, E_POLL_FORMAT,
                           "the content coding \"%.*s\" is not known; known are %s",
                           (int)MIN(word.n, 64), word.p, inflate_accept());
        if (count == CODINGS_MAX)
            return err_set(ei, E_POLL_FORMAT, "more than %d content codings on one body",
                           CODINGS_MAX);
        ret[count++] = fn;
    }
    *ret_count = count;
    return E_OK;
}

enum err inflate_body(struct str coding, struct str body, size_t max, struct buf *ret,
                      struct errinfo *ei)
{
    /* One byte more than allowed, so that a body of just the limit is told from a larger one. */
    AUTO(buf_done) struct buf was = BUF_INIT;
    AUTO(buf_done) struct buf out = BUF_INIT_MAX(max + 1);
    decode_f *fn[CODINGS_MAX];
    size_t count = 0;

    enum err e = codings_of(coding, fn, &count, ei);
    if (e)
        return e;
    if (count == 0) {
        if (body.n > max || buf_try_append(&out, body.p, body.n))
            return too_large(&out, ei);
    }
    while (count-- > 0) {
        buf_done(&was);
        was = out;
        out = (struct buf)BUF_INIT_MAX(max + 1);
        e = fn[count](was.p ? buf_view(&was) : body, &out, ei);
        if (e)
            return e;
        if (out.len > max)
            return too_large(&out, ei);
    }
    buf_done(ret);
    *ret = out;
    out = (struct buf)BUF_INIT;
    return E_OK;
}

const char *inflate_accept(void)
{
    return "gzip, deflate, br, zstd";
}
