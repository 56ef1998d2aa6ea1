/*
 * What stands behind store.h: one store per kind of URL. store.c owns the thread, its loop and the
 * queue of operations; a backend carries them out on that thread, in groups.
 *
 * A backend's state begins with a struct store. open, each_record and close run on the thread of
 * the caller; run and tidy on the store's own thread, which leaves the backend alone until the
 * first operation arrives. So a backend needs no locks.
 */
#ifndef STORE_STORE_BACKEND_H
#define STORE_STORE_BACKEND_H

#include <pthread.h>
#include <stdatomic.h>

#include "store/store_journal.h"

/* What op->kind_ says. */
enum store_op_kind {
    STORE_OP_PUT = 1,
    STORE_OP_DELETE,
    STORE_OP_COMMIT,
    STORE_OP_READ,
    STORE_OP_LOAD,
    STORE_OP_NOTES,
    STORE_OP_NOTES_AT,
    STORE_OP_NOTES_TRIM,
};

struct store_backend {
    /* What the URL begins with; NULL: it is a directory. */
    const char *scheme;
    /* Gives the backend's state, its struct store zeroed: store_open() fills that. */
    enum err (*open)(const struct store_conf *conf, struct store **ret, struct errinfo *ei);
    enum err (*each_record)(struct store *s, struct str kind, store_record_f *fn, void *arg,
                            struct errinfo *ei);
    /* Carry out a group in order; when it returns, all of it is durable or has its err set. */
    void (*run)(struct store *s, struct store_op **ops, size_t count);
    /* A bounded slice of housekeeping; ticked: also what is due every second. True: there is more
     * to do at once. */
    bool (*tidy)(struct store *s, bool ticked);
    /* The end was orderly: say so, and free everything. */
    void (*close)(struct store *s);
};

extern const struct store_backend store_sqlite_backend;

struct store {
    const struct store_backend *backend;
    struct loop *loop;
    pthread_t thread;
    struct mail *queue;      /* waiting operations, oldest first */
    struct mail **queue_end; /* where the next is hung */
    struct store_op **group; /* group_max of them */
    unsigned group_max;
    struct timer tick;
    struct mail close_mail;
    bool begun;   /* the first operation has come */
    bool ticked;  /* the periodic housekeeping is due */
    bool closing; /* no more will come; answers are not given any more */
    _Atomic uint64_t events, bytes, groups;
    _Atomic uint64_t notes_head; /* set by the backend: see store_notes_head() */
    _Atomic int64_t last_group_us;
};

/* Count a transaction that became durable. */
void store_count_group(struct store *s, uint64_t events, uint64_t bytes, int64_t took_us);

#endif
