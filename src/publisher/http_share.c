#include "publisher/http_share.h"

#include "base/seal.h"
#include "core/conf.h"

/* ---- what the settings fix of a request ---- */

struct texts {
    struct str *items;
    size_t count;
};

static void add(struct texts *t, const char *text)
{
    t->items[t->count++] = str_of(text);
}

/* What is not given differs from what is empty only in ways that make no other request. */
struct hash128 http_share_key(const void *config)
{
    const struct http_conf *conf = config;
    const struct http_auth_conf *auth = &conf->fields.auth;
    const char *const credentials[] = {auth->provider, auth->client_id, auth->client_secret,
                                       auth->scope,    auth->username,  auth->password,
                                       auth->token};
    const int kinds[] = {auth->type, auth->mode};
    AUTO_FREE struct str *items =
        xcalloc(2 + ARRAY_LEN(credentials) + 2 * conf->fields.headers.count, sizeof *items);
    struct texts t = {items, 0};

    add(&t, conf->url);
    items[t.count++] = str_make((const char *)kinds, sizeof kinds);
    for (size_t i = 0; i < ARRAY_LEN(credentials); i++)
        add(&t, credentials[i]);
    for (size_t i = 0; i < conf->fields.headers.count; i++) {
        add(&t, conf->fields.headers.items[i].name);
        add(&t, conf->fields.headers.items[i].value);
    }
    return seal_mark(items, t.count);
}

/* On the loop that makes the request, for the poll whose request it is. */
static struct fetch_target *make_target(const struct topic_conf *c, struct errinfo *ei)
{
    const struct http_conf *conf = c->config;
    struct fetch_target *target = fetch_target_new(str_of(conf->url), ei);
    struct token_conf *client = NULL;

    if (!target)
        return NULL;
    enum err err = http_fields_set(target, &conf->fields, ei);
    if (err == E_OK)
        err = http_fields_renew(target, &conf->fields, conf_current(), &client, ei);
    token_conf_unref(client);
    if (err != E_OK)
        fetch_target_free(TAKE(target));
    return target;
}

/* ---- the request to the byte ---- */

static void add_text(struct buf *b, struct str s)
{
    uint64_t n = s.p ? s.n + 1 : 0;

    buf_append(b, &n, sizeof n);
    buf_str(b, s);
}

/* The settings first: only topics that agree in them can have the same key, so the rest need not
 * withstand texts that were made to collide. */
static struct hash128 key_of(const struct request *r, const struct fetch_params *p)
{
    const struct http_run *run = r->step;
    const uint64_t numbers[] = {r->conf->share_key.lo, r->conf->share_key.hi, p->max_bytes,
                                p->max_redirects,      run->call.renewed,     run->round};
    AUTO(buf_done) struct buf b = BUF_INIT;

    buf_append(&b, numbers, sizeof numbers);
    add_text(&b, p->url);
    add_text(&b, p->etag);
    add_text(&b, p->last_modified);
    return hash_bytes(b.p, b.len);
}

/* ---- asking ---- */

bool http_share_wanted(const struct request *r)
{
    return !r->topic->trial && fetch_share_wanted(r->topic->shard, r->conf);
}

static void on_answer(const struct fetch_answer *a, bool shared, void *arg)
{
    struct request *r = arg;
    struct http_run *run = r->step;

    run->ask = NULL;
    r->shared |= shared;
    /* What changed after the request that was made is not in its answer, whenever this poll was. */
    if (a->asked.started_wall)
        run->call.began_wall = MIN(run->call.began_wall, a->asked.started_wall);
    /* The token that was sent is the one that the source may have refused. */
    if (a->asked.token) {
        token_unref(run->call.token);
        run->call.token = token_ref(a->asked.token);
    }
    if (!a->failed) {
        if (!run->round)
            run->state->seen = a->asked.started;
        run->round = a->serial;
    }
    http_exchange_fetched(&run->call, &a->res);
}

void http_share_send(struct http_call *call, const struct fetch_params *params)
{
    struct request *r = call->request;
    struct http_run *run = r->step;
    const struct share_params p = {
        .key = key_of(r, params),
        .need =
            {
                .due = r->due,
                .period = http_conf_period(r->conf->config),
                .after = run->round ? 0 : run->state->seen,
                .attempt = r->attempt,
                .same_round = run->round != 0,
            },
        .fresh = r->fresh && !run->round,
        .conf = r->conf,
        .target = make_target,
        .url = params->url,
        .etag = params->etag,
        .last_modified = params->last_modified,
        .token = run->call.token,
        .max_bytes = params->max_bytes,
        .max_redirects = params->max_redirects,
        .deadline = params->deadline,
    };

    run->ask = fetch_share_ask(r->topic->shard, &p, on_answer, r);
}
