#include "cli/feed_print.h"

#include "cli/command.h"

#define WHEN_LEN 23 /* to the millisecond; it is in UTC */

/* As it stands in JSON without the quotes: whatever is in it, it stays on its line. */
static void put_plain(struct buf *b, struct str s)
{
    AUTO(buf_done) struct buf quoted = BUF_INIT;

    buf_json_str(&quoted, s);
    buf_append(b, quoted.p + 1, quoted.len - 2);
}

static void print_cut(const struct terminal *t, const struct buf *line)
{
    bool was_cut;
    struct str shown = terminal_cut(buf_view(line), t->max_columns, &was_cut);

    fprintf(t->out, "%.*s%s\n", STR_ARG(shown), was_cut ? "…" : "");
}

static void print_notification(const struct terminal *t, const jval *n)
{
    AUTO(buf_done) struct buf line = BUF_INIT;
    struct str when = jv_str(jv_getz(n, "when"));
    const jval *payload = jv_getz(n, "payload");

    put_plain(&line, str_make(when.p, MIN(when.n, (size_t)WHEN_LEN)));
    buf_putc(&line, ' ');
    put_plain(&line, jv_str(jv_getz(n, "eventType")));
    buf_putc(&line, ' ');
    if (payload && jv_write(payload, &line) != E_OK)
        buf_puts(&line, "…");
    print_cut(t, &line);
}

void feed_print_batch(const struct terminal *t, const jval *batch)
{
    AUTO(buf_done) struct buf id = BUF_INIT;
    struct jiter it = jiter_of(jv_getz(batch, "notifications"));

    put_plain(&id, jv_str(jv_getz(batch, "batchId")));
    terminal_paint(t, TERMINAL_BOLD, buf_view(&id));
    fputc('\n', t->out);
    while (jiter_next(&it))
        print_notification(t, it.value);
}

void feed_print_gap(const jval *batch)
{
    const jval *gap = jv_getz(batch, "gap");
    struct str dropped = jv_number_text(jv_getz(gap, "dropped"));
    struct str from = jv_str(jv_getz(gap, "from")), to = jv_str(jv_getz(gap, "to"));

    if (gap)
        command_fail("before this batch %.*s notifications of %.*s to %.*s were dropped: nobody "
                     "polled for the feed's retention",
                     STR_ARG(dropped), STR_ARG(from), STR_ARG(to));
}

static void print_row(const struct terminal *t, const char *consumer, const char *queued,
                      const char *oldest, const char *lag, const char *batch)
{
    AUTO(buf_done) struct buf line = BUF_INIT;

    buf_printf(&line, "%-24s %9s  %-23s  %-16s %s", consumer, queued, oldest, lag, batch);
    print_cut(t, &(struct buf){.p = line.p, .len = str_trim(buf_view(&line)).n});
}

void feed_print_stats_head(const struct terminal *t)
{
    print_row(t, "CONSUMER", "QUEUED", "OLDEST", "LAG", "OPEN BATCH");
}

void feed_print_stats(const struct terminal *t, const jval *stats)
{
    const jval *batch = jv_getz(stats, "batch");
    struct str consumer = jv_str(jv_getz(stats, "consumer")),
               oldest = jv_str(jv_getz(stats, "oldest"));
    struct str id = jv_str(jv_getz(batch, "batchId"));
    struct str notifications = jv_number_text(jv_getz(batch, "notifications"));
    AUTO_FREE char *name = consumer.p ? str_dup(consumer) : xstrdup("(the feed's own)");
    AUTO_FREE char *queued = str_dup(jv_number_text(jv_getz(stats, "queued")));
    AUTO_FREE char *when = str_dup(str_make(oldest.p, MIN(oldest.n, (size_t)WHEN_LEN)));
    AUTO_FREE char *lag = str_dup(jv_str(jv_getz(stats, "lag")));
    AUTO_FREE char *open =
        xasprintf("%.*s, %.*s notification%s", STR_ARG(id), STR_ARG(notifications),
                  str_eqz(notifications, "1") ? "" : "s");

    print_row(t, name, queued, when, lag, batch ? open : "");
}
