#include "io/bell.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <uv.h>

/* Freed by libuv's last callback, when the handle's closing is over. */
struct bell {
    uv_poll_t poll;
    bell_f *fn;
    void *arg;
    int fd;
};

static void on_stroke(uv_poll_t *h, int status, int events)
{
    struct bell *b = h->data;
    bell_stroke_t strokes;

    (void)status;
    (void)events;
    /* Taken first: what is rung for from now on is heard again. */
    if (read(b->fd, &strokes, sizeof strokes) == (ssize_t)sizeof strokes)
        b->fn(b->arg);
}

enum err bell_new(struct loop *l, bell_f *fn, void *arg, struct bell **ret, struct errinfo *ei)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    if (fd < 0)
        return err_set(ei, E_SYSTEM, "cannot make an event descriptor: %s", strerror(errno));
    struct bell *b = xcalloc(1, sizeof *b);
    b->fn = fn;
    b->arg = arg;
    b->fd = fd;
    int rc = uv_poll_init(loop_uv(l), &b->poll, fd);
    b->poll.data = b;
    if (rc == 0)
        rc = uv_poll_start(&b->poll, UV_READABLE, on_stroke);
    if (rc != 0)
        panic("watching a descriptor: %s", uv_strerror(rc));
    *ret = b;
    return E_OK;
}

int bell_fd(const struct bell *b)
{
    return b->fd;
}

void bell_ring(const struct bell *b)
{
    bell_stroke_t stroke = BELL_STROKE;

    /* Refused only when it has been rung more often than it can count: then it is heard anyway. */
    if (write(b->fd, &stroke, sizeof stroke) < 0)
        CHECK(errno == EAGAIN);
}

static void on_closed(uv_handle_t *h)
{
    free(h->data);
}

void bell_free(struct bell *b)
{
    if (!b)
        return;
    uv_poll_stop(&b->poll);
    close(b->fd);
    uv_close((uv_handle_t *)&b->poll, on_closed);
}
