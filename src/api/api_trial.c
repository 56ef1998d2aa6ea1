#include "api/api_trial.h"

#include "api/api_answer.h"
#include "api/api_owner.h"
#include "api/problem.h"
#include "base/clock.h"
#include "core/limits.h"
#include "core/trial.h"
#include "json/merge.h"

struct trial_job {
    struct api_job job;
    struct topic_conf *conf;
    struct trial *trial; /* touched by the owner only */
    struct buf body;
};

static const char *const json_types[] = {"application/json", NULL};

/* ---- how many at the same time ---- */

static bool take_place(struct engine *e)
{
    if (atomic_fetch_add(&e->trials, 1) < LIMIT_TRIALS)
        return true;
    atomic_fetch_sub(&e->trials, 1);
    return false;
}

static void job_free(struct api_job *j)
{
    struct trial_job *t = CONTAINER_OF(j, struct trial_job, job);

    atomic_fetch_sub(&j->home->engine->trials, 1);
    topic_conf_unref(t->conf);
    buf_done(&t->body);
    free(t);
}

/* ---- on the owner's loop ---- */

static enum err deleted(struct api_job *j)
{
    return err_set(&j->info, E_NOT_FOUND, "the topic was deleted");
}

static void on_done(struct trial *trial, enum err err, const struct errinfo *ei, void *arg)
{
    struct trial_job *t = arg;

    if (err == E_OK) {
        struct jwriter w = jw_begin(&t->body);
        jw_object(&w);
        trial_write(trial, &w);
        jw_object_end(&w);
        err = jw_end(&w);
    }
    if (err == E_GONE)
        t->job.err = deleted(&t->job);
    else if (err != E_OK)
        t->job.err = err_set(&t->job.info, err, "%s", err_text(ei, err));
    t->trial = NULL;
    trial_free(trial);
    api_job_done(&t->job);
}

static void work(struct api_job *j, struct topic *like)
{
    struct trial_job *t = CONTAINER_OF(j, struct trial_job, job);
    struct engine *e = j->owner->engine;

    if (atomic_load_explicit(&e->stage, memory_order_relaxed) == ENGINE_DRAINING)
        j->err = E_UNAVAILABLE;
    else if (j->id[0] && !like)
        j->err = deleted(j);
    else
        t->trial = trial_new(j->owner, t->conf, like, on_done, t);
    if (j->err != E_OK)
        api_job_done(j);
}

static void cancel(struct api_job *j)
{
    struct trial_job *t = CONTAINER_OF(j, struct trial_job, job);

    trial_free(TAKE(t->trial));
    api_job_done(j);
}

/* ---- on the loop of the request ---- */

static void answer(struct api_job *j, struct http_request *r)
{
    const struct trial_job *t = CONTAINER_OF(j, struct trial_job, job);
    const struct http_field fields[] = {{"Cache-Control", STR("no-store")}, {NULL, STR_NONE}};

    api_answer_json(r, 200, fields, &t->body);
}

/* The topic that the configuration names: by its id, or else by its name. */
static const struct topic_conf *find_topic(const struct api_call *call, const jval *root)
{
    struct str id = jv_str(jv_getz(root, "id")), name = jv_str(jv_getz(root, "name"));

    api_lower_uuid(call->r, &id);
    const struct topic_conf *conf = id.n ? directory_find_id(call->sh, id) : NULL;
    return conf || name.n == 0 ? conf : map_get(&call->sh->by_name, name);
}

/* An id that another server gave to a topic of the same name is passed over, as in a POST. */
static struct topic_conf *make_conf(const jval *root, const struct topic_conf *was,
                                    struct faults *f)
{
    AUTO(jdoc_freep) struct jdoc *none = NULL;
    AUTO(jdoc_freep) struct jdoc *without = NULL;
    AUTO(buf_wipe) struct buf text = BUF_INIT;

    if (jv_type(root) == JT_OBJECT) {
        CHECK(jdoc_parse(STR("{\"id\":null}"), NULL, &none, NULL) == E_OK);
        CHECK(jmerge(root, jdoc_root(none), &text) == E_OK);
        CHECK(jdoc_parse(buf_view(&text), NULL, &without, NULL) == E_OK);
        root = jdoc_root(without);
    }
    struct topic_conf *conf = topic_conf_new(root, STR_NONE, was, clock_now_wall(), f);
    if (!conf || conf->processor->polls)
        return conf;
    fault_add(f, "/publisher/type", "Validation error: Topic",
              "a publisher of type \"%s\" does not poll, so that there is nothing to try",
              conf->processor->type);
    topic_conf_unref(conf);
    return NULL;
}

static void start(const struct api_call *call, struct topic_conf *conf,
                  const struct topic_conf *was)
{
    struct errinfo ei = ERRINFO_INIT;

    if (!take_place(call->sh->engine)) {
        enum err err = err_set(&ei, E_TOO_MANY,
                               "%d trials are under way, which is all that are let in at the same "
                               "time",
                               LIMIT_TRIALS);
        problem_answer_err(call->r, err, &ei);
        return;
    }
    struct trial_job *t = xcalloc(1, sizeof *t);
    t->job = (struct api_job){.work = work, .cancel = cancel, .answer = answer, .free = job_free};
    t->conf = topic_conf_ref(conf);
    call->r->needs_client = true;
    api_on_owner_of(&t->job, call, was);
}

void api_trial_run(const struct api_call *call)
{
    AUTO(jdoc_freep) struct jdoc *body = api_body(call->r, json_types, LIMIT_TOPIC_BYTES);
    AUTO(topic_conf_unrefp) struct topic_conf *conf = NULL;
    AUTO(faults_done) struct faults f;

    faults_init(&f);
    if (!body)
        return;
    const struct topic_conf *was = find_topic(call, jdoc_root(body));
    conf = make_conf(jdoc_root(body), was, &f);
    if (conf)
        start(call, conf, was);
    else
        problem_answer_faults(call->r, &f);
}
