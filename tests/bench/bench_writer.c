/*
 * The bare writer that a server's fan-out is compared with: takes posts, makes a frame of each once,
 * and writes it to all who follow the topic, by epoll and one call each. It knows of nothing else:
 * no ids, no resuming, no limits, no storage.
 *
 *   bench_writer FORM WORKERS [CERTIFICATE KEY]      FORM: sse, gzip, tls, websocket
 *
 * Prints {"port":…,"pids":[…]}. GET …/NAME follows the topic, POST …/NAME tells its followers the
 * body. Workers are processes that share the port and tell each other what is posted.
 */
#include <openssl/ssl.h>
#include <string.h>
#include <zlib.h>

#include "base/map.h"
#include "process_rig.c"

#define WORKERS_MAX 8
#define REQUEST_MAX ((size_t)1 << 20)

enum form { FORM_SSE, FORM_GZIP, FORM_TLS, FORM_WEBSOCKET, FORM_COUNT };

struct topic {
    struct client **followers;
    size_t count, room;
    struct buf last; /* its last frame */
};

struct client {
    int fd;
    SSL *ssl;              /* NULL: plain */
    struct buf in, out;    /* of a request; what the socket did not take */
    struct topic *follows; /* NULL: none yet */
    size_t index;          /* in it */
};

struct writer {
    enum form form;
    unsigned workers, self;
    int listeners[WORKERS_MAX];
    int relays[WORKERS_MAX][2]; /* [0] is read by worker i */
    SSL_CTX *ctx;
    z_stream z;
    struct map topics;
    int ep;
    uint64_t seq;
};

static struct writer w;

/* ---- bytes out ---- */

static void set_watched(const struct client *c, int op, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.ptr = (void *)(uintptr_t)c};

    CHECK(epoll_ctl(w.ep, op, c->fd, &e) == 0);
}

