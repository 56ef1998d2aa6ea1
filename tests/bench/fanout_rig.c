/*
 * Readers of event streams, as many as there are channels, in a process of their own. They look for
 * the numbers of events in what they are sent, and tell what they saw in memory that is shared with
 * bench_fanout, which includes this.
 *
 * Decoding for ten thousand readers would need more than the server under test: of compressed and of
 * encrypted streams one in SAMPLE is decoded, once each reader has been told something.
 */
#include <fcntl.h>
#include <openssl/ssl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <zlib.h>

#include "process_rig.c"

#define NUMBER_LEN 7 /* of an event: digits after an "@" */
#define EVENTS_MAX (1 << 18)
#define LATENCIES (1 << 20)
#define SAMPLE 16
#define READ_MAX ((size_t)1 << 18)
#define PER_ADDRESS 4000 /* connections from one address: ports are few */
#define BURST 64         /* connects before answers are looked at */
#define PAUSE_US 200     /* between two looks at what has come, */
#define PAUSE_FROM 100   /* where an event goes to so many readers at least */

/* FORM_WISH: WebSocket, and the topic is asked for by message. */
enum form { FORM_SSE, FORM_GZIP, FORM_TLS, FORM_WEBSOCKET, FORM_WISH, FORM_COUNT };

struct seen {
    int64_t published;
    _Atomic int64_t last; /* when a reader saw it last */
    atomic_uint count;
};

struct shared {
    atomic_uint told; /* readers that saw an event since they connected */
    _Atomic int64_t connecting, all_told;
    atomic_uint lost; /* connections that the server closed */
    atomic_ullong bytes;
    atomic_uint first; /* event of the round */
    atomic_uint latency_count;
    uint32_t latencies[LATENCIES]; /* µs */
    struct seen events[EVENTS_MAX];
};

struct load {
    enum form form;
    uint16_t port;
    unsigned channels, topics;
    unsigned size;
    const char *subscribe, *publish; /* paths, without the topic's name */
    bool stuck;                      /* the first reader stops to read once it was told something */
    int commands;                    /* to the readers: 'c' connect, 'd' disconnect */
    struct shared *shared;
};

enum reader_state { CONNECTING, TLS_HANDSHAKE, UPGRADING, HEAD, DECODING, OPEN };

struct reader {
    int fd;
    unsigned index;
    enum reader_state state;
    uint8_t digits; /* of a number, still to come */
    uint32_t number;
    bool told;
    SSL *ssl;    /* NULL: plain, or not decoded any more */
    z_stream *z; /* likewise */
};

static struct reader *readers;
static SSL_CTX *client_ctx;

static bool is_sampled(const struct load *l, unsigned index)
{
    return (l->form != FORM_GZIP && l->form != FORM_TLS) || index % SAMPLE == 0;
}

/* How many readers of a topic look for its events. */
static unsigned watchers(const struct load *l, unsigned topic)
{
    unsigned n = 0;

    for (unsigned i = topic; i < l->channels; i += l->topics)
        n += is_sampled(l, i) && !(l->stuck && i == 0);
    return n;
}

/* ---- what is seen ---- */

static void drop_decoders(struct reader *r)
{
    SSL_free(r->ssl);
    r->ssl = NULL;
    if (r->z) {
        inflateEnd(r->z);
        free(r->z);
        r->z = NULL;
    }
}

static void first_seen(const struct load *l, struct reader *r, int64_t now)
{
    struct shared *s = l->shared;

    r->told = true;
    if (atomic_fetch_add(&s->told, 1) + 1 == l->channels)
        atomic_store(&s->all_told, now);
}

static void see(const struct load *l, struct reader *r, uint32_t number, int64_t now)
{
    struct shared *s = l->shared;
    struct seen *e = &s->events[number % EVENTS_MAX];

    if (!r->told)
        first_seen(l, r, now);
    if (number < atomic_load(&s->first))
        return;
    unsigned i = atomic_fetch_add(&s->latency_count, 1);
    if (i < LATENCIES)
        s->latencies[i] = (uint32_t)(now - e->published);
    atomic_store(&e->last, now);
    atomic_fetch_add(&e->count, 1);
}

/* A number may be cut by the end of what was read. */
static void scan(const struct load *l, struct reader *r, const char *p, size_t n, int64_t now)
{
    const char *end = p + n;

    while (p < end) {
        if (r->digits == 0) {
            if (!(p = memchr(p, '@', (size_t)(end - p))))
                return;
            p++;
            r->digits = NUMBER_LEN;
            r->number = 0;
            continue;
        }
        r->number = r->number * 10 + (uint32_t)(*p++ - '0');
        if (--r->digits == 0)
            see(l, r, r->number, now);
    }
}

