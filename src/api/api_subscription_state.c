/*
 * How a subscription stands and what it can be told to do: answered from the loop that owns its
 * topic, where it runs.
 */
#include "api/api_answer.h"
#include "api/api_etag.h"
#include "api/api_owner.h"
#include "api/api_subscriptions.h"
#include "api/problem.h"
#include "base/clock.h"
#include "core/limits.h"
#include "core/topic.h"
#include "subscriber/sub_sse.h"

/* Without parameters, exchanges of the last minutes. */
#define EXCHANGES_US (5 * 60 * US_PER_S)

static const char *const json_types[] = {"application/json", NULL};

/* One job for all of them. */
struct state_job {
    struct api_job job;
    struct subscription_conf *conf; /* as this loop knew it */
    void (*fn)(struct state_job *sj, struct subscription *s);
    bool conditional;
    int status;
    struct blob *test;
    int64_t from_wall, to_wall; /* of exchanges */
    struct buf body;
};

static void state_free(struct api_job *j)
{
    struct state_job *sj = CONTAINER_OF(j, struct state_job, job);

    subscription_conf_unref(sj->conf);
    blob_unref(sj->test);
    buf_done(&sj->body);
    free(sj);
}

static void state_work(struct api_job *j, struct topic *t)
{
    struct state_job *sj = CONTAINER_OF(j, struct state_job, job);
    struct subscription *s = t ? subscription_of(t, sj->conf->id) : NULL;

    if (s)
        sj->fn(sj, s);
    else
        j->err = err_set(&j->info, E_NOT_FOUND, "the subscription was deleted");
    api_job_done(j);
}

static void answer_conf(struct state_job *sj, struct http_request *r)
{
    struct errinfo ei = ERRINFO_INIT;
    bool not_modified;
    char etag[API_ETAG_MAX];

    api_etag_make(sj->conf->num, sj->conf->rev, etag);
    const struct http_field fields[] = {{"ETag", str_of(etag)}, {NULL, STR_NONE}};
    enum err err = api_check_conditions(r, str_of(etag), &not_modified, &ei);
    if (err != E_OK)
        problem_answer_err(r, err, &ei);
    else
        api_answer_json(r, not_modified ? 304 : 200, fields, &sj->body);
}

static void state_answer(struct api_job *j, struct http_request *r)
{
    struct state_job *sj = CONTAINER_OF(j, struct state_job, job);

    if (sj->conditional)
        answer_conf(sj, r);
    else
        api_answer_json(r, sj->status, NULL, &sj->body);
}

static struct state_job *job_new(struct subscription_conf *conf, int status,
                                 void (*fn)(struct state_job *sj, struct subscription *s))
{
    struct state_job *sj = xcalloc(1, sizeof *sj);

    sj->job = (struct api_job){.work = state_work, .answer = state_answer, .free = state_free};
    sj->conf = subscription_conf_ref(conf);
    sj->status = status;
    sj->fn = fn;
    return sj;
}

static void job_start(struct state_job *sj, const struct api_call *call)
{
    const struct topic_conf *topic = directory_find_id(call->sh, str_of(sj->conf->topic));

    if (topic) {
        api_on_owner_of(&sj->job, call, topic);
        return;
    }
    api_answer_no_topic(call->r, str_of(sj->conf->topic));
    state_free(&sj->job);
}

/* ---- show ---- */

static void put_time(struct jwriter *w, const char *key, int64_t wall)
{
    char text[CLOCK_MS_LEN + 1];

    jw_key(w, key);
    if (wall == 0) {
        jw_null(w);
        return;
    }
    clock_text_ms(text, wall);
    jw_strz(w, text);
}

static void put_count(struct jwriter *w, const char *key, uint64_t n)
{
    jw_key(w, key);
    jw_i64(w, (int64_t)n);
}

static void put_cursor(struct jwriter *w, const struct subscription *s)
{
    char id[EVENT_ID_MAX + 1];

    jw_key(w, "cursor");
    if (s->has_cursor && s->cursor > 0) {
        event_id_make(id, s->conf->topic, s->cursor);
        jw_strz(w, id);
    } else {
        jw_null(w);
    }
}

/* After a crash numbers leap ahead: then they do not tell how many there are. */
static void put_behind(struct jwriter *w, const struct subscription *s)
{
    uint64_t behind = s->topic->seq - s->cursor;

    jw_key(w, "behind");
    if (behind < STORE_LEAP)
        jw_i64(w, (int64_t)behind);
    else
        jw_null(w);
}

