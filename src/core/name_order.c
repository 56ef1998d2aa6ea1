#include "core/name_order.h"

/* Names are unique, but while two topics change theirs one may have the other's. */
static int compare(const struct topic_conf *a, const struct topic_conf *b)
{
    int c = strcmp(a->name, b->name);

    return c ? c : strcmp(a->id, b->id);
}

static int compare_items(const void *a, const void *b)
{
    return compare(*(struct topic_conf *const *)a, *(struct topic_conf *const *)b);
}

void name_order_done(struct name_order *o)
{
    free(o->items);
    *o = (struct name_order){0};
}

size_t name_order_place(const struct name_order *o, const struct topic_conf *c)
{
    size_t low = 0, high = o->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (compare(o->items[middle], c) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void name_order_add(struct name_order *o, struct topic_conf *c)
{
    size_t at = o->sorted ? name_order_place(o, c) : o->count;

    if (o->count == o->cap) {
        o->cap = MAX(o->cap * 2, (size_t)16);
        o->items = xrealloc(o->items, o->cap * sizeof(struct topic_conf *));
    }
    memmove(&o->items[at + 1], &o->items[at], (o->count - at) * sizeof(struct topic_conf *));
    o->items[at] = c;
    o->count++;
}

static size_t find(const struct name_order *o, const struct topic_conf *c)
{
    size_t at = 0;

    if (o->sorted)
        return name_order_place(o, c);
    while (at < o->count && o->items[at] != c)
        at++;
    return at;
}

void name_order_remove(struct name_order *o, const struct topic_conf *c)
{
    size_t at = find(o, c);

    if (at == o->count || o->items[at] != c)
        return;
    o->count--;
    memmove(&o->items[at], &o->items[at + 1], (o->count - at) * sizeof(struct topic_conf *));
}

void name_order_sort(struct name_order *o)
{
    if (o->count > 0)
        qsort(o->items, o->count, sizeof(struct topic_conf *), compare_items);
    o->sorted = true;
}
