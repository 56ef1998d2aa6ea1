/*
 * The feed-poller. A cycle goes round
 *
 *   ask for the next batch → publish what is new in it → (until it is delivered) → complete it
 *
 * and ends where the feed says that there is no more, or with the first failure.
 *
 * Which notifications were published is committed together with them (polled_known.h). A batch is
 * completed only when that is durable; until then the feed gives it again, and what is known of it is
 * passed over. So nothing is lost and nothing published twice, wherever a crash falls.
 */
#include "publisher/pub_feed.h"

#include "base/log.h"
#include "base/trace.h"
#include "core/payload.h"
#include "core/subscription.h"
#include "core/trial.h"
#include "publisher/http_exchange.h"
#include "publisher/polled_known.h"
#include "publisher/pub_feed_conf.h"

/* Whether a batch is delivered is told by what delivers; but not when a subscription goes. */
#define LOOK_AGAIN_US US_PER_S

struct polled_state {
    struct fetch_target *target; /* NULL: the URL cannot be used, see info */
    struct errinfo info;
    struct polled_known kept;
    struct polled_known learnt; /* of the commit under way */
    bool has_learnt;
};

struct polled_run {
    struct http_call call;
    struct polled_state *state;
    bool completing; /* else the next batch is asked for */
    bool waiting;    /* for the batch to be delivered */
    struct timer look;
    bool more;       /* there is something to ask for after this batch */
    bool partly;     /* of this batch the first part is published; the rest is asked for again */
    char *completed; /* in this cycle, the last; NULL: none */
    size_t batches;
    size_t committing; /* notifications in the commit under way */
    size_t published;
};

/* ---- what a run learnt ---- */

static void settle(void *state, bool kept)
{
    struct polled_state *s = state;

    if (!s->has_learnt)
        return;
    s->has_learnt = false;
    if (kept) {
        polled_known_done(&s->kept);
        s->kept = s->learnt;
        s->learnt = (struct polled_known){0};
    } else {
        polled_known_done(&s->learnt);
    }
}

static void save(const void *state, struct buf *b)
{
    const struct polled_state *s = state;

    polled_known_write(s->has_learnt ? &s->learnt : &s->kept, b);
}

static void restore(void *state, const jval *saved)
{
    polled_known_read(&((struct polled_state *)state)->kept, saved);
}

/* ---- life of the state ---- */

/* Ids are unique within a feed. */
static uint64_t key_of_feed(const struct polled_conf *conf)
{
    uint64_t key = hash64(conf->url, strlen(conf->url));

    return conf->tenant_id ? hash64_seed(conf->tenant_id, strlen(conf->tenant_id), key) : key;
}

static enum err set_fields(struct fetch_target *target, const struct polled_conf *conf,
                           struct errinfo *ei)
{
    enum err err = http_fields_set(target, &conf->fields, ei);

    if (err == E_OK && conf->tenant_id)
        err = fetch_target_header(target, STR(POLLED_TENANT_FIELD), str_of(conf->tenant_id), ei);
    return err;
}

static void *start(struct topic *t)
{
    const struct polled_conf *conf = t->conf->config;
    struct polled_state *s = xcalloc(1, sizeof *s);

    s->kept.feed = key_of_feed(conf);
    s->target = fetch_target_new(str_of(conf->url), &s->info);
    if (s->target && set_fields(s->target, conf, &s->info) != E_OK)
        fetch_target_free(TAKE(s->target));
    return s;
}

static void stop(void *state)
{
    struct polled_state *s = state;

    fetch_target_free(s->target);
    polled_known_done(&s->kept);
    polled_known_done(&s->learnt);
    free(s);
}

/* ---- asking ---- */

static void ask_next(struct request *r)
{
    const struct polled_conf *conf = r->conf->config;
    struct polled_run *run = r->step;
    struct http_call *call = &run->call;

    run->completing = false;
    call->method = NULL;
    call->body = STR_NONE;
    call->accepted = 0;
    call->number = run->batches + 1;
    buf_clear(&call->url);
    polled_url_next(str_of(conf->url), &call->url);
    r->attempt = 0;
    http_exchange_send(call);
}

