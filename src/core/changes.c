#include "core/changes.h"

#include "base/map.h"
#include "base/rand.h"
#include "base/trace.h"
#include "core/limits.h"
#include "json/diff.h"
#include "json/pointer.h"

/* Objects up to this size are searched as they are. */
#define SMALL_OBJECT 16

struct walk {
    const struct change_conf *conf;
    struct buf path; /* pointer of the values at hand */
    struct jwriter w;
    struct buf patch;
    struct buf value; /* of an element, to know its size */
    uint64_t seed;    /* odd: nobody outside can tell which keys share a place */
    size_t items;
};

/* ---- items ---- */

/* Of which element of a keyed array. NULL: of none. */
struct element {
    struct str key_at;
    const jval *key;
};

/* No longer than replacing the whole, of elements that changed much. */
static void put_patch(struct walk *k, const jval *before, const jval *after)
{
    struct jdiff_result res;

    buf_clear(&k->value);
    buf_clear(&k->patch);
    if (jv_write(after, &k->value) != E_OK)
        return;
    struct jdiff_options opt = {
        .array_key = str_of(k->conf->array_key),
        .allow_move = k->conf->allow_move,
        .max_ops = LIMIT_DIFF_OPS,
        .max_bytes = k->value.len + sizeof "[{\"op\":\"replace\",\"path\":\"\",\"value\":}]",
        .max_us = LIMIT_DIFF_US,
    };
    jdiff(before, after, &opt, &k->patch, &res);
    if (res.over)
        return;
    jw_key(&k->w, "patch");
    jw_raw(&k->w, buf_view(&k->patch));
}

static bool is_container(const jval *v)
{
    return jv_type(v) == JT_OBJECT || jv_type(v) == JT_ARRAY;
}

/* One of before and after may be NULL. */
static void put_item(struct walk *k, const struct element *e, const jval *before, const jval *after)
{
    struct jwriter *w = &k->w;

    if (w->failed)
        return;
    k->items++;
    jw_object(w);
    jw_key(w, "op");
    jw_strz(w, !before ? "created" : after ? "updated" : "deleted");
    jw_key(w, "pointer");
    jw_str(w, str_make(k->path.len ? k->path.p : "", k->path.len));
    if (e) {
        jw_key(w, "keyAt");
        jw_str(w, e->key_at);
        jw_key(w, "key");
        jw_value(w, e->key);
    }
    if (before) {
        jw_key(w, "before");
        jw_value(w, before);
    }
    if (after) {
        jw_key(w, "after");
        jw_value(w, after);
    }
    if (before && after && is_container(before) && jv_type(before) == jv_type(after))
        put_patch(k, before, after);
    jw_object_end(w);
}

/* ---- elements by key ---- */

struct keyed {
    const jval **elements, **keys;
    uint64_t *hashes;
    uint32_t *table; /* place of an element plus 1; 0: free */
    size_t n, mask;
};

static void keyed_done(struct keyed *x)
{
    free(x->elements);
    free(x->keys);
    free(x->hashes);
    free(x->table);
}

static void keyed_init(struct keyed *x, const jval *array)
{
    struct jiter it = jiter_of(array);
    size_t size = 16;

    x->n = jv_count(array);
    while (size < 2 * x->n)
        size *= 2;
    x->mask = size - 1;
    x->elements = xcalloc(x->n + 1, sizeof(jval *));
    x->keys = xcalloc(x->n + 1, sizeof(jval *));
    x->hashes = xcalloc(x->n + 1, sizeof *x->hashes);
    x->table = xcalloc(size, sizeof *x->table);
    while (jiter_next(&it))
        x->elements[it.index] = it.value;
}

static uint32_t *key_place(const struct keyed *x, const jval *key, uint64_t hash)
{
    size_t at = hash >> 32 & x->mask;

    while (x->table[at] &&
           (x->hashes[x->table[at] - 1] != hash || !jv_equal(x->keys[x->table[at] - 1], key)))
        at = (at + 1) & x->mask;
    return &x->table[at];
}

static const jval *key_of(const jval *element, struct str key)
{
    const jval *v;

    if (jv_type(element) != JT_OBJECT)
        return NULL;
    v = key.n && key.p[0] == '/' ? jpointer_get(element, key) : jv_get(element, key);
    return jv_type(v) == JT_STRING || jv_type(v) == JT_NUMBER ? v : NULL;
}

/* False: an element has none, or one that another has. */
static bool set_keys(const struct walk *k, struct keyed *x, struct str key)
{
    memset(x->table, 0, (x->mask + 1) * sizeof *x->table);
    for (size_t i = 0; i < x->n; i++) {
        const jval *v = key_of(x->elements[i], key);
        if (!v)
            return false;
        uint64_t hash = jv_hash(v) * k->seed;
        uint32_t *place = key_place(x, v, hash);
        if (*place)
            return false;
        x->keys[i] = v;
        x->hashes[i] = hash;
        *place = (uint32_t)i + 1;
    }
    return true;
}

/* The element of x that the ith of y is, or NULL. */
static const jval *same_key(const struct keyed *x, const struct keyed *y, size_t i)
{
    uint32_t place = *key_place(x, y->keys[i], y->hashes[i]);

    return place ? x->elements[place - 1] : NULL;
}

