/*
 * OAuth 2.0 access tokens by client credentials (RFC 6749 §4.4), shared by all that use the same
 * client: one request to the provider, however many wait for its token on however many loops.
 *
 * The loop hash(client) % loops owns a client's token and is the only one that asks for it; the
 * other loops keep a copy, so that a poll costs no mail while it is fresh. At 90 % of its life a
 * token is renewed in the background; it is given out until its end if that fails. After a failure
 * the provider is left alone for a while (as between retries of a poll), in which callers get the
 * failure at once.
 *
 * Tokens and secrets are never logged, traced or stored, and their memory is overwritten when it is
 * freed. What is not used for ten minutes is forgotten: a copy, and a token once it has expired.
 */
#ifndef CORE_TOKEN_H
#define CORE_TOKEN_H

#include "base/err.h"
#include "base/str.h"

struct shard;
struct token;
struct token_conf;
struct token_wait;
struct tokens;

/* Of a shard: made after its fetcher, freed before it; who waits has cancelled or is forgotten. */
struct tokens *tokens_new(struct shard *sh);
void tokens_free(struct tokens *t);

/* ---- clients ---- */

/* How the client proves itself: HTTP Basic with both parts form-encoded first (RFC 6749 §2.3.1), or
 * client_id and client_secret in the body. */
enum token_mode { TOKEN_MODE_HEADER, TOKEN_MODE_BODY };

struct token_client {
    struct str provider; /* URL of the token endpoint */
    struct str id, secret;
    struct str scope; /* sent as it is; empty: not sent */
    enum token_mode mode;
};

/* An immutable copy, counted, for any loop. Two of equal contents are the same client. */
struct token_conf *token_conf_new(const struct token_client *client);
struct token_conf *token_conf_ref(struct token_conf *c);
void token_conf_unref(struct token_conf *c);
/* Borrowed. */
struct str token_conf_provider(const struct token_conf *c);

/* ---- tokens: immutable, counted, for any loop ---- */

struct token *token_ref(struct token *t);
void token_unref(struct token *t);
/* "Authorization: Bearer …" (RFC 6750 §2.1), for fetch_params.headers; lives as long as t. Goes
 * only to the origin of the API: set fetch_params.secret too. */
struct str token_header(const struct token *t);

/* ---- asking ---- */

/* The last request for a token. */
struct token_exchange {
    int status;             /* 0: there was no answer */
    int64_t started, ended; /* monotonic µs; ended 0: none was made */
    int64_t connect_us, first_byte_us;
    size_t bytes; /* of the answer */
};

struct token_result {
    enum err err;        /* E_POLL_401, E_POLL_CONFIG: the URL of the provider cannot be used */
    struct token *token; /* borrowed: token_ref() to keep it; NULL after a failure */
    bool passing;        /* failure: of the connection or the server; it may work again soon */
    int64_t retry_at;    /* failure: the provider is asked no more before, monotonic µs */
    struct errinfo info; /* the reason, with the provider's error and error_description */
    struct token_exchange exchange;
};

/* Never called inside token_get(). The wait is gone when it is called. */
typedef void token_done_f(const struct token_result *res, void *arg);

/* Ask for a token of the client that can be used now; on the shard's loop. Never NULL. The answer
 * comes later in this turn or with a mail; when it has to be fetched, within 30 s. conf is borrowed
 * for the call. */
struct token_wait *token_get(struct shard *sh, struct token_conf *conf, token_done_f *done,
                             void *arg);
/* The callback does not come; a request under way goes on, for the next who asks. NULL is fine. */
void token_cancel(struct token_wait *w);
/* The API answered 401 to t: give it out no more, so that the next token_get() renews it. However
 * many report the same token, it is renewed once. Call it once per poll, then token_get() again; if
 * that gives the same t (compare pointers), the API refuses fresh tokens too: tokens refused soon
 * after they were issued are renewed ever more rarely, once a minute at last. */
void token_refused(struct shard *sh, struct token_conf *conf, const struct token *t);

#endif
