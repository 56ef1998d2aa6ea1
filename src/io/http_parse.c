/*
 * The bytes of one request: llhttp's callbacks, the limits, and the checks of the whole header.
 */
#include "io/http_parse.h"

/* What a parser keeps between two requests of a busy connection. */
#define KEEP_BYTES 4096
#define KEEP_FIELDS 64
/* Blank lines that may come before a request line (RFC 9112 §2.2). */
#define BLANK_MAX 16
/* Chunk sizes, extensions and trailers may take this much more than the data they frame. */
#define CHUNK_FRAMING_PER_BYTE 8
/* Room that is made at once for a body of announced length; more only as it arrives. */
#define BODY_RESERVE_MAX ((size_t)256 << 10)

static size_t refuse(struct http_parse *p, int status, const char *detail)
{
    p->state = HTTP_PARSE_REFUSED;
    p->status = status;
    p->detail = detail;
    return 0;
}

static void refuse_version(struct http_parse *p)
{
    refuse(p, 505, "the protocol version is not HTTP/1.0 or HTTP/1.1");
}

/* The request line ended with its target; llhttp goes on to fields all the same. */
static bool is_http_09(const struct http_parse *p)
{
    size_t end = p->target.at + p->target.n;
    return p->target.n > 0 && end < p->head.len &&
           (p->head.p[end] == '\r' || p->head.p[end] == '\n');
}

static void refuse_http_09(struct http_parse *p)
{
    refuse(p, 505, "HTTP/0.9 is not offered");
}

/* In a callback of llhttp. */
static int stop(struct http_parse *p, int status, const char *detail)
{
    refuse(p, status, detail);
    return HPE_USER;
}

/* ---- llhttp's callbacks ---- */

/* llhttp gives a token in pieces when the bytes came in pieces; in head they lie side by side. */
static void extend(struct http_parse *p, struct http_span *s, const char *at, size_t n)
{
    if (s->n == 0)
        s->at = (uint32_t)(at - p->head.p);
    s->n += (uint32_t)n;
}

static int on_url(llhttp_t *parser, const char *at, size_t n)
{
    struct http_parse *p = parser->data;
    extend(p, &p->target, at, n);
    /* llhttp skips any number of blanks in front. */
    if (p->target.at != strlen(llhttp_method_name((llhttp_method_t)parser->method)) + 1)
        return stop(p, 400, "more than a blank between method and target");
    if (p->target.n > p->limits->max_target_bytes)
        return stop(p, 414, "the request target is too long");
    return 0;
}

/* llhttp takes RTSP and ICE too, and an HTTP/0.9 request line without any version. */
static int on_version(llhttp_t *parser, const char *at, size_t n)
{
    struct http_parse *p = parser->data;
    (void)n;
    size_t after_target = p->target.at + p->target.n;
    struct str between =
        str_make(p->head.p + after_target, (size_t)(at - p->head.p) - after_target);
    /* The second piece of a version has the first piece in front. */
    if (!str_starts(between, STR(" HTTP/")))
        return stop(p, 400, "the protocol of the request line is not HTTP");
    return 0;
}

/* False if there are too many. */
static bool begin_field(struct http_parse *p)
{
    if (p->field_count == p->limits->max_headers)
        return false;
    if (p->field_count == p->field_cap) {
        p->field_cap = p->field_cap ? p->field_cap * 2 : 16;
        p->fields = xrealloc(p->fields, p->field_cap * sizeof *p->fields);
    }
    p->fields[p->field_count++] = (struct http_parsed_field){{0, 0}, {0, 0}};
    p->in_name = true;
    return true;
}

static int on_field(llhttp_t *parser, const char *at, size_t n)
{
    struct http_parse *p = parser->data;
    if (p->state != HTTP_PARSE_HEAD)
        return 0; /* a trailer: nobody reads them */
    if (p->field_count == 0 && is_http_09(p)) {
        refuse_http_09(p);
        return HPE_USER;
    }
    if (!p->in_name && !begin_field(p))
        return stop(p, 431, "too many header fields");
    extend(p, &p->fields[p->field_count - 1].name, at, n);
    return 0;
}

static int on_field_complete(llhttp_t *parser)
{
    ((struct http_parse *)parser->data)->in_name = false;
    return 0;
}

