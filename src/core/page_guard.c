#include "core/page_guard.h"

#include "base/hash.h"

#define SHOWN_BYTES ((size_t)200)

void page_guard_init(struct page_guard *g, size_t max_pages)
{
    *g = (struct page_guard){MAP_INIT, max_pages};
}

void page_guard_done(struct page_guard *g)
{
    map_done(&g->seen);
}

enum err page_guard_enter(struct page_guard *g, struct str url, struct errinfo *ei)
{
    /* Of 128 bits two never meet by chance; a source that makes them meet ends its own cycle. */
    struct hash128 hash = hash_bytes(url.p, url.n);
    struct str key = str_make((const char *)&hash, sizeof hash);
    uintptr_t page = g->seen.count + 1;
    uintptr_t before = (uintptr_t)map_get(&g->seen, key);
    size_t shown = MIN(str_find(url, '?'), SHOWN_BYTES);

    if (before > 0)
        return err_set(ei, E_POLL_UNKNOWN,
                       "page %zu would be page %zu again (%.*s): the next references go round in "
                       "a circle; ended by the guard against pages seen before",
                       (size_t)page, (size_t)before, (int)shown, url.p);
    if (page > g->max_pages)
        return err_set(ei, E_POLL_UNKNOWN,
                       "there is a next page after %zu pages; ended by the guard "
                       "pagination.maxPages",
                       g->max_pages);
    map_put(&g->seen, key, (void *)page);
    return E_OK;
}
