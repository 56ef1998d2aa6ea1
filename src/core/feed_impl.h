/*
 * Feeds, inside of core/feed*.c.
 *
 * A consumer does one thing at a time: what it is asked waits in `asks`. Who waits for notifications
 * stands in `idle` until the bell rings (feeds_ring()) or his time is over.
 */
#ifndef CORE_FEED_IMPL_H
#define CORE_FEED_IMPL_H

#include "core/feed.h"
#include "core/feed_state.h"
#include "store/store_journal.h"

#define FEED_KIND "feed"
#define FEED_CONSUMER_KIND "feed-consumer"

/* Which notes are wanted: immutable, counted, read on the store's thread. */
struct feed_wish {
    atomic_uint refs;
    struct feed_conf *conf;
    struct blob *filter; /* as of struct feed_ask */
};
struct feed_wish *feed_wish_new(const struct feed_conf *conf, struct blob *filter);
struct feed_wish *feed_wish_ref(struct feed_wish *w);
void feed_wish_unref(struct feed_wish *w);
/* store_note_wanted_f: arg is the wish. */
bool feed_wish_wants(struct str label, const void *arg);
bool feed_wish_takes_all(const struct feed_wish *w);

typedef void feed_then_f(struct feed_consumer *c, enum err err, const struct errinfo *ei);

struct feed_consumer {
    struct feed *feed; /* NULL: it is gone, and freed when nothing is under way */
    struct shard *shard;
    struct list link;              /* feed->consumers; the feed's own is the first */
    char *name;                    /* "": the feed's own */
    uint64_t num, head;            /* of its record, and of that record's journal */
    struct feed_state state, next; /* durable, and what is being made so */
    struct feed_wish *wish;
    /* notes after state.at up to here are not wanted */
    uint64_t clear_to;
    bool ahead; /* the one behind is */
    struct list asks, idle;
    unsigned asked;           /* not answered yet */
    struct feed_ask *current; /* being carried out; NULL: none, or it needs no answer */
    feed_then_f *then;        /* something is under way: what comes after; NULL: nothing is */
    struct store_put put;     /* of a named one: its id stays in here */
    struct store_notes read;
    struct store_notes_at find;
    struct store_commit save;
    struct store_noted *gathered; /* for a batch */
    size_t gathered_count, gathered_bytes;
    uint64_t gathered_up_to; /* nothing wanted is between the last of them and this note */
    unsigned deliveries;
    int64_t lease_until;
    int64_t polled_wall;
};

struct feed {
    struct shard *shard;
    struct feed_conf *conf;
    struct list consumers;
};

/* Of one loop. */
struct feeds {
    struct map confs;   /* id → struct feed_conf *, a reference */
    struct map running; /* id → struct feed *, those that live here */
    unsigned active;    /* of confs */
    bool draining;
    struct buf orphans; /* ids of records to remove, one to a line */
    unsigned busy;      /* consumers with something under way, records on their way */
    struct timer tend;
    _Atomic uint64_t hold; /* its feeds need no notes up to here */
    uint64_t trimmed;      /* of the first loop: what the store was told last */
    struct store_notes_trim trim;
    bool trimming;
    _Atomic unsigned waiting; /* asks in `idle` */
    _Atomic bool rung;
    struct mail bell;
};

/* ---- feed_wish.c ---- */

/* What it asks for from now on; nothing is being read. What another wish passed over is passed over.
 * renew: the same filter, with the feed's settings of now. */
void feed_wish_set(struct feed_consumer *c, struct blob *filter);
void feed_wish_renew(struct feed_consumer *c);

/* ---- feed_consumer.c ---- */

/* head, state: of its record; p NULL: it is new. */
struct feed *feed_new(struct shard *sh, struct feed_conf *conf, uint64_t head, struct str state);
void feed_conf_changed(struct feed *f, struct feed_conf *conf);
/* Its consumers' records go as well, if `records`. */
void feed_free(struct feed *f, bool records);
/* The same when the loop has ended and no answer of the store will come. */
void feed_close(struct feed *f);
struct feed_consumer *feed_consumer_new(struct feed *f, struct str name, uint64_t num,
                                        uint64_t head, struct str state, uint64_t since);
struct feed_consumer *feed_consumer_create(struct feed *f, struct str name);
struct feed_consumer *feed_consumer_find(struct feed *f, struct str name);
/* It leaves its feed, and its record the store, if `record`; who asked it is told why. */
void feed_consumer_part(struct feed_consumer *c, bool record, enum err err,
                        const struct errinfo *ei);
static inline struct feed_consumer *feed_own_consumer(const struct feed *f)
{
    return LIST_ITEM(f->consumers.next, struct feed_consumer, link);
}
/* Make c->next durable, then c->state. Of a failure c->state stays what it is. */
void feed_save(struct feed_consumer *c, feed_then_f *then);
void feed_read(struct feed_consumer *c, feed_then_f *then);
void feed_seek(struct feed_consumer *c, int64_t time_wall, feed_then_f *then); /* c->find */

/* ---- feed.c ---- */

/* Do what is asked for, unless something is under way. */
void feed_pump(struct feed_consumer *c);
/* Answer, with the error if it is one. */
void feed_answer(struct feed_ask *a, enum err err, const struct errinfo *ei);
void feed_answer_current(struct feed_consumer *c, enum err err, const struct errinfo *ei);
/* The batch that is open; or none, unless something comes while he waits. */
void feed_give(struct feed_consumer *c, struct feed_ask *a);
void feed_nothing(struct feed_consumer *c, struct feed_ask *a);
/* Behind which note it looks for more. */
static inline uint64_t feed_position(const struct feed_consumer *c)
{
    return MAX(c->state.at, c->clear_to);
}

/* ---- feed_batch.c ---- */

/* Make the next batch for c->current. */
void feed_batch_begin(struct feed_consumer *c);
void feed_batch_forget(struct feed_consumer *c);

/* ---- feed_look.c ---- */

/* Stats and the archive: beside all else. c may go meanwhile. */
void feed_look(struct feed_consumer *c, struct feed_ask *a);

/* ---- feed_tend.c ---- */

void feed_on_tend(struct timer *t, void *arg);

/* ---- feed_dir.c ---- */

void feed_record_delete(struct shard *sh, const char *kind, const char *id);

#endif
