/*
 * Intrusive min-heap by an int64 key (times). A node knows its place, so it can be removed or moved
 * in O(log n). Not linked: at == 0.
 *
 * Keys stand in the heap beside the nodes, four children in a row: with thousands of nodes nearly all
 * of the time would go into fetching what is compared into the cache.
 */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include "base/mem.h"

struct heap_node {
    int64_t key;
    size_t at; /* 1-based place; 0: in no heap */
};

struct heap_slot {
    int64_t key; /* the node's */
    struct heap_node *node;
};

struct heap {
    struct heap_slot *slots; /* slots[0] is the least */
    size_t count;
    size_t cap;
};

#define HEAP_INIT                                                                                  \
    {                                                                                              \
        NULL, 0, 0                                                                                 \
    }

/* Unlinks the nodes that are left, so they must still be there. */
void heap_done(struct heap *h);
/* Insert, or move when it is in the heap already. */
void heap_set(struct heap *h, struct heap_node *n, int64_t key);
/* Remove; nothing when in no heap. */
void heap_remove(struct heap *h, struct heap_node *n);
/* The least, or NULL. */
static inline struct heap_node *heap_min(const struct heap *h)
{
    return h->count ? h->slots[0].node : NULL;
}

#endif
