/*
 * A provisioned subscription at run time, on the loop that owns its topic. It reads the topic's hub
 * there by a durable reader, gives the events to its sink (core/sink.h), as many at once as that
 * carries, and moves its cursor when the receiver has them.
 *
 * The cursor is durable before a sink that carries one at a time gets the next event: after a crash
 * only the one under way is told again. Others may repeat what was under way.
 *
 * After a failure all that is under way is told again, in the same order, later and later (the
 * settings subscription.retryInitial and .retryMax, or when the receiver asked to). A subscription
 * of mode snapshot-only that is behind skips to the newest. The journal keeps what is after the
 * cursor, within the bound journal.holdBytes; beyond it a subscription that missed something goes
 * on with what is held, and says so.
 *
 * Owned by its topic's list. The settings of all subscriptions are known on every loop, as topics
 * are: subscription_find().
 */
#ifndef CORE_SUBSCRIPTION_H
#define CORE_SUBSCRIPTION_H

#include "core/reader.h"
#include "core/subscription_conf.h"

struct engine;
struct shard;
struct topic;

struct subscription {
    struct subscription_conf *conf;
    struct shard *shard;
    struct topic *topic;
    struct list link; /* topic->subscriptions */
    /* the cursor */
    uint64_t cursor; /* all up to here is with the receiver, durably; of the topic's numbers */
    bool has_cursor; /* else it begins with today's snapshot */
    uint64_t taken;  /* what the cursor is to become */
    uint64_t head;   /* number of its own record's journal, which it names in each commit */
    struct cursor_save *save; /* under way, or NULL */
    bool unsaved;             /* the last try failed */
    /* delivery, while it is active */
    void *state; /* the sink's; NULL: it does not run */
    void *kept;  /* the sink's, as long as the subscription lives: sink->kept_free() */
    struct reader reader;
    struct event **window; /* under way, oldest first */
    unsigned under_way;
    size_t under_way_bytes;
    unsigned attempt; /* of the oldest; 0: the first */
    bool waiting;     /* for `again`: the next attempt, or to open the reader */
    bool failing;     /* what is under way is to be told again then */
    struct timer again;
    struct deferred closing; /* the reader, outside its own calls */
    /* what it says of itself */
    uint64_t delivered, failed, missed;
    int64_t delivered_wall, failed_wall;
    struct errinfo why; /* of the last failure; cleared by a success */
};

/* ---- on the owner's loop ---- */

/* head: of its own record. It runs when it is active and subscriptions_start() was called. */
struct subscription *subscription_new(struct topic *t, struct subscription_conf *conf,
                                      const struct store_head *head);
void subscription_conf_changed(struct subscription *s, struct subscription_conf *conf);
/* Stop and free. */
void subscription_free(struct subscription *s);
/* NULL if the topic has none of this id. */
struct subscription *subscription_of(struct topic *t, const char *id);
/* Deliver, if it is active. */
void subscription_run(struct subscription *s);
/* All of this loop's topics: run what is active; take up nothing more (those under way end). */
void subscriptions_start(struct shard *sh);
void subscriptions_drain(struct shard *sh);
/* Nothing is under way, nor a change of any subscription's settings. */
bool subscriptions_quiet(const struct shard *sh);
/* This event of the topic and those after it are still to be read by one of its subscriptions; 0:
 * none. */
uint64_t subscriptions_hold(const struct topic *t);
/* All of its active subscriptions that deliver by themselves have, durably, everything up to this
 * event; see processor->delivered. */
bool subscriptions_have(const struct topic *t, uint64_t seq);

/* ---- for sinks ---- */

/* What became of the oldest event under way. */
void subscription_report(struct subscription *s, const struct sink_result *res);
/* What is under way is held up, but not given up: why, to be shown as the last error. */
void subscription_stuck(struct subscription *s, const struct errinfo *why);

/* ---- settings, on any loop: core/subscription_dir.c ---- */

/* Borrowed until the end of the turn; NULL if there is none. */
struct subscription_conf *subscription_find(struct shard *sh, struct str id);
/* Store a new or changed conf (was NULL: new) and make it current on all loops, the owner first.
 * done runs on this loop when every loop has it. E_NOT_FOUND: the topic was deleted meanwhile;
 * E_CONFLICT: the subscription was changed meanwhile. Takes a reference of its own. */
typedef void subscription_done_f(void *arg, enum err err, const struct errinfo *ei,
                                 struct subscription_conf *now);
void subscription_store(struct shard *sh, struct subscription_conf *c,
                        const struct subscription_conf *was, subscription_done_f *done, void *arg);
/* The same; rev: only in this revision, else E_CONFLICT; 0: in any. */
void subscription_remove(struct shard *sh, struct subscription_conf *c, uint64_t rev,
                         subscription_done_f *done, void *arg);
/* A topic was deleted, on each loop: its subscriptions go with it. */
void subscription_dir_topic_deleted(struct shard *sh, const char *topic_id);
/* Take it from the map of this loop, at the end. */
void subscription_dir_remove(struct shard *sh, const char *id);
/* Remove the record of one whose topic is gone. */
void subscription_forget(struct engine *e, struct subscription_conf *c);
/* Called on each loop when a subscription was suspended or removed (then it is found no more), but
 * not when its topic was deleted: to end what follows it there. Set at start, before any loop
 * runs. */
typedef void subscription_gone_f(struct shard *sh, const struct subscription_conf *c);
void subscription_on_gone(subscription_gone_f *fn);
/* At start, before the loops run: make it known, and to its owner. The topic is there. */
void subscription_loaded(struct engine *e, struct subscription_conf *c,
                         const struct store_head *head);

#endif
