/*
 * The door: the one place that says whether a request may do something. Every route names the scope
 * it needs, and the route table asks here before its handler runs.
 *
 * Nobody is asked for a token yet: the server listens on the loopback interface, where every local
 * program may do everything, or elsewhere only with --insecure (see core/engine.h). Tokens will be
 * checked here and nowhere else.
 */
#ifndef API_AUTH_H
#define API_AUTH_H

#include "io/http_server.h"

enum auth_scope {
    AUTH_NONE,      /* anybody who reaches the port: health, metrics */
    AUTH_ADMIN,     /* make, change and remove topics */
    AUTH_PUBLISH,   /* send messages to a topic, let it poll now */
    AUTH_SUBSCRIBE, /* read what a topic says */
};

/* topic: id or name that the route names; p NULL: none. E_OK, or why not (401, 403). */
MUST_USE enum err auth_check(const struct http_request *r, enum auth_scope scope, struct str topic,
                             struct errinfo *ei);
/* "admin" …, for the manual. Static. */
const char *auth_scope_name(enum auth_scope s);

#endif
