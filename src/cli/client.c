#include "cli/client.h"

#include <errno.h>

#include "io/fetch.h"
#include "io/inflate.h"

#define ANSWER_MAX ((size_t)80 << 20)
#define ANSWER_TIMEOUT_US (60 * US_PER_S)
#define PAGE_SIZE 1000

struct client {
    char *server; /* without a slash at the end */
    struct loop *loop;
    struct egress *egress;
    struct fetcher *fetcher;
    struct fetch_target *target;
    int64_t timeout_us;
};

/* One call under way. */
struct waiting {
    struct client *client;
    struct fetch *fetch; /* NULL: it has ended */
    struct client_answer answer;
    enum err err;
    struct errinfo info;
};

enum err client_new(const char *server, struct client **ret, struct errinfo *ei)
{
    AUTO(client_freep) struct client *c = xcalloc(1, sizeof *c);
    struct fetcher_conf conf;
    struct str base = str_of(server ? server : getenv("POLLCAST_SERVER"));

    if (base.n == 0)
        base = STR("http://127.0.0.1:8080");
    while (str_ends(base, STR("/")))
        base.n--;
    c->server = str_dup(base);
    c->loop = loop_new(0);
    /* The user chose the server: no address is out of bounds. */
    enum err err = egress_new(false, NULL, 0, &c->egress, ei);
    if (err != E_OK)
        return err;
    fetcher_conf_default(&conf);
    conf.low_speed_us = 0; /* the timeout is all */
    c->timeout_us = ANSWER_TIMEOUT_US;
    c->fetcher = fetcher_new(c->loop, &conf, c->egress);
    c->target = fetch_target_new(base, ei);
    if (!c->target)
        return err_prefix(ei, E_INVALID, "server %s", c->server);
    *ret = TAKE(c);
    return E_OK;
}

void client_free(struct client *c)
{
    if (!c)
        return;
    fetch_target_free(c->target);
    fetcher_free(c->fetcher);
    egress_unref(c->egress);
    loop_free(c->loop);
    free(c->server);
    free(c);
}

enum err client_header(struct client *c, const char *name, const char *value, struct errinfo *ei)
{
    return fetch_target_header(c->target, str_of(name), str_of(value), ei);
}

void client_wait(struct client *c, int64_t timeout_us)
{
    c->timeout_us = timeout_us;
}

void client_interrupt(struct client *c)
{
    loop_stop(c->loop);
}

const char *client_server(const struct client *c)
{
    return c->server;
}

void client_answer_done(struct client_answer *a)
{
    jdoc_free(TAKE(a->doc));
    buf_done(&a->body);
}

static enum err take_body(const struct fetch_result *res, struct buf *b, struct errinfo *ei)
{
    struct str coding = fetch_header(res, "Content-Encoding", 0);

    if (coding.n > 0)
        return inflate_body(coding, res->body, ANSWER_MAX, b, ei);
    if (buf_try_append(b, res->body.p, res->body.n) != E_OK)
        return err_set(ei, E_LIMIT, "the answer is over %zu bytes", ANSWER_MAX);
    return E_OK;
}

static void on_done(const struct fetch_result *res, void *arg)
{
    struct waiting *w = arg;

    w->fetch = NULL;
    w->err = res->err;
    w->info = res->info;
    w->answer.status = res->status;
    if (res->err == E_OK)
        w->err = take_body(res, &w->answer.body, &w->info);
    loop_stop(w->client->loop);
}

/* The usual one in two words: what to do about it is said behind it. */
static const char *reason(const struct waiting *w)
{
    const char *text = err_text(&w->info, w->err);

    return strstr(text, strerror(ECONNREFUSED)) ? "connection refused" : text;
}

enum err client_call(struct client *c, const char *method, const char *path, struct str body,
                     struct client_answer *ret, struct errinfo *ei)
{
    static const struct str headers[] = {
        {"Accept: application/json", 24},
        {"Content-Type: application/json", 30},
    };
    AUTO_FREE char *url = xasprintf("%s%s", c->server, path);
    struct waiting w = {.client = c, .answer.body = BUF_INIT_MAX(ANSWER_MAX), .info = ERRINFO_INIT};
    const struct fetch_params params = {
        .method = method,
        .url = str_of(url),
        .body = body,
        .headers = headers,
        .header_count = body.p ? 2 : 1,
        .deadline = clock_now() + c->timeout_us,
        .max_bytes = ANSWER_MAX,
    };

