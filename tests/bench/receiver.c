/*
 * A receiver of webhooks for benchmarks: as fast as one thread with one epoll can be, so that the
 * sender is what is measured.
 *
 *   bench_receiver        listens on 127.0.0.1, prints its port
 *
 * Each POST is answered with an empty 200. A document begins with {"at":N, N being the time at which
 * it was published, in µs of Unix time; it is the body, or in it. For each line on its standard
 * input it prints how many came since the last, and of the times from there until the whole body was
 * here the median, the 99th percentile and the longest, in µs. Ends when its standard input does.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"

#define EVENTS 256
#define FILES 65536
#define REQUEST_MAX ((size_t)1 << 20)

static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

static struct buf requests[FILES]; /* what has come, by file descriptor */
static int64_t *times;
static size_t count, room;

static void note(struct str body)
{
    const char *p = memmem(body.p, body.n, "{\"at\":", 6);
    int64_t at = 0;

    if (!p)
        panic("a body without its time: %.*s", (int)MIN(body.n, 60), body.p);
    for (p += 6; *p >= '0' && *p <= '9'; p++)
        at = at * 10 + (*p - '0');
    if (count == room) {
        room = MAX(2 * room, (size_t)1024);
        times = xrealloc(times, room * sizeof *times);
    }
    times[count++] = clock_now_wall() - at;
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static long long part(double share)
{
    return count ? (long long)times[MIN((size_t)((double)count * share), count - 1)] : 0;
}

static void report(void)
{
    qsort(times, count, sizeof *times, compare);
    printf("%zu %lld %lld %lld\n", count, part(0.5), part(0.99), part(1));
    fflush(stdout);
    count = 0;
}

/* Length of the first request in s, and its body; 0: it is not whole. */
static size_t whole(struct str s, struct str *ret_body)
{
    const char *end = s.n ? memmem(s.p, s.n, "\r\n\r\n", 4) : NULL;
    const char *field = end ? memmem(s.p, s.n, "Content-Length: ", 16) : NULL;

    if (!end)
        return 0;
    size_t head = (size_t)(end - s.p) + 4;
    size_t body = field ? strtoul(field + 16, NULL, 10) : 0;
    if (s.n < head + body)
        return 0;
    *ret_body = str_make(s.p + head, body);
    return head + body;
}

/* False: the connection is at its end. */
static bool serve(int fd)
{
    struct buf *b = &requests[fd];
    struct str body;
    size_t n;

    if (buf_reserve(b, 65536) != E_OK || b->len > REQUEST_MAX)
        panic("a request is too large");
    ssize_t got = recv(fd, b->p + b->len, b->cap - b->len, 0);
    if (got < 0 && errno == EAGAIN)
        return true;
    if (got <= 0)
        return false;
    b->len += (size_t)got;
    while ((n = whole(buf_view(b), &body)) > 0) {
        note(body);
        buf_consume(b, n);
        if (send(fd, answer, sizeof answer - 1, MSG_NOSIGNAL) != (ssize_t)sizeof answer - 1)
            return false;
    }
    return true;
}

static int listen_here(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET};
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) || listen(fd, 1024) ||
        getsockname(fd, (struct sockaddr *)&a, &len))
        panic("cannot listen: %s", strerror(errno));
    printf("%u\n", ntohs(a.sin_port));
    fflush(stdout);
    return fd;
}

static void watch(int ep, int fd)
{
    struct epoll_event ev = {.events = EPOLLIN, .data.fd = fd};

    if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev))
        panic("cannot watch: %s", strerror(errno));
}

static void take(int ep, int listener)
{
    int one = 1;
    int c = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (c < 0)
        return;
    if (c >= FILES)
        panic("too many connections");
    setsockopt(c, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    watch(ep, c);
}

/* False: standard input is at its end. */
static bool on_event(int ep, int listener, int fd)
{
    char line[256];

    if (fd == listener) {
        take(ep, listener);
    } else if (fd == STDIN_FILENO) {
        if (read(fd, line, sizeof line) <= 0)
            return false;
        report();
    } else if (!serve(fd)) {
        buf_done(&requests[fd]);
        close(fd);
    }
    return true;
}

int main(void)
{
    struct epoll_event ev[EVENTS];
    struct rlimit files;
    int ep = epoll_create1(EPOLL_CLOEXEC);

    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    int listener = listen_here();
    watch(ep, listener);
    watch(ep, STDIN_FILENO);
    for (;;) {
        int n = epoll_wait(ep, ev, EVENTS, -1);
        for (int i = 0; i < n; i++)
            if (!on_event(ep, listener, ev[i].data.fd))
                return 0;
    }
}
