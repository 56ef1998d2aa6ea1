/*
 * An origin in threads, for tests of clients: real sockets on 127.0.0.x, port chosen by the system,
 * and a behaviour per path. Included by the tests that need it.
 *
 *   /ok /204 /etag /echo /gzip /chunked /big/N /hold ...: see behaviours[] at the end
 *
 * Each connection has a thread; origin_stop() shuts all sockets down and joins them.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/list.h"

#define REQUEST_MAX 65536

struct conn;

struct origin {
    int fd;
    uint16_t port;
    char base[64]; /* http://127.0.0.x:port */
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct list conns;
    atomic_uint connections, requests;
    unsigned active, active_max, hold_until; /* of /hold */
    bool (*other)(struct conn *c);           /* paths that are not in the table; NULL: 404 */
};

struct conn {
    struct list link;
    struct origin *o;
    int fd;
    pthread_t thread;
    unsigned served;
    char *request; /* head of the request, NUL-terminated */
    struct str path;
};

/* True: the connection stays open. */
typedef bool behave_f(struct conn *c);

static bool say(struct conn *c, struct str s)
{
    while (s.n > 0) {
        ssize_t n = send(c->fd, s.p, s.n, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        s = str_drop(s, (size_t)n);
    }
    return true;
}

/* fields: more header lines with CRLF each, or "". */
static bool answer(struct conn *c, const char *status, const char *fields, struct str body)
{
    AUTO(buf_done) struct buf b = BUF_INIT;

    buf_printf(&b, "HTTP/1.1 %s\r\n%sContent-Length: %zu\r\n\r\n", status, fields, body.n);
    buf_str(&b, body);
    return say(c, buf_view(&b));
}

/* Wait until the client closes, at most ms. True if it did. */
static bool client_gone(struct conn *c, int ms)
{
    struct pollfd p = {.fd = c->fd, .events = POLLIN | POLLRDHUP};

    return poll(&p, 1, ms) > 0;
}

static bool be_ok(struct conn *c)
{
    return answer(c, "200 OK", "Content-Type: application/json\r\n", STR("{\"a\":1}"));
}

static bool be_204(struct conn *c)
{
    return say(c, STR("HTTP/1.1 204 No Content\r\n\r\n"));
}

static bool be_etag(struct conn *c)
{
    if (strstr(c->request, "If-None-Match: \"v1\"\r\n"))
        return say(c, STR("HTTP/1.1 304 Not Modified\r\nETag: \"v1\"\r\n\r\n"));
    return answer(c, "200 OK", "ETag: \"v1\"\r\n", STR("version 1"));
}

static bool be_echo(struct conn *c)
{
    return answer(c, "200 OK", "", str_of(c->request));
}

/* "hello" */
static const struct str gzip_hello = {"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xcb\x48\xcd\xc9\xc9"
                                      "\x07\x00\x86\xa6\x10\x36\x05\x00\x00\x00",
                                      25};

static bool be_gzip(struct conn *c)
{
    return answer(c, "200 OK", "Content-Encoding: gzip\r\n", gzip_hello);
}

static bool be_chunked(struct conn *c)
{
    return say(c, STR("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")) &&
           say(c, STR("6\r\n world\r\n0\r\nTrailer: x\r\n\r\n"));
}

static bool be_chunked_short(struct conn *c)
{
    say(c, STR("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n wo"));
    return false;
}

static bool be_short(struct conn *c)
{
    say(c, STR("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this"));
    return false;
}

static bool be_until_close(struct conn *c)
{
    say(c, STR("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nto the end"));
    return false;
}

static bool be_reset(struct conn *c)
{
    struct linger l = {.l_onoff = 1, .l_linger = 0};

    say(c, STR("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this"));
    /* The client has what was sent once it asks no more: a reset discards what it has not read. */
    client_gone(c, 50);
    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &l, sizeof l);
    return false;
}

static bool be_hang(struct conn *c)
{
    client_gone(c, 20000);
    return false;
}

/* A byte every 20 ms, for ever. */
static bool be_drip(struct conn *c)
{
    if (!say(c, STR("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")))
        return false;
    while (say(c, STR("x")) && !client_gone(c, 20))
        ;
    return false;
}

/* Half a body, then silence. */
static bool be_stall(struct conn *c)
{
    say(c, STR("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"));
    client_gone(c, 20000);
    return false;
}

static bool be_garbage(struct conn *c)
{
    say(c, STR("220 mail.example ESMTP\r\nthis is no HTTP\r\n"));
    return false;
}

