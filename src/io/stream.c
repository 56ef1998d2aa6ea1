/*
 * Connected sockets, watched by libuv and read and written here.
 *
 * A stream_io belongs to its stream until stream_close(), then to libuv, which frees it when the
 * handle's closing is over. All streams of a thread read into one shared buffer, so that an idle
 * connection holds no buffer of its own.
 */
#include "io/stream.h"

#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "base/count.h"
#include "base/trace.h"
#include "io/tls.h"

struct stream_io {
    uv_poll_t poll;
    struct stream *owner; /* NULL: closed, libuv still holds the handle */
    struct loop *loop;
    struct tls_session *tls; /* NULL: plain */
    struct deferred end;     /* tells the owner of an end that was met inside a call of his */
    int fd;
    uint8_t watched;   /* UV_… events that libuv watches for */
    bool reading;      /* the owner wants bytes */
    bool wanted;       /* the owner waits for on_writable */
    bool eof;          /* the peer sends no more */
    bool hung_up;      /* the same, but bytes are still to be read */
    bool broken;       /* neither reading nor writing will ever work again */
    bool told;         /* on_end was called */
    bool shutdown_due; /* send FIN when the pending ciphertext is gone */
};

/* ---- the buffers of a thread ---- */

struct scratch {
    char read[STREAM_READ_MAX];
    char plain[TLS_RECORD_MAX];  /* decrypted */
    char gather[TLS_RECORD_MAX]; /* to be encrypted: an owner may write from inside on_data */
};

static _Thread_local struct scratch *scratch_of_thread;
static pthread_key_t scratch_key; /* frees it when the thread ends */
static pthread_once_t scratch_once = PTHREAD_ONCE_INIT;

static void make_scratch_key(void)
{
    CHECK(pthread_key_create(&scratch_key, free) == 0);
}

static struct scratch *scratch(void)
{
    if (LIKELY(scratch_of_thread))
        return scratch_of_thread;
    pthread_once(&scratch_once, make_scratch_key);
    scratch_of_thread = xmalloc(sizeof *scratch_of_thread);
    pthread_setspecific(scratch_key, scratch_of_thread);
    return scratch_of_thread;
}

/* ---- what to watch for ---- */

static size_t tls_pending(const struct stream_io *io, const char **ret)
{
    size_t n = 0;
    tls_session_pending(io->tls, ret, &n);
    return n;
}

static bool waits_for_room(const struct stream_io *io)
{
    const char *p;
    if (!io->tls)
        return io->wanted;
    return tls_pending(io, &p) > 0 || (io->wanted && tls_session_ready(io->tls));
}

static void on_poll(uv_poll_t *poll, int status, int events);

/* libuv pays two system calls for each change, so this is called when something did change. */
static void watch(struct stream_io *io)
{
    int events = 0;
    if (!io->broken) {
        if (io->reading && !io->eof)
            events |= UV_READABLE;
        else if (!io->eof && !io->hung_up)
            events |= UV_DISCONNECT; /* a reset is seen even while reading is paused */
        if (waits_for_room(io))
            events |= UV_WRITABLE;
    }
    if (events == io->watched)
        return;
    io->watched = (uint8_t)events;
    if (events)
        CHECK(uv_poll_start(&io->poll, events, on_poll) == 0);
    else
        uv_poll_stop(&io->poll);
}

/* ---- the end ---- */

static void tell_end(struct stream_io *io)
{
    if (!io->owner || io->told)
        return;
    io->told = true;
    io->owner->events->on_end(io->owner, io->broken ? E_CLOSED : E_OK);
}

static void on_deferred_end(struct deferred *d, void *arg)
{
    (void)d;
    tell_end(arg);
}

static void fail(struct stream_io *io)
{
    io->broken = true;
    watch(io);
    tell_end(io);
}

/* Inside a call of the owner's: no callback of his may run yet. */
static void fail_later(struct stream_io *io)
{
    io->broken = true;
    watch(io);
    if (!io->told)
        loop_defer(io->loop, &io->end);
}

static void end(struct stream_io *io)
{
    io->eof = true;
    watch(io);
    tell_end(io);
}

/* ---- sending ---- */

/* Count sent, 0: none now, -1: broken. */
static ssize_t send_some(struct stream_io *io, struct iovec *v, int count)
{
    struct msghdr m = {.msg_iov = v, .msg_iovlen = (size_t)MIN(count, IOV_MAX)};
    for (;;) {
        ssize_t n = sendmsg(io->fd, &m, MSG_NOSIGNAL);
        if (n >= 0)
            return n;
        if (errno == EINTR)
            continue;
        return errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS ? 0 : -1;
    }
}

