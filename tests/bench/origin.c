/*
 * An origin for benchmarks: as fast as one thread with one epoll can be, so that the client is what
 * is measured.
 *
 *   bench_origin [CERTIFICATE KEY]     PEM files: speaks TLS
 *
 * Listens on all addresses at a port that it prints, and hangs up on who does not come from 127.0.0.0/8: so each of
 * those addresses is a host. What it answers is in origin_text.c. Ends when its standard input does.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "origin_text.c"

#define REQUEST_MAX 4096
#define EVENTS 256
#define FILES 65536

static SSL_CTX *tls;            /* NULL: plain */
static SSL *connections[FILES]; /* by file descriptor; NULL: plain */

/* ---- connections ---- */

/* As send() and recv(): -1 with EAGAIN when it has to be tried again. */
static ssize_t tls_ended(SSL *c, int n)
{
    int why = SSL_get_error(c, n);

    ERR_clear_error();
    if (why == SSL_ERROR_ZERO_RETURN)
        return 0;
    errno = why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? EAGAIN : ECONNRESET;
    return -1;
}

static ssize_t send_some(int fd, const char *p, size_t n)
{
    SSL *c = connections[fd];

    if (!c)
        return send(fd, p, n, MSG_NOSIGNAL);
    int sent = SSL_write(c, p, (int)n);
    return sent > 0 ? sent : tls_ended(c, sent);
}

static ssize_t receive(int fd, char *p, size_t n)
{
    SSL *c = connections[fd];

    if (!c)
        return recv(fd, p, n, 0);
    int got = SSL_read(c, p, (int)n);
    return got > 0 ? got : tls_ended(c, got);
}

static void send_all(int fd, struct str s)
{
    while (s.n > 0) {
        ssize_t sent = send_some(fd, s.p, s.n);
        if (sent < 0) {
            struct pollfd wait = {.fd = fd, .events = POLLOUT};
            if (errno != EAGAIN || poll(&wait, 1, 1000) <= 0)
                return;
            continue;
        }
        s = str_make(s.p + sent, s.n - (size_t)sent);
    }
}

/* Requests of the benchmark come in one piece. False: the connection is at its end. */
static bool serve(int fd)
{
    char request[REQUEST_MAX + 1];
    ssize_t n = receive(fd, request, REQUEST_MAX);

    if (n < 0 && errno == EAGAIN)
        return true;
    if (n < 8)
        return false;
    request[n] = '\0';
    send_all(fd, answer_to(request));
    return true;
}

static void hang_up(int fd)
{
    SSL_free(connections[fd]);
    connections[fd] = NULL;
    close(fd);
}

static void watch(int ep, int fd)
{
    struct epoll_event ev = {.events = EPOLLIN, .data.fd = fd};

    if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev))
        panic("cannot watch: %s", strerror(errno));
}

static void take(int ep, int listener)
{
    struct sockaddr_in peer;
    socklen_t len = sizeof peer;
    int one = 1;
    int c = accept4(listener, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (c < 0)
        return;
    if (c >= FILES || ntohl(peer.sin_addr.s_addr) >> 24 != 127) {
        close(c);
        return;
    }
    setsockopt(c, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (tls) {
        connections[c] = SSL_new(tls);
        SSL_set_fd(connections[c], c);
        SSL_set_accept_state(connections[c]);
    }
    watch(ep, c);
}

/* ---- main ---- */

static int listen_here(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET};
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) || listen(fd, 4096) ||
        getsockname(fd, (struct sockaddr *)&a, &len))
        panic("cannot listen: %s", strerror(errno));
    printf("%u\n", ntohs(a.sin_port));
    fflush(stdout);
    return fd;
}

static void use_tls(const char *certificate, const char *key)
{
    tls = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (SSL_CTX_use_certificate_chain_file(tls, certificate) != 1 ||
        SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) != 1)
        panic("cannot use %s and %s", certificate, key);
}

int main(int argc, char **argv)
{
    struct epoll_event ev[EVENTS];
    struct rlimit files;
    int ep = epoll_create1(EPOLL_CLOEXEC);

    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    if (argc > 2)
        use_tls(argv[1], argv[2]);
    int listener = listen_here();
    watch(ep, listener);
    watch(ep, STDIN_FILENO);
    for (;;) {
        int n = epoll_wait(ep, ev, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            if (ev[i].data.fd == STDIN_FILENO)
                return 0;
            if (ev[i].data.fd == listener)
                take(ep, listener);
            else if (!serve(ev[i].data.fd))
                hang_up(ev[i].data.fd);
        }
    }
}
