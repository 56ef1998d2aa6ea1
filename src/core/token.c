/*
 * A loop's copies of tokens, and who waits for them.
 *
 * A wait sits on its copy's list. Whatever may change what a copy can say (a new wait, an answer)
 * makes it dirty; settle() then decides: give out the token, give out the failure, or ask the owner.
 */
#include "core/token.h"

#include "core/token_impl.h"

#define IDLE_US (600 * US_PER_S)
#define SWEEP_EVERY_US (60 * US_PER_S)

struct token_copy {
    struct token_entry entry;
    struct tokens *tokens;
    struct list dirty;
    struct list waits;
    struct token *token;          /* or NULL */
    bool refused;                 /* token, by the API */
    bool answered;                /* since it was settled last */
    struct token_failure failure; /* of the last ask */
    struct token_exchange exchange;
    struct token_ask ask;
};

struct token_wait {
    struct list link;
    token_done_f *done;
    void *arg;
};

/* ---- maps by client ---- */

static struct str key_of(const struct token_conf *c)
{
    return str_make((const char *)&c->hash, sizeof c->hash);
}

struct token_entry *token_entry_find(const struct map *m, const struct token_conf *c)
{
    struct token_entry *e = map_get(m, key_of(c));

    while (e && !token_conf_equal(e->conf, c))
        e = e->next;
    return e;
}

void token_entry_add(struct map *m, struct token_entry *e, struct token_conf *c)
{
    e->conf = token_conf_ref(c);
    e->next = map_put(m, key_of(c), e);
}

static void entry_remove(struct map *m, struct token_entry *e)
{
    struct token_entry *head = map_get(m, key_of(e->conf));

    if (head != e) {
        while (head->next != e)
            head = head->next;
        head->next = e->next;
    } else if (e->next) {
        map_put(m, key_of(e->conf), e->next);
    } else {
        map_remove(m, key_of(e->conf));
    }
}

/* Take out those for which is_idle() is true (NULL: all) and free them. */
static void sweep_map(struct map *m, int64_t now,
                      bool (*is_idle)(const struct token_entry *e, int64_t now),
                      void (*free_fn)(struct token_entry *e))
{
    struct token_entry *e;
    struct list idle, *n;

    list_init(&idle);
    for (size_t i = 0; (e = map_next(m, &i));)
        for (; e; e = e->next)
            if (!is_idle || (now - e->used >= IDLE_US && is_idle(e, now)))
                list_append(&idle, &e->idle);
    while ((n = list_pop(&idle))) {
        e = LIST_ITEM(n, struct token_entry, idle);
        entry_remove(m, e);
        free_fn(e);
    }
}

/* ---- asking the owner ---- */

static void soil(struct token_copy *c)
{
    if (!list_linked(&c->dirty))
        list_append(&c->tokens->dirty, &c->dirty);
    loop_defer(c->tokens->shard->loop, &c->tokens->settle);
}

static void on_ask(struct mail *m)
{
    struct token_ask *ask = CONTAINER_OF(m, struct token_ask, mail);

    token_source_ask(ask->to, ask);
}

static void ask_owner(struct token_copy *c)
{
    struct token_ask *ask = &c->ask;

    if (ask->away)
        return;
    ask->away = true;
    ask->have = c->token ? c->token->serial : 0;
    ask->refused = c->refused;
    loop_post(ask->to->shard->loop, &ask->mail, on_ask);
}

static void set_token(struct token_copy *c, struct token *t)
{
    token_unref(c->token);
    c->token = t;
    c->refused = false;
}

/* The owner that gives back a token which was refused means it to be used for a while yet. */
static void on_answer(struct mail *m)
{
    struct token_ask *ask = CONTAINER_OF(m, struct token_ask, mail);
    struct token_copy *c = CONTAINER_OF(ask, struct token_copy, ask);
    bool same = ask->token && c->token && ask->token->serial == c->token->serial;

    ask->away = false;
    if (ask->token && same && !ask->refused)
        token_unref(TAKE(ask->token)); /* a refusal in the meantime stands */
    else if (ask->token || ask->refused)
        set_token(c, TAKE(ask->token));
    c->failure = ask->failure;
    c->exchange = ask->exchange;
    c->answered = true;
    soil(c);
}

void token_answer_ask(struct token_ask *ask)
{
    loop_post(ask->from->shard->loop, &ask->mail, on_answer);
}

/* ---- answering those who wait ---- */

/* They may come back, cancel each other or refuse the token in their callbacks. */
static void deliver(struct token_copy *c, const struct token_result *res)
{
    struct list batch, *n;

    list_init(&batch);
    list_splice(&batch, &c->waits);
    while ((n = list_pop(&batch))) {
        struct token_wait *w = LIST_ITEM(n, struct token_wait, link);
        token_done_f *done = w->done;
        void *arg = w->arg;

        free(w);
        done(res, arg);
    }
}

