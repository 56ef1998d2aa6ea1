/*
 * The attribute pagination of the http-poller: its rows and what they are parsed into. Immutable
 * once made. The struct owns its texts: attr_done(http_page_attrs, …).
 */
#ifndef PUBLISHER_HTTP_PAGE_CONF_H
#define PUBLISHER_HTTP_PAGE_CONF_H

#include "core/attr.h"

/* In the order of the names in the API; less than 0: not given. */
enum { HTTP_PAGE_NONE = -1 };
enum { HTTP_PAGE_PAGE, HTTP_PAGE_OFFSET, HTTP_PAGE_KEYSET, HTTP_PAGE_CURSOR };
enum { HTTP_NEXT_BODY, HTTP_NEXT_HEADER };
enum { HTTP_NEXT_URI, HTTP_NEXT_VALUE };

/* A query parameter and what the first request sets it to. */
struct http_page_param {
    char *name;
    int64_t value; /* 0 for those that the first request does not carry */
};

struct http_page_conf {
    int mode; /* HTTP_PAGE_NONE: no pagination */
    struct http_page_param page, page_size, offset, limit, key, cursor;
    struct {
        int location;
        int type;      /* of a location in the body */
        char *pointer; /* likewise; NULL: none */
    } next;
    int64_t max_pages;
    bool allow_other_origin;
};

enum { HTTP_PAGE_ATTRS = 10 };
extern const struct attr http_page_attrs[HTTP_PAGE_ATTRS];

/* What attr_parse() wants to find in the struct; all zero else. */
void http_page_conf_init(struct http_page_conf *conf);
/* What no row can check by itself, after attr_parse() filled conf from object (NULL or of another
 * type: nothing is checked): what a location in the body needs, attributes of other modes and
 * locations, two parameters of one name. c is at the object. */
void http_page_conf_check(struct attr_ctx *c, const jval *object,
                          const struct http_page_conf *conf);

/* The parameter that the mode moves from page to page, and the one of the size of a page. */
const struct http_page_param *http_page_mover(const struct http_page_conf *conf);
const struct http_page_param *http_page_sizer(const struct http_page_conf *conf);

#endif
