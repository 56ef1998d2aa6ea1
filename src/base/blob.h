/*
 * Immutable bytes, counted. The one way to share bytes between loops: a blob is written before
 * anybody else sees it and never after. Counting is atomic, so the last holder on any thread
 * frees it.
 */
#ifndef BASE_BLOB_H
#define BASE_BLOB_H

#include <stdatomic.h>

#include "base/buf.h"

struct blob {
    atomic_uint refs;
    size_t len;
    char *p; /* len bytes and a NUL: own, or of a buffer that was taken */
    char own[];
};

/* A new blob with one reference, holding a copy. */
struct blob *blob_new(const void *p, size_t n);
/* A new blob whose n bytes the caller fills before sharing it. */
struct blob *blob_alloc(size_t n);
struct blob *blob_of_buf(const struct buf *b);
/* The same, but the bytes are moved where there are many. b is empty after it, as buf_done() leaves it. */
struct blob *blob_take_buf(struct buf *b);
struct blob *blob_ref(struct blob *b);
/* Drop a reference; NULL is fine. */
void blob_unref(struct blob *b);
static inline void blob_unrefp(struct blob **b)
{
    blob_unref(*b);
    *b = NULL;
}
static inline struct str blob_view(const struct blob *b)
{
    return b ? (struct str){b->p, b->len} : STR_NONE;
}

#endif
