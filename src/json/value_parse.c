/*
 * Parsing. A document is two blocks of the pool: the struct with a copy of the text behind it,
 * whose strings yyjson unescapes in place, and the values.
 */
#include "json/value_inner.h"

const struct json_limits json_limits_default = {
    .max_bytes = (size_t)64 << 20,
    .max_nodes = (size_t)8 << 20,
    .max_depth = 512,
};

struct jdoc {
    jval *root;
    void *values;
    char text[];
};

static _Thread_local size_t error_offset;

size_t json_error_offset(void)
{
    return error_offset;
}

void json_position(struct str text, size_t offset, unsigned *ret_line, unsigned *ret_column)
{
    unsigned line = 1, column = 1;

    for (size_t i = 0; i < offset && i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];

        if (c == '\n') {
            line++;
            column = 1;
        } else if ((c & 0xc0) != 0x80) {
            column++;
        }
    }
    *ret_line = line;
    *ret_column = column;
}

jval *jdoc_root(const struct jdoc *d)
{
    return d ? d->root : NULL;
}

void jdoc_free(struct jdoc *d)
{
    if (!d)
        return;
    jpool_put(d->values);
    jpool_put(d);
}

/* ---- yyjson's memory ---- */

struct value_memory {
    void *block; /* what yyjson holds */
    size_t max;  /* bytes that the values may grow to */
    bool over;
};

static void *on_malloc(void *ctx, size_t size)
{
    struct value_memory *m = ctx;

    return m->block = jpool_get(size);
}

/* yyjson grows by half when all is used, so refusing half more than the limit refuses exactly
 * those that have more values. */
static void *on_realloc(void *ctx, void *p, size_t old_size, size_t size)
{
    struct value_memory *m = ctx;

    if (size <= jpool_size(p))
        return p;
    if (size > m->max) {
        m->over = true;
        return NULL;
    }
    m->block = jpool_get(size);
    memcpy(m->block, p, old_size);
    jpool_put(p);
    return m->block;
}

static void on_free(void *ctx, void *p)
{
    struct value_memory *m = ctx;

    jpool_put(p);
    m->block = NULL;
}

/* ---- errors ---- */

static enum err fail_at(struct errinfo *ei, enum err e, struct str text, size_t offset,
                        const char *what)
{
    unsigned line, column;

    error_offset = MIN(offset, text.n);
    json_position(text, error_offset, &line, &column);
    return err_set(ei, e, "line %u column %u: %s", line, column, what);
}

static enum err fail_yyjson(struct errinfo *ei, struct str text, const yyjson_read_err *error)
{
    if (error->code == YYJSON_READ_ERROR_EMPTY_CONTENT || text.n == 0)
        return fail_at(ei, E_JSON_SYNTAX, text, 0, "nothing there, expected a JSON value");

    struct str rest = str_drop(text, MIN(error->pos, text.n));
    bool ok = true;

    if (rest.n && (rest.p[0] & 0x80))
        str_utf8_step(rest, &ok);
    if (!ok)
        return fail_at(ei, E_JSON_UTF8, text, error->pos, "text is not valid UTF-8");
    return fail_at(ei, E_JSON_SYNTAX, text, error->pos, error->msg);
}

/* Only for the message: where a text that is valid JSON gets too deep. */
static size_t offset_of_depth(struct str text, unsigned max)
{
    bool in_string = false;
    unsigned depth = 0;

    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];

        if (in_string && c == '\\')
            i++;
        else if (c == '"')
            in_string = !in_string;
        else if (!in_string && (c == '[' || c == '{') && ++depth > max)
            return i;
        else if (!in_string && (c == ']' || c == '}'))
            depth--;
    }
    return text.n;
}

/* ---- repeated names ---- */

#define SMALL_OBJECT 32

/* The name slots of v in places by hash; a name that comes again takes the place of the earlier
 * one. Returns whether that happened. */
static bool place_names(const jval *v, const jval **places, size_t mask)
{
    const jval *name = jvf_first(v);
    uint64_t seed = jvf_seed();
    bool repeated = false;

    memset(places, 0, (mask + 1) * sizeof(*places));
    for (size_t left = jvf_len(v); left; left--, name = jvf_next(name + 1)) {
        size_t at = jvf_hash_bytes(name->uni.str, jvf_len(name), seed) & mask;

        while (places[at] && !jvf_same_text(places[at], name))
            at = (at + 1) & mask;
        repeated |= places[at] != NULL;
        places[at] = name;
    }
    return repeated;
}

