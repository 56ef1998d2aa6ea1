/*
 * The fetcher: queues per host, deadlines, and the ends of fetches.
 *
 * A fetch is in one of four states: queued (on its host's list), running (libcurl has it), done (on
 * the fetcher's list, until the loop's step for ends calls back), calling. It leaves each only
 * through detach(). A redirect makes a running fetch queued again, at another host.
 */
#include "io/fetch.h"

#include "base/count.h"
#include "base/trace.h"
#include "io/fetch_multi.h"
#include "io/tls_trust.h"

#define PER_HOST_DEFAULT 8
#define MAX_CONNECTIONS_DEFAULT 8192
#define MAX_BYTES_DEFAULT ((size_t)64 << 20)
#define RESOLVERS_MAX 64U /* libcurl starts a thread for each name it resolves */
#define SPARE_MAX 64U
#define FREE_CONNECTIONS 64U /* of a shard: so many do no harm */
#define SLOW_US_DEFAULT (8 * US_PER_MS)
#define ENDS_PER_TURN 256
#define REAP_EVERY_US (60 * US_PER_S)
#define SHARD_IDLE_US (180 * US_PER_S)

/* ---- hosts ---- */

static struct fetch_host *host_get(struct fetcher *fr, const struct fetch_url *u, uint32_t phase)
{
    struct str key = str_of(u->origin);
    struct fetch_host *h = map_get(&fr->hosts, key);

    if (h)
        return h;
    h = xcalloc(1, sizeof *h + key.n + 1);
    memcpy(h->origin, key.p, key.n);
    h->fr = fr;
    h->literal = u->literal;
    list_init(&h->queue);
    list_init(&h->sent);
    h->shard = fetch_shard_pick(fr, phase);
    h->shard->hosts++;
    map_put(&fr->hosts, key, h);
    return h;
}

void fetch_host_drop(struct fetch_host *h)
{
    if (h->fetches > 0 || h->sockets > 0)
        return;
    list_remove(&h->waiting);
    h->shard->hosts--;
    map_remove(&h->fr->hosts, str_of(h->origin));
    free(h);
}

/* h may launch something; done by fetcher_feed(), never where libcurl may be half done. */
static void hunger(struct fetch_host *h)
{
    list_remove(&h->waiting);
    list_append(&h->fr->hungry, &h->waiting);
}

/* ---- ends ---- */

/* Take f from its host, its transfer from libcurl. f->x stays. */
static void detach(struct fetch *f)
{
    struct fetch_host *h = f->host;

    if (f->state == FETCH_RUNNING) {
        h->running--;
        count_add(COUNT_fetch_inflight, -1);
        fetch_shard_remove(h->shard, f->x);
    }
    list_remove(&f->link);
    fetch_connected(f);
    if (h) {
        f->host = NULL;
        h->fetches--;
        if (!list_empty(&h->queue))
            hunger(h);
        fetch_host_drop(h);
    }
}

/* f ends with f->err; the callback comes later. */
static void end(struct fetch *f)
{
    struct fetcher *fr = f->fr;

    detach(f);
    heap_remove(&fr->deadlines, &f->due);
    f->state = FETCH_DONE;
    list_append(&fr->done, &f->link);
    loop_defer(fr->loop, &fr->more);
}

/* A few are kept: one that is still in the cache is worth 3 % of a poll. */
static struct fetch *fetch_alloc(struct fetcher *fr)
{
    struct list *n = list_pop(&fr->spare);
    struct fetch *f = n ? LIST_ITEM(n, struct fetch, link) : xmalloc(sizeof *f);

    if (n)
        fr->spare_count--;
    /* All but the long text. */
    memset(f, 0, offsetof(struct fetch, info) + offsetof(struct errinfo, text) + 1);
    f->fr = fr;
    fr->live++;
    return f;
}

static void fetch_free(struct fetch *f)
{
    struct fetcher *fr = f->fr;

    fr->live--;
    fetch_xfer_give(fr, f->x);
    fetch_lines_unref(f->lines);
    fetch_url_done(&f->own);
    free(f->seen);
    if (fr->spare_count >= SPARE_MAX) {
        free(f);
        return;
    }
    list_prepend(&fr->spare, &f->link);
    fr->spare_count++;
}

static void call_back(struct fetch *f)
{
    struct fetch_result res;

    f->state = FETCH_CALLING;
    fetch_fill_result(f, &res);
    trace(fetch, "%s: %s, status %d, %zu bytes, %lld us", f->url ? f->url->peer : "?",
          err_row(res.err)->name, res.status, res.body.n, (long long)res.total_us);
    f->done(&res, f->arg);
    fetch_free(f);
}

