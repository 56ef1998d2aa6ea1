/*
 * Subscriptions made, changed and deleted. A change goes its way as those of topics do
 * (api_topics.c): made from the request, stored, answered when all loops have it. Its client may
 * leave meanwhile; what was handed to the store is carried out all the same.
 */
#include "api/api_subscriptions.h"

#include "api/api_answer.h"
#include "api/api_etag.h"
#include "api/api_owner.h"
#include "api/problem.h"
#include "base/clock.h"
#include "base/log.h"
#include "core/limits.h"
#include "json/merge.h"

#define CONFLICTS_MAX 1000

static const char *const json_types[] = {"application/json", NULL};
static const char *const patch_types[] = {"application/merge-patch+json", "application/json", NULL};

/* ---- what the path names ---- */

enum subscriber_type api_subscription_type(const struct api_call *call)
{
    struct str rest = str_drop(call->r->path, sizeof "/streams/subscribers/" - 1);
    struct str name = str_split(&rest, '/');
    int t = 0;

    while (!str_eqz(name, subscriber_type_names[t]))
        CHECK(++t < SUBSCRIBER_TYPES);
    return (enum subscriber_type)t;
}

const struct sink *api_subscription_sink(const struct api_call *call)
{
    enum subscriber_type type = api_subscription_type(call);
    const struct sink *sink = sink_find(type);
    AUTO(buf_done) struct buf detail = BUF_INIT;

    if (!sink) {
        buf_printf(&detail, "this program was built without subscriptions of kind %s",
                   subscriber_type_names[type]);
        problem_answer(call->r, &(struct problem){.status = 501, .detail = buf_cstr(&detail)});
    }
    return sink;
}

static void answer_no_subscription(struct http_request *r, const struct sink *sink, struct str id)
{
    struct errinfo ei = ERRINFO_INIT;
    enum err err = err_set(&ei, E_NOT_FOUND, "no %s subscription has the id \"%.*s\"",
                           subscriber_type_names[sink->type], STR_ARG(id));

    problem_answer_err(r, err, &ei);
}

struct subscription_conf *api_subscription_find(const struct api_call *call)
{
    const struct sink *sink = api_subscription_sink(call);
    bool by_topic = call->params[1].p;
    struct str id = call->params[by_topic];
    struct topic_conf *topic = by_topic ? directory_find(call->sh, call->params[0]) : NULL;

    if (!sink)
        return NULL;
    if (by_topic && !topic) {
        api_answer_no_topic(call->r, call->params[0]);
        return NULL;
    }
    struct subscription_conf *c = subscription_find(call->sh, id);
    if (c && c->sink == sink && (!topic || strcmp(c->topic, topic->id) == 0))
        return c;
    answer_no_subscription(call->r, sink, id);
    return NULL;
}

/* ---- answers ---- */

static const char *path_of(struct http_request *r, const struct subscription_conf *c)
{
    return arena_printf(&r->arena, "/streams/subscribers/%s/api/v1/subscriptions/%s",
                        subscriber_type_names[c->sink->type], c->id);
}

static void answer_conf(struct http_request *r, int status, const struct subscription_conf *c)
{
    AUTO(buf_done) struct buf body = BUF_INIT;
    struct jwriter w = jw_begin(&body);
    char etag[API_ETAG_MAX];

    api_etag_make(c->num, c->rev, etag);
    const struct http_field fields[] = {
        {"ETag", str_of(etag)},
        {status == 201 ? "Location" : NULL, str_of(path_of(r, c))},
        {NULL, STR_NONE},
    };
    jw_object(&w);
    subscription_conf_write(c, &w);
    jw_object_end(&w);
    CHECK(jw_end(&w) == E_OK);
    api_answer_json(r, status, fields, &body);
}

static enum err check_conditions(struct http_request *r, const struct subscription_conf *c,
                                 struct errinfo *ei)
{
    char etag[API_ETAG_MAX];
    bool unused;

    api_etag_make(c->num, c->rev, etag);
    return api_check_conditions(r, str_of(etag), &unused, ei);
}

/* ---- a change ---- */

enum change_kind { CHANGE_CREATE, CHANGE_PATCH, CHANGE_DELETE };

