#include "cli/tail_print.h"

#include <time.h>

#include "base/clock.h"
#include "json/value.h"

struct tail_style tail_style_make(bool json)
{
    return (struct tail_style){json, terminal_make()};
}

/* ---- lines of JSON ---- */

static void print_json(const struct sse_event *e)
{
    AUTO(buf_done) struct buf b = BUF_INIT, time = BUF_INIT;
    struct jwriter w = jw_begin(&b);

    clock_format_wall(&time, clock_now_wall());
    jw_object(&w);
    jw_key(&w, "time");
    jw_str(&w, buf_view(&time));
    jw_key(&w, "event");
    jw_str(&w, buf_view(&e->type));
    if (e->id.len) {
        jw_key(&w, "id");
        jw_str(&w, buf_view(&e->id));
    }
    jw_key(&w, "data");
    jw_raw(&w, buf_view(&e->data));
    jw_object_end(&w);
    if (jw_end(&w) == E_OK)
        puts(buf_cstr(&b));
}

/* ---- for people ---- */

static void print_head(const struct terminal *t, const struct sse_event *e, const char *color)
{
    time_t now = (time_t)(clock_now_wall() / US_PER_S);
    struct tm tm;
    char text[16];
    size_t hash = str_find(buf_view(&e->id), '#');

    localtime_r(&now, &tm);
    strftime(text, sizeof text, "%H:%M:%S ", &tm);
    fputs(text, t->out);
    terminal_paint(t, color, buf_view(&e->type));
    if (hash < e->id.len)
        fprintf(t->out, " %.*s", STR_ARG(str_drop(buf_view(&e->id), hash)));
}

static void print_error(const struct terminal *t, const jval *error)
{
    struct str message = jv_str(jv_getz(error, "message"));
    struct str code = jv_number_text(jv_getz(error, "code"));

    fprintf(t->out, " %.*s: %.*s\n", STR_ARG(code), STR_ARG(message));
}

static void print_event(const struct terminal *t, struct str type, const jval *data)
{
    if (str_eqz(type, "error")) {
        print_error(t, data);
        return;
    }
    fputc('\n', t->out);
    if (str_eqz(type, "patch"))
        terminal_patch(t, data, NULL);
    else if (str_eqz(type, "changes"))
        terminal_changes(t, data);
    else
        terminal_document(t, data, "--json prints all");
}

void tail_print(const struct tail_style *style, const struct sse_event *e)
{
    AUTO(jdoc_freep) struct jdoc *doc = NULL;
    const struct terminal *t = &style->terminal;
    struct str type = buf_view(&e->type);

    if (style->json) {
        print_json(e);
        return;
    }
    print_head(t, e, str_eqz(type, "error") ? TERMINAL_RED : TERMINAL_BOLD);
    if (jdoc_parse(buf_view(&e->data), NULL, &doc, NULL) == E_OK)
        print_event(t, type, jdoc_root(doc));
    else
        fprintf(t->out, " %.*s\n", STR_ARG(buf_view(&e->data)));
}
