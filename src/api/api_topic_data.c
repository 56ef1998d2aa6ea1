#include "api/api_topic_data.h"

#include "api/api_answer.h"
#include "api/api_owner.h"
#include "api/problem.h"
#include "base/duration.h"
#include "core/limits.h"
#include "core/post.h"
#include "core/request.h"
#include "subscriber/sub_sse.h"

/* ---- stream ---- */

/* Only the head of the stream: nobody begins to follow. */
static void answer_stream_head(const struct api_call *call, const struct str *names, size_t count)
{
    const struct http_field fields[] = {
        {"Content-Type", STR("text/event-stream")},
        {"Cache-Control", STR("no-cache")},
        {"Vary", STR("Accept-Encoding")},
        {NULL, STR_NONE},
    };

    for (size_t i = 0; i < count; i++) {
        if (!directory_find(call->sh, names[i])) {
            api_answer_no_topic(call->r, names[i]);
            return;
        }
    }
    http_respond(call->r, 200, fields, STR_NONE);
}

void api_topic_stream(const struct api_call *call)
{
    struct errinfo ei = ERRINFO_INIT;

    if (call->r->method == HTTP_HEAD_) {
        answer_stream_head(call, call->params, 1);
        return;
    }
    enum err err = sub_sse_open(call->r, call->sh, call->params[0], &ei);

    if (err != E_OK)
        problem_answer_err(call->r, err, &ei);
}

/* Whose names the query gives; false: answered. */
static bool topics_of_query(const struct api_call *call, struct str ret[LIMIT_CHANNEL_TOPICS],
                            size_t *ret_count)
{
    struct errinfo ei = ERRINFO_INIT;
    struct str name;

    for (*ret_count = 0;; ++*ret_count) {
        if (!api_query_text(call->r, "topic", *ret_count, &name))
            return false;
        if (!name.p)
            break;
        if (*ret_count == LIMIT_CHANNEL_TOPICS) {
            problem_answer(call->r, &(struct problem){.status = 400,
                                                      .title = API_QUERY_TITLE,
                                                      .detail = "at most 64 topics can be followed "
                                                                "by one stream",
                                                      .parameter = "topic"});
            return false;
        }
        api_lower_uuid(call->r, &name);
        enum err err = auth_check(call->r, AUTH_SUBSCRIBE, name, &ei);
        if (err != E_OK) {
            problem_answer_err(call->r, err, &ei);
            return false;
        }
        ret[*ret_count] = name;
    }
    if (*ret_count > 0)
        return true;
    problem_answer(call->r,
                   &(struct problem){.status = 400,
                                     .title = API_QUERY_TITLE,
                                     .detail = "which topics? topic=<id or name>, once or more",
                                     .parameter = "topic"});
    return false;
}

void api_topics_stream(const struct api_call *call)
{
    struct str names[LIMIT_CHANNEL_TOPICS];
    struct errinfo ei = ERRINFO_INIT;
    enum err err = E_OK;
    size_t count;

    if (!topics_of_query(call, names, &count))
        return;
    if (call->r->method == HTTP_HEAD_) {
        answer_stream_head(call, names, count);
        return;
    }
    err = sub_sse_open_joint(call->r, call->sh, names, count, &ei);
    if (err != E_OK)
        problem_answer_err(call->r, err, &ei);
}

/* ---- events ---- */

struct events_read {
    struct store_read op;
    struct http_request *r; /* NULL: the client left */
    char topic_id[UUID_LEN + 1];
};

static void write_event(struct jwriter *w, const char *topic_id, const struct store_event *e)
{
    char id[UUID_LEN + 24];
    char time[CLOCK_MS_LEN + 1];

    snprintf(id, sizeof id, "%s#%llu", topic_id, (unsigned long long)e->seq);
    clock_text_ms(time, e->time_wall);
    jw_object(w);
    jw_key(w, "id");
    jw_strz(w, id);
    jw_key(w, "type");
    jw_strz(w, event_type_name((enum event_type)e->type));
    jw_key(w, "time");
    jw_strz(w, time);
    jw_key(w, "data");
    jw_raw(w, blob_view(e->body));
    jw_object_end(w);
}

static void write_events(struct buf *b, const struct events_read *read)
{
    struct jwriter w = jw_begin(b);

    jw_object(&w);
    jw_key(&w, "items");
    jw_array(&w);
    for (size_t i = 0; i < read->op.count; i++)
        write_event(&w, read->topic_id, &read->op.events[i]);
    jw_array_end(&w);
    jw_key(&w, "exact");
    jw_bool(&w, read->op.exact);
    jw_key(&w, "more");
    jw_bool(&w, read->op.more);
    jw_key(&w, "last");
    jw_i64(&w, (int64_t)read->op.head);
    jw_object_end(&w);
    CHECK(jw_end(&w) == E_OK);
}

