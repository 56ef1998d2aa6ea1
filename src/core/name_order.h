/*
 * All topics of a loop's directory in the order of their names (by bytes), so that a page of them
 * costs what the page costs. Borrows the confs: who drops one from the directory removes it here
 * first.
 */
#ifndef CORE_NAME_ORDER_H
#define CORE_NAME_ORDER_H

#include "core/topic_conf.h"

struct name_order {
    struct topic_conf **items;
    size_t count, cap;
    bool sorted; /* false while topics are loaded: each would move half of those before it */
};

void name_order_done(struct name_order *o);
void name_order_add(struct name_order *o, struct topic_conf *c);
/* Nothing if it is not there. */
void name_order_remove(struct name_order *o, const struct topic_conf *c);
/* From here on it is in order. */
void name_order_sort(struct name_order *o);
/* The place of c, or where it would be. Sorted. */
size_t name_order_place(const struct name_order *o, const struct topic_conf *c);

#endif
