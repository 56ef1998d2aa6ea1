#include "subscriber/sub_webhook_call.h"

#include "base/base64.h"
#include "base/clock.h"
#include "base/count.h"
#include "core/retry.h"
#include "core/shard.h"

/* What a request may wait for others to the same host, beyond the time that its receiver has. */
#define QUEUE_US (60 * US_PER_S)
/* References are looked up again after so long, and after a failure. */
#define RESOLVE_US (10 * US_PER_S)
/* More than the header fields of a single request have. */
#define TEXT_BYTES 1024

static void ask_token(struct webhook_call *call);

static struct shard *shard_of(const struct webhook_call *call)
{
    return call->webhook->subscription->shard;
}

/* ---- the end ---- */

static void end(struct webhook_call *call, const struct sink_result *res)
{
    token_unref(TAKE(call->token));
    buf_clear(&call->text);
    call->ended(call, res);
}

static void on_late(struct deferred *d, void *arg)
{
    struct webhook_call *call = arg;

    (void)d;
    end(call, &call->result);
}

/* For what is found out before a request was sent. */
static void end_later(struct webhook_call *call, int64_t wait_us, const struct errinfo *why)
{
    call->result = (struct sink_result){.outcome = SINK_AGAIN, .wait_us = wait_us, .info = *why};
    loop_defer(shard_of(call)->loop, &call->late);
}

/* ---- what is kept of it ---- */

static void put_shown(struct buf *b, const struct mask *m, struct str line)
{
    struct str name = str_split(&line, ':');

    if (!line.p)
        name = str_split(&name, ';'); /* no value */
    buf_printf(b, "%.*s: ", STR_ARG(name));
    if (mask_hides_field(m, name))
        buf_puts(b, SECRET_MASK);
    else if (line.p)
        buf_str(b, str_trim(line));
    buf_puts(b, "\r\n");
}

/* The lines of the target as they are sent, into head; and with secrets masked, into shown. */
static void put_lines(const struct webhook *w, const struct mask *m, struct buf *head,
                      struct buf *shown)
{
    struct str line;

    buf_puts(head, "POST\r\n");
    for (size_t i = 0; (line = fetch_target_line(w->target, i)).p; i++) {
        buf_str(head, line);
        buf_puts(head, "\r\n");
        put_shown(shown, m, line);
    }
}

static void hide_keys(const struct webhook *w, struct mask *m)
{
    for (size_t i = 0; i < w->keys.count; i++) {
        AUTO(buf_wipe) struct buf text = BUF_INIT;

        CHECK(buf_reserve(&text, base64_len(WEBHOOK_KEY_MAX)) == E_OK);
        base64_encode(&text, buf_view(&w->keys.items[i]));
        mask_hide(m, buf_view(&text));
    }
}

static void make_base(struct webhook *w, struct token *token)
{
    const struct subscription_conf *conf = w->subscription->conf;
    AUTO(jdoc_freep) struct jdoc *doc = NULL;
    AUTO(mask_done) struct mask m = {0};
    AUTO(buf_wipe) struct buf head = BUF_INIT;
    AUTO(buf_done) struct buf shown = BUF_INIT;

    CHECK(jdoc_parse(blob_view(conf->json), NULL, &doc, NULL) == E_OK);
    mask_hide_all(&m, conf->sink->attrs, conf->sink->attr_count, jdoc_root(doc));
    hide_keys(w, &m);
    CHECK(buf_reserve(&head, LIMIT_HEADERS_BYTES * 2 + LIMIT_TOKEN_BYTES) == E_OK);
    put_lines(w, &m, &head, &shown);
    if (token) {
        buf_str(&head, token_header(token));
        put_shown(&shown, &m, token_header(token));
    }
    mask_hide_sent(&m, buf_view(&head));
    exchange_base_unref(w->base);
    token_unref(w->base_token);
    w->base = exchange_base_new(&m, str_of(w->conf->url), buf_view(&shown));
    w->base_token = token ? token_ref(token) : NULL;
}

static struct exchange_log *log_of(struct subscription *s)
{
    if (!s->kept)
        s->kept = exchange_log_new(s->shard->exchanges);
    return s->kept;
}