static void inflate_some(const struct load *l, struct reader *r, char *p, size_t n, int64_t now)
{
    static char out[READ_MAX];

    r->z->next_in = (Bytef *)p;
    r->z->avail_in = (uInt)n;
    do {
        r->z->next_out = (Bytef *)out;
        r->z->avail_out = sizeof out;
        int e = inflate(r->z, Z_SYNC_FLUSH);
        CHECK(e == Z_OK || e == Z_BUF_ERROR);
        scan(l, r, out, sizeof out - r->z->avail_out, now);
    } while (r->z->avail_out == 0);
}

/* ---- one connection ---- */

static void send_all(struct reader *r, const char *p, size_t n)
{
    ssize_t sent = r->ssl ? SSL_write(r->ssl, p, (int)n) : write(r->fd, p, n);

    CHECK(sent == (ssize_t)n);
}

static void ask_stream(const struct load *l, struct reader *r)
{
    static const char upgrade[] = "Connection: Upgrade\r\nUpgrade: websocket\r\n"
                                  "Sec-WebSocket-Version: 13\r\n"
                                  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    bool is_websocket = l->form == FORM_WEBSOCKET || l->form == FORM_WISH;
    AUTO_FREE char *topic =
        l->form == FORM_WISH ? xstrdup("") : xasprintf("t%u", r->index % l->topics);
    AUTO_FREE char *request =
        xasprintf("GET %s%s HTTP/1.1\r\nHost: localhost\r\n%s\r\n", l->subscribe, topic,
                  is_websocket           ? upgrade
                  : l->form == FORM_GZIP ? "Accept: text/event-stream\r\nAccept-Encoding: gzip\r\n"
                                         : "Accept: text/event-stream\r\n");

    send_all(r, request, strlen(request));
    r->state = is_websocket ? UPGRADING : l->form == FORM_GZIP ? HEAD : OPEN;
}

/* One frame, masked with zeros (RFC 6455 §5.3). */
static void send_wish(const struct load *l, struct reader *r)
{
    char frame[128] = {(char)0x81};
    int n = snprintf(frame + 6, sizeof frame - 6,
                     "{\"topicIdOrName\":\"t%u\",\"dataFormat\":\"text\"}", r->index % l->topics);

    CHECK(n < 126);
    frame[1] = (char)(0x80 | n);
    send_all(r, frame, (size_t)n + 6);
}

static void set_watched(int ep, const struct reader *r, int op, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.u32 = r->index};

    CHECK(epoll_ctl(ep, op, r->fd, &e) == 0);
}

static void hand_shake(const struct load *l, struct reader *r)
{
    int done = SSL_connect(r->ssl);

    if (done == 1) {
        ask_stream(l, r);
        return;
    }
    CHECK(SSL_get_error(r->ssl, done) == SSL_ERROR_WANT_READ);
}

static void on_connected(const struct load *l, int ep, struct reader *r)
{
    int error = 0;
    socklen_t n = sizeof error;

    CHECK(getsockopt(r->fd, SOL_SOCKET, SO_ERROR, &error, &n) == 0);
    if (error)
        panic("a reader cannot connect: %s", strerror(error));
    set_watched(ep, r, EPOLL_CTL_MOD, EPOLLIN);
    if (l->form != FORM_TLS) {
        ask_stream(l, r);
        return;
    }
    r->state = TLS_HANDSHAKE;
    r->ssl = SSL_new(client_ctx);
    CHECK(r->ssl && SSL_set_fd(r->ssl, r->fd) == 1);
    hand_shake(l, r);
}

static void begin_inflating(struct reader *r, char *p, size_t n, char **ret, size_t *ret_n)
{
    char *end = memmem(p, n, "\r\n\r\n", 4);

    CHECK(end);
    CHECK(memmem(p, n, "Content-Encoding: gzip", 22));
    r->z = xcalloc(1, sizeof *r->z);
    CHECK(inflateInit2(r->z, 15 + 16) == Z_OK);
    r->state = DECODING;
    *ret = end + 4;
    *ret_n = n - (size_t)(end + 4 - p);
}

static void take(const struct load *l, struct reader *r, char *p, size_t n, int64_t now)
{
    if (r->state == UPGRADING) {
        CHECK(memcmp(p, "HTTP/1.1 101 ", 13) == 0);
        if (l->form == FORM_WISH)
            send_wish(l, r);
        r->state = OPEN;
    } else if (r->state == HEAD) {
        begin_inflating(r, p, n, &p, &n);
    }
    if (r->z)
        inflate_some(l, r, p, n, now);
    else if (l->form == FORM_SSE || l->form >= FORM_WEBSOCKET || r->ssl)
        scan(l, r, p, n, now);
    if (r->told && !is_sampled(l, r->index))
        drop_decoders(r);
}

