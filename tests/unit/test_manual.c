/*
 * The manual is complete: what the tables of the program hold is in docs/, with the values that are in force.
 */
#include "unit.h"

#include <fcntl.h>

#include "api/api.h"
#include "base/count.h"
#include "base/trace.h"
#include "core/attr.h"
#include "core/conf.h"
#include "core/feed_conf.h"
#include "core/topic_conf.h"
#include "publisher/http_param.h"
#include "publisher/pub_feed_conf.h"
#include "publisher/pub_http_conf.h"
#include "subscriber/sub_sse.h"
#include "subscriber/sub_webhook_conf.h"

#define PAGE_MAX ((size_t)1 << 20)

struct page {
    const char *name;
    struct buf text;
    struct buf missing; /* what the page lacks, a line each */
};

static void page_open(struct page *p, const char *name)
{
    const char *dir = getenv("POLLCAST_DOCS");

    assert_non_null(dir);
    AUTO_FREE char *path = xasprintf("%s/%s", dir, name);
    FILE *f = fopen(path, "re");
    if (!f)
        fail_msg("%s cannot be read", path);
    *p = (struct page){.name = name, .text = BUF_INIT_MAX(PAGE_MAX), .missing = BUF_INIT};
    assert_int_equal(buf_reserve(&p->text, PAGE_MAX / 2), E_OK);
    p->text.len = fread(p->text.p, 1, PAGE_MAX / 2, f);
    fclose(f);
    assert_true(p->text.len > 0 && p->text.len < PAGE_MAX / 2);
}

/* Only this part of it, up to the next heading of its level, from now on. */
static void page_narrow(struct page *p, const char *heading)
{
    AUTO_FREE char *line = xasprintf("\n%s\n", heading);
    const char *begin = memmem(p->text.p, p->text.len, line, strlen(line));

    if (!begin)
        fail_msg("%s lacks the heading %s", p->name, heading);
    buf_consume(&p->text, (size_t)(begin + 1 - p->text.p));
    const char *end = memmem(p->text.p, p->text.len, "\n## ", strlen("\n## "));
    if (end)
        p->text.len = (size_t)(end - p->text.p);
}

static void page_close(struct page *p)
{
    AUTO_FREE char *missing = p->missing.len ? str_dup(buf_view(&p->missing)) : NULL;

    buf_done(&p->text);
    buf_done(&p->missing);
    if (missing)
        fail_msg("%s lacks:\n%s", p->name, missing);
}

/* The row of a table whose first cell is this; p NULL: none. */
static struct str page_row(const struct page *p, const char *cell)
{
    AUTO_FREE char *begin = xasprintf("| %s |", cell);
    struct str rest = buf_view(&p->text);

    while (rest.p) {
        struct str line = str_split(&rest, '\n');

        if (str_starts(line, str_of(begin)))
            return line;
    }
    return STR_NONE;
}

static bool has(struct str line, struct str part)
{
    return part.n == 0 || memmem(line.p, line.n, part.p, part.n);
}

static void lacks(struct page *p, const char *cell, struct str what)
{
    buf_printf(&p->missing, "  %s: %.*s\n", cell, STR_ARG(what));
}

/* The row for cell must be there and hold all parts (up to NULL). */
static void must_tell(struct page *p, const char *cell, const char *const *parts)
{
    struct str line = page_row(p, cell);

    if (!line.p) {
        lacks(p, cell, STR("the row"));
        return;
    }
    for (; *parts; parts++) {
        if (!has(line, str_of(*parts)))
            lacks(p, cell, str_of(*parts));
    }
}

static void settings(void **state)
{
    struct page p;

    (void)state;
    page_open(&p, "settings.md");
    assert_true(conf_row_count > 0);
    for (size_t i = 0; i < conf_row_count; i++) {
        const struct settings_row *row = &conf_rows[i];
        AUTO_FREE char *cell = xasprintf("`%s`", row->name);
        AUTO_FREE char *value =
            row->value[0] ? xasprintf("| `%s` |", row->value) : xstrdup("| empty |");
        struct str names = str_of(row->range);

        must_tell(&p, cell, (const char *const[]){value, row->help, NULL});
        while (names.p) {
            AUTO_FREE char *name = str_dup(str_split(&names, '|'));
            must_tell(&p, cell, (const char *const[]){name, NULL});
        }
    }
    page_close(&p);
}

static void attributes_of(struct page *p, const char *prefix, const struct attr *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct attr *row = &rows[i];
        AUTO(buf_done) struct buf expected = BUF_INIT;
        AUTO_FREE char *cell = xasprintf("`%s%s`", prefix, row->name);
        AUTO_FREE char *preset = row->preset ? xasprintf("| `%s` |", row->preset) : xstrdup("");
        AUTO_FREE char *below =
            xasprintf("%s%s%s.", prefix, row->name, row->kind == ATTR_TYPED_LIST ? "[]" : "");

        attr_expected(row, &expected);
        must_tell(p, cell,
                  (const char *const[]){buf_cstr(&expected), preset,
                                        row->flags & ATTR_REQUIRED ? "| required |" : "", NULL});
        attributes_of(p, below, row->rows, row->row_count);
    }
}