static bool find_key(const struct walk *k, struct keyed *a, struct keyed *b, struct str *ret)
{
    static const struct str guesses[] = {
        {"id", 2}, {"_id", 3}, {"uuid", 4}, {"key", 3}, {"name", 4},
    };
    struct str given = str_of(k->conf->array_key);

    if (given.p && set_keys(k, a, given) && set_keys(k, b, given)) {
        *ret = given;
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(guesses); i++) {
        if (set_keys(k, a, guesses[i]) && set_keys(k, b, guesses[i])) {
            *ret = guesses[i];
            return true;
        }
    }
    return false;
}

static void put_elements(struct walk *k, const struct keyed *a, const struct keyed *b,
                         struct str key_at)
{
    for (size_t i = 0; i < a->n && !k->w.failed; i++) {
        if (!same_key(b, a, i))
            put_item(k, &(struct element){key_at, a->keys[i]}, a->elements[i], NULL);
    }
    for (size_t i = 0; i < b->n && !k->w.failed; i++) {
        const jval *was = same_key(a, b, i);
        if (!was || !jv_equal(was, b->elements[i]))
            put_item(k, &(struct element){key_at, b->keys[i]}, was, b->elements[i]);
    }
}

static void walk_arrays(struct walk *k, const jval *before, const jval *after)
{
    AUTO(keyed_done) struct keyed a = {0};
    AUTO(keyed_done) struct keyed b = {0};
    AUTO(buf_done) struct buf key_at = BUF_INIT;
    struct str key;

    keyed_init(&a, before);
    keyed_init(&b, after);
    if (!find_key(k, &a, &b, &key)) {
        if (!jv_equal(before, after))
            put_item(k, NULL, before, after);
        return;
    }
    if (key.n && key.p[0] == '/')
        buf_str(&key_at, key);
    else
        jpointer_add(&key_at, key);
    put_elements(k, &a, &b, buf_view(&key_at));
}

/* ---- members by name ---- */

/* Names asked for in the object's own order cost one comparison each. */
struct members {
    const jval *object;
    struct jiter next;
    struct map map; /* of all, once one was asked for out of order */
    bool indexed;
};

static void members_done(struct members *m)
{
    map_done(&m->map);
}

static void index_members(struct members *m)
{
    struct jiter it = jiter_of(m->object);

    m->indexed = true;
    while (jiter_next(&it))
        (void)map_put(&m->map, it.name, it.value);
}

static const jval *find_member(struct members *m, struct str name)
{
    if (!m->indexed && jiter_next(&m->next) && str_eq(m->next.name, name))
        return m->next.value;
    if (jv_count(m->object) <= SMALL_OBJECT)
        return jv_get(m->object, name);
    if (!m->indexed)
        index_members(m);
    return map_get(&m->map, name);
}

static void walk_pair(struct walk *k, const jval *before, const jval *after);

/* Each member of one object beside that of the other. */
static void walk_members(struct walk *k, const jval *object, const jval *other, bool went)
{
    AUTO(members_done) struct members m = {.object = other, .next = jiter_of(other)};
    struct jiter it = jiter_of(object);

    while (jiter_next(&it) && !k->w.failed) {
        const jval *there = find_member(&m, it.name);
        size_t was = k->path.len;

        if (went && there)
            continue;
        jpointer_add(&k->path, it.name);
        if (there)
            walk_pair(k, there, it.value);
        else
            put_item(k, NULL, went ? it.value : NULL, went ? NULL : it.value);
        k->path.len = was;
    }
}

static void walk_pair(struct walk *k, const jval *before, const jval *after)
{
    enum jtype type = jv_type(before);

    if (type == JT_OBJECT && jv_type(after) == type) {
        walk_members(k, before, after, true);
        walk_members(k, after, before, false);
    } else if (type == JT_ARRAY && jv_type(after) == type) {
        walk_arrays(k, before, after);
    } else if (!jv_equal(before, after)) {
        put_item(k, NULL, before, after);
    }
}

struct blob *changes_make_within(struct str before, struct str after,
                                 const struct change_conf *conf, size_t max_bytes)
{
    AUTO(jdoc_freep) struct jdoc *a = NULL;
    AUTO(jdoc_freep) struct jdoc *b = NULL;
    AUTO(buf_done) struct buf out = BUF_INIT_MAX(max_bytes);
    struct walk k = {.conf = conf, .w = jw_begin(&out), .seed = rand_u64() | 1};

    if (jdoc_parse(before, NULL, &a, NULL) != E_OK || jdoc_parse(after, NULL, &b, NULL) != E_OK)
        return NULL;
    jw_array(&k.w);
    walk_pair(&k, jdoc_root(a), jdoc_root(b));
    jw_array_end(&k.w);
    buf_done(&k.path);
    buf_done(&k.patch);
    buf_done(&k.value);
    bool whole = jw_end(&k.w) == E_OK;
    trace(diff, "%zu changes, %zu bytes%s", k.items, out.len, whole ? "" : ", too many");
    return whole ? blob_of_buf(&out) : NULL;
}

struct blob *changes_make(struct str before, struct str after, const struct change_conf *conf)
{
    size_t most = MAX(before.n, after.n) * LIMIT_CHANGES_FACTOR;

    return changes_make_within(before, after, conf, MAX(most, (size_t)LIMIT_CHANGES_MIN_BYTES));
}
