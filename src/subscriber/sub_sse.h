/*
 * The SSE subscriber: decides whether and how a request may follow a topic (mode, resume point)
 * and opens a channel on its connection.
 */
#ifndef SUBSCRIBER_SUB_SSE_H
#define SUBSCRIBER_SUB_SSE_H

#include "core/mode.h"
#include "core/shard.h"

/*
 * GET of a topic's stream. E_OK: the request is gone, whether the channel opened or its client had
 * left. On any other error the request is untouched and the caller answers it:
 * E_NOT_FOUND (404) no such topic, E_NOT_ACCEPTABLE (406) no mode of those asked for is allowed,
 * E_INVALID (400) the last event id is not one of this topic's, E_UNAVAILABLE (503) draining.
 *
 * The mode: ?mode=, else Accept, else the topic's default. The resume point: the field
 * Last-Event-ID, else ?lastEventId=; an empty one is none.
 */
MUST_USE enum err sub_sse_open(struct http_request *r, struct shard *sh, struct str id_or_name,
                               struct errinfo *ei);

/* The mode that an Accept field value asks for (RFC 9110 §12.5.1; p NULL or empty: the default).
 * allowed: MODE_BITs. E_NOT_ACCEPTABLE. Pure. */
MUST_USE enum err sub_sse_accept(struct str accept, unsigned allowed, enum mode by_default,
                                 enum mode *ret, struct errinfo *ei);

#endif
