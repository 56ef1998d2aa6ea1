/*
 * What a token request says, and what its answer means (RFC 6749 §4.4, §5). Pure. For the files of
 * core/token.h only.
 */
#ifndef CORE_TOKEN_WIRE_H
#define CORE_TOKEN_WIRE_H

#include <stdatomic.h>

#include "base/buf.h"
#include "core/token.h"

struct token_conf {
    atomic_uint refs;
    uint64_t hash;
    struct token_client client; /* points into text */
    size_t size;                /* of text */
    char text[];
};

struct token {
    atomic_uint refs;
    uint64_t serial; /* no two tokens of the process have the same */
    int64_t asked_at, renew_at, expires_at;
    size_t size; /* of header */
    char header[];
};

bool token_conf_equal(const struct token_conf *a, const struct token_conf *b);
/* With one reference. asked_at: when the request for it left, monotonic µs. */
struct token *token_new(struct str access_token, int64_t asked_at, int64_t life_us);

/* Append the form of the request. buf_wipe() it. */
void token_wire_form(const struct token_conf *c, struct buf *b);
/* Append the line "Authorization: Basic …", or nothing in mode body. buf_wipe() it. */
void token_wire_line(const struct token_conf *c, struct buf *b);

struct token_answer {
    int status;
    struct str coding; /* Content-Encoding */
    struct str body;
};
/* The token that an HTTP answer holds, or E_POLL_401 with a reason that shows neither secret nor
 * token. expires_in: absent or null is an hour; a number or a string of digits is seconds, at least
 * one, cut to LIMIT_TOKEN_LIFE_S; zero, less and all else are refused. */
MUST_USE enum err token_wire_read(const struct token_conf *c, const struct token_answer *a,
                                  int64_t asked_at, struct token **ret, struct errinfo *ei);

#endif
