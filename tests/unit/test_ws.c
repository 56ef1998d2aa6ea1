#include "io/ws.h"
#include "unit.h"

/* ---- a client ---- */

struct rig {
    struct ws ws;
    struct buf out;
    struct buf got; /* messages: "t:…\n", "b:…\n" */
};

static struct rig rig;

static void on_message(struct ws *w, bool text, struct str message)
{
    assert_ptr_equal(w, &rig.ws);
    buf_puts(&rig.got, text ? "t:" : "b:");
    buf_str(&rig.got, message);
    buf_putc(&rig.got, '\n');
}

static int setup(void **state)
{
    (void)state;
    ws_init(&rig.ws, on_message, 1000);
    buf_clear(&rig.out);
    buf_clear(&rig.got);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ws_free(&rig.ws);
    buf_done(&rig.out);
    buf_done(&rig.got);
    return 0;
}

/* A client's frame: first byte as given, masked. */
static void frame(struct buf *b, unsigned first, struct str payload)
{
    static const char mask[4] = {'m', 'a', 's', 'k'};

    buf_putc(b, (char)first);
    if (payload.n < 126) {
        buf_putc(b, (char)(0x80 | payload.n));
    } else {
        buf_putc(b, (char)(0x80 | 126));
        buf_putc(b, (char)(payload.n >> 8));
        buf_putc(b, (char)(payload.n & 0xff));
    }
    buf_append(b, mask, sizeof mask);
    for (size_t i = 0; i < payload.n; i++)
        buf_putc(b, (char)(payload.p[i] ^ mask[i % 4]));
}

static bool feed(const struct buf *b)
{
    return ws_feed(&rig.ws, b->p, b->len, &rig.out);
}

static void assert_closed_with(unsigned code)
{
    assert_true(rig.out.len >= 4);
    assert_int_equal((unsigned char)rig.out.p[0], 0x88);
    assert_int_equal((unsigned char)rig.out.p[2] << 8 | (unsigned char)rig.out.p[3], code);
    assert_false(ws_feed(&rig.ws, "x", 1, &rig.out));
}

/* ---- messages ---- */

static void test_messages_cut_anywhere(void **state)
{
    (void)state;
    AUTO(buf_done) struct buf all = BUF_INIT;
    char long_text[300];

    memset(long_text, 'x', sizeof long_text);
    frame(&all, 0x81, STR("{}"));
    frame(&all, 0x01, STR("one "));
    frame(&all, 0x89, STR("ping")); /* between fragments */
    frame(&all, 0x80, STR("message"));
    frame(&all, 0x82, str_make(long_text, sizeof long_text));
    frame(&all, 0x81, STR(""));
    for (size_t cut = 0; cut <= all.len; cut++) {
        setup(NULL);
        assert_true(ws_feed(&rig.ws, all.p, cut, &rig.out));
        assert_true(ws_feed(&rig.ws, all.p + cut, all.len - cut, &rig.out));
        AUTO(buf_done) struct buf wanted = BUF_INIT;
        buf_printf(&wanted, "t:{}\nt:one message\nb:%.*s\nt:\n", (int)sizeof long_text, long_text);
        assert_string_equal(buf_cstr(&rig.got), buf_cstr(&wanted));
        assert_int_equal(rig.out.len, 6);
        assert_memory_equal(rig.out.p, "\x8a\x04ping", 6);
        /* Nothing is under way: nothing is held. */
        assert_null(rig.ws.ctx);
        teardown(NULL);
    }
}

static void test_byte_by_byte(void **state)
{
    (void)state;
    AUTO(buf_done) struct buf all = BUF_INIT;

    frame(&all, 0x81, STR("a"));
    frame(&all, 0x81, STR("b"));
    for (size_t i = 0; i < all.len; i++)
        assert_true(ws_feed(&rig.ws, all.p + i, 1, &rig.out));
    assert_string_equal(buf_cstr(&rig.got), "t:a\nt:b\n");
    assert_null(rig.ws.ctx);
}

/* ---- ends ---- */

static void test_close_is_answered(void **state)
{
    (void)state;
    AUTO(buf_done) struct buf b = BUF_INIT;

    frame(&b, 0x88, STR("\x03\xe8"));
    assert_false(feed(&b));
    assert_closed_with(1000);
}

