/*
 * The heads of all journals, in memory, by topic. A transaction changes them here first; what it
 * touched is remembered, and either written with it or put back.
 */
#ifndef STORE_STORE_SQLITE_HEADS_H
#define STORE_STORE_SQLITE_HEADS_H

#include "store/store_journal.h"

struct store_sqlite;

#define EVENT_STRIDE 64

/* What the document of today starts from. */
enum doc_kind { DOC_NONE, DOC_EVENT, DOC_CHECKPOINT };

/* A topic's journal. Kept small: there is one for each record. */
struct head {
    uint64_t topic;
    uint64_t seq;       /* of the newest event, or what a leap made of it */
    int64_t last;       /* rowid of the newest event */
    int64_t skip;       /* rowid of the newest whose ordinal is a multiple of EVENT_STRIDE */
    uint64_t n;         /* ordinal of the newest; 0: none ever */
    uint64_t cum;       /* bytes of all events ever */
    uint64_t first_n;   /* ordinal of the oldest kept; n + 1: none */
    uint64_t first_cum; /* bytes before it */
    int64_t first_time; /* its time */
    uint64_t floor_seq; /* seq of the newest that was trimmed; 0: none ever */
    uint64_t doc_n;     /* the oldest ordinal that the document needs */
    int64_t changed;    /* wall time of the last commit with events */
    int64_t max_age_us; /* of the retention; it works on when no commits come */
    uint64_t hold_seq;  /* likewise */
    uint32_t touched;   /* 1-based place in heads.touched; 0: not in this transaction */
    uint8_t doc;        /* enum doc_kind */
    uint8_t patience;   /* commits to let pass before trimming is tried again */
    bool dead;          /* deleted; the slot goes at the next compaction */
};

struct touched {
    size_t at; /* in heads.v */
    struct head was;
    struct blob *state; /* borrowed from the commit; NULL: unchanged */
};

struct heads {
    struct head *v; /* by topic, growing; numbers are given growing, so new ones go to the end */
    size_t count, cap, dead;
    struct touched *touched;
    size_t touched_count, touched_cap;
    size_t count_was; /* when the transaction began */
};

MUST_USE enum err heads_load(struct store_sqlite *s, struct errinfo *ei);
void heads_done(struct heads *hs);
/* NULL: no such topic. Valid until the next heads_add(). */
struct head *heads_find(struct heads *hs, uint64_t topic);
/* Topic must be greater than any before. */
void heads_add(struct heads *hs, uint64_t topic);
/* Before the first change in a transaction. */
struct touched *heads_touch(struct heads *hs, struct head *h);
void heads_kill(struct heads *hs, struct head *h);
MUST_USE enum err heads_write(struct store_sqlite *s, struct errinfo *ei);
/* The transaction is over: keep what it changed, or put it back. */
void heads_keep(struct heads *hs);
void heads_undo(struct heads *hs);

#endif