/* Send ciphertext that waits. True when none is left. */
static bool tls_flush(struct stream_io *io)
{
    const char *p;
    size_t n;
    while ((n = tls_pending(io, &p)) > 0) {
        struct iovec v = {(void *)(uintptr_t)p, n};
        ssize_t sent = send_some(io, &v, 1);
        if (sent < 0)
            io->broken = true;
        if (sent <= 0)
            return false;
        tls_session_sent(io->tls, (size_t)sent);
    }
    if (io->shutdown_due)
        shutdown(io->fd, SHUT_WR);
    io->shutdown_due = false;
    return true;
}

/* A place in an array of slices. */
struct slices {
    const struct iovec *v;
    int count;
    size_t at; /* in the first */
};

/* The next bytes, at most a record: straight from the first slice when it is large or the last,
 * else gathered, since every record costs 22 bytes and a pass of the cipher. */
static const char *gather(const struct slices *s, size_t *ret_n)
{
    size_t first = s->v->iov_len - s->at;
    if (s->count == 1 || first >= TLS_RECORD_MAX) {
        *ret_n = MIN(first, (size_t)TLS_RECORD_MAX);
        return (const char *)s->v->iov_base + s->at;
    }
    char *to = scratch()->gather;
    size_t n = 0;
    size_t at = s->at;
    for (int i = 0; i < s->count && n < TLS_RECORD_MAX; i++, at = 0) {
        size_t part = MIN(s->v[i].iov_len - at, TLS_RECORD_MAX - n);
        if (part > 0)
            memcpy(to + n, (const char *)s->v[i].iov_base + at, part);
        n += part;
    }
    *ret_n = n;
    return to;
}

static void skip(struct slices *s, size_t n)
{
    while (s->count > 0 && n >= s->v->iov_len - s->at) {
        n -= s->v->iov_len - s->at;
        s->v++;
        s->count--;
        s->at = 0;
    }
    s->at += n;
}

static ssize_t tls_writev(struct stream_io *io, const struct iovec *v, int count)
{
    struct slices left = {v, count, 0};
    skip(&left, 0);
    ssize_t taken = 0;
    while (tls_flush(io) && left.count > 0) {
        size_t n;
        const char *p = gather(&left, &n);
        long k = tls_session_write(io->tls, p, n);
        if (k < 0)
            io->broken = true;
        if (k <= 0)
            break;
        taken += k;
        skip(&left, (size_t)k);
    }
    return io->broken ? -1 : taken;
}

ssize_t stream_writev(struct stream *s, const struct iovec *v, int count)
{
    struct stream_io *io = s->io;
    if (io->broken)
        return -1;
    ssize_t n = io->tls ? tls_writev(io, v, count) : send_some(io, (struct iovec *)v, count);
    if (n < 0) {
        fail_later(io);
        return -1;
    }
    size_t all = 0;
    for (int i = 0; i < count; i++)
        all += v[i].iov_len;
    io->wanted = (size_t)n < all;
    watch(io);
    return n;
}

/* The socket has room. */
static void push(struct stream_io *io)
{
    if (io->tls && !tls_flush(io)) {
        if (io->broken)
            fail(io);
        return;
    }
    if (!io->wanted) {
        watch(io);
        return;
    }
    /* The owner most likely writes now and says himself whether there is more to wait for. */
    io->wanted = false;
    io->owner->events->on_writable(io->owner);
    if (io->owner)
        watch(io);
}

/* ---- receiving ---- */

static void tls_received(struct stream_io *io, const char *p, size_t n)
{
    char *plain = scratch()->plain;
    tls_session_feed(io->tls, p, n);
    long k;
    while ((k = tls_session_read(io->tls, plain, TLS_RECORD_MAX)) > 0) {
        io->owner->events->on_data(io->owner, plain, (size_t)k);
        if (!io->owner)
            return; /* the session is gone too */
        if (io->broken)
            break;
    }
    tls_session_feed(io->tls, NULL, 0);
    if (io->broken)
        return;
    (void)tls_flush(io);
    if (k == 0 && !io->broken)
        watch(io);
    else if (k < 0 && tls_session_closed(io->tls))
        end(io);
    else
        fail(io);
}

