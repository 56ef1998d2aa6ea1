/*
 * Feeds made, shown, changed and deleted: /streams/hub/api/v1/feeds.
 */
#ifndef API_API_FEEDS_H
#define API_API_FEEDS_H

#include "api/api.h"

void api_feed_create(const struct api_call *call);
void api_feed_list(const struct api_call *call);
void api_feed_get(const struct api_call *call);
void api_feed_put(const struct api_call *call);
void api_feed_patch(const struct api_call *call);
void api_feed_delete(const struct api_call *call);

#endif
