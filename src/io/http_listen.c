/*
 * The listening socket of one loop. Every loop has its own on the same address (SO_REUSEPORT), so
 * that the kernel spreads connections over loops.
 *
 * Out of descriptors: the connection at the head of the queue would stay there and wake the loop
 * for ever. A descriptor held in reserve is given up to accept and close it; if even that one is
 * lost to another thread, listening rests for a moment.
 */
#include "io/http_conn.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "base/count.h"
#include "base/log.h"

#define BACKLOG 4096
/* Connections taken per wake-up, so that a flood of them does not starve the open ones. */
#define BATCH 64
#define REST_US (100 * US_PER_MS)
#define WARN_EVERY_US US_PER_S

struct http_listener {
    uv_poll_t poll;
    struct http_server *server; /* NULL: closed, libuv still holds the handle */
    struct loop *loop;
    http_accept_f *on_accept;
    struct timer rest;
    int fd;
    int reserve; /* -1: lost */
    int64_t warned;
    uint64_t refused; /* since the last warning */
};

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static int open_reserve(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* ---- accepting ---- */

static void warn_refused(struct http_listener *li, int why)
{
    count_one(COUNT_http_refused);
    li->refused++;
    int64_t now = clock_now();
    if (li->warned != 0 && now - li->warned < WARN_EVERY_US)
        return;
    li->warned = now;
    log_warn("connections refused", LOG_S("error", strerror(why)), LOG_I("count", li->refused));
    li->refused = 0;
}

static void on_poll(uv_poll_t *poll, int status, int events);

static void watch(struct http_listener *li)
{
    CHECK(uv_poll_start(&li->poll, UV_READABLE, on_poll) == 0);
}

static void on_rested(struct timer *t, void *arg)
{
    struct http_listener *li = arg;
    if (li->reserve < 0)
        li->reserve = open_reserve();
    if (li->reserve < 0)
        timer_set(li->loop, t, clock_now() + REST_US);
    else
        watch(li);
}

static void rest(struct http_listener *li)
{
    uv_poll_stop(&li->poll);
    timer_set(li->loop, &li->rest, clock_now() + REST_US);
}

/* No descriptor is free. False when accepting has to stop for now. */
static bool refuse_one(struct http_listener *li, int why)
{
    if (li->reserve >= 0)
        close(li->reserve);
    int fd = accept4(li->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    bool none_waits = fd < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
    if (fd >= 0)
        close(fd);
    li->reserve = open_reserve();
    if (!none_waits)
        warn_refused(li, why);
    if (li->reserve >= 0)
        return !none_waits;
    rest(li);
    return false;
}

/* False when there is no more to accept now. */
static bool accept_one(struct http_listener *li)
{
    int fd = accept4(li->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0) {
        li->on_accept(li->server, fd);
        return true;
    }
    switch (errno) {
    case EAGAIN:
#if EAGAIN != EWOULDBLOCK
    case EWOULDBLOCK:
#endif
        return false;
    case EMFILE:
    case ENFILE:
        return refuse_one(li, errno);
    case ENOBUFS:
    case ENOMEM:
        warn_refused(li, errno);
        rest(li);
        return false;
    default:
        /* The connection ended before it was accepted; the next may be fine (accept(2)). */
        return true;
    }
}

static void accept_batch(struct http_listener *li, int max)
{
    while (max-- > 0 && li->server)
        if (!accept_one(li))
            return;
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct http_listener *li = CONTAINER_OF(poll, struct http_listener, poll);
    (void)events;
    if (!li->server)
        return;
    if (status < 0)
        rest(li);
    else
        accept_batch(li, BATCH);
}

/* ---- opening and closing ---- */

static bool parse_address(const struct http_server_conf *c, union address *a, socklen_t *ret_n)
{
    memset(a, 0, sizeof *a);
    if (inet_pton(AF_INET, c->address, &a->v4.sin_addr) == 1) {
        a->v4.sin_family = AF_INET;
        a->v4.sin_port = htons(c->port);
        *ret_n = sizeof a->v4;
        return true;
    }
    if (inet_pton(AF_INET6, c->address, &a->v6.sin6_addr) == 1) {
        a->v6.sin6_family = AF_INET6;
        a->v6.sin6_port = htons(c->port);
        *ret_n = sizeof a->v6;
        return true;
    }
    return false;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static enum err fail_listen(const struct http_server_conf *c, struct errinfo *ei)
{
    return err_set(ei, E_SYSTEM, "cannot listen on %s port %u: %s", c->address, c->port,
                   strerror(errno));
}

/* A socket bound to the address. Without SO_REUSEPORT that fails if anybody listens there. */
static enum err bind_socket(const struct http_server_conf *c, bool shared, int *ret_fd,
                            struct errinfo *ei)
{
    static const int one = 1;
    union address a;
    socklen_t n;
    if (!parse_address(c, &a, &n))
        return err_set(ei, E_INVALID, "%s is not an IP address", c->address);
    AUTO(close_fd) int fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && a.any.sa_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
        (shared && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one) != 0) ||
        bind(fd, &a.any, n) != 0)
        return fail_listen(c, ei);
    *ret_fd = fd;
    fd = -1;
    return E_OK;
}

static enum err open_socket(const struct http_server_conf *c, int *ret_fd, uint16_t *ret_port,
                            struct errinfo *ei)
{
    AUTO(close_fd) int fd = -1;
    enum err e = c->exclusive ? bind_socket(c, false, &fd, ei) : E_OK;
    close_fd(&fd);
    fd = -1;
    if (e == E_OK)
        e = bind_socket(c, true, &fd, ei);
    if (e != E_OK)
        return e;
    union address a;
    socklen_t n = sizeof a;
    if (listen(fd, BACKLOG) != 0 || getsockname(fd, &a.any, &n) != 0)
        return fail_listen(c, ei);
    *ret_port = ntohs(a.any.sa_family == AF_INET6 ? a.v6.sin6_port : a.v4.sin_port);
    *ret_fd = fd;
    fd = -1;
    return E_OK;
}

enum err http_listener_open(struct http_server *s, http_accept_f *on_accept,
                            struct http_listener **ret, uint16_t *ret_port, struct errinfo *ei)
{
    int fd = -1;
    enum err e = open_socket(&s->conf, &fd, ret_port, ei);
    if (e != E_OK)
        return e;
    struct http_listener *li = xcalloc(1, sizeof *li);
    int rc = uv_poll_init(loop_uv(s->loop), &li->poll, fd);
    if (rc < 0) {
        close(fd);
        free(li);
        return err_set(ei, E_SYSTEM, "the listening socket cannot be watched: %s", uv_strerror(rc));
    }
    li->server = s;
    li->loop = s->loop;
    li->on_accept = on_accept;
    li->fd = fd;
    li->reserve = open_reserve();
    timer_init(&li->rest, on_rested, li);
    watch(li);
    *ret = li;
    return E_OK;
}

static void on_handle_closed(uv_handle_t *h)
{
    free(CONTAINER_OF((uv_poll_t *)h, struct http_listener, poll));
}

void http_listener_close(struct http_listener *li)
{
    if (!li)
        return;
    li->server = NULL;
    timer_clear(li->loop, &li->rest);
    uv_close((uv_handle_t *)&li->poll, on_handle_closed);
    close(li->fd);
    close_fd(&li->reserve);
}

void http_listener_drain(struct http_listener *li)
{
    if (!li)
        return;
    accept_batch(li, BACKLOG);
    http_listener_close(li);
}
