#include "base/blob.h"

struct blob *blob_alloc(size_t n)
{
    CHECK(n < SIZE_MAX - sizeof(struct blob) - 1);

    struct blob *b = xmalloc(offsetof(struct blob, p) + n + 1);

    atomic_init(&b->refs, 1);
    b->len = n;
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
    if (was == 1)
        free(b);
}
