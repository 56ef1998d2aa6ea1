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

enum store_event_type { STORE_SNAPSHOT = 1, STORE_PATCH = 2, STORE_EVENT = 3 };

struct store_event {
    uint64_t seq;
    enum store_event_type type;
    int64_t time_wall;
    struct blob *body; /* counted */
};

/* What of a journal is kept; 0: no limit of that kind. The event or checkpoint that the document
 * of today starts from is never trimmed. */
struct store_retention {
    uint64_t max_events, max_bytes;
    int64_t max_age_us;
    uint64_t hold_seq; /* events after this one stay (a durable reader needs them); 0: none */
};

/* All of it or nothing. Errors: E_STORE_SEQ, E_STORE_FULL, E_IO, E_NOT_FOUND (the topic was
 * deleted), E_INVALID (events do not ascend). The blobs are borrowed until done. */
struct store_commit {
    struct store_op op;
    uint64_t topic; /* num */
    uint64_t expected_seq;
    const struct store_event *events; /* ascending; may be none */
    size_t event_count;
    struct blob *checkpoint; /* the document after the last event; NULL: none this time */
    struct blob *state;      /* the poller's cursor, validators …; NULL: unchanged */
    struct store_retention retention;
};
void store_commit(struct store *s, struct store_commit *op);

/* Events after a sequence number, oldest first, up to the limits (0: none), but one at least. */
struct store_read {
    struct store_op op;
    uint64_t topic, after;
    size_t max_events, max_bytes;
    struct store_event *events; /* answers from here on; to be freed by store_read_done() */
    size_t count;
    bool exact;    /* `after` is a point of this journal and nothing after it was trimmed */
    bool whole;    /* nothing after `after` was trimmed, whether it is a point or not */
    bool more;     /* a limit cut the answer */
    uint64_t head; /* seq of the head */
};
void store_read(struct store *s, struct store_read *op);
void store_read_done(struct store_read *op);

/* What the document of today is made of: the last whole document and the patches after it. */
struct store_load {
    struct store_op op;
    uint64_t topic;
    uint64_t seq; /* answers from here on: of the head; E_NOT_FOUND: there is no document yet */
    struct blob *base;
    struct blob **patches; /* heap */
    size_t patch_count;
};
void store_load(struct store *s, struct store_load *op);
void store_load_done(struct store_load *op);

struct store_stats { /* since the store was opened */
    uint64_t events, bytes, groups;
    int64_t last_group_us; /* how long the last transaction took */
};
void store_stats(struct store *s, struct store_stats *ret);

#endif
