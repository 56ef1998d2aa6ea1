/*
 * What changed between two documents, and how to say it: nothing, a patch, or the whole. Pure.
 */
#ifndef CORE_CHANGE_H
#define CORE_CHANGE_H

#include "base/blob.h"
#include "core/topic_conf.h"
#include "json/value.h"

struct change {
    bool equal;         /* by value, but for what conf->ignore leaves out */
    struct blob *patch; /* NULL when equal, or when the whole document is the smaller message */
};

/* before: minified text of the document that stands; after: the new one, whose minified text has
 * after_bytes. Caller unrefs ret->patch. */
void change_find(struct str before, const jval *after, size_t after_bytes,
                 const struct change_conf *conf, struct change *ret);
/* Only whether they are equal, as ret->equal above. */
bool change_is_none(struct str before, const jval *after, const struct change_conf *conf);

#endif
