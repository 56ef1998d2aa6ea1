/*
 * The walk over the text of the one document and the values of the other, in step.
 *
 * From one answer to the next most documents keep their shape: the same names in the same order, and
 * lists as long as before with the same keys. Of those the text tells enough, and need not be parsed.
 * Wherever the shape differs this walk is given up and both documents are walked (diff.c). What it
 * writes is always what that one would.
 *
 * A place in the text is a `const char *`; functions that go on return the place behind, or NULL.
 */
#include "json/diff_match.h"

struct text_walk {
    struct walk *w;
    const char *end;  /* of the text */
    ptrdiff_t growth; /* at least so many bytes more, or less, has the other document so far */
};

/* How the elements of an array may differ, as told by the first that does. */
enum elements {
    SAME_SO_FAR,
    ONLY_ONE,
    WITH_KEYS, /* all from the first that differs have the same keys in the same order */
};

/* A container that the walk is in. */
struct level {
    struct level *up;
    const jval *container;
    const jval *at; /* the name of a member, or an element */
    size_t index;   /* of the element */
    bool down;      /* the path leads to it */
    size_t was;     /* the path's length before */
    enum elements elements;
    struct str key;        /* WITH_KEYS: its name */
    const jval *key_value; /* and its value in this element, once that is known to differ */
};

/* ---- the text ---- */

static inline size_t left_from(const struct text_walk *x, const char *p)
{
    return (size_t)(x->end - p);
}

static inline bool is_char(const struct text_walk *x, const char *p, char c)
{
    return p < x->end && *p == c;
}

static inline bool ends_word(char c)
{
    return c == ',' || c == '}' || c == ']';
}

static const char *end_of_word(const struct text_walk *x, const char *p)
{
    while (p < x->end && !ends_word(*p))
        p++;
    return p;
}

/* p: behind the opening quote. Returns the closing one, or the text's end. */
static const char *end_of_string(const struct text_walk *x, const char *p)
{
    const char *from = p;

    for (; (p = memchr(p, '"', left_from(x, p))); p++) {
        const char *q = p;

        while (q > from && q[-1] == '\\')
            q--;
        if ((p - q) % 2 == 0)
            return p;
    }
    return x->end;
}

static const char *skip_value(const struct text_walk *x, const char *p)
{
    size_t depth = 0;

    while (p < x->end) {
        char c = *p;

        if (c == '"')
            p = end_of_string(x, p + 1);
        else if (c == '{' || c == '[')
            depth++;
        else if (depth && (c == '}' || c == ']'))
            depth--;
        else if (!depth || (c != ',' && c != ':'))
            p = end_of_word(x, p) - 1;
        if (p == x->end)
            return NULL;
        p++;
        if (!depth)
            return p;
    }
    return NULL;
}

/* ---- scalars: of the same value as v? ---- */

/* The usual case: the same text, and not near the text's end. */
static inline const char *pass_same_text(const struct text_walk *x, const char *p, const jval *v)
{
    size_t n = jvf_len(v), quote = jvf_kind(v) == JVF_STRING;

    if (UNLIKELY(left_from(x, p) < n + 2 + JVF_PAD || (quote && *p != '"')))
        return NULL;
    p += quote;
    if (!jvf_same_bytes(p, v->uni.str, n) || (quote ? p[n] != '"' : !ends_word(p[n])))
        return NULL;
    return p + n + quote;
}

static inline const char *pass_bytes(const struct text_walk *x, const char *p, const char *q,
                                     size_t n)
{
    return left_from(x, p) >= n && memcmp(p, q, n) == 0 ? p + n : NULL;
}

/* What stands between quotes, character by character as we write it. */
static const char *pass_written(const struct text_walk *x, const char *p, struct str s)
{
    while (p && s.n) {
        char c[STR_JSON_CHAR];
        size_t n = str_json_char(&s, c);

        p = pass_bytes(x, p, c, n);
    }
    return p;
}

/* In a text of our own there is one way to write a string. */
static const char *pass_string(const struct text_walk *x, const char *p, const jval *v)
{
    if (!is_char(x, p++, '"'))
        return NULL;

    const char *next = pass_bytes(x, p, v->uni.str, jvf_len(v));

    if (!jvf_is_plain(v) && (!next || memchr(p, '\\', jvf_len(v))))
        next = pass_written(x, p, jvf_text(v));
    return next && is_char(x, next, '"') ? next + 1 : NULL;
}

