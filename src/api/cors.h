/*
 * What web pages of other origins may do (Fetch Standard, CORS protocol): nothing, unless the setting
 * cors.origins names their origin.
 */
#ifndef API_CORS_H
#define API_CORS_H

#include "core/conf.h"
#include "io/http_server.h"

/* Does cors.origins name the origin, an Origin field value, or all? */
bool cors_allows(const struct conf *conf, struct str origin);
/* The fields that every answer to the request gets, where the setting is in use also to an origin that
 * is not allowed (Vary); NULL: none. The request's memory. */
const struct http_field *cors_fields(struct http_request *r, const struct conf *conf);
/* Is it a question of a browser whether it may send such a request? */
bool cors_is_preflight(const struct http_request *r);

#define CORS_PREFLIGHT_FIELDS 3
/* The fields of the answer to that, besides; allow: the methods of the path, as in Allow. They say
 * nothing to an origin that cors_fields() does not name. */
void cors_preflight_fields(struct str allow, struct http_field ret[CORS_PREFLIGHT_FIELDS]);

#endif