/* 404: it was completed before, and the answer to that was lost. */
static void complete(struct request *r)
{
    const struct polled_conf *conf = r->conf->config;
    struct polled_run *run = r->step;
    struct http_call *call = &run->call;

    run->completing = true;
    call->method = "POST";
    call->body = STR("");
    call->accepted = 404;
    buf_clear(&call->url);
    polled_url_complete(str_of(conf->url), str_of(run->state->kept.batch), &call->url);
    r->attempt = 0;
    http_exchange_send(call);
}

/* ---- ends ---- */

static void end_cycle(struct request *r)
{
    const struct polled_run *run = r->step;

    trace(poller, "%s: %zu batches, %zu notifications published", r->conf->name, run->batches,
          run->published);
    request_end(r, run->published > 0 ? EXIT_OK : EXIT_UNCHANGED, E_OK, NULL);
}

static void fail(struct request *r, enum err err, struct errinfo *ei)
{
    const struct polled_run *run = r->step;

    if (run->call.number > 1)
        err_prefix(ei, err, "batch %zu", run->call.number);
    request_end(r, EXIT_ERROR, err, ei);
}

/* Nothing new begins after this, so that there is time for what was begun. */
static int64_t middle_of(const struct request *r)
{
    return r->started + (r->deadline - r->started) / 2;
}

/* A feed may have more for ever. What it has left is for the next cycle, so that this one ends as the
 * success that it is, and not by its deadline. */
static bool may_go_on(const struct request *r)
{
    const struct polled_run *run = r->step;

    if (run->batches < LIMIT_POLLED_CYCLE && clock_now() < middle_of(r))
        return true;
    trace(poller, "%s: the rest of the feed is left for the next cycle", r->conf->name);
    return false;
}

/* ---- completing ---- */

static void on_completed(struct request *r)
{
    struct polled_run *run = r->step;

    run->state->kept.completed = true;
    run->completed = arena_strdup(&r->arena, str_of(run->state->kept.batch));
    run->batches++;
    if (run->more && may_go_on(r))
        ask_next(r);
    else
        end_cycle(r);
}

/* Where it has to be delivered first and is not in time, the feed gives it again. */
static void complete_when_delivered(struct request *r)
{
    const struct polled_conf *conf = r->conf->config;
    struct polled_run *run = r->step;
    int64_t now = clock_now();

    run->waiting = false;
    if (conf->complete_after == POLLED_STORED ||
        subscriptions_have(r->topic, run->state->kept.seq)) {
        complete(r);
    } else if (now >= middle_of(r)) {
        end_cycle(r);
    } else {
        r->state = REQUEST_COMMITTING;
        run->waiting = true;
        timer_set(r->topic->shard->loop, &run->look, MIN(now + LOOK_AGAIN_US, middle_of(r)));
    }
}

static void delivered(struct request *r)
{
    struct polled_run *run = r->step;

    if (!run || !run->waiting)
        return;
    timer_clear(r->topic->shard->loop, &run->look);
    complete_when_delivered(r);
}

static void on_look(struct timer *t, void *arg)
{
    (void)t;
    complete_when_delivered(arg);
}

/* ---- publishing ---- */

/* The journal is gone when the topic was deleted, of which this loop hears in a moment. */
static void on_committed(void *arg, enum err err, const struct errinfo *ei)
{
    struct request *r = arg;
    struct polled_run *run = r->step;

    if (err != E_OK) {
        request_end(r, err == E_NOT_FOUND ? EXIT_CANCELLED : EXIT_ERROR, err, ei);
        return;
    }
    settle(run->state, true);
    run->published += run->committing;
    if (!run->partly)
        complete_when_delivered(r);
    else if (may_go_on(r))
        ask_next(r);
    else
        end_cycle(r);
}

static bool is_before(const struct polled_batch *batch, struct str id, size_t end)
{
    for (struct jiter it = jiter_of(batch->notifications); jiter_next(&it) && it.index < end;) {
        if (str_eq(jv_str(jv_getz(it.value, "id")), id))
            return true;
    }
    return false;
}

