/*
 * A poll request: the record of one run of a poller. Steps setup → request → response, then one
 * exit with one reason, which feeds the counters, the log, the subscribers' error event and the
 * schedule.
 */
#ifndef CORE_REQUEST_H
#define CORE_REQUEST_H

#include "base/arena.h"
#include "core/processor.h"
#include "core/topic.h"

#define REQUEST_MAGIC 0x70725174u

enum request_state {
    REQUEST_SETUP,
    REQUEST_REQUESTING,
    REQUEST_RETRYING,
    REQUEST_PROCESSING,
    REQUEST_COMMITTING,
    REQUEST_ENDED
};
enum request_exit { EXIT_OK, EXIT_UNCHANGED, EXIT_ERROR, EXIT_CANCELLED };

struct request {
    unsigned magic;
    struct topic *topic;
    struct topic_conf *conf; /* of the start; a change of settings cancels the request */
    const struct processor *processor;
    enum request_state state;
    uint64_t number;  /* of this topic's runs since start */
    unsigned attempt; /* 0: the first */
    int64_t due, started, deadline;
    bool fresh;  /* somebody asked for this poll: no answer to an earlier request will do */
    bool shared; /* an answer came from a request that another topic's poll made */
    struct deferred deferred; /* the first step runs later than the call that started the run */
    struct topic_loader loader;
    struct arena arena; /* gone in the exit */
    void *step;         /* the processor's own record of this run */
    int status;         /* last HTTP status; 0: none */
    size_t body_bytes;
};

/* Start a run; the processor's setup is called in a later part of the turn. */
struct request *request_start(struct topic *t, int64_t due);
/* End it as cancelled; no callback into the processor after. */
void request_cancel(struct request *r);

/* ---- ends of steps, called by processors ---- */

/* setup or request is done: go on with the next step. */
void request_step_done(struct request *r);
/* response gives the payload: it passes the topic's gate (or is refused), is compared, committed,
 * published, and the run ends. value is borrowed for the call; text is the minified JSON of it, and is
 * taken. */
void request_publish(struct request *r, const jval *value, struct buf *text);
/* The one exit. EXIT_ERROR: err and ei say why. The request is gone after the turn. */
void request_end(struct request *r, enum request_exit exit, enum err err, const struct errinfo *ei);
/* For shows: "setup", "requesting" … */
const char *request_state_name(enum request_state s);
const char *request_exit_name(enum request_exit e);

#endif