static int on_value(llhttp_t *parser, const char *at, size_t n)
{
    struct http_parse *p = parser->data;
    if (p->state == HTTP_PARSE_HEAD && p->field_count > 0)
        extend(p, &p->fields[p->field_count - 1].value, at, n);
    return 0;
}

static int on_headers_complete(llhttp_t *parser)
{
    (void)parser;
    return HPE_PAUSED;
}

static int append_body(struct http_parse *p, const char *at, size_t n)
{
    if (n > p->limits->max_body_bytes - p->body.len)
        return stop(p, 413, "the body is too large");
    if (buf_try_append(&p->body, at, n) != E_OK)
        return stop(p, 413, "the body is too large");
    return 0;
}

static int on_body(llhttp_t *parser, const char *at, size_t n)
{
    return append_body(parser->data, at, n);
}

static int on_message_complete(llhttp_t *parser)
{
    struct http_parse *p = parser->data;
    p->state = HTTP_PARSE_DONE;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_url = on_url,
    .on_version = on_version,
    .on_header_field = on_field,
    .on_header_field_complete = on_field_complete,
    .on_header_value = on_value,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
};

/* ---- the whole header ---- */

struct str http_parse_field(const struct http_parse *p, struct str name, size_t n)
{
    for (size_t i = 0; i < p->field_count; i++) {
        const struct http_parsed_field *f = &p->fields[i];
        if (f->name.n == name.n && str_case_eq(http_span_str(p, f->name), name) && n-- == 0)
            return str_trim(http_span_str(p, f->value));
    }
    return STR_NONE;
}

static bool has_field(const struct http_parse *p, struct str name, size_t n)
{
    return http_parse_field(p, name, n).p != NULL;
}

static bool check_version(struct http_parse *p)
{
    if (p->parser.http_major == 1)
        return true;
    refuse_version(p);
    return false;
}

/* uri-host [":" port]; may be empty (RFC 9112 §3.2). */
static bool host_is_valid(struct str host)
{
    static const char allowed[] = "-._~!$&'()*+;=:[]%";
    for (size_t i = 0; i < host.n; i++) {
        char c = host.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!plain && (c == '\0' || !strchr(allowed, c)))
            return false;
    }
    return true;
}

static bool check_host(struct http_parse *p)
{
    struct str host = http_parse_field(p, STR("Host"), 0);
    if (!host.p && p->parser.http_minor == 0)
        return true;
    if (!host.p)
        refuse(p, 400, "the Host header is missing");
    else if (has_field(p, STR("Host"), 1))
        refuse(p, 400, "there is more than one Host header");
    else if (!host_is_valid(host))
        refuse(p, 400, "the Host header is not a host");
    return p->state != HTTP_PARSE_REFUSED;
}

/* RFC 9112 §6.1: chunked must be the last coding and come once; what others there are is not
 * offered. */
static void refuse_coding(struct http_parse *p, struct str list)
{
    size_t chunked = 0;
    struct str last = STR_NONE;
    while (list.p) {
        last = str_trim(str_split(&list, ','));
        chunked += str_case_eqz(last, "chunked");
    }
    if (chunked == 1 && str_case_eqz(last, "chunked"))
        refuse(p, 501, "the only Transfer-Encoding offered is chunked");
    else
        refuse(p, 400, "Transfer-Encoding does not end with its only chunked");
}

static bool check_coding(struct http_parse *p, struct str coding)
{
    if (p->parser.http_minor == 0)
        refuse(p, 400, "Transfer-Encoding in an HTTP/1.0 request");
    else if (has_field(p, STR("Content-Length"), 0))
        refuse(p, 400, "both Content-Length and Transfer-Encoding");
    else if (has_field(p, STR("Transfer-Encoding"), 1))
        refuse(p, 400, "more than one Transfer-Encoding header");
    else if (!str_case_eqz(coding, "chunked") || !(p->parser.flags & F_CHUNKED))
        refuse_coding(p, coding);
    return p->state != HTTP_PARSE_REFUSED;
}

static bool check_length(struct http_parse *p, struct str length)
{
    uint64_t n = 0;
    if (has_field(p, STR("Content-Length"), 1))
        refuse(p, 400, "more than one Content-Length header");
    else if (length.n == 0 || !str_to_u64(length, UINT64_MAX, &n) || n != p->parser.content_length)
        refuse(p, 400, "Content-Length is not a number");
    else if (n > p->limits->max_body_bytes)
        refuse(p, 413, "the body is too large");
    else
        p->body_left = n;
    return p->state != HTTP_PARSE_REFUSED;
}

