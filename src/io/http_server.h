/*
 * A small strict HTTP/1.1 server (RFC 9112) on llhttp. One per loop; the loops share an address by
 * SO_REUSEPORT. Keep-alive and pipelining; requests of one connection are handled one after the
 * other, in order. Every part of a request has a limit and a deadline. Ambiguous framing (two
 * lengths, length with chunked, folded or NUL headers, odd chunk sizes) is refused with 400 and
 * the connection closed.
 *
 * A handler gets a whole request (body included) and answers once, at once or later on the same
 * loop: http_respond(), or http_takeover() to turn the connection into a channel.
 */
#ifndef IO_HTTP_SERVER_H
#define IO_HTTP_SERVER_H

#include "base/arena.h"
#include "base/blob.h"
#include "io/stream.h"

struct http_server;
struct http_request;

struct http_server_conf {
    const char *address; /* IP literal; IPv6 without brackets */
    uint16_t port;       /* 0: the system chooses; see http_server_port() */
    /* Fail if anybody listens there already. For the first server of an address: the others share
     * it, as other programs of the same user otherwise could. */
    bool exclusive;
    struct tls_server *tls;  /* NULL: plain; a reference of its own is taken */
    size_t max_header_bytes; /* request line and header fields: 431 (target alone: 414) */
    size_t max_headers;
    size_t max_target_bytes;
    size_t max_body_bytes;  /* 413 */
    size_t max_connections; /* of this server, channels not counted: more are answered 503 */
    /* Read ahead of the request being handled; reading stops at it, so what one read brought
     * (STREAM_READ_MAX) may come on top. */
    size_t max_pipelined_bytes;
    int64_t header_timeout_us; /* from the first byte to the end of the header: 408; handshake */
    int64_t body_timeout_us;   /* from then to the end of the body: 408 */
    int64_t idle_timeout_us;   /* a kept-alive connection with no request: closed quietly */
    int64_t write_timeout_us;  /* an answer of which nothing moves */
};
void http_server_conf_default(struct http_server_conf *c);

/* The request is borrowed until it was answered. */
typedef void http_handler_f(struct http_request *r, void *arg);

/* Makes the error answer of the server's own refusals (400, 405, 408, 413, 414, 417, 431, 501, 503,
 * 505) in the API's shape: appends a body, returns its media type. The connection closes after. */
typedef const char *http_error_body_f(struct buf *b, int status, const char *detail, void *arg);

/* conf is copied. Errors name the address and why it cannot be listened on. */
MUST_USE enum err http_server_new(struct loop *l, const struct http_server_conf *conf,
                                  http_handler_f *handler, http_error_body_f *error_body, void *arg,
                                  struct http_server **ret, struct errinfo *ei);
uint16_t http_server_port(const struct http_server *s);
/* No new connections; idle ones are closed, answers under way end with Connection: close. */
void http_server_drain(struct http_server *s);
/* Connections still open, channels (taken over) not counted. */
size_t http_server_open(const struct http_server *s);
/* Close everything at once. */
void http_server_free(struct http_server *s);

/* ---- the request ---- */

enum http_method {
    HTTP_GET_,
    HTTP_HEAD_,
    HTTP_POST_,
    HTTP_PUT_,
    HTTP_PATCH_,
    HTTP_DELETE_,
    HTTP_OPTIONS_,
    HTTP_OTHER_
};

struct http_request {
    enum http_method method;
    struct str method_text;
    struct str target; /* as sent */
    struct str path;   /* percent-decoded once, no query. Always text that starts with "/" (or "*");
                        * dot segments and %2F are refused, so a "/" always separates segments */
    struct str query;  /* raw, without "?" */
    struct str body;   /* whole; p = NULL when none was sent */
    bool keep_alive;   /* the handler may clear it: the connection closes after the answer */
    int64_t received;  /* monotonic, when the header was complete */
    struct arena arena; /* lives as long as the request */
    /* Set by the handler if it answers later: called when the connection broke before (a client that
     * only closed its sending side still waits); the request is gone after it returns. Without it
     * the request stays until it is answered, into the void. */
    void (*on_abort)(struct http_request *r);
    void *user;
    const struct http_field *always; /* set by the handler: further fields of any answer, or NULL */
    bool needs_client; /* set with on_abort: who closed his sending side counts as gone, too */
};

/* Value of a header field, the first of that name, the nth (from 0), or all as one list (RFC 9110
 * §5.3); STR_NONE if absent. Names: any case. The request's memory. */
struct str http_header(const struct http_request *r, const char *name);
struct str http_header_nth(const struct http_request *r, const char *name, size_t n);
struct str http_header_list(struct http_request *r, const char *name);
/* Decoded value of a query parameter (form encoding), the nth of that name; false if absent or
 * wrongly encoded (a NUL is). The memory is the request's. */
bool http_query(struct http_request *r, const char *name, size_t n, struct str *ret);
/* Is there an nth parameter of that name, rightly encoded or not? */
bool http_query_given(struct http_request *r, const char *name, size_t n);
/* The query as sent, without the parameters of these names (NULL at the end). The request's memory. */
struct str http_query_without(struct http_request *r, const char *const *names);
struct loop *http_loop(const struct http_request *r);
const char *http_method_name(enum http_method m);

/* ---- the answer ---- */

struct http_field {
    const char *name; /* NULL ends a list */
    struct str value;
};

/* How the body of an answer is sent (RFC 9110 §8.4). */
enum http_coding {
    HTTP_CODING_NONE,  /* plain, whatever the client accepts */
    HTTP_CODING_PLAIN, /* plain, as the client prefers it */
    HTTP_CODING_GZIP,
    HTTP_CODING_DEFLATE, /* only of channels */
};

/* How a channel's bytes are sent to a client with this Accept-Encoding (p NULL: none): the coding that
 * it weighs most, of those of equal weight gzip, then deflate; plain where nothing fits. Pure. */
enum http_coding http_stream_coding(struct str field);

/* Answer with a copy of body. fields may be NULL; Date, Content-Length and Connection are added.
 * Control characters in values become blanks. HEAD, 204 and 304 send no body. The request is gone
 * after the call. A body of 1 KiB to 1 MiB is compressed for clients that accept gzip: an ETag "x"
 * then becomes "x-gzip" (RFC 9110 §8.8.3.3). A 304 is given the body of the 200, to have its fields. */
void http_respond(struct http_request *r, int status, const struct http_field *fields,
                  struct str body);
/* The same without a copy: takes a reference of its own. body may be NULL. */
void http_respond_blob(struct http_request *r, int status, const struct http_field *fields,
                       struct blob *body);

/* Send the head of an answer without length (Connection: close; with 101 Connection: Upgrade) and
 * hand the connection over: *s becomes the open stream, with the caller's events; the request is
 * gone. What the socket did not take of the head is left in *ret_rest (caller frees) and must be
 * written first. Bytes that the client sent after the request are dropped; with 101 they are an
 * error. On failure the connection is closed and the request gone as well. */
MUST_USE enum err http_takeover(struct http_request *r, int status, const struct http_field *fields,
                                struct stream *s, const struct stream_events *events,
                                struct buf *ret_rest);
const char *http_status_text(int status);
#define HTTP_GZIP_TAG "-gzip" /* what the ETag of a compressed answer ends in, before the quote */

#endif
