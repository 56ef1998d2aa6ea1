/*
 * Equality and hashes of values, and members by name.
 *
 * Everything recursive here goes down documents, whose depth is bounded (JVF_DEPTH_MAX).
 */
#include "base/hash.h"
#include "json/value_inner.h"

/* ---- members by name ---- */

/* Objects up to this size are searched; larger ones get an index at the first miss. */
#define SEARCH_MAX 16

static void build_index(struct jfinder *f)
{
    size_t count = jvf_len(f->object), places = 64;
    jval *name = jvf_first(f->object);

    while (places < count * 2)
        places *= 2;
    f->seed = jvf_seed();
    f->mask = places - 1;
    f->index = jpool_get(places * sizeof *f->index);
    memset(f->index, 0, places * sizeof *f->index);
    for (size_t i = 0; i < count; i++, name = jvf_next(name + 1)) {
        size_t at = jvf_hash_bytes(name->uni.str, jvf_len(name), f->seed) & f->mask;

        while (f->index[at])
            at = (at + 1) & f->mask;
        f->index[at] = (uint32_t)(name - f->object);
    }
}

static jval *find_indexed(struct jfinder *f, const jval *name)
{
    if (!f->index)
        build_index(f);

    size_t at = jvf_hash_bytes(name->uni.str, jvf_len(name), f->seed) & f->mask;

    for (; f->index[at]; at = (at + 1) & f->mask) {
        const jval *found = f->object + f->index[at];

        if (jvf_same_text(found, name))
            return (jval *)(uintptr_t)found;
    }
    return NULL;
}

static jval *find_by_search(const struct jfinder *f, const jval *name)
{
    jval *found = jvf_first(f->object);

    for (size_t left = jvf_len(f->object); left; left--, found = jvf_next(found + 1))
        if (jvf_same_text(found, name))
            return found;
    return NULL;
}

jval *jfinder_find_anywhere(struct jfinder *f, const jval *name)
{
    jval *found =
        jvf_len(f->object) <= SEARCH_MAX ? find_by_search(f, name) : find_indexed(f, name);

    if (!found)
        return NULL;
    /* Orders often differ in one place only: go on behind it. */
    f->cursor = jvf_next(found + 1);
    return found + 1;
}

/* ---- equality ---- */

static bool equal(const jval *a, const jval *b);

static bool equal_objects(const jval *a, const jval *b)
{
    AUTO(jfinder_done) struct jfinder finder;
    const jval *name = jvf_first(a);

    jfinder_init(&finder, b);
    if (jvf_len(a) != jvf_len(b))
        return false;
    for (size_t left = jvf_len(a); left; left--, name = jvf_next(name + 1)) {
        const jval *other = jfinder_find(&finder, name);

        if (!other || !equal(name + 1, other))
            return false;
    }
    return true;
}

static bool equal_arrays(const jval *a, const jval *b)
{
    size_t left = jvf_len(a);

    if (left != jvf_len(b))
        return false;
    for (a = jvf_first(a), b = jvf_first(b); left; left--, a = jvf_next(a), b = jvf_next(b))
        if (!equal(a, b))
            return false;
    return true;
}

static bool equal(const jval *a, const jval *b)
{
    if (jvf_kind(a) != jvf_kind(b))
        return false;
    switch (jvf_kind(a)) {
    case YYJSON_TYPE_RAW:
        return jvf_same_text(a, b) || jvf_number_equal(a, b);
    case YYJSON_TYPE_STR:
        return jvf_same_text(a, b);
    case YYJSON_TYPE_ARR:
        return equal_arrays(a, b);
    case YYJSON_TYPE_OBJ:
        return equal_objects(a, b);
    default:
        return a->tag == b->tag;
    }
}

bool jv_equal(const jval *a, const jval *b)
{
    if (!a || !b)
        return a == b;
    return jvf_same_slots(a, b) || equal(a, b);
}

/* ---- hashes ---- */

uint64_t jvf_hash_long(const char *p, size_t n, uint64_t seed)
{
    return hash64_seed(p, n, seed);
}

/* A value as two words, mixed only once with what it belongs to. */
struct words {
    uint64_t a, b;
};

static inline struct words words_of(const jval *v, bool by_text)
{
    const char *p = v->uni.str;
    size_t n = jvf_len(v);

    if (jvf_kind(v) == JVF_NUMBER && !by_text)
        return (struct words){json_number_hash(jvf_text(v), 0), 1}; /* not its length: 1.0 = 1 */
    if (!jvf_has_text(v))
        return (struct words){v->tag, 2};
    if (n > 16)
        return (struct words){jvf_hash_long(p, n, 0), 3};
    if (n >= 8)
        return (struct words){jvf_load8(p), jvf_load8(p + n - 8) ^ n << 60};
    return (struct words){jvf_head(p, n), n << 8 | jvf_kind(v)};
}

/* Members are added up, so that their order does not matter. */
static inline uint64_t member_hash(const jval *name, struct words value, uint64_t seed)
{
    const char *p = name->uni.str;
    size_t n = jvf_len(name);
    uint64_t mark = n < 8 ? jvf_head(p, n) : jvf_load8(p) ^ jvf_load8(p + n - 8) * 3;

    return jvf_mix(value.a ^ (mark + n) * UINT64_C(0x9fb21c651e98df25),
                   value.b ^ seed ^ UINT64_C(0x1d8e4e27c47d124f));
}

static inline uint64_t element_hash(uint64_t so_far, struct words value, uint64_t seed)
{
    return jvf_mix(so_far ^ value.a ^ UINT64_C(0xa0761d6478bd642f),
                   value.b ^ seed ^ UINT64_C(0x9fb21c651e98df25)) +
           value.a;
}

static inline uint64_t whole_hash(const jval *v, struct words content, uint64_t seed)
{
    uint64_t kind = jvf_is_container(v) ? v->tag : jvf_kind(v);

    return jvf_mix(jvf_mix(content.a ^ seed ^ UINT64_C(0xe7037ed1a0b428db),
                           kind ^ UINT64_C(0xeb44accab455d165)) ^
                       content.b,
                   UINT64_C(0xd1b54a32d192ed03));
}

uint64_t jvf_hash_text(const jval *v, uint64_t *slots, uint64_t seed)
{
    const jval *at = v + 1;
    uint64_t content = 0;

    if (!jvf_is_container(v))
        return whole_hash(v, words_of(v, true), seed);
    for (size_t left = jvf_len(v); left; left--, at = jvf_next(at)) {
        const jval *name = at;
        struct words value;

        at += jvf_is_object(v);
        value = jvf_is_container(at) ? (struct words){jvf_hash_text(at, slots + (at - v), seed), 4}
                                     : words_of(at, true);
        content = at > name ? content + member_hash(name, value, seed)
                            : element_hash(content, value, seed);
    }
    return *slots = whole_hash(v, (struct words){content, 5}, seed);
}

uint64_t jv_hash(const jval *v)
{
    uint64_t content = 0;

    if (!v)
        return 0;
    if (!jvf_is_container(v))
        return whole_hash(v, words_of(v, false), 0);

    const jval *at = v + 1;

    for (size_t left = jvf_len(v); left; left--, at = jvf_next(at)) {
        const jval *name = at;
        struct words value;

        at += jvf_is_object(v);
        value = jvf_is_container(at) ? (struct words){jv_hash(at), 4} : words_of(at, false);
        content =
            at > name ? content + member_hash(name, value, 0) : element_hash(content, value, 0);
    }
    return whole_hash(v, (struct words){content, 5}, 0);
}
