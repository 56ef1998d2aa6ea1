/*
 * Notifications of feeds: what a commit says to those who poll, one note per message, per element of a
 * keyed array that was created, updated or deleted, or per change else. Pure.
 *
 * A note is kept in the store (store/store_notes.h) as a label, which tells the topic and the kind of
 * change, and a body: where it came from, and the payload. What a feed's settings say of it (the name
 * of the event type, the tenant) is put in when a batch is made of it.
 */
#ifndef CORE_NOTE_H
#define CORE_NOTE_H

#include "core/topic_conf.h"
#include "store/store_notes.h"

/* Of one commit, being made; `{0}` is none. */
struct notes {
    struct buf text; /* labels and bodies, one after the other */
    struct note_span {
        size_t label, label_n, body, body_n;
        int64_t time_wall;
    } * spans;
    size_t count, cap;
    struct store_note *stored; /* pointing into text: notes_stored() */
};

void notes_done(struct notes *n);
/* A message of a topic; name: under which it was published, NULL: none. run: number of the first event
 * of the commit, which all its notes have in common. */
void notes_add_message(struct notes *n, const struct topic_conf *topic, const char *name,
                       uint64_t seq, uint64_t run, int64_t time_wall, struct str message);
/* Another document: before p NULL when it is the first. */
void notes_add_change(struct notes *n, const struct topic_conf *topic, uint64_t seq,
                      int64_t time_wall, struct str before, struct str after);
/* For the commit; valid until something is added. */
const struct store_note *notes_stored(struct notes *n);

/* A note as it is read, borrowed from what was read. */
struct note {
    uint64_t num;
    int64_t time_wall;
    struct str topic_id, topic_name;
    struct str change; /* "created", "changed", "event", or the name of a message */
    uint64_t seq, run;
    unsigned index; /* within the event */
    struct str payload;
};
/* The label alone; false: it is none. */
bool note_label(struct str label, struct note *ret);
bool note_decode(const struct store_noted *stored, struct note *ret);

/* "<topic>:<change>". */
void note_event_type(const struct note *n, struct buf *b);
/* 7 digits of fraction, and the offset: "2022-01-23T08:13:56.8404437+00:00". */
#define NOTE_TIME_LEN 33
void note_time(char ret[NOTE_TIME_LEN + 1], int64_t wall);
/* One element of `notifications`. event_type: as the feed calls it. */
void note_write(struct jwriter *w, const struct note *n, struct str event_type, const char *tenant);
/* A batch as GET /eventnotifications/v1 gives it, from that of v2: `url`, absolute, instead of
 * `relativeUrl`. base: "http://host/". */
void note_batch_v1(struct str batch, struct str base, struct buf *ret);

#endif
