/*
 * A listing: one page of the topics that match, in the order asked for. Where there are very many
 * topics it takes longer than a turn of the loop may: then it goes on in slices, turn by turn, and
 * meanwhile other listings have their slices too. A topic that changes on the way may be in it as it
 * was or as it is.
 *
 * The struct is the caller's, embedded in what its request needs, until done.
 */
#ifndef CORE_LISTING_H
#define CORE_LISTING_H

#include "core/limits.h"
#include "core/search.h"
#include "core/shard.h"

enum listing_field {
    LISTING_NAME,
    LISTING_CREATED,
    LISTING_MODIFIED,
    LISTING_PUBLISHER,
    LISTING_PAYLOAD,
};

struct listing_key {
    enum listing_field field;
    bool descending;
};

struct listing;
struct listing_entry;
/* Of each topic of the page, in order. */
typedef void listing_item_f(struct listing *l, const struct topic_conf *conf);
/* The end, always; l->total is set unless it was cancelled. */
typedef void listing_done_f(struct listing *l);

struct listing {
    /* the caller's; the rest is zero */
    const struct search *search; /* NULL: all topics */
    struct listing_key keys[LIMIT_SORT_FIELDS];
    size_t key_count; /* 0: by name; what the keys leave equal is, too */
    uint64_t skip;    /* topics before the page */
    size_t most;      /* topics of the page */
    listing_item_f *item;
    listing_done_f *done;

    bool cancelled;
    uint64_t total; /* topics that match */

    struct list link; /* private from here */
    struct shard *shard;
    bool (*step)(struct listing *l);
    struct topic_conf *cursor;
    struct listing_entry *entries, *room;
    size_t count, cap, at, end, width;
    struct buf text;
};

/* The field of this name ("publisher.payload.type"); false: none. */
bool listing_field_parse(struct str name, enum listing_field *ret);
/* "name, createTimestamp, …". Static. */
const char *listing_field_names(void);

/* A new shard's part. */
void listing_init(struct shard *sh);
/* Calls back later on this loop. E_TOO_MANY: over LIMIT_LISTINGS on this loop; it does not start. */
MUST_USE enum err listing_start(struct shard *sh, struct listing *l, struct errinfo *ei);
/* done comes soon, item no more. */
void listing_cancel(struct listing *l);
/* End all that are under way, as cancelled. */
void listing_end_all(struct shard *sh);

#endif