static void call_back_some(struct fetcher *fr)
{
    struct list *n;

    for (int i = 0; i < ENDS_PER_TURN && (n = list_pop(&fr->done)); i++)
        call_back(LIST_ITEM(n, struct fetch, link));
}

/* True when something is left for the next turn. */
static bool run_ends(struct fetcher *fr)
{
    fetcher_look(fr, loop_now(fr->loop));
    fetcher_settle(fr);
    call_back_some(fr);
    /* What the callbacks started leaves in one go. */
    fetcher_settle(fr);
    /* Asked for by what is done by now: it would be a turn for nothing. */
    deferred_cancel(&fr->more);
    return !list_empty(&fr->touched) || !list_empty(&fr->done);
}

/* For what was started or ended after this turn's step. */
static void on_more(struct deferred *d, void *arg)
{
    struct fetcher *fr = arg;

    if (run_ends(fr))
        loop_defer(fr->loop, d);
}

static bool on_step(void *arg)
{
    return run_ends(arg);
}

/* ---- launch ---- */

void fetcher_look(struct fetcher *fr, int64_t now)
{
    if (now <= fr->now)
        return;
    fr->worked += MIN(now - fr->now, fr->conf.slow_us / 2);
    fr->now = now;
}

void fetch_connected(struct fetch *f)
{
    if (f->connecting) {
        f->connecting = false;
        f->host->connecting--;
        f->host->shard->connecting--;
    }
    if (f->resolving) {
        f->resolving = false;
        f->fr->resolving--;
    }
}

unsigned fetch_host_idle(const struct fetch_host *h)
{
    unsigned busy = h->running - h->connecting;

    return h->sockets > busy ? h->sockets - busy : 0;
}

static void watch(struct fetch *f, int64_t at);

/* f needs a connection that is not there yet. */
static void connect_first(struct fetch_host *h, struct fetch *f)
{
    f->connecting = true;
    h->connecting++;
    h->shard->connecting++;
    f->resolving = !h->literal;
    f->fr->resolving += f->resolving;
}

static void launch(struct fetch_host *h, struct fetch *f)
{
    struct fetcher *fr = f->fr;
    bool home = strcmp(f->url->origin, f->target->url.origin) == 0;

    list_remove(&f->link);
    list_append(&h->sent, &f->link);
    f->x = fetch_xfer_take(fr);
    f->x->f = f;
    fetch_lines_unref(f->lines);
    f->lines = fetch_lines_ref(home ? f->target->lines : fr->plain);
    if (fetch_xfer_prepare(f->x)) {
        f->err = f->info.err;
        end(f);
        return;
    }
    f->opened = f->refused4 = f->refused6 = false;
    f->sent = 0;
    f->sent_at = fr->worked;
    f->alive = loop_now(fr->loop);
    if (!f->started)
        f->started = f->alive;
    f->state = FETCH_RUNNING;
    if (f->params.timeout_us) {
        f->params.deadline = MIN(f->params.deadline, f->alive + f->params.timeout_us);
        watch(f, f->params.deadline);
    }
    if (fetch_host_idle(h) == 0)
        connect_first(h, f);
    h->running++;
    count_one(COUNT_fetch_requests);
    count_one(COUNT_fetch_inflight);
    fetch_shard_add(h->shard, f->x);
}

/* Another connection is for a host that is slow to answer, not for one that is asked much at once:
 * from one that answers at once the next answer is nearer than a connection, and each that is kept
 * makes every end dearer (see fetch_multi.c). While the shard has few they are not counted. */
static bool may_connect(const struct fetch_host *h)
{
    const struct fetch_shard *s = h->shard;

    if (h->running == 0 || s->sockets + s->connecting < FREE_CONNECTIONS)
        return true;
    return h->fr->worked - LIST_ITEM(h->sent.next, struct fetch, link)->sent_at >=
           h->fr->conf.slow_us;
}

static void wait_on(struct fetch_host *h, struct list *list)
{
    list_remove(&h->waiting);
    list_append(list, &h->waiting);
}

/* Launch what h may have under way. */
static void feed(struct fetch_host *h)
{
    struct fetcher *fr = h->fr;

    h->fetches++; /* a launch that fails must not free it */
    while (!list_empty(&h->queue) && h->running < fr->conf.per_host) {
        bool idle = fetch_host_idle(h) > 0;
        if (!idle && !may_connect(h)) {
            wait_on(h, &fr->held);
            if (!timer_is_set(&fr->held_timer))
                timer_set(fr->loop, &fr->held_timer, fr->now + fr->conf.slow_us);
            break;
        }
        if (!idle && !h->literal && fr->resolving >= RESOLVERS_MAX) {
            wait_on(h, &fr->starved);
            break;
        }
        launch(h, LIST_ITEM(h->queue.next, struct fetch, link));
    }
    h->fetches--;
    fetch_host_drop(h);
}

