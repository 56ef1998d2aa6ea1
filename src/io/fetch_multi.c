/*
 * Multi handles, sockets and timers.
 *
 * Measured rules that shaped this file (libcurl 7.88, CPU per request):
 * - One epoll of our own, nested in the loop's, watches all sockets. A socket stays registered when
 *   libcurl lets go of it after an answer and is forgotten when it is closed: no system call per
 *   poll. Only what libcurl opened behind our back (resolvers) is taken out at once.
 * - Timeout 0, which libcurl asks for at every start, is acted on in the same turn; other deadlines
 *   are kept here, and the loop's timer is only ever moved nearer.
 * - Ending a transfer walks all connections of its multi handle, so hosts are spread over many, and
 *   those whose polls are due together are put together: then they are in the cache. A host stays
 *   with its handle, or its connections would be lost.
 */
#include "io/fetch_multi.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>
#include <uv.h>

#define EVENTS_MAX 256
#define SHARDS_MAX 1024U
#define SHARD_LOAD 64U /* hosts or connections: it takes no further host */
#define SHARD_FILL 48U /* hosts in the mean, before another is opened that is not needed */
#define SHARD_CONNECTIONS_KEPT 512L
#define KICKS_MAX 16    /* timeouts 0 acted on in a row */
#define SETTLE_MAX 256U /* ends taken in at once */
#define NESTED_TIMER_SLACK_US US_PER_MS

/* ---- sockets ---- */

static struct fetch_sock *sock_at(struct fetcher *fr, int fd)
{
    if ((size_t)fd >= fr->sock_cap) {
        size_t cap = MAX(fr->sock_cap * 2, (size_t)fd + 64);
        fr->socks = xrealloc(fr->socks, cap * sizeof *fr->socks);
        memset(fr->socks + fr->sock_cap, 0, (cap - fr->sock_cap) * sizeof *fr->socks);
        fr->sock_cap = cap;
    }
    return &fr->socks[fd];
}

/* What is known of fd may be stale: see sock_is_gone(). The kernel's answer is what counts. */
static void sock_arm(struct fetcher *fr, int fd, struct fetch_sock *k, uint8_t want)
{
    struct epoll_event ev = {.events = want, .data.fd = fd};

    if (k->armed == want)
        return;
    int rc = epoll_ctl(fr->epfd, want ? EPOLL_CTL_MOD : EPOLL_CTL_DEL, fd, &ev);
    if (rc < 0 && errno == ENOENT && want)
        rc = epoll_ctl(fr->epfd, EPOLL_CTL_ADD, fd, &ev);
    if (rc < 0 && errno != ENOENT && errno != EBADF)
        panic("cannot watch socket %d: %s", fd, strerror(errno));
    k->armed = want;
}

/* fd is closed, which also took it out of the epoll. */
static void sock_forget(struct fetcher *fr, struct fetch_sock *k)
{
    struct fetch_host *h = k->host;

    *k = (struct fetch_sock){0};
    if (!h)
        return;
    h->sockets--;
    h->shard->sockets--;
    fr->sockets--;
    fetch_host_drop(h);
}

void fetch_sock_opened(struct fetcher *fr, int fd, struct fetch_host *h)
{
    struct fetch_sock *k = sock_at(fr, fd);

    sock_forget(fr, k);
    k->shard = h->shard;
    k->host = h;
    h->sockets++;
    h->shard->sockets++;
    fr->sockets++;
    /* libcurl waits for the connection next. When this number was in use a moment ago, it does not
     * say so. */
    k->want = EPOLLOUT;
    sock_arm(fr, fd, k, k->want);
}

/* libcurl 7.88 closes sockets that never carried a request (lost races of addresses, failed
 * handshakes, connecting cancelled) without calling CURLOPT_CLOSESOCKETFUNCTION. Once one has been
 * let go of alive, its end will be told. */
static bool sock_is_gone(int fd, struct fetch_sock *k)
{
    if (k->proven)
        return false;
    k->proven = true;
    return fcntl(fd, F_GETFD) < 0;
}

int fetch_on_close_socket(void *arg, curl_socket_t fd)
{
    struct fetcher *fr = arg;

    close(fd);
    sock_forget(fr, sock_at(fr, fd));
    return 0;
}

void fetcher_forget_socks(struct fetcher *fr)
{
    for (size_t i = 0; i < fr->sock_cap; i++)
        sock_forget(fr, &fr->socks[i]);
}

