/*
 * Who asks: a poll's wish, from the call to the callback, and the count of topics that may share.
 */
#include "core/fetch_share.h"

#include "base/count.h"
#include "core/fetch_share_impl.h"
#include "core/token.h"

/* Callbacks in one turn: each may parse and compare a document. */
#define DELIVER_PER_TURN 64
/* An answer that is made at the deadline may take so long to come home. */
#define MAIL_US (20 * US_PER_MS)

/* ---- topics that may make the same requests ---- */

static bool may_share(const struct topic_conf *c)
{
    return c->share_key.lo || c->share_key.hi;
}

static struct str key_of(const struct topic_conf *c)
{
    return str_make((const char *)&c->share_key, sizeof c->share_key);
}

static uintptr_t topics_of(const struct fetch_shares *s, const struct topic_conf *c)
{
    return (uintptr_t)map_get(&s->topics, key_of(c));
}

void fetch_share_enter(struct shard *sh, const struct topic_conf *c)
{
    struct fetch_shares *s = sh->shares;

    if (!s || !may_share(c))
        return;
    uintptr_t count = topics_of(s, c);
    s->rivals += count > 0;
    map_put(&s->topics, key_of(c), (void *)(count + 1));
}

void fetch_share_leave(struct shard *sh, const struct topic_conf *c)
{
    struct fetch_shares *s = sh->shares;

    if (!s || !may_share(c))
        return;
    uintptr_t count = topics_of(s, c);
    CHECK(count > 0);
    s->rivals -= count > 1;
    if (count > 1)
        map_put(&s->topics, key_of(c), (void *)(count - 1));
    else
        map_remove(&s->topics, key_of(c));
}

bool fetch_share_wanted(const struct shard *sh, const struct topic_conf *c)
{
    const struct fetch_shares *s = sh->shares;

    return s && s->rivals && sh->engine->conf->poll_coalesce && may_share(c) && topics_of(s, c) > 1;
}

/* ---- the way home ---- */

static void ask_free(struct share_ask *ask)
{
    timer_clear(ask->from->loop, &ask->timer);
    list_remove(&ask->mine);
    fetch_answer_unref(ask->answer);
    token_unref(ask->p.token);
    topic_conf_unref(ask->p.conf);
    free(ask);
}

static void arrive(struct share_ask *ask)
{
    struct fetch_shares *s = ask->from->shares;

    ask->home = true;
    /* Cancelled: the second mail comes behind this one. */
    if (!ask->done)
        return;
    timer_clear(ask->from->loop, &ask->timer);
    list_append(&s->arrived, &ask->link);
    loop_defer(ask->from->loop, &s->deliver);
}

static void on_answered(struct mail *m)
{
    arrive(CONTAINER_OF(m, struct share_ask, mail));
}

void share_ask_answer(struct share_ask *ask, struct fetch_answer *a)
{
    ask->fetch = NULL;
    ask->answer = fetch_answer_ref(a);
    if (ask->from == ask->to)
        arrive(ask);
    else
        loop_post(ask->from->loop, &ask->mail, on_answered);
}

/* ---- callbacks ---- */

static void call_back(struct share_ask *ask)
{
    share_done_f *done = ask->done;
    struct fetch_answer *a = TAKE(ask->answer);
    void *arg = ask->arg;
    bool shared = !ask->made;

    ask_free(ask);
    if (shared)
        count_one(COUNT_fetch_shared);
    done(a, shared, arg);
    fetch_answer_unref(a);
}

/* They may ask again and cancel each other. */
static void on_deliver(struct deferred *d, void *arg)
{
    struct fetch_shares *s = arg;
    struct list *n;

    for (int i = 0; i < DELIVER_PER_TURN && (n = list_pop(&s->arrived)); i++)
        call_back(LIST_ITEM(n, struct share_ask, link));
    if (!list_empty(&s->arrived))
        loop_defer(s->shard->loop, d);
}

