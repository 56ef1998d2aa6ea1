/*
 * How a subscriber wants a topic told, and by which way. One table for names, media types and which
 * payload types they go with.
 */
#ifndef CORE_MODE_H
#define CORE_MODE_H

#include "base/str.h"

enum payload_type { PAYLOAD_SNAPSHOT, PAYLOAD_EVENT };
enum mode { MODE_SNAPSHOT_ONLY, MODE_SNAPSHOT_PATCH, MODE_EVENT, MODE_CHANGES, MODE_COUNT };

/* Ways of delivery. */
enum subscriber_type {
    SUBSCRIBER_SSE,
    SUBSCRIBER_WEBSOCKET,
    SUBSCRIBER_WEBHOOK,
    SUBSCRIBER_KAFKA,
    SUBSCRIBER_TYPES
};

#define MODE_BIT(m) (1u << (m))

/* "snapshot-only" … Static. */
const char *mode_name(enum mode m);
bool mode_parse(struct str s, enum mode *ret);
/* Modes that go with a payload type. */
unsigned mode_allowed(enum payload_type p);
/* The default of a payload type: snapshot-patch, event. */
enum mode mode_default(enum payload_type p);
const char *payload_type_name(enum payload_type p);
/* "sse", "websocket" … Static; NULL at the end. */
extern const char *const subscriber_type_names[SUBSCRIBER_TYPES + 1];

#endif
