#include "base/base64.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(struct buf *b, struct str s)
{
    for (size_t i = 0; i < s.n; i += 3) {
        uint32_t v = 0;

        for (size_t k = 0; k < 3; k++)
            v = v << 8 | (i + k < s.n ? (unsigned char)s.p[i + k] : 0);
        for (size_t k = 0; k < 4; k++)
            buf_putc(b, i + k <= s.n ? digits[v >> (18 - 6 * k) & 63] : '=');
    }
}

/* The bits of n digits in front of a 24 bit group; -1: one of them is none. */
static int32_t group_of(const char *p, size_t n)
{
    int32_t v = 0;

    for (size_t i = 0; i < n; i++) {
        const char *digit = p[i] ? strchr(digits, p[i]) : NULL;

        if (!digit)
            return -1;
        v = v << 6 | (int32_t)(digit - digits);
    }
    return v << 6 * (4 - n);
}

static bool put_group(struct buf *b, const char *p, size_t n)
{
    int32_t v = group_of(p, n);

    /* Bits of no byte are zero, or two texts would stand for the same bytes. */
    if (v < 0 || (n == 2 && (v & 0xffff)) || (n == 3 && (v & 0xff)))
        return false;
    for (size_t i = 0; i + 1 < n; i++)
        buf_putc(b, (char)(v >> (16 - 8 * i)));
    return true;
}

enum err base64_decode(struct buf *b, struct str s)
{
    size_t was = b->len;
    size_t padding = str_ends(s, STR("==")) ? 2 : str_ends(s, STR("="));

    if (s.n % 4 != 0)
        return E_INVALID;
    enum err err = buf_reserve(b, s.n / 4 * 3);
    for (size_t i = 0; err == E_OK && i < s.n; i += 4) {
        if (!put_group(b, s.p + i, i + 4 < s.n ? 4 : 4 - padding))
            err = E_INVALID;
    }
    if (err != E_OK)
        b->len = was;
    return err;
}
