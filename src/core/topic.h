/*
 * A topic at run time, on the loop that owns it: its poller, today's document, its sequence, and
 * which loops have hubs for it. Made at start-up or when the topic is created.
 *
 * What is durable changes only by a commit: event, document, checkpoint and the processor's saved
 * state together. At most one with an event is under way, and one before it with only the state:
 * the store carries them out in that order, so neither has to wait for the other.
 */
#ifndef CORE_TOPIC_H
#define CORE_TOPIC_H

#include "base/hash.h"
#include "core/event.h"
#include "core/hub_mail.h"
#include "core/poller.h"
#include "core/shard.h"

#define TOPIC_MAGIC 0x70436f54u

enum topic_load { TOPIC_UNLOADED, TOPIC_LOADING, TOPIC_LOADED };

/* The other loops and this one that have a hub for the topic. */
#define TOPIC_EACH_HUB(t, to)                                                                      \
    for (unsigned i_ = 0; i_ < (t)->shard->engine->shard_count; i_++)                              \
        for (struct shard *to = (t)->hub_mask >> i_ & 1 ? (t)->shard->engine->shards[i_] : NULL;   \
             to; to = NULL)

struct topic_loader;
typedef void topic_loaded_f(struct topic_loader *l, struct topic *t, enum err err,
                            const struct errinfo *ei);
struct topic_loader {
    struct list link;
    topic_loaded_f *fn;
};

/* One line of GET …/debug: how a run ended. */
struct topic_outcome {
    int64_t started_wall;
    uint32_t took_us;
    uint16_t status;  /* HTTP */
    uint8_t exit : 7; /* enum request_exit */
    bool shared : 1;  /* see struct request */
    uint8_t err;      /* enum err */
};
#define TOPIC_OUTCOMES 8

/* The last payload that the gate (core/gate.h) did not let through. */
struct topic_refused {
    struct blob *payload;
    int64_t time_wall;
    struct errinfo why;
};

struct topic {
    unsigned magic;
    struct shard *shard;
    struct topic_conf *conf;
    /* durable, as of the last commit */
    uint64_t seq;
    int64_t changed_wall;
    struct blob *document; /* NULL: none yet, not loaded, or messages are posted */
    struct blob *saved;    /* the processor's state as stored; until the processor starts */
    enum topic_load load;
    struct list loaders;           /* who waits for the document */
    struct topic_load_op *load_op; /* under way */
    /* since the last checkpoint */
    size_t patch_bytes;
    unsigned patch_count;
    /* poll outcome */
    int64_t checked_wall;          /* last success */
    struct event *error;           /* NULL while it works */
    struct topic_refused *refused; /* NULL: none since the last success */
    /* who follows */
    uint64_t hub_mask;    /* bit per loop with a hub */
    uint64_t asking_mask; /* of them, those not answered yet: the document is being loaded */
    struct topic_loader attach_loader;
    int64_t told_checked;      /* when hubs were last told that a check found nothing new */
    struct list subscriptions; /* of struct subscription, owned here */
    struct poller poller;
    struct topic_commit *commit; /* of an event, under way */
    struct topic_commit *saving; /* of the state alone, under way */
    struct post_line *posts;     /* core/post.h; NULL: nothing was ever posted */
    struct list state_link;      /* on shard->dirty_states: written lazily */
    struct trial *trial; /* whose topic it is: see core/topic_detached.h; NULL: a real one */
    bool deleted;
    struct topic_outcome outcomes[TOPIC_OUTCOMES]; /* of run number n at n % TOPIC_OUTCOMES */
};

struct topic *topic_new(struct shard *sh, struct topic_conf *conf, const struct store_head *head);
/* Stop its poller, cut its ties; freed when nothing of it is under way. */
void topic_delete(struct topic *t);
/* The same at shutdown: the topic stays, only its run time ends. */
void topic_close(struct topic *t);
struct topic *topic_find(struct shard *sh, const char *id);
void topic_conf_changed(struct topic *t, struct topic_conf *conf);

/* ---- who follows ---- */

/* From a loop that made a hub: the owner answers with hub_attached() there. */
void topic_attach_hub(struct topic *t, struct shard *to);
void topic_detach_hub(struct topic *t, struct shard *from);
bool topic_is_followed(const struct topic *t);

/* ---- the document ---- */

/* Calls back when the document is in memory and no event is being committed (at once when that is
 * so); E_OK also when there is none. */
void topic_load(struct topic *t, struct topic_loader *l);
/* For topic_commit.c: a commit ended. */
void topic_run_loaders(struct topic *t, enum err err, const struct errinfo *ei);

/* ---- change ---- */

struct topic_commit;
/* The topic may be gone by then. */
typedef void topic_committed_f(void *arg, enum err err, const struct errinfo *ei);
/* Publish a new document (of payload type event: as a message): compare with the last, make the
 * event, commit, publish to hubs, call back. False: it is equal by value, there is no event, and done
 * is not called. document: the JSON of value, minified. Loaded, no event is being committed. */
bool topic_publish_document(struct topic *t, const jval *value, struct blob *document,
                            topic_committed_f *done, void *arg);
/* Payload type event: publish messages, minified JSON, with the numbers after t->seq, in one commit.
 * Loaded, no event is being committed. The blobs are counted, the array is borrowed. */
void topic_publish_messages(struct topic *t, struct blob *const *bodies, size_t count,
                            topic_committed_f *done, void *arg);
/* May this be published? E_POLL_FORMAT: no, the gate keeps a copy of it in t->refused, and ei says
 * why. The document is loaded. */
MUST_USE enum err topic_pass_gate(struct topic *t, const jval *value, const struct buf *text,
                                  struct errinfo *ei);
/* Whoever published (arg of the commit) is gone: the commit goes on, its done is not called. */
void topic_forget_commit(struct topic *t, const void *arg);
void topic_works(struct topic *t); /* what failed does not any more */
/* A successful poll, published or with nothing new: the topic works, and this was its time. */
void topic_checked(struct topic *t, int64_t now_wall);
/* For good: tells channels when the topic begins to fail or the code changes. */
void topic_failed(struct topic *t, enum err err, const struct errinfo *ei);
/* The topic is going: what is under way ends without it, and its done is called all the same. */
void topic_orphan_commits(struct topic *t);
/* Its saved state is to be written lazily. */
void topic_state_changed(struct topic *t);
/* The processor's durable state goes into the topic before the processor stops, and back. */
void topic_keep_state(struct topic *t);
void topic_restore_state(struct topic *t);
/* LOOP_STEP_COMMIT: hand all commits to the store, or let the shard's timer do it in a moment. */
void topic_commit_due(struct shard *sh);
void topic_commit_all(struct shard *sh);
void topic_save_states(struct shard *sh); /* those that changed without an event */
void topic_status_get(const struct topic *t, struct topic_status *ret);

#endif
