/*
 * Bodies that are to be stored: a JSON text that repeats itself as patches do, and no more. Included
 * by benchmarks.
 */
#include "base/buf.h"

static void fill_body(char *p, size_t n)
{
    AUTO(buf_done) struct buf b = BUF_INIT;

    for (unsigned i = 1; b.len < n; i++) {
        unsigned x = i * 2654435761u >> 8;
        buf_printf(&b, "/items/%u/price %u.%02u, ", x % 5000, x / 7 % 900, x / 11 % 100);
    }
    memcpy(p, b.p, n);
    p[0] = p[n - 1] = '"';
}