struct change {
    enum change_kind kind;
    struct http_request *r; /* NULL: the client left */
    struct shard *sh;
    struct jdoc *body;
    struct subscription_conf *was; /* NULL: new */
    unsigned conflicts;
};

static void on_abort(struct http_request *r)
{
    struct change *ch = r->user;

    ch->r = NULL;
}

static struct change *change_new(struct http_request *r, struct shard *sh, enum change_kind kind,
                                 struct jdoc *body, const struct subscription_conf *was)
{
    struct change *ch = xcalloc(1, sizeof *ch);

    ch->kind = kind;
    ch->r = r;
    ch->sh = sh;
    ch->body = body;
    ch->was = was ? subscription_conf_ref(was) : NULL;
    r->user = ch;
    r->on_abort = on_abort;
    return ch;
}

/* The request to answer, if its client is still there; the change is gone. */
static struct http_request *change_end(struct change *ch)
{
    struct http_request *r = ch->r;

    if (r)
        r->on_abort = NULL;
    jdoc_free(ch->body);
    subscription_conf_unref(ch->was);
    free(ch);
    return r;
}

static void change_run(struct change *ch);

/* Somebody was quicker: the change means the subscription as it is then, which this loop knows by
 * now. */
static bool try_again(struct change *ch, enum err err)
{
    if (err != E_CONFLICT || ch->kind == CHANGE_CREATE || !ch->r || ++ch->conflicts > CONFLICTS_MAX)
        return false;
    struct subscription_conf *now = subscription_find(ch->sh, str_of(ch->was->id));
    if (!now)
        return false;
    now = subscription_conf_ref(now);
    subscription_conf_unref(ch->was);
    ch->was = now;
    change_run(ch);
    return true;
}

static void log_change(const struct change *ch, const struct subscription_conf *now)
{
    static const char *const texts[] = {"subscription created", "subscription changed",
                                        "subscription deleted"};

    log_info(texts[ch->kind], LOG_S("subscription", now->id), LOG_S("topic", now->topic),
             LOG_S("kind", subscriber_type_names[now->sink->type]));
}

static void on_stored(void *arg, enum err err, const struct errinfo *ei,
                      struct subscription_conf *now)
{
    struct change *ch = arg;
    enum change_kind kind = ch->kind;

    if (try_again(ch, err))
        return;
    bool gone =
        err == E_NOT_FOUND || (err == E_CONFLICT && !subscription_find(ch->sh, str_of(now->id)));
    if (err == E_OK)
        log_change(ch, now);
    struct http_request *r = change_end(ch);
    if (!r)
        return;
    if (err == E_OK && kind == CHANGE_DELETE)
        http_respond(r, 204, NULL, STR_NONE);
    else if (err == E_OK)
        answer_conf(r, kind == CHANGE_CREATE ? 201 : 200, now);
    else if (gone && kind == CHANGE_CREATE)
        api_answer_no_topic(r, str_of(now->topic));
    else if (gone)
        answer_no_subscription(r, now->sink, str_of(now->id));
    else
        problem_answer_err(r, err, ei);
}

/* What a PATCH makes of the subscription; NULL after faults. */
static struct subscription_conf *patched(const struct change *ch, const struct topic_conf *topic,
                                         struct faults *f)
{
    AUTO(jdoc_freep) struct jdoc *stored = NULL;
    AUTO(jdoc_freep) struct jdoc *merged = NULL;
    AUTO(buf_wipe) struct buf text = BUF_INIT;

    CHECK(jdoc_parse(blob_view(ch->was->json), NULL, &stored, NULL) == E_OK);
    CHECK(jmerge(jdoc_root(stored), jdoc_root(ch->body), &text) == E_OK);
    CHECK(jdoc_parse(buf_view(&text), NULL, &merged, NULL) == E_OK);
    return subscription_conf_new(ch->was->sink, topic, jdoc_root(merged), ch->was, 0,
                                 clock_now_wall(), f);
}