static size_t places_for(size_t count)
{
    size_t places = 16;

    while (places < count * 2)
        places *= 2;
    return places;
}

static bool large_repeats(const jval *v)
{
    size_t count = places_for(jvf_len(v));
    AUTO(jpool_putp) const jval **places = jpool_get(count * sizeof(*places));

    return place_names(v, places, count - 1);
}

static uint32_t mark_of(const jval *name)
{
    const char *p = name->uni.str;
    size_t n = jvf_len(name);
    uint64_t head = n < 8 ? jvf_head(p, n) : jvf_load8(p) ^ jvf_load8(p + n - 8) * 3;

    head = (head + n) * UINT64_C(0x9e3779b97f4a7c15);
    return (uint32_t)(head >> 32);
}

/* Compares short marks of all pairs, which a compiler turns into a few wide comparisons. */
static bool small_repeats(const jval *v)
{
    uint32_t marks[SMALL_OBJECT];
    size_t n = jvf_len(v);
    const jval *name = jvf_first(v);
    uint32_t same = 0;

    for (size_t i = 0; i < n; i++, name = jvf_next(name + 1)) {
        marks[i] = mark_of(name);
        for (size_t j = 0; j < i; j++)
            same |= marks[j] == marks[i];
    }
    return same && large_repeats(v);
}

struct survey {
    unsigned max_depth;
    bool too_deep;
    bool repeats;
    unsigned reached;                 /* depths that alike[] has an entry for */
    const jval *alike[JVF_DEPTH_MAX]; /* the last object looked at, of each depth, or NULL */
};

static void survey(struct survey *s, const jval *v, unsigned depth);

/* Nothing in it has content, nor would it be too deep if it is an empty container. */
static bool is_flat_array(const struct survey *s, const jval *v, unsigned depth)
{
    return jvf_is_array(v) && jvf_span(v) == jvf_len(v) + 1 && depth + 1 < s->max_depth;
}

static void survey_object(struct survey *s, const jval *v, unsigned depth)
{
    const jval *like = s->alike[depth], *name = jvf_first(v), *same = NULL;
    size_t left = jvf_len(v);
    bool flat = jvf_span(v) == 2 * left + 1 && depth + 1 < s->max_depth;

    if (like && jvf_len(like) == left)
        same = jvf_first(like);
    if (flat && !same)
        left = 0;
    for (; left; left--, name = jvf_next(name + 1)) {
        if (same)
            same = jvf_same_text(same, name) ? jvf_next(same + 1) : NULL;
        if (jvf_is_container(name + 1) && !is_flat_array(s, name + 1, depth + 1))
            survey(s, name + 1, depth + 1);
    }
    if (same || s->repeats || jvf_len(v) < 2)
        return;
    s->repeats = jvf_len(v) <= SMALL_OBJECT ? small_repeats(v) : large_repeats(v);
    s->alike[depth] = v;
}

/* Depth and repeated names. Objects tend to have the same names as the one before them at their
 * depth, which then need no look of their own. Recursion ends at max_depth. */
static void survey(struct survey *s, const jval *v, unsigned depth)
{
    if (depth == s->max_depth) {
        s->too_deep = true;
        return;
    }
    if (depth == s->reached)
        s->alike[s->reached++] = NULL;
    if (jvf_is_object(v)) {
        survey_object(s, v, depth);
        return;
    }
    if (is_flat_array(s, v, depth))
        return;

    size_t left = jvf_len(v);

    for (v = jvf_first(v); left; left--, v = jvf_next(v))
        if (jvf_is_container(v))
            survey(s, v, depth + 1);
}

static void write_last(struct jwriter *w, const jval *v);

static void write_last_members(struct jwriter *w, const jval *v)
{
    size_t count = places_for(jvf_len(v));
    AUTO(jpool_putp) const jval **places = jpool_get(count * sizeof(*places));
    const jval *name = jvf_first(v);
    uint64_t seed = jvf_seed();

    place_names(v, places, count - 1);
    for (size_t left = jvf_len(v); left; left--, name = jvf_next(name + 1)) {
        size_t at = jvf_hash_bytes(name->uni.str, jvf_len(name), seed) & (count - 1);

        while (!jvf_same_text(places[at], name))
            at = (at + 1) & (count - 1);
        if (places[at] != name)
            continue;
        jw_key_str(w, jvf_text(name));
        write_last(w, name + 1);
    }
}

