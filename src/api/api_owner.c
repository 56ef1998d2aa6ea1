#include "api/api_owner.h"

#include "api/api_answer.h"
#include "api/problem.h"

static void on_abort(struct http_request *r)
{
    struct api_job *j = r->user;

    j->r = NULL;
}

static void on_home(struct mail *m)
{
    struct api_job *j = CONTAINER_OF(m, struct api_job, mail);
    struct http_request *r = TAKE(j->r);

    if (r) {
        r->on_abort = NULL;
        if (j->err == E_OK)
            j->answer(j, r);
        else
            problem_answer_err(r, j->err, &j->info);
    }
    j->free(j);
}

void api_job_done(struct api_job *j)
{
    loop_post(j->home->loop, &j->mail, on_home);
}

static void on_owner(struct mail *m)
{
    struct api_job *j = CONTAINER_OF(m, struct api_job, mail);

    j->work(j, topic_find(j->owner, j->id));
}

void api_on_owner(struct api_job *j, const struct api_call *call)
{
    const struct topic_conf *conf = directory_find(call->sh, call->params[0]);

    if (!conf) {
        api_answer_no_topic(call->r, call->params[0]);
        j->free(j);
        return;
    }
    memcpy(j->id, conf->id, sizeof j->id);
    j->home = call->sh;
    j->owner = shard_owner(call->sh->engine, conf->id);
    j->r = call->r;
    j->r->user = j;
    j->r->on_abort = on_abort;
    loop_post(j->owner->loop, &j->mail, on_owner);
}
