/*
 * Answers of sources that serve more than one poll: one immutable, counted copy of each, for any
 * loop. And the answers that are kept of one request, with the rule which of them serves whom.
 */
#ifndef CORE_FETCH_ANSWER_H
#define CORE_FETCH_ANSWER_H

#include <stdatomic.h>

#include "io/fetch.h"

struct token;

/* How and when it was asked for. */
struct fetch_asked {
    int64_t due;          /* of the poll that made the request */
    int64_t started;      /* when that was, monotonic */
    int64_t started_wall; /* the same moment */
    unsigned attempt;     /* 0: the first of that poll */
    bool conditional;     /* validators were sent */
    struct token *token;  /* was sent; or NULL */
};

struct fetch_answer {
    atomic_uint refs;
    uint64_t serial; /* no other answer of this process has it; never 0 */
    struct fetch_asked asked;
    bool failed; /* no whole answer, or a status that is no success */
    size_t bytes;
    struct fetch_result res; /* points into text */
    char text[];
};

/* A copy with one reference; borrows both for the call, and takes a reference to the token. What was
 * asked with a token is overwritten when it is freed. */
struct fetch_answer *fetch_answer_new(const struct fetch_result *res,
                                      const struct fetch_asked *asked);
struct fetch_answer *fetch_answer_ref(struct fetch_answer *a);
void fetch_answer_unref(struct fetch_answer *a);

/* ---- the answers to one request ---- */

/* Either the last one, if it is good, or the failures since: one for each attempt. Zeroed: none. */
struct fetch_answers {
    struct fetch_answer *good;
    struct fetch_answer **failures; /* by attempt; may be NULL */
    unsigned failure_count;         /* places of failures */
    size_t bytes;
};

/* What a poll can do with. */
struct fetch_need {
    int64_t due, period;
    int64_t after;    /* nothing that was asked for before this; 0: anything */
    unsigned attempt; /* of the poll */
    bool
        same_round; /* the request is one of a round of pages, which may be older than its period */
};

/* Is what a poll due then asked for good for this one? Less than its period must lie between the due
 * times: a topic that polls alone asks anew each time. */
bool fetch_need_fits(const struct fetch_need *need, const struct fetch_asked *asked);
/* Borrowed until the next change; NULL: none fits. A good answer serves any attempt, a failure only
 * the same attempt, so that one attempt is made for all. */
struct fetch_answer *fetch_answers_good(const struct fetch_answers *s,
                                        const struct fetch_need *need);
struct fetch_answer *fetch_answers_failure(const struct fetch_answers *s,
                                           const struct fetch_need *need);
/* Takes a reference, and drops what it makes obsolete. One that was asked for before the good one
 * that is there is not kept. */
void fetch_answers_keep(struct fetch_answers *s, struct fetch_answer *a);
bool fetch_answers_empty(const struct fetch_answers *s);
void fetch_answers_clear(struct fetch_answers *s);

#endif
