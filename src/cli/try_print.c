#include "cli/try_print.h"

#include "cli/try_hint.h"
#include "io/http_server.h"

#define MAX_LINES 40   /* of the payload, and operations of a patch */
#define MAX_EXCERPT 10 /* lines of a body that cannot be used */
/* Requests shown, unless all are wanted. */
#define FIRST_REQUESTS 8
#define LAST_REQUESTS 4

#define MORE "--full prints all"

struct print {
    struct terminal t;
    bool full;
    const jval *answer;
    struct str message; /* of the result: it is told once */
};

/* Fields of answers that say something about polling. */
static const char *const telling[] = {"Content-Type",  "Content-Encoding", "ETag",
                                      "Last-Modified", "Cache-Control",    "Location",
                                      "Link",          "Retry-After",      "WWW-Authenticate"};

/* ---- parts ---- */

static const jval *get(const jval *object, const char *name)
{
    return jv_getz(object, name);
}

static long long number(const jval *object, const char *name)
{
    int64_t v = 0;

    (void)jv_i64(get(object, name), &v);
    return v;
}

/* What a source wrote does not get to steer the terminal. */
static void put_plain(struct buf *b, struct str s)
{
    bool ok;

    while (s.n > 0) {
        size_t n = str_utf8_step(s, &ok);
        unsigned char c = (unsigned char)s.p[0];
        bool control = c < 0x20 || c == 0x7f || (n == 2 && c == 0xc2 && (s.p[1] & 0x60) == 0);

        buf_str(b, ok && !control ? str_make(s.p, n) : STR("·"));
        s = str_drop(s, n);
    }
}

/* A line, cut to the terminal. */
static void put_line(const struct print *p, const char *color, const char *prefix, struct str text)
{
    AUTO(buf_done) struct buf b = BUF_INIT;
    bool was_cut;

    buf_puts(&b, prefix);
    put_plain(&b, text);
    struct str line = terminal_cut(buf_view(&b), p->full ? 0 : p->t.max_columns, &was_cut);
    if (color)
        terminal_paint(&p->t, color, line);
    else
        fprintf(p->t.out, "%.*s", STR_ARG(line));
    fputs(was_cut ? "…\n" : "\n", p->t.out);
}

static void put_size(struct buf *b, long long bytes)
{
    if (bytes < 1024)
        buf_printf(b, "%lld B", bytes);
    else if (bytes < 1024 * 1024)
        buf_printf(b, "%.1f KiB", (double)bytes / 1024);
    else
        buf_printf(b, "%.1f MiB", (double)bytes / 1024 / 1024);
}

static void put_ms(struct buf *b, const jval *ms)
{
    double v = 0;

    (void)jv_double(ms, &v);
    if (v < 1000)
        buf_printf(b, "%.1f ms", v);
    else
        buf_printf(b, "%.1f s", v / 1000);
}

/* "array of 3 items, 120 B" */
static void put_shape(struct buf *b, struct str type, long long count, long long bytes)
{
    buf_str(b, type);
    if (str_eqz(type, "array"))
        buf_printf(b, " of %lld item%s", count, count == 1 ? "" : "s");
    else if (str_eqz(type, "object"))
        buf_printf(b, " of %lld member%s", count, count == 1 ? "" : "s");
    buf_puts(b, ", ");
    put_size(b, bytes);
}

/* ---- requests ---- */

static bool is_telling(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(telling); i++) {
        if (str_case_eqz(name, telling[i]))
            return true;
    }
    return false;
}

static void put_field(const struct print *p, struct str name, struct str value)
{
    AUTO(buf_done) struct buf b = BUF_INIT;

    buf_printf(&b, "%.*s: %.*s", STR_ARG(name), STR_ARG(value));
    put_line(p, TERMINAL_DIM, "  ", buf_view(&b));
}

/* Those that the request before did not have in the same way. */
static void put_sent(const struct print *p, const jval *fields, const jval *before)
{
    struct jiter it = jiter_of(fields);

    while (jiter_next(&it)) {
        const jval *was = jv_get(before, it.name);

        if (p->full || !was || !jv_equal(it.value, was))
            put_field(p, it.name, jv_str(it.value));
    }
}

static void put_received(const struct print *p, const jval *fields)
{
    struct jiter it = jiter_of(fields);

    while (jiter_next(&it)) {
        if (p->full || is_telling(it.name))
            put_field(p, it.name, jv_str(it.value));
    }
}

static void put_excerpt(const struct print *p, const jval *excerpt)
{
    struct str rest = str_trim(jv_str(excerpt));
    size_t lines = 0;

    for (; rest.n > 0 && (p->full || lines < MAX_EXCERPT); lines++)
        put_line(p, NULL, "  | ", str_trim(str_split(&rest, '\n')));
    if (rest.n > 0)
        put_line(p, NULL, "  | ", STR("…"));
}

