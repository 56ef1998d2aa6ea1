/*
 * The settings of a topic: immutable, counted, shared by all loops. A change makes a new one.
 * Made from JSON by topic_conf_new(), which checks everything and lists all faults.
 */
#ifndef CORE_TOPIC_CONF_H
#define CORE_TOPIC_CONF_H

#include <stdatomic.h>

#include "base/blob.h"
#include "base/hash.h"
#include "base/rand.h"
#include "core/attr.h"
#include "core/mode.h"

struct gate_conf;
struct jomit;
struct processor;

/* Options of the change detection: beyond the source, all off by default. They stand in
 * publisher.config; the processor fills this from its parsed config, which owns what is pointed to. */
struct change_conf {
    const char *array_key; /* NULL: guessed */
    bool allow_move;
    const struct jomit *ignore; /* left out when payloads are compared; NULL: nothing */
};

/* What may be asked for of one way of delivery. */
struct topic_delivery {
    unsigned modes; /* MODE_BITs; 0: the topic is not delivered this way */
    enum mode preferred;
};

struct topic_conf {
    atomic_uint refs;
    uint64_t num; /* of the store's record; 0 before it is stored */
    uint64_t rev;
    char id[UUID_LEN + 1];
    bool id_given; /* of a new one: somebody chose the id, it may have been a deleted topic's */
    char *name;
    int64_t created_wall, modified_wall;
    const struct processor *processor;
    void *config; /* the processor's, parsed */
    enum payload_type payload;
    bool always_on;
    struct change_conf change;
    const struct gate_conf *gate; /* of the config; NULL: every payload is published */
    struct hash128 share_key;     /* see struct processor */
    struct topic_delivery deliveries[SUBSCRIBER_TYPES];
    struct blob *json; /* as stored: secrets in it, without num and rev */
};

/* Rows of a topic (core/attr.h), for the manual and OpenAPI. */
extern const struct attr topic_attrs[];
extern const size_t topic_attr_count;

/* Check `root` (the JSON of a POST, or of a merged PATCH) and make a conf.
 * was: the conf it replaces, or NULL; its id and created time are kept, payload.type and publisher
 * type must be the same, and masked secrets ("********") mean the value that stands. id: p NULL
 * makes a new UUID, and an "id" in root is passed over; else such an "id" must be the same.
 * Timestamps in root are passed over. NULL when faults were added. */
struct topic_conf *topic_conf_new(const jval *root, struct str id, const struct topic_conf *was,
                                  int64_t now_wall, struct faults *f);
struct topic_conf *topic_conf_ref(const struct topic_conf *c);
void topic_conf_unref(const struct topic_conf *c);
static inline void topic_conf_unrefp(struct topic_conf **c)
{
    topic_conf_unref(*c);
    *c = NULL;
}
/* Do the publishers' configs say the same, with defaults and secrets? */
bool topic_conf_same_config(const struct topic_conf *a, const struct topic_conf *b);
/* The topic as the API shows it (spec: Topic): defaults filled in, secrets masked. */
void topic_conf_write(const struct topic_conf *c, struct jwriter *w);
/* The same without publisher.config: what a search looks at, and cheap. */
void topic_conf_write_plain(const struct topic_conf *c, struct jwriter *w);
/* A conf from a record of the store. Errors: E_STORE_CORRUPT with the first fault. */
MUST_USE enum err topic_conf_load(struct str id, struct str body, uint64_t num, uint64_t rev,
                                  struct topic_conf **ret, struct errinfo *ei);

#endif