    w.fetch = fetch_start(c->fetcher, c->target, &params, on_done, &w);
    loop_run(c->loop);
    if (w.fetch) {
        fetch_cancel(w.fetch);
        return err_set(ei, E_CANCELLED, "interrupted");
    }
    if (w.err != E_OK) {
        client_answer_done(&w.answer);
        return err_set(ei, w.err,
                       "no answer from %s (%s): does the server run there? `pollcast serve` starts "
                       "one, --server URL or POLLCAST_SERVER names another",
                       c->server, reason(&w));
    }
    if (w.answer.body.len &&
        jdoc_parse(buf_view(&w.answer.body), NULL, &w.answer.doc, NULL) != E_OK)
        w.answer.doc = NULL;
    *ret = w.answer;
    return E_OK;
}

static enum err error_of_status(int status)
{
    if (status == 429 || status >= 500)
        return E_UNAVAILABLE;
    return status == 404 ? E_NOT_FOUND : status == 409 ? E_EXISTS : E_INVALID;
}

/* All errors of an answer in the API's shape, a line each after the first. */
static void put_errors(const jval *errors, struct buf *b)
{
    struct jiter it = jiter_of(errors);

    while (jiter_next(&it)) {
        const jval *source = jv_getz(it.value, "source");
        struct str pointer = jv_str(jv_getz(source, "pointer"));
        struct str at = pointer.n ? pointer : jv_str(jv_getz(source, "parameter"));
        struct str detail = jv_str(jv_getz(it.value, "detail"));

        if (it.index > 0)
            buf_puts(b, "\n  ");
        if (at.n)
            buf_printf(b, "%.*s: ", STR_ARG(at));
        buf_str(b, detail.n ? detail : jv_str(jv_getz(it.value, "title")));
    }
}

/* An answer of what is served below /eventnotifications: RFC 9457, and maybe a code of its own. */
static void put_problem(const jval *root, struct buf *b)
{
    struct str code = jv_str(jv_getz(root, "errorCode"));

    if (jv_getz(root, "type"))
        buf_str(b, code.n ? code : jv_str(jv_getz(root, "title")));
}

enum err client_refusal(const struct client *c, const struct client_answer *a, struct errinfo *ei)
{
    AUTO(buf_done) struct buf b = BUF_INIT;

    put_errors(jv_getz(jdoc_root(a->doc), "errors"), &b);
    if (b.len == 0)
        put_problem(jdoc_root(a->doc), &b);
    if (b.len == 0)
        buf_printf(&b, "%s answers %d, which is not how pollcast answers: is it the right server?",
                   c->server, a->status);
    return err_set(ei, error_of_status(a->status), "%s", buf_cstr(&b));
}

enum err client_ask(struct client *c, const char *method, const char *path, struct str body,
                    struct client_answer *ret, struct errinfo *ei)
{
    struct client_answer a;
    enum err err = client_call(c, method, path, body, &a, ei);

    if (err != E_OK)
        return err;
    if (a.status / 100 != 2) {
        err = client_refusal(c, &a, ei);
        client_answer_done(&a);
        return err;
    }
    *ret = a;
    return E_OK;
}

void client_path_part(struct buf *b, struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char ch = (unsigned char)s.p[i];
        bool plain = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') ||
                     (ch >= '0' && ch <= '9') || strchr("-._~", ch);

        if (plain && ch)
            buf_putc(b, (char)ch);
        else
            buf_printf(b, "%%%02X", ch);
    }
}

enum err client_one(struct client *c, const char *collection, const char *id,
                    struct client_answer *ret, struct errinfo *ei)
{
    AUTO(buf_done) struct buf path = BUF_INIT;

    buf_printf(&path, "%s/", collection);
    client_path_part(&path, str_of(id));
    return client_ask(c, "GET", buf_cstr(&path), STR_NONE, ret, ei);
}

enum err client_each(struct client *c, const char *collection, client_each_f *fn, void *arg,
                     struct errinfo *ei)
{
    size_t count = PAGE_SIZE;

    for (unsigned page = 1; count == PAGE_SIZE; page++) {
        AUTO_FREE char *path = xasprintf("%s?page=%u&pageSize=%d", collection, page, PAGE_SIZE);
        AUTO(client_answer_done) struct client_answer a = {0};
        enum err err = client_ask(c, "GET", path, STR_NONE, &a, ei);
        struct jiter it = jiter_of(jv_getz(jdoc_root(a.doc), "items"));

        count = 0;
        while (err == E_OK && jiter_next(&it)) {
            count++;
            err = fn(it.value, arg, ei);
        }
        if (err != E_OK)
            return err;
    }
    return E_OK;
}