static void lose(const struct load *l, int ep, struct reader *r)
{
    set_watched(ep, r, EPOLL_CTL_DEL, 0);
    atomic_fetch_add(&l->shared->lost, 1);
}

static void on_readable(const struct load *l, int ep, struct reader *r)
{
    static char chunk[READ_MAX];
    ssize_t n;

    if (r->state == TLS_HANDSHAKE) {
        hand_shake(l, r);
        return;
    }
    do {
        SSL *ssl = r->ssl;
        n = ssl ? SSL_read(ssl, chunk, sizeof chunk)
                : recv(r->fd, chunk, sizeof chunk, MSG_DONTWAIT);
        if (n == 0 || (n < 0 && !ssl && errno != EAGAIN))
            lose(l, ep, r);
        if (n <= 0)
            return;
        atomic_fetch_add(&l->shared->bytes, (unsigned long long)n);
        take(l, r, chunk, (size_t)n, clock_now());
    } while (r->ssl);
    if (l->stuck && r->index == 0 && r->told)
        set_watched(ep, r, EPOLL_CTL_DEL, 0);
}

/* ---- all of them ---- */

static void handle(const struct load *l, int ep, int timeout_ms)
{
    struct epoll_event ready[EVENTS];
    int n = epoll_wait(ep, ready, EVENTS, timeout_ms);

    for (int i = 0; i < n; i++) {
        if (ready[i].data.u32 == UINT32_MAX)
            continue;
        struct reader *r = &readers[ready[i].data.u32];
        if (r->state == CONNECTING)
            on_connected(l, ep, r);
        else
            on_readable(l, ep, r);
    }
}

/* Own addresses each time: ports of the last time may still be taken. */
static void start_connecting(const struct load *l, struct reader *r, uint32_t net)
{
    struct sockaddr_in from = {.sin_family = AF_INET,
                               .sin_addr.s_addr =
                                   htonl(INADDR_LOOPBACK + net + r->index / PER_ADDRESS)};
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                             .sin_port = htons(l->port)};
    struct linger none = {1, 0};

    r->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    CHECK(r->fd >= 0);
    setsockopt(r->fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    setsockopt(r->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &(int){1}, sizeof(int));
    CHECK(bind(r->fd, (struct sockaddr *)&from, sizeof from) == 0);
    if (connect(r->fd, (struct sockaddr *)&to, sizeof to) != 0 && errno != EINPROGRESS)
        panic("a reader cannot connect: %s", strerror(errno));
}

static void connect_all(const struct load *l, int ep)
{
    uint32_t net = 0;

    CHECK(getrandom(&net, sizeof net, 0) == sizeof net);
    net = (net & 0xffff) << 4;
    atomic_store(&l->shared->told, 0);
    atomic_store(&l->shared->connecting, clock_now());
    for (unsigned i = 0; i < l->channels; i++) {
        readers[i] = (struct reader){.index = i};
        start_connecting(l, &readers[i], net);
        set_watched(ep, &readers[i], EPOLL_CTL_ADD, EPOLLOUT);
        if (i % BURST == BURST - 1)
            handle(l, ep, 0);
    }
}

static void disconnect_all(const struct load *l)
{
    for (unsigned i = 0; i < l->channels; i++) {
        drop_decoders(&readers[i]);
        close(readers[i].fd);
    }
    atomic_store(&l->shared->told, 0);
}

/* As a network card gathers what arrives: where the wake-up of a reader is part of every delivery, it
 * costs as much as the rest, and now more, now less. */
static void pause_looking(const struct load *l)
{
    struct timespec t = {0, PAUSE_US * 1000};

    if (l->channels / l->topics >= PAUSE_FROM)
        nanosleep(&t, NULL);
}

static void run_readers(void *arg)
{
    const struct load *l = arg;
    int ep = epoll_create1(0);
    struct epoll_event e = {.events = EPOLLIN, .data.u32 = UINT32_MAX};
    char command;

    readers = xcalloc(l->channels, sizeof *readers);
    client_ctx = SSL_CTX_new(TLS_client_method());
    CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, l->commands, &e) == 0);
    for (;;) {
        handle(l, ep, -1);
        pause_looking(l);
        if (read(l->commands, &command, 1) != 1)
            continue;
        if (command == 'c')
            connect_all(l, ep);
        else
            disconnect_all(l);
    }
}
