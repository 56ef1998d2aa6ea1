/*
 * The events of a topic: a chain from the newest back to the oldest. There is no index: an event
 * holds the rowid of the one before it, and each whose ordinal is a multiple of EVENT_STRIDE also
 * that of the one EVENT_STRIDE before, so that going back far is quick. Pointers are followed by
 * ordinal: what lies before the head's first_n is gone or about to go, and is never looked at.
 *
 * Trimming moves first_n on at once; the events before it are removed then or, when they are
 * many, little by little in later transactions (doomed stretches).
 */
#ifndef STORE_STORE_SQLITE_CHAIN_H
#define STORE_STORE_SQLITE_CHAIN_H

#include "store/store_sqlite.h"

/* ---- going back (store_sqlite_chain.c) ---- */

struct node {
    int64_t rowid, prev, skip, time;
    uint64_t seq, n, cum, len;
    int type;
};

/* True of an event that is old enough; must then be true of all before it. */
typedef bool chain_old_f(const struct node *e, const void *arg);
/* The newest kept event that is old, and the one after it (n = 0: there is none). */
MUST_USE enum err chain_find(struct store_sqlite *s, const struct head *h, chain_old_f *is_old,
                             const void *arg, struct node *ret_at, struct node *ret_after,
                             struct errinfo *ei);
/* The event of this rowid, if it is the topic's n-th; else E_STORE_CORRUPT. */
MUST_USE enum err chain_get(struct store_sqlite *s, uint64_t topic, int64_t rowid, uint64_t n,
                            struct node *ret, struct errinfo *ei);
MUST_USE enum err chain_body(struct store_sqlite *s, int64_t rowid, struct blob **ret,
                             struct errinfo *ei);

/* ---- trimming (store_sqlite_trim.c); within a transaction, but for trim_is_due and doomed_load */

bool trim_is_due(const struct head *h, const struct store_retention *r, int64_t now_wall);
/* Take what the retention does not keep off the journal. What cannot be read stays. */
void trim(struct store_sqlite *s, struct head *h, const struct store_retention *r,
          int64_t now_wall);
/* The whole journal. */
enum err trim_all(struct store_sqlite *s, const struct head *h, struct errinfo *ei);
/* Remove events of doomed stretches while the transaction's budget lasts. */
enum err doomed_slice(struct store_sqlite *s, struct errinfo *ei);
MUST_USE enum err doomed_load(struct store_sqlite *s, struct errinfo *ei);

#endif
