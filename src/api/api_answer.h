/*
 * What handlers have in common: reading bodies and preferences, writing answers.
 */
#ifndef API_API_ANSWER_H
#define API_API_ANSWER_H

#include "io/http_server.h"
#include "json/value.h"

/* The most fields an answer can be given beside its Content-Type. */
#define API_FIELDS_MAX 6

/* Answer with JSON. fields may be NULL. The request is gone after. */
void api_answer_json(struct http_request *r, int status, const struct http_field *fields,
                     const struct buf *body);
/* 404 for a topic that is not there. */
void api_answer_no_topic(struct http_request *r, struct str id_or_name);

/* The body as JSON. On failure the request was answered (415 media type or content coding, 400 with
 * line and column, 413 over max_bytes) and NULL is returned. types: allowed media types, NULL at the
 * end. */
struct jdoc *api_body(struct http_request *r, const char *const *types, size_t max_bytes);

/* Does an Accept field value (RFC 9110 §12.5.1; p NULL: anything) allow the media type? */
bool api_accepts(struct str accept, struct str type);

#define API_QUERY_TITLE "Validation error: Query"
/* The nth parameter of that name; p NULL: there is none. False: answered with 400. */
bool api_query_text(struct http_request *r, const char *name, size_t n, struct str *ret);
/* A whole number of the query within min … max, or preset. False: answered with 400. */
bool api_query_number(struct http_request *r, const char *name, uint64_t min, uint64_t max,
                      uint64_t preset, uint64_t *ret);

#endif
