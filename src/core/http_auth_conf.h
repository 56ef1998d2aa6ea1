/*
 * The attribute authorization of what sends HTTP requests: its rows and what they are parsed into.
 * Immutable once made. The struct owns its texts: http_auth_conf_wipe(), then attr_done(http_auth_attrs, …).
 */
#ifndef CORE_HTTP_AUTH_CONF_H
#define CORE_HTTP_AUTH_CONF_H

#include "core/attr.h"
#include "core/secret_ref.h"
#include "core/token.h"

/* In the order of the names in the API. */
enum { HTTP_AUTH_NONE = -1, HTTP_AUTH_OAUTH2, HTTP_AUTH_BASIC, HTTP_AUTH_BEARER };

struct http_auth_conf {
    int type; /* HTTP_AUTH_NONE: no authorization */
    /* of oauth2 */
    char *provider, *client_id, *client_secret;
    char *scope; /* may be NULL */
    int mode;    /* enum token_mode */
    /* of basic */
    char *username, *password;
    /* of bearer */
    char *token;
};

enum { HTTP_AUTH_ATTRS = 9 };
extern const struct attr http_auth_attrs[HTTP_AUTH_ATTRS];

/* What attr_parse() wants to find in the struct. */
void http_auth_conf_init(struct http_auth_conf *conf);
/* What no row can check by itself, after attr_parse() filled conf from object (NULL or of another
 * type: nothing is checked): what each type needs, and what belongs to another. c is at the
 * object. */
void http_auth_conf_check(struct attr_ctx *c, const jval *object,
                          const struct http_auth_conf *conf);
/* Overwrite the secrets; they are empty then. */
void http_auth_conf_wipe(struct http_auth_conf *conf);

/* ---- use; of a conf without faults ---- */

/* Does one of its texts have to be resolved before it can be used? */
bool http_auth_by_reference(const struct http_auth_conf *conf);
/* A copy for use, with its references resolved: http_auth_resolved_done(), which overwrites it. The
 * provider and the scope are those of conf. E_POLL_CONFIG names the attribute. */
MUST_USE enum err http_auth_resolve(const struct http_auth_conf *conf,
                                    const struct secret_rules *rules, struct http_auth_conf *ret,
                                    struct errinfo *ei);
void http_auth_resolved_done(struct http_auth_conf *resolved);

/* The next two are for what is not by reference, or resolved. */

/* The client of type oauth2, with one reference; NULL for the other types. */
struct token_conf *http_auth_client(const struct http_auth_conf *conf);
/* Append the value of the field Authorization for basic (RFC 7617, in UTF-8) and bearer (RFC 6750
 * §2.1); nothing for the other types. buf_wipe() it. */
void http_auth_value(const struct http_auth_conf *conf, struct buf *b);

#endif
