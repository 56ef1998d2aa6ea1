/*
 * The HTTP API: one table of routes says what is offered, to whom, and (for the manual) what it is
 * for. A handler answers its request once, at once or later.
 */
#ifndef API_API_H
#define API_API_H

#include "api/auth.h"
#include "core/shard.h"

#define API_PARAMS_MAX 3
#define API_TOPICS "/streams/hub/api/v1/topics"

struct api_call {
    struct http_request *r;
    struct shard *sh;
    struct str params[API_PARAMS_MAX]; /* borrowed from the request */
};
typedef void api_handler_f(const struct api_call *call);

struct api_param {
    const char *name;
    const char *in;     /* "query" or "header" */
    const char *schema; /* JSON Schema, with ' for " */
    const char *help;
};

struct api_route {
    enum http_method method;
    const char *path; /* "/topics/{id}/poll": what is in braces matches one segment */
    api_handler_f *handler;
    enum auth_scope scope;
    const char *produces; /* media type that Accept must allow (else 406); NULL: not asked */
    const char *help;     /* a sentence without a full stop */
    /* for GET /openapi.yaml (api/openapi.h) and the manual */
    const char *name;     /* of the operation: "createTopic" */
    const char *statuses; /* "201 400 409", "+503": with the body of a success; of those that
                           * any request may meet only what has a meaning of its own here */
    const char *request;  /* name of the schema of the body; NULL: none is taken */
    const char *response; /* of the schema of an answer 2xx; NULL: it has no body */
    const char *media;    /* its media type; NULL: JSON */
    const char *fields;   /* "ETag Location": of its answers 2xx and 304; NULL: none */
    const struct api_param *params; /* the last has no name; NULL: none */
};

extern const struct api_route api_routes[];
extern const size_t api_route_count;

/* UUIDs are the same in either case (RFC 9562 §4); ours are in small letters: one in memory of the
 * request takes the place of *id. What is no UUID is left. */
void api_lower_uuid(struct http_request *r, struct str *id);

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
