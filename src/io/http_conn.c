/*
 * A connection of the HTTP server: from bytes to requests, one after the other; deadlines; ends.
 *
 * Requests are parsed straight from the bytes that arrive; only what comes after a request that
 * is not answered yet is kept (ahead). A connection is freed at the end of the turn in which it
 * closed, so every function here may look at c->state after it called a handler.
 */
#include "io/http_conn.h"

#include <unistd.h>

#include "base/count.h"
#include "base/trace.h"

/* How long and how much a client may go on sending after an answer that closes. */
#define LINGER_US (3 * US_PER_S)
#define LINGER_BYTES ((size_t)4 << 20)
/* Connections over the limit that are held to be told so; more are closed without a word. */
#define OVER_MAX 128
/* Exchanges kept for the next request, and what each may keep of its buffers. */
#define POOL_MAX 64
#define POOL_BYTES 4096

/* ---- exchanges ---- */

void http_exchange_free(struct http_exchange *x)
{
    arena_done(&x->req.arena);
    http_parse_done(&x->parse);
    buf_done(&x->ahead);
    buf_done(&x->out);
    blob_unref(x->blob);
    free(x);
}

static struct http_exchange *exchange_get(struct http_conn *c)
{
    struct http_server *s = c->server;
    struct http_exchange *x = s->pool;
    if (x) {
        s->pool = x->next;
        s->pooled--;
    } else {
        x = xcalloc(1, sizeof *x);
        http_parse_init(&x->parse, &s->conf);
    }
    x->conn = c;
    return x;
}

static void trim(struct buf *b)
{
    if (b->cap > POOL_BYTES)
        buf_done(b);
    buf_clear(b);
}

/* Ready for the next request of the same connection. */
static void exchange_reset(struct http_exchange *x)
{
    arena_done(&x->req.arena);
    x->req = (struct http_request){.arena = ARENA_INIT};
    http_parse_reset(&x->parse);
    trim(&x->out);
    blob_unrefp(&x->blob);
    x->sent = 0;
    x->coding = HTTP_CODING_NONE;
    x->closes = false;
}

static void exchange_put(struct http_conn *c)
{
    struct http_exchange *x = TAKE(c->x);
    if (!x)
        return;
    if (!c->server || c->server->pooled == POOL_MAX) {
        http_exchange_free(x);
        return;
    }
    exchange_reset(x);
    trim(&x->ahead);
    x->ahead_at = 0;
    x->conn = NULL;
    x->next = c->server->pool;
    c->server->pool = x;
    c->server->pooled++;
}

/* ---- deadlines ---- */

/* A later deadline costs nothing here: the timer fires early and moves itself. */
static void set_deadline(struct http_conn *c, int64_t after_us)
{
    c->deadline = after_us == TIME_NEVER ? TIME_NEVER : clock_now() + after_us;
    if (c->deadline == TIME_NEVER)
        return;
    if (!timer_is_set(&c->timer) || c->timer.node.key > c->deadline)
        timer_set(c->loop, &c->timer, c->deadline);
}

static void on_deadline(struct http_conn *c)
{
    switch ((enum http_conn_state)c->state) {
    case HTTP_CONN_IDLE:
        /* A client that opened TLS and waits is as idle as one after a request. */
        if (c->begun || !stream_is_ready(&c->stream)) {
            http_conn_close(c);
            return;
        }
        c->begun = true;
        set_deadline(c, c->server->conf.idle_timeout_us);
        return;
    case HTTP_CONN_READING:
        http_refuse(c, 408, "the request did not arrive in time");
        return;
    case HTTP_CONN_WRITING:
        stream_reset(&c->stream);
        http_conn_close(c);
        return;
    case HTTP_CONN_LINGERING:
        http_conn_close(c);
        return;
    case HTTP_CONN_HANDLING:
    case HTTP_CONN_CLOSED:
        return;
    }
}

static void on_timer(struct timer *t, void *arg)
{
    struct http_conn *c = arg;
    if (c->deadline == TIME_NEVER)
        return;
    if (clock_now() < c->deadline)
        timer_set(c->loop, t, c->deadline);
    else
        on_deadline(c);
}

/* ---- the end ---- */

/* Out of the server's books; what is left is c, its stream and its exchange. */
static void leave(struct http_conn *c)
{
    timer_clear(c->loop, &c->timer);
    list_remove(&c->link);
    c->server->open--;
    stream_close(&c->stream);
}

void http_conn_vanish(struct http_conn *c)
{
    leave(c);
    c->state = HTTP_CONN_CLOSED;
    exchange_put(c);
    loop_bury(c->loop, c, free);
}

void http_conn_close(struct http_conn *c)
{
    if (c->state != HTTP_CONN_CLOSED)
        http_conn_vanish(c);
}

