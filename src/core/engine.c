#include "core/engine.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/count.h"
#include "base/log.h"
#include "base/seal.h"
#include "core/feed.h"
#include "core/hub.h"
#include "core/limits.h"
#include "core/subscription.h"
#include "core/topic.h"
#include "io/tls.h"

/* How often a draining loop looks whether it is done. */
#define DRAIN_LOOK_US (5 * US_PER_MS)
/* What draining may take beyond the time channels are given. */
#define DRAIN_GRACE_US (3 * US_PER_S)
#define STORE_GROUP_MAX 512

/* One thread and its loop. */
struct runner {
    struct house *house;
    struct shard *shard;
    pthread_t thread;
    bool running;
    struct timer look; /* while draining */
    bool quiet;        /* nothing is under way; guarded by the house's lock */
};

/* The engine and what only starting and stopping need. */
struct house {
    struct engine engine;
    struct address address;
    struct tls_server *tls;
    struct runner runners[LOOPS_MAX];
    pthread_mutex_t lock;
    pthread_cond_t became_quiet;
    int64_t drain_until;
};

static struct house *house_of(struct engine *e)
{
    return CONTAINER_OF(e, struct house, engine);
}

/* ---- the process ---- */

/* A server holds a file per connection: the soft limit is there for programs that use select(). */
static void raise_file_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        log_warn("the limit on open files cannot be raised");
}

/* The kernel's table of a process' files grows by doubling. Each time a process of several threads
 * waits until all processors have passed a quiet state (synchronize_rcu()), milliseconds in which it
 * accepts nobody; of ten thousand connections at once a third would have to knock again, after a
 * second. So it grows once, while there is one thread. */
static void widen_file_table(const struct conf *conf)
{
    int64_t files = conf->http_max_connections + conf->poll_max_connections;
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int last = fcntl(fd, F_DUPFD_CLOEXEC, (int)MIN((rlim_t)files, limit.rlim_cur - 1));
    if (last >= 0)
        close(last);
    if (fd >= 0)
        close(fd);
}

static void ready_process(const struct conf *conf)
{
    raise_file_limit();
    widen_file_table(conf);
    signal(SIGPIPE, SIG_IGN);
}

static unsigned loops_wanted(const struct conf *conf)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);

    if (conf->loops > 0)
        return (unsigned)MIN(conf->loops, (int64_t)LOOPS_MAX);
    return (unsigned)MIN(MAX(processors, 1), (long)LOOPS_MAX);
}

/* ---- start ---- */

static enum err check_trust(struct house *h, struct errinfo *ei)
{
    const struct conf *conf = h->engine.conf;

    if (h->address.loopback)
        return E_OK;
    if (!conf->insecure)
        return err_set(ei, E_INVALID,
                       "%s is reached from other machines, and anybody who reaches it may read and "
                       "change everything: listen on 127.0.0.1 behind a reverse proxy that "
                       "authenticates, or accept the risk with --insecure",
                       conf->listen);
    log_warn("insecure: anybody who reaches this address may read and change everything",
             LOG_S("listen", conf->listen));
    return E_OK;
}

static enum err open_parts(struct house *h, struct errinfo *ei)
{
    struct engine *e = &h->engine;
    const struct conf *conf = e->conf;
    const struct store_conf store_conf = {
        .url = conf->data,
        .sync_normal = conf->store_sync_normal,
        .group_max = STORE_GROUP_MAX,
    };
    enum err err = egress_new(!h->address.loopback, (const char *const *)conf->egress_allow.items,
                              conf->egress_allow.count, &e->egress, ei);

    if (err != E_OK)
        return err_prefix(ei, err, "egress.allow");
    if (conf->tls_cert[0]) {
        err = tls_server_new(conf->tls_cert, conf->tls_key, &h->tls, ei);
        if (err != E_OK)
            return err;
    }
    err = store_open(&store_conf, &e->store, ei);
    if (err != E_OK)
        return err;
    AUTO_FREE char *key = xasprintf("%s/secret.key", conf->data);
    return seal_open(key, &e->seal, ei);
}

struct loading {
    struct engine *engine;
    unsigned loaded, skipped;
    bool all_topics;    /* none was skipped */
    struct buf orphans; /* of struct subscription_conf *, owned */
};

