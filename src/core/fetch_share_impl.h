/*
 * What the files of fetch_share.h share: fetch_share.c (who asks, and which topics may share),
 * fetch_share_keep.c (the owner's side: requests under way, answers kept).
 *
 * An ask is one object. Its loop makes it and frees it; in between it travels to the owner of the
 * request, may wait there, and comes home with the answer. A cancelled ask is followed by a second
 * mail, which takes it from the owner and comes home after everything else: then it can be freed.
 */
#ifndef CORE_FETCH_SHARE_IMPL_H
#define CORE_FETCH_SHARE_IMPL_H

#include "base/map.h"
#include "core/fetch_share.h"
#include "core/shard.h"

struct share_fetch;

struct fetch_shares {
    struct shard *shard;
    struct map topics; /* share key → how many have it, as a pointer */
    size_t rivals;     /* topics beyond the first of each key; mostly there are none */
    /* of this loop's polls */
    struct list asks;    /* all that were not freed */
    struct list arrived; /* with their answers, until the callback */
    struct deferred deliver;
    /* of the requests that this loop owns */
    struct map entries; /* key → struct share_entry */
    struct list kept;   /* those with answers, the oldest first */
    size_t kept_count, kept_bytes;
    struct heap ends; /* when their answers are of no more use */
    struct timer end;
};

struct share_ask {
    struct mail mail;   /* to the owner and back */
    struct mail cancel; /* likewise, once */
    struct list link;   /* on the owner's share_fetch, then on arrived */
    struct list mine;   /* on asks */
    struct shard *from, *to;
    struct share_params p; /* its texts point into text */
    /* the asker's */
    share_done_f *done; /* NULL: cancelled */
    void *arg;
    struct timer timer;
    bool home;
    /* the owner's, until it is home */
    struct share_fetch *fetch; /* waits for it; NULL: for none */
    bool made;                 /* it is what the request was made for */
    struct fetch_answer *answer;
    char text[];
};

/* ---- fetch_share.c ---- */

/* Send the ask home with this answer, of which it gets a reference; on the owner's loop. */
void share_ask_answer(struct share_ask *ask, struct fetch_answer *a);

/* ---- fetch_share_keep.c: on the owner's loop ---- */

/* Takes the ask until it is answered or forgotten. */
void share_keep_ask(struct fetch_shares *s, struct share_ask *ask);
/* It waits no more. A request for which nobody waits ends. */
void share_keep_forget(struct share_ask *ask);
void share_keep_init(struct fetch_shares *s);
/* End what is under way and drop what is kept; who waits is let go of. */
void share_keep_close(struct fetch_shares *s);

#endif