/* res NULL: no request was made. */
static void keep(struct webhook_call *call, const struct fetch_result *res, const char *error)
{
    struct webhook *w = call->webhook;
    int64_t took = res && res->started ? res->total_us : 0;
    struct exchange x = {
        .type = call->type,
        .began_wall = clock_now_wall() - took,
        .took_us = took,
        .attempt = call->attempt,
        .head = buf_view(&call->text),
        .error = error,
    };

    if (!w->target)
        return;
    if (!w->base || w->base_token != call->token)
        make_base(w, call->token);
    x.base = w->base;
    if (res && res->err == E_OK) {
        struct str told = fetch_header(res, "Content-Length", 0);

        x.status = res->status;
        x.answer = res->head;
        x.body = res->body;
        if (!str_to_u64(told, UINT64_MAX, &x.body_bytes))
            x.body_bytes = res->body.n;
    }
    exchange_add(log_of(w->subscription), &x);
}

/* ---- what the answer means ---- */

static enum breaker_end breaker_end_of(const struct fetch_result *res)
{
    switch (res->err) {
    case E_POLL_CONNECT:
    case E_POLL_HOST:
    case E_POLL_TLS:
        return BREAKER_SILENT;
    case E_POLL_TIMEOUT:
        return res->started ? BREAKER_SILENT : BREAKER_UNKNOWN;
    case E_POLL_EGRESS:
    case E_POLL_CONFIG:
    case E_INVALID:
    case E_LIMIT:
        return BREAKER_UNKNOWN;
    default:
        return BREAKER_ANSWERED;
    }
}

/* How long a receiver that did not take it asks us to stay away, µs; 0: it does not. */
static int64_t asked_wait(const struct fetch_result *res)
{
    struct str v = fetch_header(res, "Retry-After", 0);
    int64_t wait_us = 0;

    if (!v.p || !retry_after_parse(v, clock_now_wall(), &wait_us))
        return 0;
    return wait_us;
}

static void judge(const struct fetch_result *res, struct sink_result *ret)
{
    struct errinfo *ei = &ret->info;

    *ret = (struct sink_result){.outcome = SINK_AGAIN};
    if (res->err != E_OK) {
        (void)err_set(ei, res->err, "%s", err_text(&res->info, res->err));
        return;
    }
    if (res->status / 100 == 2) {
        ret->outcome = SINK_DONE;
        return;
    }
    if (res->status == 410)
        ret->outcome = SINK_GONE;
    else
        ret->wait_us = asked_wait(res);
    (void)err_set(ei, E_CLOSED, "the receiver answered %d%s", res->status,
                  res->status / 100 == 3 ? ": redirects of webhooks are not followed" : "");
}

/* A token may have been withdrawn before its time. */
static bool renew_token(struct webhook_call *call, const struct fetch_result *res)
{
    if (!call->token || call->renewed || res->err != E_OK || res->status != 401)
        return false;
    call->renewed = true;
    token_refused(shard_of(call), call->webhook->client, call->token);
    token_unref(TAKE(call->token));
    ask_token(call);
    return true;
}

static void on_fetched(const struct fetch_result *res, void *arg)
{
    struct webhook_call *call = arg;
    struct sink_result result;

    call->fetch = NULL;
    breaker_leave(call->webhook->breaker, call->pass, breaker_end_of(res), clock_now());
    judge(res, &result);
    keep(call, res, result.outcome == SINK_DONE ? NULL : result.info.text);
    if (!renew_token(call, res))
        end(call, &result);
}

/* ---- the request ---- */

/* There is room for it in text. */
static void add_line(struct webhook_call *call, const char *name, struct str value)
{
    struct buf *b = &call->text;
    size_t at = b->len;

    CHECK(call->line_count < WEBHOOK_LINES);
    buf_puts(b, name);
    buf_puts(b, ": ");
    buf_str(b, value);
    call->lines[call->line_count++] = str_make(b->p + at, b->len - at);
    buf_puts(b, "\r\n");
}

static void add_signature(struct webhook_call *call)
{
    AUTO(buf_done) struct buf value = BUF_INIT;
    int64_t time_s = clock_now_wall() / US_PER_S;
    char time[24];

    webhook_sign(&call->webhook->keys, call->id, time_s, call->body, &value);
    snprintf(time, sizeof time, "%lld", (long long)time_s);
    add_line(call, "webhook-id", call->id);
    add_line(call, "webhook-timestamp", str_of(time));
    add_line(call, "webhook-signature", buf_view(&value));
}

static void make_lines(struct webhook_call *call)
{
    buf_clear(&call->text);
    call->line_count = 0;
    CHECK(buf_reserve(&call->text, TEXT_BYTES) == E_OK);
    add_line(call, "X-Axway-Streams-Event-Id", call->id);
    add_line(call, "X-Axway-Streams-Event-Type", str_of(call->type));
    if (call->media_type)
        add_line(call, "Content-Type", str_of(call->media_type));
    if (call->webhook->keys.count > 0)
        add_signature(call);
    CHECK(call->text.len <= TEXT_BYTES);
    if (call->token)
        call->lines[call->line_count++] = token_header(call->token);
}

