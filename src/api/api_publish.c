#include "api/api_publish.h"

#include "api/api_answer.h"
#include "api/api_owner.h"
#include "api/problem.h"
#include "core/post.h"
#include "publisher/pub_post.h"

struct publish_job {
    struct api_job job;
    struct post post;
};

static struct publish_job *publish_of(struct api_job *j)
{
    return CONTAINER_OF(j, struct publish_job, job);
}

static void publish_free(struct api_job *j)
{
    struct publish_job *p = publish_of(j);

    blob_unref(p->post.text);
    free(p);
}

static void on_posted(struct post *post, enum err err, const struct errinfo *ei)
{
    struct api_job *j = &CONTAINER_OF(post, struct publish_job, post)->job;

    if (err == E_GONE)
        j->err = err_set(&j->info, err, "the topic was deleted");
    else if (err != E_OK)
        j->err = err_set(&j->info, err, "%s", err_text(ei, err));
    api_job_done(j);
}

static void publish_work(struct api_job *j, struct topic *t)
{
    struct publish_job *p = publish_of(j);

    p->post.done = on_posted;
    if (!t)
        j->err = err_set(&j->info, E_GONE, "the topic was deleted");
    else
        j->err = post_submit(t, &p->post, &j->info);
    if (j->err != E_OK)
        api_job_done(j);
}

/* The event id is told under the name that subscribers' webhooks get it by; no event, no id. */
static void publish_answer(struct api_job *j, struct http_request *r)
{
    const struct publish_job *p = publish_of(j);
    char id[EVENT_ID_MAX + 1];

    event_id_make(id, j->id, p->post.seq);
    const struct http_field fields[] = {
        {p->post.seq ? "X-Axway-Streams-Event-Id" : NULL, str_of(id)},
        {NULL, STR_NONE},
    };
    http_respond(r, 202, fields, STR_NONE);
}

/* Is this a topic that can be posted to? Answered if not. Of topics of other publishers this path
 * knows nothing, and says so. */
static bool find_topic(const struct api_call *call)
{
    struct str name = call->params[0];
    const struct topic_conf *conf = directory_find(call->sh, name);
    struct errinfo ei = ERRINFO_INIT;
    enum err err;

    if (conf && conf->processor == &pub_post)
        return true;
    if (conf)
        err = err_set(&ei, E_NOT_FOUND,
                      "the publisher of the topic \"%s\" is \"%s\"; documents are posted to topics "
                      "of publisher \"%s\" only",
                      conf->name, conf->processor->type, pub_post.type);
    else if (directory_was_deleted(call->sh, name))
        err = err_set(&ei, E_GONE, "the topic was deleted");
    else
        err = err_set(&ei, E_NOT_FOUND, "no topic has the id or name \"%.*s\"", STR_ARG(name));
    problem_answer_err(call->r, err, &ei);
    return false;
}

static bool check_coding(struct http_request *r)
{
    struct str coding = str_trim(http_header(r, "Content-Encoding"));
    struct errinfo ei = ERRINFO_INIT;

    if (coding.n == 0 || str_case_eqz(coding, "identity"))
        return true;
    enum err err = err_set(&ei, E_MEDIA_TYPE, "a body with Content-Encoding: %.*s is not taken",
                           (int)MIN(coding.n, (size_t)100), coding.p);
    problem_answer_err(r, err, &ei);
    return false;
}

void api_publish_post(const struct api_call *call)
{
    static const char *const types[] = {"application/json", NULL};
    size_t max_bytes = (size_t)call->sh->engine->conf->payload_max_bytes;
    AUTO(jdoc_freep) struct jdoc *doc = NULL;
    AUTO(buf_done) struct buf text = BUF_INIT;

    if (!find_topic(call) || !check_coding(call->r) || !(doc = api_body(call->r, types, max_bytes)))
        return;
    CHECK(jv_write(jdoc_root(doc), &text) == E_OK);
    struct publish_job *p = xcalloc(1, sizeof *p);
    p->job = (struct api_job){.work = publish_work, .answer = publish_answer, .free = publish_free};
    p->post.text = blob_of_buf(&text);
    api_on_owner(&p->job, call);
}
