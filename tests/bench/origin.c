/*
 * An origin for benchmarks: as fast as one thread with one epoll can be, so that the client is what
 * is measured.
 *
 *   bench_origin HOSTS    listens on HOSTS addresses from 127.0.0.1 on, prints their ports
 *
 * GET /SIZE answers with a body of that many bytes and an ETag; a request with If-None-Match is
 * answered 304. GET /list/KEY/CHANGES/TOTAL/FROM/COUNT answers with COUNT of TOTAL items, from the
 * one of number FROM on, and the URI of the next so many; with CHANGES 1 one item is another each
 * time the list is read from its beginning, anywhere in the list, and the one of the time before is
 * as it was. KEY (a number) tells lists apart. Ends when its standard input does.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"

#define BODY_MAX ((size_t)4 << 20)
#define REQUEST_MAX 4096
#define EVENTS 256
#define KEYS 4096

static const char not_modified[] = "HTTP/1.1 304 Not Modified\r\nETag: \"v1\"\r\n\r\n";

/* What stands for the answer to one size. */
static struct buf *answer_of(size_t size)
{
    static struct {
        size_t size;
        struct buf b;
    } made[16];
    size_t i = 0;

    while (made[i].b.p && made[i].size != size)
        i = (i + 1) % ARRAY_LEN(made);
    if (made[i].b.p)
        return &made[i].b;
    made[i].size = size;
    buf_printf(&made[i].b,
               "HTTP/1.1 200 OK\r\nServer: bench\r\nContent-Type: application/json\r\n"
               "ETag: \"v1\"\r\nContent-Length: %zu\r\n\r\n",
               size);
    /* A JSON string, for those who look into it. */
    for (size_t k = 0; k < size; k++)
        buf_putc(&made[i].b, k == 0 || k + 1 == size ? '"' : (char)('a' + k * k % 23));
    return &made[i].b;
}

/* ---- lists ---- */

static void put_item(struct buf *b, unsigned long i, unsigned long version)
{
    buf_printf(b,
               "{\"id\":%lu,\"name\":\"item of number %lu\",\"price\":%lu,\"currency\":\"EUR\","
               "\"tags\":[\"a\",\"b\"],\"updated\":\"2024-02-29T12:34:56Z\","
               "\"stock\":{\"here\":%lu,\"there\":17}}",
               i, i, i * 7919 % 1000, version);
}

/* Items are the same in all lists, but for the one that changed. */
static struct str item_text(unsigned long i)
{
    static struct buf texts[KEYS];
    struct buf *b = &texts[i % KEYS];

    if (b->len == 0)
        put_item(b, i % KEYS, 0);
    return buf_view(b);
}

struct list {
    unsigned long key, changes, total, from, count;
};

static void put_list(struct buf *b, const struct list *l)
{
    static unsigned long versions[KEYS];
    unsigned long *version = &versions[l->key % KEYS];
    unsigned long end = MIN(l->from + l->count, l->total);

    if (l->from == 0)
        *version += l->changes;
    unsigned long changed = *version * 377 % MAX(l->total, 1);
    buf_puts(b, "{\"items\":[");
    for (unsigned long i = l->from; i < end; i++) {
        if (i > l->from)
            buf_putc(b, ',');
        if (*version && i == changed)
            put_item(b, i, *version);
        else
            buf_str(b, item_text(i));
    }
    buf_puts(b, "],\"next\":");
    if (end < l->total)
        buf_printf(b, "\"/list/%lu/%lu/%lu/%lu/%lu\"}", l->key, l->changes, l->total, end,
                   l->count);
    else
        buf_puts(b, "null}");
}

/* NULL: it is no list that is asked for. */
static const struct buf *answer_list(const char *request)
{
    static struct buf body, answer;
    struct list l;

    if (sscanf(request, "GET /list/%lu/%lu/%lu/%lu/%lu", &l.key, &l.changes, &l.total, &l.from,
               &l.count) != 5)
        return NULL;
    buf_clear(&body);
    buf_clear(&answer);
    put_list(&body, &l);
    buf_printf(&answer,
               "HTTP/1.1 200 OK\r\nServer: bench\r\nContent-Type: application/json\r\n"
               "Content-Length: %zu\r\n\r\n",
               body.len);
    buf_str(&answer, buf_view(&body));
    return &answer;
}

/* ---- connections ---- */

static void send_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);
        if (sent < 0) {
            struct pollfd wait = {.fd = fd, .events = POLLOUT};
            if (errno != EAGAIN || poll(&wait, 1, 1000) <= 0)
                return;
            continue;
        }
        p += sent;
        n -= (size_t)sent;
    }
}

/* Requests of the benchmark come in one piece. False: the connection is at its end. */
static bool serve(int fd)
{
    char request[REQUEST_MAX + 1];
    ssize_t n = recv(fd, request, REQUEST_MAX, 0);

    if (n < 0 && errno == EAGAIN)
        return true;
    if (n < 8)
        return false;
    request[n] = '\0';
    if (strstr(request, "If-None-Match")) {
        send_all(fd, not_modified, sizeof not_modified - 1);
        return true;
    }
    const struct buf *b = answer_list(request);
    if (!b)
        b = answer_of(MIN((size_t)strtoul(request + 5, NULL, 10), BODY_MAX));
    send_all(fd, b->p, b->len);
    return true;
}

static int listen_on(unsigned host)
{
    struct sockaddr_in a = {.sin_family = AF_INET};
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK + host);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) || listen(fd, 1024) ||
        getsockname(fd, (struct sockaddr *)&a, &len))
        panic("cannot listen: %s", strerror(errno));
    printf("%u\n", ntohs(a.sin_port));
    return fd;
}

static void watch(int ep, int fd, uint32_t kind)
{
    struct epoll_event ev = {.events = EPOLLIN, .data.u64 = (uint64_t)kind << 32 | (uint32_t)fd};

    if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev))
        panic("cannot watch: %s", strerror(errno));
}

enum { CONNECTION, LISTENER, INPUT };

static void on_event(int ep, uint64_t data)
{
    int fd = (int)(uint32_t)data, one = 1;

    if (data >> 32 == CONNECTION) {
        if (!serve(fd))
            close(fd);
        return;
    }
    int c = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (c < 0)
        return;
    setsockopt(c, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    watch(ep, c, CONNECTION);
}

int main(int argc, char **argv)
{
    struct epoll_event ev[EVENTS];
    struct rlimit files;
    int ep = epoll_create1(EPOLL_CLOEXEC);
    unsigned hosts = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 1;

    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    for (unsigned i = 0; i < hosts; i++)
        watch(ep, listen_on(i), LISTENER);
    fflush(stdout);
    watch(ep, STDIN_FILENO, INPUT);
    for (;;) {
        int n = epoll_wait(ep, ev, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            if (ev[i].data.u64 >> 32 == INPUT)
                return 0;
            on_event(ep, ev[i].data.u64);
        }
    }
}
