/*
 * JSON documents and values: the only door to yyjson.
 *
 * A `struct jdoc` is an immutable parsed document; `jval` is a borrowed node of it, valid as long
 * as the document. Numbers keep their exact text (they are never turned into doubles unless asked
 * for). Where an object repeats a name the last one wins: jdoc_parse() leaves only the last.
 * Every jv_* accessor takes NULL (the value that is not there) and gives "nothing" for it.
 *
 * New JSON text is written with a `struct jwriter` straight into a buffer.
 */
#ifndef JSON_VALUE_H
#define JSON_VALUE_H

#include "base/arena.h"
#include "base/buf.h"

struct jdoc;
struct yyjson_val;
typedef struct yyjson_val jval;

enum jtype { JT_NONE, JT_NULL, JT_BOOL, JT_NUMBER, JT_STRING, JT_ARRAY, JT_OBJECT };

struct json_limits {
    size_t max_bytes;
    size_t max_nodes;
    unsigned max_depth;
};
extern const struct json_limits json_limits_default; /* 64 MiB, 8 M values, depth 512 */

/* ---- documents ---- */

/* Parse UTF-8 JSON (RFC 8259, nothing beyond it; a leading BOM is refused, and so is a \u escape of
 * half a surrogate pair, which no UTF-8 can hold). text is borrowed only for the call. No document
 * is deeper than 2048, whatever the limits. Errors: E_JSON_SYNTAX (ei: position and what was expected), E_JSON_UTF8,
 * E_JSON_DEPTH, E_JSON_NODES, E_LIMIT. limits NULL: the default. */
MUST_USE enum err jdoc_parse(struct str text, const struct json_limits *limits, struct jdoc **ret,
                             struct errinfo *ei);
/* The same with text that was written here, of a document that had been parsed: that its names do not
 * repeat is not looked at again. */
MUST_USE enum err jdoc_parse_own(struct str text, struct jdoc **ret);
void jdoc_free(struct jdoc *d);
static inline void jdoc_freep(struct jdoc **d)
{
    jdoc_free(*d);
    *d = NULL;
}
jval *jdoc_root(const struct jdoc *d);
/* Line and column (from 1) of a byte offset, for messages. */
void json_position(struct str text, size_t offset, unsigned *ret_line, unsigned *ret_column);
/* The offset where the last jdoc_parse() that failed on this thread stopped. */
size_t json_error_offset(void);

/* ---- values ---- */

enum jtype jv_type(const jval *v);
/* "null", "boolean", "number", "string", "array", "object", "nothing". */
const char *jtype_name(enum jtype t);
bool jv_bool(const jval *v);              /* true only for true */
struct str jv_str(const jval *v);         /* STR_NONE unless a string */
struct str jv_number_text(const jval *v); /* as written; STR_NONE unless a number */
bool jv_i64(const jval *v, int64_t *ret); /* a number with an integral value that fits (1e3 is) */
bool jv_double(const jval *v, double *ret);
size_t jv_count(const jval *v); /* members or elements */
jval *jv_get(const jval *obj, struct str name);
jval *jv_getz(const jval *obj, const char *name);
jval *jv_at(const jval *arr, size_t i); /* O(i) on arrays with containers in them */

/* Walk members or elements in order:
 *     struct jiter it = jiter_of(v);
 *     while (jiter_next(&it)) … it.name (objects), it.value, it.index … */
struct jiter {
    struct str name;
    jval *value;
    size_t index;
    size_t count_; /* private from here */
    jval *next_;
    bool object_;
};
struct jiter jiter_of(const jval *v);
bool jiter_next(struct jiter *it);

/* Equal by value: objects regardless of order, numbers by exact decimal value (1.0 = 1 = 10e-1,
 * 2^53+1 ≠ 2^53, -0 = 0). */
bool jv_equal(const jval *a, const jval *b);
/* A hash for which equal values (as above) have equal hashes; the same in every process. */
uint64_t jv_hash(const jval *v);
/* Exact decimal comparison of two numbers' texts. */
bool json_number_equal(struct str a, struct str b);

/* Append minified JSON (numbers as written, one line). Fails only with E_LIMIT of the buffer. */
MUST_USE enum err jv_write(const jval *v, struct buf *b);
/* The whole of d, which was parsed from text: that is appended as it is where it is minified. */
MUST_USE enum err jdoc_write(const struct jdoc *d, struct str text, struct buf *b);
/* Indented by two blanks, for people. */
MUST_USE enum err jv_write_pretty(const jval *v, struct buf *b);

/* ---- writing new text ---- */

/* Knows where commas go. Over the buffer's maximum it remembers, and jw_end() says so. */
struct jwriter {
    struct buf *b;
    bool comma;
    bool failed;
};
struct jwriter jw_begin(struct buf *b);
MUST_USE enum err jw_end(struct jwriter *w);
void jw_object(struct jwriter *w);
void jw_object_end(struct jwriter *w);
void jw_array(struct jwriter *w);
void jw_array_end(struct jwriter *w);
void jw_key(struct jwriter *w, const char *name);
void jw_key_str(struct jwriter *w, struct str name);
void jw_null(struct jwriter *w);
void jw_bool(struct jwriter *w, bool v);
void jw_i64(struct jwriter *w, int64_t v);
void jw_double(struct jwriter *w, double v);
void jw_str(struct jwriter *w, struct str s);
void jw_strz(struct jwriter *w, const char *z); /* NULL writes null */
void jw_value(struct jwriter *w, const jval *v);
/* Text that is JSON already. */
void jw_raw(struct jwriter *w, struct str json);

#endif