/* The value with only the last of members of one name. */
static void write_last(struct jwriter *w, const jval *v)
{
    if (jvf_is_object(v)) {
        jw_object(w);
        write_last_members(w, v);
        jw_object_end(w);
    } else if (jvf_is_array(v)) {
        const jval *at = jvf_first(v);

        jw_array(w);
        for (size_t left = jvf_len(v); left; left--, at = jvf_next(at))
            write_last(w, at);
        jw_array_end(w);
    } else {
        jw_value(w, v);
    }
}

/* ---- documents ---- */

static enum err read_text(struct str text, size_t max_nodes, struct jdoc **ret, struct errinfo *ei)
{
    struct value_memory memory = {.max = (max_nodes + 8) * sizeof(jval) / 2 * 3};
    yyjson_alc alc = {on_malloc, on_realloc, on_free, &memory};
    yyjson_read_err error;
    AUTO(jdoc_freep) struct jdoc *d = jpool_get(sizeof *d + text.n + JVF_PAD);

    d->values = NULL;
    if (text.n)
        memcpy(d->text, text.p, text.n);
    memset(d->text + text.n, 0, JVF_PAD);

    yyjson_doc *doc = yyjson_read_opts(
        d->text, text.n, YYJSON_READ_INSITU | YYJSON_READ_NUMBER_AS_RAW, &alc, &error);

    if (!doc && !memory.over)
        return fail_yyjson(ei, text, &error);
    if (!doc || yyjson_doc_get_val_count(doc) > max_nodes) {
        jpool_put(memory.block);
        return fail_at(ei, E_JSON_NODES, text, memory.over ? error.pos : text.n,
                       "more values than allowed");
    }
    d->values = memory.block;
    d->root = yyjson_doc_get_root(doc);
    *ret = TAKE(d);
    return E_OK;
}

static enum err read_without_repeats(const jval *root, size_t max_nodes, struct jdoc **ret,
                                     struct errinfo *ei)
{
    AUTO(buf_done) struct buf text = BUF_INIT;
    struct jwriter w = jw_begin(&text);

    write_last(&w, root);

    enum err e = jw_end(&w);

    return e != E_OK ? e : read_text(buf_view(&text), max_nodes, ret, ei);
}

/* Repeated names are found, or taken to be there from the start: then none is looked at. */
static enum err check(const struct jdoc *d, struct str text, unsigned max_depth, bool *repeats,
                      struct errinfo *ei)
{
    struct survey s;

    s.max_depth = MIN(max_depth, JVF_DEPTH_MAX);
    s.too_deep = false;
    s.repeats = *repeats;
    s.reached = 0;
    if (jvf_is_container(d->root))
        survey(&s, d->root, 0);
    if (s.too_deep)
        return fail_at(ei, E_JSON_DEPTH, text, offset_of_depth(text, s.max_depth),
                       "nested deeper than allowed");
    *repeats = s.repeats;
    return E_OK;
}

enum err jdoc_parse(struct str text, const struct json_limits *limits, struct jdoc **ret,
                    struct errinfo *ei)
{
    const struct json_limits *l = limits ? limits : &json_limits_default;
    AUTO(jdoc_freep) struct jdoc *d = NULL, *again = NULL;
    bool repeats = false;

    error_offset = 0;
    if (text.n > l->max_bytes)
        return err_set(ei, E_LIMIT, "%zu bytes of JSON, %zu are allowed", text.n, l->max_bytes);

    enum err e = read_text(text, l->max_nodes, &d, ei);

    if (e == E_OK)
        e = check(d, text, l->max_depth, &repeats, ei);
    if (e == E_OK && repeats)
        e = read_without_repeats(d->root, l->max_nodes, &again, ei);
    if (e != E_OK)
        return e;
    *ret = repeats ? TAKE(again) : TAKE(d);
    return E_OK;
}

enum err jdoc_parse_own(struct str text, struct jdoc **ret)
{
    AUTO(jdoc_freep) struct jdoc *d = NULL;
    bool repeats = true;

    error_offset = 0;
    enum err e = read_text(text, json_limits_default.max_nodes, &d, NULL);

    if (e == E_OK)
        e = check(d, text, JVF_DEPTH_MAX, &repeats, NULL);
    if (e == E_OK)
        *ret = TAKE(d);
    return e;
}
