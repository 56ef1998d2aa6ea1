#include "base/heap.h"

#define CAP_MIN ((size_t)16)

static void place(struct heap *h, struct heap_node *n, size_t at)
{
    h->nodes[at] = n;
    n->at = at;
}

static void sift_up(struct heap *h, struct heap_node *n, size_t at)
{
    for (; at > 1 && n->key < h->nodes[at / 2]->key; at /= 2)
        place(h, h->nodes[at / 2], at);
    place(h, n, at);
}

static void sift_down(struct heap *h, struct heap_node *n, size_t at)
{
    for (size_t child; (child = at * 2) <= h->count; at = child) {
        if (child < h->count && h->nodes[child + 1]->key < h->nodes[child]->key)
            child++;
        if (n->key <= h->nodes[child]->key)
            break;
        place(h, h->nodes[child], at);
    }
    place(h, n, at);
}

/* Put n, whose place is free, where its key wants it. */
static void settle(struct heap *h, struct heap_node *n, size_t at)
{
    if (at > 1 && n->key < h->nodes[at / 2]->key)
        sift_up(h, n, at);
    else
        sift_down(h, n, at);
}

void heap_done(struct heap *h)
{
    if (!h)
        return;
    for (size_t i = 1; i <= h->count; i++)
        h->nodes[i]->at = 0;
    free(h->nodes);
    h->nodes = NULL;
    h->count = h->cap = 0;
}

void heap_set(struct heap *h, struct heap_node *n, int64_t key)
{
    n->key = key;
    if (n->at == 0) {
        if (h->count + 1 >= h->cap) {
            h->cap = h->cap ? h->cap * 2 : CAP_MIN;
            h->nodes = xrealloc(h->nodes, h->cap * sizeof(struct heap_node *));
        }
        sift_up(h, n, ++h->count);
        return;
    }
    CHECK(n->at <= h->count && h->nodes[n->at] == n);
    settle(h, n, n->at);
}

void heap_remove(struct heap *h, struct heap_node *n)
{
    size_t at = n->at;

    if (at == 0)
        return;
    CHECK(at <= h->count && h->nodes[at] == n);
    n->at = 0;

    struct heap_node *last = h->nodes[h->count--];

    if (last != n)
        settle(h, last, at);
}
