#include "unit.h"

#include "base/base64.h"

static void encodes_the_vectors_of_the_rfc(void **state)
{
    /* RFC 4648 §10, and the last two digits */
    static const char *const rows[][2] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
        {"\xfb\xff\xbf", "+/+/"},
    };
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(buf_done) struct buf b = BUF_INIT;

        base64_encode(&b, str_of(rows[i][0]));
        assert_string_equal(buf_cstr(&b), rows[i][1]);
        assert_int_equal(b.len, base64_len(strlen(rows[i][0])));
    }
}

static void encodes_zero_bytes(void **state)
{
    AUTO(buf_done) struct buf b = BUF_INIT;
    (void)state;

    base64_encode(&b, str_make("\0\0\0\0", 4));
    assert_string_equal(buf_cstr(&b), "AAAAAA==");
}

static void decodes_what_it_encodes(void **state)
{
    char bytes[100];
    (void)state;

    for (size_t n = 0; n <= sizeof bytes; n++) {
        AUTO(buf_done) struct buf text = BUF_INIT;
        AUTO(buf_done) struct buf back = BUF_INIT;

        for (size_t i = 0; i < n; i++)
            bytes[i] = (char)(n * 37 + i * 101);
        base64_encode(&text, str_make(bytes, n));
        buf_puts(&back, "-");
        assert_int_equal(base64_decode(&back, buf_view(&text)), E_OK);
        assert_int_equal(back.len, n + 1);
        assert_memory_equal(back.p + 1, bytes, n);
    }
}

static void decodes_nothing_else(void **state)
{
    static const struct str wrong[] = {
        STR("Zg"),       STR("Zg="),
        STR("Zg==="),    STR("="),
        STR("===="),     STR("Zh=="),
        STR("Zm9="),     STR("Zm+=") /* bits of no byte */,
        STR("Zg==Zg=="), STR("Zm9v\n"),
        STR("Zm9 "),     STR("Zm9-"),
        STR("Zm9\0"),    STR("Z===") /* one digit is less than a byte */,
    };
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        AUTO(buf_done) struct buf b = BUF_INIT;

        buf_puts(&b, "as it was");
        if (base64_decode(&b, wrong[i]) != E_INVALID)
            fail_msg("%zu: %.*s", i, STR_ARG(wrong[i]));
        assert_str(buf_view(&b), "as it was");
    }
}

int main(void)
{
    return RUN_TESTS(encodes_the_vectors_of_the_rfc, encodes_zero_bytes, decodes_what_it_encodes,
                     decodes_nothing_else);
}
