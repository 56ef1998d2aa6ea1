#include "subscriber/sub_webhook.h"

#include "base/count.h"
#include "core/cloudevent.h"
#include "core/shard.h"
#include "core/topic.h"
#include "subscriber/sub_webhook_call.h"

/* ---- header fields that are the same in all requests ---- */

static bool set_field(struct webhook *w, const char *name, const char *value)
{
    return fetch_target_header(w->target, str_of(name), str_of(value), &w->info) == E_OK;
}

/* The settings may change the first two; what a receiver answers is read by people, so it should
 * not be compressed. */
static bool set_fields(struct webhook *w)
{
    const struct subscription_conf *conf = w->subscription->conf;

    return set_field(w, "Accept-Encoding", "identity") &&
           set_field(w, "Content-Type", "application/json") &&
           http_fields_set(w->target, &w->conf->fields, &w->info) == E_OK &&
           set_field(w, "X-Axway-Streams-Subscription-Id", conf->id) &&
           set_field(w, "X-Axway-Streams-Topic-Id", conf->topic);
}

/* ---- deliveries ---- */

static void on_delivered(struct webhook_call *call, const struct sink_result *res)
{
    subscription_report(call->webhook->subscription, res);
}

static void deliver(void *state, struct event *e, unsigned attempt)
{
    struct webhook *w = state;
    struct webhook_call *call = &w->delivery;
    bool wrapped = w->conf->format == WEBHOOK_CLOUDEVENTS;

    event_id_make(w->event_id, w->subscription->conf->topic, e->seq);
    call->id = str_of(w->event_id);
    call->type = event_type_name(e->type);
    call->body = blob_view(wrapped ? cloudevent_of(e, w->subscription->topic->conf) : e->body);
    call->media_type = wrapped ? CLOUDEVENT_MEDIA_TYPE : NULL;
    call->attempt = attempt;
    webhook_call_start(call);
}

static void cancel(void *state)
{
    struct webhook *w = state;

    webhook_call_stop(&w->delivery);
}

/* ---- tests ---- */

struct webhook_test {
    struct webhook_call call;
    struct list link;
    struct buf body;
    char id[UUID_LEN + 1];
};

static void test_free(void *p)
{
    struct webhook_test *t = p;

    buf_done(&t->body);
    free(t);
}

static void test_end(struct webhook_test *t)
{
    webhook_call_stop(&t->call);
    list_remove(&t->link);
    t->call.webhook->test_count--;
}

/* Its exchange tells how it went. */
static void on_tested(struct webhook_call *call, const struct sink_result *res)
{
    struct webhook_test *t = CONTAINER_OF(call, struct webhook_test, call);

    (void)res;
    test_end(t);
    loop_bury(call->webhook->subscription->shard->loop, t, test_free);
}

static void test(void *state, struct str body)
{
    struct webhook *w = state;
    struct webhook_test *t = xcalloc(1, sizeof *t);

    webhook_call_init(&t->call, w);
    uuid_make(t->id);
    buf_str(&t->body, body);
    t->call.id = str_of(t->id);
    t->call.type = "test";
    t->call.body = buf_view(&t->body);
    t->call.forced = true;
    t->call.ended = on_tested;
    if (w->test_count >= LIMIT_WEBHOOK_TESTS) {
        webhook_call_note(&t->call, "not sent: too many tests are under way");
        test_free(t);
        return;
    }
    list_append(&w->tests, &t->link);
    w->test_count++;
    count_one(COUNT_webhook_tests);
    webhook_call_start(&t->call);
}

/* ---- life ---- */

static void *start(struct subscription *s)
{
    struct webhook *w = xcalloc(1, sizeof *w);

    w->subscription = s;
    w->conf = s->conf->config;
    list_init(&w->tests);
    webhook_call_init(&w->delivery, w);
    w->delivery.ended = on_delivered;
    w->target = fetch_target_new(str_of(w->conf->url), &w->info);
    if (w->target && !set_fields(w))
        fetch_target_free(TAKE(w->target));
    if (w->target)
        w->breaker = breaker_get(s->shard->breakers, fetch_target_origin(w->target));
    return w;
}

static void stop(void *state)
{
    struct webhook *w = state;

    webhook_call_stop(&w->delivery);
    LIST_EACH_SAFE (n, &w->tests) {
        struct webhook_test *t = LIST_ITEM(n, struct webhook_test, link);
        test_end(t);
        test_free(t);
    }
    fetch_target_free(w->target);
    breaker_put(w->breaker);
    token_conf_unref(w->client);
    webhook_keys_wipe(&w->keys);
    exchange_base_unref(w->base);
    token_unref(w->base_token);
    free(w);
}

/* ---- exchanges ---- */

static void exchanges(const struct subscription *s, int64_t from_wall, int64_t to_wall,
                      struct jwriter *w)
{
    if (s->kept)
        exchange_write(s->kept, s->conf->id, s->conf->topic, from_wall, to_wall, w);
}

static void kept_free(void *kept)
{
    exchange_log_free(kept);
}

const struct sink sub_webhook_sink = {
    .type = SUBSCRIBER_WEBHOOK,
    .attrs = webhook_conf_attrs,
    .attr_count = WEBHOOK_CONF_ATTRS,
    .config_new = webhook_conf_new,
    .config_free = webhook_conf_free,
    .window = 1,
    .start = start,
    .stop = stop,
    .deliver = deliver,
    .cancel = cancel,
    .test = test,
    .exchanges = exchanges,
    .kept_free = kept_free,
};
