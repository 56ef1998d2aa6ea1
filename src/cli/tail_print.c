#include "cli/tail_print.h"

#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "json/value.h"

#define TERMINAL_LINES 40

#define RED "31"
#define GREEN "32"
#define YELLOW "33"
#define BOLD "1"

struct tail_style tail_style_make(bool json)
{
    struct tail_style s = {.json = json};
    struct winsize size;

    if (json || !isatty(STDOUT_FILENO))
        return s;
    s.color = !getenv("NO_COLOR");
    s.max_lines = TERMINAL_LINES;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20)
        s.max_columns = size.ws_col - 1u;
    return s;
}

/* ---- lines of JSON ---- */

static void print_json(const struct sse_event *e, FILE *out)
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
        fprintf(out, "%s\n", buf_cstr(&b));
}

/* ---- for people ---- */

static void paint(const struct tail_style *style, FILE *out, const char *color, struct str text)
{
    if (style->color)
        fprintf(out, "\033[%sm%.*s\033[0m", color, STR_ARG(text));
    else
        fprintf(out, "%.*s", STR_ARG(text));
}

/* Cut to `columns` characters, an ellipsis counted; 0: not at all. */
static struct str cut(struct str s, size_t columns, bool *ret_cut)
{
    struct str rest = s;
    bool ok;

    *ret_cut = false;
    for (size_t i = 1; columns && rest.n; i++) {
        if (i == columns && rest.n > 1) {
            *ret_cut = true;
            return str_make(s.p, s.n - rest.n);
        }
        rest = str_drop(rest, str_utf8_step(rest, &ok));
    }
    return s;
}

static void print_head(const struct tail_style *style, const struct sse_event *e, FILE *out,
                       const char *color)
{
    time_t now = (time_t)(clock_now_wall() / US_PER_S);
    struct tm tm;
    char text[16];
    size_t hash = str_find(buf_view(&e->id), '#');

    localtime_r(&now, &tm);
    strftime(text, sizeof text, "%H:%M:%S ", &tm);
    fputs(text, out);
    paint(style, out, color, buf_view(&e->type));
    if (hash < e->id.len)
        fprintf(out, " %.*s", STR_ARG(str_drop(buf_view(&e->id), hash)));
}

static void print_snapshot(const struct tail_style *style, const struct jdoc *doc, FILE *out)
{
    AUTO(buf_done) struct buf b = BUF_INIT;
    size_t lines = 0;

    fputc('\n', out);
    if (jv_write_pretty(jdoc_root(doc), &b) != E_OK)
        return;
    struct str rest = str_trim(buf_view(&b));
    while (rest.p && (style->max_lines == 0 || lines < style->max_lines)) {
        bool was_cut;
        struct str line = cut(str_split(&rest, '\n'), style->max_columns, &was_cut);

        fprintf(out, "%.*s%s\n", STR_ARG(line), was_cut ? "…" : "");
        lines++;
    }
    for (lines = 0; rest.p; lines++)
        (void)str_split(&rest, '\n');
    if (lines)
        fprintf(out, "… %zu more lines (--json prints all)\n", lines);
}

static void print_operation(const struct tail_style *style, const jval *op, FILE *out)
{
    AUTO(buf_done) struct buf value = BUF_INIT;
    struct str name = jv_str(jv_getz(op, "op")), path = jv_str(jv_getz(op, "path"));
    const jval *v = jv_getz(op, "value");
    size_t used = 12 + path.n, columns = style->max_columns;
    bool was_cut;

    fputs("  ", out);
    paint(style, out, str_eqz(name, "add") ? GREEN : str_eqz(name, "remove") ? RED : YELLOW, name);
    fprintf(out, "%*s%.*s", (int)(name.n < 8 ? 8 - name.n : 1), "", STR_ARG(path));
    if (v && jv_write(v, &value) == E_OK) {
        struct str text = cut(buf_view(&value),
                              columns && columns > used + 8 ? columns - used
                              : columns                     ? 8
                                                            : 0,
                              &was_cut);
        fprintf(out, " %.*s%s", STR_ARG(text), was_cut ? "…" : "");
    }
    fputc('\n', out);
}

static void print_patch(const struct tail_style *style, const struct jdoc *doc, FILE *out)
{
    struct jiter it = jiter_of(jdoc_root(doc));

    fputc('\n', out);
    while (jiter_next(&it))
        print_operation(style, it.value, out);
}

static void print_error(const struct jdoc *doc, FILE *out)
{
    struct str message = jv_str(jv_getz(jdoc_root(doc), "message"));
    struct str code = jv_number_text(jv_getz(jdoc_root(doc), "code"));

    fprintf(out, " %.*s: %.*s\n", STR_ARG(code), STR_ARG(message));
}

void tail_print(const struct tail_style *style, const struct sse_event *e, FILE *out)
{
    AUTO(jdoc_freep) struct jdoc *doc = NULL;
    struct str type = buf_view(&e->type);

    if (style->json) {
        print_json(e, out);
        return;
    }
    print_head(style, e, out, str_eqz(type, "error") ? RED : BOLD);
    if (jdoc_parse(buf_view(&e->data), NULL, &doc, NULL) != E_OK)
        fprintf(out, " %.*s\n", STR_ARG(buf_view(&e->data)));
    else if (str_eqz(type, "patch"))
        print_patch(style, doc, out);
    else if (str_eqz(type, "error"))
        print_error(doc, out);
    else
        print_snapshot(style, doc, out);
}
