/*
 * URLs and header lines in the form that libcurl wants. For the fetcher's own files.
 */
#ifndef IO_FETCH_TARGET_H
#define IO_FETCH_TARGET_H

#include <curl/curl.h>

#include "base/err.h"
#include "base/str.h"

struct fetch_xfer;

#define FETCH_URL_MAX ((size_t)8192)
#define FETCH_LINES_MAX ((size_t)64 << 10) /* header fields of a request */

/* A URL taken apart, without credentials and fragment. */
struct fetch_url {
    CURLU *u;
    char *text;
    char *origin;     /* scheme://host:port, lower case */
    const char *peer; /* host:port, inside origin */
    bool https;
    bool literal; /* an address or localhost: no name to resolve */
};
/* text may be relative to base (NULL: must be absolute). ret_userinfo (may be NULL) gets the
 * decoded "user:password", or NULL; heap. E_INVALID. */
MUST_USE enum err fetch_url_parse(struct str text, const struct fetch_url *base,
                                  struct fetch_url *ret, char **ret_userinfo, struct errinfo *ei);
void fetch_url_done(struct fetch_url *u);

/* Header lines in the form that libcurl wants. Shared by a target and its fetches under way, so
 * that a target may change while libcurl still reads the old lines. Never empty. */
struct fetch_lines {
    unsigned refs;
    size_t count;
    struct curl_slist nodes[]; /* linked in order; data is heap */
};
struct fetch_lines *fetch_lines_ref(struct fetch_lines *l);
void fetch_lines_unref(struct fetch_lines *l);

struct fetch_target {
    struct fetch_url url;
    struct fetch_lines *lines;
    size_t body_hint; /* size of the last body */
};

/* What every request has: User-Agent, Accept-Encoding. */
struct fetch_lines *fetch_lines_new(void);
/* Build the chain of header lines of this request in x; E_INVALID, E_LIMIT. */
MUST_USE enum err fetch_lines_chain(struct fetch_xfer *x, struct curl_slist **ret);

#endif
