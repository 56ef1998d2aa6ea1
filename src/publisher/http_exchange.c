/*
 * The life of an exchange: sent, its token awaited, tried again, and what its status means.
 */
#include "publisher/http_exchange.h"

#include "base/count.h"
#include "base/rand.h"
#include "base/trace.h"
#include "core/limits.h"
#include "core/retry.h"
#include "core/trial.h"

static void on_fetched(const struct fetch_result *res, void *arg);
static void token_failed(struct http_call *call, const struct token_result *res);

static void fetch(struct http_call *call, const struct fetch_params *params)
{
    struct shard *sh = call->request->topic->shard;

    call->fetch = fetch_start(sh->fetcher, call->target, params, on_fetched, call);
}

static void send_request(struct http_call *call)
{
    struct request *r = call->request;
    const struct conf *conf = r->topic->shard->engine->conf;
    struct fetch_params p = {
        .method = call->method,
        .body = call->body,
        .etag = call->etag,
        .last_modified = call->last_modified,
        .phase = poller_phase(&r->topic->poller),
        .deadline = r->deadline,
        .max_bytes = call->max_bytes ? call->max_bytes : (size_t)conf->payload_max_bytes,
        .max_redirects = conf->poll_follow_redirects ? LIMIT_REDIRECTS : 0,
        .hops = trial_asks(r->topic->trial),
    };

    if (!call->began_wall)
        call->began_wall = clock_now_wall();
    if (call->url.len)
        p.url = buf_view(&call->url);
    if (call->token) {
        call->authorization = token_header(call->token);
        p.headers = &call->authorization;
        p.header_count = 1;
        p.secret = true;
    }
    (call->send ? call->send : fetch)(call, &p);
}

/* ---- authorization ---- */

static void on_token(const struct token_result *res, void *arg)
{
    struct http_call *call = arg;

    call->token_wait = NULL;
    trial_token_came(call->request->topic->trial, call->client, res);
    if (res->err != E_OK) {
        token_failed(call, res);
        return;
    }
    token_unref(call->token);
    call->token = token_ref(res->token);
    send_request(call);
}

void http_exchange_send(struct http_call *call)
{
    struct request *r = call->request;

    r->state = REQUEST_REQUESTING;
    trial_asks_token(r->topic->trial);
    if (call->client)
        call->token_wait = token_get(r->topic->shard, call->client, on_token, call);
    else
        send_request(call);
}

/* A token may have been withdrawn before its time: once per run a new one is tried. */
static bool renew_token(struct http_call *call, const struct fetch_result *res)
{
    if (!call->token || call->renewed || res->err != E_OK || res->status != 401)
        return false;
    call->renewed = true;
    token_refused(call->request->topic->shard, call->client, call->token);
    http_exchange_send(call);
    return true;
}

/* ---- attempts ---- */

static void on_retry(struct timer *t, void *arg)
{
    struct http_call *call = arg;

    (void)t;
    call->request->attempt++;
    if (!call->request->topic->trial)
        count_one(COUNT_polls_retried);
    http_exchange_send(call);
}

/* The error of an HTTP status that is not a success. */
static enum err status_error(int status)
{
    static const struct {
        int status;
        enum err err;
    } rows[] = {
        {400, E_POLL_400}, {401, E_POLL_401}, {403, E_POLL_403}, {404, E_POLL_404},
        {405, E_POLL_405}, {406, E_POLL_406}, {408, E_POLL_408}, {410, E_POLL_410},
        {429, E_POLL_429}, {500, E_POLL_500}, {502, E_POLL_502}, {503, E_POLL_503},
        {504, E_POLL_504},
    };

    /* 304 to a request that had no condition is no redirection, it is nonsense. */
    if (status >= 300 && status < 400 && status != 304)
        return E_POLL_REDIRECT;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (rows[i].status == status)
            return rows[i].err;
    }
    return E_POLL_UNKNOWN;
}

static bool is_retried(const struct http_retries *retries, const struct fetch_result *res,
                       enum err err)
{
    if (res->err != E_OK)
        return err_row(err)->kind == ERR_KIND_RETRY;
    for (size_t i = 0; i < retries->on_codes.count; i++) {
        if (retries->on_codes.items[i] == res->status)
            return true;
    }
    return false;
}

/* How long the source asks us to stay away, µs; 0: it does not. */
static int64_t asked_wait(const struct http_call *call, const struct fetch_result *res)
{
    struct str after = STR_NONE, reset = STR_NONE;
    int64_t wait_us = 0, reset_us = 0;

    if (res->err == E_OK && (res->status == 429 || res->status == 503))
        after = fetch_header(res, "Retry-After", 0);
    if (res->err == E_OK && res->status == 429 && call->rate_limit)
        reset = fetch_header(res, "X-Rate-Limit-Reset", 0);
    if (after.p && !retry_after_parse(after, clock_now_wall(), &wait_us))
        wait_us = 0;
    if (reset.p && !rate_limit_reset_parse(reset, clock_now_wall(), &reset_us))
        reset_us = 0;
    return MAX(wait_us, reset_us);
}

