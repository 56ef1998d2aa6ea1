/*
 * Publisher "http-post": others post the documents (core/post.h). It has no attributes.
 */
#ifndef PUBLISHER_PUB_POST_H
#define PUBLISHER_PUB_POST_H

#include "core/processor.h"

extern const struct processor pub_post;

#endif
