/*
 * Answers: heads, bodies, refusals, and the take-over of a connection by a channel.
 */
#include "base/count.h"
#include "base/trace.h"
#include "io/gzip.h"
#include "io/http_conn.h"

static const struct {
    int status;
    const char *text;
} texts[] = {
    {100, "Continue"},
    {101, "Switching Protocols"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {205, "Reset Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
};

const char *http_status_text(int status)
{
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (texts[i].status == status)
            return texts[i].text;
    return "Unknown";
}

/* ---- heads ---- */

/* A value that came from a client must not be able to end its line. */
static void put_value(struct buf *b, struct str v)
{
    size_t start = b->len;
    buf_str(b, v);
    for (size_t i = start; i < b->len; i++) {
        unsigned char c = (unsigned char)b->p[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            b->p[i] = ' ';
    }
}

static void put_date(struct buf *b, struct http_server *s)
{
    int64_t now_s = clock_now_wall() / US_PER_S;
    if (now_s != s->date_s) {
        s->date_s = now_s;
        buf_clear(&s->date);
        clock_format_http(&s->date, now_s * US_PER_S);
    }
    buf_puts(b, "Date: ");
    buf_str(b, buf_view(&s->date));
    buf_puts(b, "\r\n");
}

/* A strong tag is of one form of the answer only (RFC 9110 §8.8.3): "x" becomes "x-gzip". */
static void put_coded_etag(struct buf *b, struct str tag)
{
    put_value(b, str_make(tag.p, tag.n - 1));
    buf_puts(b, HTTP_GZIP_TAG "\"");
}

/* What 304 has no body to say of is left out (RFC 9110 §15.4.5). */
static void put_fields(struct buf *b, int status, const struct http_field *fields,
                       enum http_coding coding)
{
    for (; fields && fields->name; fields++) {
        struct str value = fields->value;

        if (status == 304 && str_case_eqz(str_of(fields->name), "Content-Type"))
            continue;
        bool coded = coding == HTTP_CODING_GZIP && str_ends(value, STR("\"")) &&
                     str_case_eqz(str_of(fields->name), "ETag");

        buf_puts(b, fields->name);
        buf_puts(b, ": ");
        if (coded)
            put_coded_etag(b, value);
        else
            put_value(b, value);
        buf_puts(b, "\r\n");
    }
}

static void put_head(struct buf *b, struct http_server *s, const struct http_exchange *x,
                     int status, const struct http_field *fields)
{
    buf_puts(b, "HTTP/1.1 ");
    buf_u64(b, (uint64_t)status);
    buf_putc(b, ' ');
    buf_puts(b, http_status_text(status));
    buf_puts(b, "\r\n");
    put_date(b, s);
    put_fields(b, status, fields, x->coding);
    put_fields(b, status, x->req.always, HTTP_CODING_NONE);
}

static bool is_bodyless(int status)
{
    return status < 200 || status == 204 || status == 304;
}

/* True if the connection ends with this answer. */
static bool decide_end(const struct http_exchange *x)
{
    const struct http_conn *c = x->conn;
    bool more_ahead = x->ahead_at < x->ahead.len;
    return !x->req.keep_alive || c->server->draining || (c->eof && !more_ahead);
}

static void put_answer_head(struct http_exchange *x, int status, const struct http_field *fields,
                            size_t body_n)
{
    struct buf *b = &x->out;
    put_head(b, x->conn->server, x, status, fields);
    if (x->coding != HTTP_CODING_NONE)
        buf_puts(b, "Vary: Accept-Encoding\r\n");
    if (x->coding == HTTP_CODING_GZIP && !is_bodyless(status))
        buf_puts(b, "Content-Encoding: gzip\r\n");
    if (!is_bodyless(status)) {
        buf_puts(b, "Content-Length: ");
        buf_u64(b, body_n);
        buf_puts(b, "\r\n");
    }
    if (x->closes)
        buf_puts(b, "Connection: close\r\n");
    else if (x->parse.parser.http_minor == 0)
        buf_puts(b, "Connection: keep-alive\r\n");
    buf_puts(b, "\r\n");
}

/* ---- sending ---- */

static size_t out_size(const struct http_exchange *x)
{
    return x->out.len + (x->blob ? x->blob->len : 0);
}

/* Nobody waits for this answer any more. */
static void forget_orphan(struct http_conn *c)
{
    c->state = HTTP_CONN_CLOSED;
    http_exchange_free(TAKE(c->x));
    loop_bury(c->loop, c, free);
}

/* After a write that took n bytes (-1: broken). */
static void wrote(struct http_conn *c, ssize_t n)
{
    struct http_exchange *x = c->x;
    if (n < 0) {
        http_conn_close(c);
        return;
    }
    x->sent += (size_t)n;
    if (x->sent == out_size(x))
        http_conn_answered(c);
    else if (n > 0 || c->state != HTTP_CONN_WRITING)
        http_conn_stalled(c);
}

/* Send what is left of out and blob. */
void http_write_on(struct http_conn *c)
{
    struct http_exchange *x = c->x;
    struct iovec v[2];
    int count = 0;
    size_t at = x->sent;
    if (at < x->out.len) {
        v[count++] = (struct iovec){x->out.p + at, x->out.len - at};
        at = 0;
    } else {
        at -= x->out.len;
    }
    if (x->blob && at < x->blob->len)
        v[count++] = (struct iovec){x->blob->p + at, x->blob->len - at};
    wrote(c, stream_writev(&c->stream, v, count));
}

/* Send head and body at once; only what the socket does not take is copied. */
static void write_copied(struct http_conn *c, struct str body)
{
    struct http_exchange *x = c->x;
    size_t head_n = x->out.len;
    struct iovec v[2] = {{x->out.p, head_n}, {(void *)(uintptr_t)body.p, body.n}};
    ssize_t n = stream_writev(&c->stream, v, body.n ? 2 : 1);
    if (n < 0) {
        http_conn_close(c);
        return;
    }
    if ((size_t)n == head_n + body.n) {
        http_conn_answered(c);
        return;
    }
    size_t head_sent = MIN((size_t)n, head_n);
    struct str rest = str_drop(body, (size_t)n - head_sent);
    buf_append(&x->out, rest.p, rest.n);
    x->sent = head_sent;
    http_conn_stalled(c);
}

static void count_answer(const struct http_exchange *x, int status)
{
    if (status >= 400)
        count_one(COUNT_http_errors);
    trace(http, "%.*s %.*s %d", STR_ARG(x->req.method_text), STR_ARG(x->req.target), status);
}

void http_respond(struct http_request *r, int status, const struct http_field *fields,
                  struct str body)
{
    struct http_exchange *x = CONTAINER_OF(r, struct http_exchange, req);
    struct http_conn *c = x->conn;
    AUTO(buf_done) struct buf coded = BUF_INIT;
    if (!c->server) {
        forget_orphan(c);
        return;
    }
    CHECK(c->state == HTTP_CONN_HANDLING || c->state == HTTP_CONN_READING);
    count_answer(x, status);
    x->closes = decide_end(x);
    if (status == 205)
        body = STR_NONE;
    x->coding = http_coding_of(r, status, fields, body.n);
    if (x->coding == HTTP_CODING_GZIP && !is_bodyless(status)) {
        gzip_body(body, &coded);
        body = buf_view(&coded);
    }
    put_answer_head(x, status, fields, body.n);
    write_copied(c, is_bodyless(status) || r->method == HTTP_HEAD_ ? STR_NONE : body);
}

void http_respond_blob(struct http_request *r, int status, const struct http_field *fields,
                       struct blob *body)
{
    struct http_exchange *x = CONTAINER_OF(r, struct http_exchange, req);
    struct http_conn *c = x->conn;
    if (http_coding_of(r, status, fields, body ? body->len : 0) != HTTP_CODING_NONE) {
        http_respond(r, status, fields, blob_view(body));
        return;
    }
    if (!c->server) {
        forget_orphan(c);
        return;
    }
    CHECK(c->state == HTTP_CONN_HANDLING);
    count_answer(x, status);
    x->closes = decide_end(x);
    put_answer_head(x, status, fields, body ? body->len : 0);
    if (body && !is_bodyless(status) && r->method != HTTP_HEAD_)
        x->blob = blob_ref(body);
    http_write_on(c);
}

void http_refuse(struct http_conn *c, int status, const char *detail)
{
    AUTO(buf_done) struct buf body = BUF_INIT;
    struct http_request *r = &c->x->req;
    struct http_field fields[] = {{"Content-Type", STR_NONE}, {NULL, STR_NONE}, {NULL, STR_NONE}};
    fields[0].value = str_of(c->server->error_body(&body, status, detail, c->server->arg));
    if (status == 405)
        fields[1] =
            (struct http_field){"Allow", STR("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")};
    else if (status == 503)
        fields[1] = (struct http_field){"Retry-After", STR("1")};
    if (c->x->parse.parser.method == HTTP_HEAD)
        r->method = HTTP_HEAD_;
    r->keep_alive = false;
    http_respond(r, status, fields, buf_view(&body));
}

/* ---- take-over ---- */

enum err http_takeover(struct http_request *r, int status, const struct http_field *fields,
                       struct stream *s, const struct stream_events *events, struct buf *ret_rest)
{
    struct http_exchange *x = CONTAINER_OF(r, struct http_exchange, req);
    struct http_conn *c = x->conn;
    if (!c->server) {
        forget_orphan(c);
        return E_CLOSED;
    }
    CHECK(c->state == HTTP_CONN_HANDLING);
    if (status == 101 && (c->more || x->ahead_at < x->ahead.len)) {
        /* They would be of the new protocol, which a client may not speak before this answer. */
        http_conn_close(c);
        return E_HTTP_SYNTAX;
    }
    count_answer(x, status);
    AUTO(buf_done) struct buf out = BUF_INIT;
    put_head(&out, c->server, x, status, fields);
    buf_puts(&out, status == 101 ? "Connection: Upgrade\r\n\r\n" : "Connection: close\r\n\r\n");
    struct iovec v = {out.p, out.len};
    ssize_t n = stream_writev(&c->stream, &v, 1);
    if (n < 0) {
        http_conn_close(c);
        return E_CLOSED;
    }
    stream_move(&c->stream, s, events);
    http_conn_vanish(c);
    buf_consume(&out, (size_t)n);
    *ret_rest = out;
    out = (struct buf)BUF_INIT;
    return E_OK;
}