static const char *pass_number(struct text_walk *x, const char *p, const jval *v)
{
    const char *end = end_of_word(x, p);
    size_t n = (size_t)(end - p);
    jval was = {.tag = (uint64_t)n << YYJSON_TAG_BIT | JVF_NUMBER, .uni.str = p};

    if (!n || (*p != '-' && (*p < '0' || *p > '9')))
        return NULL;
    if (left_from(x, end) < JVF_PAD ? !json_number_equal(str_make(p, n), jvf_text(v))
                                    : !jvf_same_text(&was, v) && !jvf_number_equal(&was, v))
        return NULL;
    x->growth += (ptrdiff_t)jvf_len(v) - (ptrdiff_t)n;
    return end;
}

static const char *pass_other(struct text_walk *x, const char *p, const jval *v)
{
    switch (jvf_kind(v)) {
    case JVF_STRING:
        return pass_string(x, p, v);
    case JVF_NUMBER:
        return pass_number(x, p, v);
    case YYJSON_TYPE_BOOL:
        return jv_bool(v) ? pass_bytes(x, p, "true", 4) : pass_bytes(x, p, "false", 5);
    default:
        return pass_bytes(x, p, "null", 4);
    }
}

static inline const char *pass_scalar(struct text_walk *x, const char *p, const jval *v)
{
    const char *next = LIKELY(jvf_is_verbatim(v)) ? pass_same_text(x, p, v) : NULL;

    return LIKELY(next) ? next : pass_other(x, p, v);
}

/* ---- what differs ---- */

/* The text has the same names, so what is no key here is none there. A key deeper in the elements is
 * left to the walk over both. */
static bool find_key(const struct walk *w, struct level *l)
{
    if (!jvf_is_object(l->at))
        return false;
    l->key = match_key_name(w, l->at, l->at);
    return l->key.n && !memchr(l->key.p + 1, '/', l->key.n - 1);
}

/* Told by an element that differs, the first. What differs in it is at p. */
static enum elements find_elements(const struct text_walk *x, struct level *l, const char *p)
{
    bool scalars = jvf_span(l->container) == jvf_len(l->container) + 1;

    if (l->index + 1 == jvf_len(l->container))
        return ONLY_ONE;
    if (scalars && !jvf_is_container(l->at) && *p != '{' && *p != '[')
        return ONLY_ONE;
    return find_key(x->w, l) ? WITH_KEYS : SAME_SO_FAR;
}

static bool element_may_differ(const struct text_walk *x, struct level *l, const char *p)
{
    if (l->elements == ONLY_ONE)
        return false;
    if (l->elements == SAME_SO_FAR)
        l->elements = find_elements(x, l, p);
    if (l->elements != WITH_KEYS)
        return l->elements == ONLY_ONE;
    l->key_value = jvf_is_object(l->at) ? match_key(l->at, l->key) : NULL;
    return l->key_value != NULL;
}

/* Leads the path to what is at hand, at p. False where it is not certain that elements are compared
 * by place. */
static bool go_down(struct text_walk *x, struct level *l, const char *p)
{
    if (!l || l->down)
        return true;
    if (!go_down(x, l->up, p))
        return false;
    if (jvf_is_object(l->container)) {
        l->was = walk_down_name(x->w, l->at);
    } else {
        if (!element_may_differ(x, l, p))
            return false;
        l->was = walk_down(x->w, l->index);
    }
    l->down = true;
    return true;
}

static inline void go_up(struct text_walk *x, struct level *l)
{
    if (!l->down)
        return;
    walk_up(x->w, l->was);
    l->down = false;
}

/* Is b the key of an element, or an element that had to have one? */
static bool is_key(const struct level *l, const jval *b)
{
    if (!l)
        return false;
    return (l->elements == WITH_KEYS && l->at == b) || (l->up && l->up->key_value == b);
}

/* What is at p is not b. */
static const char *replace(struct text_walk *x, struct level *l, const jval *b, const char *p)
{
    const char *end = skip_value(x, p);

    if (!end || !go_down(x, l, p) || is_key(l, b))
        return NULL;
    walk_replace(x->w, b);
    x->growth += (ptrdiff_t)(jvf_has_text(b) ? jvf_len(b) : 0) - (end - p);
    return end;
}

