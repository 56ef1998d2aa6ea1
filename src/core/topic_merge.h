/*
 * What a merge patch makes of a topic. Pure.
 */
#ifndef CORE_TOPIC_MERGE_H
#define CORE_TOPIC_MERGE_H

#include "core/topic_conf.h"

/* Append the JSON of the topic merged with the patch (RFC 7396). Where subscribers of the patch is a
 * map by type it changes those types only, whether the topic was given a map, an array or nothing;
 * an array replaces all. Secrets are in it. */
void topic_merge(const struct topic_conf *was, const jval *patch, struct buf *ret);

#endif