/* No attempt is left. Of several exchanges it is told which one, and that it was the time for all of
 * them together that ran out. */
static void fail(struct http_call *call, enum err err, const struct errinfo *ei)
{
    struct request *r = call->request;
    struct errinfo told = *ei;

    if (call->number > 1 && clock_now() >= r->deadline) {
        err_clear(&told);
        err_set(&told, err, "%s; ended by the guard poll.deadline", err_text(ei, err));
    }
    if (call->number > 1)
        err_prefix(&told, err, "%s %zu", call->part, call->number);
    request_end(r, EXIT_ERROR, err, &told);
}

/* Try once more after a while, and not before that time; false when no attempt is left. */
static bool try_again(struct http_call *call, int64_t not_before, enum err err,
                      const struct errinfo *ei)
{
    const struct http_retries *retries = call->retries;
    struct request *r = call->request;
    int64_t now = clock_now();
    int64_t wait =
        retry_delay(r->attempt, retries->initial_us, retries->max_us, retries->factor, rand_unit());
    int64_t at = MAX(now + wait, not_before);

    if (r->attempt >= (unsigned)retries->max_attempts || at >= r->deadline)
        return false;
    r->state = REQUEST_RETRYING;
    trace(poller, "%s: attempt %u failed (%s), again in %lld ms", r->conf->name, r->attempt,
          err_text(ei, err), (long long)((at - now) / US_PER_MS));
    timer_set(r->topic->shard->loop, &call->retry, at);
    return true;
}

/* The token's source waits between its own attempts: before that it has no other answer. */
static void token_failed(struct http_call *call, const struct token_result *res)
{
    if (!res->passing || !try_again(call, res->retry_at, res->err, &res->info))
        fail(call, res->err, &res->info);
}

/* One attempt failed: again after a while, or for good. */
static void attempt_failed(struct http_call *call, const struct fetch_result *res, enum err err,
                           const struct errinfo *ei)
{
    int64_t now = clock_now();
    int64_t asked = asked_wait(call, res);

    if (is_retried(call->retries, res, err) && try_again(call, now + asked, err, ei))
        return;
    if (asked > 0)
        call->request->topic->poller.not_before = now + asked;
    fail(call, err, ei);
}

static bool is_conditional(const struct http_call *call)
{
    return call->etag.p || call->last_modified.p;
}

static enum err check_status(const struct http_call *call, const struct fetch_result *res,
                             struct errinfo *ei)
{
    if (res->err != E_OK)
        return err_set(ei, res->err, "%s", err_text(&res->info, res->err));
    if (res->status == 304 && is_conditional(call) && !res->redirects)
        return E_OK;
    if ((res->status >= 200 && res->status < 300) || res->status == call->accepted)
        return E_OK;
    /* Subscribers read this: what follows "?" may be a key of the source's. */
    size_t shown = MIN(str_find(res->url, '?'), (size_t)200);
    enum err err = status_error(res->status);
    return err_set(ei, err, "%s (status %d, %.*s)", err_row(err)->text, res->status, (int)shown,
                   res->url.p);
}

static void on_fetched(const struct fetch_result *res, void *arg)
{
    struct http_call *call = arg;

    call->fetch = NULL;
    http_exchange_fetched(call, res);
}

void http_exchange_fetched(struct http_call *call, const struct fetch_result *res)
{
    struct request *r = call->request;
    struct errinfo ei = ERRINFO_INIT;

    CHECK_OBJ(r, REQUEST_MAGIC);
    r->status = res->err == E_OK ? res->status : 0;
    r->body_bytes = res->body.n;
    enum err err = check_status(call, res, &ei);
    trial_answered(r->topic->trial, r, call->number, res, err == E_OK ? NULL : ei.text);
    if (err != E_OK && renew_token(call, res))
        return;
    if (err != E_OK) {
        attempt_failed(call, res, err, &ei);
        return;
    }
    call->result = res;
    request_step_done(r);
}

/* ---- life ---- */

void http_exchange_init(struct http_call *call, struct request *r)
{
    call->request = r;
    call->number = 1;
    timer_init(&call->retry, on_retry, call);
}

void http_exchange_stop(struct http_call *call)
{
    if (call->fetch)
        fetch_cancel(TAKE(call->fetch));
    token_cancel(TAKE(call->token_wait));
    token_unref(TAKE(call->token));
    token_conf_unref(TAKE(call->client));
    timer_clear(call->request->topic->shard->loop, &call->retry);
    buf_done(&call->url);
}