static void attributes(void **state)
{
    struct page p;

    (void)state;
    page_open(&p, "topics.md");
    assert_true(topic_attr_count > 0);
    attributes_of(&p, "", topic_attrs, topic_attr_count);
    attributes_of(&p, "", http_conf_attrs, HTTP_CONF_ATTRS);
    attributes_of(&p, "computedQueryParameters.{name}.", http_param_attrs, HTTP_PARAM_ATTRS);
    page_close(&p);
    page_open(&p, "topics.md");
    page_narrow(&p, "## feed-poller");
    for (size_t i = 0; i < POLLED_CONF_ATTRS; i++) {
        struct attr row = polled_conf_attrs[i];

        row.row_count = 0; /* those of authorization are the http-poller's */
        attributes_of(&p, "", &row, 1);
    }
    page_close(&p);
    page_open(&p, "feeds.md");
    page_narrow(&p, "## Settings of a feed");
    attributes_of(&p, "", feed_attrs, feed_attr_count);
    page_close(&p);
    page_open(&p, "subscriptions.md");
    attributes_of(&p, "", sub_sse_sink.attrs, sub_sse_sink.attr_count);
    page_close(&p);
    /* Those of all subscriptions come first. */
    page_open(&p, "webhooks.md");
    attributes_of(&p, "", webhook_conf_attrs + sub_sse_sink.attr_count,
                  WEBHOOK_CONF_ATTRS - sub_sse_sink.attr_count);
    page_close(&p);
}

/* Subscriptions have the same calls for each kind: the manual has them once. */
static char *documented_path(const char *path)
{
    struct str rest = str_drop(str_of(path), strlen("/streams/subscribers/"));
    struct str kind = str_split(&rest, '/');

    if (!strstr(path, "/subscriptions"))
        return xstrdup(path);
    assert_true(kind.n > 0 && str_starts(str_of(path), STR("/streams/subscribers/")));
    return xasprintf("/streams/subscribers/{kind}/%.*s", STR_ARG(rest));
}

static void routes(void **state)
{
    struct page p;

    (void)state;
    page_open(&p, "api.md");
    assert_true(api_route_count > 0);
    for (size_t i = 0; i < api_route_count; i++) {
        const struct api_route *route = &api_routes[i];
        AUTO_FREE char *path = documented_path(route->path);
        AUTO_FREE char *cell = xasprintf("`%s %s`", http_method_name(route->method), path);
        struct str statuses = str_of(route->statuses);

        must_tell(&p, cell, (const char *const[]){NULL});
        while (statuses.p) {
            struct str status = str_split(&statuses, ' ');
            AUTO_FREE char *number = str_dup(str_drop(status, str_starts(status, STR("+"))));

            must_tell(&p, cell, (const char *const[]){number, NULL});
        }
    }
    page_close(&p);
}

static void codes(void **state)
{
    struct page p;

    (void)state;
    page_open(&p, "sse.md");
    for (int e = 0; e < ERR_COUNT; e++) {
        char cell[16];

        snprintf(cell, sizeof cell, "%d", err_row((enum err)e)->channel_code);
        if (err_row((enum err)e)->channel_code)
            must_tell(&p, cell, (const char *const[]){NULL});
    }
    page_close(&p);
}

static void metrics(void **state)
{
    AUTO(buf_done) struct buf shown = BUF_INIT;
    struct str rest;
    struct page p;
    size_t count = 0;

    (void)state;
    page_open(&p, "operations.md");
    count_write_metrics(&shown);
    rest = buf_view(&shown);
    while (rest.p) {
        struct str line = str_split(&rest, '\n');

        if (!str_starts(line, STR("# HELP ")))
            continue;
        line = str_drop(line, 7);
        AUTO_FREE char *name = str_dup(str_split(&line, ' '));
        AUTO_FREE char *cell = xasprintf("`%s`", name);
        AUTO_FREE char *text = str_dup(line);
        must_tell(&p, cell, (const char *const[]){text, NULL});
        count++;
    }
    assert_true(count > 0);
    page_close(&p);
}

static void trace_areas(void **state)
{
    struct page p;

    (void)state;
    page_open(&p, "operations.md");
    for (unsigned i = 0; i < TRACE_COUNT; i++) {
        AUTO_FREE char *cell = xasprintf("`%s`", trace_area_name((enum trace_area)i));

        must_tell(&p, cell, (const char *const[]){trace_area_text((enum trace_area)i), NULL});
    }
    page_close(&p);
}

int main(void)
{
    return RUN_TESTS(settings, attributes, routes, codes, metrics, trace_areas);
}
