/*
 * Difference of two JSON documents as a JSON Patch (RFC 6902). Pure.
 *
 * Objects are compared by name. Arrays of objects are matched by a key member (given, or guessed:
 * id, _id, uuid, key, name, the first that every element of both sides has with a unique scalar
 * value), other arrays are aligned by content hash; both keep the longest increasing subsequence
 * in place and remove and insert the rest. Only add, remove and replace are used unless allow_move.
 * Applying the patch to `before` always gives exactly `after`, by value.
 */
#ifndef JSON_DIFF_H
#define JSON_DIFF_H

#include "json/value.h"

struct jdiff_options {
    /* Member that identifies elements ("id" or "/id" or a deeper pointer "/meta/id"); p NULL: guess. */
    struct str array_key;
    bool allow_move;  /* may use move (and only then) */
    size_t max_ops;   /* 0: no limit */
    size_t max_bytes; /* patch text; 0: no limit. Callers give the snapshot's size */
    int64_t max_us;   /* 0: no limit; looked at now and then */
};

struct jdiff_result {
    size_t ops;
    bool equal;    /* nothing differs; the patch is [] */
    bool over;     /* a limit was hit where no parent could be replaced: send the snapshot */
    size_t coarse; /* subtrees replaced whole because that was smaller or a limit was near */
};

/* Append the patch text (one line) to b. b's content is unspecified beyond its old length when
 * ret->over. Never fails on valid documents. */
void jdiff(const jval *before, const jval *after, const struct jdiff_options *opt, struct buf *b,
           struct jdiff_result *ret);
/* The same of the text that jdoc_write() or jv_write() wrote of `before`, which is parsed only where
 * the documents differ in more than values. Errors: those of jdoc_parse_own(); then what is in b and
 * in *ret is unspecified. */
MUST_USE enum err jdiff_text(struct str before, const jval *after, const struct jdiff_options *opt,
                             struct buf *b, struct jdiff_result *ret);

#endif
