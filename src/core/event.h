/*
 * An event: one committed change of a topic, immutable and counted, shared by loops. It is made by
 * the topic's owner before the commit and published after it.
 *
 * The SSE frame of an event is its head, the body and SSE_FRAME_TAIL, written from where they are:
 * the body is never copied. Other encodings are made once and kept here, too.
 *
 * The document after an event travels beside it, not in it: events are small and kept by the
 * hundred, documents may be large and only the newest is wanted for long.
 */
#ifndef CORE_EVENT_H
#define CORE_EVENT_H

#include <stdatomic.h>

#include "base/blob.h"
#include "base/rand.h"
#include "store/store_journal.h"

enum event_type {
    EVENT_SNAPSHOT = STORE_SNAPSHOT,
    EVENT_PATCH = STORE_PATCH,
    EVENT_EVENT = STORE_EVENT,
    /* not journaled: */
    EVENT_ERROR = 100, /* tells channels that something failed */
    EVENT_CHANGES,     /* what a snapshot or patch changed, element by element */
};

/* Forms an event is sent in besides that of SSE, each made when it is first wanted. */
enum event_form {
    EVENT_FORM_DEFLATED, /* core/channel_packed.c */
    EVENT_FORM_ID,       /* of a channel's own: its id line (event_new_as()) */
    EVENT_FORM_WS_TEXT,
    EVENT_FORM_WS_BINARY,
    EVENT_FORM_CLOUDEVENT,
    EVENT_FORMS
};

#define EVENT_HEAD_MAX 96

struct event {
    atomic_uint refs;
    enum event_type type;
    uint64_t seq;      /* 0 for EVENT_ERROR */
    int64_t time_wall; /* when it was committed, microseconds */
    struct blob *body; /* one line of JSON */
    int error_code;
    uint8_t head_len;
    _Atomic(struct blob *) forms[EVENT_FORMS];
    char head[EVENT_HEAD_MAX]; /* "id: <topic>#<seq>\nevent: patch\ndata: " */
};

/* Takes a reference of its own to body. topic_id: UUID text. */
struct event *event_new(const char *topic_id, enum event_type type, uint64_t seq, int64_t time_wall,
                        struct blob *body);
/* Error for subscribers: channel code and message. retry_ms: also tells the client when to
 * reconnect; 0: does not. */
struct event *event_new_error(int code, struct str message, int64_t time_wall, unsigned retry_ms);
/* The same error as one subscription is told it, with its id; topic_id NULL: without that. */
struct event *event_new_personal(const struct event *error, const char *subscription_id,
                                 const char *topic_id);
/* The same event as one channel is told it: without the id line in its head, and with `id` (a
 * reference of its own is taken) as its EVENT_FORM_ID. What is deflated of it is shared. */
struct event *event_new_as(struct event *e, struct blob *id);
/* Bytes of the id line at the start of the head; 0: there is none. */
size_t event_id_line(const struct event *e);
struct event *event_ref(struct event *e);
void event_unref(struct event *e);
static inline void event_unrefp(struct event **e)
{
    event_unref(*e);
    *e = NULL;
}
/* "snapshot", "patch", "event", "changes", "error". */
const char *event_type_name(enum event_type t);
/* "subscription", "server", "topic", "publication": by the code's first digit. */
const char *event_category(int code);
/* Borrowed, as long as the event. make() gives a new blob; any loop, at the same time too. */
struct blob *event_form(struct event *e, enum event_form form,
                        struct blob *(*make)(const struct event *e));
/* The form if it was made already; NULL: it was not. Borrowed likewise. */
struct blob *event_have_form(struct event *e, enum event_form form);
/* The same where it takes more than the event: arg, which is the same for all who ask. */
struct blob *event_form_with(struct event *e, enum event_form form,
                             struct blob *(*make)(const struct event *e, const void *arg),
                             const void *arg);
/* Bytes of memory it keeps alive, without its other forms: the same at any time. */
size_t event_size(const struct event *e);

#define EVENT_ID_MAX (UUID_LEN + 1 + 20)
/* "<topic>#<seq>", NUL-terminated. */
void event_id_make(char ret[EVENT_ID_MAX + 1], const char *topic_id, uint64_t seq);
/* "<uuid>#<number>" with a number from 0, without leading zeros, taken apart; false: not of this form. */
bool event_id_split(struct str s, struct str *ret_topic, uint64_t *ret_seq);
/* "<uuid>#<seq>": E_INVALID if not of this form or of another topic (ei says which). The UUID in
 * any case; seq from 1, without leading zeros. */
MUST_USE enum err event_id_parse(struct str s, const char *topic_id, uint64_t *ret_seq,
                                 struct errinfo *ei);

#endif
