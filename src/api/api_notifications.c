/*
 * A request is looked at on its own loop, carried out on the feed's (core/feed.h), and answered.
 */
#include "api/api_notifications.h"

#include "api/api_answer.h"
#include "api/api_owner.h"
#include "api/problem.h"
#include "base/duration.h"
#include "base/log.h"
#include "core/feed.h"
#include "core/limits.h"
#include "core/note.h"

#define BASE "/eventnotifications/"
#define FEEDS "/streams/hub/api/v1/feeds/"

static const char *const json_types[] = {"application/json", NULL};

/* ---- errors in the shape of these paths ---- */

static const char *type_of_status(int status)
{
    switch (status) {
    case 400:
        return "https://tools.ietf.org/html/rfc7231#section-6.5.1";
    case 404:
        return "https://tools.ietf.org/html/rfc7231#section-6.5.4";
    case 405:
        return "https://tools.ietf.org/html/rfc7231#section-6.5.5";
    case 429:
        return "https://tools.ietf.org/html/rfc6585#section-4";
    case 503:
        return "https://tools.ietf.org/html/rfc7231#section-6.6.4";
    default:
        return "https://tools.ietf.org/html/rfc7231#section-6.6.1";
    }
}

/* allow: what 405 has to say; n 0: nothing. */
static void answer_problem(struct http_request *r, int status, const char *error_code,
                           struct str allow)
{
    AUTO(buf_done) struct buf body = BUF_INIT;
    struct jwriter w = jw_begin(&body);
    char trace[32];

    snprintf(trace, sizeof trace, "|%08x-%016llx.", (unsigned)rand_u64(),
             (unsigned long long)rand_u64());
    jw_object(&w);
    jw_key(&w, "type");
    jw_strz(&w, type_of_status(status));
    jw_key(&w, "title");
    jw_strz(&w, http_status_text(status));
    jw_key(&w, "status");
    jw_i64(&w, status);
    jw_key(&w, "traceId");
    jw_strz(&w, trace);
    if (error_code) {
        jw_key(&w, "errorCode");
        jw_strz(&w, error_code);
    }
    jw_object_end(&w);
    CHECK(jw_end(&w) == E_OK);
    struct http_field more = {NULL, STR_NONE};
    if (allow.n)
        more = (struct http_field){"Allow", allow};
    else if (status == 503 || status == 429)
        more = (struct http_field){"Retry-After", STR("1")};
    const struct http_field fields[] = {
        {"Content-Type", STR("application/problem+json")},
        {"Cache-Control", STR("no-store")},
        more,
        {NULL, STR_NONE},
    };
    http_respond(r, status, fields, buf_view(&body));
}

static void answer_error(struct http_request *r, int status, const char *error_code)
{
    answer_problem(r, status, error_code, STR_NONE);
}

bool api_notifications_have(struct str path)
{
    return str_starts(path, STR(BASE));
}

void api_notifications_refuse(struct http_request *r, int status, struct str allow)
{
    answer_problem(r, status, NULL, allow);
}

static bool is_admin_path(const struct http_request *r)
{
    return !api_notifications_have(r->path);
}

static void answer_not_found(struct http_request *r)
{
    if (is_admin_path(r))
        problem_answer(r, &(struct problem){.status = 404,
                                            .detail = "there is no such feed, or consumer of it"});
    else
        answer_error(r, 404, NULL);
}

/* Whatever keeps the store from what has to be durable, clients are to come again: nothing of it was
 * done, or all of it was and is so when they ask again. */
static void answer_failed(struct http_request *r, enum err err, const struct errinfo *ei)
{
    const struct err_row *row = err_row(err);

    if (is_admin_path(r)) {
        problem_answer_err(r, err, ei);
        return;
    }
    if (row->kind == ERR_KIND_BUG || row->kind == ERR_KIND_OURS)
        log_error("request failed", LOG_STR("method", r->method_text), LOG_STR("path", r->path),
                  LOG_S("error", row->name), LOG_S("reason", err_text(ei, err)));
    answer_error(r, row->http_status > 500 || row->kind == ERR_KIND_OURS ? 503 : row->http_status,
                 NULL);
}

/* ---- which feed ---- */

/* …/{feedId}/consumers/{name}… */
static bool has_consumer(const struct api_call *call)
{
    bool admin = is_admin_path(call->r);
    struct str rest = str_drop(call->r->path, admin ? sizeof FEEDS - 1 : sizeof BASE - 1);

    if (!admin)
        (void)str_split(&rest, '/'); /* the version */
    (void)str_split(&rest, '/');
    return str_eqz(str_split(&rest, '/'), "consumers") && rest.p;
}

