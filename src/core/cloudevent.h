/*
 * Events as CloudEvents 1.0, in the structured mode of JSON: the envelope and the payload in one
 * object (CloudEvents JSON Event Format 1.0.2 §3).
 */
#ifndef CORE_CLOUDEVENT_H
#define CORE_CLOUDEVENT_H

#include "core/event.h"

struct topic_conf;

#define CLOUDEVENT_MEDIA_TYPE "application/cloudevents+json"

struct cloudevent {
    struct str id;
    const char *topic_id;  /* gives the source */
    struct str topic_name; /* the subject; empty: none */
    const char *type;      /* "snapshot": becomes pollcast.snapshot */
    int64_t time_wall;     /* µs */
    struct str data;       /* JSON */
};

/* Append it as one line of JSON. */
void cloudevent_write(const struct cloudevent *ce, struct buf *b);
/* e, an event of the topic, so written: made once and kept with it. Borrowed, as long as e. */
struct blob *cloudevent_of(struct event *e, const struct topic_conf *topic);

#endif
