#include "api/api_owner.h"

#include "api/api_answer.h"
#include "api/problem.h"

static void on_leave(struct mail *m);

static void on_abort(struct http_request *r)
{
    struct api_job *j = r->user;

    j->r = NULL;
    if (!j->cancel)
        return;
    j->away++;
    loop_post(j->owner->loop, &j->leave, on_leave);
}

static void came_home(struct api_job *j)
{
    if (--j->away == 0)
        j->free(j);
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
    came_home(j);
}

void api_job_done(struct api_job *j)
{
    j->done = true;
    loop_post(j->home->loop, &j->mail, on_home);
}

static void on_left(struct mail *m)
{
    came_home(CONTAINER_OF(m, struct api_job, leave));
}

/* The work may have been done while this mail was on its way. */
static void on_leave(struct mail *m)
{
    struct api_job *j = CONTAINER_OF(m, struct api_job, leave);

    if (!j->done)
        j->cancel(j);
    loop_post(j->home->loop, &j->leave, on_left);
}

static void on_owner(struct mail *m)
{
    struct api_job *j = CONTAINER_OF(m, struct api_job, mail);

    j->work(j, topic_find(j->owner, j->id));
}

void api_on_owner_of(struct api_job *j, const struct api_call *call, const struct topic_conf *conf)
{
    if (conf)
        memcpy(j->id, conf->id, sizeof j->id);
    api_on_shard(j, call, conf ? shard_owner(call->sh->engine, conf->id) : call->sh);
}

void api_on_shard(struct api_job *j, const struct api_call *call, struct shard *to)
{
    j->home = call->sh;
    j->owner = to;
    j->r = call->r;
    j->r->user = j;
    j->r->on_abort = on_abort;
    j->away = 1;
    loop_post(j->owner->loop, &j->mail, on_owner);
}

void api_on_owner(struct api_job *j, const struct api_call *call)
{
    const struct topic_conf *conf = directory_find(call->sh, call->params[0]);

    if (conf) {
        api_on_owner_of(j, call, conf);
        return;
    }
    api_answer_no_topic(call->r, call->params[0]);
    j->free(j);
}