/* NULL: answered. Borrowed until the end of the turn. */
static struct feed_conf *find_feed(const struct api_call *call)
{
    struct feed_conf *c = feed_find(call->sh, call->params[0]);
    struct str tenant = http_header(call->r, "X-TENANT-ID");

    if (c && c->config.tenant && !is_admin_path(call->r)) {
        if (str_trim(tenant).n == 0) {
            answer_error(call->r, 400, "MissingTenantHeader");
            return NULL;
        }
        /* Another tenant's feeds are none of his. */
        if (!str_case_eqz(str_trim(tenant), c->config.tenant))
            c = NULL;
    }
    if (!c)
        answer_not_found(call->r);
    return c;
}

/* ---- a request on its way to the feed ---- */

struct asking {
    struct api_job job;
    struct feed_ask ask;
    char feed[FEED_ID_MAX + 1], consumer[FEED_ID_MAX + 1];
    char *base; /* of URLs, for v1; NULL: v2 */
    enum err failed;
    bool gone; /* there is no such feed */
};

static void asking_free(struct api_job *j)
{
    struct asking *g = CONTAINER_OF(j, struct asking, job);

    feed_ask_done(&g->ask);
    free(g->base);
    free(g);
}

static void on_answered(struct feed_ask *a)
{
    struct asking *g = CONTAINER_OF(a, struct asking, ask);

    g->gone = a->err == E_NOT_FOUND;
    g->failed = g->gone ? E_OK : a->err;
    api_job_done(&g->job);
}

static void asking_work(struct api_job *j, struct topic *t)
{
    struct asking *g = CONTAINER_OF(j, struct asking, job);

    (void)t;
    feed_ask(j->owner, str_of(g->feed), str_of(g->consumer), &g->ask);
}

static void asking_cancel(struct api_job *j)
{
    feed_ask_cancel(&CONTAINER_OF(j, struct asking, job)->ask);
}

static const struct http_field json_fields[] = {
    {"Content-Type", STR("application/json")},
    {"Cache-Control", STR("no-store")},
    {NULL, STR_NONE},
};

/* Who gives a lease learns how often the batch was offered; all others get the bytes that stand. */
static void answer_leased(struct http_request *r, const struct feed_ask *a)
{
    AUTO(buf_done) struct buf body = BUF_INIT;

    buf_append(&body, a->body->p, a->body->len - 1);
    buf_printf(&body, ",\"deliveryCount\":%u}", a->deliveries);
    http_respond(r, 200, json_fields, buf_view(&body));
}

static void answer_v1(struct http_request *r, const struct feed_ask *a, const char *base)
{
    AUTO(buf_done) struct buf body = BUF_INIT;

    note_batch_v1(blob_view(a->body), str_of(base), &body);
    http_respond(r, 200, json_fields, buf_view(&body));
}

static void answer_next(struct http_request *r, const struct asking *g)
{
    if (!g->ask.found)
        http_respond(r, 204, NULL, STR_NONE);
    else if (g->base)
        answer_v1(r, &g->ask, g->base);
    else if (g->ask.lease_us)
        answer_leased(r, &g->ask);
    else
        http_respond_blob(r, 200, json_fields, g->ask.body);
}

static void asking_answer(struct api_job *j, struct http_request *r)
{
    struct asking *g = CONTAINER_OF(j, struct asking, job);

    if (g->failed != E_OK)
        answer_failed(r, g->failed, &g->ask.info);
    else if (g->gone || (!g->ask.found && g->ask.call != FEED_NEXT))
        answer_not_found(r);
    else if (g->ask.call == FEED_NEXT)
        answer_next(r, g);
    else if (g->ask.body)
        http_respond_blob(r, 200, json_fields, g->ask.body);
    else
        http_respond(r, g->ask.call == FEED_REMOVE ? 204 : 200, NULL, STR_NONE);
}

/* NULL: answered. */
static struct asking *asking_new(const struct api_call *call, enum feed_call what)
{
    bool named = has_consumer(call);

    if (named && !feed_id_is_valid(call->params[1])) {
        answer_not_found(call->r);
        return NULL;
    }
    struct asking *g = xcalloc(1, sizeof *g);
    g->job = (struct api_job){
        .work = asking_work, .cancel = asking_cancel, .answer = asking_answer, .free = asking_free};
    g->ask.call = what;
    g->ask.answered = on_answered;
    /* As long as one that there is: see find_feed(). */
    memcpy(g->feed, call->params[0].p, call->params[0].n);
    if (named)
        memcpy(g->consumer, call->params[1].p, call->params[1].n);
    return g;
}

static void asking_send(struct asking *g, const struct api_call *call)
{
    api_on_shard(&g->job, call, feed_owner(call->sh->engine, str_of(g->feed)));
}

