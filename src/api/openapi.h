/*
 * The description of the API, OpenAPI 3.1, made from the tables of the program: routes, attributes,
 * errors. What no table knows, shapes of a few answers, is in openapi.def.
 */
#ifndef API_OPENAPI_H
#define API_OPENAPI_H

#include "api/api.h"
#include "core/attr.h"

/* GET /openapi.yaml */
void api_openapi(const struct api_call *call);

/* Append the document for these routes as JSON. Pure. */
void openapi_write(const struct api_route *routes, size_t count, struct buf *b);
/* "topics", "sse", …: what the routes below a path are grouped by. Memory of the path. */
struct str openapi_tag(const char *path);
/* What a parameter of a path is; NULL: not known. Static. */
const char *openapi_path_parameter(struct str name);
/* What a header field of an answer says; NULL: not known. Static. */
const char *openapi_field(struct str name);

/* ---- openapi_schema.c ---- */

/* The value of components.schemas. */
void openapi_write_schemas(struct jwriter *w);
bool openapi_has_schema(const char *name);
/* JSON text of a table, with ' for ". */
void openapi_write_quoted(struct jwriter *w, const char *text);

#endif
