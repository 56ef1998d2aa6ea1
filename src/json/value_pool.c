/*
 * Blocks of memory for documents, kept per thread in classes of powers of two. Small ones come
 * from malloc, which is as fast. A block may be given back by another thread than got it; it then
 * stays with that thread.
 */
#include <pthread.h>

#include "base/rand.h"
#include "json/value_inner.h"

#define CLASS_MIN 15 /* 32 KiB; below, malloc */
#define CLASS_MAX 24 /* 16 MiB; above, the cost of mapping no longer counts */
#define KEEP_MAX ((size_t)24 << 20)

struct block {
    size_t size; /* usable bytes */
    struct block *next;
};
_Static_assert(sizeof(struct block) % 16 == 0, "a block's content must be aligned for any type");

struct pool {
    struct block *free[CLASS_MAX + 1];
    size_t kept;
    bool closed; /* the thread ends: keep nothing more */
};

static _Thread_local struct pool pool;
static pthread_key_t exit_key;
static pthread_once_t exit_once = PTHREAD_ONCE_INIT;

static void on_thread_exit(void *arg)
{
    struct pool *p = arg;

    p->closed = true;
    for (size_t c = 0; c <= CLASS_MAX; c++) {
        for (struct block *b = p->free[c], *next; b; b = next) {
            next = b->next;
            free(b);
        }
        p->free[c] = NULL;
    }
    p->kept = 0;
}

static void make_exit_key(void)
{
    CHECK(pthread_key_create(&exit_key, on_thread_exit) == 0);
}

static unsigned class_of(size_t bytes)
{
    return (unsigned)(64 - __builtin_clzl(bytes - 1));
}

static struct block *block_new(size_t bytes)
{
    struct block *b = xmalloc(bytes);

    b->size = bytes - sizeof *b;
    b->next = NULL;
    return b;
}

void *jpool_get(size_t n)
{
    size_t bytes = n + sizeof(struct block);

    CHECK(bytes > n);
    if (bytes <= (size_t)1 << (CLASS_MIN - 1) || bytes > (size_t)1 << CLASS_MAX)
        return block_new(bytes) + 1;

    unsigned c = MAX(class_of(bytes), CLASS_MIN);
    struct block *b = pool.free[c];

    if (!b)
        return block_new((size_t)1 << c) + 1;
    pool.free[c] = b->next;
    pool.kept -= b->size;
    return b + 1;
}

size_t jpool_size(const void *p)
{
    return ((const struct block *)p - 1)->size;
}

void jpool_put(void *p)
{
    if (!p)
        return;

    struct block *b = (struct block *)p - 1;
    size_t bytes = b->size + sizeof *b;

    if (bytes < (size_t)1 << CLASS_MIN || bytes > (size_t)1 << CLASS_MAX || pool.closed ||
        pool.kept + b->size > KEEP_MAX) {
        free(b);
        return;
    }
    if (!pool.kept) {
        pthread_once(&exit_once, make_exit_key);
        CHECK(pthread_setspecific(exit_key, &pool) == 0);
    }
    unsigned c = class_of(bytes);

    b->next = pool.free[c];
    pool.free[c] = b;
    pool.kept += b->size;
}

uint64_t jvf_seed(void)
{
    static _Thread_local uint64_t seed;

    if (UNLIKELY(!seed))
        seed = rand_u64() | 1;
    return seed;
}
