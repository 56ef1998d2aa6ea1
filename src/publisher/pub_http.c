/*
 * The http-poller's three steps.
 *
 *   setup     the URL of this run (here computed query parameters come in) and the validators of
 *             the last published answer, bound to that exact request
 *   request   one exchange with retries (here authorization and pages come in)
 *   response  the same bytes as last time: unchanged, without looking at them; else a payload
 *
 * Who owns what: the state lives as long as the poller runs; the run as long as the poll request;
 * the body of an answer only as long as the fetch's callback, so the response step runs in it.
 */
#include "publisher/pub_http.h"

#include "base/count.h"
#include "base/trace.h"
#include "core/limits.h"
#include "core/payload.h"
#include "core/request.h"
#include "core/retry.h"
#include "io/inflate.h"
#include "publisher/pub_http_conf.h"

/* What is known of the last answer that was published. */
struct validators {
    uint64_t request_key; /* hash of the request they belong to */
    bool has_hash;
    struct hash128 hash; /* of the body as sent */
    char *etag;
    char *last_modified;
};

struct http_state {
    uint64_t request_key;
    struct fetch_target *target; /* NULL: the URL cannot be used, see info */
    struct errinfo info;
    struct validators kept;
    struct validators learnt; /* of the run under way; kept when it is settled */
    bool has_learnt;
};

struct http_run {
    struct http_state *state;
    struct fetch *fetch; /* under way, or NULL */
    struct timer retry;
    uint64_t request_key;
    bool conditional;                  /* validators were sent */
    const struct fetch_result *result; /* only within on_fetched() */
};

/* ---- validators ---- */

static void validators_done(struct validators *v)
{
    free(v->etag);
    free(v->last_modified);
    *v = (struct validators){0};
}

/* A field of the answer that says which version it is of what was asked for. Behind a redirect it is
 * of something else, and where that is may change: none. */
static struct str validator(const struct fetch_result *res, const char *name)
{
    return res->redirects ? STR_NONE : fetch_header(res, name, 0);
}

static char *copy_validator(const struct fetch_result *res, const char *name)
{
    struct str v = validator(res, name);

    return v.n ? str_dup(v) : NULL;
}

static void learn(struct http_run *run, const struct fetch_result *res)
{
    struct http_state *s = run->state;

    validators_done(&s->learnt);
    s->learnt = (struct validators){
        .request_key = run->request_key,
        .has_hash = true,
        .hash = res->hash,
        .etag = copy_validator(res, "ETag"),
        .last_modified = copy_validator(res, "Last-Modified"),
    };
    s->has_learnt = true;
}

static void settle(void *state, bool kept)
{
    struct http_state *s = state;

    if (!s->has_learnt)
        return;
    s->has_learnt = false;
    if (!kept) {
        validators_done(&s->learnt);
        return;
    }
    validators_done(&s->kept);
    s->kept = s->learnt;
    s->learnt = (struct validators){0};
}

/* Two requests are the same when everything sent is: the URL and the configured headers, and what
 * part of the answer is the payload. */
static uint64_t request_key(const struct http_conf *conf)
{
    uint64_t key = hash64(conf->url, strlen(conf->url));

    if (conf->payload_pointer)
        key = hash64_seed(conf->payload_pointer, strlen(conf->payload_pointer), key);
    for (size_t i = 0; i < conf->headers.count; i++) {
        const struct attr_pair *h = &conf->headers.items[i];
        key = hash64_seed(h->name, strlen(h->name), key);
        key = hash64_seed(h->value, strlen(h->value), key + 1);
    }
    return key;
}

/* ---- life of the state ---- */

static void *start(struct topic *t)
{
    const struct http_conf *conf = t->conf->config;
    struct http_state *s = xcalloc(1, sizeof *s);

    s->request_key = request_key(conf);
    s->target = fetch_target_new(str_of(conf->url), &s->info);
    for (size_t i = 0; s->target && i < conf->headers.count; i++) {
        const struct attr_pair *h = &conf->headers.items[i];
        if (fetch_target_header(s->target, str_of(h->name), str_of(h->value), &s->info) != E_OK) {
            fetch_target_free(TAKE(s->target));
            break;
        }
    }
    return s;
}

static void stop(void *state)
{
    struct http_state *s = state;

    fetch_target_free(s->target);
    validators_done(&s->kept);
    validators_done(&s->learnt);
    free(s);
}

static void save(const void *state, struct buf *b)
{
    const struct http_state *s = state;
    const struct validators *v = s->has_learnt ? &s->learnt : &s->kept;
    struct jwriter w = jw_begin(b);
    char hex[48];

    jw_object(&w);
    if (v->has_hash) {
        snprintf(hex, sizeof hex, "%016llx%016llx", (unsigned long long)v->hash.hi,
                 (unsigned long long)v->hash.lo);
        jw_key(&w, "hash");
        jw_strz(&w, hex);
        snprintf(hex, sizeof hex, "%016llx", (unsigned long long)v->request_key);
        jw_key(&w, "request");
        jw_strz(&w, hex);
    }
    if (v->etag) {
        jw_key(&w, "etag");
        jw_strz(&w, v->etag);
    }
    if (v->last_modified) {
        jw_key(&w, "lastModified");
        jw_strz(&w, v->last_modified);
    }
    jw_object_end(&w);
    CHECK(jw_end(&w) == E_OK);
}

static bool parse_hex(struct str s, uint64_t *ret)
{
    char z[17];
    char *end;

    if (s.n != 16)
        return false;
    memcpy(z, s.p, 16);
    z[16] = '\0';
    *ret = strtoull(z, &end, 16);
    return end == z + 16;
}