/* ---- giving up ---- */

static void on_forgotten(struct mail *m)
{
    ask_free(CONTAINER_OF(m, struct share_ask, cancel));
}

static void on_cancel(struct mail *m)
{
    struct share_ask *ask = CONTAINER_OF(m, struct share_ask, cancel);

    share_keep_forget(ask);
    loop_post(ask->from->loop, &ask->cancel, on_forgotten);
}

void fetch_share_cancel(struct share_ask *ask)
{
    if (!ask)
        return;
    ask->done = NULL;
    timer_clear(ask->from->loop, &ask->timer);
    if (ask->from == ask->to)
        share_keep_forget(ask);
    else if (!ask->home) {
        loop_post(ask->to->loop, &ask->cancel, on_cancel);
        return;
    }
    list_remove(&ask->link);
    ask_free(ask);
}

/* The others may go on waiting. */
static void on_deadline(struct timer *t, void *arg)
{
    struct share_ask *ask = arg;
    share_done_f *done = ask->done;
    void *done_arg = ask->arg;
    struct fetch_result res = {.err = E_POLL_TIMEOUT};
    const struct fetch_asked asked = {.due = ask->p.need.due};

    (void)t;
    err_set(&res.info, res.err, "no answer in time to a request that other topics wait for too");
    struct fetch_answer *a = fetch_answer_new(&res, &asked);
    fetch_share_cancel(ask);
    done(a, false, done_arg);
    fetch_answer_unref(a);
}

/* ---- asking ---- */

static void on_ask(struct mail *m)
{
    struct share_ask *ask = CONTAINER_OF(m, struct share_ask, mail);

    share_keep_ask(ask->to->shares, ask);
}

static struct share_ask *ask_new(struct shard *sh, const struct share_params *p)
{
    struct engine *engine = sh->engine;
    size_t texts = p->url.n + p->etag.n + p->last_modified.n;
    struct share_ask *ask = xmalloc(sizeof *ask + texts);
    char *at = ask->text;

    memset(ask, 0, sizeof *ask);
    ask->from = sh;
    ask->to = engine->shards[p->key.lo % engine->shard_count];
    ask->p = *p;
    ask->p.conf = topic_conf_ref(p->conf);
    if (p->token)
        token_ref(p->token);
    ask->p.url = str_put(&at, p->url);
    ask->p.etag = str_put(&at, p->etag);
    ask->p.last_modified = str_put(&at, p->last_modified);
    list_append(&sh->shares->asks, &ask->mine);
    return ask;
}

struct share_ask *fetch_share_ask(struct shard *sh, const struct share_params *p,
                                  share_done_f *done, void *arg)
{
    struct share_ask *ask = ask_new(sh, p);

    ask->done = done;
    ask->arg = arg;
    timer_init(&ask->timer, on_deadline, ask);
    timer_set(sh->loop, &ask->timer, p->deadline + MAIL_US);
    if (ask->from == ask->to)
        share_keep_ask(sh->shares, ask);
    else
        loop_post(ask->to->loop, &ask->mail, on_ask);
    return ask;
}

/* ---- life ---- */

struct fetch_shares *fetch_shares_new(struct shard *sh)
{
    struct fetch_shares *s = xcalloc(1, sizeof *s);

    s->shard = sh;
    list_init(&s->asks);
    list_init(&s->arrived);
    deferred_init(&s->deliver, on_deliver, s);
    share_keep_init(s);
    return s;
}

void fetch_shares_close(struct fetch_shares *s)
{
    if (!s)
        return;
    deferred_cancel(&s->deliver);
    share_keep_close(s);
}

/* Those of other loops that wait here were let go of when this was closed. */
void fetch_shares_free(struct fetch_shares *s)
{
    struct list *n;

    if (!s)
        return;
    while ((n = list_pop(&s->asks)))
        ask_free(LIST_ITEM(n, struct share_ask, mine));
    map_done(&s->topics);
    free(s);
}
