/*
 * Streams put together of parts: the text comes out, the ends fit, and each part comes out as soon as
 * its last byte is there.
 */
#include "unit.h"

#include <zlib.h>

#include "base/rand.h"
#include "io/gzip_parts.h"
#include "io/inflate.h"

/* Words of few letters, so that there is something to find; noise where not. */
static void put_text(struct buf *b, size_t n, bool noise)
{
    for (size_t i = 0; i < n; i++)
        buf_putc(b, noise ? (char)rand_u64() : "abc \n"[rand_u64() % 5]);
}

static void add_part(struct gzip_stream *s, struct str text, unsigned how, struct buf *b)
{
    struct gzip_check check;

    if (how % 3 == 0 && text.n > 0 && text.n <= GZIP_PLAIN_MAX) {
        size_t before = b->len;
        gzip_part_plain(text, b);
        assert_int_equal(b->len - before, text.n + GZIP_PLAIN_HEAD);
        gzip_add_plain(s, text);
    } else {
        size_t a = text.n ? rand_u64() % (text.n + 1) : 0;
        struct iovec v[] = {{(char *)(uintptr_t)text.p, a},
                            {(char *)(uintptr_t)text.p + a, text.n - a}};
        gzip_part(v, 2, b, &check);
        assert_int_equal(check.n, text.n);
        gzip_add(s, &check);
    }
}

static void streams_are_whole(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 60; round++) {
        AUTO(buf_done) struct buf coded = BUF_INIT, text = BUF_INIT, back = BUF_INIT;
        struct errinfo ei = ERRINFO_INIT;
        struct gzip_stream s;
        bool is_zlib = round % 2;

        gzip_begin(&s, is_zlib, &coded);
        for (unsigned i = 0; i < round % 7; i++) {
            size_t from = text.len;
            put_text(&text, rand_u64() % (round % 5 == 4 ? 200000 : 3000), round % 4 == 3);
            add_part(&s, str_drop(buf_view(&text), from), round + i, &coded);
        }
        gzip_end(&s, &coded);
        /* libdeflate, which looks at the sums and the end. */
        enum err err = inflate_body(is_zlib ? STR("deflate") : STR("gzip"), buf_view(&coded),
                                    text.len + 1, &back, &ei);
        if (err != E_OK)
            fail_msg("round %u: %s", round, ei.text);
        assert_true(str_eq(buf_view(&back), buf_view(&text)));
    }
}

/* What was given so far is all there, without the end of the stream. */
static size_t inflated(z_stream *z, struct str in, char *out, size_t room)
{
    z->next_in = (Bytef *)(uintptr_t)in.p;
    z->avail_in = (uInt)in.n;
    z->next_out = (Bytef *)out;
    z->avail_out = (uInt)room;
    int rc = inflate(z, Z_SYNC_FLUSH);
    assert_true(rc == Z_OK || rc == Z_BUF_ERROR);
    assert_int_equal(z->avail_in, 0);
    return room - z->avail_out;
}

static void parts_come_out_at_once(void **state)
{
    (void)state;
    AUTO(buf_done) struct buf coded = BUF_INIT, text = BUF_INIT;
    AUTO_FREE char *out = xmalloc(400000);
    z_stream z = {0};
    struct gzip_stream s;

    assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
    gzip_begin(&s, false, &coded);
    assert_int_equal(coded.len, 10);
    for (unsigned i = 0; i < 40; i++) {
        buf_clear(&text);
        put_text(&text, i * 997 % 5000 + (i == 20 ? 300000 : 0), i % 5 == 0);
        add_part(&s, buf_view(&text), i, &coded);
        size_t n = inflated(&z, buf_view(&coded), out, 400000);
        assert_true(str_eq(str_make(out, n), buf_view(&text)));
        buf_clear(&coded);
    }
    inflateEnd(&z);
}

/* The same part in any stream and at any place. */
static void parts_refer_to_nothing(void **state)
{
    (void)state;
    AUTO(buf_done) struct buf part = BUF_INIT;
    struct iovec v = {"the same text, the same text", 28};
    struct gzip_check check;

    gzip_part(&v, 1, &part, &check);
    for (int places = 0; places < 6; places++) {
        AUTO(buf_done) struct buf coded = BUF_INIT, wanted = BUF_INIT, back = BUF_INIT;
        struct gzip_stream s;

        gzip_begin(&s, false, &coded);
        for (int i = 0; i < 6; i++) {
            if (i % 2 == places % 2 || i == places) {
                buf_str(&coded, buf_view(&part));
                gzip_add(&s, &check);
                buf_append(&wanted, v.iov_base, v.iov_len);
            } else {
                buf_puts(&wanted, "other");
                add_part(&s, STR("other"), (unsigned)places, &coded);
            }
        }
        gzip_end(&s, &coded);
        assert_int_equal(inflate_body(STR("gzip"), buf_view(&coded), 1000, &back, NULL), E_OK);
        assert_true(str_eq(buf_view(&back), buf_view(&wanted)));
    }
}

static void large_texts_are_left_as_they_are(void **state)
{
    (void)state;
    AUTO(buf_done) struct buf coded = BUF_INIT, text = BUF_INIT, back = BUF_INIT;
    struct gzip_stream s;

    while (text.len <= (size_t)4 << 20)
        buf_puts(&text, "0123456789abcdef");
    gzip_begin(&s, true, &coded);
    add_part(&s, buf_view(&text), 1, &coded);
    gzip_end(&s, &coded);
    assert_true(coded.len > text.len);
    assert_int_equal(inflate_body(STR("deflate"), buf_view(&coded), text.len + 1, &back, NULL),
                     E_OK);
    assert_true(str_eq(buf_view(&back), buf_view(&text)));
}

static void texts_become_smaller(void **state)
{
    (void)state;
    AUTO(buf_done) struct buf coded = BUF_INIT, text = BUF_INIT;
    struct gzip_check check;

    put_text(&text, 100000, false);
    gzip_part(&(struct iovec){text.p, text.len}, 1, &coded, &check);
    assert_true(coded.len < text.len / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_are_whole),
        cmocka_unit_test(parts_come_out_at_once),
        cmocka_unit_test(parts_refer_to_nothing),
        cmocka_unit_test(large_texts_are_left_as_they_are),
        cmocka_unit_test(texts_become_smaller),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
