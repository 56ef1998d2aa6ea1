/*
 * What is asked of the journals of a store: commits, reading, documents.
 */
#ifndef STORE_STORE_JOURNAL_H
#define STORE_STORE_JOURNAL_H

#include "store/store.h"
#include "store/store_notes.h"

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
    /* This event and those after it stay (a durable reader needs them); 0: none. */
    uint64_t hold_seq;
    uint64_t hold_max_bytes; /* of them, the newest so many; 0: all */
};

/* All of it or nothing. Errors: E_STORE_SEQ, E_STORE_FULL, E_IO, E_NOT_FOUND (the topic was
 * deleted), E_INVALID (events do not ascend). The blobs are borrowed until done. */
struct store_commit {
    struct store_op op;
    uint64_t topic; /* num */
    uint64_t expected_seq;
    const struct store_event *events; /* ascending; may be none */
    size_t event_count;
    const struct store_note *notes; /* borrowed until done, as the texts in them */
    size_t note_count;
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

/* What the document of today is made of: the last whole document and the patches after it. Or that of
 * another day: after the last event that is not newer than at_seq (0: any) and at_wall (0: any).
 * E_NOT_FOUND: there was no document yet; E_GONE: what it was made of is not held any more, or more
 * than max_patches (0: any number) lie between. */
struct store_load {
    struct store_op op;
    uint64_t topic;
    uint64_t at_seq;
    int64_t at_wall;
    size_t max_patches; /* of another day only */
    uint64_t head; /* answers from here on: seq of the head, also when the document is not found */
    uint64_t seq;  /* of the head; of another day: of the event whose document it is */
    int64_t time_wall; /* of that event, only of another day; 0: not known any more */
    struct blob *base;
    struct blob **patches; /* heap */
    size_t patch_count;
};
void store_load(struct store *s, struct store_load *op);
void store_load_done(struct store_load *op);

#endif
