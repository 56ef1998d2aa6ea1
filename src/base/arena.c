#include "base/arena.h"

#include "base/buf.h"

#define ALIGN ((size_t)16)
/* A poll needs 300 bytes of it while it waits for its answer, and thousands may wait; malloc() is
 * quickest with blocks of up to 1 KiB. */
#define BLOCK_MIN ((size_t)512)
#define BLOCK_MAX ((size_t)256 * 1024)

_Static_assert(_Alignof(max_align_t) <= ALIGN, "a piece must be aligned for any type");

struct arena_block {
    struct arena_block *next;
    size_t cap;
    size_t used;
    _Alignas(16) char p[];
};

void arena_done(struct arena *a)
{
    if (!a)
        return;
    for (struct arena_block *b = a->head, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    a->head = NULL;
    a->used = 0;
}

static struct arena_block *block_new(size_t cap)
{
    struct arena_block *b = xmalloc(offsetof(struct arena_block, p) + cap);

    b->next = NULL;
    b->cap = cap;
    b->used = 0;
    return b;
}

static struct arena_block *block_with_room(struct arena *a, size_t n)
{
    struct arena_block *head = a->head;

    if (head && head->cap - head->used >= n)
        return head;

    size_t cap = head ? MIN(head->cap * 2, BLOCK_MAX) : BLOCK_MIN;
    /* A large piece gets a block of its own behind the head, so that the head's room stays in use. */
    bool own = n > cap / 4 && head;
    struct arena_block *b = block_new(own ? n : MAX(n, cap));

    if (own) {
        b->next = head->next;
        head->next = b;
    } else {
        b->next = head;
        a->head = b;
    }
    return b;
}

void *arena_try_alloc(struct arena *a, size_t n)
{
    if (n > SIZE_MAX / 2)
        return NULL;
    n = (MAX(n, (size_t)1) + ALIGN - 1) & ~(ALIGN - 1);
    if (a->max && (a->used > a->max || n > a->max - a->used))
        return NULL;

    struct arena_block *b = block_with_room(a, n);
    void *p = b->p + b->used;

    b->used += n;
    a->used += n;
    memset(p, 0, n);
    return p;
}

void *arena_alloc(struct arena *a, size_t n)
{
    void *p = arena_try_alloc(a, n);

    if (UNLIKELY(!p))
        panic("arena of at most %zu bytes is full: %zu used, %zu more wanted", a->max, a->used, n);
    return p;
}

char *arena_strdup(struct arena *a, struct str s)
{
    char *d = arena_alloc(a, s.n + 1);

    if (s.n)
        memcpy(d, s.p, s.n);
    return d;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
    AUTO(buf_done) struct buf b = BUF_INIT;
    va_list ap;

    va_start(ap, fmt);
    buf_vprintf(&b, fmt, ap);
    va_end(ap);
    return arena_strdup(a, buf_view(&b));
}