static void test_frames_that_are_not_allowed(void **state)
{
    static const struct {
        const char *what;
        const char *bytes;
        size_t n;
        unsigned code;
    } rows[] = {
        {"not masked", "\x81\x01x", 3, 1002},
        {"reserved bit", "\xc1\x81maskX", 7, 1002},
        {"unknown opcode", "\x83\x81maskX", 7, 1002},
        {"fragmented ping", "\x09\x81maskX", 7, 1002},
        {"continuation of nothing", "\x80\x81maskX", 7, 1002},
        {"text that is not UTF-8", "\x81\x81\x00\x00\x00\x00\xff", 7, 1007},
        {"length not the shortest", "\x81\xfe\x00\x01mask", 8, 1002},
        {"ping of 126 bytes", "\x89\xfe\x00\x7emask", 8, 1002},
        {"longer than is allowed", "\x81\xfe\x04\x00maskX", 9, 1009},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        setup(NULL);
        bool open = ws_feed(&rig.ws, rows[i].bytes, rows[i].n, &rig.out);
        if (open)
            fail_msg("%s: allowed", rows[i].what);

        assert_closed_with(rows[i].code);
        teardown(NULL);
    }
}

static void test_fragments_without_end(void **state)
{
    (void)state;
    AUTO(buf_done) struct buf b = BUF_INIT;

    frame(&b, 0x01, STR("x"));
    assert_true(feed(&b));
    buf_clear(&b);
    frame(&b, 0x00, STR(""));
    unsigned count = 0;
    while (feed(&b))
        assert_true(++count < 2000);
    assert_closed_with(1008);
}

static void test_longer_by_fragments(void **state)
{
    (void)state;
    AUTO(buf_done) struct buf b = BUF_INIT;
    char part[400];

    memset(part, 'x', sizeof part);
    frame(&b, 0x01, str_make(part, sizeof part));
    frame(&b, 0x00, str_make(part, sizeof part));
    assert_true(feed(&b));
    assert_false(feed(&(struct buf){.p = b.p + 408, .len = 408}));
    assert_closed_with(1009);
}

/* ---- what is sent ---- */

static void test_heads(void **state)
{
    static const struct {
        uint64_t n;
        const char *bytes;
        size_t len;
    } rows[] = {
        {0, "\x81\x00", 2},
        {125, "\x81\x7d", 2},
        {126, "\x81\x7e\x00\x7e", 4},
        {65535, "\x81\x7e\xff\xff", 4},
        {65536, "\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00", 10},
    };
    unsigned char head[WS_HEAD_MAX];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(ws_head(head, WS_TEXT, rows[i].n), rows[i].len);
        assert_memory_equal(head, rows[i].bytes, rows[i].len);
    }
}

static void test_close_frame(void **state)
{
    (void)state;
    AUTO(buf_done) struct buf b = BUF_INIT;

    ws_close_frame(&b, WS_GOING_AWAY, "bye");
    assert_int_equal(b.len, 7);
    assert_memory_equal(b.p,
                        "\x88\x05\x03\xe9"
                        "bye",
                        7);
}

/* The example of RFC 6455 §1.3. */
static void test_accept(void **state)
{
    (void)state;
    char text[WS_ACCEPT_LEN + 1];

    assert_true(ws_accept(STR("dGhlIHNhbXBsZSBub25jZQ=="), text));
    assert_string_equal(text, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert_false(ws_accept(STR("dGhlIHNhbXBsZSBub25jZ==="), text));
    assert_false(ws_accept(STR("dGhlIHNhbXBsZSBub25jZ!=="), text));
    assert_false(ws_accept(STR(""), text));
}

#define ws_test(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ws_test(test_messages_cut_anywhere),
        ws_test(test_byte_by_byte),
        ws_test(test_close_is_answered),
        ws_test(test_frames_that_are_not_allowed),
        ws_test(test_fragments_without_end),
        ws_test(test_longer_by_fragments),
        ws_test(test_heads),
        ws_test(test_close_frame),
        ws_test(test_accept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
