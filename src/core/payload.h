/*
 * From the body of an answer to a payload: decode, parse, select. Pure.
 */
#ifndef CORE_PAYLOAD_H
#define CORE_PAYLOAD_H

#include "json/value.h"

struct payload {
    struct jdoc *doc;
    const jval *value; /* of doc: the part that payloadPointer selects, or all */
    struct buf text;   /* minified JSON of value; of payload_make() */
};

void payload_done(struct payload *p);

/* The document of a body alone: decoded and parsed within the limits. coding and errors as below. */
MUST_USE enum err payload_decode(struct str body, struct str coding,
                                 const struct json_limits *limits, struct jdoc **ret,
                                 struct errinfo *ei);
/*
 * body: as sent; coding: its Content-Encoding (p NULL: none). pointer: payloadPointer (p NULL: all).
 * Errors: E_POLL_SIZE over max_bytes (of the plain text), E_POLL_FORMAT not decodable, not UTF-8
 * JSON, too deep, too many values, or the pointer selects nothing; ei says where.
 */
MUST_USE enum err payload_parse(struct str body, struct str coding, struct str pointer,
                                size_t max_bytes, struct payload *ret, struct errinfo *ei);
/* The same, and its text. */
MUST_USE enum err payload_make(struct str body, struct str coding, struct str pointer,
                               size_t max_bytes, struct payload *ret, struct errinfo *ei);

#endif
