/*
 * The SSE subscriber: decides whether and how a request may follow a topic (mode, resume point)
 * and opens a channel on its connection.
 */
#ifndef SUBSCRIBER_SUB_SSE_H
#define SUBSCRIBER_SUB_SSE_H

#include "core/mode.h"
#include "core/shard.h"
#include "core/sink.h"

struct sse_topic;
struct subscription_conf;

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

/* The same for several topics on one connection, at most LIMIT_CHANNEL_TOPICS; those named twice
 * count once. What is asked for has to be allowed by each of them; who asks for nothing gets the default
 * of each. The last event id is a list, "<topic id>#<number>,…": topics that it does not name begin
 * with today. */
MUST_USE enum err sub_sse_open_joint(struct http_request *r, struct shard *sh,
                                     const struct str *names, size_t count, struct errinfo *ei);
/* Set resume and after of the topics that such a list names. E_INVALID. Pure. */
MUST_USE enum err sub_sse_resume_points(struct str ids, struct sse_topic *topics, size_t count,
                                        struct errinfo *ei);

/* The mode that an Accept field value asks for (RFC 9110 §12.5.1; p NULL or empty: the default).
 * allowed: MODE_BITs. E_NOT_ACCEPTABLE. Pure. */
MUST_USE enum err sub_sse_accept(struct str accept, unsigned allowed, enum mode by_default,
                                 enum mode *ret, struct errinfo *ei);

/* The same for a provisioned subscription. Its mode is asked for by nothing else than itself: an Accept
 * or ?mode= that excludes it is E_NOT_ACCEPTABLE, as is a topic that does not offer it any more. It
 * is open once: an open channel of it is told so and ends. E_CONFLICT (409): it is suspended. */
MUST_USE enum err sub_sse_subscribe(struct http_request *r, struct shard *sh,
                                    const struct subscription_conf *s, struct errinfo *ei);
/* subscription_gone_f: its open channel, if it is on this loop, is told so and ends. */
void sub_sse_gone(struct shard *sh, const struct subscription_conf *s);
extern const struct sink sub_sse_sink;

#endif
