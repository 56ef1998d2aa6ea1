/*
 * Notes: one queue for the whole store, in the order in which they became durable. They are committed
 * with the events that they are about, all or nothing, numbered from 1 growing, and read by anybody
 * who holds a number. What they say is the caller's; the store looks at nothing of them.
 */
#ifndef STORE_STORE_NOTES_H
#define STORE_STORE_NOTES_H

#include "store/store.h"

/* Of a commit: see store/store_journal.h. Both texts are borrowed until it is done. */
struct store_note {
    int64_t time_wall;
    struct str label; /* what readers choose by */
    struct str body;
};

/* Number of the newest note that is durable; 0: none ever. Any thread. */
uint64_t store_notes_head(struct store *s);

/* Does a reader want the notes with this label? Runs on the store's thread: arg must not change until
 * the operation is done. */
typedef bool store_note_wanted_f(struct str label, const void *arg);

struct store_noted {
    uint64_t num;
    int64_t time_wall;
    struct blob *label, *body; /* counted; body NULL where only the number was asked for */
};

/* Notes after a number, oldest first, up to the limits. Looks at no more than max_scan notes; where it
 * ended is told, so that the next read need not look at them again. */
struct store_notes {
    struct store_op op;
    uint64_t after;
    uint64_t up_to;              /* and no further; 0: to the head */
    int64_t until_wall;          /* nor beyond the first that is newer; 0: any */
    store_note_wanted_f *wanted; /* NULL: all are */
    const void *arg;
    size_t max_notes, max_bytes, max_scan; /* 0: no limit; of bytes, one note at least */
    bool count_only;
    struct store_noted *notes; /* answers from here on; to be freed by store_notes_done() */
    size_t count;              /* also where they are only counted */
    uint64_t scanned;          /* all notes up to this one were looked at, and those wanted given */
    bool ended;                /* there is nothing behind `scanned` within up_to and until_wall */
    int64_t oldest_wall, newest_wall; /* of those wanted */
};
void store_notes(struct store *s, struct store_notes *op);
void store_notes_done(struct store_notes *op);

/* The last note that is older than a time: what is after its number is not. 0: none is older.
 * (Times grow with numbers but for what commits that overtake each other make of it.) */
struct store_notes_at {
    struct store_op op;
    int64_t time_wall;
    uint64_t num; /* answer */
};
void store_notes_at(struct store *s, struct store_notes_at *op);

/* Nobody needs the notes up to this number any more: they are removed little by little. The newest
 * note stays, for its number must not come back. */
struct store_notes_trim {
    struct store_op op;
    uint64_t up_to;
};
void store_notes_trim(struct store *s, struct store_notes_trim *op);

#endif