static void on_read(struct store_op *op)
{
    struct events_read *read = CONTAINER_OF(op, struct events_read, op.op);
    AUTO(buf_done) struct buf body = BUF_INIT;

    if (read->r)
        read->r->on_abort = NULL;
    if (read->r && op->err != E_OK) {
        problem_answer_err(read->r, op->err, &op->info);
    } else if (read->r) {
        write_events(&body, read);
        api_answer_json(read->r, 200, NULL, &body);
    }
    store_read_done(&read->op);
    free(read);
}

static void on_read_abort(struct http_request *r)
{
    struct events_read *read = r->user;

    read->r = NULL;
}

void api_topic_events(const struct api_call *call)
{
    const struct topic_conf *conf = directory_find(call->sh, call->params[0]);
    struct http_request *r = call->r;
    uint64_t after, limit;

    if (!conf) {
        api_answer_no_topic(r, call->params[0]);
        return;
    }
    if (!api_query_number(r, "after", 0, INT64_MAX, 0, &after) ||
        !api_query_number(r, "limit", 1, LIMIT_EVENTS_READ, 100, &limit))
        return;
    struct events_read *read = xcalloc(1, sizeof *read);
    read->op = (struct store_read){.op = {.reply = call->sh->loop, .done = on_read},
                                   .topic = conf->num,
                                   .after = after,
                                   .max_events = (size_t)limit,
                                   .max_bytes = LIMIT_REPLAY_BYTES};
    memcpy(read->topic_id, conf->id, sizeof read->topic_id);
    read->r = r;
    r->user = read;
    r->on_abort = on_read_abort;
    store_read(call->sh->engine->store, &read->op);
}

/* ---- jobs that answer with JSON made by the owner ---- */

struct text_job {
    struct api_job job;
    int status;
    struct buf body;
};

static void text_free(struct api_job *j)
{
    struct text_job *t = CONTAINER_OF(j, struct text_job, job);

    buf_done(&t->body);
    free(t);
}

static void text_answer(struct api_job *j, struct http_request *r)
{
    const struct text_job *t = CONTAINER_OF(j, struct text_job, job);

    api_answer_json(r, t->status, NULL, &t->body);
}

static void start_text_job(const struct api_call *call, api_work_f *work, int status)
{
    struct text_job *t = xcalloc(1, sizeof *t);

    t->job = (struct api_job){.work = work, .answer = text_answer, .free = text_free};
    t->status = status;
    api_on_owner(&t->job, call);
}

static void poll_work(struct api_job *j, struct topic *t)
{
    struct text_job *text = CONTAINER_OF(j, struct text_job, job);

    if (!t)
        j->err = err_set(&j->info, E_NOT_FOUND, "the topic was deleted");
    else if (!poller_poll_now(&t->poller))
        j->err = err_set(&j->info, E_CONFLICT, "the publisher of topic \"%s\" does not poll",
                         t->conf->name);
    else
        buf_puts(&text->body, "{\"status\":\"accepted\"}");
    api_job_done(j);
}

void api_topic_poll(const struct api_call *call)
{
    start_text_job(call, poll_work, 202);
}

/* ---- members ---- */

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

static void put_duration(struct jwriter *w, const char *key, int64_t us)
{
    AUTO(buf_done) struct buf text = BUF_INIT;

    duration_format(&text, MAX(us, 0));
    jw_key(w, key);
    jw_str(w, buf_view(&text));
}

static void put_i64(struct jwriter *w, const char *key, int64_t v)
{
    jw_key(w, key);
    jw_i64(w, v);
}

/* ---- a refused payload ---- */

static void write_refused(struct buf *b, const struct topic_refused *refused)
{
    struct jwriter w = jw_begin(b);

    jw_object(&w);
    put_time(&w, "time", refused->time_wall);
    put_i64(&w, "code", err_row(refused->why.err)->channel_code);
    jw_key(&w, "message");
    jw_strz(&w, refused->why.text);
    jw_key(&w, "payload");
    jw_raw(&w, blob_view(refused->payload));
    jw_object_end(&w);
    CHECK(jw_end(&w) == E_OK);
}