static void deliver_token(struct token_copy *c)
{
    struct token *t = token_ref(c->token);
    const struct token_result res = {.token = t, .exchange = c->exchange};

    deliver(c, &res);
    token_unref(t);
}

static void deliver_failure(struct token_copy *c)
{
    const struct token_result res = {
        .err = c->failure.err,
        .passing = c->failure.passing,
        .retry_at = c->failure.retry_at,
        .info = c->failure.info,
        .exchange = c->exchange,
    };

    deliver(c, &res);
}

/* What was just answered is given out however late the mail came: asking again could go on so for
 * ever. */
static void settle(struct token_copy *c)
{
    int64_t now = loop_now(c->tokens->shard->loop);
    bool answered = c->answered;
    bool failed = c->failure.err != E_OK;
    bool failing = failed && (answered || now < c->failure.retry_at);
    bool granted = answered && !failed;
    bool usable = c->token && !c->refused && (granted || now < c->token->expires_at);

    c->answered = false;
    if (list_empty(&c->waits))
        return;
    if (usable) {
        if (now >= c->token->renew_at && !failing)
            ask_owner(c);
        deliver_token(c);
    } else if (failing) {
        deliver_failure(c);
    } else {
        ask_owner(c);
    }
}

static void on_settle(struct deferred *d, void *arg)
{
    struct tokens *t = arg;
    struct list batch, *n;

    (void)d;
    list_init(&batch);
    list_splice(&batch, &t->dirty);
    while ((n = list_pop(&batch)))
        settle(LIST_ITEM(n, struct token_copy, dirty));
}

/* ---- copies ---- */

static struct token_copy *copy_of(struct token_entry *e)
{
    return CONTAINER_OF(e, struct token_copy, entry);
}

static struct token_copy *copy_get(struct tokens *t, struct token_conf *conf)
{
    struct engine *engine = t->shard->engine;
    struct token_entry *e = token_entry_find(&t->copies, conf);

    if (e)
        return copy_of(e);
    struct token_copy *c = xcalloc(1, sizeof *c);
    c->tokens = t;
    list_init(&c->waits);
    token_entry_add(&t->copies, &c->entry, conf);
    c->ask.from = t;
    c->ask.to = engine->shards[conf->hash % engine->shard_count]->tokens;
    c->ask.conf = c->entry.conf;
    return c;
}

static bool copy_is_idle(const struct token_entry *e, int64_t now)
{
    const struct token_copy *c = CONTAINER_OF(e, const struct token_copy, entry);

    (void)now;
    return list_empty(&c->waits) && !c->ask.away && !list_linked(&c->dirty);
}

static void copy_free(struct token_entry *e)
{
    struct token_copy *c = copy_of(e);
    struct list *n;

    while ((n = list_pop(&c->waits)))
        free(LIST_ITEM(n, struct token_wait, link));
    list_remove(&c->dirty);
    token_unref(c->token);
    token_unref(c->ask.token);
    token_conf_unref(c->entry.conf);
    free(c);
}

static void on_sweep(struct timer *timer, void *arg)
{
    struct tokens *t = arg;
    int64_t now = loop_now(t->shard->loop);

    sweep_map(&t->copies, now, copy_is_idle, copy_free);
    sweep_map(&t->sources, now, token_source_is_idle, token_source_free);
    timer_set(t->shard->loop, timer, now + SWEEP_EVERY_US);
}

/* ---- the interface ---- */

struct tokens *tokens_new(struct shard *sh)
{
    struct tokens *t = xcalloc(1, sizeof *t);

    t->shard = sh;
    list_init(&t->dirty);
    deferred_init(&t->settle, on_settle, t);
    timer_init(&t->sweep, on_sweep, t);
    timer_set(sh->loop, &t->sweep, loop_now(sh->loop) + SWEEP_EVERY_US);
    return t;
}

void tokens_free(struct tokens *t)
{
    if (!t)
        return;
    timer_clear(t->shard->loop, &t->sweep);
    deferred_cancel(&t->settle);
    sweep_map(&t->copies, 0, NULL, copy_free);
    sweep_map(&t->sources, 0, NULL, token_source_free);
    map_done(&t->copies);
    map_done(&t->sources);
    free(t);
}

struct token_wait *token_get(struct shard *sh, struct token_conf *conf, token_done_f *done,
                             void *arg)
{
    struct token_copy *c = copy_get(sh->tokens, conf);
    struct token_wait *w = xcalloc(1, sizeof *w);

    w->done = done;
    w->arg = arg;
    list_append(&c->waits, &w->link);
    c->entry.used = loop_now(sh->loop);
    soil(c);
    return w;
}

void token_cancel(struct token_wait *w)
{
    if (!w)
        return;
    list_remove(&w->link);
    free(w);
}

void token_refused(struct shard *sh, struct token_conf *conf, const struct token *t)
{
    struct token_entry *e = token_entry_find(&sh->tokens->copies, conf);
    struct token_copy *c = e ? copy_of(e) : NULL;

    if (c && c->token && c->token->serial == t->serial)
        c->refused = true;
}
