/*
 * What a shard does for all its hubs: flush, tick and drain.
 */
#include "base/count.h"
#include "base/trace.h"
#include "core/channel.h"
#include "core/limits.h"
#include "core/shard.h"

/* Channel writes for one hub before it is the next one's turn. */
#define FLUSH_SHARE 32
/* A flush ends after this long, whatever it wrote: sources and other channels wait meanwhile. */
#define FLUSH_US (5 * US_PER_MS)

/* ---- flush ---- */

/* Returns the number of writes. */
static unsigned flush_hub(struct hub *h)
{
    struct list *due = &h->lists[HUB_DUE];
    unsigned n = 0;

    while (n < FLUSH_SHARE && !list_empty(due)) {
        struct reader *r = LIST_ITEM(due->next, struct reader, link);
        r->ops->flush(r);
        n++;
    }
    return n;
}

bool hub_flush_all(struct shard *sh)
{
    unsigned writes = 0;
    int64_t until = 0;
    struct list *n;

    while (writes < LIMIT_FLUSH_WRITES && (n = list_pop(&sh->dirty_hubs))) {
        struct hub *h = LIST_ITEM(n, struct hub, dirty_link);
        if (!until)
            until = clock_now() + FLUSH_US;
        writes += flush_hub(h);
        hub_wake(h);
        if (clock_now() >= until)
            break;
    }
    return !list_empty(&sh->dirty_hubs);
}

/* ---- ticks ---- */

static struct reader *oldest(struct hub *h, enum hub_list list, int64_t before)
{
    if (list_empty(&h->lists[list]))
        return NULL;
    struct reader *r = LIST_ITEM(h->lists[list].next, struct reader, link);
    return r->moved <= before ? r : NULL;
}

static void tick_hub(struct hub *h, const struct conf *conf, int64_t now)
{
    struct reader *r;

    while ((r = oldest(h, HUB_STALLED, now - conf->sse_stall_us)))
        r->ops->stall(r);
    while ((r = oldest(h, HUB_ENDING, now - HUB_ENDING_US)))
        r->ops->stall(r);
    while ((r = oldest(h, HUB_CURRENT, now - conf->sse_heartbeat_us)))
        r->ops->beat(r);
}

void hub_tick_all(struct shard *sh, int64_t now)
{
    LIST_EACH_SAFE (n, &sh->hub_list) {
        struct hub *h = LIST_ITEM(n, struct hub, all_link);
        if (h->reader_count > 0)
            tick_hub(h, sh->engine->conf, now);
    }
    channel_idle_tick(sh, now);
}

size_t hub_channels(const struct shard *sh)
{
    size_t count = 0;

    LIST_EACH (n, &sh->hub_list) {
        const struct hub *h = LIST_ITEM(n, struct hub, all_link);
        count += h->reader_count - h->durable_count;
    }
    return count + channel_idle_count(sh);
}

/* ---- drain ---- */

#define DRAIN_STEP_US (20 * US_PER_MS)
/* Clients are asked to come back after between one second and the drain's length more. */
#define DRAIN_RETRY_MS 1000

struct hub_drain {
    struct shard *shard;
    struct timer timer;
    int64_t ends;
    unsigned retry_spread_ms;
};

static void tell(const struct hub_drain *d, struct reader *r)
{
    unsigned retry_ms = DRAIN_RETRY_MS + (unsigned)(rand_unit() * d->retry_spread_ms);
    struct event *e = event_new_error(50503, STR("the server is stopping, please reconnect"),
                                      clock_now_wall(), retry_ms);

    r->ops->end(r, e);
    event_unref(e);
}

/* Tell up to `quota` channels of h; returns how many. */
static size_t tell_some(const struct hub_drain *d, struct hub *h, size_t quota)
{
    size_t told = 0;

    for (int i = 0; i < HUB_ENDING; i++) {
        LIST_EACH_SAFE (n, &h->lists[i]) {
            struct reader *r = LIST_ITEM(n, struct reader, link);
            if (r->ending || r->durable)
                continue;
            if (told == quota)
                return told;
            tell(d, r);
            told++;
        }
    }
    return told;
}

/* Each step tells its share of those that are left. */
static void on_drain(struct timer *t, void *arg)
{
    struct hub_drain *d = arg;
    struct shard *sh = d->shard;
    int64_t now = loop_now(sh->loop);
    size_t steps = now < d->ends ? (size_t)((d->ends - now) / DRAIN_STEP_US) + 1 : 1;
    size_t quota = hub_channels(sh) / steps + 1;

    LIST_EACH (n, &sh->hub_list)
        quota -= tell_some(d, LIST_ITEM(n, struct hub, all_link), quota);
    timer_set(sh->loop, t, now + DRAIN_STEP_US);
}

void hub_drain_all(struct shard *sh, int64_t over_us)
{
    struct hub_drain *d;

    if (sh->drain)
        return;
    channel_idle_drain(sh);
    sh->drain = d = xcalloc(1, sizeof *d);
    d->shard = sh;
    d->ends = loop_now(sh->loop) + over_us;
    d->retry_spread_ms = (unsigned)(over_us / US_PER_MS);
    timer_init(&d->timer, on_drain, d);
    timer_set(sh->loop, &d->timer, loop_now(sh->loop));
}

void hub_drain_stop(struct shard *sh)
{
    if (!sh->drain)
        return;
    timer_clear(sh->loop, &sh->drain->timer);
    free(TAKE(sh->drain));
}