static bool check_framing(struct http_parse *p)
{
    struct str coding = http_parse_field(p, STR("Transfer-Encoding"), 0);
    struct str length = http_parse_field(p, STR("Content-Length"), 0);
    p->chunked = coding.p != NULL;
    p->has_body = coding.p || length.p;
    if (coding.p)
        return check_coding(p, coding);
    return !length.p || check_length(p, length);
}

/* RFC 9110 §10.1.1. An HTTP/1.0 client's expectation is ignored. */
static bool check_expect(struct http_parse *p)
{
    struct str expect = http_parse_field(p, STR("Expect"), 0);
    if (!expect.p || p->parser.http_minor == 0)
        return true;
    if (has_field(p, STR("Expect"), 1) || !str_case_eqz(expect, "100-continue")) {
        refuse(p, 417, "the only expectation that can be met is 100-continue");
        return false;
    }
    p->wants_continue = p->chunked || p->body_left > 0;
    return true;
}

static bool check_head(struct http_parse *p)
{
    if (!check_version(p) || !check_host(p) || !check_framing(p) || !check_expect(p))
        return false;
    if (p->parser.method == HTTP_CONNECT) {
        refuse(p, 405, "CONNECT is not offered");
        return false;
    }
    return true;
}

static void head_complete(struct http_parse *p)
{
    if (!check_head(p))
        return;
    p->keep_alive = llhttp_should_keep_alive(&p->parser) != 0;
    p->state = p->chunked || p->body_left > 0 ? HTTP_PARSE_BODY : HTTP_PARSE_DONE;
    if (p->body_left > 0 &&
        buf_reserve(&p->body, (size_t)MIN(p->body_left, (uint64_t)BODY_RESERVE_MAX)) != E_OK)
        refuse(p, 413, "the body is too large");
}

/* ---- feeding ---- */

/* What was read may be the beginning of a method's name. */
static bool could_be_method(const struct http_parse *p)
{
    char first = p->head.p[0];
    char c = *llhttp_get_error_pos(&p->parser);
    return first >= 'A' && first <= 'Z' && ((c >= 'A' && c <= 'Z') || c == '-' || c == ' ');
}

static void refuse_syntax(struct http_parse *p, llhttp_errno_t e)
{
    const llhttp_t *l = &p->parser;
    /* llhttp's reasons are static texts, made for people. */
    const char *reason = llhttp_get_error_reason(l);
    const char *target_end = p->head.p + p->target.at + p->target.n;
    if (p->state == HTTP_PARSE_HEAD && is_http_09(p) && llhttp_get_error_pos(l) > target_end)
        refuse_http_09(p);
    else if (e == HPE_PAUSED_H2_UPGRADE)
        refuse(p, 505, "HTTP/2 is not offered");
    else if (e == HPE_INVALID_VERSION && (l->http_major != 1 || l->http_minor > 1))
        refuse_version(p);
    else if (e == HPE_INVALID_METHOD && could_be_method(p))
        refuse(p, 501, "the method is not known");
    else
        refuse(p, 400, reason ? reason : "the request is not valid HTTP");
}

/* Run llhttp over n bytes; returns how many it took. */
static size_t run(struct http_parse *p, const char *data, size_t n, bool *ret_paused)
{
    llhttp_errno_t e = llhttp_execute(&p->parser, data, n);
    *ret_paused = e == HPE_PAUSED;
    if (e == HPE_OK)
        return n;
    if (e == HPE_PAUSED) {
        size_t taken = (size_t)(llhttp_get_error_pos(&p->parser) - data);
        llhttp_resume(&p->parser);
        return taken;
    }
    if (p->state != HTTP_PARSE_REFUSED)
        refuse_syntax(p, e);
    return n;
}

/* Blank lines before the request line are skipped, other line ends are refused: llhttp would skip
 * any number of either. */
static size_t feed_empty(struct http_parse *p, const char *data, size_t n)
{
    size_t i = 0;
    for (; i < n; i++) {
        bool after_cr = p->blank & 1;
        if (data[i] != (after_cr ? '\n' : '\r'))
            break;
        if (++p->blank > BLANK_MAX)
            break;
    }
    if (i == n)
        return n;
    if ((p->blank & 1) || p->blank > BLANK_MAX || data[i] == '\n') {
        refuse(p, 400, "stray line ends before the request");
        return n;
    }
    p->state = HTTP_PARSE_HEAD;
    return i;
}

