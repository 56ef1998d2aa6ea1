/*
 * The owner's side of a client: its token, the one request for it, and the asks that wait for it.
 */
#include "base/count.h"
#include "base/rand.h"
#include "base/trace.h"
#include "core/limits.h"
#include "core/retry.h"
#include "core/token_impl.h"

#define REQUEST_US (30 * US_PER_S) /* unless polls have less */
/* Between requests that fail: the defaults of retries of a poll. */
#define RETRY_INITIAL_US (1 * US_PER_S)
#define RETRY_MAX_US (10 * US_PER_S)
#define RETRY_FACTOR 0.5
/* Between renewals of tokens that the API refuses as soon as they are issued. */
#define REFUSED_MAX_US (60 * US_PER_S)

struct token_source {
    struct token_entry entry;
    struct tokens *tokens;
    struct list asks;
    struct token *token; /* or NULL */
    struct token_failure failure;
    struct token_exchange exchange;
    unsigned failures; /* in a row */
    unsigned refusals; /* tokens in a row that did not live until their renewal */
    struct fetch_target *target;
    struct fetch *fetch; /* under way, with form and line; or NULL */
    struct buf form, line;
    struct str fields[3]; /* of the request */
};

static int64_t now_of(const struct token_source *s)
{
    return loop_now(s->tokens->shard->loop);
}

/* ---- answers to asks ---- */

static void answer(struct token_source *s, struct token_ask *ask)
{
    bool usable = s->token && now_of(s) < s->token->expires_at;

    ask->token = usable ? token_ref(s->token) : NULL;
    ask->failure = s->failure;
    ask->exchange = s->exchange;
    token_answer_ask(ask);
}

static void answer_all(struct token_source *s)
{
    struct list *n;

    while ((n = list_pop(&s->asks)))
        answer(s, LIST_ITEM(n, struct token_ask, link));
}

/* ---- the request ---- */

/* asked_us: how long the provider wants to be left alone, or 0. */
static void fail(struct token_source *s, enum err err, const struct errinfo *ei, bool passing,
                 int64_t asked_us)
{
    int64_t wait =
        retry_delay(s->failures, RETRY_INITIAL_US, RETRY_MAX_US, RETRY_FACTOR, rand_unit());

    s->failures++;
    count_one(COUNT_token_errors);
    s->failure = (struct token_failure){
        .err = err,
        .passing = passing,
        .retry_at = now_of(s) + MAX(wait, asked_us),
    };
    err_set(&s->failure.info, err, "%s", err_text(ei, err));
    trace(poller, "token: %s; not asked again for %lld ms", err_text(ei, err),
          (long long)((s->failure.retry_at - now_of(s)) / US_PER_MS));
}

/* A token that lived until its renewal was no reason to suspect the API. */
static void succeed(struct token_source *s, struct token *t)
{
    if (s->token)
        s->refusals = 0;
    token_unref(s->token);
    s->token = t;
    s->failure = (struct token_failure){.err = E_OK};
    s->failures = 0;
    trace(poller, "token: from %.*s, to be renewed in %lld s",
          STR_ARG(fetch_target_origin(s->target)),
          (long long)((t->renew_at - now_of(s)) / US_PER_S));
}

static int64_t asked_wait(const struct fetch_result *res)
{
    struct str v = STR_NONE;
    int64_t wait_us = 0;

    if (res->status == 429 || res->status == 503)
        v = fetch_header(res, "Retry-After", 0);
    return v.p && retry_after_parse(v, clock_now_wall(), &wait_us) ? wait_us : 0;
}

static void read_answer(struct token_source *s, const struct fetch_result *res)
{
    const struct token_answer a = {
        .status = res->status,
        .coding = fetch_header(res, "Content-Encoding", 0),
        .body = res->body,
    };
    struct errinfo ei = ERRINFO_INIT;
    struct token *t;

    enum err err = token_wire_read(s->entry.conf, &a, res->started, &t, &ei);
    if (err == E_OK) {
        succeed(s, t);
        return;
    }
    err_prefix(&ei, err, "no access token from %.*s", STR_ARG(fetch_target_origin(s->target)));
    bool passing = res->status == 408 || res->status == 429 || res->status >= 500;
    fail(s, err, &ei, passing, asked_wait(res));
}

