/*
 * JSON Merge Patch (RFC 7396). Pure.
 */
#ifndef JSON_MERGE_H
#define JSON_MERGE_H

#include "json/value.h"

/* Append the text of target merged with patch to b. target may be NULL (nothing there). */
MUST_USE enum err jmerge(const jval *target, const jval *patch, struct buf *b);

#endif