static void pull(struct stream_io *io)
{
    char *p = scratch()->read;
    ssize_t n = recv(io->fd, p, STREAM_READ_MAX, 0);
    if (n > 0 && io->tls)
        tls_received(io, p, (size_t)n);
    else if (n > 0)
        io->owner->events->on_data(io->owner, p, (size_t)n);
    else if (n == 0)
        end(io);
    else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
        fail(io);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct stream_io *io = CONTAINER_OF(poll, struct stream_io, poll);
    if (!io->owner)
        return;
    if (status < 0) {
        /* The socket has an error; libuv has stopped watching it. */
        io->watched = 0;
        fail(io);
        return;
    }
    if ((events & UV_READABLE) && io->reading && !io->eof) {
        pull(io);
    } else if (events & UV_DISCONNECT) {
        io->hung_up = true;
        watch(io);
    }
    if ((events & UV_WRITABLE) && io->owner && !io->broken)
        push(io);
}

void stream_read(struct stream *s, bool on)
{
    s->io->reading = on;
    watch(s->io);
}

/* ---- life ---- */

enum err stream_open(struct stream *s, struct loop *l, int fd, struct tls_server *tls,
                     const struct stream_events *events, struct errinfo *ei)
{
    struct stream_io *io = xcalloc(1, sizeof *io);
    int e = uv_poll_init(loop_uv(l), &io->poll, fd);
    if (e < 0) {
        close(fd);
        free(io);
        return err_set(ei, E_SYSTEM, "the connection cannot be watched: %s", uv_strerror(e));
    }
    /* Answers and frames are written whole: waiting for more to send with them only delays. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    io->loop = l;
    io->fd = fd;
    io->tls = tls ? tls_session_new(tls) : NULL;
    io->reading = true;
    io->owner = s;
    deferred_init(&io->end, on_deferred_end, io);
    s->events = events;
    s->io = io;
    watch(io);
    count_one(COUNT_http_connections);
    return E_OK;
}

static void on_handle_closed(uv_handle_t *h)
{
    free(CONTAINER_OF((uv_poll_t *)h, struct stream_io, poll));
}

void stream_close(struct stream *s)
{
    struct stream_io *io = s->io;
    if (!io)
        return;
    s->io = NULL;
    io->owner = NULL;
    deferred_cancel(&io->end);
    if (io->tls) {
        tls_session_shutdown(io->tls);
        if (!io->broken)
            (void)tls_flush(io);
        tls_session_free(io->tls);
    }
    /* The descriptor may be closed once libuv has let go of it, which uv_close() does at once. */
    uv_close((uv_handle_t *)&io->poll, on_handle_closed);
    close(io->fd);
    count_add(COUNT_http_connections, -1);
}

void stream_reset(struct stream *s)
{
    if (!s->io)
        return;
    static const struct linger none = {1, 0};
    setsockopt(s->io->fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    s->io->broken = true;
    stream_close(s);
}

bool stream_is_open(const struct stream *s)
{
    return s->io != NULL;
}

void stream_move(struct stream *from, struct stream *to, const struct stream_events *events)
{
    struct stream_io *io = TAKE(from->io);
    to->io = io;
    to->events = events;
    io->owner = to;
    io->reading = true;
    io->wanted = false;
    if (io->told) {
        io->told = false;
        loop_defer(io->loop, &io->end);
    }
    watch(io);
}

void stream_shutdown(struct stream *s)
{
    struct stream_io *io = s->io;
    if (io->broken)
        return;
    if (!io->tls) {
        shutdown(io->fd, SHUT_WR);
        return;
    }
    tls_session_shutdown(io->tls);
    io->shutdown_due = true;
    (void)tls_flush(io);
    if (io->broken)
        fail_later(io);
    else
        watch(io);
}

bool stream_is_ready(const struct stream *s)
{
    return s->io && (!s->io->tls || tls_session_ready(s->io->tls));
}

void stream_peer(const struct stream *s, char *ret, size_t size)
{
    struct sockaddr_storage a;
    socklen_t n = sizeof a;
    char host[INET6_ADDRSTRLEN + 16];
    char port[8];
    if (size > 0)
        ret[0] = '\0';
    if (!s->io || getpeername(s->io->fd, (struct sockaddr *)&a, &n) != 0 ||
        getnameinfo((struct sockaddr *)&a, n, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return;
    snprintf(ret, size, a.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}

size_t stream_memory(const struct stream *s)
{
    if (!s->io)
        return 0;
    return sizeof *s->io + (s->io->tls ? tls_session_memory(s->io->tls) : 0);
}
