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

#include "core/shard.h"
#include "io/http_server.h"

enum auth_scope {
    AUTH_NONE,      /* anybody who reaches the port: health, metrics */
    AUTH_ADMIN,     /* make, change and remove topics */
    AUTH_PUBLISH,   /* send messages to a topic, let it poll now */
    AUTH_SUBSCRIBE, /* read what a topic says */
    AUTH_FEED,      /* empty a feed: the path names it */
};

/* Who is let in because he is on this machine must also know where he is: a web page whose name was
 * made to resolve to 127.0.0.1 (DNS rebinding) is of the same origin as the server, in a browser's
 * eyes, but gives itself away in Host. E_MISDIRECTED unless Host is an address, localhost, or one of
 * http.hosts. Not asked where others reach the server. */
MUST_USE enum err auth_check_host(const struct http_request *r, const struct engine *e,
                                  struct errinfo *ei);
/* topic: id or name that the route names; p NULL: none. E_OK, or why not (401, 403). */
MUST_USE enum err auth_check(const struct http_request *r, enum auth_scope scope, struct str topic,
                             struct errinfo *ei);
/* "admin" …, for the manual. Static. */
const char *auth_scope_name(enum auth_scope s);

#endif
