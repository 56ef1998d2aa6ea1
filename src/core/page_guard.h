/*
 * What keeps a cycle of pages from going on for ever: no page twice, and not too many. Embedded in
 * what follows the pages. Memory: a few dozen bytes per page, however long its URL is.
 */
#ifndef CORE_PAGE_GUARD_H
#define CORE_PAGE_GUARD_H

#include "base/err.h"
#include "base/map.h"

struct page_guard {
    struct map seen; /* hash of the URL → number of the page */
    size_t max_pages;
};

void page_guard_init(struct page_guard *g, size_t max_pages);
void page_guard_done(struct page_guard *g);
/* Before each page, the first too: may url be asked? E_POLL_UNKNOWN with the guard named in ei;
 * nothing of a query is shown. */
MUST_USE enum err page_guard_enter(struct page_guard *g, struct str url, struct errinfo *ei);
/* Pages let through so far. */
static inline size_t page_guard_count(const struct page_guard *g)
{
    return g->seen.count;
}

#endif
