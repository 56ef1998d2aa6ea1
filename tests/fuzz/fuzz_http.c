/*
 * Bytes through the request parser. The first two bytes choose where the rest is split; whatever
 * the split, the outcome must be the same as that of the whole at once, and every part of a
 * request must lie within what was sent.
 */
#include "io/http_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { REQUESTS_MAX = 64 };

/* What came of the bytes: a digest of each request. */
struct outcome {
    struct buf text;
    size_t requests;
};

static void note_request(struct outcome *o, const struct http_parse *p)
{
    struct arena a = ARENA_INIT;
    struct http_target t = {STR_NONE, STR_NONE};
    const char *why = "";
    struct str target = http_span_str(p, p->target);
    buf_printf(&o->text, "request %u %d %d [%.*s] body %zu %d\n", p->parser.method, p->keep_alive,
               p->wants_continue, STR_ARG(target), p->body.len, p->has_body);
    buf_str(&o->text, buf_view(&p->body));
    for (size_t i = 0; i < p->field_count; i++) {
        struct str name = http_span_str(p, p->fields[i].name);
        struct str value = http_span_str(p, p->fields[i].value);
        CHECK(name.n > 0 && memchr(name.p, '\r', name.n) == NULL);
        CHECK(memchr(value.p, '\n', value.n) == NULL && memchr(value.p, '\r', value.n) == NULL &&
              memchr(value.p, '\0', value.n) == NULL);
        buf_printf(&o->text, "%.*s=%.*s\n", STR_ARG(name), STR_ARG(value));
    }
    if (http_target_split(target, HTTP_OPTIONS_, &a, &t, &why))
        CHECK(t.path.n > 0 && (t.path.p[0] == '/' || str_eqz(t.path, "*")));
    else
        CHECK(why[0] != '\0');
    arena_done(&a);
    struct http_request r = {.query = target, .arena = ARENA_INIT};
    struct str value;
    (void)http_query(&r, "a", 0, &value);
    arena_done(&r.arena);
}

/* Feed a piece; false when nothing more can be taken. */
static bool feed(struct http_parse *p, struct outcome *o, const char *data, size_t n)
{
    while (n > 0 && o->requests < REQUESTS_MAX) {
        size_t taken = http_parse_feed(p, data, n);
        CHECK(taken <= n);
        data += taken;
        n -= taken;
        if (p->state == HTTP_PARSE_REFUSED) {
            CHECK(p->status >= 400 && p->detail && p->detail[0]);
            /* Not the status: of two faults, the one in the earlier piece is named. */
            buf_puts(&o->text, "refused\n");
            return false;
        }
        if (p->state == HTTP_PARSE_DONE) {
            note_request(o, p);
            o->requests++;
            http_parse_reset(p);
        } else {
            CHECK(taken > 0);
        }
    }
    return o->requests < REQUESTS_MAX;
}

static void run(struct outcome *o, const struct http_server_conf *limits, const char *data,
                size_t size, uint32_t seed)
{
    struct http_parse p;
    http_parse_init(&p, limits);
    bool more = true;
    while (more && size > 0) {
        /* seed 0: all at once, else pieces of 1 to 16 bytes, some of them larger */
        seed = seed * 1664525u + 1013904223u * (seed != 0);
        size_t n = seed ? (seed >> 28) + 1 + ((seed >> 20) % 16 == 0) * ((seed >> 8) % 512) : size;
        n = MIN(n, size);
        more = feed(&p, o, data, n);
        data += n;
        size -= n;
    }
    buf_printf(&o->text, "state %d\n", p.state);
    http_parse_done(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct http_server_conf limits;
    http_server_conf_default(&limits);
    limits.max_header_bytes = 1000;
    limits.max_headers = 20;
    limits.max_target_bytes = 200;
    limits.max_body_bytes = 2000;
    uint32_t seed = (uint32_t)(data[0] | data[1] << 8) | 0x10000;
    struct outcome whole = {BUF_INIT, 0};
    struct outcome pieces = {BUF_INIT, 0};
    run(&whole, &limits, (const char *)data + 2, size - 2, 0);
    run(&pieces, &limits, (const char *)data + 2, size - 2, seed);
    if (!str_eq(buf_view(&whole.text), buf_view(&pieces.text)))
        panic("whole:\n%s\npieces:\n%s", buf_cstr(&whole.text), buf_cstr(&pieces.text));
    buf_done(&whole.text);
    buf_done(&pieces.text);
    return 0;
}
