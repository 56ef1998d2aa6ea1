#include "base/blob.h"

/* From so many bytes on, a second block of memory is cheaper than a copy. */
#define TAKEN_MIN ((size_t)4 << 10)

static struct blob *blob_make(size_t own, size_t n)
{
    struct blob *b = xmalloc(sizeof *b + own);

    atomic_init(&b->refs, 1);
    b->len = n;
    b->p = b->own;
    return b;
}

struct blob *blob_alloc(size_t n)
{
    CHECK(n < SIZE_MAX - sizeof(struct blob) - 1);

    struct blob *b = blob_make(n + 1, n);

    b->p[n] = '\0';
    return b;
}

struct blob *blob_new(const void *p, size_t n)
{
    struct blob *b = blob_alloc(n);

    if (n)
        memcpy(b->p, p, n);
    return b;
}

struct blob *blob_of_buf(const struct buf *b)
{
    return blob_new(b->p, b->len);
}

struct blob *blob_take_buf(struct buf *from)
{
    struct blob *b;

    if (from->len < TAKEN_MIN) {
        b = blob_of_buf(from);
        buf_done(from);
        return b;
    }
    bool loose = from->cap > from->len + from->len / 8;

    b = blob_make(0, from->len);
    b->p = buf_take(from);
    if (loose)
        b->p = xrealloc(b->p, b->len + 1);
    return b;
}

struct blob *blob_ref(struct blob *b)
{
    unsigned was = atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);

    CHECK(was > 0 && was < UINT32_MAX);
    return b;
}

void blob_unref(struct blob *b)
{
    if (!b)
        return;

    /* Release: this holder's reads are done before another thread frees. Acquire: the one that
     * frees sees that they are. */
    unsigned was = atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel);

    CHECK(was > 0);
    if (was > 1)
        return;
    if (b->p != b->own)
        free(b->p);
    free(b);
}
