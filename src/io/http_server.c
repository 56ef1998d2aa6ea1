/*
 * The HTTP server of one loop: its settings, its books, and what a request offers its handler.
 */
#include "io/http_conn.h"
#include "io/tls.h"

void http_server_conf_default(struct http_server_conf *c)
{
    *c = (struct http_server_conf){
        .address = "127.0.0.1",
        .max_header_bytes = (size_t)32 << 10,
        .max_headers = 100,
        .max_target_bytes = (size_t)8 << 10,
        .max_body_bytes = (size_t)1 << 20,
        .max_connections = 10000,
        .max_pipelined_bytes = (size_t)16 << 10,
        .header_timeout_us = 10 * US_PER_S,
        .body_timeout_us = 30 * US_PER_S,
        .idle_timeout_us = 75 * US_PER_S,
        .write_timeout_us = 30 * US_PER_S,
    };
}

static void free_parts(struct http_server *s)
{
    while (s->pool) {
        struct http_exchange *x = s->pool;
        s->pool = x->next;
        http_exchange_free(x);
    }
    buf_done(&s->date);
    tls_server_unref(s->conf.tls);
    free((void *)(uintptr_t)s->conf.address);
    free(s);
}

enum err http_server_new(struct loop *l, const struct http_server_conf *conf,
                         http_handler_f *handler, http_error_body_f *error_body, void *arg,
                         struct http_server **ret, struct errinfo *ei)
{
    struct http_server *s = xcalloc(1, sizeof *s);
    s->loop = l;
    s->conf = *conf;
    s->conf.address = xstrdup(conf->address);
    s->conf.tls = tls_server_ref(conf->tls);
    s->handler = handler;
    s->error_body = error_body;
    s->arg = arg;
    list_init(&s->conns);
    enum err e = http_listener_open(s, http_conn_accept, &s->listener, &s->port, ei);
    if (e != E_OK) {
        free_parts(s);
        return e;
    }
    *ret = s;
    return E_OK;
}

uint16_t http_server_port(const struct http_server *s)
{
    return s->port;
}

size_t http_server_open(const struct http_server *s)
{
    return s->open;
}

void http_server_drain(struct http_server *s)
{
    if (s->draining)
        return;
    http_listener_drain(TAKE(s->listener));
    s->draining = true;
    LIST_EACH_SAFE (n, &s->conns)
        http_conn_drain(LIST_ITEM(n, struct http_conn, link));
}

void http_server_free(struct http_server *s)
{
    if (!s)
        return;
    http_listener_close(TAKE(s->listener));
    while (!list_empty(&s->conns))
        http_conn_abort(LIST_ITEM(s->conns.next, struct http_conn, link));
    free_parts(s);
}

/* ---- the request ---- */

struct str http_header_nth(const struct http_request *r, const char *name, size_t n)
{
    const struct http_exchange *x = CONTAINER_OF(r, const struct http_exchange, req);
    return http_parse_field(&x->parse, str_of(name), n);
}

struct str http_header(const struct http_request *r, const char *name)
{
    return http_header_nth(r, name, 0);
}

struct str http_header_list(struct http_request *r, const char *name)
{
    AUTO(buf_done) struct buf all = BUF_INIT;
    struct str value, first = http_header(r, name);

    if (!http_header_nth(r, name, 1).p)
        return first;
    for (size_t n = 0; (value = http_header_nth(r, name, n)).p; n++) {
        if (n > 0)
            buf_puts(&all, ", ");
        buf_str(&all, value);
    }
    return str_make(arena_strdup(&r->arena, buf_view(&all)), all.len);
}

struct loop *http_loop(const struct http_request *r)
{
    const struct http_exchange *x = CONTAINER_OF(r, const struct http_exchange, req);
    return x->conn->loop;
}

const char *http_method_name(enum http_method m)
{
    static const char *const names[] = {
        [HTTP_GET_] = "GET",         [HTTP_HEAD_] = "HEAD",   [HTTP_POST_] = "POST",
        [HTTP_PUT_] = "PUT",         [HTTP_PATCH_] = "PATCH", [HTTP_DELETE_] = "DELETE",
        [HTTP_OPTIONS_] = "OPTIONS", [HTTP_OTHER_] = "other",
    };
    return names[m];
}