static void send_request(struct webhook_call *call)
{
    struct webhook *w = call->webhook;
    struct shard *sh = shard_of(call);
    int64_t now = clock_now();
    int64_t wait_us = 0;
    struct errinfo ei = ERRINFO_INIT;

    call->pass = call->forced ? BREAKER_CLOSED : breaker_enter(w->breaker, now, &wait_us);
    if (call->pass == BREAKER_REFUSED) {
        (void)err_set(&ei, E_POLL_CONNECT,
                      "its host did not answer several times and is left alone for a while");
        end_later(call, wait_us, &ei);
        return;
    }
    make_lines(call);
    count_one(COUNT_webhook_requests);
    call->fetch = fetch_start(sh->fetcher, w->target,
                              &(struct fetch_params){
                                  .method = "POST",
                                  .body = call->body,
                                  .headers = call->lines,
                                  .header_count = call->line_count,
                                  .deadline = now + QUEUE_US + w->conf->timeout_us,
                                  .timeout_us = w->conf->timeout_us,
                                  .max_bytes = LIMIT_WEBHOOK_ANSWER,
                                  .cut = true,
                                  .secret = call->token != NULL,
                              },
                              on_fetched, call);
}

/* ---- authorization ---- */

static void fail(struct webhook_call *call, int64_t wait_us, const struct errinfo *why)
{
    buf_clear(&call->text);
    keep(call, NULL, why->text);
    end_later(call, wait_us, why);
}

static void on_token(const struct token_result *res, void *arg)
{
    struct webhook_call *call = arg;
    struct errinfo ei = ERRINFO_INIT;

    call->wait = NULL;
    if (res->err == E_OK) {
        call->token = token_ref(res->token);
        send_request(call);
        return;
    }
    (void)err_set(&ei, res->err, "authorization: %s", err_text(&res->info, res->err));
    fail(call, MAX(res->retry_at - clock_now(), 0), &ei);
}

static void ask_token(struct webhook_call *call)
{
    call->wait = token_get(shard_of(call), call->webhook->client, on_token, call);
}

/* ---- what is looked up ---- */

static bool is_fresh(const struct webhook *w, unsigned attempt, int64_t now)
{
    if (w->resolved_at == 0)
        return false;
    return !webhook_conf_by_reference(w->conf) ||
           (attempt == 0 && now - w->resolved_at < RESOLVE_US);
}

static enum err resolve(struct webhook_call *call, struct errinfo *ei)
{
    struct webhook *w = call->webhook;
    const struct conf *server = shard_of(call)->engine->conf;
    struct webhook_keys keys = {.count = 0};
    struct token_conf *client;
    int64_t now = clock_now();

    if (is_fresh(w, call->attempt, now))
        return E_OK;
    enum err err = webhook_conf_keys(w->conf, server, &keys, ei);
    if (err != E_OK)
        return err;
    err = http_fields_renew(w->target, &w->conf->fields, server, &client, ei);
    if (err != E_OK) {
        webhook_keys_wipe(&keys);
        return err;
    }
    webhook_keys_wipe(&w->keys);
    w->keys = keys;
    token_conf_unref(w->client);
    w->client = client;
    w->resolved_at = now;
    exchange_base_unref(TAKE(w->base));
    return E_OK;
}

/* ---- life ---- */

void webhook_call_init(struct webhook_call *call, struct webhook *w)
{
    *call = (struct webhook_call){.webhook = w};
    deferred_init(&call->late, on_late, call);
}

void webhook_call_start(struct webhook_call *call)
{
    struct webhook *w = call->webhook;
    struct errinfo ei = ERRINFO_INIT;

    call->renewed = false;
    if (!w->target) {
        end_later(call, 0, &w->info);
        return;
    }
    if (resolve(call, &ei) != E_OK)
        fail(call, 0, &ei);
    else if (w->client)
        ask_token(call);
    else
        send_request(call);
}

void webhook_call_stop(struct webhook_call *call)
{
    if (call->fetch) {
        fetch_cancel(TAKE(call->fetch));
        breaker_leave(call->webhook->breaker, call->pass, BREAKER_UNKNOWN, clock_now());
    }
    token_cancel(TAKE(call->wait));
    token_unref(TAKE(call->token));
    deferred_cancel(&call->late);
    buf_done(&call->text);
}

void webhook_call_note(struct webhook_call *call, const char *error)
{
    keep(call, NULL, error);
}
