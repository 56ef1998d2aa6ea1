#include "core/poller.h"

#include "base/count.h"
#include "base/hash.h"
#include "base/trace.h"
#include "core/request.h"
#include "core/topic.h"

#define GRID_US (4 * US_PER_MS)

int64_t poller_next_tick(int64_t now, int64_t period, int64_t phase)
{
    int64_t since = now - phase;
    int64_t n = since >= 0 ? since / period + 1 : -(-since / period);

    return phase + n * period;
}

static const struct processor *processor_of(const struct poller *p)
{
    return p->topic->conf->processor;
}

static int64_t period_of(const struct poller *p)
{
    return processor_of(p)->period(p->topic->conf->config);
}

/* The same topic keeps its phase over restarts, and many topics do not fire together. */
static int64_t phase_of(const struct poller *p, int64_t period)
{
    const char *id = p->topic->conf->id;

    return (int64_t)(hash64(id, UUID_LEN) % (uint64_t)period);
}

uint32_t poller_phase(const struct poller *p)
{
    int64_t period = period_of(p);

    return (uint32_t)((double)phase_of(p, period) / (double)period * 0x1p32);
}

/* Polls start on a grid: at many a second, waking once for several costs a fifth less than waking
 * for each (group poll of the benchmarks), and nobody notices 4 ms on periods of 100 ms and more. */
static void set_timer(struct poller *p)
{
    int64_t at = MAX(p->due, p->not_before);

    timer_set(p->topic->shard->loop, &p->timer, (at + GRID_US - 1) / GRID_US * GRID_US);
}

static void advance(struct poller *p, int64_t now)
{
    int64_t period = period_of(p);

    p->due = poller_next_tick(now, period, phase_of(p, period));
}

static void start_request(struct poller *p, int64_t due)
{
    p->runs++;
    p->request = request_start(p->topic, due);
    p->request->fresh = p->fresh;
    p->fresh = false;
}

static void on_due(struct timer *timer, void *arg)
{
    struct poller *p = arg;
    int64_t now = loop_now(p->topic->shard->loop);
    int64_t due = MAX(p->due, p->not_before);

    (void)timer;
    if (due > now) {
        /* The source asked to wait after this tick was set. */
        set_timer(p);
        return;
    }
    if (p->request) {
        /* The poll outlives its period: this tick is skipped. */
        p->skipped++;
        count_one(COUNT_polls_skipped);
    } else {
        start_request(p, due);
    }
    advance(p, now);
    set_timer(p);
}

void poller_init(struct poller *p, struct topic *t)
{
    p->topic = t;
    timer_init(&p->timer, on_due, p);
}

static void start(struct poller *p)
{
    struct topic *t = p->topic;
    int64_t now = loop_now(t->shard->loop);
    int64_t period = period_of(p);

    p->running = true;
    p->conf = topic_conf_ref(t->conf); /* the state may borrow from it */
    count_one(COUNT_topics_polling);
    p->state = processor_of(p)->start(t);
    topic_restore_state(t);
    trace(poller, "%s: starts, every %lld us", t->conf->name, (long long)period);
    if (p->not_before > now) {
        p->due = p->not_before;
    } else {
        start_request(p, now);
        /* Not twice at once: the first regular tick comes half a period later at the least. */
        p->due = poller_next_tick(now + period / 2, period, phase_of(p, period));
    }
    set_timer(p);
}

static void stop(struct poller *p)
{
    struct topic *t = p->topic;

    p->running = false;
    p->once = p->again = p->fresh = false;
    count_add(COUNT_topics_polling, -1);
    timer_clear(t->shard->loop, &p->timer);
    if (p->request)
        request_cancel(p->request);
    topic_keep_state(t);
    processor_of(p)->stop(p->state);
    p->state = NULL;
    topic_conf_unrefp(&p->conf);
    trace(poller, "%s: stops", t->conf->name);
}

void poller_update(struct poller *p)
{
    struct topic *t = p->topic;
    bool want =
        !t->deleted && processor_of(p)->polls &&
        (t->conf->always_on || p->once || topic_is_followed(t)) &&
        atomic_load_explicit(&t->shard->engine->stage, memory_order_relaxed) != ENGINE_DRAINING;

    if (want && !p->running)
        start(p);
    else if (!want && p->running)
        stop(p);
}

bool poller_poll_now(struct poller *p)
{
    if (!processor_of(p)->polls || p->topic->deleted)
        return false;
    p->fresh = true;
    if (!p->running) {
        p->once = true;
        poller_update(p);
    } else if (p->request) {
        p->again = true;
    } else {
        start_request(p, loop_now(p->topic->shard->loop));
    }
    return true;
}

void poller_done(struct poller *p)
{
    if (p->running)
        stop(p);
}

void poller_request_ended(struct poller *p)
{
    p->request = NULL;
    if (p->running && p->again) {
        p->again = false;
        start_request(p, loop_now(p->topic->shard->loop));
    } else if (p->once) {
        p->once = false;
        poller_update(p);
    }
}
