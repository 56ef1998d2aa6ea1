/*
 * The route of WebSocket subscribers.
 */
#ifndef API_API_WEBSOCKET_H
#define API_API_WEBSOCKET_H

#include "api/api.h"

void api_websocket_open(const struct api_call *call);

#endif
