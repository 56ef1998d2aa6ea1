#include "api/problem.h"

#include "base/log.h"

#define MEDIA_TYPE "application/json"
#define CONFIG "/publisher/config"

/* ---- bodies ---- */

/* The attribute that a client of the product knows: config for all of the publisher's settings,
 * else the topic's own. */
static struct str parameter_of(const char *pointer)
{
    struct str rest = str_of(pointer);

    if (str_starts(rest, STR(CONFIG)) &&
        (rest.n == strlen(CONFIG) || rest.p[strlen(CONFIG)] == '/'))
        return STR("config");
    (void)str_split(&rest, '/');
    return str_split(&rest, '/');
}

/* Details quote what clients sent, and may be cut: they need not be UTF-8. */
static void write_text(struct jwriter *w, struct str text)
{
    AUTO(buf_done) struct buf json = BUF_INIT;

    buf_json_str(&json, text);
    jw_raw(w, buf_view(&json));
}

static void write_source(struct jwriter *w, const struct problem *p)
{
    struct str parameter = str_of(p->parameter);

    if (!parameter.p && p->pointer)
        parameter = parameter_of(p->pointer);
    jw_object(w);
    if (parameter.n > 0) {
        jw_key(w, "parameter");
        write_text(w, parameter);
    }
    if (p->pointer) {
        jw_key(w, "pointer");
        write_text(w, str_of(p->pointer));
    }
    jw_object_end(w);
}

static void write_one(struct jwriter *w, const struct problem *p)
{
    jw_object(w);
    jw_key(w, "status");
    jw_i64(w, p->status);
    jw_key(w, "title");
    jw_strz(w, p->title ? p->title : http_status_text(p->status));
    jw_key(w, "detail");
    write_text(w, str_of(p->detail));
    jw_key(w, "meta");
    jw_object(w);
    if (p->line > 0) {
        jw_key(w, "line");
        jw_i64(w, p->line);
        jw_key(w, "column");
        jw_i64(w, p->column);
    }
    jw_object_end(w);
    jw_key(w, "source");
    write_source(w, p);
    jw_object_end(w);
}

static void open_body(struct jwriter *w)
{
    jw_object(w);
    jw_key(w, "errors");
    jw_array(w);
}

static void close_body(struct jwriter *w)
{
    jw_array_end(w);
    jw_object_end(w);
    CHECK(jw_end(w) == E_OK);
}

void problem_write(struct buf *b, const struct problem *items, size_t count)
{
    struct jwriter w = jw_begin(b);

    open_body(&w);
    for (size_t i = 0; i < count; i++)
        write_one(&w, &items[i]);
    close_body(&w);
}

void problem_write_faults(struct buf *b, const struct faults *f)
{
    struct jwriter w = jw_begin(b);
    char more[64];

    open_body(&w);
    for (size_t i = 0; i < f->count; i++) {
        const struct fault *fault = &f->items[i];

        write_one(&w, &(struct problem){.status = 400,
                                        .title = fault->title,
                                        .detail = fault->detail,
                                        .pointer = fault->pointer});
    }
    if (f->dropped > 0) {
        snprintf(more, sizeof more, "and %zu more faults that are not listed", f->dropped);
        write_one(&w, &(struct problem){.status = 400, .detail = more});
    }
    close_body(&w);
}

/* ---- answers ---- */

#define FIELDS_MAX 8

static void respond(struct http_request *r, int status, const struct http_field *more,
                    const struct buf *body)
{
    struct http_field fields[FIELDS_MAX + 1] = {
        {"Content-Type", STR(MEDIA_TYPE)},
        {"Cache-Control", STR("no-store")},
    };
    size_t n = 2;

    if (status == 503 || status == 429)
        fields[n++] = (struct http_field){"Retry-After", STR("1")};
    for (; more && more->name; more++) {
        CHECK(n < FIELDS_MAX);
        fields[n++] = *more;
    }
    http_respond(r, status, fields, buf_view(body));
}

void problem_answer(struct http_request *r, const struct problem *p)
{
    AUTO(buf_done) struct buf body = BUF_INIT;

    problem_write(&body, p, 1);
    respond(r, p->status, p->fields, &body);
}

void problem_answer_err(struct http_request *r, enum err err, const struct errinfo *ei)
{
    const struct err_row *row = err_row(err);

    if (row->kind == ERR_KIND_BUG || row->kind == ERR_KIND_OURS)
        log_error("request failed", LOG_STR("method", r->method_text), LOG_STR("path", r->path),
                  LOG_S("error", row->name), LOG_S("reason", err_text(ei, err)));
    problem_answer(r, &(struct problem){.status = row->http_status, .detail = err_text(ei, err)});
}

void problem_answer_faults(struct http_request *r, const struct faults *f)
{
    AUTO(buf_done) struct buf body = BUF_INIT;

    problem_write_faults(&body, f);
    respond(r, 400, NULL, &body);
}

const char *problem_http_body(struct buf *b, int status, const char *detail, void *arg)
{
    (void)arg;
    problem_write(b, &(struct problem){.status = status, .detail = detail}, 1);
    return MEDIA_TYPE;
}
