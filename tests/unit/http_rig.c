/*
 * For tests of the HTTP server: a server on a loop in a thread of its own, and a client that
 * speaks raw bytes. Waits are bounded by WAIT_S; nothing sleeps. Included by the tests that use it.
 */
#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "io/http_server.h"

#define WAIT_S 10

/* ---- things that happen on the server's thread and that a test waits for ---- */

struct event {
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    int count;
};
#define EVENT_INIT                                                                                 \
    {                                                                                              \
        PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0                                     \
    }

static inline void event_happen(struct event *e)
{
    pthread_mutex_lock(&e->mutex);
    e->count++;
    pthread_cond_broadcast(&e->cond);
    pthread_mutex_unlock(&e->mutex);
}

/* Wait until it has happened, and forget it once. */
static inline void event_wait(struct event *e)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WAIT_S;
    pthread_mutex_lock(&e->mutex);
    int rc = 0;
    while (e->count == 0 && rc == 0)
        rc = pthread_cond_timedwait(&e->cond, &e->mutex, &until);
    bool happened = e->count > 0;
    if (happened)
        e->count--;
    pthread_mutex_unlock(&e->mutex);
    assert_true(happened);
}

/* ---- time ---- */

static inline int64_t ms_since(int64_t began)
{
    return (clock_now() - began) / US_PER_MS;
}

/* ---- bytes whose order can be checked ---- */

static inline char pattern_at(size_t i)
{
    return (char)('a' + (i * 7 + i / 251) % 26);
}

static inline void expect_pattern(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] != pattern_at(i))
            fail_msg("byte %zu is wrong", i);
}

/* ---- server ---- */

struct test_server {
    struct loop *loop;
    struct http_server *http;
    pthread_t thread;
    uint16_t port;
};

static inline void *test_server_thread(void *arg)
{
    loop_run(arg);
    return NULL;
}

static inline const char *test_error_body(struct buf *b, int status, const char *detail, void *arg)
{
    (void)arg;
    buf_printf(b, "error %d: %s", status, detail);
    return "text/plain";
}

static inline void test_server_start(struct test_server *s, const struct http_server_conf *conf,
                                     http_handler_f *handler)
{
    struct errinfo ei = ERRINFO_INIT;
    s->loop = loop_new(0);
    if (http_server_new(s->loop, conf, handler, test_error_body, s, &s->http, &ei) != E_OK)
        fail_msg("%s", ei.text);
    s->port = http_server_port(s->http);
    assert_int_equal(pthread_create(&s->thread, NULL, test_server_thread, s->loop), 0);
}

static inline void test_server_stop(struct test_server *s)
{
    loop_stop(s->loop);
    pthread_join(s->thread, NULL);
    http_server_free(s->http);
    loop_free(s->loop);
}

/* ---- client ---- */

struct client {
    int fd;
    SSL *ssl; /* NULL: plain */
    struct buf in;
};

struct answer {
    int status; /* 0: the connection closed, -1: it was reset, -2: nothing came */
    char *head;
    char *body;
    size_t body_n;
};

static inline void answer_done(struct answer *a)
{
    free(a->head);
    free(a->body);
    *a = (struct answer){0, NULL, NULL, 0};
}

/* rcvbuf: 0 for the system's choice. */
static inline void client_open_sized(struct client *c, uint16_t port, int rcvbuf)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    struct timeval limit = {WAIT_S, 0};
    *c = (struct client){socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), NULL, BUF_INIT};
    assert_true(c->fd >= 0);
    if (rcvbuf)
        setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof rcvbuf);
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    /* Before the limits: without one it goes on by itself when it is interrupted. */
    assert_int_equal(connect(c->fd, (struct sockaddr *)&a, sizeof a), 0);
    setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

static inline void client_open(struct client *c, uint16_t port)
{
    client_open_sized(c, port, 0);
}

