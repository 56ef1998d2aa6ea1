/*
 * The document of a topic: of today, from its owner; of another day, from the journal.
 */
#include "api/api_answer.h"
#include "api/api_etag.h"
#include "api/api_owner.h"
#include "api/api_topic_data.h"
#include "api/problem.h"
#include "base/clock.h"
#include "core/document.h"
#include "core/limits.h"

/* changed_wall 0: not known. */
static void answer_document(struct http_request *r, uint64_t seq, int64_t changed_wall,
                            struct blob *document)
{
    AUTO(buf_done) struct buf modified = BUF_INIT;
    struct errinfo ei = ERRINFO_INIT;
    bool not_modified;
    char etag[API_ETAG_MAX];

    snprintf(etag, sizeof etag, "\"%llu\"", (unsigned long long)seq);
    clock_format_http(&modified, changed_wall);
    const struct http_field fields[] = {
        {"Content-Type", STR("application/json")},
        {"ETag", str_of(etag)},
        {"Cache-Control", STR("no-cache")},
        {changed_wall ? "Last-Modified" : NULL, buf_view(&modified)},
        {NULL, STR_NONE},
    };
    enum err err = api_check_conditions(r, str_of(etag), &not_modified, &ei);
    if (err != E_OK)
        problem_answer_err(r, err, &ei);
    else
        http_respond_blob(r, not_modified ? 304 : 200, fields, document);
}

static enum err has_messages(const struct topic_conf *conf, struct errinfo *ei)
{
    return err_set(ei, E_NOT_FOUND, "the topic \"%s\" has messages, and no document", conf->name);
}

/* ---- of today ---- */

struct snapshot_job {
    struct api_job job;
    struct topic_loader loader;
    uint64_t seq;
    int64_t changed_wall;
    struct blob *document;
};

static void snapshot_free(struct api_job *j)
{
    struct snapshot_job *s = CONTAINER_OF(j, struct snapshot_job, job);

    blob_unref(s->document);
    free(s);
}

static void on_loaded(struct topic_loader *l, struct topic *t, enum err err,
                      const struct errinfo *ei)
{
    struct snapshot_job *s = CONTAINER_OF(l, struct snapshot_job, loader);
    struct api_job *j = &s->job;

    if (err != E_OK) {
        j->err = err_set(&j->info, err, "%s", err_text(ei, err));
    } else if (t->conf->payload == PAYLOAD_EVENT) {
        j->err = has_messages(t->conf, &j->info);
    } else if (!t->document) {
        j->err =
            err_set(&j->info, E_NOT_FOUND, "the topic \"%s\" has no document yet", t->conf->name);
    } else {
        s->document = blob_ref(t->document);
        s->seq = t->seq;
        s->changed_wall = t->changed_wall;
    }
    api_job_done(j);
}

static void snapshot_work(struct api_job *j, struct topic *t)
{
    struct snapshot_job *s = CONTAINER_OF(j, struct snapshot_job, job);

    if (!t) {
        j->err = err_set(&j->info, E_NOT_FOUND, "the topic was deleted");
        api_job_done(j);
        return;
    }
    s->loader.fn = on_loaded;
    topic_load(t, &s->loader);
}

static void snapshot_answer(struct api_job *j, struct http_request *r)
{
    const struct snapshot_job *s = CONTAINER_OF(j, struct snapshot_job, job);

    answer_document(r, s->seq, s->changed_wall, s->document);
}

static void answer_today(const struct api_call *call)
{
    struct snapshot_job *s = xcalloc(1, sizeof *s);

    s->job =
        (struct api_job){.work = snapshot_work, .answer = snapshot_answer, .free = snapshot_free};
    api_on_owner(&s->job, call);
}

/* ---- of another day ---- */

struct past {
    struct store_load load;
    struct http_request *r; /* NULL: the client left */
};

static enum err past_document(struct past *p, struct blob **ret, struct errinfo *ei)
{
    const struct store_load *load = &p->load;

    if (load->at_seq > load->head)
        return err_set(ei, E_NOT_FOUND, "no event has the number %llu yet, the newest is %llu",
                       (unsigned long long)load->at_seq, (unsigned long long)load->head);
    if (load->op.err != E_OK)
        return err_set(ei, load->op.err, "%s", err_text(&load->op.info, load->op.err));
    return document_assemble(load, ret, ei);
}

static void on_past(struct store_op *op)
{
    AUTO_FREE struct past *p = CONTAINER_OF(op, struct past, load.op);
    AUTO(blob_unrefp) struct blob *document = NULL;
    struct errinfo ei = ERRINFO_INIT;

    if (p->r) {
        p->r->on_abort = NULL;
        enum err err = past_document(p, &document, &ei);
        if (err != E_OK)
            problem_answer_err(p->r, err, &ei);
        else
            answer_document(p->r, p->load.seq, p->load.time_wall, document);
    }
    store_load_done(&p->load);
}

static void on_past_abort(struct http_request *r)
{
    struct past *p = r->user;

    p->r = NULL;
}

/* A number of an event, else a time: to the end of its millisecond, as times are shown so. */
static bool parse_at(struct str at, uint64_t *ret_seq, int64_t *ret_wall)
{
    if (str_to_u64(at, INT64_MAX, ret_seq))
        return *ret_seq > 0;
    if (clock_parse_wall(at, ret_wall) != E_OK || *ret_wall < 0)
        return false;
    *ret_wall += US_PER_MS - 1 - *ret_wall % US_PER_MS;
    return true;
}

static void answer_past(const struct api_call *call, struct str at)
{
    const struct topic_conf *conf = directory_find(call->sh, call->params[0]);
    struct http_request *r = call->r;
    struct errinfo ei = ERRINFO_INIT;
    uint64_t seq = 0;
    int64_t wall = 0;

    if (!conf) {
        api_answer_no_topic(r, call->params[0]);
    } else if (conf->payload == PAYLOAD_EVENT) {
        problem_answer_err(r, has_messages(conf, &ei), &ei);
    } else if (!parse_at(at, &seq, &wall)) {
        problem_answer(r, &(struct problem){.status = 400,
                                            .title = API_QUERY_TITLE,
                                            .detail = "expected the number of an event, from 1, or "
                                                      "a time as 2026-01-31T12:00:00Z",
                                            .parameter = "at"});
    } else {
        struct past *p = xcalloc(1, sizeof *p);
        p->load = (struct store_load){.op = {.reply = call->sh->loop, .done = on_past},
                                      .topic = conf->num,
                                      .at_seq = seq,
                                      .at_wall = wall,
                                      .max_patches = LIMIT_PAST_PATCHES};
        p->r = r;
        r->user = p;
        r->on_abort = on_past_abort;
        store_load(call->sh->engine->store, &p->load);
    }
}

void api_topic_snapshot(const struct api_call *call)
{
    struct str at;

    if (!api_query_text(call->r, "at", 0, &at))
        return;
    if (at.p)
        answer_past(call, at);
    else
        answer_today(call);
}