static void put_asked(const struct print *p, const jval *q, struct str url)
{
    AUTO(buf_done) struct buf b = BUF_INIT;
    bool token = str_eqz(jv_str(get(q, "kind")), "token");

    buf_printf(&b, "%.*s %.*s", STR_ARG(jv_str(get(q, "method"))), STR_ARG(url));
    if (token)
        buf_puts(&b, "  (access token)");
    if (number(q, "attempt") > 1)
        buf_printf(&b, "  (attempt %lld)", number(q, "attempt"));
    put_line(p, TERMINAL_BOLD, "> ", buf_view(&b));
}

static const char *color_of(long long status)
{
    if (status / 100 == 2 || status == 304)
        return TERMINAL_GREEN;
    return status / 100 == 3 ? TERMINAL_YELLOW : TERMINAL_RED;
}

static void put_status(const struct print *p, long long status, const char *rest)
{
    AUTO(buf_done) struct buf b = BUF_INIT;

    if (status)
        buf_printf(&b, "< %lld %s", status, http_status_text((int)status));
    else
        buf_puts(&b, "< no answer");
    terminal_paint(&p->t, color_of(status), buf_view(&b));
    fprintf(p->t.out, "%s\n", rest);
}

/* ", 1.2 KiB in 12.3 ms (connected after 0.5 ms, first byte after 11.9 ms)" */
static void put_answered(const struct print *p, const jval *q)
{
    AUTO(buf_done) struct buf b = BUF_INIT;
    const jval *timing = get(q, "timing");
    long long status = number(q, "status");

    buf_puts(&b, status ? ", " : "");
    if (status) {
        put_size(&b, number(q, "bytes"));
        buf_puts(&b, " in ");
    } else {
        buf_puts(&b, " after ");
    }
    put_ms(&b, get(timing, "totalMs"));
    if (status) {
        buf_puts(&b, " (connected after ");
        put_ms(&b, get(timing, "connectMs"));
        buf_puts(&b, ", first byte after ");
        put_ms(&b, get(timing, "firstByteMs"));
        buf_puts(&b, ")");
    }
    put_status(p, status, buf_cstr(&b));
    put_received(p, get(q, "responseHeaders"));
    struct str error = jv_str(get(q, "error"));
    if (error.n > 0 && !str_eq(error, p->message))
        put_line(p, NULL, "  ", error);
    put_excerpt(p, get(q, "excerpt"));
}

static void put_request(const struct print *p, const jval *q, const jval *before)
{
    struct jiter it = jiter_of(get(q, "redirects"));
    const jval *fields = get(q, "headers");

    put_asked(p, q, jv_str(get(q, "url")));
    put_sent(p, fields, get(before, "headers"));
    while (jiter_next(&it)) {
        put_status(p, number(it.value, "status"), "");
        put_asked(p, q, jv_str(get(it.value, "url")));
        put_sent(p, get(it.value, "headers"), fields);
        fields = get(it.value, "headers");
    }
    put_answered(p, q);
}

/* ---- pages ---- */

static const jval *page_of(const struct print *p, long long n)
{
    struct jiter it = jiter_of(get(p->answer, "pages"));

    while (jiter_next(&it)) {
        if (number(it.value, "page") == n)
            return it.value;
    }
    return NULL;
}

static void put_page(const struct print *p, const jval *page)
{
    AUTO(buf_done) struct buf b = BUF_INIT;
    struct str type = jv_str(get(page, "type")), error = jv_str(get(page, "error"));
    struct str next = jv_str(get(page, "next"));

    buf_puts(&b, "= ");
    if (jv_count(get(p->answer, "pages")) > 1)
        buf_printf(&b, "page %lld: ", number(page, "page"));
    if (type.n > 0)
        put_shape(&b, type, number(page, str_eqz(type, "array") ? "items" : "members"),
                  number(page, "bytes"));
    else
        buf_puts(&b, error.n > 0 ? "it cannot be used, and begins with"
                                 : "not modified, so the last document stands");
    put_line(p, NULL, "", buf_view(&b));
    if (next.n > 0)
        put_line(p, NULL, "  next: ", next);
    if (error.n > 0 && !str_eq(error, p->message))
        put_line(p, NULL, "  ", error);
    put_excerpt(p, get(page, "excerpt"));
}

/* A page follows the last attempt to get it. One that is all, and good, is the payload. */
static void put_page_after(const struct print *p, const jval *q, const jval *next)
{
    const jval *page = page_of(p, number(q, "page"));
    bool alone = jv_count(get(p->answer, "pages")) == 1 && jv_type(get(page, "type")) != JT_NONE;

    if (page && !alone && number(next, "page") != number(q, "page"))
        put_page(p, page);
}