void http_conn_abort(struct http_conn *c)
{
    if (c->state != HTTP_CONN_HANDLING) {
        http_conn_close(c);
        return;
    }
    struct http_request *r = &c->x->req;
    if (!r->on_abort) {
        leave(c);
        c->server = NULL;
        return;
    }
    c->state = HTTP_CONN_CLOSED;
    r->on_abort(r);
    http_conn_vanish(c);
}

/* After the last byte of an answer that closes. */
static void finish(struct http_conn *c)
{
    if (c->eof) {
        http_conn_close(c);
        return;
    }
    c->state = HTTP_CONN_LINGERING;
    exchange_put(c);
    stream_shutdown(&c->stream);
    if (c->paused)
        stream_read(&c->stream, true);
    set_deadline(c, LINGER_US);
}

static void linger(struct http_conn *c, size_t n)
{
    c->lingered += n;
    if (c->lingered > LINGER_BYTES)
        http_conn_close(c);
}

/* ---- requests ---- */

static bool takes_bytes(const struct http_conn *c)
{
    return c->state == HTTP_CONN_IDLE || c->state == HTTP_CONN_READING;
}

static enum http_method method_of(unsigned llhttp_method)
{
    switch (llhttp_method) {
    case HTTP_GET:
        return HTTP_GET_;
    case HTTP_HEAD:
        return HTTP_HEAD_;
    case HTTP_POST:
        return HTTP_POST_;
    case HTTP_PUT:
        return HTTP_PUT_;
    case HTTP_PATCH:
        return HTTP_PATCH_;
    case HTTP_DELETE:
        return HTTP_DELETE_;
    case HTTP_OPTIONS:
        return HTTP_OPTIONS_;
    default:
        return HTTP_OTHER_;
    }
}

/* False if the target is refused. */
static bool fill_request(struct http_exchange *x, const char **ret_detail)
{
    struct http_parse *p = &x->parse;
    struct http_request *r = &x->req;
    struct http_target t = {STR_NONE, STR_NONE};
    r->method = method_of(p->parser.method);
    r->method_text = str_of(llhttp_method_name((llhttp_method_t)p->parser.method));
    r->target = http_span_str(p, p->target);
    if (!http_target_split(r->target, r->method, &r->arena, &t, ret_detail))
        return false;
    r->path = t.path;
    r->query = t.query;
    if (p->has_body)
        r->body = p->body.len ? buf_view(&p->body) : STR("");
    r->keep_alive = p->keep_alive;
    return true;
}

static void handle(struct http_conn *c)
{
    struct http_exchange *x = c->x;
    const char *detail = NULL;
    if (!fill_request(x, &detail)) {
        http_refuse(c, 400, detail);
        return;
    }
    c->state = HTTP_CONN_HANDLING;
    set_deadline(c, TIME_NEVER);
    count_one(COUNT_http_requests);
    c->server->handler(&x->req, c->server->arg);
}

/* RFC 9110 §10.1.1: not needed when the body is on its way already. */
static void send_continue(struct http_conn *c)
{
    static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
    struct iovec v = {(void *)(uintptr_t)text, sizeof text - 1};
    /* Nothing else is being sent, so less than all means that nothing goes any more. */
    if (stream_writev(&c->stream, &v, 1) != (ssize_t)v.iov_len)
        http_conn_close(c);
}

static void on_head(struct http_conn *c)
{
    struct http_exchange *x = c->x;
    if (x->req.received != 0)
        return;
    x->req.received = clock_now();
    if (x->parse.state != HTTP_PARSE_BODY)
        return;
    set_deadline(c, c->server->conf.body_timeout_us);
    if (x->parse.wants_continue && !c->more)
        send_continue(c);
}

static void on_parsed(struct http_conn *c)
{
    struct http_exchange *x = c->x;
    if (x->parse.state == HTTP_PARSE_EMPTY)
        return;
    if (c->state == HTTP_CONN_IDLE) {
        c->state = HTTP_CONN_READING;
        set_deadline(c, c->server->conf.header_timeout_us);
    }
    switch (x->parse.state) {
    case HTTP_PARSE_EMPTY:
    case HTTP_PARSE_HEAD:
        return;
    case HTTP_PARSE_BODY:
        on_head(c);
        return;
    case HTTP_PARSE_DONE:
        on_head(c);
        handle(c);
        return;
    case HTTP_PARSE_REFUSED:
        http_refuse(c, x->parse.status, x->parse.detail);
        return;
    }
}

/* Returns how many bytes were taken: all, or those up to the end of a request that waits for its
 * answer. c may be closed after. */
static size_t take(struct http_conn *c, const char *p, size_t n)
{
    size_t taken = 0;
    c->begun = true;
    while (taken < n && takes_bytes(c)) {
        if (!c->x)
            c->x = exchange_get(c);
        taken += http_parse_feed(&c->x->parse, p + taken, n - taken);
        c->more = taken < n;
        on_parsed(c);
    }
    c->more = false;
    return taken;
}

