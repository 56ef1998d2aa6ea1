/*
 * Starts and stops everything a server consists of: store, loops, listeners, topics, threads.
 *
 * The caller's thread starts and stops it and stays free in between. struct engine is in
 * core/shard.h; what it points to (conf, handler) stays until engine_stop().
 */
#ifndef CORE_ENGINE_H
#define CORE_ENGINE_H

#include "core/address.h"
#include "core/shard.h"

/*
 * Start and return when the server answers requests. handler gets each request with its shard as
 * arg; error_body makes the bodies of the HTTP server's own refusals. Errors are those of the
 * store, E_INVALID for an address, E_IO when it cannot be listened on; ei says what to do. Sync.
 */
MUST_USE enum err engine_start(const struct conf *conf, http_handler_f *handler,
                               http_error_body_f *error_body, struct engine **ret,
                               struct errinfo *ei);
/*
 * Stop in order: no new requests, pollers stop, channels are told over conf->drain_us, what is
 * under way is committed; then whatever is left is cut off. Frees the engine; NULL is fine. Sync.
 */
void engine_stop(struct engine *e);
/* Where it listens: "127.0.0.1:8080", "[::1]:4711", the port being the one in use. */
void engine_address(const struct engine *e, char ret[ADDRESS_TEXT_MAX]);

#endif