static void put_requests(const struct print *p)
{
    const jval *list = get(p->answer, "requests");
    size_t count = jv_count(list), skipped = 0;
    long long left_out = number(p->answer, "requestsLeftOut");
    const jval *before = NULL;

    for (size_t i = 0; i < count; i++) {
        const jval *q = jv_at(list, i);

        if (!p->full && count > FIRST_REQUESTS + LAST_REQUESTS && i >= FIRST_REQUESTS &&
            i < count - LAST_REQUESTS) {
            skipped++;
            continue;
        }
        if (skipped > 0)
            fprintf(p->t.out, "… %lld more requests (" MORE ")\n", (long long)skipped + left_out);
        skipped = 0;
        put_request(p, q, before);
        put_page_after(p, q, jv_at(list, i + 1));
        if (str_eqz(jv_str(get(q, "kind")), "poll"))
            before = q;
    }
}

/* ---- what came of it ---- */

static struct terminal cut_to(const struct print *p)
{
    struct terminal t = p->t;

    t.max_lines = p->full ? 0 : MAX_LINES;
    if (p->full)
        t.max_columns = 0;
    return t;
}

static void put_payload(const struct print *p)
{
    AUTO(buf_done) struct buf b = BUF_INIT;
    const struct terminal t = cut_to(p);
    const jval *payload = get(p->answer, "payload");
    long long bytes = number(p->answer, "payloadBytes");

    if (bytes == 0)
        return;
    buf_puts(&b, "payload: ");
    put_shape(&b, str_of(jtype_name(jv_type(payload))), (long long)jv_count(payload), bytes);
    fputc('\n', t.out);
    put_line(p, TERMINAL_BOLD, "", buf_view(&b));
    terminal_document(&t, payload, MORE);
}

static void put_compared(const struct print *p)
{
    AUTO(buf_done) struct buf b = BUF_INIT;
    const jval *like = get(p->answer, "comparedWith");

    if (jv_type(like) != JT_OBJECT)
        return;
    buf_printf(&b, "topic %.*s, at event %lld", STR_ARG(jv_str(get(like, "name"))),
               number(like, "sequence"));
    put_line(p, NULL, "compared with: ", buf_view(&b));
}

static void put_gate(const struct print *p)
{
    const jval *gate = get(p->answer, "gate");

    if (jv_type(gate) != JT_OBJECT)
        return;
    fputs("gate: ", p->t.out);
    if (jv_bool(get(gate, "passed")))
        terminal_paint(&p->t, TERMINAL_GREEN, STR("passed"));
    else
        terminal_paint(&p->t, TERMINAL_RED, STR("refused"));
    fputc('\n', p->t.out);
}

static void put_event(const struct print *p, const jval *event)
{
    AUTO(buf_done) struct buf b = BUF_INIT;
    const struct terminal t = cut_to(p);
    const jval *data = get(event, "data");
    struct str type = jv_str(get(event, "type"));

    buf_printf(&b, "would publish %s %.*s, ", str_eqz(type, "event") ? "an" : "a", STR_ARG(type));
    if (data)
        buf_printf(&b, "%zu operation%s, ", jv_count(data), jv_count(data) == 1 ? "" : "s");
    put_size(&b, number(event, "bytes"));
    terminal_paint(&p->t, TERMINAL_GREEN, buf_view(&b));
    fputc('\n', t.out);
    if (data)
        terminal_patch(&t, data, MORE);
}

static void put_failure(const struct print *p, const jval *result, bool refused)
{
    AUTO(buf_done) struct buf b = BUF_INIT;
    long long code = number(result, "code");

    buf_printf(&b, "%s %lld: ", refused ? "would publish nothing, but error" : "error", code);
    put_plain(&b, p->message);
    terminal_paint(&p->t, TERMINAL_RED, buf_view(&b));
    fprintf(p->t.out, "\nnext: %s\n", try_hint((int)code, refused));
}

static void put_result(const struct print *p)
{
    const jval *result = get(p->answer, "result");
    struct str outcome = jv_str(get(result, "outcome"));

    fputs("result: ", p->t.out);
    if (str_eqz(outcome, "unchanged")) {
        terminal_paint(&p->t, TERMINAL_GREEN, STR("unchanged, nothing to publish"));
        fputc('\n', p->t.out);
    } else if (jv_type(get(result, "event")) == JT_OBJECT) {
        put_event(p, get(result, "event"));
    } else {
        put_failure(p, result, str_eqz(outcome, "refused"));
    }
}

static void put_end(const struct print *p)
{
    AUTO(buf_done) struct buf b = BUF_INIT;
    long long requests =
        (long long)jv_count(get(p->answer, "requests")) + number(p->answer, "requestsLeftOut");

    buf_printf(&b, "%lld request%s in ", requests, requests == 1 ? "" : "s");
    put_ms(&b, get(p->answer, "durationMs"));
    put_line(p, TERMINAL_DIM, "", buf_view(&b));
}

void try_print(const struct terminal *t, bool full, const jval *answer)
{
    const struct print p = {
        .t = *t,
        .full = full,
        .answer = answer,
        .message = jv_str(get(get(answer, "result"), "message")),
    };

    put_requests(&p);
    put_payload(&p);
    fputc('\n', t->out);
    put_compared(&p);
    put_gate(&p);
    put_result(&p);
    put_end(&p);
}
