#include "base/heap.h"

#define CAP_MIN ((size_t)16)
#define WIDTH ((size_t)4) /* children of a node */

static inline void place(struct heap *h, struct heap_slot slot, size_t i)
{
    h->slots[i] = slot;
    slot.node->at = i + 1;
}

static inline size_t parent(size_t i)
{
    return (i - 1) / WIDTH;
}

static void sift_up(struct heap *h, struct heap_slot slot, size_t i)
{
    for (; i > 0 && slot.key < h->slots[parent(i)].key; i = parent(i))
        place(h, h->slots[parent(i)], i);
    place(h, slot, i);
}

static void sift_down(struct heap *h, struct heap_slot slot, size_t i)
{
    for (size_t first; (first = i * WIDTH + 1) < h->count;) {
        size_t least = first, end = MIN(first + WIDTH, h->count);

        for (size_t child = first + 1; child < end; child++)
            if (h->slots[child].key < h->slots[least].key)
                least = child;
        if (slot.key <= h->slots[least].key)
            break;
        place(h, h->slots[least], i);
        i = least;
    }
    place(h, slot, i);
}

/* Place i is free: put the slot where its key wants it. */
static void settle(struct heap *h, struct heap_slot slot, size_t i)
{
    if (i > 0 && slot.key < h->slots[parent(i)].key)
        sift_up(h, slot, i);
    else
        sift_down(h, slot, i);
}

void heap_done(struct heap *h)
{
    if (!h)
        return;
    for (size_t i = 0; i < h->count; i++)
        h->slots[i].node->at = 0;
    free(h->slots);
    h->slots = NULL;
    h->count = h->cap = 0;
}

void heap_set(struct heap *h, struct heap_node *n, int64_t key)
{
    n->key = key;
    if (n->at == 0) {
        if (h->count == h->cap) {
            h->cap = h->cap ? h->cap * 2 : CAP_MIN;
            h->slots = xrealloc(h->slots, h->cap * sizeof *h->slots);
        }
        sift_up(h, (struct heap_slot){key, n}, h->count++);
        return;
    }
    CHECK(n->at <= h->count && h->slots[n->at - 1].node == n);
    settle(h, (struct heap_slot){key, n}, n->at - 1);
}

void heap_remove(struct heap *h, struct heap_node *n)
{
    size_t at = n->at;

    if (at == 0)
        return;
    CHECK(at <= h->count && h->slots[at - 1].node == n);
    n->at = 0;

    struct heap_slot last = h->slots[--h->count];

    if (last.node != n)
        settle(h, last, at - 1);
}
