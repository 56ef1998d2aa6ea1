/*
 * One exchange of the http-poller: a request, its retries, and what the status of its answer means.
 */
#include "base/count.h"
#include "base/trace.h"
#include "core/limits.h"
#include "core/retry.h"
#include "core/token.h"
#include "publisher/http_run.h"

static void on_fetched(const struct fetch_result *res, void *arg);

static void send_request(struct request *r)
{
    const struct conf *conf = r->topic->shard->engine->conf;
    struct http_run *run = r->step;
    const struct http_known *known = &run->state->kept;
    struct fetch_params p = {
        .deadline = r->deadline,
        .max_bytes = (size_t)conf->payload_max_bytes,
        .max_redirects = conf->poll_follow_redirects ? LIMIT_REDIRECTS : 0,
    };

    r->state = REQUEST_REQUESTING;
    if (!run->began_wall)
        run->began_wall = clock_now_wall();
    if (run->url.len)
        p.url = buf_view(&run->url);
    if (run->token) {
        run->authorization = token_header(run->token);
        p.headers = &run->authorization;
        p.header_count = 1;
        p.secret = true;
    }
    if (run->conditional) {
        p.etag = str_of(known->etag);
        p.last_modified = str_of(known->last_modified);
    }
    run->fetch = fetch_start(r->topic->shard->fetcher, run->state->target, &p, on_fetched, r);
}

/* ---- authorization ---- */

static void on_token(const struct token_result *res, void *arg)
{
    struct request *r = arg;
    struct http_run *run = r->step;

    run->token_wait = NULL;
    if (res->err != E_OK) {
        /* The token's source waits between its own attempts: the next poll asks it again. */
        request_end(r, EXIT_ERROR, res->err, &res->info);
        return;
    }
    token_unref(run->token);
    run->token = token_ref(res->token);
    send_request(r);
}

void http_exchange_send(struct request *r)
{
    const struct http_conf *conf = r->conf->config;
    struct http_run *run = r->step;

    r->state = REQUEST_REQUESTING;
    if (conf->client)
        run->token_wait = token_get(r->topic->shard, conf->client, on_token, r);
    else
        send_request(r);
}

/* A token may have been withdrawn before its time: once per run a new one is tried. */
static bool renew_token(struct request *r, const struct fetch_result *res)
{
    const struct http_conf *conf = r->conf->config;
    struct http_run *run = r->step;

    if (!run->token || run->renewed || res->err != E_OK || res->status != 401)
        return false;
    run->renewed = true;
    token_refused(r->topic->shard, conf->client, run->token);
    http_exchange_send(r);
    return true;
}

/* ---- attempts ---- */

static void on_retry(struct timer *t, void *arg)
{
    struct request *r = arg;

    (void)t;
    r->attempt++;
    count_one(COUNT_polls_retried);
    http_exchange_send(r);
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

static bool is_retried(const struct http_conf *conf, const struct fetch_result *res, enum err err)
{
    if (res->err != E_OK)
        return err_row(err)->kind == ERR_KIND_RETRY;
    for (size_t i = 0; i < conf->retry_on_http_codes.count; i++) {
        if (conf->retry_on_http_codes.items[i] == res->status)
            return true;
    }
    return false;
}

/* How long the source asks us to stay away, µs; 0: it does not. */
static int64_t asked_wait(const struct fetch_result *res)
{
    struct str v = STR_NONE;
    int64_t wait_us = 0;

    if (res->err == E_OK && (res->status == 429 || res->status == 503))
        v = fetch_header(res, "Retry-After", 0);
    if (!v.p || !retry_after_parse(v, clock_now_wall(), &wait_us))
        return 0;
    return wait_us;
}

/* No attempt is left. Of several pages it is told which one, and that it was the time for all of
 * them together that ran out. */
static void fail(struct request *r, enum err err, const struct errinfo *ei)
{
    const struct http_run *run = r->step;
    size_t page = run->pages ? page_guard_count(&run->pages->guard) : 0;
    struct errinfo told = *ei;

    if (page > 1 && clock_now() >= r->deadline) {
        err_clear(&told);
        err_set(&told, err, "%s; ended by the guard poll.deadline", err_text(ei, err));
    }
    if (page > 1)
        err_prefix(&told, err, "page %zu", page);
    request_end(r, EXIT_ERROR, err, &told);
}

/* One attempt failed: again after a while, or for good. */
static void attempt_failed(struct request *r, const struct fetch_result *res, enum err err,
                           const struct errinfo *ei)
{
    const struct http_conf *conf = r->conf->config;
    struct http_run *run = r->step;
    int64_t now = clock_now();
    int64_t asked = asked_wait(res);
    int64_t wait = retry_delay(r->attempt, conf->retry_initial_us, conf->retry_max_us,
                               conf->retry_factor, rand_unit());

    wait = MAX(wait, asked);
    if (is_retried(conf, res, err) && r->attempt < (unsigned)conf->retry_max_attempts &&
        now + wait < r->deadline) {
        r->state = REQUEST_RETRYING;
        trace(poller, "%s: attempt %u failed (%s), again in %lld ms", r->conf->name, r->attempt,
              err_text(ei, err), (long long)(wait / US_PER_MS));
        timer_set(r->topic->shard->loop, &run->retry, now + wait);
        return;
    }
    if (asked > 0)
        r->topic->poller.not_before = now + asked;
    fail(r, err, ei);
}

static enum err check_status(const struct http_run *run, const struct fetch_result *res,
                             struct errinfo *ei)
{
    if (res->err != E_OK)
        return err_set(ei, res->err, "%s", err_text(&res->info, res->err));
    if (res->status == 304 && run->conditional && !res->redirects)
        return E_OK;
    if (res->status >= 200 && res->status < 300)
        return E_OK;
    /* Subscribers read this: what follows "?" may be a key of the source's. */
    size_t shown = MIN(str_find(res->url, '?'), (size_t)200);
    enum err err = status_error(res->status);
    return err_set(ei, err, "%s (status %d, %.*s)", err_row(err)->text, res->status, (int)shown,
                   res->url.p);
}

static void on_fetched(const struct fetch_result *res, void *arg)
{
    struct request *r = arg;
    struct http_run *run = r->step;
    struct errinfo ei = ERRINFO_INIT;

    CHECK_OBJ(r, REQUEST_MAGIC);
    run->fetch = NULL;
    r->status = res->err == E_OK ? res->status : 0;
    r->body_bytes = res->body.n;
    enum err err = check_status(run, res, &ei);
    if (err != E_OK && renew_token(r, res))
        return;
    if (err != E_OK) {
        attempt_failed(r, res, err, &ei);
        return;
    }
    run->result = res;
    request_step_done(r);
}

void http_exchange_init(struct request *r)
{
    struct http_run *run = r->step;

    timer_init(&run->retry, on_retry, r);
}

void http_exchange_stop(struct request *r)
{
    struct http_run *run = r->step;

    if (run->fetch)
        fetch_cancel(TAKE(run->fetch));
    token_cancel(TAKE(run->token_wait));
    token_unref(TAKE(run->token));
    timer_clear(r->topic->shard->loop, &run->retry);
}
