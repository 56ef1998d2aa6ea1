/*
 * The Link header field (RFC 8288, which obsoletes RFC 5988). Pure; linear in what is read.
 *
 * Parsed as forgivingly as its appendix B.2: what is no link is passed over up to the next comma
 * outside of quotes, and a string that does not end ends with its field. Nothing is an error.
 */
#ifndef CORE_LINK_H
#define CORE_LINK_H

#include "base/str.h"

/* The target, as written between the angle brackets (a reference; see url_resolve()), of the first
 * link whose relation types hold rel (one word, any case). values: of all Link fields of an answer,
 * in its order. page: the URL of the answer; a link whose anchor is not that page speaks of
 * something else and does not count. Of a repeated parameter the first counts; rel* and anchor*
 * are no relation types and no anchors (RFC 8288 §3.3, §3.2). STR_NONE: no such link; an empty
 * target has p. Borrowed from values. */
struct str link_find(const struct str *values, size_t count, struct str rel, struct str page);

#endif