/* Bytes taken, 0 if none are now. Of a connection that is gone all are: its end is read later. */
static size_t put(struct client *c, const char *p, size_t n)
{
    ssize_t k;

    if (c->ssl) {
        k = SSL_write(c->ssl, p, (int)n);
        if (k <= 0)
            return SSL_get_error(c->ssl, (int)k) == SSL_ERROR_WANT_WRITE ? 0 : n;
        return (size_t)k;
    }
    k = send(c->fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (k < 0)
        return errno == EAGAIN ? 0 : n;
    return (size_t)k;
}

static void say(struct client *c, const char *p, size_t n)
{
    size_t taken = c->out.len ? 0 : put(c, p, n);

    if (taken == n)
        return;
    if (!c->out.len)
        set_watched(c, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
    buf_append(&c->out, p + taken, n - taken);
}

static void say_rest(struct client *c)
{
    buf_consume(&c->out, put(c, c->out.p, c->out.len));
    if (c->out.len)
        return;
    buf_done(&c->out);
    set_watched(c, EPOLL_CTL_MOD, EPOLLIN);
}

/* ---- frames ---- */

static void sse_frame(struct buf *b, struct str body)
{
    buf_printf(b, "id: 11111111-1111-4111-8111-111111111111#%llu\nevent: patch\ndata: ",
               (unsigned long long)++w.seq);
    buf_str(b, body);
    buf_puts(b, "\n\n");
}

/* A part of a DEFLATE stream that refers to nothing before it. */
static void gzip_frame(struct buf *b, struct str body)
{
    AUTO(buf_done) struct buf text = BUF_INIT;

    sse_frame(&text, body);
    CHECK(deflateReset(&w.z) == Z_OK && buf_reserve(b, text.len + 1024) == E_OK);
    w.z.next_in = (Bytef *)text.p;
    w.z.avail_in = (uInt)text.len;
    w.z.next_out = (Bytef *)b->p;
    w.z.avail_out = (uInt)b->cap;
    CHECK(deflate(&w.z, Z_SYNC_FLUSH) == Z_OK && w.z.avail_in == 0 && w.z.avail_out > 0);
    b->len = b->cap - w.z.avail_out;
}

/* RFC 6455 §5.2. */
static void websocket_frame(struct buf *b, struct str body)
{
    buf_putc(b, (char)0x81);
    if (body.n < 126) {
        buf_putc(b, (char)body.n);
    } else {
        CHECK(body.n <= UINT16_MAX);
        buf_putc(b, 126);
        buf_putc(b, (char)(body.n >> 8));
        buf_putc(b, (char)body.n);
    }
    buf_str(b, body);
}

static struct topic *topic_of(struct str name)
{
    struct topic *t = map_get(&w.topics, name);

    if (t)
        return t;
    t = xcalloc(1, sizeof *t);
    map_put(&w.topics, name, t);
    return t;
}

static void tell(struct str name, struct str body)
{
    struct topic *t = topic_of(name);

    buf_clear(&t->last);
    if (w.form == FORM_GZIP)
        gzip_frame(&t->last, body);
    else if (w.form == FORM_WEBSOCKET)
        websocket_frame(&t->last, body);
    else
        sse_frame(&t->last, body);
    for (size_t i = 0; i < t->count; i++)
        say(t->followers[i], t->last.p, t->last.len);
}

/* ---- requests ---- */

static void follow(struct client *c, struct str name)
{
    static const char *const heads[FORM_COUNT] = {
        [FORM_SSE] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n",
        [FORM_TLS] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n",
        [FORM_GZIP] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                      "Content-Encoding: gzip\r\n\r\n",
        [FORM_WEBSOCKET] =
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
    };
    static const char gzip_head[10] = {0x1f, (char)0x8b, 8, 0, 0, 0, 0, 0, 0, 3};
    AUTO(buf_done) struct buf b = BUF_INIT;
    struct topic *t = topic_of(name);

    if (t->count == t->room) {
        t->room = t->room ? 2 * t->room : 4;
        t->followers = xrealloc(t->followers, t->room * sizeof *t->followers);
    }
    c->follows = t;
    c->index = t->count;
    t->followers[t->count++] = c;
    buf_puts(&b, heads[w.form]);
    if (w.form == FORM_GZIP)
        buf_append(&b, gzip_head, sizeof gzip_head);
    buf_str(&b, buf_view(&t->last));
    say(c, b.p, b.len);
}

static void relay(struct str name, struct str body)
{
    AUTO(buf_done) struct buf b = BUF_INIT;

    buf_str(&b, name);
    buf_putc(&b, ' ');
    buf_str(&b, body);
    for (unsigned i = 0; i < w.workers; i++) {
        if (i != w.self)
            CHECK(send(w.relays[i][1], b.p, b.len, 0) == (ssize_t)b.len);
    }
}

static void on_relayed(void)
{
    static char message[REQUEST_MAX];
    ssize_t n = recv(w.relays[w.self][0], message, sizeof message, MSG_DONTWAIT);
    struct str name, body = str_make(message, n > 0 ? (size_t)n : 0);

    if (n <= 0)
        return;
    name = str_split(&body, ' ');
    tell(name, body);
}

/* "POST /path/to/NAME HTTP/1.1": NAME. */
static struct str name_of(struct str head)
{
    struct str target;

    (void)str_split(&head, ' ');
    target = str_split(&head, ' ');
    while (memchr(target.p, '/', target.n))
        (void)str_split(&target, '/');
    return target;
}

/* False: more has to come. */
static bool take_request(struct client *c)
{
    static const char accepted[] = "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n";
    char *end = memmem(c->in.p, c->in.len, "\r\n\r\n", 4);

    if (!end)
        return false;
    size_t head = (size_t)(end + 4 - c->in.p);
    struct str name = name_of(str_make(c->in.p, head));
    if (c->in.p[0] == 'G') {
        follow(c, name);
        buf_done(&c->in);
        return false;
    }
    const char *length = memmem(c->in.p, head, "Content-Length: ", 16);
    CHECK(length);
    size_t size = strtoul(length + 16, NULL, 10);
    if (c->in.len < head + size)
        return false;
    struct str body = str_make(c->in.p + head, size);
    say(c, accepted, sizeof accepted - 1);
    relay(name, body);
    tell(name, body);
    buf_consume(&c->in, head + size);
    return c->in.len > 0;
}

/* ---- connections ---- */

static void close_client(struct client *c)
{
    struct topic *t = c->follows;

    if (t) {
        t->followers[c->index] = t->followers[--t->count];
        t->followers[c->index]->index = c->index;
    }
    SSL_free(c->ssl);
    close(c->fd);
    buf_done(&c->in);
    buf_done(&c->out);
    free(c);
}

static void on_readable(struct client *c)
{
    static char chunk[REQUEST_MAX];
    ssize_t n;

    do {
        n = c->ssl ? SSL_read(c->ssl, chunk, sizeof chunk)
                   : recv(c->fd, chunk, sizeof chunk, MSG_DONTWAIT);
        if (n <= 0) {
            bool waits = c->ssl ? SSL_get_error(c->ssl, (int)n) == SSL_ERROR_WANT_READ
                                : n < 0 && errno == EAGAIN;
            if (!waits)
                close_client(c);
            return;
        }
        buf_append(&c->in, chunk, (size_t)n);
        while (take_request(c))
            ;
    } while (c->ssl);
}

static void accept_all(void)
{
    int fd;

    while ((fd = accept4(w.listeners[w.self], NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
        struct client *c = xcalloc(1, sizeof *c);
        c->fd = fd;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        if (w.ctx) {
            c->ssl = SSL_new(w.ctx);
            CHECK(c->ssl && SSL_set_fd(c->ssl, fd) == 1);
            SSL_set_accept_state(c->ssl);
        }
        set_watched(c, EPOLL_CTL_ADD, EPOLLIN);
    }
}

static void watch_own(int fd, void *mark)
{
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = mark};

    CHECK(epoll_ctl(w.ep, EPOLL_CTL_ADD, fd, &e) == 0);
}

static void run_worker(void *arg)
{
    struct epoll_event ready[EVENTS];
    static char listener, relayed;

    w.self = *(unsigned *)arg;
    w.ep = epoll_create1(0);
    watch_own(w.listeners[w.self], &listener);
    watch_own(w.relays[w.self][0], &relayed);
    for (;;) {
        int n = epoll_wait(w.ep, ready, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            struct client *c = ready[i].data.ptr;
            if (ready[i].data.ptr == &listener) {
                accept_all();
            } else if (ready[i].data.ptr == &relayed) {
                on_relayed();
            } else if (ready[i].events & EPOLLOUT) {
                say_rest(c);
            } else {
                on_readable(c);
            }
        }
    }
}

/* ---- start ---- */

static int listen_shared(uint16_t *port)
{
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(*port)};
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &(int){1}, sizeof(int));
    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof a) == 0 && listen(fd, 4096) == 0);
    CHECK(getsockname(fd, (struct sockaddr *)&a, &n) == 0);
    *port = ntohs(a.sin_port);
    return fd;
}