static void refused_work(struct api_job *j, struct topic *t)
{
    struct text_job *text = CONTAINER_OF(j, struct text_job, job);

    if (!t)
        j->err = err_set(&j->info, E_NOT_FOUND, "the topic was deleted");
    else if (!t->refused)
        j->err = err_set(&j->info, E_NOT_FOUND,
                         "no payload of the topic \"%s\" was refused since its last success",
                         t->conf->name);
    else
        write_refused(&text->body, t->refused);
    api_job_done(j);
}

void api_topic_refused(const struct api_call *call)
{
    start_text_job(call, refused_work, 200);
}

/* ---- debug ---- */

static void put_poller(struct jwriter *w, const struct topic *t)
{
    const struct poller *p = &t->poller;
    int64_t now = clock_now(); /* the loop's may be from before the wait was asked for */

    jw_object(w);
    jw_key(w, "running");
    jw_bool(w, p->running);
    if (p->running)
        put_duration(w, "nextIn", MAX(p->due, p->not_before) - now);
    if (p->not_before > now)
        put_duration(w, "askedToWait", p->not_before - now);
    put_i64(w, "runs", (int64_t)p->runs);
    put_i64(w, "skipped", (int64_t)p->skipped);
    if (p->request) {
        jw_key(w, "step");
        jw_strz(w, request_state_name(p->request->state));
        put_i64(w, "attempt", p->request->attempt);
        put_duration(w, "since", now - p->request->started);
    }
    jw_object_end(w);
}

static void put_error(struct jwriter *w, const struct event *error)
{
    if (error)
        jw_raw(w, blob_view(error->body));
    else
        jw_null(w);
}

static void put_outcome(struct jwriter *w, const struct topic_outcome *o)
{
    jw_object(w);
    put_time(w, "started", o->started_wall);
    put_duration(w, "took", o->took_us);
    jw_key(w, "exit");
    jw_strz(w, request_exit_name((enum request_exit)o->exit));
    if (o->status)
        put_i64(w, "status", o->status);
    if (o->shared) {
        jw_key(w, "shared");
        jw_bool(w, true);
    }
    if (o->err) {
        jw_key(w, "error");
        jw_strz(w, err_row((enum err)o->err)->name);
    }
    jw_object_end(w);
}

/* The oldest first. */
static void put_outcomes(struct jwriter *w, const struct topic *t)
{
    jw_array(w);
    for (uint64_t i = 1; i <= TOPIC_OUTCOMES; i++) {
        const struct topic_outcome *o = &t->outcomes[(t->poller.runs + i) % TOPIC_OUTCOMES];

        if (o->started_wall)
            put_outcome(w, o);
    }
    jw_array_end(w);
}

static void put_document(struct jwriter *w, const struct topic *t)
{
    static const char *const states[] = {"not loaded", "loading", "loaded"};

    jw_object(w);
    jw_key(w, "state");
    jw_strz(w, states[t->load]);
    if (t->document)
        put_i64(w, "bytes", (int64_t)t->document->len);
    put_i64(w, "patchesSinceCheckpoint", t->patch_count);
    jw_object_end(w);
}

static void write_debug(struct buf *b, const struct topic *t)
{
    struct jwriter w = jw_begin(b);

    jw_object(&w);
    jw_key(&w, "id");
    jw_strz(&w, t->conf->id);
    jw_key(&w, "name");
    jw_strz(&w, t->conf->name);
    put_i64(&w, "loop", t->shard->index);
    put_i64(&w, "sequence", (int64_t)t->seq);
    put_time(&w, "changed", t->changed_wall);
    put_time(&w, "checked", t->checked_wall);
    put_i64(&w, "loopsWithChannels", __builtin_popcountll(t->hub_mask));
    jw_key(&w, "committing");
    jw_bool(&w, t->commit || t->saving);
    jw_key(&w, "document");
    put_document(&w, t);
    put_i64(&w, "postsWaiting", (int64_t)post_count(t));
    jw_key(&w, "poller");
    put_poller(&w, t);
    jw_key(&w, "error");
    put_error(&w, t->error);
    jw_key(&w, "lastPolls");
    put_outcomes(&w, t);
    jw_object_end(&w);
    CHECK(jw_end(&w) == E_OK);
}

static void debug_work(struct api_job *j, struct topic *t)
{
    struct text_job *text = CONTAINER_OF(j, struct text_job, job);

    if (t)
        write_debug(&text->body, t);
    else
        j->err = err_set(&j->info, E_NOT_FOUND, "the topic was deleted");
    api_job_done(j);
}

void api_topic_debug(const struct api_call *call)
{
    start_text_job(call, debug_work, 200);
}