static void on_fetched(const struct fetch_result *res, void *arg)
{
    struct token_source *s = arg;
    struct errinfo ei = ERRINFO_INIT;

    s->fetch = NULL;
    s->exchange = (struct token_exchange){
        .status = res->status,
        .started = res->started,
        .ended = clock_now(),
        .connect_us = res->connect_us,
        .first_byte_us = res->first_byte_us,
        .bytes = res->body.n,
    };
    buf_wipe(&s->form);
    buf_wipe(&s->line);
    if (res->err == E_OK) {
        read_answer(s, res);
    } else {
        err_set(&ei, E_POLL_401, "no access token: %s", err_text(&res->info, res->err));
        fail(s, E_POLL_401, &ei, err_row(res->err)->kind == ERR_KIND_RETRY, 0);
    }
    answer_all(s);
}

static void send_request(struct token_source *s)
{
    struct shard *sh = s->tokens->shard;
    struct fetch_params p = {
        .method = "POST",
        .headers = s->fields,
        .header_count = 2,
        .deadline = now_of(s) + MIN(sh->engine->conf->poll_deadline_us, REQUEST_US),
        .max_bytes = LIMIT_TOKEN_ANSWER_BYTES,
        .secret = true,
    };

    token_wire_form(s->entry.conf, &s->form);
    token_wire_line(s->entry.conf, &s->line);
    p.body = buf_view(&s->form);
    s->fields[0] = STR("Content-Type: application/x-www-form-urlencoded");
    s->fields[1] = STR("Accept: application/json");
    if (s->line.len > 0)
        s->fields[p.header_count++] = buf_view(&s->line);
    count_one(COUNT_token_requests);
    s->fetch = fetch_start(sh->fetcher, s->target, &p, on_fetched, s);
}

/* One at a time, and none while the provider is left alone. */
static void start(struct token_source *s)
{
    struct errinfo ei = ERRINFO_INIT;

    if (s->fetch || now_of(s) < s->failure.retry_at)
        return;
    if (!s->target)
        s->target = fetch_target_new(s->entry.conf->client.provider, &ei);
    if (s->target) {
        send_request(s);
        return;
    }
    err_prefix(&ei, E_POLL_CONFIG, "authorization.provider");
    fail(s, E_POLL_CONFIG, &ei, false, 0);
}

/* ---- asks ---- */

static struct token_source *source_get(struct tokens *t, struct token_conf *conf)
{
    struct token_entry *e = token_entry_find(&t->sources, conf);

    if (e)
        return CONTAINER_OF(e, struct token_source, entry);
    struct token_source *s = xcalloc(1, sizeof *s);
    s->tokens = t;
    list_init(&s->asks);
    token_entry_add(&t->sources, &s->entry, conf);
    return s;
}

/* The first refusal in a while renews the token at once. Where the new one is refused too, more new
 * ones are not what is needed, and must not become a flood: each has to be older than the last. */
static void refuse(struct token_source *s)
{
    int64_t age = now_of(s) - s->token->asked_at;

    if (s->refusals > 0 &&
        age < retry_delay(s->refusals - 1, RETRY_INITIAL_US, REFUSED_MAX_US, 0, 0))
        return;
    s->refusals++;
    token_unref(TAKE(s->token));
}

void token_source_ask(struct tokens *t, struct token_ask *ask)
{
    struct token_source *s = source_get(t, ask->conf);
    int64_t now = now_of(s);

    s->entry.used = now;
    if (s->token && ask->refused && ask->have == s->token->serial)
        refuse(s);
    bool fresh = s->token && now < s->token->renew_at;
    if (!fresh)
        start(s);
    /* Who has none yet need not wait for the renewal of one that can still be used. */
    bool news = s->token && now < s->token->expires_at && ask->have != s->token->serial;
    if (fresh || news || !s->fetch)
        answer(s, ask);
    else
        list_append(&s->asks, &ask->link);
}

/* ---- life ---- */

bool token_source_is_idle(const struct token_entry *e, int64_t now)
{
    const struct token_source *s = CONTAINER_OF(e, const struct token_source, entry);

    return !s->fetch && now >= s->failure.retry_at && (!s->token || now >= s->token->expires_at);
}

void token_source_free(struct token_entry *e)
{
    struct token_source *s = CONTAINER_OF(e, struct token_source, entry);

    if (s->fetch)
        fetch_cancel(TAKE(s->fetch));
    fetch_target_free(s->target);
    token_unref(s->token);
    buf_wipe(&s->form);
    buf_wipe(&s->line);
    token_conf_unref(s->entry.conf);
    free(s);
}