/* ---- the first request to a feed makes it active ---- */

struct activation {
    struct api_call call;
    struct http_request *r; /* NULL: the client left */
    api_handler_f *again;
};

static void on_abort(struct http_request *r)
{
    ((struct activation *)r->user)->r = NULL;
}

static void on_activated(void *arg, enum err err, const struct errinfo *ei, struct feed_conf *now)
{
    struct activation *act = arg;

    (void)now;
    if (act->r) {
        act->r->on_abort = NULL;
        /* E_CONFLICT: somebody else did. */
        if (err == E_OK || err == E_CONFLICT)
            act->again(&act->call);
        else
            answer_failed(act->r, err, ei);
    }
    free(act);
}

/* True: the request is handled again once the feed is active. */
static bool activate(const struct api_call *call, const struct feed_conf *was, api_handler_f *again)
{
    if (was->active)
        return false;
    struct activation *act = xcalloc(1, sizeof *act);
    AUTO(feed_conf_unrefp)
    struct feed_conf *now = feed_conf_activated(was, store_notes_head(call->sh->engine->store));
    act->call = *call;
    act->r = call->r;
    act->again = again;
    act->r->user = act;
    act->r->on_abort = on_abort;
    feed_store(call->sh, now, was, on_activated, act);
    return true;
}

/* ---- what the query asks for ---- */

static void answer_bad_query(struct http_request *r, const char *name, const char *expected,
                             struct str found)
{
    AUTO(buf_done) struct buf detail = BUF_INIT;

    buf_printf(&detail, "expected %s, found \"%.*s\"", expected, (int)MIN(found.n, (size_t)60),
               found.p);
    problem_answer(r, &(struct problem){.status = 400,
                                        .title = API_QUERY_TITLE,
                                        .detail = buf_cstr(&detail),
                                        .parameter = name});
}

static bool read_duration(struct http_request *r, const char *name, int64_t *ret_us)
{
    struct str text;

    if (!api_query_text(r, name, 0, &text))
        return false;
    if (!text.p)
        return true;
    if (duration_parse(text, ret_us, NULL) == E_OK && *ret_us <= LIMIT_FEED_WAIT_S * US_PER_S)
        return true;
    answer_bad_query(r, name, "an ISO-8601 duration up to PT5M", text);
    return false;
}

static bool read_types(struct http_request *r, struct feed_ask *a)
{
    AUTO(buf_done) struct buf filter = BUF_INIT;
    struct str text;

    for (size_t n = 0; http_query_given(r, "eventType", n); n++) {
        if (!api_query_text(r, "eventType", n, &text))
            return false;
        if (n == LIMIT_FEED_FILTER || text.n == 0 || text.n > LIMIT_LISTED_STRING ||
            str_find(text, '\0') < text.n) {
            answer_bad_query(r, "eventType", "up to 100 event types, with * and ?", text);
            return false;
        }
        buf_str(&filter, text);
        buf_putc(&filter, '\0');
    }
    a->filter = filter.len ? blob_of_buf(&filter) : NULL;
    return true;
}

static bool read_query(const struct api_call *call, struct asking *g)
{
    uint64_t max;

    if (!api_query_number(call->r, "max", 1, LIMIT_FEED_BATCH, 0, &max) ||
        !read_duration(call->r, "wait", &g->ask.wait_us) ||
        !read_duration(call->r, "lease", &g->ask.lease_us))
        return false;
    g->ask.max = (size_t)max;
    return !g->consumer[0] || read_types(call->r, &g->ask);
}

static bool is_v1(const struct http_request *r)
{
    return str_starts(r->path, STR(BASE "v1/"));
}

static char *base_of(const struct api_call *call)
{
    struct str host = http_header(call->r, "Host");

    return xasprintf("%s://%.*s/", call->sh->engine->conf->tls_cert[0] ? "https" : "http",
                     (int)host.n, host.p ? host.p : "");
}

void api_notifications_next(const struct api_call *call)
{
    const struct feed_conf *feed = find_feed(call);
    struct asking *g = feed ? asking_new(call, FEED_NEXT) : NULL;

    if (!g)
        return;
    if (is_v1(call->r))
        g->base = base_of(call);
    else if (!read_query(call, g)) {
        asking_free(&g->job);
        return;
    }
    if (activate(call, feed, api_notifications_next))
        asking_free(&g->job);
    else
        asking_send(g, call);
}

/* ---- the other calls ---- */

