#include "unit.h"

#include <libdeflate.h>
#include <zstd.h>

#include "io/inflate.h"

#define FOX "the quick brown fox jumps over the lazy dog"
#define MAX_BYTES ((size_t)1 << 20)

/* What a brotli encoder made of FOX, and of 10 MB of zeros. */
static const char br_fox[] = "\x1b\x2a\x00\x88\x9c\x09\x36\x4e\xa8\x77\x37\xbc\x24\x33\xa3\x4b"
                             "\x90\x33\xbc\x42\x7b\x4b\x90\xb2\x39\x98\xc8\x81\x43\x5b\xa0\xf7"
                             "\xde\xa7\x15\x0e\xe9\x0b\x47\x89\xea\x0c\x1b\xe0\x56\x35\x06";
static const char br_zeros[] = "\xcb\xff\xff\x3f\xf8\x27\x00\xe2\xb1\x40\x20\xf7\xfe\x2f\xff\x2c"
                               "\x31\xf0\x4f\x00\xc4\x61\x11\x80\x8e\x23\x06";

typedef size_t deflate_f(struct libdeflate_compressor *c, const void *in, size_t n, void *out,
                         size_t max);

static void add_deflated(struct buf *b, deflate_f *fn, struct str plain)
{
    struct libdeflate_compressor *c = libdeflate_alloc_compressor(6);
    size_t bound = plain.n + 200;

    assert_int_equal(buf_reserve(b, bound), E_OK);
    size_t n = fn(c, plain.p, plain.n, b->p + b->len, bound);
    assert_true(n > 0);
    b->len += n;
    libdeflate_free_compressor(c);
}

static void add_zstd(struct buf *b, struct str plain)
{
    size_t bound = ZSTD_compressBound(plain.n);

    assert_int_equal(buf_reserve(b, bound), E_OK);
    size_t n = ZSTD_compress(b->p + b->len, bound, plain.p, plain.n, 3);
    assert_false(ZSTD_isError(n));
    b->len += n;
}

/* The coded forms of one plain text. */
enum form { GZIP, ZLIB, RAW, ZSTD, FORMS };

static const char *const names[FORMS] = {"gzip", "deflate", "Deflate", "zstd"};

static void encode(struct buf *b, enum form form, struct str plain)
{
    static deflate_f *const fns[] = {libdeflate_gzip_compress, libdeflate_zlib_compress,
                                     libdeflate_deflate_compress};

    if (form == ZSTD)
        add_zstd(b, plain);
    else
        add_deflated(b, fns[form], plain);
}

static enum err decode(const char *coding, struct str body, size_t max, struct buf *ret)
{
    struct errinfo ei = ERRINFO_INIT;
    enum err e = inflate_body(str_of(coding), body, max, ret, &ei);

    assert_int_equal(e, ei.err);
    return e;
}

static void assert_decodes(const char *coding, struct str body, struct str want)
{
    AUTO(buf_done) struct buf out = BUF_INIT;

    assert_int_equal(decode(coding, body, want.n, &out), E_OK);
    assert_int_equal(out.len, want.n);
    if (want.n > 0)
        assert_memory_equal(out.p, want.p, want.n);
}

static void assert_refused(const char *coding, struct str body, size_t max, enum err want)
{
    AUTO(buf_done) struct buf out = BUF_INIT;

    buf_puts(&out, "untouched");
    assert_int_equal(decode(coding, body, max, &out), want);
    assert_str(buf_view(&out), "untouched");
}

static void test_plain(void **state)
{
    (void)state;
    assert_decodes("", STR(FOX), STR(FOX));
    assert_decodes("identity", STR(FOX), STR(FOX));
    assert_decodes("", STR(""), STR(""));
    assert_refused("", STR(FOX), 10, E_POLL_SIZE);
}

/* Just the limit is within the limit. */
static void test_sizes(void **state)
{
    static const size_t sizes[] = {0, 1, 100, 16383, 16384, 16385, 300000};

    (void)state;
    for (enum form f = 0; f < FORMS; f++)
        for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
            AUTO(buf_done) struct buf coded = BUF_INIT;
            AUTO_FREE char *plain = xmalloc(sizes[i]);
            for (size_t k = 0; k < sizes[i]; k++)
                plain[k] = (char)("abcdefgh"[k * k % 7] + k % 3);
            encode(&coded, f, str_make(plain, sizes[i]));
            assert_decodes(names[f], buf_view(&coded), str_make(plain, sizes[i]));
            if (sizes[i] > 0)
                assert_refused(names[f], buf_view(&coded), sizes[i] - 1, E_POLL_SIZE);
        }
}

static void test_brotli(void **state)
{
    (void)state;
    assert_decodes("br", str_make(br_fox, sizeof br_fox - 1), STR(FOX));
    assert_refused("br", str_make(br_fox, sizeof br_fox - 1), sizeof FOX - 2, E_POLL_SIZE);
    assert_refused("br", str_make(br_zeros, sizeof br_zeros - 1), MAX_BYTES, E_POLL_SIZE);
}

/* 20 MB of zeros in 20 KB or less cost no more than the limit. */
static void test_bombs(void **state)
{
    size_t n = (size_t)20 << 20;
    AUTO_FREE char *zeros = xcalloc(1, n);

    (void)state;
    for (enum form f = 0; f < FORMS; f++) {
        AUTO(buf_done) struct buf coded = BUF_INIT;
        encode(&coded, f, str_make(zeros, n));
        assert_true(coded.len < 25000);
        assert_refused(names[f], buf_view(&coded), MAX_BYTES, E_POLL_SIZE);
        assert_decodes(names[f], buf_view(&coded), str_make(zeros, n));
    }
}

