#include "cli/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#define MAX_LINES 40

struct terminal terminal_make(void)
{
    struct terminal t = {.out = stdout};
    struct winsize size;

    if (!isatty(STDOUT_FILENO))
        return t;
    t.color = !getenv("NO_COLOR");
    t.max_lines = MAX_LINES;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20)
        t.max_columns = size.ws_col - 1u;
    return t;
}

void terminal_paint(const struct terminal *t, const char *color, struct str text)
{
    if (t->color)
        fprintf(t->out, "\033[%sm%.*s\033[0m", color, STR_ARG(text));
    else
        fprintf(t->out, "%.*s", STR_ARG(text));
}

struct str terminal_cut(struct str s, size_t columns, bool *ret_cut)
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

void terminal_document(const struct terminal *t, const jval *v, const char *hint)
{
    AUTO(buf_done) struct buf b = BUF_INIT;
    size_t lines = 0;

    if (jv_write_pretty(v, &b) != E_OK)
        return;
    struct str rest = str_trim(buf_view(&b));
    while (rest.p && (t->max_lines == 0 || lines < t->max_lines)) {
        bool was_cut;
        struct str line = terminal_cut(str_split(&rest, '\n'), t->max_columns, &was_cut);

        fprintf(t->out, "%.*s%s\n", STR_ARG(line), was_cut ? "…" : "");
        lines++;
    }
    for (lines = 0; rest.p; lines++)
        (void)str_split(&rest, '\n');
    if (lines)
        fprintf(t->out, "… %zu more lines (%s)\n", lines, hint);
}

/* What, where, and with which value; that one is cut. */
static void print_line(const struct terminal *t, struct str name, const char *color,
                       struct str place, const jval *v)
{
    AUTO(buf_done) struct buf value = BUF_INIT;
    size_t used = 12 + place.n, columns = t->max_columns;
    bool was_cut;

    fputs("  ", t->out);
    terminal_paint(t, color, name);
    fprintf(t->out, "%*s%.*s", (int)(name.n < 8 ? 8 - name.n : 1), "", STR_ARG(place));
    if (v && jv_write(v, &value) == E_OK) {
        struct str text = terminal_cut(buf_view(&value),
                                       columns && columns > used + 8 ? columns - used
                                       : columns                     ? 8
                                                                     : 0,
                                       &was_cut);
        fprintf(t->out, " %.*s%s", STR_ARG(text), was_cut ? "…" : "");
    }
    fputc('\n', t->out);
}

static void print_operation(const struct terminal *t, const jval *op)
{
    struct str name = jv_str(jv_getz(op, "op"));
    const char *color = str_eqz(name, "add")      ? TERMINAL_GREEN
                        : str_eqz(name, "remove") ? TERMINAL_RED
                                                  : TERMINAL_YELLOW;

    print_line(t, name, color, jv_str(jv_getz(op, "path")), jv_getz(op, "value"));
}

static void print_change(const struct terminal *t, const jval *item)
{
    AUTO(buf_done) struct buf place = BUF_INIT;
    struct str name = jv_str(jv_getz(item, "op")), pointer = jv_str(jv_getz(item, "pointer"));
    const jval *key = jv_getz(item, "key"), *patch = jv_getz(item, "patch");
    const jval *after = jv_getz(item, "after");
    const char *color = str_eqz(name, "created")   ? TERMINAL_GREEN
                        : str_eqz(name, "deleted") ? TERMINAL_RED
                                                   : TERMINAL_YELLOW;

    buf_str(&place, pointer);
    if (key) {
        buf_puts(&place, pointer.n ? " " : "");
        if (jv_write(key, &place) != E_OK)
            return;
    }
    print_line(t, name, color, buf_view(&place),
               patch   ? patch
               : after ? after
                       : jv_getz(item, "before"));
}

void terminal_changes(const struct terminal *t, const jval *items)
{
    struct jiter it = jiter_of(items);

    while (jiter_next(&it))
        print_change(t, it.value);
}

void terminal_patch(const struct terminal *t, const jval *patch, const char *hint)
{
    struct jiter it = jiter_of(patch);
    size_t count = jv_count(patch), shown = hint && t->max_lines ? t->max_lines : count;

    while (jiter_next(&it) && it.index < shown)
        print_operation(t, it.value);
    if (count > shown)
        fprintf(t->out, "… %zu more operations (%s)\n", count - shown, hint);
}
