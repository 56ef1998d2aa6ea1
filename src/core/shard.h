/*
 * What one loop holds: its fetcher, its listener, the topics it owns, its hubs, and its copy of the
 * directory of all topics. And the engine: what all loops share (store, settings, each other).
 *
 * The directory is the same on every loop: a map from id and from name to the current conf. A
 * change is stored first, then posted to all loops; the caller is answered when all have it.
 */
#ifndef CORE_SHARD_H
#define CORE_SHARD_H

#include "base/map.h"
#include "core/conf.h"
#include "core/name_order.h"
#include "core/topic_conf.h"
#include "io/fetch.h"
#include "io/http_server.h"
#include "store/store.h"

struct topic;

struct engine {
    const struct conf *conf;
    struct store *store;
    struct seal *seal; /* of the records in it: they hold secrets */
    struct egress *egress;
    bool loopback; /* only this machine reaches it */
    unsigned shard_count;
    struct shard *shards[LOOPS_MAX];
    int64_t started_wall;
    _Atomic(int) stage;                /* enum engine_stage */
    _Atomic(int) trials;               /* under way: core/trial.h */
    _Atomic(int) subscription_changes; /* on their way to disk or to the loops */
};
enum engine_stage { ENGINE_STARTING, ENGINE_READY, ENGINE_DRAINING };

struct shard {
    struct engine *engine;
    struct loop *loop;
    unsigned index;
    struct fetcher *fetcher;
    struct tokens *tokens;           /* core/token.h */
    struct fetch_shares *shares;     /* core/fetch_share.h */
    struct breakers *breakers;       /* core/breaker.h */
    struct exchange_book *exchanges; /* core/exchange.h */
    struct http_server *server;
    /* Maps that borrow their keys from their values: by_id, by_name, topics, subscriptions. */
    struct map by_id; /* → struct topic_conf *, one reference for both maps */
    struct map by_name;
    struct name_order order; /* of by_id */
    struct list listings;    /* under way: core/listing.h */
    unsigned listing_count;
    struct deferred listing_turn;
    struct deleted_ids *deleted; /* directory.c: of topics that were; NULL: none */
    struct map topics;           /* id → struct topic *, owned here */
    struct map subscriptions; /* id → struct subscription_conf *, of all topics, one reference */
    struct feeds *feeds;      /* core/feed.h */
    struct map hubs;          /* id → struct hub * */
    struct map provisioned;   /* of subscriptions: channel_provision.c */
    struct list dirty_hubs;
    struct list idle_channels; /* those that follow nothing */
    struct list commits;       /* for LOOP_STEP_COMMIT */
    struct timer gather;       /* for those that nobody waits for */
    struct list trials;        /* core/trial.h */
    struct list dirty_states;  /* topics whose saved state is to be written lazily */
    struct timer save;
    struct list hub_list;    /* all hubs, those of deleted topics too */
    struct hub_drain *drain; /* shutdown: see hub_drain_all() */
    struct timer tick;
};

/* With its loop and fetcher; the listener is set by the engine. */
struct shard *shard_new(struct engine *e, unsigned index);
/* On its loop: start the pollers that should run; stop those that should not (all, once the engine
 * drains) and commit what they have to save. */
void shard_start_polls(struct shard *sh);
void shard_stop_polls(struct shard *sh);
/* Its thread has ended: close all that lives on it. Shards post to each other in this, so all are
 * closed before the first is freed. NULL is fine. */
void shard_close(struct shard *sh);
void shard_free(struct shard *sh);
/* The shard of this thread. */
struct shard *shard_current(void);
/* The one that owns the topic. */
struct shard *shard_owner(struct engine *e, const char *topic_id);

/* ---- directory ---- */

/* Borrowed until the end of the turn; NULL if none. A UUID is looked up as an id first. */
struct topic_conf *directory_find(struct shard *sh, struct str id_or_name);
struct topic_conf *directory_find_id(struct shard *sh, struct str id);
/* Put (or replace) without telling anybody: start-up and the receiving end of a change. */
void directory_put(struct shard *sh, struct topic_conf *c);
void directory_remove(struct shard *sh, const char *id);
/* All that was stored is there. */
void directory_loaded(struct shard *sh);
/* Is this the id of a topic that was deleted since the start? The last LIMIT_DELETED_TOPICS are
 * known. */
bool directory_was_deleted(const struct shard *sh, struct str id);

/* Store a new or changed conf (was NULL: new) and make it current on all loops. done runs on this
 * loop when every loop has it; err E_EXISTS: the name is taken; E_CONFLICT: changed meanwhile.
 * Takes a reference of its own. */
typedef void directory_done_f(void *arg, enum err err, const struct errinfo *ei,
                              struct topic_conf *now);
void directory_store(struct shard *sh, struct topic_conf *c, const struct topic_conf *was,
                     directory_done_f *done, void *arg);
/* Delete; channels close, the poller stops. */
void directory_delete(struct shard *sh, struct topic_conf *c, directory_done_f *done, void *arg);
/* The same, but only in the revision of c: else E_CONFLICT. */
void directory_delete_unchanged(struct shard *sh, struct topic_conf *c, directory_done_f *done,
                                void *arg);

#endif
