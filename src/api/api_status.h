/*
 * Routes about the server itself: health, metrics, the list of routes.
 */
#ifndef API_API_STATUS_H
#define API_API_STATUS_H

#include "api/api.h"

void api_status_live(const struct api_call *call);
void api_status_ready(const struct api_call *call);
void api_status_metrics(const struct api_call *call);
void api_status_index(const struct api_call *call);

#endif