static inline void client_close(struct client *c)
{
    SSL_free(c->ssl);
    close(c->fd);
    buf_done(&c->in);
}

/* Close with a reset. */
static inline void client_reset(struct client *c)
{
    struct linger now = {1, 0};
    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    client_close(c);
}

/*
 * libuv from 1.45 on has an io_uring in each loop. The kernel takes a ring apart some time after it
 * was closed, and interrupts what the thread that made it, a test's, is waiting for. A call on a
 * socket with a time limit then fails with EINTR although no signal came: it has to be repeated.
 */
#define UNINTERRUPTED(n, call)                                                                     \
    do {                                                                                           \
        errno = 0;                                                                                 \
        (n) = (call);                                                                              \
    } while ((n) < 0 && errno == EINTR)

/* As send(2). */
static inline ssize_t client_send_some(struct client *c, struct str s)
{
    ssize_t n;
    UNINTERRUPTED(n,
                  c->ssl ? SSL_write(c->ssl, s.p, (int)s.n) : send(c->fd, s.p, s.n, MSG_NOSIGNAL));
    return n;
}

/* As SSL_connect(). */
static inline int client_handshake(struct client *c)
{
    int n;
    UNINTERRUPTED(n, SSL_connect(c->ssl));
    return n;
}

/* Send all; a connection that the server has closed meanwhile is no failure here. */
static inline void client_send(struct client *c, struct str s)
{
    while (s.n > 0) {
        ssize_t n = client_send_some(c, s);
        if (n <= 0)
            return;
        s = str_drop(s, (size_t)n);
    }
}

static inline void client_puts(struct client *c, const char *z)
{
    client_send(c, str_of(z));
}

/* More bytes; 0: closed, -1: reset, -2: nothing came in WAIT_S. */
static inline int client_more(struct client *c)
{
    char p[65536];
    ssize_t n;
    UNINTERRUPTED(n, c->ssl ? SSL_read(c->ssl, p, sizeof p) : recv(c->fd, p, sizeof p, 0));
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return -2;
    if (n <= 0)
        return n < 0 && !c->ssl ? -1 : 0;
    buf_append(&c->in, p, (size_t)n);
    return 1;
}

static inline size_t header_length(const char *head)
{
    const char *p = strcasestr(head, "\r\nContent-Length:");
    return p ? strtoul(p + strlen("\r\nContent-Length:"), NULL, 10) : 0;
}

/* Read a whole answer. bodyless: it is to a HEAD request. */
static inline struct answer client_answer(struct client *c, bool bodyless)
{
    struct answer a = {0, NULL, NULL, 0};
    const char *end;
    while (!(end = c->in.len ? memmem(c->in.p, c->in.len, "\r\n\r\n", 4) : NULL)) {
        int more = client_more(c);
        if (more <= 0) {
            a.status = more;
            return a;
        }
    }
    size_t head_n = (size_t)(end - c->in.p) + 4;
    a.head = xstrndup(c->in.p, head_n);
    assert_memory_equal(a.head, "HTTP/1.1 ", 9);
    a.status = (int)strtol(a.head + 9, NULL, 10);
    bool none = bodyless || a.status < 200 || a.status == 204 || a.status == 304;
    a.body_n = none ? 0 : header_length(a.head);
    while (c->in.len < head_n + a.body_n)
        assert_true(client_more(c) > 0);
    a.body = xstrndup(c->in.p + head_n, a.body_n);
    buf_consume(&c->in, head_n + a.body_n);
    return a;
}

/* The next answer must be of that status. */
static inline void client_expect(struct client *c, int status)
{
    struct answer a = client_answer(c, false);
    assert_int_equal(a.status, status);
    answer_done(&a);
}

/* Nothing more comes, and the connection closes in order. */
static inline void client_expect_end(struct client *c)
{
    if (c->in.len == 0)
        assert_int_equal(client_more(c), 0);
    assert_int_equal(c->in.len, 0);
}
