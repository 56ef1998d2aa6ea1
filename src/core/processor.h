/*
 * Processors: how a poller asks and what the answer means, in three steps.
 *
 *     setup     what to ask: fills the poll request
 *     request   asks it, with retries (and pages)
 *     response  what it means: gives a payload to publish, or ends the request
 *
 * Built-in processors are rows of a table that the program registers at start; the core knows them
 * only by this struct. Each step may finish later: it ends by calling request_step_done(),
 * request_publish() or request_end() (core/request.h), exactly one of them, once.
 */
#ifndef CORE_PROCESSOR_H
#define CORE_PROCESSOR_H

#include "base/hash.h"
#include "core/fault.h"
#include "core/mode.h"

struct topic;
struct topic_conf;
struct request;
struct attr;
struct change_conf;
struct gate_conf;

struct processor {
    const char *type; /* publisher.type: "http-poller" */
    bool polls;       /* has a schedule; else messages are pushed in */
    bool events_only; /* goes with payload type event alone */

    /* Rows of publisher.config (core/attr.h): drive checking, the manual and OpenAPI. */
    const struct attr *attrs;
    size_t attr_count;
    /* Parse a config that is an object; adds faults with pointers below `pointer`. Returns the
     * parsed config (immutable, used by any loop), NULL only when faults were added. */
    void *(*config_new)(const jval *config, const char *pointer, struct faults *f);
    void (*config_free)(void *config);
    /* Options of the change detection that the config holds, borrowed from it. NULL: none. */
    void (*change)(const void *config, struct change_conf *ret);
    /* What payloads must be like; borrowed from the config. NULL, or gives NULL: no rules. */
    const struct gate_conf *(*gate)(const void *config);
    /* Equal for topics that may make the same requests: of all that the config fixes of a request,
     * credentials included. NULL, or gives zero: requests are not shared (core/fetch_share.h). */
    struct hash128 (*share_key)(const void *config);
    /* µs between starts of polls. */
    int64_t (*period)(const void *config);
    /* Deadline of one poll as a whole, µs from its start. */
    int64_t (*deadline)(const void *config);

    /* What the topic's runtime keeps for it on the owner loop (a fetch target, validators …). */
    void *(*start)(struct topic *t);
    void (*stop)(void *state);
    /* Append the durable part of that (validators, cursor) as JSON text; restore it at start. */
    void (*save)(const void *state, struct buf *b);
    void (*restore)(void *state, const jval *saved);
    /* What this run learnt (save() gave it already) is durable, or is to be forgotten. */
    void (*settle)(void *state, bool kept);

    void (*setup)(struct request *r);
    void (*request)(struct request *r);
    void (*response)(struct request *r);
    /* While the run waits: a subscription of the topic has, durably, more of the events than before.
     * NULL: that does not matter. */
    void (*delivered)(struct request *r);
    /* The run ends, for whatever reason: stop what is under way, free r->step. */
    void (*finish)(struct request *r);
};

#define PROCESSORS_MAX 8
/* At start, before any loop runs. */
void processor_register(const struct processor *p);
/* NULL if no such type. */
const struct processor *processor_find(struct str type);
/* The nth registered, or NULL: for messages and documentation. */
const struct processor *processor_nth(size_t n);

#endif
