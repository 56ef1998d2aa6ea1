/*
 * A topic made of a URL and a few flags, for commands that take one on the command line.
 */
#ifndef CLI_URL_TOPIC_H
#define CLI_URL_TOPIC_H

#include "base/buf.h"
#include "cli/command.h"

struct url_topic {
    const char *name, *url;
    const char *every, *pointer, *key; /* NULL: the default */
    struct option_list headers;        /* "Name: value" */
    bool always_on;
};

/* Append its JSON. E_INVALID: a header is none. */
MUST_USE enum err url_topic_write(const struct url_topic *t, struct buf *b, struct errinfo *ei);

#endif
