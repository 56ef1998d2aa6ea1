/*
 * The ring of a hub. It owns one reference of each event in it. Grows by powers of two up to
 * LIMIT_RING_EVENTS; bounded in bytes, too, but the newest event is always there.
 *
 * Sides (whole documents for snapshot-only readers, say) have bounds of their own, so that large
 * documents do not push small patches out.
 */
#include "core/hub_ring.h"

#include "core/limits.h"

#define RING_FIRST_CAP 8

_Static_assert((LIMIT_RING_EVENTS & (LIMIT_RING_EVENTS - 1)) == 0, "the ring is masked");

static void drop_side(struct hub_ring *r, struct hub_slot *s, int side)
{
    if (s->sides[side] && s->sides[side] != s->event)
        r->sides[side].bytes -= event_size(s->sides[side]);
    event_unref(TAKE(s->sides[side]));
}

static void drop_first(struct hub_ring *r)
{
    struct hub_slot *s = hub_ring_at(r, r->first);

    if (s->event->seq)
        r->base_seq = s->event->seq;
    r->bytes -= event_size(s->event);
    r->first++;
    for (int i = 0; i < HUB_SIDES; i++) {
        drop_side(r, s, i);
        r->sides[i].first = MAX(r->sides[i].first, r->first);
    }
    event_unref(TAKE(s->event));
}

static void grow(struct hub_ring *r)
{
    struct hub_ring was = *r;

    r->cap = was.cap ? was.cap * 2 : RING_FIRST_CAP;
    r->slots = xcalloc(r->cap, sizeof *r->slots);
    for (uint64_t i = r->first; i < r->next; i++)
        *hub_ring_at(r, i) = *hub_ring_at(&was, i);
    free(was.slots);
}

/* Of the newest slot. */
static void keep_side(struct hub_ring *r, int side, struct event *e)
{
    struct hub_slot *s = hub_ring_at(r, r->next - 1);

    s->sides[side] = event_ref(e);
    if (e == s->event)
        return;
    r->sides[side].bytes += event_size(e);
    while (r->sides[side].bytes > LIMIT_RING_BYTES && r->sides[side].first + 1 < r->next)
        drop_side(r, hub_ring_at(r, r->sides[side].first++), side);
}

void hub_ring_push(struct hub_ring *r, struct event *e, struct event *const *sides)
{
    size_t size = event_size(e);

    while (r->first < r->next &&
           (r->next - r->first == LIMIT_RING_EVENTS || r->bytes + size > LIMIT_RING_BYTES))
        drop_first(r);
    if (r->next - r->first == r->cap)
        grow(r);
    *hub_ring_at(r, r->next) = (struct hub_slot){.event = event_ref(e)};
    r->next++;
    r->bytes += size;
    for (int i = 0; i < HUB_SIDES; i++) {
        if (sides[i])
            keep_side(r, i, sides[i]);
    }
}

void hub_ring_clear(struct hub_ring *r, uint64_t base_seq)
{
    while (r->first < r->next)
        drop_first(r);
    free(TAKE(r->slots));
    r->cap = 0;
    r->first = ++r->next;
    for (int i = 0; i < HUB_SIDES; i++)
        r->sides[i].first = r->first;
    r->base_seq = base_seq;
}

bool hub_ring_after(const struct hub_ring *r, uint64_t seq, uint64_t *ret)
{
    if (seq < r->base_seq)
        return false;
    uint64_t at = r->next;
    /* From the newest: readers that ask are mostly not far behind. Errors (0) after the event stay
     * behind it. */
    for (uint64_t i = r->next; i > r->first; i--) {
        uint64_t s = hub_ring_at(r, i - 1)->event->seq;
        if (s && s <= seq)
            break;
        at = i - 1;
    }
    *ret = at;
    return true;
}

bool hub_ring_find(const struct hub_ring *r, uint64_t seq, uint64_t *ret)
{
    uint64_t at;

    if (!hub_ring_after(r, seq, &at))
        return false;
    if (at == r->first ? seq != r->base_seq : hub_ring_at(r, at - 1)->event->seq != seq)
        return false;
    *ret = at;
    return true;
}
