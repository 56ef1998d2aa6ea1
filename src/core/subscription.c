#include "core/subscription.h"

#include "base/clock.h"
#include "base/count.h"
#include "base/log.h"
#include "base/trace.h"
#include "core/request.h"
#include "core/retry.h"
#include "core/shard.h"
#include "core/topic.h"

#define AGAIN_SPREAD 0.2
/* The reader could not go on, or the cursor could not be stored. */
#define REOPEN_US US_PER_S

static void pump(struct subscription *s);

static struct subscription *subscription_by_reader(struct reader *r)
{
    return CONTAINER_OF(r, struct subscription, reader);
}

static bool is_draining(const struct subscription *s)
{
    return atomic_load(&s->shard->engine->stage) == ENGINE_DRAINING;
}

static void set_again(struct subscription *s, int64_t wait_us)
{
    s->waiting = true;
    timer_set(s->shard->loop, &s->again, loop_now(s->shard->loop) + wait_us);
}

/* ---- the cursor ---- */

struct cursor_save {
    struct store_commit op;
    struct subscription *subscription; /* NULL: it is gone */
    uint64_t taken;
};

static void save_cursor(struct subscription *s);
static void tell_poller(const struct subscription *s);

/* It mostly grows, but not where the topic's journal was replaced by an older one. */
static bool is_unsaved(const struct subscription *s)
{
    return s->taken != s->cursor;
}

static void saved(struct subscription *s, uint64_t taken)
{
    s->unsaved = false;
    s->cursor = taken;
    s->has_cursor = true;
    if (is_unsaved(s))
        save_cursor(s);
    tell_poller(s);
    pump(s);
}

/* Tried again until it can be stored, or the record is gone and the subscription goes, too. */
static void not_saved(struct subscription *s, enum err err, const struct errinfo *ei)
{
    if (err != E_NOT_FOUND && !s->unsaved)
        log_warn("the cursor of a subscription cannot be stored",
                 LOG_S("subscription", s->conf->id), LOG_S("why", err_text(ei, err)));
    s->unsaved = true;
    if (s->state && !s->waiting)
        set_again(s, REOPEN_US);
}

static void on_saved(struct store_op *op)
{
    struct cursor_save *save = CONTAINER_OF(op, struct cursor_save, op.op);
    struct subscription *s = save->subscription;
    uint64_t taken = save->taken;
    enum err err = op->err;

    if (s) {
        s->save = NULL;
        if (err == E_OK)
            saved(s, taken);
        else
            not_saved(s, err, &op->info);
    }
    blob_unref(save->op.state);
    free(save);
}

static void save_cursor(struct subscription *s)
{
    AUTO(buf_done) struct buf text = BUF_INIT;

    if (s->save)
        return;
    struct cursor_save *save = xcalloc(1, sizeof *save);
    buf_printf(&text, "{\"cursor\":%llu}", (unsigned long long)s->taken);
    save->subscription = s;
    save->taken = s->taken;
    save->op.op.reply = s->shard->loop;
    save->op.op.done = on_saved;
    save->op.topic = s->conf->num;
    save->op.expected_seq = s->head;
    save->op.state = blob_of_buf(&text);
    s->save = save;
    store_commit(s->shard->engine->store, &save->op);
}

static void restore_cursor(struct subscription *s, struct str state)
{
    AUTO(jdoc_freep) struct jdoc *doc = NULL;
    int64_t cursor;

    if (state.p && jdoc_parse(state, NULL, &doc, NULL) == E_OK &&
        jv_i64(jv_getz(jdoc_root(doc), "cursor"), &cursor)) {
        s->cursor = (uint64_t)cursor;
        s->has_cursor = true;
    } else if (s->conf->mode == MODE_EVENT) {
        s->cursor = s->conf->since;
        s->has_cursor = true;
    }
    s->taken = s->cursor;
}

uint64_t subscriptions_hold(const struct topic *t)
{
    uint64_t hold = 0;

    LIST_EACH (n, &t->subscriptions) {
        const struct subscription *s = LIST_ITEM(n, struct subscription, link);
        if (s->conf->sink->start && s->has_cursor && s->conf->mode != MODE_SNAPSHOT_ONLY)
            hold = hold ? MIN(hold, s->cursor + 1) : s->cursor + 1;
    }
    return hold;
}

bool subscriptions_have(const struct topic *t, uint64_t seq)
{
    LIST_EACH (n, &t->subscriptions) {
        const struct subscription *s = LIST_ITEM(n, struct subscription, link);
        if (s->conf->sink->start && s->conf->status == SUBSCRIPTION_ACTIVE && s->cursor < seq)
            return false;
    }
    return true;
}

