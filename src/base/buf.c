#include "base/buf.h"

/* The allocation has one byte more than cap, so that a full buffer can still be NUL-terminated. */

#define CAP_MIN ((size_t)64)

static size_t max_of(const struct buf *b)
{
    return b->max ? b->max : BUF_MAX_DEFAULT;
}

void buf_done(struct buf *b)
{
    if (!b)
        return;
    free(b->p);
    b->p = NULL;
    b->len = b->cap = 0;
}

void buf_wipe(struct buf *b)
{
    if (b && b->p)
        explicit_bzero(b->p, b->cap);
    buf_done(b);
}

enum err buf_reserve(struct buf *b, size_t n)
{
    size_t max = max_of(b);

    if (LIKELY(b->p && n <= b->cap - b->len))
        return E_OK;
    if (b->len > max || n > max - b->len)
        return E_LIMIT;

    size_t need = b->len + n;
    size_t cap = b->p ? b->cap : MAX(need, CAP_MIN); /* at first so much as is asked for */

    while (cap < need)
        cap = cap > max / 2 ? max : cap * 2;
    cap = MIN(cap, max);
    b->p = xrealloc(b->p, cap + 1);
    b->cap = cap;
    return E_OK;
}

static void reserve_or_panic(struct buf *b, size_t n)
{
    if (UNLIKELY(buf_reserve(b, n) != E_OK))
        panic("buffer of at most %zu bytes is full: %zu used, %zu more wanted", max_of(b), b->len,
              n);
}

enum err buf_try_append(struct buf *b, const void *p, size_t n)
{
    enum err e = buf_reserve(b, n);

    if (e != E_OK)
        return e;
    if (n)
        memcpy(b->p + b->len, p, n);
    b->len += n;
    return E_OK;
}

void buf_append(struct buf *b, const void *p, size_t n)
{
    reserve_or_panic(b, n);
    if (n)
        memcpy(b->p + b->len, p, n);
    b->len += n;
}

void buf_str(struct buf *b, struct str s)
{
    buf_append(b, s.p, s.n);
}

void buf_puts(struct buf *b, const char *z)
{
    buf_append(b, z, strlen(z));
}

void buf_putc(struct buf *b, char c)
{
    reserve_or_panic(b, 1);
    b->p[b->len++] = c;
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    buf_vprintf(b, fmt, ap);
    va_end(ap);
}

void buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
    va_list again;
    size_t room = b->p ? b->cap - b->len : 0;

    va_copy(again, ap);
    int n = vsnprintf(b->p ? b->p + b->len : NULL, b->p ? room + 1 : 0, fmt, ap);
    CHECK(n >= 0);
    if (!b->p || (size_t)n > room) {
        reserve_or_panic(b, (size_t)n);
        vsnprintf(b->p + b->len, (size_t)n + 1, fmt, again);
    }
    va_end(again);
    b->len += (size_t)n;
}

void buf_u64(struct buf *b, uint64_t v)
{
    char d[20];
    size_t at = sizeof d;

    do {
        d[--at] = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    buf_append(b, d + at, sizeof d - at);
}

static bool is_plain(char c)
{
    return (unsigned char)c >= 0x20 && (unsigned char)c < 0x80 && c != '"' && c != '\\';
}

void buf_json_str(struct buf *b, struct str s)
{
    buf_putc(b, '"');
    while (s.n) {
        size_t run = 0;

        while (run < s.n && is_plain(s.p[run]))
            run++;
        buf_append(b, s.p, run);
        s = str_drop(s, run);
        if (s.n) {
            char c[STR_JSON_CHAR];

            buf_append(b, c, str_json_char(&s, c));
        }
    }
    buf_putc(b, '"');
}

void buf_consume(struct buf *b, size_t n)
{
    CHECK(n <= b->len);
    if (n == 0)
        return;
    b->len -= n;
    memmove(b->p, b->p + n, b->len);
}

const char *buf_cstr(struct buf *b)
{
    reserve_or_panic(b, 0);
    b->p[b->len] = '\0';
    return b->p;
}

char *buf_take(struct buf *b)
{
    buf_cstr(b);
    b->len = b->cap = 0;
    return TAKE(b->p);
}