/* As much as can belong to the header: no more than up to the first blank line, so that of
 * pipelined requests and bodies little is copied, and no more than the limit. */
static size_t head_piece(const struct http_parse *p, const char *data, size_t n)
{
    size_t room = p->limits->max_header_bytes - p->head.len;
    n = MIN(n, room);
    const char *end = memmem(data, n, "\r\n\r\n", 4);
    return end ? (size_t)(end - data) + 4 : n;
}

static size_t feed_head(struct http_parse *p, const char *data, size_t n)
{
    size_t before = p->head.len;
    size_t piece = head_piece(p, data, n);
    if (piece == 0) {
        bool in_target = p->target.n > 0 && p->parser.http_major == 0 && p->field_count == 0;
        return refuse(p, in_target ? 414 : 431, "the request header is too large");
    }
    if (buf_try_append(&p->head, data, piece) != E_OK)
        return refuse(p, 431, "the request header is too large");
    bool complete;
    size_t taken = run(p, p->head.p + before, piece, &complete);
    p->head.len = before + taken;
    if (p->state == HTTP_PARSE_REFUSED)
        return taken;
    if (is_http_09(p))
        refuse_http_09(p);
    else if (complete)
        head_complete(p);
    return taken;
}

static size_t feed_length(struct http_parse *p, const char *data, size_t n)
{
    n = (size_t)MIN((uint64_t)n, p->body_left);
    if (append_body(p, data, n) != 0)
        return n;
    p->body_left -= n;
    if (p->body_left == 0)
        p->state = HTTP_PARSE_DONE;
    return n;
}

static size_t feed_chunks(struct http_parse *p, const char *data, size_t n)
{
    bool complete;
    size_t taken = run(p, data, n, &complete);
    p->body_raw += taken;
    size_t allowed = p->limits->max_header_bytes + p->body.len * (1 + CHUNK_FRAMING_PER_BYTE);
    if (p->state != HTTP_PARSE_REFUSED && p->body_raw > allowed)
        refuse(p, 413, "the chunks hold too little data");
    return taken;
}

static size_t feed_some(struct http_parse *p, const char *data, size_t n)
{
    switch (p->state) {
    case HTTP_PARSE_EMPTY:
        return feed_empty(p, data, n);
    case HTTP_PARSE_HEAD:
        return feed_head(p, data, n);
    case HTTP_PARSE_BODY:
        return p->chunked ? feed_chunks(p, data, n) : feed_length(p, data, n);
    case HTTP_PARSE_DONE:
    case HTTP_PARSE_REFUSED:
        break;
    }
    return 0;
}

size_t http_parse_feed(struct http_parse *p, const char *data, size_t n)
{
    size_t taken = 0;
    enum http_parse_state before;
    if (n == 0)
        return 0;
    do {
        before = p->state;
        taken += feed_some(p, data + taken, n - taken);
    } while (taken < n && (p->state == before || before == HTTP_PARSE_EMPTY) &&
             p->state < HTTP_PARSE_DONE);
    return taken;
}

/* ---- life ---- */

void http_parse_init(struct http_parse *p, const struct http_server_conf *limits)
{
    *p = (struct http_parse){.limits = limits};
    /* A maximum of 0 would mean none. */
    p->head.max = MAX(limits->max_header_bytes, (size_t)1);
    p->body.max = MAX(limits->max_body_bytes, (size_t)1);
    http_parse_reset(p);
}

static void trim(struct buf *b)
{
    if (b->cap > KEEP_BYTES)
        buf_done(b);
    buf_clear(b);
}

void http_parse_reset(struct http_parse *p)
{
    trim(&p->head);
    trim(&p->body);
    if (p->field_cap > KEEP_FIELDS) {
        free(TAKE(p->fields));
        p->field_cap = 0;
    }
    struct http_parse kept = *p;
    *p = (struct http_parse){
        .limits = kept.limits,
        .head = kept.head,
        .body = kept.body,
        .fields = kept.fields,
        .field_cap = kept.field_cap,
    };
    llhttp_init(&p->parser, HTTP_REQUEST, &settings);
    p->parser.data = p;
}

void http_parse_done(struct http_parse *p)
{
    buf_done(&p->head);
    buf_done(&p->body);
    free(TAKE(p->fields));
    p->field_cap = 0;
}
