/*
 * The inside of the HTTP server: private to http_*.c.
 *
 * A connection is small while it is idle: what a request needs (parser, buffers, answer) is in its
 * exchange, which it has only from the first byte of a request to the last of the answer. At a
 * take-over the connection goes and only the stream is left.
 */
#ifndef IO_HTTP_CONN_H
#define IO_HTTP_CONN_H

#include "base/list.h"
#include "io/http_parse.h"

enum http_conn_state {
    HTTP_CONN_IDLE,      /* no byte of a request */
    HTTP_CONN_READING,   /* the request is not whole */
    HTTP_CONN_HANDLING,  /* the handler has the request */
    HTTP_CONN_WRITING,   /* answered; the socket has not taken all of it */
    HTTP_CONN_LINGERING, /* FIN sent; what still arrives is thrown away, so that no reset (RFC 9112
                          * §9.6) takes the answer from the peer before he read it */
    HTTP_CONN_CLOSED,    /* waits for the end of the turn to be freed */
};

struct http_conn {
    struct stream stream;
    struct list link;           /* in server->conns */
    struct http_server *server; /* NULL: an orphan, see http_conn_abort() */
    struct loop *loop;
    struct http_exchange *x; /* NULL while idle */
    struct timer timer;
    int64_t deadline; /* the timer may be set to an earlier time: it moves when it fires */
    size_t lingered;  /* bytes thrown away */
    uint8_t state;
    bool eof;     /* the peer sends no more */
    bool over;    /* over max_connections: answered 503 */
    bool running; /* requests are being taken from bytes at hand: answers do not recurse into it */
    bool more;    /* while a request is taken: bytes after it are at hand */
    bool paused;  /* enough was read ahead */
    bool begun;   /* bytes came, or the TLS handshake is over: the idle timeout holds */
};

struct http_exchange {
    struct http_request req;
    struct http_conn *conn;
    struct http_parse parse;
    struct buf ahead; /* bytes after this request, of them ahead_at are parsed */
    size_t ahead_at;
    struct buf out;             /* head of the answer, and body if it was copied */
    struct blob *blob;          /* or the body itself */
    size_t sent;                /* of both */
    enum http_coding coding;    /* of the answer */
    bool closes;                /* the connection ends with this answer */
    struct http_exchange *next; /* in server->pool */
};

struct http_listener; /* http_listen.c */

struct http_server {
    struct loop *loop;
    struct http_server_conf conf; /* address and tls are owned */
    http_handler_f *handler;
    http_error_body_f *error_body;
    void *arg;
    struct http_listener *listener; /* NULL when draining */
    uint16_t port;
    bool draining;
    struct list conns;
    size_t open;
    struct http_exchange *pool;
    size_t pooled;
    int64_t date_s; /* of date */
    struct buf date;
};

/* ---- http_listen.c ---- */

/* Takes the fd; the listener may be closed in it. */
typedef void http_accept_f(struct http_server *s, int fd);
MUST_USE enum err http_listener_open(struct http_server *s, http_accept_f *on_accept,
                                     struct http_listener **ret, uint16_t *ret_port,
                                     struct errinfo *ei);
/* Accept what has already connected (so that it is not reset), then close. NULL is fine. */
void http_listener_drain(struct http_listener *li);
/* NULL is fine. */
void http_listener_close(struct http_listener *li);

/* ---- http_conn.c ---- */

void http_conn_accept(struct http_server *s, int fd);
/* Close now and free at the end of the turn; an unanswered request is gone without a word. */
void http_conn_close(struct http_conn *c);
/* The client is gone: the handler is told. Without an on_abort the request stays, cut off from
 * server and socket, until it is answered. */
void http_conn_abort(struct http_conn *c);
/* The whole answer was taken by the socket. */
void http_conn_answered(struct http_conn *c);
/* Some of it was not. */
void http_conn_stalled(struct http_conn *c);
/* Turn a connection that was taken over (its stream is not open any more) into nothing. */
void http_conn_vanish(struct http_conn *c);
void http_conn_drain(struct http_conn *c);
void http_exchange_free(struct http_exchange *x);

/* ---- http_coding.c ---- */

/* For an answer with a body of so many bytes; of 304, the body that 200 would have. */
enum http_coding http_coding_of(struct http_request *r, int status, const struct http_field *fields,
                                size_t body_n);
/* Does an Accept-Encoding field value (p NULL: none) prefer gzip to nothing? Pure. */
bool http_accepts_gzip(struct str field);

/* ---- http_respond.c ---- */

/* Answer a refusal of the server's own and close. The connection has an exchange. */
void http_refuse(struct http_conn *c, int status, const char *detail);
/* Go on with an answer. */
void http_write_on(struct http_conn *c);

#endif
