/*
 * The WebSocket subscriber: one connection (RFC 6455) on which a client subscribes to as many topics
 * as it likes, by a message for each; core/channel.h carries them.
 *
 * Client:  {"topicIdOrName", "subscriptionMode", "dataFormat": "binary" | "text", "lastEventId"}
 * Server:  {"id", "type", "data"}; data is the event's JSON, in base64 (binary) or as a string (text)
 *
 * What is wrong with a subscription is told by a message of type error, and the connection goes on.
 */
#ifndef SUBSCRIBER_SUB_WEBSOCKET_H
#define SUBSCRIBER_SUB_WEBSOCKET_H

#include "core/shard.h"

/* A GET with Upgrade. E_OK: the request is gone, whether the channel opened or its client had left.
 * Else it is untouched and the caller answers: E_INVALID (400) no handshake, E_UPGRADE (426) no
 * WebSocket or another version of it, E_UNAVAILABLE (503) draining. */
MUST_USE enum err sub_websocket_open(struct http_request *r, struct shard *sh, struct errinfo *ei);

/* The value of Sec-WebSocket-Version that is spoken. */
#define SUB_WEBSOCKET_VERSION "13"

#endif
