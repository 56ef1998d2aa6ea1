/*
 * The header fields that HTTP requests carry because the settings of who sends them say so: the
 * attributes for header fields and authorization, and what is put into the target of the requests.
 * What holds no references is put there once; what does is resolved anew for each run, and neither
 * stored nor kept longer than the target.
 */
#ifndef CORE_HTTP_FIELDS_H
#define CORE_HTTP_FIELDS_H

#include "core/http_auth_conf.h"
#include "io/fetch.h"

struct conf;

/* Part of a config: its rows (ATTR_STRING_MAP and ATTR_OBJECT) are in the table of the config, and
 * attr_done() of that frees the texts. */
struct http_fields {
    const char *name; /* of the attribute for header fields, for messages; static */
    struct attr_map headers;
    struct http_auth_conf auth; /* type HTTP_AUTH_NONE: none */
    struct token_conf *client;  /* of type oauth2; NULL: none, or by reference */
    bool by_reference;          /* something has to be resolved before each run */
};

/* See secret_flaw_f: what no value of a header field may have (RFC 9110 §5.5). */
const char *http_field_flaw(struct str value);
/* A header field whose value is never shown: Authorization, Cookie, X-Api-Key … */
bool http_field_is_secret(struct str name);

/* ---- settings ---- */

/* What attr_parse() wants to find. */
void http_fields_init(struct http_fields *fields, const char *name);
/* attr.check of the row for header fields. */
void http_fields_check_headers(struct attr_ctx *c, const struct attr *row, const void *value);
/* What no row can check by itself, after attr_parse(); c is at object, which has the attributes. */
void http_fields_check(struct attr_ctx *c, const jval *object, const struct http_fields *fields);
/* It has no faults: find out the rest. */
void http_fields_ready(struct http_fields *fields);
/* Before attr_done(). */
void http_fields_wipe(struct http_fields *fields);

/* ---- use ---- */

/* Set what holds no references. E_INVALID. */
MUST_USE enum err http_fields_set(struct fetch_target *target, const struct http_fields *fields,
                                  struct errinfo *ei);
/* Before each run: set what holds references, as the server's settings allow it. *ret_client: a
 * reference to the client of type oauth2, with its secrets of now; NULL: no token is needed.
 * E_POLL_CONFIG names the attribute, and the variable or file. */
MUST_USE enum err http_fields_renew(struct fetch_target *target, const struct http_fields *fields,
                                    const struct conf *server, struct token_conf **ret_client,
                                    struct errinfo *ei);

#endif