static bool be_nothing(struct conn *c)
{
    (void)c;
    return false;
}

static size_t number_after(struct conn *c, const char *prefix)
{
    uint64_t n = 0;
    struct str digits = str_drop(c->path, strlen(prefix));

    digits.n = str_find(digits, '/');
    return str_to_u64(digits, UINT32_MAX, &n) ? (size_t)n : 0;
}

static bool be_big(struct conn *c)
{
    AUTO_FREE char *body = xcalloc(1, number_after(c, "/big/") + 1);
    size_t n = number_after(c, "/big/");

    memset(body, 'b', n);
    return answer(c, "200 OK", "", str_make(body, n));
}

static bool be_big_unsized(struct conn *c)
{
    AUTO_FREE char *body = xcalloc(1, number_after(c, "/unsized/") + 1);
    size_t n = number_after(c, "/unsized/");

    memset(body, 'b', n);
    if (say(c, STR("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")))
        say(c, str_make(body, n));
    return false;
}

static bool be_head_large(struct conn *c)
{
    AUTO(buf_done) struct buf b = BUF_INIT;

    buf_puts(&b, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n");
    for (int i = 0; i < 1000; i++)
        buf_printf(&b, "X-Filler-%d: %080d\r\n", i, i);
    buf_puts(&b, "\r\n");
    say(c, buf_view(&b));
    return false;
}

static bool be_line_large(struct conn *c)
{
    AUTO(buf_done) struct buf b = BUF_INIT;

    buf_printf(&b, "HTTP/1.1 200 OK\r\nX-Long: %0150000d\r\n\r\n", 1);
    say(c, buf_view(&b));
    return false;
}

static bool be_interim(struct conn *c)
{
    return say(c, STR("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")) && be_ok(c);
}

static bool redirect(struct conn *c, const char *status, struct str to)
{
    AUTO(buf_done) struct buf b = BUF_INIT;

    buf_printf(&b, "Location: %.*s\r\n", STR_ARG(to));
    return answer(c, status, buf_cstr(&b), STR("moved"));
}

/* /hops/N: N redirects, then the request as it came. */
static bool be_hops(struct conn *c)
{
    size_t n = number_after(c, "/hops/");
    char to[64];

    if (n == 0)
        return be_echo(c);
    snprintf(to, sizeof to, "../hops/%zu", n - 1);
    return redirect(c, n % 2 ? "302 Found" : "307 Temporary Redirect", str_of(to));
}

static bool be_loop(struct conn *c)
{
    return redirect(c, "301 Moved Permanently",
                    str_ends(c->path, STR("a")) ? STR("/loop/b") : STR("/loop/a"));
}

/* /to/URL */
static bool be_to(struct conn *c)
{
    return redirect(c, "302 Found", str_drop(c->path, strlen("/to/")));
}

/* Answers, then closes though it promised not to. */
static bool be_then_close(struct conn *c)
{
    be_ok(c);
    return false;
}

/* The second request of a connection is read and met with a closed connection. */
static bool be_once(struct conn *c)
{
    return c->served == 0 && be_ok(c);
}

/* Answers once hold_until requests are here at a time. */
static bool be_hold(struct conn *c)
{
    struct origin *o = c->o;

    pthread_mutex_lock(&o->mutex);
    o->active++;
    o->active_max = MAX(o->active_max, o->active);
    pthread_cond_broadcast(&o->changed);
    while (o->active_max < o->hold_until)
        pthread_cond_wait(&o->changed, &o->mutex);
    pthread_mutex_unlock(&o->mutex);
    /* Whoever came too many would come now. */
    client_gone(c, 20);
    pthread_mutex_lock(&o->mutex);
    o->active--;
    pthread_mutex_unlock(&o->mutex);
    return be_ok(c);
}

static const struct {
    const char *path;
    behave_f *fn;
} behaviours[] = {
    {"/ok", be_ok},
    {"/204", be_204},
    {"/etag", be_etag},
    {"/echo", be_echo},
    {"/gzip", be_gzip},
    {"/chunked-short", be_chunked_short},
    {"/chunked", be_chunked},
    {"/short", be_short},
    {"/until-close", be_until_close},
    {"/reset", be_reset},
    {"/hang", be_hang},
    {"/drip", be_drip},
    {"/stall", be_stall},
    {"/garbage", be_garbage},
    {"/nothing", be_nothing},
    {"/big/", be_big},
    {"/unsized/", be_big_unsized},
    {"/head-large", be_head_large},
    {"/line-large", be_line_large},
    {"/interim", be_interim},
    {"/hops/", be_hops},
    {"/loop/", be_loop},
    {"/to/", be_to},
    {"/then-close", be_then_close},
    {"/once", be_once},
    {"/hold", be_hold},
};

/* ---- connections ---- */

/* Read one request's head (and the body that Content-Length tells) into c->request. */
static bool read_request(struct conn *c)
{
    size_t len = 0;

    for (;;) {
        ssize_t n = recv(c->fd, c->request + len, REQUEST_MAX - len - 1, 0);
        if (n <= 0)
            return false;
        len += (size_t)n;
        c->request[len] = '\0';
        if (c->request[0] == 0x16) /* somebody wants to speak TLS */
            return say(c, STR("HTTP/1.1 400 Bad Request\r\n\r\n")) && false;
        char *end = strstr(c->request, "\r\n\r\n");
        if (!end)
            continue;
        const char *length = strstr(c->request, "Content-Length: ");
        size_t body = length ? (size_t)strtoul(length + 16, NULL, 10) : 0;
        if (len >= (size_t)(end - c->request) + 4 + body)
            break;
    }
    struct str rest = str_of(c->request);
    str_split(&rest, ' ');
    c->path = str_split(&rest, ' ');
    return true;
}

static bool behave(struct conn *c)
{
    atomic_fetch_add(&c->o->requests, 1);
    for (size_t i = 0; i < ARRAY_LEN(behaviours); i++)
        if (str_starts(c->path, str_of(behaviours[i].path)))
            return behaviours[i].fn(c);
    if (c->o->other)
        return c->o->other(c);
    return answer(c, "404 Not Found", "", STR("no such path"));
}

static void *serve_conn(void *arg)
{
    struct conn *c = arg;

    c->request = xmalloc(REQUEST_MAX);
    while (read_request(c) && behave(c))
        c->served++;
    free(c->request);
    pthread_mutex_lock(&c->o->mutex);
    close(c->fd);
    c->fd = -1;
    pthread_mutex_unlock(&c->o->mutex);
    return NULL;
}

static void *accept_conns(void *arg)
{
    struct origin *o = arg;

    for (;;) {
        int fd = accept(o->fd, NULL, NULL);
        if (fd < 0)
            return NULL;
        struct conn *c = xcalloc(1, sizeof *c);
        c->o = o;
        c->fd = fd;
        atomic_fetch_add(&o->connections, 1);
        pthread_mutex_lock(&o->mutex);
        list_append(&o->conns, &c->link);
        pthread_mutex_unlock(&o->mutex);
        if (pthread_create(&c->thread, NULL, serve_conn, c))
            panic("no thread for a connection");
    }
}

static struct origin *origin_start(const char *ip)
{
    struct origin *o = xcalloc(1, sizeof *o);
    struct sockaddr_in a = {.sin_family = AF_INET};
    socklen_t len = sizeof a;

    list_init(&o->conns);
    pthread_mutex_init(&o->mutex, NULL);
    pthread_cond_init(&o->changed, NULL);
    inet_pton(AF_INET, ip, &a.sin_addr);
    o->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(o->fd, (struct sockaddr *)&a, sizeof a) || listen(o->fd, 1024) ||
        getsockname(o->fd, (struct sockaddr *)&a, &len) ||
        pthread_create(&o->thread, NULL, accept_conns, o))
        panic("cannot start an origin");
    o->port = ntohs(a.sin_port);
    snprintf(o->base, sizeof o->base, "http://%s:%u", ip, o->port);
    return o;
}

static void origin_stop(struct origin *o)
{
    shutdown(o->fd, SHUT_RDWR);
    pthread_join(o->thread, NULL);
    close(o->fd);
    pthread_mutex_lock(&o->mutex);
    o->hold_until = 0;
    pthread_cond_broadcast(&o->changed);
    LIST_EACH (n, &o->conns) {
        struct conn *c = LIST_ITEM(n, struct conn, link);
        if (c->fd >= 0)
            shutdown(c->fd, SHUT_RDWR);
    }
    pthread_mutex_unlock(&o->mutex);
    struct list *n;
    while ((n = list_pop(&o->conns))) {
        struct conn *c = LIST_ITEM(n, struct conn, link);
        pthread_join(c->thread, NULL);
        free(c);
    }
    pthread_mutex_destroy(&o->mutex);
    pthread_cond_destroy(&o->changed);
    free(o);
}
