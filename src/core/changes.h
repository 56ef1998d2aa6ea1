/*
 * What changed between two documents, element by element: what mode `changes` tells. Pure.
 *
 * An array is keyed when all elements of it, before and after, are objects with a member (the
 * configured one, else as in json/diff.h: id, _id, uuid, key, name) whose value is a string or a
 * number and differs from element to element. Only arrays that members of objects lead to are looked
 * at, not those within elements.
 */
#ifndef CORE_CHANGES_H
#define CORE_CHANGES_H

#include "base/blob.h"
#include "core/topic_conf.h"

/* before, after: texts of documents of ours. A JSON array on one line, of items
 *
 *   {"op","pointer","keyAt","key","before","after","patch"}   an element of the keyed array at pointer
 *   {"op","pointer","before","after","patch"}                 the value at pointer
 *
 * where op is created (no before), deleted (no after) or updated; keyAt is the pointer of the key
 * within the element, and patch a JSON Patch from before to after: of objects and arrays only.
 * Setting each item's after at its place, and removing what was deleted, makes `after` of `before`, up
 * to the order of elements of keyed arrays. In the order: members of an object in its order, what went
 * first; elements likewise.
 *
 * NULL: the array would be larger than max_bytes, or before is damaged: the whole document has to be
 * told. */
struct blob *changes_make_within(struct str before, struct str after,
                                 const struct change_conf *conf, size_t max_bytes);
/* The same, but NULL where the array would be larger than LIMIT_CHANGES_MIN_BYTES and
 * LIMIT_CHANGES_FACTOR times the larger document. */
struct blob *changes_make(struct str before, struct str after, const struct change_conf *conf);

#endif