/* Who polls may have waited for this. */
static void tell_poller(const struct subscription *s)
{
    struct request *r = s->topic->poller.request;

    if (r && r->processor->delivered)
        r->processor->delivered(r);
}

/* ---- what is under way ---- */

static void forget_window(struct subscription *s)
{
    for (unsigned i = 0; i < s->under_way; i++)
        event_unref(s->window[i]);
    s->under_way = 0;
    s->under_way_bytes = 0;
}

static void deliver(struct subscription *s, struct event *e)
{
    s->conf->sink->deliver(s->state, e, s->attempt);
}

/* Whether another event may be given to the sink now. */
static bool has_room(const struct subscription *s)
{
    unsigned window = s->conf->sink->window;
    size_t bytes = s->conf->sink->window_bytes;

    return s->state && !s->waiting && !is_draining(s) && s->under_way < window &&
           (bytes == 0 || s->under_way_bytes < bytes) && (window > 1 || !is_unsaved(s));
}

/* An error is no event to deliver, but one of them says that events were missed. */
static void pass_over(struct subscription *s, const struct event *e)
{
    if (e->error_code != 40400)
        return;
    s->missed++;
    log_error("a subscription missed events: they were not held long enough",
              LOG_S("subscription", s->conf->id), LOG_S("topic", s->topic->conf->name),
              LOG_I("after", s->taken));
}

static bool is_outdated(const struct subscription *s)
{
    const struct event *next = reader_ahead(&s->reader, 1);

    return s->conf->mode == MODE_SNAPSHOT_ONLY && next && next->type != EVENT_ERROR;
}

/* Give the sink what is due. */
static void pump(struct subscription *s)
{
    struct reader *r = &s->reader;

    if (!s->state || r->closed)
        return;
    while (has_room(s)) {
        if (!reader_settle(r))
            return;
        struct event *e = reader_ahead(r, 0);
        if (!e) {
            r->moved = loop_now(s->shard->loop);
            reader_move(r, HUB_CURRENT);
            return;
        }
        if (e->type == EVENT_ERROR) {
            pass_over(s, e);
            reader_take(r);
        } else if (is_outdated(s)) {
            reader_take(r);
        } else {
            s->window[s->under_way++] = event_ref(e);
            s->under_way_bytes += event_size(e);
            reader_take(r);
            deliver(s, s->window[s->under_way - 1]);
        }
    }
    if (!r->waiting)
        reader_move(r, HUB_PARKED);
}

/* The oldest needs no more to be told. */
static void pass(struct subscription *s)
{
    struct event *e = s->window[0];

    s->under_way--;
    s->under_way_bytes -= event_size(e);
    memmove(s->window, s->window + 1, s->under_way * sizeof(struct event *));
    s->attempt = 0;
    s->taken = e->seq;
    event_unref(e);
    save_cursor(s);
    if (s->conf->sink->window > 1)
        pump(s);
}

static void delivered(struct subscription *s)
{
    s->delivered++;
    s->delivered_wall = clock_now_wall();
    err_clear(&s->why);
    count_one(COUNT_subscription_deliveries);
    pass(s);
}

static void undeliverable(struct subscription *s, const struct sink_result *res)
{
    log_error("a subscription passes over an event that cannot be delivered",
              LOG_S("subscription", s->conf->id), LOG_S("topic", s->topic->conf->name),
              LOG_I("seq", s->window[0]->seq), LOG_S("why", res->info.text));
    s->missed++;
    subscription_stuck(s, &res->info);
    count_one(COUNT_subscription_failures);
    pass(s);
}

static void failed(struct subscription *s, const struct sink_result *res)
{
    const struct conf *conf = conf_current();
    int64_t wait = retry_delay(s->attempt, conf->subscription_retry_initial_us,
                               conf->subscription_retry_max_us, AGAIN_SPREAD, rand_unit());

    s->failed++;
    s->failed_wall = clock_now_wall();
    s->why = res->info;
    s->attempt++;
    s->failing = true;
    count_one(COUNT_subscription_failures);
    s->conf->sink->cancel(s->state);
    set_again(s, MAX(wait, res->wait_us));
    trace(channel, "%s: attempt %u failed, again in %lld ms", s->conf->id, s->attempt,
          (long long)(MAX(wait, res->wait_us) / US_PER_MS));
}

static void on_suspended(void *arg, enum err err, const struct errinfo *ei,
                         struct subscription_conf *now)
{
    (void)arg;
    if (err != E_OK && err != E_NOT_FOUND && err != E_CONFLICT)
        log_warn("a subscription could not be suspended", LOG_S("subscription", now->id),
                 LOG_S("why", err_text(ei, err)));
}

