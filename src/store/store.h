/*
 * The store: the one seam to what is durable. It knows nothing of topics or JSON: it keeps opaque
 * records, and one journal with a head and a checkpoint per record.
 *
 * A store runs on a thread of its own. Every call below but open, each_record and close starts an
 * operation; its done function runs on the loop `reply`, never inside the call. Operations started
 * from one loop are carried out in order. All commits that wait when the store is free go into one
 * transaction, synced once, then all are answered.
 *
 * Sequence numbers: the caller chooses them, growing; a commit names the one it follows
 * (expected_seq) and is refused with E_STORE_SEQ otherwise. After an unclean end, opening moves
 * every head ahead by STORE_LEAP, so that no number that anybody may have seen is used again.
 *
 * What is asked of a journal is in store/store_journal.h.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/blob.h"
#include "base/err.h"
#include "io/loop.h"

struct store;
#define STORE_LEAP UINT64_C(1000000)
struct store_conf {
    const char *url;    /* a directory; later nats://… */
    bool sync_normal;   /* do not wait for the disk at each transaction */
    unsigned group_max; /* operations in one transaction at most; 0: 500 */
};

/* Open or create, migrate, recover. Sync. Errors: E_STORE_BUSY, E_STORE_NEWER, E_STORE_CORRUPT,
 * E_STORE_FULL, E_IO, E_INVALID; ei names the path and what to do. */
MUST_USE enum err store_open(const struct store_conf *conf, struct store **ret, struct errinfo *ei);
/* Finish what was started (its answers are lost), mark the end as clean, close. Sync. Nobody may
 * start operations any more; the loops that wait for answers are freed after it. NULL is fine. */
void store_close(struct store *s);

struct store_op;
typedef void store_done_f(struct store_op *op);
/* Common head of each operation; embedded first. Owned by the caller until done. */
struct store_op {
    struct mail mail; /* private */
    struct loop *reply;
    store_done_f *done;
    enum err err;
    struct errinfo info;
    unsigned kind_; /* private */
};

/* A topic and, later, a feed, an integration … */
struct store_record {
    struct str kind;     /* "topic" */
    struct str id, name; /* each unique per kind */
    struct str body;
    uint64_t num, rev; /* num: never given twice, names the journal; rev: 1, 2, … at each put */
};

/* What a start-up needs, in order of num; borrowed for the call. Sync, before any operation. */
struct store_head {
    uint64_t seq;         /* of the last event, after any leap; 0: none yet */
    int64_t changed_wall; /* when the last event was committed */
    struct str state;     /* as last committed; p NULL: none */
    bool has_snapshot;    /* store_load() would find a document */
};
typedef void store_record_f(const struct store_record *r, const struct store_head *head, void *arg);
MUST_USE enum err store_each_record(struct store *s, struct str kind, store_record_f *fn, void *arg,
                                    struct errinfo *ei);

struct store_put {
    struct store_op op;
    const char *kind; /* static */
    char *id, *name;  /* heap; freed by the caller after done */
    struct blob *body;
    uint64_t expected_rev; /* 0: must be new. E_CONFLICT otherwise; E_EXISTS: the name is taken */
    bool id_given;         /* may have been a deleted record's: begin beyond the numbers of those */
    uint64_t num, rev, seq; /* answers; seq: where a new journal begins, mostly at 0 */
};
void store_put(struct store *s, struct store_put *op);

/* Removes the record with its journal. E_NOT_FOUND, E_CONFLICT (it is at another revision). */
struct store_delete {
    struct store_op op;
    const char *kind;
    char *id;
    uint64_t expected_rev; /* 0: any */
};
void store_delete(struct store *s, struct store_delete *op);

struct store_stats { /* since the store was opened */
    uint64_t events, bytes, groups;
    int64_t last_group_us; /* how long the last transaction took */
};
void store_stats(struct store *s, struct store_stats *ret);

#endif
