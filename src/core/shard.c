#include "core/shard.h"

#include "core/breaker.h"
#include "core/exchange.h"
#include "core/feed.h"
#include "core/fetch_share.h"
#include "core/hub.h"
#include "core/listing.h"
#include "core/poller.h"
#include "core/subscription.h"
#include "core/token.h"
#include "core/topic.h"
#include "core/trial.h"

static bool on_commit_step(void *arg)
{
    topic_commit_due(arg);
    return false;
}

static void on_gathered(struct timer *t, void *arg)
{
    (void)t;
    topic_commit_all(arg);
}

static bool on_flush_step(void *arg)
{
    return hub_flush_all(arg);
}

/* Heartbeats need to be looked at more often than they are due, or silence could last twice as
 * long as promised. */
static void on_tick(struct timer *t, void *arg)
{
    struct shard *sh = arg;
    int64_t now = loop_now(sh->loop);

    hub_tick_all(sh, now);
    timer_set(sh->loop, t, now + sh->engine->conf->sse_heartbeat_us / 4);
}

static void on_save(struct timer *t, void *arg)
{
    struct shard *sh = arg;

    topic_save_states(sh);
    timer_set(sh->loop, t, loop_now(sh->loop) + sh->engine->conf->poll_save_us);
}

struct shard *shard_new(struct engine *e, unsigned index)
{
    struct shard *sh = xcalloc(1, sizeof *sh);
    struct fetcher_conf fc;

    sh->engine = e;
    sh->index = index;
    sh->loop = loop_new(index);
    loop_set_user(sh->loop, sh);
    list_init(&sh->dirty_hubs);
    list_init(&sh->idle_channels);
    list_init(&sh->commits);
    list_init(&sh->dirty_states);
    list_init(&sh->trials);
    list_init(&sh->hub_list);
    sh->by_id = sh->by_name = sh->topics = sh->subscriptions = (struct map)MAP_INIT_BORROWING;
    listing_init(sh);
    fetcher_conf_default(&fc);
    fc.per_host = (unsigned)e->conf->poll_per_host;
    fc.max_connections = (unsigned)e->conf->poll_max_connections;
    fc.connect_timeout_us = e->conf->poll_connect_timeout_us;
    fc.low_speed_us = e->conf->poll_low_speed_us;
    if (e->conf->poll_ca_file && e->conf->poll_ca_file[0])
        fc.ca_file = e->conf->poll_ca_file;
    sh->fetcher = fetcher_new(sh->loop, &fc, e->egress);
    sh->tokens = tokens_new(sh);
    sh->shares = fetch_shares_new(sh);
    sh->breakers = breakers_new(e->conf->subscription_retry_initial_us);
    sh->exchanges = exchange_book_new();
    sh->feeds = feeds_new(sh);
    loop_set_step(sh->loop, LOOP_STEP_COMMIT, on_commit_step, sh);
    loop_set_step(sh->loop, LOOP_STEP_FLUSH, on_flush_step, sh);
    timer_init(&sh->tick, on_tick, sh);
    timer_init(&sh->save, on_save, sh);
    timer_init(&sh->gather, on_gathered, sh);
    timer_set(sh->loop, &sh->tick, clock_now() + e->conf->sse_heartbeat_us / 4);
    timer_set(sh->loop, &sh->save, clock_now() + e->conf->poll_save_us);
    return sh;
}

void shard_stop_polls(struct shard *sh)
{
    struct topic *t;

    for (size_t i = 0; (t = map_next(&sh->topics, &i));)
        poller_update(&t->poller);
    trial_stop_all(sh);
    subscriptions_drain(sh);
    feeds_drain(sh);
    topic_save_states(sh);
}

void shard_start_polls(struct shard *sh)
{
    struct topic *t;

    for (size_t i = 0; (t = map_next(&sh->topics, &i));)
        poller_update(&t->poller);
    subscriptions_start(sh);
    feeds_start(sh);
}

/* Some value of a map that is being emptied; NULL: none is left. The search goes on where the last
 * one was found (its successor may have taken its place): with 100 000 topics, from the start each
 * time would take half a minute. */
static void *any_of(const struct map *m, size_t *at)
{
    *at -= *at > 0;
    void *v = map_next(m, at);

    if (v)
        return v;
    *at = 0;
    return map_next(m, at);
}

void shard_close(struct shard *sh)
{
    struct topic *t;
    size_t at = 0;

    if (!sh)
        return;
    http_server_free(sh->server);
    listing_end_all(sh);
    hub_free_all(sh);
    trial_free_all(sh);
    while ((t = any_of(&sh->topics, &at)))
        topic_close(t);
    fetch_shares_close(sh->shares);
    tokens_free(sh->tokens);
    fetcher_free(sh->fetcher);
}

void shard_free(struct shard *sh)
{
    struct subscription_conf *subscription;
    struct topic_conf *c;
    size_t at = 0;

    if (!sh)
        return;
    while ((subscription = any_of(&sh->subscriptions, &at)))
        subscription_dir_remove(sh, subscription->id);
    at = 0;
    name_order_done(&sh->order);
    while ((c = any_of(&sh->by_id, &at)))
        directory_remove(sh, c->id);
    fetch_shares_free(sh->shares);
    breakers_free(sh->breakers);
    exchange_book_free(sh->exchanges);
    feeds_free(sh);
    timer_clear(sh->loop, &sh->tick);
    timer_clear(sh->loop, &sh->save);
    timer_clear(sh->loop, &sh->gather);
    loop_free(sh->loop);
    free(sh->deleted);
    map_done(&sh->topics);
    map_done(&sh->subscriptions);
    map_done(&sh->hubs);
    map_done(&sh->provisioned);
    map_done(&sh->by_id);
    map_done(&sh->by_name);
    free(sh);
}

struct shard *shard_current(void)
{
    struct loop *l = loop_current();

    return l ? loop_user(l) : NULL;
}

struct shard *shard_owner(struct engine *e, const char *topic_id)
{
    return e->shards[hash64_seed(topic_id, UUID_LEN, 1) % e->shard_count];
}
