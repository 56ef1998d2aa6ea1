/*
 * The route by which documents are posted to topics of publisher http-post.
 */
#ifndef API_API_PUBLISH_H
#define API_API_PUBLISH_H

#include "api/api.h"

void api_publish_post(const struct api_call *call);

#endif
