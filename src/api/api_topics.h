/*
 * Routes that make, show, change and delete topics.
 */
#ifndef API_API_TOPICS_H
#define API_API_TOPICS_H

#include "api/api.h"

void api_topic_create(const struct api_call *call);
void api_topic_list(const struct api_call *call);
void api_topic_get(const struct api_call *call);
void api_topic_put(const struct api_call *call);
void api_topic_patch(const struct api_call *call);
void api_topic_delete(const struct api_call *call);

#endif