void api_notifications_complete(const struct api_call *call)
{
    const struct feed_conf *feed = find_feed(call);
    struct asking *g = feed ? asking_new(call, FEED_COMPLETE) : NULL;
    struct str id;

    if (!g)
        return;
    /* …/consumers/{name}/{batchId}/complete, or its query parameter batchId. */
    if (!g->consumer[0])
        id = call->params[1];
    else if (call->params[2].p)
        id = call->params[2];
    else if (!api_query_text(call->r, "batchId", 0, &id)) {
        asking_free(&g->job);
        return;
    }
    if (str_to_u64(id, INT64_MAX, &g->ask.batch) && id.p[0] != '0') {
        asking_send(g, call);
        return;
    }
    asking_free(&g->job);
    answer_not_found(call->r);
}

void api_notifications_discard(const struct api_call *call)
{
    const struct feed_conf *feed = find_feed(call);
    struct asking *g = feed ? asking_new(call, FEED_DISCARD) : NULL;

    if (!g)
        return;
    if (feed->active) {
        asking_send(g, call);
        return;
    }
    /* Nothing was ever queued for it. */
    asking_free(&g->job);
    http_respond(call->r, 200, NULL, STR_NONE);
}

static bool read_place(struct http_request *r, const jval *root, struct feed_ask *a)
{
    const jval *time = jv_getz(root, "time"), *sequence = jv_getz(root, "sequence");
    int64_t n = 0;

    if (jv_count(root) == 1 && clock_parse_wall(jv_str(time), &a->time_wall) == E_OK) {
        a->by_time = true;
        return true;
    }
    if (jv_count(root) == 1 && jv_i64(sequence, &n) && n >= 0) {
        a->sequence = (uint64_t)n;
        return true;
    }
    problem_answer(r, &(struct problem){.status = 400,
                                        .detail = "expected {\"time\":\"<RFC 3339>\"} or "
                                                  "{\"sequence\":<number from 0>}",
                                        .pointer = time       ? "/time"
                                                   : sequence ? "/sequence"
                                                              : ""});
    return false;
}

void api_notifications_seek(const struct api_call *call)
{
    const struct feed_conf *feed = find_feed(call);
    AUTO(jdoc_freep) struct jdoc *body = feed ? api_body(call->r, json_types, 4096) : NULL;
    struct asking *g = body ? asking_new(call, FEED_SEEK) : NULL;

    if (!g)
        return;
    if (!read_place(call->r, jdoc_root(body), &g->ask) ||
        activate(call, feed, api_notifications_seek))
        asking_free(&g->job);
    else
        asking_send(g, call);
}

static void answer_stats_of_none(const struct api_call *call, const struct feed_conf *feed)
{
    AUTO(buf_done) struct buf body = BUF_INIT;
    struct jwriter w = jw_begin(&body);
    int64_t head = (int64_t)store_notes_head(call->sh->engine->store);

    jw_object(&w);
    jw_key(&w, "feed");
    jw_strz(&w, feed->config.id);
    jw_key(&w, "consumer");
    jw_null(&w);
    jw_key(&w, "queued");
    jw_i64(&w, 0);
    jw_key(&w, "sequence");
    jw_i64(&w, head);
    jw_key(&w, "head");
    jw_i64(&w, head);
    jw_key(&w, "consumers");
    jw_array(&w);
    jw_array_end(&w);
    jw_object_end(&w);
    CHECK(jw_end(&w) == E_OK);
    api_answer_json(call->r, 200, NULL, &body);
}

void api_notifications_stats(const struct api_call *call)
{
    const struct feed_conf *feed = find_feed(call);
    struct asking *g = feed ? asking_new(call, FEED_STATS) : NULL;

    if (!g)
        return;
    if (feed->active || g->consumer[0]) {
        asking_send(g, call);
        return;
    }
    asking_free(&g->job);
    answer_stats_of_none(call, feed);
}

void api_notifications_remove(const struct api_call *call)
{
    const struct feed_conf *feed = find_feed(call);
    struct asking *g = feed ? asking_new(call, FEED_REMOVE) : NULL;

    if (g)
        asking_send(g, call);
}

void api_notifications_archive(const struct api_call *call)
{
    const struct feed_conf *feed = find_feed(call);
    struct asking *g = feed ? asking_new(call, FEED_ARCHIVE) : NULL;
    uint64_t limit;

    if (!g)
        return;
    if (!api_query_number(call->r, "after", 0, INT64_MAX, 0, &g->ask.sequence) ||
        !api_query_number(call->r, "limit", 1, LIMIT_EVENTS_READ, 100, &limit)) {
        asking_free(&g->job);
        return;
    }
    g->ask.limit = (size_t)limit;
    if (feed->active) {
        asking_send(g, call);
        return;
    }
    asking_free(&g->job);
    api_answer_json(call->r, 200, NULL,
                    &(struct buf){.p = (char[]){"{\"discards\":[],\"more\":false}"}, .len = 29});
}
