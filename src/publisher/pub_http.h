/*
 * The http-poller: the built-in processor that asks one URL and publishes what it answers.
 */
#ifndef PUBLISHER_PUB_HTTP_H
#define PUBLISHER_PUB_HTTP_H

#include "core/processor.h"

extern const struct processor pub_http;

#endif
