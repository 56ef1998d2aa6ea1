#include "unit.h"

#include "base/sign.h"

static void assert_code(struct str key, const struct str *parts, size_t count, const char *hex)
{
    unsigned char code[SIGN_BYTES];
    char text[2 * SIGN_BYTES + 1];

    sign_hmac_sha256(key, parts, count, code);
    for (size_t i = 0; i < SIGN_BYTES; i++)
        snprintf(text + 2 * i, 3, "%02x", code[i]);
    assert_string_equal(text, hex);
}

/* RFC 4231 §4.2, §4.3, §4.7 */
static void vectors_of_the_rfc(void **state)
{
    char eleven[20], long_key[131];
    const struct str hi = STR("Hi There"), what = STR("what do ya want for nothing?"),
                     larger = STR("Test Using Larger Than Block-Size Key - Hash Key First");

    (void)state;
    memset(eleven, 0x0b, sizeof eleven);
    memset(long_key, 0xaa, sizeof long_key);
    assert_code(str_make(eleven, sizeof eleven), &hi, 1,
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    assert_code(STR("Jefe"), &what, 1,
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    assert_code(str_make(long_key, sizeof long_key), &larger, 1,
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static void parts_are_one_text(void **state)
{
    const struct str parts[] = {STR("what do ya "), STR_NONE, STR("want for"), STR(""),
                                STR(" nothing?")};

    (void)state;
    assert_code(STR("Jefe"), parts, ARRAY_LEN(parts),
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

int main(void)
{
    return RUN_TESTS(vectors_of_the_rfc, parts_are_one_text);
}
