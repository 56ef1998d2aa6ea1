/*
 * The kinds of things that a server has and files describe: topics, feeds. A row each says what files
 * and the API call them, and how one is checked without a server; `check`, `apply`, `get` and `delete`
 * go by the rows. A further kind is a row more.
 */
#ifndef CLI_KIND_H
#define CLI_KIND_H

#include "core/fault.h"

struct kind {
    const char *name;       /* of one: "topic" */
    const char *plural;     /* of several: on the command line, and as a member of files */
    const char *collection; /* path in the API */
    const char *key;        /* the member by which a file and the server mean the same one */
    const char *const *set; /* members that the server sets, which do not count; NULL at the end */
    const char *setting;    /* a member whose default is a setting of the server; NULL: none */
    const char *lasting;    /* key of one that is always there, and is not pruned; NULL: none */
    /* Check one, any JSON, and give it as the API would show it under the settings in force here
     * (core/conf.h); the caller's. NULL when faults were added. */
    struct jdoc *(*make)(const jval *given, struct faults *f);
    /* Append what `pollcast get` says of one, without a line end. */
    void (*describe)(const jval *shown, struct buf *b);
};

extern const struct kind kind_topic, kind_feed;
/* All, in the order in which they are to be made: a feed holds what happens from when it is there, so
 * it comes before the topics that it is to hold from their beginning. */
extern const struct kind *const kinds[];
extern const size_t kind_count;

/* By its plural; NULL if there is none. */
const struct kind *kind_find(struct str plural);
/* Which kind one that stands alone is, by its members; a topic when nothing speaks for another. */
const struct kind *kind_of(const jval *v);
/* "topics, feeds": the plurals of all, for messages. */
void kind_list(struct buf *b);
/* Append "1 topic", "3 feeds". */
void kind_count_text(const struct kind *k, size_t count, struct buf *b);

#endif
