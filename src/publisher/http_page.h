/*
 * From page to page: which URL comes first, and which is next. Pure. Whether a page may be asked
 * at all (seen before, too many) is core/page_guard.h.
 *
 * URLs are appended to b, which is as it was after an error and at the end of the pages.
 */
#ifndef PUBLISHER_HTTP_PAGE_H
#define PUBLISHER_HTTP_PAGE_H

#include "publisher/http_page_conf.h"

/* The URL of the first request: url with the parameters of the mode, in place of those of the same
 * name it has (keyset and cursor: only that of the page size). Computed parameters are set before.
 * E_POLL_CONFIG: it would be too long. */
MUST_USE enum err http_page_first(const struct http_page_conf *conf, struct str url, struct buf *b,
                                  struct errinfo *ei);

/* A page that came; all borrowed. */
struct http_page_answer {
    struct str home;  /* the topic's url: the origin that next pages must have, too */
    struct str asked; /* the URL of the page as it was asked for: a next value goes into it */
    struct str url;   /* as it was answered, after redirects: a next URI is resolved by it */
    const jval *root; /* the whole body, not the part that payloadPointer selects */
    const struct str *links; /* values of its Link fields, in order */
    size_t link_count;
};

/*
 * The URL of the page after this one. *ret_end: there is none, and b is as it was: the next
 * reference is absent, null or empty (a body that cannot have it, for its shape, counts as absent).
 * A next URI has the origin of home or of the page itself (a redirect may have led there), or
 * allowOtherOrigin is set. Errors name where the reference is and show nothing of a query:
 * E_POLL_FORMAT: it is neither string nor (type value) number, or no URL that can be requested;
 * E_POLL_UNKNOWN: it leads to another origin.
 */
MUST_USE enum err http_page_next(const struct http_page_conf *conf,
                                 const struct http_page_answer *page, struct buf *b, bool *ret_end,
                                 struct errinfo *ei);

#endif