/* ---- values in step ---- */

/* Every function from here returns NULL where the walk has to be given up. Where a limit was hit nothing
 * more is written until a whole container takes the place of that, but the shape is still looked at. */
static const char *step_into(struct text_walk *x, struct level *up, const jval *b, const char *p);

static inline const char *step(struct text_walk *x, struct level *up, const jval *b, const char *p)
{
    const char *next;

    if (jvf_is_container(b))
        return step_into(x, up, b, p);
    next = pass_scalar(x, p, b);
    return LIKELY(next) ? next : replace(x, up, b, p);
}

static inline const char *step_name(struct text_walk *x, const jval *name, const char *p)
{
    const char *next = LIKELY(jvf_is_plain(name)) ? pass_same_text(x, p, name) : NULL;

    if (UNLIKELY(!next))
        next = pass_string(x, p, name);
    return next && is_char(x, next, ':') ? next + 1 : NULL;
}

static const char *step_object(struct text_walk *x, struct level *up, const jval *b, const char *p)
{
    struct level l = {.up = up, .container = b, .at = jvf_first(b)};

    for (size_t left = jvf_len(b); left; left--, l.at = jvf_next(l.at + 1)) {
        p = step_name(x, l.at, p);
        p = p ? step(x, &l, l.at + 1, p) : NULL;
        if (!p || (left > 1 && !is_char(x, p, ',')))
            return NULL;
        p += left > 1;
        go_up(x, &l);
    }
    return is_char(x, p, '}') ? p + 1 : NULL;
}

/* Nothing differs but that there are more now. */
static bool append_elements(struct text_walk *x, struct level *l, const char *p)
{
    size_t count = jvf_len(l->container);

    if (l->elements != SAME_SO_FAR || !go_down(x, l->up, p))
        return false;
    walk_append(x->w, l->at, l->index, count - l->index);
    return true;
}

static const char *step_array(struct text_walk *x, struct level *up, const jval *b, const char *p)
{
    struct level l = {.up = up, .container = b, .at = jvf_first(b)};
    size_t count = jvf_len(b);

    for (; l.index < count && !is_char(x, p, ']'); l.index++, l.at = jvf_next(l.at)) {
        if (l.index && !is_char(x, p, ','))
            return NULL;
        p = step(x, &l, l.at, p + (l.index > 0));
        if (!p)
            return NULL;
        /* One that is the same has a key, too. */
        if (l.elements == WITH_KEYS && !l.down && !(jvf_is_object(l.at) && match_key(l.at, l.key)))
            return NULL;
        go_up(x, &l);
    }
    if (!is_char(x, p, ']') || (l.index < count && !append_elements(x, &l, p)))
        return NULL;
    return p + 1;
}

static const char *step_into(struct text_walk *x, struct level *up, const jval *b, const char *p)
{
    const struct walk_mark m = walk_mark_of(x->w);
    ptrdiff_t growth = x->growth;
    bool full = x->w->full;
    const char *end;

    if (walk_is_late(x->w) || p == x->end)
        return NULL;
    if (*p != (jvf_is_object(b) ? '{' : '['))
        return replace(x, up, b, p);
    end = jvf_is_object(b) ? step_object(x, up, b, p + 1) : step_array(x, up, b, p + 1);
    if (end && !full)
        walk_settle(x->w, b, &m, (size_t)MAX(end - p + x->growth - growth, 0));
    return end;
}

static bool walk_text(struct walk *w, struct str before)
{
    struct text_walk x = {w, before.p + before.n, 0};

    return step(&x, NULL, w->after, before.p) == x.end && !w->hurry;
}

enum err jdiff_text(struct str before, const jval *after, const struct jdiff_options *opt,
                    struct buf *b, struct jdiff_result *ret)
{
    AUTO(jdoc_freep) struct jdoc *d = NULL;
    enum err e = E_OK;
    struct walk w;

    walk_begin(&w, after, opt, b);
    if (!walk_text(&w, before) && (e = jdoc_parse_own(before, &d)) == E_OK) {
        walk_begin_again(&w);
        walk_both(&w, jdoc_root(d));
    }
    walk_end(&w, ret);
    return e;
}
