/*
 * A hub: fan-out of one topic's events to the readers of one loop (channels, subscriptions). The owner
 * loop of the topic
 * posts each committed event, one reference, to the loops that have a hub for it; the hub keeps a
 * ring of recent events and its readers are cursors into it.
 *
 * A hub comes with the first reader of its topic on the loop and goes a little after the last, and
 * not before the owner has answered: so every answer meets the hub that asked. A reader's state is
 * the list of its hub that it is on.
 */
#ifndef CORE_HUB_H
#define CORE_HUB_H

#include "base/list.h"
#include "core/hub_ring.h"
#include "core/topic_conf.h"

struct shard;
struct reader;

/* What a topic says of itself to a hub when the hub is attached and when it changes. */
struct topic_status {
    uint64_t seq;          /* of the last event (after any leap); 0: none yet */
    int64_t changed_wall;  /* of the last event */
    int64_t checked_wall;  /* last successful poll */
    struct blob *document; /* today's; NULL: none yet (or payload type event) */
    struct event *error;   /* NULL while it works */
};

/* How long a channel that was told its end may take to go. */
#define HUB_ENDING_US (2 * US_PER_S)

enum hub_list {
    HUB_WAITING, /* for the owner's answer or for the journal */
    HUB_CURRENT, /* has all; in the order in which they last wrote */
    HUB_DUE,     /* something to write */
    HUB_STALLED, /* the socket takes no more; in the order in which they last wrote */
    HUB_PARKED,  /* something else has to end first; nobody watches the time */
    HUB_ENDING,  /* all is said and FIN sent */
    HUB_LISTS
};

struct hub {
    struct shard *shard;
    struct topic_conf *conf;
    struct list all_link; /* on shard->hub_list */
    struct list dirty_link;
    bool ready;   /* the owner has answered */
    bool closing; /* the topic was deleted: not in shard->hubs any more */
    struct topic_status status;
    struct event *whole;      /* status.document as an event, made when first wanted */
    struct blob *beat;        /* text of heartbeats, made when first wanted */
    struct blob *beat_packed; /* the same for compressed streams */
    struct hub_ring ring;
    struct list lists[HUB_LISTS]; /* of struct reader */
    struct list replays;          /* of struct replay */
    size_t reader_count;
    size_t durable_count;     /* of them, no channels */
    size_t wanted[HUB_SIDES]; /* of them, in the mode of that side */
    struct timer linger;
};

/* The hub of the topic on this loop; made (and the owner asked) when there is none. */
struct hub *hub_get(struct shard *sh, struct topic_conf *conf);
struct hub *hub_find(struct shard *sh, const char *topic_id);

/* ---- for readers ---- */

void hub_add_reader(struct hub *h, const struct reader *r);
/* The last one starts the linger. The reader is on no list any more. */
void hub_drop_reader(struct hub *h, const struct reader *r);
/* Something is due. */
void hub_wake(struct hub *h);
/* Have the owner say once more how things stand; then the readers that wait start. */
void hub_ask(struct hub *h);
/* Today's document as a snapshot event, borrowed; NULL if there is none. */
struct event *hub_whole(struct hub *h);
/* Today's document, which there is, as an event of what changed since `before`, or as a snapshot where
 * that is too much to tell. A reference for the caller. */
struct event *hub_changes(struct hub *h, struct str before);
/* ": unchanged since … checked …", borrowed. */
struct blob *hub_beat(struct hub *h);
/* Append that text for these times; 0: not known. */
void hub_beat_write(int64_t changed_wall, int64_t checked_wall, struct buf *b);

/* ---- what the owner says, in order, on the hub's loop ---- */

/* The answer to the attach. Takes references of its own. */
void hub_attached(struct hub *h, const struct topic_status *st);
/* A committed event and the document after it, or an error (document NULL). Takes references. */
void hub_publish(struct hub *h, struct event *e, struct blob *document);
/* The topic was checked and is unchanged, or works again. */
void hub_checked(struct hub *h, int64_t checked_wall);
/* Settings changed. Takes a reference. */
void hub_conf_changed(struct hub *h, struct topic_conf *conf);
/* The topic was deleted: readers get error 40404 and end. The hub goes with the last. */
void hub_topic_deleted(struct hub *h);

/* ---- called by the shard ---- */

/* LOOP_STEP_FLUSH: write what is due, bounded; true when more is left. */
bool hub_flush_all(struct shard *sh);
/* Heartbeats and slow readers; a few times per heartbeat period. */
void hub_tick_all(struct shard *sh, int64_t now);
/* Shutdown: tell all channels and close them, spread over `over_us`. */
void hub_drain_all(struct shard *sh, int64_t over_us);
/* Channels still open on this loop. */
size_t hub_channels(const struct shard *sh);
/* Close all readers at once and free all hubs. */
void hub_free_all(struct shard *sh);
/* hub_turn.c; ends a drain under way. */
void hub_drain_stop(struct shard *sh);

#endif
