/*
 * The HTTP API: one table of routes says what is offered, to whom, and (for the manual) what it is
 * for. A handler answers its request once, at once or later.
 */
#ifndef API_API_H
#define API_API_H

#include "api/auth.h"
#include "core/shard.h"

#define API_PARAMS_MAX 2
#define API_TOPICS "/streams/hub/api/v1/topics"

struct api_call {
    struct http_request *r;
    struct shard *sh;
    struct str params[API_PARAMS_MAX]; /* borrowed from the request */
};
typedef void api_handler_f(const struct api_call *call);

struct api_route {
    enum http_method method;
    const char *path; /* "/topics/{id}/poll": what is in braces matches one segment */
    api_handler_f *handler;
    enum auth_scope scope;
    const char *produces; /* media type that Accept must allow (else 406); NULL: not asked */
    const char *help;
};

extern const struct api_route api_routes[];
extern const size_t api_route_count;

/* http_handler_f: arg is the shard. */
void api_handle(struct http_request *r, void *arg);

/* The route for a path (as struct http_request has it: decoded, and an encoded slash was refused, so
 * its segments are what the client meant); HEAD finds GET. NULL: none, and *ret_methods has a bit
 * (1 << enum http_method) for each method that the path offers, 0 for an unknown path. */
const struct api_route *api_match(const struct api_route *routes, size_t count,
                                  enum http_method method, struct str path,
                                  struct str params[API_PARAMS_MAX], unsigned *ret_methods);
/* "GET, HEAD, POST, OPTIONS": the value of Allow. Memory of a. */
struct str api_allow(unsigned methods, struct arena *a);

#endif