static void patch(struct change *ch)
{
    const struct topic_conf *topic = directory_find_id(ch->sh, str_of(ch->was->topic));
    AUTO(faults_done) struct faults f;
    AUTO(subscription_conf_unrefp) struct subscription_conf *conf = NULL;

    faults_init(&f);
    conf = topic ? patched(ch, topic, &f) : NULL;
    if (conf && str_eq(blob_view(conf->json), blob_view(ch->was->json))) {
        AUTO(subscription_conf_unrefp)
        struct subscription_conf *was = subscription_conf_ref(ch->was);

        answer_conf(change_end(ch), 200, was);
    } else if (conf) {
        subscription_store(ch->sh, conf, ch->was, on_stored, ch);
    } else if (topic) {
        problem_answer_faults(change_end(ch), &f);
    } else {
        struct str id = str_of(arena_strdup(&ch->r->arena, str_of(ch->was->topic)));

        api_answer_no_topic(change_end(ch), id);
    }
}

/* Where conditions are given, just the subscription for which they hold. */
static void delete (struct change *ch)
{
    bool conditional = http_header(ch->r, "If-Match").p || http_header(ch->r, "If-None-Match").p;

    subscription_remove(ch->sh, ch->was, conditional ? ch->was->rev : 0, on_stored, ch);
}

/* Each time it is tried, from what stands then. The client is there. */
static void change_run(struct change *ch)
{
    struct errinfo ei = ERRINFO_INIT;
    enum err err = check_conditions(ch->r, ch->was, &ei);

    if (err != E_OK)
        problem_answer_err(change_end(ch), err, &ei);
    else if (ch->kind == CHANGE_PATCH)
        patch(ch);
    else
        delete (ch);
}

void api_subscription_patch(const struct api_call *call)
{
    const struct subscription_conf *was = api_subscription_find(call);
    struct jdoc *body = was ? api_body(call->r, patch_types, LIMIT_TOPIC_BYTES) : NULL;

    if (body)
        change_run(change_new(call->r, call->sh, CHANGE_PATCH, body, was));
}

void api_subscription_delete(const struct api_call *call)
{
    const struct subscription_conf *was = api_subscription_find(call);

    if (was)
        change_run(change_new(call->r, call->sh, CHANGE_DELETE, NULL, was));
}

/* ---- create ---- */

/* Asks the owner for the number of the topic's last event: what comes after it is for the new one. */
struct creation {
    struct api_job job;
    struct shard *sh;
    const struct sink *sink;
    struct jdoc *body;
    uint64_t since;
};

static void creation_free(struct api_job *j)
{
    struct creation *c = CONTAINER_OF(j, struct creation, job);

    jdoc_free(c->body);
    free(c);
}

static void creation_work(struct api_job *j, struct topic *t)
{
    struct creation *c = CONTAINER_OF(j, struct creation, job);

    if (t)
        c->since = t->seq;
    else
        j->err = err_set(&j->info, E_NOT_FOUND, "the topic was deleted");
    api_job_done(j);
}

static void creation_answer(struct api_job *j, struct http_request *r)
{
    struct creation *c = CONTAINER_OF(j, struct creation, job);
    const struct topic_conf *topic = directory_find_id(c->sh, str_of(j->id));
    AUTO(faults_done) struct faults f;
    AUTO(subscription_conf_unrefp) struct subscription_conf *conf = NULL;

    faults_init(&f);
    if (!topic) {
        api_answer_no_topic(r, str_of(j->id));
        return;
    }
    conf = subscription_conf_new(c->sink, topic, jdoc_root(c->body), NULL, c->since,
                                 clock_now_wall(), &f);
    if (conf)
        subscription_store(c->sh, conf, NULL, on_stored,
                           change_new(r, c->sh, CHANGE_CREATE, NULL, NULL));
    else
        problem_answer_faults(r, &f);
}

void api_subscription_create(const struct api_call *call)
{
    const struct sink *sink = api_subscription_sink(call);
    struct jdoc *body = sink ? api_body(call->r, json_types, LIMIT_TOPIC_BYTES) : NULL;

    if (!body)
        return;
    struct creation *c = xcalloc(1, sizeof *c);
    c->job =
        (struct api_job){.work = creation_work, .answer = creation_answer, .free = creation_free};
    c->sh = call->sh;
    c->sink = sink;
    c->body = body;
    api_on_owner(&c->job, call);
}