/* Nothing more is told; the settings follow. */
static void suspend(struct subscription *s, const struct errinfo *why)
{
    AUTO(subscription_conf_unrefp)
    struct subscription_conf *conf =
        subscription_conf_with_status(s->conf, SUBSCRIPTION_SUSPENDED, clock_now_wall());

    s->failed_wall = clock_now_wall();
    s->why = *why;
    s->failing = true;
    /* In case that they cannot be stored. */
    set_again(s, conf_current()->subscription_retry_max_us);
    log_warn("a subscription is suspended", LOG_S("subscription", s->conf->id),
             LOG_S("topic", s->topic->conf->name), LOG_S("why", why->text));
    subscription_store(s->shard, conf, s->conf, on_suspended, NULL);
}

/* The receiver wants no more. */
static void gone(struct subscription *s, const struct sink_result *res)
{
    s->failed++;
    s->attempt++;
    count_one(COUNT_subscription_failures);
    s->conf->sink->cancel(s->state);
    suspend(s, &res->info);
}

void subscription_report(struct subscription *s, const struct sink_result *res)
{
    CHECK(s->under_way > 0);
    switch (res->outcome) {
    case SINK_DONE:
        delivered(s);
        break;
    case SINK_AGAIN:
        failed(s, res);
        break;
    case SINK_GONE:
        gone(s, res);
        break;
    case SINK_NEVER:
        undeliverable(s, res);
        break;
    }
}

void subscription_stuck(struct subscription *s, const struct errinfo *why)
{
    s->why = *why;
    s->failed_wall = clock_now_wall();
}

/* ---- the reader ---- */

static void on_flush(struct reader *r)
{
    pump(subscription_by_reader(r));
    if (!r->closed && list_linked(&r->link) && !r->waiting && !has_room(subscription_by_reader(r)))
        reader_move(r, HUB_PARKED);
}

static void on_beat(struct reader *r)
{
    r->moved = loop_now(r->hub->shard->loop);
    reader_move(r, HUB_CURRENT);
}

static void close_reader(struct subscription *s)
{
    reader_close(&s->reader);
    deferred_cancel(&s->closing);
}

/* Not within a call of the reader's: its memory is used again when it is opened again. */
static void on_closing(struct deferred *d, void *arg)
{
    (void)d;
    close_reader(arg);
}

static void on_lost(struct reader *r)
{
    struct subscription *s = subscription_by_reader(r);

    loop_defer(s->shard->loop, &s->closing);
    if (!s->waiting)
        set_again(s, REOPEN_US);
}

static void on_end(struct reader *r, struct event *e)
{
    struct subscription *s = subscription_by_reader(r);

    (void)e;
    loop_defer(s->shard->loop, &s->closing);
}

static void on_close(struct reader *r)
{
    close_reader(subscription_by_reader(r));
}

/* There is no socket that could be stuck. */
static void on_stall(struct reader *r)
{
    (void)r;
}

/* True: the topic is delivered in this way and mode; else the subscription is being suspended. */
static bool check_offer(struct subscription *s, const struct topic_conf *conf)
{
    const struct sink *sink = s->conf->sink;
    struct errinfo why = ERRINFO_INIT;

    if (conf->deliveries[sink->type].modes & MODE_BIT(s->conf->mode))
        return true;
    if (s->under_way > 0)
        sink->cancel(s->state);
    (void)err_set(&why, E_CLOSED, "the topic is not delivered by %s in mode %s any more",
                  subscriber_type_names[sink->type], mode_name(s->conf->mode));
    suspend(s, &why);
    return false;
}

static void on_conf_changed(struct reader *r)
{
    (void)check_offer(subscription_by_reader(r), r->hub->conf);
}

static const struct reader_ops subscription_ops = {
    .flush = on_flush,
    .beat = on_beat,
    .stall = on_stall,
    .lost = on_lost,
    .conf_changed = on_conf_changed,
    .end = on_end,
    .close = on_close,
};

static void open_reader(struct subscription *s)
{
    s->reader = (struct reader){
        .ops = &subscription_ops,
        .mode = (uint8_t)s->conf->mode,
        .durable = true,
    };
    uint64_t after = s->under_way ? s->window[s->under_way - 1]->seq : s->taken;
    reader_open(&s->reader, s->shard, s->topic->conf, s->has_cursor || after > 0, after);
}

/* ---- running ---- */

