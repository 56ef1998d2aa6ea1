#include "cli/sse_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEAD_MAX 65536
#define EVENT_MAX ((size_t)256 << 20)

struct sse_client {
    int fd;
    struct buf in;  /* received and not used yet */
    size_t scanned; /* bytes of in without a line end */
};

void sse_event_done(struct sse_event *e)
{
    buf_done(&e->id);
    buf_done(&e->type);
    buf_done(&e->data);
}

void sse_client_close(struct sse_client *c)
{
    if (!c)
        return;
    if (c->fd >= 0)
        close(c->fd);
    buf_done(&c->in);
    free(c);
}

static enum err receive(struct sse_client *c, const sigset_t *mask, struct errinfo *ei)
{
    struct pollfd p = {.fd = c->fd, .events = POLLIN};
    int rc = ppoll(&p, 1, NULL, mask);

    if (rc < 0)
        return err_set(ei, errno == EINTR ? E_CANCELLED : E_IO, "%s", strerror(errno));
    if (buf_reserve(&c->in, 65536) != E_OK)
        return err_set(ei, E_LIMIT, "an event is over %zu bytes", EVENT_MAX);
    ssize_t n = read(c->fd, c->in.p + c->in.len, 65536);
    if (n < 0)
        return err_set(ei, E_IO, "%s", strerror(errno));
    if (n == 0)
        return err_set(ei, E_CLOSED, "the stream ended");
    c->in.len += (size_t)n;
    return E_OK;
}

/* The next line without its end; borrowed until the next call. */
static enum err next_line(struct sse_client *c, const sigset_t *mask, struct buf *ret,
                          struct errinfo *ei)
{
    for (;;) {
        char *end = c->in.len > c->scanned
                        ? memchr(c->in.p + c->scanned, '\n', c->in.len - c->scanned)
                        : NULL;

        if (end) {
            size_t n = (size_t)(end - c->in.p);
            buf_clear(ret);
            buf_append(ret, c->in.p, n > 0 && c->in.p[n - 1] == '\r' ? n - 1 : n);
            buf_consume(&c->in, n + 1);
            c->scanned = 0;
            return E_OK;
        }
        c->scanned = c->in.len;
        enum err err = receive(c, mask, ei);
        if (err != E_OK)
            return err;
    }
}

static enum err connect_to(const char *ip, uint16_t port, int *ret, struct errinfo *ei)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    inet_pton(AF_INET, ip, &sa.sin_addr);
    if (fd < 0 || connect(fd, (struct sockaddr *)&sa, sizeof sa) != 0) {
        enum err err = err_set(ei, E_IO, "%s:%u: %s", ip, port, strerror(errno));
        if (fd >= 0)
            close(fd);
        return err;
    }
    *ret = fd;
    return E_OK;
}

static enum err send_request(int fd, const char *path, struct errinfo *ei)
{
    AUTO_FREE char *request =
        xasprintf("GET %s HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n", path);
    size_t n = strlen(request);

    if (write(fd, request, n) != (ssize_t)n)
        return err_set(ei, E_IO, "%s", strerror(errno));
    return E_OK;
}

/* The head of the answer; the stream's bytes follow. */
static enum err read_head(struct sse_client *c, struct errinfo *ei)
{
    AUTO(buf_done) struct buf line = BUF_INIT_MAX(HEAD_MAX);
    enum err err = next_line(c, NULL, &line, ei);

    if (err != E_OK)
        return err;
    if (!str_starts(buf_view(&line), STR("HTTP/1.1 200 ")))
        return err_set(ei, E_CLOSED, "the server answers %s", buf_cstr(&line));
    while (err == E_OK && line.len)
        err = next_line(c, NULL, &line, ei);
    return err;
}

enum err sse_client_open(const char *ip, uint16_t port, const char *path, struct sse_client **ret,
                         struct errinfo *ei)
{
    AUTO(sse_client_closep) struct sse_client *c = xcalloc(1, sizeof *c);
    enum err err;

    c->in.max = EVENT_MAX;
    c->fd = -1;
    err = connect_to(ip, port, &c->fd, ei);
    if (err == E_OK)
        err = send_request(c->fd, path, ei);
    if (err == E_OK)
        err = read_head(c, ei);
    if (err != E_OK)
        return err;
    *ret = TAKE(c);
    return E_OK;
}

static void set_field(struct buf *b, struct str value)
{
    buf_clear(b);
    buf_str(b, value);
}

/* One field line of HTML Living Standard §9.2.6; comments and unknown fields are passed over. */
static void take_field(struct sse_event *e, struct str line)
{
    struct str value = line;
    struct str name = str_split(&value, ':');

    if (str_starts(value, STR(" ")))
        value = str_drop(value, 1);
    if (str_eqz(name, "id")) {
        set_field(&e->id, value);
    } else if (str_eqz(name, "event")) {
        set_field(&e->type, value);
    } else if (str_eqz(name, "data")) {
        if (e->data.len)
            buf_putc(&e->data, '\n');
        buf_str(&e->data, value);
    }
}

enum err sse_client_next(struct sse_client *c, const sigset_t *mask, struct sse_event *ret,
                         struct errinfo *ei)
{
    AUTO(buf_done) struct buf line = BUF_INIT_MAX(EVENT_MAX);

    buf_clear(&ret->id);
    buf_clear(&ret->type);
    buf_clear(&ret->data);
    for (;;) {
        enum err err = next_line(c, mask, &line, ei);

        if (err != E_OK)
            return err;
        if (line.len)
            take_field(ret, buf_view(&line));
        else if (ret->data.len)
            return E_OK;
    }
}
