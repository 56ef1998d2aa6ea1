/*
 * Inside of the diff: the walk's state and what its files share.
 */
#ifndef JSON_DIFF_WALK_H
#define JSON_DIFF_WALK_H

#include "json/diff.h"
#include "json/value_inner.h"

struct walk {
    const struct jdiff_options *opt;
    struct buf *out;
    size_t start;    /* of the patch in out */
    struct buf path; /* of the pair at work, as it stands between the quotes of a JSON string */
    struct jdiff_result res;
    const jval *before, *after; /* the roots: slot tables are indexed by distance from them */
    uint64_t *before_hashes, *after_hashes; /* made when first needed */
    size_t *after_sizes;
    size_t summed;           /* slots whose size was added up without that table */
    size_t max_ops, max_len; /* of the text in out, without the bracket at its end */
    int64_t deadline;
    unsigned ticks;
    bool hurry;    /* time is up: replace what differs */
    bool by_place; /* elements of arrays are compared with those in the same place */
    bool full;     /* a limit was hit: unwind to a pair that can be replaced within it */
};

/* Are they the same value? b is no container. */
static inline bool walk_same_scalar(const jval *a, const jval *b)
{
    if (jvf_kind(a) != jvf_kind(b))
        return false;
    if (!jvf_has_text(a))
        return a->tag == b->tag;
    return jvf_same_text(a, b) || (jvf_kind(a) == JVF_NUMBER && jvf_number_equal(a, b));
}

/* Begins the patch in b, by which the other document becomes `after`. Ended by walk_end(). */
void walk_begin(struct walk *w, const jval *after, const struct jdiff_options *opt, struct buf *b);
/* As if nothing had been written yet. */
void walk_begin_again(struct walk *w);
/* All of it. */
void walk_both(struct walk *w, const jval *before);
void walk_end(struct walk *w, struct jdiff_result *ret);

/* Write what turns a into b, which stand at w->path. hashed: their slots have hashes already. */
void walk_pair(struct walk *w, const jval *a, const jval *b, bool hashed);
/* Both arrays. Returns false when all elements were compared with those in the same place. */
bool walk_arrays(struct walk *w, const jval *a, const jval *b, bool hashed);

/* A look at the clock, now and then: is time up? */
bool walk_is_late(struct walk *w);

/* What the patch was when the walk came to a pair. */
struct walk_mark {
    size_t len, ops, coarse;
};
struct walk_mark walk_mark_of(const struct walk *w);
/* What there is of a pair at w->path is written: b as a whole, which takes `least` bytes or more, takes
 * the place of that where it is shorter, or the only way within the limits. */
void walk_settle(struct walk *w, const jval *b, const struct walk_mark *m, size_t least);

/* Operations at w->path. */
void walk_add(struct walk *w, const jval *value);
void walk_replace(struct walk *w, const jval *value);
void walk_remove(struct walk *w);
/* From element `from` to element `to` of the array at w->path. */
void walk_move(struct walk *w, size_t from, size_t to);

/* Add so many elements, of which `first` is the first, at the end of the array at w->path. */
void walk_append(struct walk *w, const jval *first, size_t index, size_t count);

/* Go down to an element; back by walk_up() with what was returned. */
size_t walk_down(struct walk *w, size_t index);
size_t walk_down_name(struct walk *w, const jval *name);
/* The same to behind the last of so many: "-" where that is shorter than a number. */
size_t walk_down_end(struct walk *w, size_t count);
static inline void walk_up(struct walk *w, size_t was)
{
    w->path.len = was;
}

#endif
