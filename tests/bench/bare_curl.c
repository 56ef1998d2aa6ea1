/*
 * The reference of bench_poll: a bare loop around libcurl with everything that was found to matter
 * (own epoll, sockets left registered, timeout 0 inline, several multi handles, pooled easy handles,
 * parsed URLs), keeping and hashing the body, and nothing else. Included by bench_poll.c.
 *
 * On a schedule its targets come in an order that has nothing to do with where they lie in memory,
 * as with every schedule whose phases are spread: else each poll would find in the cache what the
 * one before it left there, multi handle and connections, which no schedule grants.
 */
#include <curl/curl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/rand.h"
#include "bench_poll.h"

#define BARE_HOSTS_PER_MULTI 48
#define BARE_EVENTS 256

struct bare_shard {
    struct bare *b;
    CURLM *multi;
    bool run_now;
    int64_t due;
};

struct bare_easy {
    CURL *h;
    struct bare_easy *next;
    struct bare_target *t;
    struct buf body;
};

struct bare_target {
    CURLU *u;
    struct bare_shard *shard;
    struct hash128 last;
    bool busy;
};

struct bare {
    const struct work *w;
    int ep;
    struct bare_shard *shards;
    unsigned shard_count;
    struct {
        struct bare_shard *s;
        uint32_t armed;
    } socks[65536];
    struct bare_easy *pool;
    struct bare_target *targets;
    unsigned *order; /* in which they are due */
    struct curl_slist *headers;
    unsigned next, running;
    struct measure m;
};

static int bare_on_socket(CURL *e, curl_socket_t fd, int what, void *arg, void *sock)
{
    struct bare_shard *s = arg;
    uint32_t want = what == CURL_POLL_IN ? EPOLLIN : what == CURL_POLL_OUT ? EPOLLOUT : 0;
    struct epoll_event ev = {.events = want, .data.fd = fd};

    (void)e;
    (void)sock;
    if (what == CURL_POLL_INOUT)
        ev.events = want = EPOLLIN | EPOLLOUT;
    s->b->socks[fd].s = s;
    if (what == CURL_POLL_REMOVE || s->b->socks[fd].armed == want)
        return 0;
    epoll_ctl(s->b->ep, s->b->socks[fd].armed ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &ev);
    s->b->socks[fd].armed = want;
    return 0;
}

static int bare_on_close(void *arg, curl_socket_t fd)
{
    struct bare *b = arg;

    b->socks[fd].armed = 0;
    return close(fd);
}

static int bare_on_timer(CURLM *m, long ms, void *arg)
{
    struct bare_shard *s = arg;

    (void)m;
    s->run_now = ms == 0;
    s->due = ms > 0 ? clock_now() + ms * US_PER_MS : TIME_NEVER;
    return 0;
}

static size_t bare_on_body(char *p, size_t size, size_t n, void *arg)
{
    struct bare_easy *e = arg;

    (void)size;
    return buf_try_append(&e->body, p, n) ? 0 : n;
}

static struct bare_easy *bare_take(struct bare *b)
{
    struct bare_easy *e = b->pool;

    if (e) {
        b->pool = e->next;
        return e;
    }
    e = xcalloc(1, sizeof *e);
    e->h = curl_easy_init();
    curl_easy_setopt(e->h, CURLOPT_PRIVATE, e);
    curl_easy_setopt(e->h, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e->h, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(e->h, CURLOPT_DNS_CACHE_TIMEOUT, 0L);
    curl_easy_setopt(e->h, CURLOPT_USERAGENT, "bench");
    curl_easy_setopt(e->h, CURLOPT_PROXY, "");
    curl_easy_setopt(e->h, CURLOPT_BUFFERSIZE, b->w->large ? 65536L : 16384L);
    /* With a directory of authorities too, they are all parsed again for each connection. */
    curl_easy_setopt(e->h, CURLOPT_CAPATH, NULL);
    if (b->w->ca)
        curl_easy_setopt(e->h, CURLOPT_CAINFO, b->w->ca);
    curl_easy_setopt(e->h, CURLOPT_WRITEFUNCTION, bare_on_body);
    curl_easy_setopt(e->h, CURLOPT_WRITEDATA, e);
    curl_easy_setopt(e->h, CURLOPT_CLOSESOCKETFUNCTION, bare_on_close);
    curl_easy_setopt(e->h, CURLOPT_CLOSESOCKETDATA, b);
    curl_easy_setopt(e->h, CURLOPT_HTTPHEADER, b->headers);
    return e;
}

static void bare_start(struct bare *b, struct bare_target *t)
{
    if (t->busy) {
        b->m.skipped++;
        return;
    }
    struct bare_easy *e = bare_take(b);
    e->t = t;
    buf_clear(&e->body);
    t->busy = true;
    b->running++;
    curl_easy_setopt(e->h, CURLOPT_CURLU, t->u);
    curl_multi_add_handle(t->shard->multi, e->h);
}

/* The next target that has nothing under way. */
static struct bare_target *bare_idle(struct bare *b)
{
    while (b->targets[b->next % b->w->targets].busy)
        b->next++;
    return &b->targets[b->next++ % b->w->targets];
}

static void bare_end(struct bare *b, struct bare_shard *s, CURLMsg *m)
{
    char *e_ = NULL;
    long status = 0;

    curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &e_);
    struct bare_easy *e = (struct bare_easy *)(void *)e_;
    curl_easy_getinfo(e->h, CURLINFO_RESPONSE_CODE, &status);
    if (m->data.result || (status != 200 && status != 304))
        b->m.errors++;
    curl_multi_remove_handle(s->multi, e->h);
    e->t->last = hash_bytes(e->body.p, e->body.len);
    e->t->busy = false;
    b->m.polls++;
    b->running--;
    e->next = b->pool;
    b->pool = e;
    if (!b->w->period_us && !b->m.over)
        bare_start(b, bare_idle(b));
}