/* libcurl: watch fd for what. In a callback: notes only. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *sock)
{
    static const uint8_t wanted[] = {
        [CURL_POLL_IN] = EPOLLIN,
        [CURL_POLL_OUT] = EPOLLOUT,
        [CURL_POLL_INOUT] = EPOLLIN | EPOLLOUT,
        [CURL_POLL_REMOVE] = 0,
    };
    struct fetch_shard *s = arg;
    struct fetch_sock *k = sock_at(s->fr, fd);

    (void)easy;
    (void)sock;
    k->shard = s;
    k->want = what > 0 && what < (int)ARRAY_LEN(wanted) ? wanted[what] : 0;
    if (k->want)
        sock_arm(s->fr, fd, k, k->want);
    else if (!k->host)
        sock_arm(s->fr, fd, k, 0);
    else if (sock_is_gone(fd, k))
        sock_forget(s->fr, k);
    return 0;
}

static void shard_touch(struct fetch_shard *s)
{
    if (!list_linked(&s->touched))
        list_append(&s->fr->touched, &s->touched);
}

static void sock_event(struct fetcher *fr, int fd, uint32_t events)
{
    struct fetch_sock *k = sock_at(fr, fd);
    int running = 0, bits = 0;

    if (!k->shard || !k->shard->multi)
        return;
    if (!k->want) {
        /* Idle and closed by the server, or its goodbye: libcurl will see when it wants to use it
         * again. Until then it must not wake us. */
        sock_arm(fr, fd, k, 0);
        return;
    }
    /* Errors are found by whatever libcurl wanted to do; it then knows which. */
    if (events & (EPOLLERR | EPOLLHUP))
        events |= k->want;
    if (events & EPOLLIN)
        bits |= CURL_CSELECT_IN;
    if (events & EPOLLOUT)
        bits |= CURL_CSELECT_OUT;
    struct fetch_shard *s = k->shard;
    curl_multi_socket_action(s->multi, fd, bits, &running);
    shard_touch(s);
}

static void on_readable(uv_poll_t *h, int status, int what)
{
    struct epoll_event ev[EVENTS_MAX];
    struct fetcher *fr = h->data;

    (void)status;
    (void)what;
    int n = epoll_wait(fr->epfd, ev, EVENTS_MAX, 0);
    fetcher_look(fr, clock_now());
    for (int i = 0; i < n; i++)
        sock_event(fr, ev[i].data.fd, ev[i].events);
    fetcher_settle(fr);
}

void fetcher_open_poll(struct fetcher *fr)
{
    fr->epfd = epoll_create1(EPOLL_CLOEXEC);
    if (fr->epfd < 0)
        panic("cannot create an epoll: %s", strerror(errno));
    fr->poll = xcalloc(1, sizeof *fr->poll);
    fr->poll->data = fr;
    if (uv_poll_init(loop_uv(fr->loop), fr->poll, fr->epfd) ||
        uv_poll_start(fr->poll, UV_READABLE, on_readable))
        panic("cannot watch an epoll");
}

static void on_poll_closed(uv_handle_t *h)
{
    free(h);
}

void fetcher_close_poll(struct fetcher *fr)
{
    uv_poll_stop(fr->poll);
    uv_close((uv_handle_t *)TAKE(fr->poll), on_poll_closed);
    close(fr->epfd);
    free(fr->socks);
}

/* ---- timers ---- */

/* libcurl: call me in ms. In a callback: notes only. */
static int on_timer(CURLM *multi, long ms, void *arg)
{
    struct fetch_shard *s = arg;

    (void)multi;
    if (ms == 0) {
        s->run_now = true;
        shard_touch(s);
        return 0;
    }
    s->run_now = false;
    s->due = TIME_NEVER;
    if (ms < 0)
        return 0;
    /* Asked too early libcurl would find nothing due and not name the time again. */
    s->due = clock_now() + ms * US_PER_MS + NESTED_TIMER_SLACK_US;
    if (!timer_is_set(&s->timer) || s->due < s->timer.node.key)
        timer_set(s->fr->loop, &s->timer, s->due);
    return 0;
}

static void on_shard_timer(struct timer *t, void *arg)
{
    struct fetch_shard *s = arg;

    if (!s->multi || s->due == TIME_NEVER)
        return;
    if (clock_now() < s->due) {
        timer_set(s->fr->loop, t, s->due);
        return;
    }
    s->due = TIME_NEVER;
    s->run_now = true;
    shard_touch(s);
}

/* ---- shards ---- */

static struct fetch_shard *shard_new(struct fetcher *fr)
{
    struct fetch_shard *s = xcalloc(1, sizeof *s);

    s->fr = fr;
    s->due = TIME_NEVER;
    timer_init(&s->timer, on_shard_timer, s);
    fr->shards = xrealloc(fr->shards, (fr->shard_count + 1) * sizeof(struct fetch_shard *));
    fr->shards[fr->shard_count++] = s;
    return s;
}