static void set_up(int argc, char **argv)
{
    static const char *const names[FORM_COUNT] = {"sse", "gzip", "tls", "websocket"};

    CHECK(argc >= 3);
    while (w.form < FORM_COUNT && strcmp(argv[1], names[w.form]) != 0)
        w.form++;
    w.workers = (unsigned)strtoul(argv[2], NULL, 10);
    CHECK(w.form < FORM_COUNT && w.workers > 0 && w.workers <= WORKERS_MAX);
    CHECK(deflateInit2(&w.z, 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    if (w.form == FORM_TLS) {
        CHECK(argc == 5);
        w.ctx = SSL_CTX_new(TLS_server_method());
        CHECK(SSL_CTX_use_certificate_chain_file(w.ctx, argv[3]) == 1);
        CHECK(SSL_CTX_use_PrivateKey_file(w.ctx, argv[4], SSL_FILETYPE_PEM) == 1);
        SSL_CTX_set_mode(w.ctx,
                         SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_ENABLE_PARTIAL_WRITE);
        SSL_CTX_set_session_cache_mode(w.ctx, SSL_SESS_CACHE_OFF);
    }
    raise_limit();
}

int main(int argc, char **argv)
{
    static unsigned numbers[WORKERS_MAX];
    pid_t pids[WORKERS_MAX];
    uint16_t port = 0;

    set_up(argc, argv);
    for (unsigned i = 0; i < w.workers; i++) {
        w.listeners[i] = listen_shared(&port);
        CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, w.relays[i]) == 0);
    }
    printf("{\"port\":%u,\"pids\":[", port);
    for (unsigned i = 0; i < w.workers; i++) {
        numbers[i] = i;
        pids[i] = start_child(run_worker, &numbers[i]);
        printf("%s%d", i ? "," : "", (int)pids[i]);
    }
    puts("]}");
    fflush(stdout);
    /* Until who started this closes its standard input. */
    while (getchar() != EOF)
        ;
    for (unsigned i = 0; i < w.workers; i++)
        stop_child(pids[i]);
    return 0;
}