/* The text of a record. It is sealed, but for those of the first version; plain gets what is not,
 * to be wiped. */
static enum err open_record(const struct engine *e, const struct store_record *r, struct buf *plain,
                            struct str *ret, struct errinfo *ei)
{
    *ret = r->body;
    if (!seal_is(r->body))
        return E_OK;
    enum err err = seal_undo(e->seal, r->body, plain, ei);
    if (err == E_OK)
        *ret = buf_view(plain);
    return err;
}

static enum err load_topic(const struct engine *e, const struct store_record *r,
                           struct topic_conf **ret, struct errinfo *ei)
{
    AUTO(buf_done) struct buf plain = BUF_INIT;
    struct str body;
    enum err err = open_record(e, r, &plain, &body, ei);

    if (err == E_OK)
        err = topic_conf_load(r->id, body, r->num, r->rev, ret, ei);
    buf_wipe(&plain);
    return err;
}

static enum err load_subscription(const struct engine *e, const struct store_record *r,
                                  struct subscription_conf **ret, struct errinfo *ei)
{
    AUTO(buf_done) struct buf plain = BUF_INIT;
    struct str body;
    enum err err = open_record(e, r, &plain, &body, ei);

    if (err == E_OK)
        err = subscription_conf_load(r->id, body, r->num, r->rev, ret, ei);
    buf_wipe(&plain);
    return err;
}

/* A record that this version cannot read stays in the store for one that can. */
static void on_topic(const struct store_record *r, const struct store_head *head, void *arg)
{
    struct loading *l = arg;
    struct engine *e = l->engine;
    struct errinfo ei = ERRINFO_INIT;
    AUTO(topic_conf_unrefp) struct topic_conf *c = NULL;
    enum err err = load_topic(e, r, &c, &ei);

    if (err != E_OK) {
        l->skipped++;
        log_error("a stored topic cannot be loaded and is left alone", LOG_STR("topic", r->name),
                  LOG_STR("id", r->id), LOG_S("why", err_text(&ei, err)));
        return;
    }
    for (unsigned i = 0; i < e->shard_count; i++)
        directory_put(e->shards[i], c);
    (void)topic_new(shard_owner(e, c->id), c, head);
    l->loaded++;
}

static void on_subscription(const struct store_record *r, const struct store_head *head, void *arg)
{
    struct loading *l = arg;
    struct engine *e = l->engine;
    struct errinfo ei = ERRINFO_INIT;
    AUTO(subscription_conf_unrefp) struct subscription_conf *c = NULL;
    enum err err = load_subscription(e, r, &c, &ei);

    if (err != E_OK) {
        l->skipped++;
        log_error("a stored subscription cannot be loaded and is left alone", LOG_STR("id", r->id),
                  LOG_S("why", err_text(&ei, err)));
    } else if (!topic_find(shard_owner(e, c->topic), c->topic)) {
        l->skipped++;
        buf_append(&l->orphans, (const char *)&c, sizeof c);
        c = NULL;
    } else {
        subscription_loaded(e, c, head);
        l->loaded++;
    }
}

/* Their topics were deleted right before a stop, unless there are topics that were not loaded. */
static void drop_orphans(struct loading *l)
{
    struct subscription_conf *c;

    for (size_t at = 0; at < l->orphans.len; at += sizeof c) {
        memcpy(&c, l->orphans.p + at, sizeof c);
        if (l->all_topics)
            subscription_forget(l->engine, c);
        else
            log_error("a stored subscription is left alone: its topic is not there",
                      LOG_S("id", c->id), LOG_S("topic", c->topic));
        subscription_conf_unref(c);
    }
    buf_done(&l->orphans);
}

static enum err load_subscriptions(struct engine *e, bool all_topics, struct errinfo *ei)
{
    struct loading l = {.engine = e, .all_topics = all_topics, .orphans = BUF_INIT};
    enum err err = store_each_record(e->store, STR("subscription"), on_subscription, &l, ei);

    drop_orphans(&l);
    if (err == E_OK && l.loaded + l.skipped > 0)
        log_info("subscriptions loaded", LOG_I("subscriptions", l.loaded),
                 LOG_I("skipped", l.skipped));
    return err;
}

