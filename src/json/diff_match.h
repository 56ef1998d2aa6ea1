/*
 * Inside of the diff: which element of one array is which of the other.
 */
#ifndef JSON_DIFF_MATCH_H
#define JSON_DIFF_MATCH_H

#include "json/diff_walk.h"

enum fate {
    NEW = 0, /* an element of `after` that no element of `before` becomes */
    SAME,    /* stays as it is */
    CHANGED, /* stays, and has to be compared */
    OTHER,   /* takes the place of another */
    MOVED,   /* comes from another place */
};

struct match {
    struct walk *w;
    const jval **a, **b;   /* elements between the ends that are the same */
    const jval **ka, **kb; /* their keys */
    uint32_t n, m;
    uint32_t base;       /* index of the first */
    bool to_end;         /* nothing of `after` is behind them */
    uint32_t *to;        /* of each a: its place in b, plus 1; 0: goes */
    uint32_t *from;      /* of each b: its place in a, plus 1; 0: new */
    uint32_t *work;      /* n + m + 2 to work with */
    unsigned char *fate; /* of each b */
    bool keyed;
    bool hashed;
    void *memory;
};

static inline bool same_element(const jval *a, const jval *b)
{
    return jvf_is_container(b) ? jvf_kind(a) == jvf_kind(b) && jv_equal(a, b)
                               : walk_same_scalar(a, b);
}

/* a, b: the first of x->n and x->m elements, x->base and x->to_end being set; what is equal at the end is
 * left out. Done by match_done(). */
void match_init(struct match *x, const jval *a, const jval *b);
void match_done(struct match *x);
/* Fills to, from and fate. */
void match_find(struct match *x);

/* The value of an object's key, or NULL where it has none that can be one. */
const jval *match_key(const jval *element, struct str key);
/* The key that match_find() would look at first for arrays of which these are elements, both objects;
 * STR_NONE: none. */
struct str match_key_name(const struct walk *w, const jval *a, const jval *b);
/* Have these n elements of each side the same keys in the same order, by the key that match_find()
 * would look at first? */
bool match_keys_in_place(const struct walk *w, const jval *a, const jval *b, size_t n);

#endif
