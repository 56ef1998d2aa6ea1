/*
 * The ring of a hub: recent events, and what of them readers of other modes are told. Embedded in its
 * hub.
 */
#ifndef CORE_HUB_RING_H
#define CORE_HUB_RING_H

#include "core/event.h"

/* As which an event is told to readers of other modes. */
enum hub_side {
    HUB_WHOLE,   /* snapshot-only: the document after it */
    HUB_CHANGES, /* changes: what it changed */
    HUB_SIDES
};

struct hub_slot {
    struct event *event;
    struct event *sides[HUB_SIDES]; /* NULL: not kept */
};

/* Recent events, oldest first: those with ordinals [first, next) are at slots[ordinal & (cap - 1)].
 * No memory before the first event. */
struct hub_ring {
    struct hub_slot *slots;
    size_t cap;
    uint64_t first, next;
    uint64_t base_seq; /* seq of the topic before the first event here */
    size_t bytes;
    struct {
        uint64_t first; /* slots before it have lost theirs */
        size_t bytes;
    } sides[HUB_SIDES];
};

/* sides[HUB_SIDES] may be NULL, each. Takes references of its own. */
void hub_ring_push(struct hub_ring *r, struct event *e, struct event *const *sides);
/* Drop all and free the memory; every cursor into it has fallen out. */
void hub_ring_clear(struct hub_ring *r, uint64_t base_seq);
static inline struct hub_slot *hub_ring_at(const struct hub_ring *r, uint64_t ordinal)
{
    return &r->slots[ordinal & (r->cap - 1)];
}
/* Ordinal of what follows seq; false if seq is no point of the ring. */
bool hub_ring_find(const struct hub_ring *r, uint64_t seq, uint64_t *ret);
/* Ordinal of the first event after seq; false if the ring does not reach back so far. */
bool hub_ring_after(const struct hub_ring *r, uint64_t seq, uint64_t *ret);

#endif