static void shard_open(struct fetch_shard *s)
{
    long kept = MIN((long)s->fr->conf.max_connections, SHARD_CONNECTIONS_KEPT);

    s->multi = curl_multi_init();
    if (!s->multi)
        panic("out of memory for a libcurl multi handle");
    if (curl_multi_setopt(s->multi, CURLMOPT_SOCKETFUNCTION, on_socket) ||
        curl_multi_setopt(s->multi, CURLMOPT_SOCKETDATA, s) ||
        curl_multi_setopt(s->multi, CURLMOPT_TIMERFUNCTION, on_timer) ||
        curl_multi_setopt(s->multi, CURLMOPT_TIMERDATA, s) ||
        curl_multi_setopt(s->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING) ||
        /* The default is four times the transfers under way: idle connections would be closed. */
        curl_multi_setopt(s->multi, CURLMOPT_MAXCONNECTS, MAX(kept, 1L)))
        panic("libcurl refuses an option of a multi handle");
}

void fetch_shard_close(struct fetch_shard *s)
{
    if (!s->multi)
        return;
    curl_multi_cleanup(s->multi);
    s->multi = NULL;
    s->run_now = false;
    s->due = TIME_NEVER;
    timer_clear(s->fr->loop, &s->timer);
    list_remove(&s->touched);
}

void fetch_shard_free(struct fetch_shard *s)
{
    fetch_shard_close(s);
    free(s);
}

static unsigned load(const struct fetch_shard *s)
{
    return MAX(s->hosts, s->sockets);
}

/* How far two phases are apart, the short way round. */
static uint32_t apart(uint32_t a, uint32_t b)
{
    return MIN(a - b, b - a);
}

/* Is a new shard for this phase worth its memory? The mean tells, not the nearest one's load: what
 * comes in any order is to fill those that are there before. */
static bool worth_opening(const struct fetcher *fr, const struct fetch_shard *nearest,
                          uint32_t phase)
{
    return fr->hosts.count >= (size_t)fr->shard_count * SHARD_FILL &&
           apart(nearest->phase, phase) > UINT32_MAX / (2 * fr->shard_count + 2);
}

struct fetch_shard *fetch_shard_pick(struct fetcher *fr, uint32_t phase)
{
    struct fetch_shard *nearest = NULL, *least = NULL;

    for (unsigned i = 0; i < fr->shard_count; i++) {
        struct fetch_shard *s = fr->shards[i];
        if (!least || load(s) < load(least))
            least = s;
        if (load(s) < SHARD_LOAD &&
            (!nearest || apart(s->phase, phase) < apart(nearest->phase, phase)))
            nearest = s;
    }
    if (fr->shard_count < SHARDS_MAX && (!nearest || worth_opening(fr, nearest, phase))) {
        nearest = shard_new(fr);
        nearest->phase = phase;
    }
    return nearest ? nearest : least;
}

void fetch_shard_add(struct fetch_shard *s, struct fetch_xfer *x)
{
    if (!s->multi)
        shard_open(s);
    s->running++;
    CURLMcode mc = curl_multi_add_handle(s->multi, x->easy);
    if (mc)
        panic("libcurl refuses a transfer: %s", curl_multi_strerror(mc));
    shard_touch(s);
}

void fetch_shard_remove(struct fetch_shard *s, struct fetch_xfer *x)
{
    s->running--;
    s->used = s->fr->now;
    CURLMcode mc = curl_multi_remove_handle(s->multi, x->easy);
    if (mc)
        panic("libcurl does not know a transfer: %s", curl_multi_strerror(mc));
    shard_touch(s);
}

static void shard_kick(struct fetch_shard *s)
{
    int running = 0;

    for (int i = 0; i < KICKS_MAX && s->run_now; i++) {
        s->run_now = false;
        curl_multi_socket_action(s->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    }
}

/* Take in at most *budget ended transfers. */
static void shard_collect(struct fetch_shard *s, unsigned *budget)
{
    CURLMsg *m;
    int left = 0;

    while (*budget > 0 && (m = curl_multi_info_read(s->multi, &left))) {
        char *x = NULL;
        CURLcode code = m->data.result;
        if (m->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &x);
        fetch_finish((struct fetch_xfer *)(void *)x, code);
        --*budget;
    }
}

void fetcher_settle(struct fetcher *fr)
{
    unsigned budget = SETTLE_MAX;
    struct list later, *n;

    list_init(&later);
    fetcher_feed(fr);
    while (budget > 0 && (n = list_pop(&fr->touched))) {
        struct fetch_shard *s = LIST_ITEM(n, struct fetch_shard, touched);
        shard_kick(s);
        shard_collect(s, &budget);
        fetcher_feed(fr);
        if (s->run_now || budget == 0) {
            list_remove(&s->touched);
            list_append(&later, &s->touched);
        }
    }
    list_splice(&fr->touched, &later);
    if (!list_empty(&fr->touched) || !list_empty(&fr->done))
        loop_defer(fr->loop, &fr->more);
}