static enum err load_records(struct engine *e, struct errinfo *ei)
{
    struct loading l = {.engine = e};
    enum err err = store_each_record(e->store, STR("topic"), on_topic, &l, ei);

    for (unsigned i = 0; i < e->shard_count; i++)
        directory_loaded(e->shards[i]);
    if (err == E_OK)
        log_info("topics loaded", LOG_I("topics", l.loaded), LOG_I("skipped", l.skipped));
    if (err == E_OK)
        err = feeds_load(e, ei);
    return err == E_OK ? load_subscriptions(e, l.skipped == 0, ei) : err;
}

static void server_conf(const struct house *h, struct http_server_conf *ret)
{
    const struct conf *conf = h->engine.conf;

    http_server_conf_default(ret);
    ret->address = h->address.ip;
    ret->port = h->address.port;
    ret->tls = h->tls;
    ret->max_header_bytes = (size_t)conf->http_max_header_bytes;
    ret->max_body_bytes = (size_t)conf->http_max_body_bytes;
    ret->max_connections = (size_t)conf->http_max_connections;
    ret->header_timeout_us = conf->http_header_timeout_us;
    ret->body_timeout_us = conf->http_body_timeout_us;
    ret->idle_timeout_us = conf->http_idle_timeout_us;
    ret->write_timeout_us = conf->http_write_timeout_us;
}

/* All loops share one port; where the system chooses it, the first loop's is taken by the rest. */
static enum err listen_all(struct house *h, http_handler_f *handler, http_error_body_f *error_body,
                           struct errinfo *ei)
{
    struct engine *e = &h->engine;
    struct http_server_conf conf;

    for (unsigned i = 0; i < e->shard_count; i++) {
        struct shard *sh = e->shards[i];
        server_conf(h, &conf);
        enum err err = http_server_new(sh->loop, &conf, handler, error_body, sh, &sh->server, ei);
        if (err != E_OK)
            return err;
        h->address.port = http_server_port(sh->server);
    }
    return E_OK;
}

static void *run_loop(void *arg)
{
    struct runner *r = arg;

    loop_run(r->shard->loop);
    return NULL;
}

static void on_start_polls(void *arg)
{
    shard_start_polls(arg);
}

static enum err start_threads(struct house *h, struct errinfo *ei)
{
    for (unsigned i = 0; i < h->engine.shard_count; i++) {
        struct runner *r = &h->runners[i];
        int rc = pthread_create(&r->thread, NULL, run_loop, r);

        if (rc != 0)
            return err_set(ei, E_SYSTEM, "cannot start thread %u: %s", i, strerror(rc));
        r->running = true;
    }
    for (unsigned i = 0; i < h->engine.shard_count; i++)
        loop_post_call(h->engine.shards[i]->loop, on_start_polls, h->engine.shards[i]);
    return E_OK;
}

static void on_look(struct timer *t, void *arg);

static void make_shards(struct house *h)
{
    struct engine *e = &h->engine;

    for (unsigned i = 0; i < e->shard_count; i++) {
        struct runner *r = &h->runners[i];
        e->shards[i] = shard_new(e, i);
        r->house = h;
        r->shard = e->shards[i];
        timer_init(&r->look, on_look, r);
    }
}

static struct house *house_new(const struct conf *conf)
{
    struct house *h = xcalloc(1, sizeof *h);
    pthread_condattr_t attr;

    h->engine.conf = conf;
    h->engine.shard_count = loops_wanted(conf);
    h->engine.started_wall = clock_now_wall();
    pthread_mutex_init(&h->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&h->became_quiet, &attr);
    pthread_condattr_destroy(&attr);
    return h;
}

