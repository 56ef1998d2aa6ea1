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

int main(void)
{
    return RUN_TESTS(encodes_the_vectors_of_the_rfc, encodes_zero_bytes);
}
