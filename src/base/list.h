/*
 * Intrusive doubly linked list. A node is on at most one list; list_remove() of a node that is on
 * none does nothing, so a destructor can always call it.
 */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include "base/mem.h"

struct list {
    struct list *next, *prev;
};

#define LIST_ITEM(node, type, member) CONTAINER_OF(node, type, member)

static inline void list_init(struct list *l)
{
    l->next = l->prev = l;
}
static inline bool list_empty(const struct list *l)
{
    return l->next == l;
}
/* True for a node that is on a list; a zeroed node is on none. */
static inline bool list_linked(const struct list *n)
{
    return n->next != NULL && n->next != n;
}
static inline void list_append(struct list *l, struct list *n)
{
    n->prev = l->prev;
    n->next = l;
    l->prev->next = n;
    l->prev = n;
}
static inline void list_prepend(struct list *l, struct list *n)
{
    n->next = l->next;
    n->prev = l;
    l->next->prev = n;
    l->next = n;
}
static inline void list_remove(struct list *n)
{
    if (!n->next)
        return;
    n->prev->next = n->next;
    n->next->prev = n->prev;
    n->next = n->prev = NULL;
}
/* First node, unlinked; NULL when empty. */
static inline struct list *list_pop(struct list *l)
{
    if (list_empty(l))
        return NULL;
    struct list *n = l->next;
    list_remove(n);
    return n;
}
/* Move all nodes of `from` to the end of `to`. */
static inline void list_splice(struct list *to, struct list *from)
{
    if (list_empty(from))
        return;
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    list_init(from);
}

#define LIST_EACH(n, l) for (struct list *n = (l)->next; n != (l); n = n->next)
/* The current node may be removed. */
#define LIST_EACH_SAFE(n, l)                                                                       \
    for (struct list *n = (l)->next, *n##_next = n->next; n != (l);                                \
         n = n##_next, n##_next = n->next)

#endif
