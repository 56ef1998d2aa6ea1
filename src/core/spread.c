#include "core/spread.h"

struct spread {
    struct engine *engine;
    spread_f *each;
    spread_done_f *done;
    void *arg;
    unsigned waiting; /* answers missing; counted on the first loop */
    struct spread_mail {
        struct mail mail;
        struct spread *spread;
        struct shard *to;
    } mails[]; /* one per loop */
};

static void on_answer(struct mail *m)
{
    struct spread *s = CONTAINER_OF(m, struct spread_mail, mail)->spread;

    if (--s->waiting > 0)
        return;
    s->done(s->arg);
    loop_bury(s->engine->shards[0]->loop, s, free);
}

static void on_each(struct mail *m)
{
    struct spread_mail *sm = CONTAINER_OF(m, struct spread_mail, mail);

    sm->spread->each(sm->to, sm->spread->arg);
    loop_post(sm->spread->engine->shards[0]->loop, m, on_answer);
}

void spread_start(struct engine *e, const struct shard *first, spread_f *each, spread_done_f *done,
                  void *arg)
{
    struct spread *s = xcalloc(1, sizeof *s + e->shard_count * sizeof s->mails[0]);

    s->engine = e;
    s->each = each;
    s->done = done;
    s->arg = arg;
    s->waiting = e->shard_count;
    for (unsigned i = 0; i < e->shard_count; i++) {
        struct spread_mail *m = &s->mails[i];
        m->spread = s;
        m->to = e->shards[(first->index + i) % e->shard_count];
        loop_post(m->to->loop, &m->mail, on_each);
    }
}
