/*
 * Webhooks: each event of a subscription is posted to the URL of its receiver, one after the other.
 *
 * 2xx: the receiver has it. 410: it wants no more. Everything else is tried again, not sooner than
 * a Retry-After asks for; redirects are not followed. When to try again is the affair of
 * core/subscription.h; a host that does not answer is left alone (core/breaker.h).
 *
 * What is said with the receiver is kept for people to look at (core/exchange.h).
 */
#ifndef SUBSCRIBER_SUB_WEBHOOK_H
#define SUBSCRIBER_SUB_WEBHOOK_H

#include "core/sink.h"

extern const struct sink sub_webhook_sink;

#endif
