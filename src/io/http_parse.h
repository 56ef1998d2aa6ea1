/*
 * One HTTP/1.1 request from bytes (RFC 9112): llhttp without any lenience, and on top of it the
 * checks that llhttp leaves to its user. Knows nothing of sockets; private to http_*.c and to its
 * fuzz target.
 *
 * The header is kept as it was sent, in one buffer; fields are offsets into it. Any split of the
 * same bytes gives the same requests and the same refusal, except that of two faults another one
 * may be named.
 */
#ifndef IO_HTTP_PARSE_H
#define IO_HTTP_PARSE_H

#include <llhttp.h>

#include "io/http_server.h"

enum http_parse_state {
    HTTP_PARSE_EMPTY,   /* no byte yet, apart from blank lines */
    HTTP_PARSE_HEAD,    /* in the request line or the fields */
    HTTP_PARSE_BODY,    /* the header is complete, the body is not */
    HTTP_PARSE_DONE,    /* a whole request */
    HTTP_PARSE_REFUSED, /* status and detail say why; nothing more can be read */
};

struct http_span {
    uint32_t at, n; /* bytes of head */
};

struct http_parsed_field {
    struct http_span name, value;
};

struct http_parse {
    const struct http_server_conf *limits; /* borrowed */
    enum http_parse_state state;
    int status;         /* of a refusal */
    const char *detail; /* static text */
    llhttp_t parser;
    struct buf head; /* from the request line to the blank line */
    struct buf body;
    struct http_span target;
    struct http_parsed_field *fields;
    size_t field_count, field_cap;
    uint64_t body_left; /* of a body of known length */
    size_t body_raw;    /* bytes of a chunked body as sent */
    bool in_name;       /* the last field's name goes on */
    bool in_value;      /* or its value */
    bool chunked;
    bool has_body; /* one was announced, though maybe of length 0 */
    bool keep_alive;
    bool wants_continue; /* "Expect: 100-continue" and the body is still to come */
    uint8_t blank;       /* bytes of blank lines before the request */
};

void http_parse_init(struct http_parse *p, const struct http_server_conf *limits);
void http_parse_done(struct http_parse *p);
/* Make ready for the next request; keeps memory up to a small size. */
void http_parse_reset(struct http_parse *p);
/* Take bytes until the state changes to BODY, DONE or REFUSED; returns how many were taken. Call
 * again with the rest. Takes none when DONE or REFUSED. */
size_t http_parse_feed(struct http_parse *p, const char *data, size_t n);
static inline struct str http_span_str(const struct http_parse *p, struct http_span s)
{
    return s.n ? str_make(p->head.p + s.at, s.n) : STR("");
}
/* The nth (from 0) field of that name, any case; STR_NONE if there is none. */
struct str http_parse_field(const struct http_parse *p, struct str name, size_t n);

/* ---- http_target.c ---- */

struct http_target {
    struct str path;  /* decoded; memory of the arena */
    struct str query; /* raw; a piece of the target */
};

/* Take a request target (RFC 9112 §3.2) apart: origin form, absolute form, or "*" with OPTIONS.
 * Percent-encoding is decoded once. Refused (false, *ret_detail says why): wrong escapes, control
 * characters, text that is not UTF-8, "." and ".." segments (encoded or not), and an encoded slash:
 * were it decoded, it would make two segments of one. */
MUST_USE bool http_target_split(struct str target, enum http_method method, struct arena *a,
                                struct http_target *ret, const char **ret_detail);

#endif