/* What was held may have been held long enough. */
static void on_held(struct timer *t, void *arg)
{
    struct fetcher *fr = arg;

    (void)t;
    fetcher_look(fr, loop_now(fr->loop));
    list_splice(&fr->hungry, &fr->held);
    loop_defer(fr->loop, &fr->more);
}

void fetcher_feed(struct fetcher *fr)
{
    struct list *n;

    while ((n = list_pop(&fr->hungry)))
        feed(LIST_ITEM(n, struct fetch_host, waiting));
    while (fr->resolving < RESOLVERS_MAX && (n = list_pop(&fr->starved)))
        feed(LIST_ITEM(n, struct fetch_host, waiting));
}

static void enqueue(struct fetch *f)
{
    struct fetch_host *h = host_get(f->fr, f->url, f->params.phase);

    f->host = h;
    f->state = FETCH_QUEUED;
    h->fetches++;
    list_append(&h->queue, &f->link);
    if (!list_linked(&h->waiting))
        hunger(h);
    loop_defer(f->fr->loop, &f->fr->more);
}

void fetch_finish(struct fetch_xfer *x, CURLcode code)
{
    struct fetch *f = x->f;

    fetch_judge(f, code);
    count_add(COUNT_fetch_bytes, (int64_t)x->body.len);
    if (f->err == E_OK && f->status == 304)
        count_one(COUNT_fetch_not_modified);
    if (f->err == E_OK && fetch_redirect(f)) {
        detach(f);
        fetch_xfer_give(f->fr, TAKE(f->x));
        enqueue(f);
        return;
    }
    end(f);
}

/* ---- deadlines ---- */

static void watch(struct fetch *f, int64_t at)
{
    struct fetcher *fr = f->fr;

    heap_set(&fr->deadlines, &f->due, at);
    if (!timer_is_set(&fr->deadline_timer) || at < fr->deadline_timer.node.key)
        timer_set(fr->loop, &fr->deadline_timer, at);
}

static void time_out(struct fetch *f, int64_t now)
{
    const char *peer = f->url->peer;
    size_t got = f->x ? f->x->body.len : 0;
    long long ms = (now - (f->started ? f->started : now)) / US_PER_MS;
    int64_t quiet_s = f->fr->conf.low_speed_us / US_PER_S;

    f->err = E_POLL_TIMEOUT;
    err_clear(&f->info);
    if (f->state == FETCH_QUEUED)
        err_set(&f->info, f->err,
                "%s: not started in time: %u requests to this host were under way all the while",
                peer, f->host->running);
    else if (now < f->params.deadline)
        err_set(&f->info, f->err, "%s: nothing moved for %lld s (%zu bytes of the body had come)",
                peer, (long long)quiet_s, got);
    else if (!f->x->head.len)
        err_set(&f->info, f->err, "%s: no answer within %lld ms", peer, ms);
    else
        err_set(&f->info, f->err, "%s: the answer was not whole after %lld ms (%zu bytes had come)",
                peer, ms, got);
    end(f);
}

/* Silence for so long ends f; 0: it does not. */
static int64_t quiet_of(const struct fetch *f)
{
    return f->params.timeout_us ? 0 : f->fr->conf.low_speed_us;
}

/* When f has to be looked at again, or ends it. */
static void check_deadline(struct fetch *f, int64_t now)
{
    int64_t at = f->params.deadline;
    int64_t quiet_us = quiet_of(f);

    if (f->state == FETCH_RUNNING && now < at && quiet_us > 0) {
        curl_off_t sent = 0;
        curl_easy_getinfo(f->x->easy, CURLINFO_SIZE_UPLOAD_T, &sent);
        if (sent > f->sent)
            f->alive = now;
        f->sent = sent;
        at = MIN(at, f->alive + quiet_us);
    } else if (now < at && quiet_us > 0) {
        at = MIN(at, now + MAX(quiet_us, US_PER_S));
    }
    if (now < at)
        heap_set(&f->fr->deadlines, &f->due, at);
    else
        time_out(f, now);
}

static void on_deadline(struct timer *t, void *arg)
{
    struct fetcher *fr = arg;
    struct heap_node *n;
    int64_t now = loop_now(fr->loop);

    fetcher_look(fr, now);
    while ((n = heap_min(&fr->deadlines)) && n->key <= now)
        check_deadline(CONTAINER_OF(n, struct fetch, due), now);
    if (n)
        timer_set(fr->loop, t, n->key);
}

/* Close multi handles that nobody used for long, with their connections. */
static void on_reap(struct timer *t, void *arg)
{
    struct fetcher *fr = arg;
    int64_t now = loop_now(fr->loop);

    for (unsigned i = 0; i < fr->shard_count; i++) {
        struct fetch_shard *s = fr->shards[i];
        if (s->multi && s->running == 0 && now - s->used > SHARD_IDLE_US)
            fetch_shard_close(s);
    }
    timer_set(fr->loop, t, now + REAP_EVERY_US);
}