static void bare_settle(struct bare *b, struct bare_shard *s)
{
    CURLMsg *m;
    int n;

    do {
        while (s->run_now) {
            s->run_now = false;
            curl_multi_socket_action(s->multi, CURL_SOCKET_TIMEOUT, 0, &n);
        }
        while ((m = curl_multi_info_read(s->multi, &n)))
            bare_end(b, s, m);
    } while (s->run_now);
}

static void bare_wait(struct bare *b, int wait_ms)
{
    struct epoll_event ev[BARE_EVENTS];
    int running;
    int n = epoll_wait(b->ep, ev, BARE_EVENTS, wait_ms);

    for (int i = 0; i < n; i++) {
        struct bare_shard *s = b->socks[ev[i].data.fd].s;
        int bits = (ev[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                   (ev[i].events & ~(uint32_t)EPOLLOUT ? CURL_CSELECT_IN : 0);
        curl_multi_socket_action(s->multi, ev[i].data.fd, bits, &running);
        bare_settle(b, s);
    }
    /* Ends start transfers of other shards too. */
    for (unsigned i = 0; i < b->shard_count; i++)
        if (b->shards[i].run_now)
            bare_settle(b, &b->shards[i]);
}

/* Every order is as likely as any other, and the same in each run. */
static void bare_shuffle(unsigned *order, unsigned count)
{
    rand_seed(1);
    for (unsigned i = 0; i < count; i++) {
        unsigned j = (unsigned)(rand_u64() % (i + 1));
        order[i] = order[j];
        order[j] = i;
    }
}

static void bare_init(struct bare *b, const struct work *w)
{
    b->w = w;
    b->ep = epoll_create1(EPOLL_CLOEXEC);
    b->headers = curl_slist_append(NULL, "Accept-Encoding: gzip, deflate, br, zstd");
    if (w->conditional)
        b->headers = curl_slist_append(b->headers, "If-None-Match: \"v1\"");
    b->shard_count = (w->hosts + BARE_HOSTS_PER_MULTI - 1) / BARE_HOSTS_PER_MULTI;
    b->shards = xcalloc(b->shard_count, sizeof *b->shards);
    for (unsigned i = 0; i < b->shard_count; i++) {
        struct bare_shard *s = &b->shards[i];
        *s = (struct bare_shard){b, curl_multi_init(), false, TIME_NEVER};
        curl_multi_setopt(s->multi, CURLMOPT_SOCKETFUNCTION, bare_on_socket);
        curl_multi_setopt(s->multi, CURLMOPT_SOCKETDATA, s);
        curl_multi_setopt(s->multi, CURLMOPT_TIMERFUNCTION, bare_on_timer);
        curl_multi_setopt(s->multi, CURLMOPT_TIMERDATA, s);
        curl_multi_setopt(s->multi, CURLMOPT_MAXCONNECTS, 512L);
    }
    b->order = xcalloc(w->targets, sizeof *b->order);
    bare_shuffle(b->order, w->targets);
    b->targets = xcalloc(w->targets, sizeof *b->targets);
    for (unsigned i = 0; i < w->targets; i++) {
        AUTO_FREE char *url = url_of_target(w, i);
        b->targets[i].u = curl_url();
        curl_url_set(b->targets[i].u, CURLUPART_URL, url, 0);
        b->targets[i].shard = &b->shards[i % w->hosts / BARE_HOSTS_PER_MULTI];
    }
}

/* Until when nothing is due by libcurl's timers. */
static int64_t bare_timers(struct bare *b, int64_t now)
{
    int64_t next = TIME_NEVER;

    for (unsigned i = 0; i < b->shard_count; i++) {
        struct bare_shard *s = &b->shards[i];
        if (s->due <= now) {
            s->due = TIME_NEVER;
            s->run_now = true;
        }
        bare_settle(b, s);
        next = MIN(next, s->due);
    }
    return next;
}

/* The process ends after it: nothing is freed. */
static void bare_run(const struct work *w)
{
    struct bare *b = xcalloc(1, sizeof *b);
    int64_t apart = w->period_us ? w->period_us / w->targets : 0, tick = 0;

    curl_global_init(CURL_GLOBAL_DEFAULT);
    bare_init(b, w);
    int64_t due = b->m.started = clock_now();
    for (unsigned i = 0; !apart && i < w->in_flight; i++)
        bare_start(b, &b->targets[b->next++ % w->targets]);
    while (!b->m.over) {
        int64_t now = clock_now();
        if (now >= tick) {
            measure_tick(&b->m, w, now);
            for (; apart && due <= now; due += apart) {
                measure_late(&b->m, now - due);
                bare_start(b, &b->targets[b->order[b->next++ % w->targets]]);
            }
            tick = MIN(bare_timers(b, now), apart ? due : now + 10 * US_PER_MS);
            /* No more often than once a millisecond, that wake-ups are shared. */
            tick = MAX(tick, now + US_PER_MS);
        }
        bare_wait(b, (int)(MAX(tick - clock_now(), 0) + US_PER_MS - 1) / (int)US_PER_MS);
    }
}
