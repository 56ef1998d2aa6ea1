/*
 * Where the pages of the cycles before led to: a page that comes again, to the same request with the
 * same answer, leads to the same place, and need not be looked into. Embedded in what outlives a
 * cycle; goes with the settings by which pages are read.
 *
 * Of long cycles only the first pages are kept in mind, and none that leads to a long URL.
 */
#ifndef CORE_PAGE_MEMO_H
#define CORE_PAGE_MEMO_H

#include "base/hash.h"

struct page_memo_row;

struct page_memo {
    struct page_memo_row *rows; /* of page 1, 2, … */
    size_t count;
};

#define PAGE_MEMO_INIT                                                                             \
    {                                                                                              \
        NULL, 0                                                                                    \
    }

void page_memo_done(struct page_memo *m);
/* The URL that page number n (from 1) led to when it was this exchange (a hash of the request and the
 * answer), empty: nowhere, it was the last; p NULL: not known. Borrowed until the next put. */
struct str page_memo_find(const struct page_memo *m, size_t n, struct hash128 exchange);
/* Page n led there; next may be empty. What was known of it before is forgotten. */
void page_memo_put(struct page_memo *m, size_t n, struct hash128 exchange, struct str next);

#endif
