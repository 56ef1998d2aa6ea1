/*
 * Inside of values, for json/ only: hashes, members by name, memory and plain writing. The inline
 * half is value_fast.h.
 */
#ifndef JSON_VALUE_INNER_H
#define JSON_VALUE_INNER_H

#include "json/value_fast.h"

/* ---- hashes (never trusted alone: who finds two equal compares the values) ---- */

static inline uint64_t jvf_mix(uint64_t a, uint64_t b)
{
    __extension__ typedef unsigned __int128 wide;
    wide product = (wide)a * b;

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}
uint64_t jvf_hash_long(const char *p, size_t n, uint64_t seed);
/* Of a text of a document. */
static inline uint64_t jvf_hash_bytes(const char *p, size_t n, uint64_t seed)
{
    uint64_t a, b = 0;

    if (UNLIKELY(n > 16))
        return jvf_hash_long(p, n, seed);
    if (n >= 8) {
        a = jvf_load8(p);
        b = jvf_load8(p + n - 8);
    } else {
        a = jvf_head(p, n);
    }
    return jvf_mix(jvf_mix(a ^ UINT64_C(0x9e3779b97f4a7c15), b ^ seed ^ n) ^ b,
                   UINT64_C(0xd1b54a32d192ed03));
}
/* Two numbers whose texts differ: are they equal all the same? */
bool jvf_number_equal(const jval *a, const jval *b);
/* Equal for numbers of equal value. */
uint64_t json_number_hash(struct str text, uint64_t seed);
/* Hash v and keep the hashes of it and of every container in it in slots[], which has one place for
 * each slot of v. Numbers are hashed by their text: equal numbers written in two ways differ. */
uint64_t jvf_hash_text(const jval *v, uint64_t *slots, uint64_t seed);
/* Not to be guessed from outside, so that nobody can make a hash table degenerate. */
uint64_t jvf_seed(void);

/* ---- members by name ---- */

/* Finds members of one object for many names. Names asked for in the object's own order cost one
 * comparison each; when they are not, a large object gets an index. */
struct jfinder {
    const jval *object;
    jval *cursor; /* name slot expected next */
    jval *end;    /* behind the object */
    uint32_t *index;
    size_t mask;
    uint64_t seed;
};
static inline void jfinder_init(struct jfinder *f, const jval *object)
{
    *f = (struct jfinder){object, jvf_first(object), jvf_next(object), NULL, 0, 0};
}
jval *jfinder_find_anywhere(struct jfinder *f, const jval *name);
/* The value of the member called as the name slot says (of this or another document), or NULL. */
static inline jval *jfinder_find(struct jfinder *f, const jval *name)
{
    jval *value = f->cursor + 1;

    if (UNLIKELY(f->cursor >= f->end || !jvf_same_text(f->cursor, name)))
        return jfinder_find_anywhere(f, name);
    f->cursor = jvf_next(value);
    return value;
}

/* ---- memory ---- */

/* Memory for the life of a document or a call, uninitialised, kept per thread for reuse. Large
 * blocks from malloc would cost as much as parsing: the kernel maps and clears them each time. */
void *jpool_get(size_t n) __attribute__((malloc, returns_nonnull));
/* How many bytes a block really has. */
size_t jpool_size(const void *p);
/* NULL is fine. Any thread may give back any block. */
void jpool_put(void *p);
static inline void jpool_putp(void *p)
{
    jpool_put(*(void **)p);
}

static inline void jfinder_done(struct jfinder *f)
{
    if (UNLIKELY(f->index))
        jpool_put(f->index);
}

/* ---- text ---- */

/* Append minified JSON; false when b is full (then b's length is unspecified). */
bool jvf_write(const jval *v, struct buf *b);
/* Append a JSON string, with its quotes. s is UTF-8. */
bool jvf_write_str(struct str s, struct buf *b);

/* Texts are short as a rule: copied in steps, beyond their end. Where they come from and go to has
 * JVF_PAD more bytes of room for that. Returns the end of the copy. */
static inline char *jvf_copy(char *to, const char *from, size_t n)
{
    for (size_t i = 0; i < n; i += JVF_PAD)
        memcpy(to + i, from + i, JVF_PAD);
    return to + n;
}
/* A number, or a string that stands between quotes as it is. */
static inline bool jvf_is_verbatim(const jval *v)
{
    return jvf_kind(v) == JVF_NUMBER || jvf_is_plain(v);
}
/* Such a one, written; `to` has room for its text, 2 and JVF_PAD bytes. Returns the end. */
static inline char *jvf_put_verbatim(char *to, const jval *v)
{
    bool quoted = jvf_kind(v) == JVF_STRING;

    *to = '"';
    to = jvf_copy(to + quoted, v->uni.str, jvf_len(v));
    *to = '"';
    return to + quoted;
}

#endif
