/*
 * Inside of the diff: the walk's state and what its two files share.
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

/* Write what turns a into b, which stand at w->path. hashed: their slots have hashes already. */
void walk_pair(struct walk *w, const jval *a, const jval *b, bool hashed);
/* Both arrays. Returns false when all elements were compared with those in the same place. */
bool walk_arrays(struct walk *w, const jval *a, const jval *b, bool hashed);

/* Operations at w->path. */
void walk_add(struct walk *w, const jval *value);
void walk_replace(struct walk *w, const jval *value);
void walk_remove(struct walk *w);
/* From element `from` to element `to` of the array at w->path. */
void walk_move(struct walk *w, size_t from, size_t to);

/* Go down to an element; back by walk_up() with what was returned. */
size_t walk_down(struct walk *w, size_t index);
/* The same to behind the last of so many: "-" where that is shorter than a number. */
size_t walk_down_end(struct walk *w, size_t count);
static inline void walk_up(struct walk *w, size_t was)
{
    w->path.len = was;
}

#endif
