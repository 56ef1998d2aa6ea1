/*
 * Inside of values, for json/ only: what the hot loops of the parser, the writer and the diff need
 * without a function call. With value.h the door to yyjson.
 *
 * A document is one flat array of slots in document order: a container is followed by its content
 * (an object by name, value, name, value …), and knows where its next sibling starts. Numbers are
 * RAW slots that point to their text. All text of a document lies in one block with JVF_PAD
 * readable bytes behind it, so eight bytes may be loaded from the start of any text.
 */
#ifndef JSON_VALUE_FAST_H
#define JSON_VALUE_FAST_H

#include <yyjson.h>

#include "json/value.h"

#define JVF_PAD 16
/* No document is ever deeper, whatever limits a caller gives: recursion may rely on it. */
#define JVF_DEPTH_MAX 2048

enum { JVF_NUMBER = YYJSON_TYPE_RAW, JVF_STRING = YYJSON_TYPE_STR };

static inline unsigned jvf_kind(const jval *v)
{
    return (unsigned)(v->tag & YYJSON_TYPE_MASK);
}
static inline bool jvf_is_object(const jval *v)
{
    return jvf_kind(v) == YYJSON_TYPE_OBJ;
}
static inline bool jvf_is_array(const jval *v)
{
    return jvf_kind(v) == YYJSON_TYPE_ARR;
}
static inline bool jvf_is_container(const jval *v)
{
    return (v->tag & 6) == 6;
}
static inline bool jvf_has_text(const jval *v)
{
    return jvf_kind(v) == JVF_NUMBER || jvf_kind(v) == JVF_STRING;
}
/* Bytes of a text, members of an object, elements of an array. */
static inline size_t jvf_len(const jval *v)
{
    return (size_t)(v->tag >> YYJSON_TAG_BIT);
}
static inline struct str jvf_text(const jval *v)
{
    return (struct str){v->uni.str, jvf_len(v)};
}
/* A string without anything to escape. */
static inline bool jvf_is_plain(const jval *v)
{
    return (v->tag & (YYJSON_TYPE_MASK | YYJSON_SUBTYPE_MASK)) ==
           (YYJSON_TYPE_STR | YYJSON_SUBTYPE_NOESC);
}
/* The slot behind v and all that is in it. */
static inline jval *jvf_next(const jval *v)
{
    size_t bytes = jvf_is_container(v) ? v->uni.ofs : sizeof *v;

    return (jval *)(uintptr_t)((const char *)v + bytes);
}
static inline jval *jvf_first(const jval *container)
{
    return (jval *)(uintptr_t)(container + 1);
}
/* Slots of v and all that is in it. */
static inline size_t jvf_span(const jval *v)
{
    return jvf_is_container(v) ? v->uni.ofs / sizeof *v : 1;
}

/* ---- bytes ---- */

static inline uint64_t jvf_load8(const char *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof v);
    return v;
}
/* Of the eight bytes of a load, the first n < 8 only. */
static inline uint64_t jvf_cut(uint64_t loaded, size_t n)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return loaded << (56 - 8 * n) << 8;
#else
    return loaded >> (56 - 8 * n) >> 8;
#endif
}
static inline uint64_t jvf_head(const char *p, size_t n)
{
    return jvf_cut(jvf_load8(p), n);
}
/* Of two texts of documents. */
static inline bool jvf_same_bytes(const char *p, const char *q, size_t n)
{
    if (n < 8)
        return jvf_cut(jvf_load8(p) ^ jvf_load8(q), n) == 0;
    if (n <= 16)
        return ((jvf_load8(p) ^ jvf_load8(q)) | (jvf_load8(p + n - 8) ^ jvf_load8(q + n - 8))) == 0;
    return memcmp(p, q, n) == 0;
}
static inline bool jvf_same_text(const jval *a, const jval *b)
{
    return jvf_len(a) == jvf_len(b) && jvf_same_bytes(a->uni.str, b->uni.str, jvf_len(a));
}

/* The same text in the same order. One pass over the slots, no recursion. */
static inline bool jvf_same_slots(const jval *a, const jval *b)
{
    size_t n = jvf_span(a);

    if (n != jvf_span(b))
        return false;
    for (const jval *end = a + n; a < end; a++, b++) {
        if (jvf_has_text(a)) {
            if (jvf_kind(a) != jvf_kind(b) || !jvf_same_text(a, b))
                return false;
        } else if (a->tag != b->tag) {
            return false;
        }
    }
    return true;
}

#endif
