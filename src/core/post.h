/*
 * Posts: documents that are pushed into a topic whose publisher does not poll.
 *
 * Those of one topic wait in line on its owner's loop, in the order in which they reach it, and are
 * made durable in that order: one after the other where each is compared with the one before it
 * (payload type snapshot), all that wait together where each is a message of its own (event). So a
 * topic takes more posts the more of them come at a time, and none is done before it is durable.
 *
 * Whoever posts owns the post, and keeps it until it is done.
 */
#ifndef CORE_POST_H
#define CORE_POST_H

#include "base/blob.h"
#include "base/list.h"

struct topic;
struct post;
/* E_OK: it is durable and published, or equal to what stands. Else nothing of it was published, but
 * for E_IO and E_STORE_FULL, which do not tell. */
typedef void post_done_f(struct post *p, enum err err, const struct errinfo *ei);

struct post {
    struct blob *text; /* minified JSON */
    post_done_f *done;
    uint64_t seq;     /* answer: of its event; 0: it is equal to the document that stands */
    struct list link; /* private */
};

/* On the owner's loop. E_OK: done will be called, later; everything but text and done is zero.
 * E_GONE: nobody subscribes, and the topic is not alwaysOn. E_TOO_MANY: the line is full. */
MUST_USE enum err post_submit(struct topic *t, struct post *p, struct errinfo *ei);
/* How many wait, those being committed not counted. */
size_t post_count(const struct topic *t);
/* The topic goes: those that wait are done with an error; those being committed end by themselves. */
void post_line_close(struct topic *t);

#endif