/* Was it not published before, nor is it in this batch twice? */
static bool is_news(const struct polled_run *run, const struct polled_batch *batch,
                    const struct jiter *at)
{
    struct str id = jv_str(jv_getz(at->value, "id"));

    return !polled_known_has(&run->state->kept, id) && !is_before(batch, id, at->index);
}

/* Make bodies of them; returns how many. As many as the rings of hubs hold with ease: readers that
 * keep up must find all of a commit there. Where there are more, the batch ends before them. */
static size_t find_news(const struct polled_run *run, struct polled_batch *batch,
                        struct blob *bodies[LIMIT_POST_GROUP])
{
    AUTO(buf_done) struct buf text = BUF_INIT;
    size_t count = 0, bytes = 0;

    for (struct jiter it = jiter_of(batch->notifications); jiter_next(&it);) {
        if (!is_news(run, batch, &it))
            continue;
        buf_clear(&text);
        CHECK(jv_write(it.value, &text) == E_OK);
        bytes += text.len;
        if (count == LIMIT_POST_GROUP || (count > 0 && bytes > LIMIT_POST_GROUP_BYTES)) {
            batch->count = it.index;
            break;
        }
        bodies[count++] = blob_of_buf(&text);
    }
    return count;
}

/* What is told of a batch that is not plainly new. */
static void tell(const struct request *r, const struct polled_batch *batch, size_t news)
{
    const struct polled_known *kept = &((struct polled_run *)r->step)->state->kept;
    bool same = kept->batch && str_eqz(batch->id, kept->batch);

    if (batch->dropped > 0)
        log_warn("the feed says that it dropped notifications", LOG_S("topic", r->conf->name),
                 LOG_I("count", batch->dropped));
    if (news < batch->count)
        trace(poller, "%s: batch %.*s: %zu of %zu notifications were published before",
              r->conf->name, STR_ARG(batch->id), batch->count - news, batch->count);
    if (same && news > 0)
        log_warn("a batch came again with other notifications", LOG_S("topic", r->conf->name),
                 LOG_S("batch", kept->batch), LOG_I("new", news));
}

static void publish(struct request *r, struct polled_batch *batch)
{
    struct polled_run *run = r->step;
    struct polled_state *s = run->state;
    struct topic *t = r->topic;
    struct blob *bodies[LIMIT_POST_GROUP];
    size_t whole = batch->count, news = find_news(run, batch, bodies);

    if (!run->partly)
        tell(r, batch, news);
    /* Where the feed was told before, and gives it all the same: once more, and then it must have
     * another. */
    run->more = batch->more || (run->partly && run->more) ||
                (s->kept.completed && str_eqz(batch->id, s->kept.batch));
    run->partly = batch->count < whole;
    run->committing = news;
    polled_known_next(&s->kept, batch, news > 0 ? t->seq + news : s->kept.seq, &s->learnt);
    s->has_learnt = true;
    if (news == 0) {
        settle(s, true);
        complete_when_delivered(r);
        return;
    }
    r->state = REQUEST_COMMITTING;
    topic_publish_messages(t, bodies, news, on_committed, r);
    for (size_t i = 0; i < news; i++)
        blob_unref(bodies[i]);
}

/* ---- the answer ---- */

static size_t max_bytes(const struct request *r)
{
    return LIMIT_POLLED_BATCH_BYTES +
           (size_t)r->topic->shard->engine->conf->payload_max_bytes * LIMIT_CHANGES_FACTOR;
}

static enum err read_batch(const struct request *r, struct jdoc **ret, struct polled_batch *batch,
                           struct errinfo *ei)
{
    const struct polled_run *run = r->step;
    const struct fetch_result *res = run->call.result;
    const struct json_limits limits = {run->call.max_bytes, LIMIT_JSON_NODES,
                                       LIMIT_POLLED_BATCH_DEPTH};

    enum err err =
        payload_decode(res->body, fetch_header(res, "Content-Encoding", 0), &limits, ret, ei);
    if (err == E_OK)
        err = polled_batch_read(jdoc_root(*ret), batch, ei);
    if (err == E_OK && run->completed && str_eqz(batch->id, run->completed))
        err = err_set(ei, E_POLL_UNKNOWN,
                      "the feed gives the batch \"%.100s\" again, which was completed; ended by "
                      "the guard against feeds that do not move",
                      run->completed);
    return err;
}

