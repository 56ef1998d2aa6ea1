/*
 * The other ends of bench_fanout, each a process of its own: an origin whose document is another
 * at each poll, readers of event streams, and the bare writer that the daemon is compared with.
 * What they have to tell is in memory shared with the bench. Included by bench_fanout.c.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

#define LATENCIES 200000
#define EVENTS 512
#define STAMP_LEN 16 /* "@" and fifteen digits of µs */

struct shared {
    /* origin */
    atomic_bool still; /* the document stays as it is */
    atomic_uint size;  /* of its text */
    /* readers */
    atomic_uint opened;
    atomic_ullong bytes;
    atomic_uint latency_count;
    int64_t latencies[LATENCIES];
    /* bare writer */
    atomic_ullong written; /* frames */
};

static struct shared *shared_new(void)
{
    void *p = mmap(NULL, sizeof(struct shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                   -1, 0);
    CHECK(p != MAP_FAILED);
    return p;
}

static int listen_any(uint16_t *ret_port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof a) == 0 && listen(fd, 4096) == 0);
    CHECK(getsockname(fd, (struct sockaddr *)&a, &n) == 0);
    *ret_port = ntohs(a.sin_port);
    return fd;
}

/* A child that does fn(arg) until it is killed or the bench is gone. */
static pid_t start_child(void (*fn)(void *arg), void *arg)
{
    pid_t parent = getpid(), pid = fork();

    CHECK(pid >= 0);
    if (pid > 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() == parent)
        fn(arg);
    _exit(0);
}

static void watch(int ep, int fd, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.fd = fd};

    CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e) == 0);
}

/* ---- origin ---- */

struct origin {
    struct shared *shared;
    int listener;
    uint16_t port;
};

/* Of the size asked for; all of its text is another each time, so that a patch is as large. */
static size_t make_document(char *p, size_t size, int64_t stamp)
{
    size_t at = (size_t)snprintf(p, size, "{\"text\":\"@%015lld", (long long)stamp);
    uint64_t x = (uint64_t)stamp * 0x9e3779b97f4a7c15u | 1;

    while (at + 3 < size) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        p[at++] = (char)('a' + (x >> 60));
    }
    p[at++] = '"';
    p[at++] = '}';
    return at;
}

static void answer(int fd, struct shared *s, int64_t *last)
{
    static char request[65536], head[256], body[1 << 20];
    ssize_t got = recv(fd, request, sizeof request, MSG_DONTWAIT);

    if (got <= 0) {
        if (got == 0 || errno != EAGAIN)
            close(fd);
        return;
    }
    if (!atomic_load(&s->still))
        *last = clock_now();
    size_t n = make_document(body, atomic_load(&s->size), *last);
    int h = snprintf(head, sizeof head,
                     "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                     "Content-Length: %zu\r\n\r\n",
                     n);
    struct iovec v[] = {{head, (size_t)h}, {body, n}};
    if (writev(fd, v, 2) != (ssize_t)(n + (size_t)h))
        close(fd);
}

static void run_origin(void *arg)
{
    struct origin *o = arg;
    struct epoll_event ready[EVENTS];
    int64_t last = clock_now();
    int ep = epoll_create1(0);

    watch(ep, o->listener, EPOLLIN);
    for (;;) {
        int n = epoll_wait(ep, ready, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            if (ready[i].data.fd == o->listener)
                watch(ep, accept4(o->listener, NULL, NULL, SOCK_CLOEXEC), EPOLLIN);
            else
                answer(ready[i].data.fd, o->shared, &last);
        }
    }
}

/* ---- readers ---- */

enum reader_form { FORM_PLAIN, FORM_GZIP, FORM_WEBSOCKET };

struct readers {
    struct shared *shared;
    uint16_t port;
    unsigned count;
    char (*targets)[128]; /* path of each, target_count in turn */
    unsigned target_count;
    bool stuck; /* the first never reads */
    bool latencies;
    enum reader_form form;
};

static void note_latency(struct shared *s, const char *p, size_t n)
{
    int64_t now = clock_now();

    for (const char *at = p; (at = memchr(at, '@', n - (size_t)(at - p))); at++) {
        if (n - (size_t)(at - p) < STAMP_LEN)
            return;
        unsigned i = atomic_fetch_add(&s->latency_count, 1);
        if (i < LATENCIES)
            s->latencies[i] = now - strtoll(at + 1, NULL, 10);
    }
}

static void read_some(const struct readers *r, int fd)
{
    static char chunk[1 << 18];
    ssize_t n = recv(fd, chunk, sizeof chunk - 1, MSG_DONTWAIT);

    if (n <= 0) {
        if (n == 0 || errno != EAGAIN)
            close(fd);
        return;
    }
    atomic_fetch_add(&r->shared->bytes, (unsigned long long)n);
    chunk[n] = '\0';
    if (r->latencies)
        note_latency(r->shared, chunk, (size_t)n);
}