/* Tell once more what failed; where something newer says it all, that. */
static void tell_again(struct subscription *s)
{
    struct reader *r = &s->reader;

    s->failing = false;
    if (s->conf->mode == MODE_SNAPSHOT_ONLY && !r->closed && reader_settle(r) &&
        reader_ahead(r, 0) && reader_ahead(r, 0)->type != EVENT_ERROR)
        forget_window(s);
    for (unsigned i = 0; i < s->under_way; i++)
        deliver(s, s->window[i]);
}

static void on_again(struct timer *t, void *arg)
{
    struct subscription *s = arg;

    (void)t;
    s->waiting = false;
    if (is_draining(s) || !check_offer(s, s->topic->conf))
        return;
    if (is_unsaved(s))
        save_cursor(s);
    if (s->failing)
        tell_again(s);
    if (s->reader.closed)
        open_reader(s);
    else
        pump(s);
}

void subscription_run(struct subscription *s)
{
    const struct sink *sink = s->conf->sink;

    if (s->state || !sink->start || s->conf->status != SUBSCRIPTION_ACTIVE || is_draining(s))
        return;
    s->state = sink->start(s);
    s->window = xcalloc(sink->window, sizeof(struct event *));
    s->attempt = 0;
    if (!check_offer(s, s->topic->conf))
        return;
    if (is_unsaved(s))
        save_cursor(s);
    open_reader(s);
}

/* What is under way is forgotten: told again when it runs again. */
static void halt(struct subscription *s)
{
    if (!s->state)
        return;
    s->conf->sink->stop(TAKE(s->state));
    close_reader(s);
    timer_clear(s->shard->loop, &s->again);
    s->waiting = s->failing = false;
    forget_window(s);
    free(TAKE(s->window));
}

/* ---- life ---- */

struct subscription *subscription_new(struct topic *t, struct subscription_conf *conf,
                                      const struct store_head *head)
{
    struct subscription *s = xcalloc(1, sizeof *s);

    s->conf = subscription_conf_ref(conf);
    s->shard = t->shard;
    s->topic = t;
    s->head = head->seq;
    timer_init(&s->again, on_again, s);
    deferred_init(&s->closing, on_closing, s);
    s->reader.closed = true;
    restore_cursor(s, head->state);
    list_append(&t->subscriptions, &s->link);
    count_one(COUNT_subscriptions);
    return s;
}

void subscription_conf_changed(struct subscription *s, struct subscription_conf *conf)
{
    halt(s);
    subscription_conf_unref(s->conf);
    s->conf = subscription_conf_ref(conf);
    subscription_run(s);
}

void subscription_free(struct subscription *s)
{
    halt(s);
    if (s->save)
        s->save->subscription = NULL;
    list_remove(&s->link);
    if (s->kept)
        s->conf->sink->kept_free(TAKE(s->kept));
    subscription_conf_unref(s->conf);
    count_add(COUNT_subscriptions, -1);
    loop_bury(s->shard->loop, s, free);
}

struct subscription *subscription_of(struct topic *t, const char *id)
{
    LIST_EACH (n, &t->subscriptions) {
        struct subscription *s = LIST_ITEM(n, struct subscription, link);
        if (strcmp(s->conf->id, id) == 0)
            return s;
    }
    return NULL;
}

/* ---- all of a loop ---- */

void subscriptions_start(struct shard *sh)
{
    struct topic *t;

    for (size_t i = 0; (t = map_next(&sh->topics, &i));) {
        LIST_EACH (n, &t->subscriptions)
            subscription_run(LIST_ITEM(n, struct subscription, link));
    }
}

/* Waits for what the sink reports. */
static bool is_busy(const struct subscription *s)
{
    return s->under_way > 0 && !s->failing;
}

/* Once the engine drains, nothing new is taken up; what waits to be tried again is given up. */
void subscriptions_drain(struct shard *sh)
{
    struct topic *t;

    for (size_t i = 0; (t = map_next(&sh->topics, &i));) {
        LIST_EACH (n, &t->subscriptions) {
            struct subscription *s = LIST_ITEM(n, struct subscription, link);
            if (!is_busy(s))
                halt(s);
        }
    }
}

bool subscriptions_quiet(const struct shard *sh)
{
    struct topic *t;

    if (atomic_load(&sh->engine->subscription_changes) > 0)
        return false;
    for (size_t i = 0; (t = map_next(&sh->topics, &i));) {
        LIST_EACH (n, &t->subscriptions) {
            const struct subscription *s = LIST_ITEM(n, struct subscription, link);
            if (s->save || is_busy(s))
                return false;
        }
    }
    return true;
}
