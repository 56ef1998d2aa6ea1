/*
 * A growing byte buffer with a maximum. The one way to collect bytes whose number comes from
 * outside.
 *
 * Invariants: p is NULL or has cap bytes; len <= cap <= max. Contents are not NUL-terminated
 * unless buf_cstr() was just called. Appending past max fails with E_LIMIT and changes nothing.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/err.h"
#include "base/str.h"

struct buf {
    char *p;
    size_t len;
    size_t cap;
    size_t max; /* 0: BUF_MAX_DEFAULT */
};

#define BUF_MAX_DEFAULT ((size_t)1 << 30)
#define BUF_INIT                                                                                   \
    {                                                                                              \
        NULL, 0, 0, 0                                                                              \
    }
#define BUF_INIT_MAX(m)                                                                            \
    {                                                                                              \
        NULL, 0, 0, (m)                                                                            \
    }

/* Free the memory; the buffer may be used again. NULL is fine. */
void buf_done(struct buf *b);
/* buf_done() for secrets: the memory is overwritten first. What the buffer had before it grew is not
 * reached: reserve room for all at the start. */
void buf_wipe(struct buf *b);
/* len = 0, memory kept. */
static inline void buf_clear(struct buf *b)
{
    b->len = 0;
}
/* Make room for n more bytes. */
MUST_USE enum err buf_reserve(struct buf *b, size_t n);
MUST_USE enum err buf_try_append(struct buf *b, const void *p, size_t n);

/* The plain forms are for sizes of our own making: over max they panic. */
void buf_append(struct buf *b, const void *p, size_t n);
void buf_str(struct buf *b, struct str s);
void buf_puts(struct buf *b, const char *z);
void buf_putc(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF(2, 3);
void buf_vprintf(struct buf *b, const char *fmt, va_list ap);
void buf_u64(struct buf *b, uint64_t v);
/* Append s as a JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD. */
void buf_json_str(struct buf *b, struct str s);
/* Remove n bytes from the front. */
void buf_consume(struct buf *b, size_t n);

/* NUL-terminate (not counted in len) and borrow. */
const char *buf_cstr(struct buf *b);
static inline struct str buf_view(const struct buf *b)
{
    return (struct str){b->p, b->len};
}
/* Move the bytes out as a NUL-terminated heap string; the buffer is empty after. */
char *buf_take(struct buf *b);

#endif