/* A bomb in a bomb: the inner body is what the limit stops. */
static void test_nested_bomb(void **state)
{
    AUTO(buf_done) struct buf inner = BUF_INIT;
    AUTO(buf_done) struct buf outer = BUF_INIT;
    AUTO_FREE char *zeros = xcalloc(1, (size_t)20 << 20);

    (void)state;
    encode(&inner, GZIP, str_make(zeros, (size_t)20 << 20));
    encode(&outer, ZSTD, buf_view(&inner));
    assert_refused("gzip, zstd", buf_view(&outer), MAX_BYTES, E_POLL_SIZE);
}

static void test_every_truncation(void **state)
{
    (void)state;
    for (enum form f = 0; f < FORMS; f++) {
        AUTO(buf_done) struct buf coded = BUF_INIT;
        encode(&coded, f, STR(FOX FOX "!"));
        for (size_t n = 0; n < coded.len; n++)
            assert_refused(names[f], str_make(coded.p, n), MAX_BYTES, E_POLL_FORMAT);
    }
    for (size_t n = 0; n < sizeof br_fox - 1; n++)
        assert_refused("br", str_make(br_fox, n), MAX_BYTES, E_POLL_FORMAT);
}

static void test_garbage_behind(void **state)
{
    (void)state;
    for (enum form f = 0; f < FORMS; f++) {
        AUTO(buf_done) struct buf coded = BUF_INIT;
        encode(&coded, f, STR(FOX));
        buf_puts(&coded, "garbage");
        assert_refused(names[f], buf_view(&coded), MAX_BYTES, E_POLL_FORMAT);
    }
}

static void test_damage_is_found(void **state)
{
    AUTO(buf_done) struct buf coded = BUF_INIT;

    (void)state;
    encode(&coded, GZIP, STR(FOX));
    coded.p[coded.len - 6] ^= 1; /* in the check sum */
    assert_refused("gzip", buf_view(&coded), MAX_BYTES, E_POLL_FORMAT);
    assert_refused("gzip", STR(FOX), MAX_BYTES, E_POLL_FORMAT);
    assert_refused("br", STR(FOX), MAX_BYTES, E_POLL_FORMAT);
    assert_refused("zstd", STR(FOX), MAX_BYTES, E_POLL_FORMAT);
}

static void test_gzip_members_and_padding(void **state)
{
    AUTO(buf_done) struct buf coded = BUF_INIT;

    (void)state;
    encode(&coded, GZIP, STR("one, "));
    encode(&coded, GZIP, STR(""));
    encode(&coded, GZIP, STR("two"));
    assert_decodes("gzip", buf_view(&coded), STR("one, two"));
    assert_refused("gzip", buf_view(&coded), 7, E_POLL_SIZE);
    buf_append(&coded, "\0\0\0\0", 4);
    assert_decodes("x-gzip", buf_view(&coded), STR("one, two"));
}

/* The size a gzip claims is a hint, no more. */
static void test_gzip_that_lies_about_its_size(void **state)
{
    AUTO(buf_done) struct buf coded = BUF_INIT;

    (void)state;
    encode(&coded, GZIP, STR(FOX));
    memset(coded.p + coded.len - 4, 0xff, 4);
    assert_refused("gzip", buf_view(&coded), MAX_BYTES, E_POLL_FORMAT);
}

static void test_zstd_frames(void **state)
{
    AUTO(buf_done) struct buf coded = BUF_INIT;

    (void)state;
    encode(&coded, ZSTD, STR("one, "));
    encode(&coded, ZSTD, STR("two"));
    assert_decodes("zstd", buf_view(&coded), STR("one, two"));
}

static void test_several_codings(void **state)
{
    AUTO(buf_done) struct buf once = BUF_INIT;
    AUTO(buf_done) struct buf twice = BUF_INIT;

    (void)state;
    encode(&once, GZIP, STR(FOX));
    encode(&twice, ZLIB, buf_view(&once));
    AUTO(buf_done) struct buf out = BUF_INIT;
    assert_int_equal(decode("GZIP , identity,deflate", buf_view(&twice), 1000, &out), E_OK);
    assert_str(buf_view(&out), FOX);
    assert_refused("deflate, gzip", buf_view(&twice), 1000, E_POLL_FORMAT);
    assert_refused("gzip,gzip,gzip,gzip,gzip", buf_view(&twice), 1000, E_POLL_FORMAT);
}

static void test_unknown_coding_is_named(void **state)
{
    AUTO(buf_done) struct buf out = BUF_INIT;
    struct errinfo ei = ERRINFO_INIT;

    (void)state;
    assert_int_equal(inflate_body(STR("compress"), STR("x"), 10, &out, &ei), E_POLL_FORMAT);
    assert_non_null(strstr(ei.text, "\"compress\""));
    assert_non_null(strstr(ei.text, inflate_accept()));
}

int main(void)
{
    return RUN_TESTS(test_plain, test_sizes, test_brotli, test_bombs, test_nested_bomb,
                     test_every_truncation, test_garbage_behind, test_damage_is_found,
                     test_gzip_members_and_padding, test_gzip_that_lies_about_its_size,
                     test_zstd_frames, test_several_codings, test_unknown_coding_is_named);
}
