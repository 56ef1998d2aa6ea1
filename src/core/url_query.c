/*
 * Parameters of a query, as forms write them (URL Standard §5): pairs between "&".
 */
#include "core/limits.h"
#include "core/url.h"

/* The character at *at of s, decoded; *at moves behind it. A wrong escape stands for itself. */
static char decode(struct str s, size_t *at)
{
    char c = s.p[(*at)++];

    if (c == '+')
        return ' ';
    if (c != '%' || s.n - *at < 2)
        return c;
    int high = str_hex_digit(s.p[*at]), low = str_hex_digit(s.p[*at + 1]);
    if (high < 0 || low < 0)
        return c;
    *at += 2;
    return (char)(high << 4 | low);
}

static bool is_named(struct str pair, struct str name)
{
    struct str written = str_make(pair.p, str_find(pair, '='));
    size_t at = 0, n = 0;

    while (at < written.n && n < name.n) {
        if (decode(written, &at) != name.p[n++])
            return false;
    }
    return at == written.n && n == name.n;
}

static void put_encoded(struct buf *b, struct str s)
{
    static const char digits[] = "0123456789ABCDEF";

    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

        if (letter || (c >= '0' && c <= '9') || (c != '\0' && strchr("-._~:/", c))) {
            buf_putc(b, (char)c);
        } else {
            buf_putc(b, '%');
            buf_putc(b, digits[c >> 4]);
            buf_putc(b, digits[c & 15]);
        }
    }
}

static void put_pair(struct buf *b, struct str name, struct str value)
{
    put_encoded(b, name);
    buf_putc(b, '=');
    put_encoded(b, value);
}

static void put_query(struct buf *b, struct str query, struct str name, struct str value)
{
    size_t start = b->len;
    bool done = false, first = true;

    while (query.p) {
        struct str pair = str_split(&query, '&');
        bool named = is_named(pair, name);

        if (named && done)
            continue;
        if (!first)
            buf_putc(b, '&');
        first = false;
        if (named)
            put_pair(b, name, value);
        else
            buf_str(b, pair);
        done |= named;
    }
    if (done)
        return;
    if (b->len > start && b->p[b->len - 1] != '&')
        buf_putc(b, '&');
    put_pair(b, name, value);
}

static enum err too_long(struct errinfo *ei, struct str name)
{
    return err_set(ei, E_INVALID, "with its parameter \"%.*s\" it has more than %d bytes",
                   (int)MIN(name.n, (size_t)60), name.p, LIMIT_URL_BYTES);
}

enum err url_query_set(struct str url, struct str name, struct str value, struct buf *b,
                       struct errinfo *ei)
{
    size_t was = b->len;

    if (url.n > LIMIT_URL_BYTES || name.n > LIMIT_URL_BYTES || value.n > LIMIT_URL_BYTES)
        return too_long(ei, name);
    url.n = str_find(url, '#');
    buf_str(b, str_split(&url, '?'));
    buf_putc(b, '?');
    put_query(b, url, name, value);
    if (b->len - was > LIMIT_URL_BYTES) {
        b->len = was;
        return too_long(ei, name);
    }
    return E_OK;
}
