/*
 * The feed-poller: the built-in processor that empties a feed, batch by batch, and publishes each
 * notification as an event.
 */
#ifndef PUBLISHER_PUB_FEED_H
#define PUBLISHER_PUB_FEED_H

#include "core/processor.h"

extern const struct processor pub_feed;

#endif