/* Keep what cannot be taken now. */
static void keep_ahead(struct http_conn *c, const char *p, size_t n)
{
    struct buf *b = &c->x->ahead;
    buf_append(b, p, n);
    if (b->len - c->x->ahead_at < c->server->conf.max_pipelined_bytes || c->paused)
        return;
    c->paused = true;
    stream_read(&c->stream, false);
}

/* After bytes were taken: what the connection does while it waits for more. */
static void settle(struct http_conn *c)
{
    if (!takes_bytes(c))
        return;
    if (c->eof && c->state == HTTP_CONN_READING) {
        http_refuse(c, 400, "the request ended early");
        return;
    }
    if (c->state == HTTP_CONN_IDLE) {
        if (c->eof || c->server->draining) {
            http_conn_close(c);
            return;
        }
        /* Half a blank line is all that may be left in it. */
        if (c->x && !(c->x->parse.blank & 1))
            exchange_put(c);
    }
    if (c->paused) {
        c->paused = false;
        stream_read(&c->stream, true);
    }
}

/* Go on with what was read ahead. */
static void run_ahead(struct http_conn *c)
{
    c->running = true;
    while (takes_bytes(c) && c->x && c->x->ahead_at < c->x->ahead.len) {
        struct http_exchange *x = c->x;
        size_t n = take(c, x->ahead.p + x->ahead_at, x->ahead.len - x->ahead_at);
        if (c->x != x)
            break;
        x->ahead_at += n;
    }
    c->running = false;
    if (c->x && c->x->ahead_at == c->x->ahead.len) {
        trim(&c->x->ahead);
        c->x->ahead_at = 0;
    }
    settle(c);
}

void http_conn_answered(struct http_conn *c)
{
    struct http_exchange *x = c->x;
    if (x->closes) {
        finish(c);
        return;
    }
    exchange_reset(x);
    c->state = HTTP_CONN_IDLE;
    set_deadline(c, c->server->conf.idle_timeout_us);
    if (!c->running)
        run_ahead(c);
}

void http_conn_stalled(struct http_conn *c)
{
    c->state = HTTP_CONN_WRITING;
    set_deadline(c, c->server->conf.write_timeout_us);
}

/* ---- the stream's events ---- */

static void refuse_over(struct http_conn *c)
{
    if (!c->x)
        c->x = exchange_get(c);
    c->state = HTTP_CONN_READING;
    http_refuse(c, 503, "too many connections");
}

static void on_data(struct stream *stream, const char *p, size_t n)
{
    struct http_conn *c = CONTAINER_OF(stream, struct http_conn, stream);
    if (c->state == HTTP_CONN_LINGERING) {
        linger(c, n);
        return;
    }
    if (c->over && takes_bytes(c)) {
        refuse_over(c);
        return;
    }
    c->running = true;
    size_t taken = take(c, p, n);
    c->running = false;
    if (taken < n && (c->state == HTTP_CONN_HANDLING || c->state == HTTP_CONN_WRITING))
        keep_ahead(c, p + taken, n - taken);
    settle(c);
}

static void on_writable(struct stream *stream)
{
    struct http_conn *c = CONTAINER_OF(stream, struct http_conn, stream);
    if (c->state == HTTP_CONN_WRITING)
        http_write_on(c);
}

static void on_end(struct stream *stream, enum err why)
{
    struct http_conn *c = CONTAINER_OF(stream, struct http_conn, stream);
    c->eof = true;
    if (why != E_OK)
        http_conn_abort(c);
    else if (c->state == HTTP_CONN_LINGERING)
        http_conn_close(c);
    else if (c->state == HTTP_CONN_HANDLING && c->x->req.needs_client)
        http_conn_abort(c);
    else
        settle(c);
}

static const struct stream_events events = {on_data, on_writable, on_end};

/* ---- the beginning ---- */

void http_conn_accept(struct http_server *s, int fd)
{
    size_t max = s->conf.max_connections;
    count_one(COUNT_http_accepted);
    if (s->open >= max)
        count_one(COUNT_http_refused);
    if (s->open >= max + OVER_MAX) {
        close(fd);
        return;
    }
    struct http_conn *c = xcalloc(1, sizeof *c);
    struct errinfo ei = ERRINFO_INIT;
    if (stream_open(&c->stream, s->loop, fd, s->conf.tls, &events, &ei) != E_OK) {
        trace(http, "connection dropped: %s", ei.text);
        free(c);
        return;
    }
    c->server = s;
    c->loop = s->loop;
    c->over = s->open >= max;
    c->begun = !c->over && stream_is_ready(&c->stream);
    list_append(&s->conns, &c->link);
    s->open++;
    timer_init(&c->timer, on_timer, c);
    set_deadline(c, c->begun ? s->conf.idle_timeout_us : s->conf.header_timeout_us);
}

void http_conn_drain(struct http_conn *c)
{
    if (c->state == HTTP_CONN_IDLE)
        http_conn_close(c);
}