enum err engine_start(const struct conf *conf, http_handler_f *handler,
                      http_error_body_f *error_body, struct engine **ret, struct errinfo *ei)
{
    struct house *h = house_new(conf);
    enum err err;

    ready_process(conf);
    err = address_parse(str_of(conf->listen), &h->address, ei);
    h->engine.loopback = h->address.loopback;
    if (err == E_OK)
        err = check_trust(h, ei);
    if (err == E_OK)
        err = address_check_free(&h->address, ei);
    if (err == E_OK)
        err = open_parts(h, ei);
    if (err == E_OK) {
        make_shards(h);
        err = load_records(&h->engine, ei);
    }
    if (err == E_OK)
        err = listen_all(h, handler, error_body, ei);
    if (err == E_OK)
        err = start_threads(h, ei);
    if (err != E_OK) {
        engine_stop(&h->engine);
        return err;
    }
    h->engine.stage = ENGINE_READY;
    *ret = &h->engine;
    return E_OK;
}

void engine_address(const struct engine *e, char ret[ADDRESS_TEXT_MAX])
{
    const struct house *h = CONTAINER_OF(e, const struct house, engine);

    address_format(h->address.ip, h->address.port, ret, ADDRESS_TEXT_MAX);
}

/* ---- stop ---- */

/* Nothing of this loop needs more time: no channels, no requests, no commits. */
static bool is_quiet(const struct shard *sh)
{
    const struct topic *t;

    if (sh->server && http_server_open(sh->server) > 0)
        return false;
    for (size_t i = 0; (t = map_next(&sh->topics, &i));)
        if (t->commit || t->saving)
            return false;
    return list_empty(&sh->dirty_states) && hub_channels(sh) == 0 && subscriptions_quiet(sh) &&
           feeds_quiet(sh);
}

static void on_look(struct timer *t, void *arg)
{
    struct runner *r = arg;

    if (!is_quiet(r->shard)) {
        topic_save_states(r->shard); /* those that were being committed before */
        timer_set(r->shard->loop, t, loop_now(r->shard->loop) + DRAIN_LOOK_US);
        return;
    }
    pthread_mutex_lock(&r->house->lock);
    r->quiet = true;
    pthread_cond_signal(&r->house->became_quiet);
    pthread_mutex_unlock(&r->house->lock);
}

static void on_drain(void *arg)
{
    struct runner *r = arg;
    struct shard *sh = r->shard;

    http_server_drain(sh->server);
    shard_stop_polls(sh);
    hub_drain_all(sh, sh->engine->conf->drain_us);
    timer_set(sh->loop, &r->look, loop_now(sh->loop));
}

static bool all_quiet(const struct house *h)
{
    for (unsigned i = 0; i < h->engine.shard_count; i++)
        if (!h->runners[i].quiet)
            return false;
    return true;
}

static void drain(struct house *h)
{
    int64_t until = clock_now() + h->engine.conf->drain_us + DRAIN_GRACE_US;
    const struct timespec at = {until / US_PER_S, until % US_PER_S * 1000};
    bool in_time = true;

    for (unsigned i = 0; i < h->engine.shard_count; i++)
        loop_post_call(h->engine.shards[i]->loop, on_drain, &h->runners[i]);
    pthread_mutex_lock(&h->lock);
    while (in_time && !all_quiet(h))
        in_time = pthread_cond_timedwait(&h->became_quiet, &h->lock, &at) == 0;
    pthread_mutex_unlock(&h->lock);
    if (!in_time)
        log_warn("stopping although something is still under way");
}

static void join_threads(struct house *h)
{
    for (unsigned i = 0; i < h->engine.shard_count; i++)
        if (h->runners[i].running)
            loop_stop(h->engine.shards[i]->loop);
    for (unsigned i = 0; i < h->engine.shard_count; i++)
        if (h->runners[i].running)
            pthread_join(h->runners[i].thread, NULL);
}

void engine_stop(struct engine *e)
{
    if (!e)
        return;
    struct house *h = house_of(e);
    bool was_ready = e->stage == ENGINE_READY;

    e->stage = ENGINE_DRAINING;
    if (was_ready)
        drain(h);
    join_threads(h);
    /* Before the shards: it still has operations that belong to their topics. */
    store_close(e->store);
    for (unsigned i = 0; i < e->shard_count; i++)
        shard_close(e->shards[i]);
    for (unsigned i = 0; i < e->shard_count; i++)
        shard_free(e->shards[i]);
    seal_free(e->seal);
    egress_unref(e->egress);
    tls_server_unref(h->tls);
    pthread_cond_destroy(&h->became_quiet);
    pthread_mutex_destroy(&h->lock);
    free(h);
}