/* Nothing is published and nothing completed: it only shows what would be. */
static void end_trial(struct request *r, const struct polled_batch *batch)
{
    const struct polled_run *run = r->step;
    AUTO(buf_done) struct buf text = BUF_INIT;
    bool news = false;

    for (struct jiter it = jiter_of(batch->notifications); !news && jiter_next(&it);)
        news = is_news(run, batch, &it);
    CHECK(jv_write(batch->notifications, &text) == E_OK);
    (void)trial_payload_came(r->topic->trial, batch->notifications, &text, E_OK);
    request_end(r, news ? EXIT_OK : EXIT_UNCHANGED, E_OK, NULL);
}

/* Of a trial: what came. */
static void tell_page(const struct request *r, const struct jdoc *doc, const char *error)
{
    const struct polled_run *run = r->step;
    AUTO(buf_done) struct buf text = BUF_INIT;
    const jval *root = doc ? jdoc_root(doc) : NULL;

    if (!r->topic->trial)
        return;
    if (root)
        CHECK(jv_write(root, &text) == E_OK);
    const struct trial_page page = {
        .number = 1,
        .res = run->call.result,
        .value = root,
        .bytes = text.len,
        .error = error,
    };
    trial_page_came(r->topic->trial, &page);
}

static void on_batch(struct request *r)
{
    const struct polled_run *run = r->step;
    AUTO(jdoc_freep) struct jdoc *doc = NULL;
    struct errinfo ei = ERRINFO_INIT;
    struct polled_batch batch = {0};

    if (run->call.result->status == 204) {
        end_cycle(r);
        return;
    }
    enum err err = read_batch(r, &doc, &batch, &ei);
    tell_page(r, doc, err == E_OK ? NULL : ei.text);
    if (err != E_OK)
        fail(r, err, &ei);
    else if (r->topic->trial)
        end_trial(r, &batch);
    else
        publish(r, &batch);
}

/* ---- steps ---- */

static void setup(struct request *r)
{
    const struct polled_conf *conf = r->conf->config;
    struct polled_state *s = r->topic->poller.state;
    struct polled_run *run = arena_alloc(&r->arena, sizeof *run);
    struct errinfo ei = ERRINFO_INIT;

    r->step = run;
    run->state = s;
    http_exchange_init(&run->call, r);
    timer_init(&run->look, on_look, r);
    run->call.target = s->target;
    run->call.retries = &conf->retries;
    run->call.rate_limit = true;
    run->call.max_bytes = max_bytes(r);
    run->call.part = "batch";
    if (!s->target) {
        request_end(r, EXIT_ERROR, E_POLL_CONFIG, &s->info);
        return;
    }
    enum err err = http_fields_renew(s->target, &conf->fields, r->topic->shard->engine->conf,
                                     &run->call.client, &ei);
    if (err != E_OK)
        request_end(r, EXIT_ERROR, err, &ei);
    else
        request_step_done(r);
}

static void response(struct request *r)
{
    const struct polled_run *run = r->step;

    if (run->completing)
        on_completed(r);
    else
        on_batch(r);
}

static void finish(struct request *r)
{
    struct polled_run *run = r->step;

    if (!run)
        return;
    http_exchange_stop(&run->call);
    timer_clear(r->topic->shard->loop, &run->look);
}

/* ---- the row ---- */

static int64_t deadline(const void *config)
{
    return http_deadline(polled_conf_period(config));
}

const struct processor pub_feed = {
    .type = "feed-poller",
    .polls = true,
    .events_only = true,
    .attrs = polled_conf_attrs,
    .attr_count = POLLED_CONF_ATTRS,
    .config_new = polled_conf_new,
    .config_free = polled_conf_free,
    .period = polled_conf_period,
    .deadline = deadline,
    .start = start,
    .stop = stop,
    .save = save,
    .restore = restore,
    .settle = settle,
    .setup = setup,
    .request = ask_next,
    .response = response,
    .delivered = delivered,
    .finish = finish,
};
