/*
 * The settings of a feed: immutable, counted, shared by all loops. A change makes a new one. Made from
 * JSON by feed_conf_new(), which checks everything and lists all faults.
 */
#ifndef CORE_FEED_CONF_H
#define CORE_FEED_CONF_H

#include <stdatomic.h>

#include "base/blob.h"
#include "core/attr.h"

#define FEED_ALL "all" /* exists by default, and holds every topic */

struct feed_config {
    char *id;
    struct attr_texts topics; /* names, ids or globs (* and ?) */
    struct attr_map event_types;
    int64_t batch_size;
    int64_t retention_us; /* 0: as the setting feed.retention says */
    char *tenant;         /* NULL: it has none */
};

struct feed_conf {
    atomic_uint refs;
    uint64_t num; /* of the store's record; 0: it has none, and is what exists by default */
    uint64_t rev;
    bool active;    /* it was asked for or configured: what happens is queued for it */
    uint64_t since; /* number of the newest note when it became so */
    int64_t created_wall, modified_wall;
    struct feed_config config;
    bool everything;   /* of all topics */
    struct blob *json; /* as given, without what the server sets */
};

/* Rows of a feed, for the manual and OpenAPI. */
extern const struct attr feed_attrs[];
extern const size_t feed_attr_count;

/* What an id of a feed or the name of a consumer may be. */
#define FEED_ID_MAX 64
bool feed_id_is_valid(struct str id);

/* Check `root` (the JSON of a POST or PUT, or of a merged PATCH) and make a conf. was: the conf it
 * replaces, or NULL; its id and created time are kept. since: see above, of one that was not active
 * before. NULL when faults were added. */
struct feed_conf *feed_conf_new(const jval *root, const struct feed_conf *was, uint64_t since,
                                int64_t now_wall, struct faults *f);
/* The feed that exists by default, not active. */
struct feed_conf *feed_conf_default(void);
/* The same, active from now on. */
struct feed_conf *feed_conf_activated(const struct feed_conf *was, uint64_t since);
struct feed_conf *feed_conf_ref(const struct feed_conf *c);
void feed_conf_unref(const struct feed_conf *c);
static inline void feed_conf_unrefp(struct feed_conf **c)
{
    feed_conf_unref(*c);
    *c = NULL;
}
/* Does it hold this topic? */
bool feed_conf_covers(const struct feed_conf *c, struct str topic_id, struct str topic_name);
/* The same of a note: store_note_wanted_f, arg is the conf. */
bool feed_conf_wants(struct str label, const void *arg);
/* What the feed calls an event type: b is it, or the one it is replaced by. */
struct str feed_conf_event_type(const struct feed_conf *c, struct buf *b);
/* As it is in force. */
int64_t feed_conf_retention(const struct feed_conf *c);
/* Members of the feed as the API shows it, into an object that is open. */
void feed_conf_write(const struct feed_conf *c, struct jwriter *w);
/* The text of its record, and a conf from it. Errors: E_STORE_CORRUPT with the first fault. */
struct blob *feed_conf_record(const struct feed_conf *c);
MUST_USE enum err feed_conf_load(struct str body, uint64_t num, uint64_t rev,
                                 struct feed_conf **ret, struct errinfo *ei);
/* Does the text match the pattern, in which * stands for any characters and ? for one byte? */
bool feed_glob(struct str pattern, struct str text);

#endif
