/*
 * Pages of collections: the query parameters page, pageSize and sort, and the links from page to
 * page.
 */
#ifndef API_API_PAGE_H
#define API_API_PAGE_H

#include "core/limits.h"
#include "io/http_server.h"
#include "json/value.h"

struct api_page {
    const char *path; /* of the collection: static, or the request's */
    uint64_t number;  /* from 1 */
    uint64_t size;
    struct str others; /* the other parameters of the query, as sent */
};

/* False: answered with 400. The text is the request's. */
bool api_page_read(struct http_request *r, const char *path, struct api_page *ret);
static inline uint64_t api_page_skip(const struct api_page *p)
{
    return (p->number - 1) * p->size;
}
/* The value of "links" in the body: self, first, prev, next, last, those that there are. */
void api_page_write_links(const struct api_page *p, uint64_t total, struct jwriter *w);
/* The same as a Link field (RFC 8288). */
void api_page_put_link(const struct api_page *p, uint64_t total, struct buf *b);

/* Of one parameter sort=field,ASC. */
struct api_sort_key {
    unsigned field;
    bool descending;
};
struct api_sort {
    struct api_sort_key keys[LIMIT_SORT_FIELDS];
    size_t count;
};
/* The place of a field that can be sorted by, of those that ctx knows; false: none. */
typedef bool api_sort_field_f(struct str name, const void *ctx, unsigned *ret);
/* names: of these fields, for people. False: answered with 400. */
bool api_sort_read(struct http_request *r, api_sort_field_f *field, const void *ctx,
                   const char *names, struct api_sort *ret);

#endif