static void restore(void *state, const jval *saved)
{
    struct http_state *s = state;
    struct validators v = {0};
    struct str hash = jv_str(jv_getz(saved, "hash"));
    struct str etag = jv_str(jv_getz(saved, "etag"));
    struct str modified = jv_str(jv_getz(saved, "lastModified"));

    if (hash.n != 32 || !parse_hex(str_make(hash.p, 16), &v.hash.hi) ||
        !parse_hex(str_drop(hash, 16), &v.hash.lo) ||
        !parse_hex(jv_str(jv_getz(saved, "request")), &v.request_key))
        return;
    v.has_hash = true;
    v.etag = etag.n ? str_dup(etag) : NULL;
    v.last_modified = modified.n ? str_dup(modified) : NULL;
    validators_done(&s->kept);
    s->kept = v;
}

/* ---- step 1: setup ---- */

static void on_retry(struct timer *t, void *arg);

static void setup(struct request *r)
{
    struct http_state *s = r->topic->poller.state;
    struct http_run *run = arena_alloc(&r->arena, sizeof *run);

    run->state = s;
    timer_init(&run->retry, on_retry, r);
    r->step = run;
    if (!s->target) {
        request_end(r, EXIT_ERROR, E_POLL_CONFIG, &s->info);
        return;
    }
    run->request_key = s->request_key;
    /* An answer "not modified" is of use only where the document it speaks of is still there. */
    run->conditional = r->topic->document && s->kept.has_hash &&
                       s->kept.request_key == run->request_key &&
                       (s->kept.etag || s->kept.last_modified);
    request_step_done(r);
}

/* ---- step 2: request ---- */

static void on_fetched(const struct fetch_result *res, void *arg);

static void send_request(struct request *r)
{
    const struct conf *conf = r->topic->shard->engine->conf;
    struct http_run *run = r->step;
    const struct validators *v = &run->state->kept;
    struct fetch_params p = {
        .deadline = r->deadline,
        .max_bytes = (size_t)conf->payload_max_bytes,
        .max_redirects = conf->poll_follow_redirects ? LIMIT_REDIRECTS : 0,
    };

    r->state = REQUEST_REQUESTING;
    if (run->conditional) {
        p.etag = str_of(v->etag);
        p.last_modified = str_of(v->last_modified);
    }
    run->fetch = fetch_start(r->topic->shard->fetcher, run->state->target, &p, on_fetched, r);
}

static void on_retry(struct timer *t, void *arg)
{
    struct request *r = arg;

    (void)t;
    r->attempt++;
    count_one(COUNT_polls_retried);
    send_request(r);
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
    request_end(r, EXIT_ERROR, err, ei);
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
    if (err != E_OK) {
        attempt_failed(r, res, err, &ei);
        return;
    }
    run->result = res;
    request_step_done(r);
}

/* ---- step 3: response ---- */

static bool is_same_body(const struct request *r, const struct http_run *run)
{
    const struct validators *v = &run->state->kept;

    return r->topic->document && v->has_hash && v->request_key == run->request_key &&
           hash_eq(v->hash, run->result->hash);
}

static bool has_same_validators(const struct http_run *run, const struct fetch_result *res)
{
    const struct validators *v = &run->state->kept;

    return str_eq(validator(res, "ETag"), str_of(v->etag)) &&
           str_eq(validator(res, "Last-Modified"), str_of(v->last_modified));
}

static void response(struct request *r)
{
    const struct http_conf *conf = r->conf->config;
    struct http_run *run = r->step;
    const struct fetch_result *res = run->result;
    size_t max = (size_t)r->topic->shard->engine->conf->payload_max_bytes;
    AUTO(payload_done) struct payload p = {NULL, NULL, BUF_INIT};
    struct errinfo ei = ERRINFO_INIT;

    if (res->status == 304) {
        request_end(r, EXIT_UNCHANGED, E_OK, NULL);
        return;
    }
    if (is_same_body(r, run)) {
        count_one(COUNT_fetch_same_hash);
        if (!has_same_validators(run, res))
            learn(run, res);
        request_end(r, EXIT_UNCHANGED, E_OK, NULL);
        return;
    }
    enum err err = payload_make(res->body, fetch_header(res, "Content-Encoding", 0),
                                str_of(conf->payload_pointer), max, &p, &ei);
    if (err != E_OK) {
        request_end(r, EXIT_ERROR, err, &ei);
        return;
    }
    learn(run, res);
    request_publish(r, p.value, &p.text);
}

static void finish(struct request *r)
{
    struct http_run *run = r->step;

    if (!run)
        return;
    if (run->fetch)
        fetch_cancel(TAKE(run->fetch));
    timer_clear(r->topic->shard->loop, &run->retry);
}

/* ---- the row ---- */

static int64_t deadline(const void *config)
{
    return MAX(http_conf_period(config), conf_current()->poll_deadline_us);
}

const struct processor pub_http = {
    .type = "http-poller",
    .polls = true,
    .attrs = http_conf_attrs,
    .attr_count = HTTP_CONF_ATTRS,
    .config_new = http_conf_new,
    .config_free = http_conf_free,
    .change = http_conf_change,
    .period = http_conf_period,
    .deadline = deadline,
    .start = start,
    .stop = stop,
    .save = save,
    .restore = restore,
    .settle = settle,
    .setup = setup,
    .request = send_request,
    .response = response,
    .finish = finish,
};
