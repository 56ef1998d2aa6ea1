/*
 * Routes to what a topic says: its document, its journal, its stream; and its state.
 */
#ifndef API_API_TOPIC_DATA_H
#define API_API_TOPIC_DATA_H

#include "api/api.h"

void api_topic_snapshot(const struct api_call *call);
void api_topic_events(const struct api_call *call);
void api_topic_poll(const struct api_call *call);
void api_topic_refused(const struct api_call *call);
void api_topic_debug(const struct api_call *call);
void api_topic_stream(const struct api_call *call);
void api_topics_stream(const struct api_call *call);

#endif