static void put_delivery(struct jwriter *w, const struct subscription *s)
{
    int64_t again = timer_is_set(&s->again) ? s->again.node.key - loop_now(s->shard->loop) : 0;

    jw_object(w);
    put_cursor(w, s);
    put_behind(w, s);
    put_count(w, "delivered", s->delivered);
    put_count(w, "failed", s->failed);
    put_count(w, "missed", s->missed);
    put_count(w, "attempt", s->attempt);
    put_time(w, "nextAttempt", s->failing && again > 0 ? clock_now_wall() + again : 0);
    put_time(w, "lastSuccess", s->delivered_wall);
    jw_key(w, "lastError");
    if (s->why.text[0]) {
        jw_object(w);
        put_time(w, "time", s->failed_wall);
        jw_key(w, "message");
        jw_strz(w, s->why.text);
        jw_object_end(w);
    } else {
        jw_null(w);
    }
    jw_object_end(w);
}

static void show(struct state_job *sj, struct subscription *s)
{
    struct jwriter w = jw_begin(&sj->body);

    jw_object(&w);
    subscription_conf_write(sj->conf, &w);
    if (s->conf->sink->start) {
        jw_key(&w, "delivery");
        put_delivery(&w, s);
    }
    jw_object_end(&w);
    CHECK(jw_end(&w) == E_OK);
}

void api_subscription_get(const struct api_call *call)
{
    struct subscription_conf *conf = api_subscription_find(call);

    if (!conf)
        return;
    struct state_job *sj = job_new(conf, 200, show);
    sj->conditional = true;
    job_start(sj, call);
}

/* ---- test ---- */

static void test(struct state_job *sj, struct subscription *s)
{
    struct api_job *j = &sj->job;

    if (!s->state) {
        j->err = err_set(&j->info, E_CONFLICT, "the subscription is suspended");
        return;
    }
    s->conf->sink->test(s->state, blob_view(sj->test));
    buf_puts(&sj->body, "{\"status\":\"accepted\"}");
}

void api_subscription_test(const struct api_call *call)
{
    struct subscription_conf *conf = api_subscription_find(call);
    AUTO(jdoc_freep)
    struct jdoc *body = conf ? api_body(call->r, json_types, LIMIT_TEST_BYTES) : NULL;

    if (!body)
        return;
    struct state_job *sj = job_new(conf, 202, test);
    sj->test = blob_new(call->r->body.p, call->r->body.n);
    job_start(sj, call);
}

/* ---- exchanges ---- */

static void exchanges(struct state_job *sj, struct subscription *s)
{
    struct jwriter w = jw_begin(&sj->body);

    jw_array(&w);
    s->conf->sink->exchanges(s, sj->from_wall, sj->to_wall, &w);
    jw_array_end(&w);
    CHECK(jw_end(&w) == E_OK);
}

/* False: answered with 400. */
static bool read_time(struct http_request *r, const char *name, int64_t preset, int64_t *ret)
{
    struct str text;

    if (!api_query_text(r, name, 0, &text))
        return false;
    *ret = preset;
    if (!text.p || clock_parse_wall(text, ret) == E_OK)
        return true;
    problem_answer(
        r, &(struct problem){.status = 400,
                             .title = API_QUERY_TITLE,
                             .detail = "expected a date and time such as 2026-01-31T08:15:00Z",
                             .parameter = name});
    return false;
}

void api_subscription_exchanges(const struct api_call *call)
{
    struct subscription_conf *conf = api_subscription_find(call);
    int64_t from, to;

    if (!conf || !read_time(call->r, "end", clock_now_wall(), &to) ||
        !read_time(call->r, "start", to - EXCHANGES_US, &from))
        return;
    struct state_job *sj = job_new(conf, 200, exchanges);
    sj->from_wall = from;
    sj->to_wall = to;
    job_start(sj, call);
}

/* ---- subscribe ---- */

/* To HEAD, only the head of the stream: nobody begins to follow. */
static void answer_stream_head(struct http_request *r)
{
    const struct http_field fields[] = {
        {"Content-Type", STR("text/event-stream")},
        {"Cache-Control", STR("no-cache")},
        {NULL, STR_NONE},
    };

    http_respond(r, 200, fields, STR_NONE);
}

void api_subscription_subscribe(const struct api_call *call)
{
    const struct subscription_conf *conf = api_subscription_find(call);
    struct errinfo ei = ERRINFO_INIT;

    if (!conf)
        return;
    if (call->r->method == HTTP_HEAD_) {
        answer_stream_head(call->r);
        return;
    }
    enum err err = sub_sse_subscribe(call->r, call->sh, conf, &ei);
    if (err != E_OK)
        problem_answer_err(call->r, err, &ei);
}