static void ask_sse(int fd, const char *target, bool gzip)
{
    AUTO_FREE char *request = xasprintf("GET /streams/subscribers/sse/api/v1/topics/%s HTTP/1.1\r\n"
                                        "Host: localhost\r\nAccept: text/event-stream\r\n%s\r\n",
                                        target, gzip ? "Accept-Encoding: gzip\r\n" : "");

    CHECK(write(fd, request, strlen(request)) == (ssize_t)strlen(request));
}

/* The handshake, then a wish in one frame, masked with zeros (RFC 6455 §5.3). */
static void ask_websocket(int fd, const char *target)
{
    static const char request[] =
        "GET /streams/subscribers/websocket/api/v1/topics HTTP/1.1\r\nHost: localhost\r\n"
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    char answer[1024], frame[128] = {(char)0x81};
    int n = snprintf(frame + 6, sizeof frame - 6,
                     "{\"topicIdOrName\":\"%s\",\"dataFormat\":\"text\"}", target);

    frame[1] = (char)(0x80 | n);
    CHECK(write(fd, request, sizeof request - 1) == sizeof request - 1);
    CHECK(read(fd, answer, sizeof answer) > 0);
    CHECK(write(fd, frame, (size_t)n + 6) == n + 6);
}

static void run_readers(void *arg)
{
    const struct readers *r = arg;
    struct epoll_event ready[EVENTS];
    int ep = epoll_create1(0);

    for (unsigned i = 0; i < r->count; i++) {
        int fd = connect_to(r->port);
        const char *target = r->targets[i % r->target_count];
        if (r->form == FORM_WEBSOCKET)
            ask_websocket(fd, target);
        else
            ask_sse(fd, target, r->form == FORM_GZIP);
        if (!r->stuck || i > 0)
            watch(ep, fd, EPOLLIN);
        atomic_fetch_add(&r->shared->opened, 1);
    }
    for (;;) {
        int n = epoll_wait(ep, ready, EVENTS, -1);
        for (int i = 0; i < n; i++)
            read_some(r, ready[i].data.fd);
    }
}

/* ---- the bare writer: epoll and writev, nothing else ---- */

struct bare {
    struct shared *shared;
    int listener;
    uint16_t port;
    int ticks; /* each byte: an event is due; its value: for which groups (see below) */
    unsigned groups;
    size_t body;
};

struct bare_conn {
    int fd;
    size_t left; /* of the last frame */
};

static struct bare_conn conns[20000];
static unsigned conn_count;

static void bare_write(const struct bare *b, struct bare_conn *c, struct iovec *v, size_t size)
{
    ssize_t n = writev(c->fd, v, 3);

    c->left = n < 0 ? size : size - (size_t)n;
    if (c->left == 0)
        atomic_fetch_add(&b->shared->written, 1);
}

/* One event for the channels of one group, or for all. */
static void bare_event(const struct bare *b, unsigned group)
{
    static char body[1 << 20];
    static uint64_t seq;
    char head[128];
    int h = snprintf(head, sizeof head,
                     "id: 11111111-1111-4111-8111-111111111111#%llu\nevent: patch\ndata: ",
                     (unsigned long long)++seq);

    memset(body, 'x', b->body);
    for (unsigned i = group; i < conn_count; i += b->groups) {
        struct iovec v[] = {{head, (size_t)h}, {body, b->body}, {(char *)"\n\n", 2}};
        bare_write(b, &conns[i], v, (size_t)h + b->body + 2);
    }
}

static void bare_accept(const struct bare *b, int ep)
{
    int fd = accept4(b->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    CHECK(conn_count < ARRAY_LEN(conns));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    conns[conn_count++].fd = fd;
    watch(ep, fd, EPOLLIN);
}

static void bare_ticks(const struct bare *b)
{
    uint16_t due[64];
    ssize_t n = read(b->ticks, due, sizeof due);

    for (size_t i = 0; n > 0 && i < (size_t)n / sizeof *due; i++)
        bare_event(b, due[i]);
}

static void run_bare(void *arg)
{
    const struct bare *b = arg;
    struct epoll_event ready[EVENTS];
    char chunk[4096];
    int ep = epoll_create1(0);

    watch(ep, b->listener, EPOLLIN);
    watch(ep, b->ticks, EPOLLIN);
    for (;;) {
        int n = epoll_wait(ep, ready, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            if (ready[i].data.fd == b->listener)
                bare_accept(b, ep);
            else if (ready[i].data.fd == b->ticks)
                bare_ticks(b);
            else if (recv(ready[i].data.fd, chunk, sizeof chunk, MSG_DONTWAIT) == 0)
                close(ready[i].data.fd);
        }
    }
}