/* ---- start and cancel ---- */

struct fetch *fetch_start(struct fetcher *fr, struct fetch_target *t,
                          const struct fetch_params *params, fetch_done_f *done, void *arg)
{
    struct fetch *f = fetch_alloc(fr);

    f->target = t;
    f->params = *params;
    f->done = done;
    f->arg = arg;
    f->url = &t->url;
    if (!f->params.max_bytes)
        f->params.max_bytes = MAX_BYTES_DEFAULT;
    if (params->url.p) {
        f->err = fetch_url_parse(params->url, NULL, &f->own, NULL, &f->info);
        if (f->err) {
            f->url = NULL;
            end(f);
            return f;
        }
        f->url = &f->own;
    }
    enqueue(f);
    int64_t quiet_us = quiet_of(f);
    watch(f,
          MIN(params->deadline, loop_now(fr->loop) + (quiet_us > 0 ? quiet_us : TIME_NEVER / 2)));
    return f;
}

void fetch_cancel(struct fetch *f)
{
    if (!f || f->state == FETCH_CALLING)
        return;
    heap_remove(&f->fr->deadlines, &f->due);
    detach(f);
    loop_defer(f->fr->loop, &f->fr->more);
    fetch_free(f);
}

/* ---- life ---- */

void fetcher_conf_default(struct fetcher_conf *c)
{
    *c = (struct fetcher_conf){
        .per_host = PER_HOST_DEFAULT,
        .max_connections = MAX_CONNECTIONS_DEFAULT,
        .connect_timeout_us = 10 * US_PER_S,
        .low_speed_us = 30 * US_PER_S,
        .slow_us = SLOW_US_DEFAULT,
    };
}

static const char *system_ca_file(void)
{
    const char *built_in = curl_version_info(CURLVERSION_NOW)->cainfo;

    return built_in ? built_in : "/etc/ssl/certs/ca-certificates.crt";
}

struct fetcher *fetcher_new(struct loop *l, const struct fetcher_conf *conf, struct egress *egress)
{
    struct fetcher *fr = xcalloc(1, sizeof *fr);

    fr->loop = l;
    fr->now = loop_now(l);
    fr->conf = *conf;
    if (fr->conf.per_host == 0)
        fr->conf.per_host = PER_HOST_DEFAULT;
    fr->ca_file = xstrdup(conf->ca_file ? conf->ca_file : system_ca_file());
    fr->egress = egress_ref(egress);
    fr->plain = fetch_lines_new();
    list_init(&fr->touched);
    list_init(&fr->hungry);
    list_init(&fr->starved);
    list_init(&fr->held);
    list_init(&fr->pool);
    list_init(&fr->spare);
    list_init(&fr->done);
    timer_init(&fr->deadline_timer, on_deadline, fr);
    timer_init(&fr->reap_timer, on_reap, fr);
    timer_init(&fr->held_timer, on_held, fr);
    deferred_init(&fr->more, on_more, fr);
    fetcher_open_poll(fr);
    loop_set_step(l, LOOP_STEP_FETCH, on_step, fr);
    timer_set(l, &fr->reap_timer, fr->now + REAP_EVERY_US);
    return fr;
}

void fetcher_free(struct fetcher *fr)
{
    struct list *n;

    if (!fr)
        return;
    CHECK(fr->live == 0);
    loop_set_step(fr->loop, LOOP_STEP_FETCH, NULL, NULL);
    deferred_cancel(&fr->more);
    timer_clear(fr->loop, &fr->deadline_timer);
    timer_clear(fr->loop, &fr->reap_timer);
    timer_clear(fr->loop, &fr->held_timer);
    for (unsigned i = 0; i < fr->shard_count; i++)
        fetch_shard_close(fr->shards[i]); /* drops hosts, which count in their shard */
    fetcher_forget_socks(fr);
    for (unsigned i = 0; i < fr->shard_count; i++)
        fetch_shard_free(fr->shards[i]);
    while ((n = list_pop(&fr->pool)))
        fetch_xfer_free(LIST_ITEM(n, struct fetch_xfer, link));
    while ((n = list_pop(&fr->spare)))
        free(LIST_ITEM(n, struct fetch, link));
    CHECK(fr->hosts.count == 0);
    fetcher_close_poll(fr);
    free(fr->shards);
    map_done(&fr->hosts);
    heap_done(&fr->deadlines);
    fetch_lines_unref(fr->plain);
    egress_unref(fr->egress);
    tls_trust_free(fr->trust);
    free(fr->ca_file);
    free(fr);
}
