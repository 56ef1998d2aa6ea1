#include "publisher/polled_batch.h"

#include "core/limits.h"

/* ---- reading ---- */

static enum err bad(struct errinfo *ei, const char *where, const char *expected, const jval *found)
{
    enum jtype type = jv_type(found);

    return err_set(ei, E_POLL_FORMAT, "the batch is not as documented: %s: expected %s, found %s",
                   where, expected, type == JT_NONE ? "nothing" : jtype_name(type));
}

/* Ids are remembered, and those of batches stand in URLs. */
static enum err read_id(const jval *v, const char *where, struct str *ret, struct errinfo *ei)
{
    struct str id = jv_str(v);

    if (!id.p)
        return bad(ei, where, "a string", v);
    if (id.n == 0 || id.n > LIMIT_POLLED_ID)
        return err_set(ei, E_POLL_FORMAT,
                       "the batch is not as documented: %s: expected 1 to %d bytes, found %zu",
                       where, LIMIT_POLLED_ID, id.n);
    for (size_t i = 0; i < id.n; i++) {
        if ((unsigned char)id.p[i] < ' ')
            return bad(ei, where, "a string without control characters", v);
    }
    *ret = id;
    return E_OK;
}

/* A segment "." or ".." would lead out of the feed. */
static enum err read_batch_id(const jval *v, struct str *ret, struct errinfo *ei)
{
    enum err err = read_id(v, "/batchId", ret, ei);

    if (err == E_OK && (str_eqz(*ret, ".") || str_eqz(*ret, "..")))
        return err_set(ei, E_POLL_FORMAT,
                       "the batch is not as documented: /batchId: \"%.*s\" cannot stand in a URL",
                       STR_ARG(*ret));
    return err;
}

static enum err check_notification(const jval *v, size_t i, struct errinfo *ei)
{
    char where[64];
    struct str id;

    snprintf(where, sizeof where, "/notifications/%zu", i);
    if (jv_type(v) != JT_OBJECT)
        return bad(ei, where, "an object", v);
    snprintf(where, sizeof where, "/notifications/%zu/id", i);
    return read_id(jv_getz(v, "id"), where, &id, ei);
}

static enum err check_notifications(const jval *list, struct errinfo *ei)
{
    enum err err = E_OK;

    if (jv_type(list) != JT_ARRAY)
        return bad(ei, "/notifications", "an array", list);
    if (jv_count(list) > LIMIT_POLLED_BATCH)
        return err_set(
            ei, E_POLL_FORMAT,
            "the batch is not as documented: /notifications: expected at most %d, found %zu",
            LIMIT_POLLED_BATCH, jv_count(list));
    for (struct jiter it = jiter_of(list); err == E_OK && jiter_next(&it);)
        err = check_notification(it.value, it.index, ei);
    return err;
}

enum err polled_batch_read(const jval *root, struct polled_batch *ret, struct errinfo *ei)
{
    struct polled_batch b = {0};

    if (jv_type(root) != JT_OBJECT)
        return bad(ei, "the whole", "an object", root);
    enum err err = read_batch_id(jv_getz(root, "batchId"), &b.id, ei);
    if (err != E_OK)
        return err;
    b.notifications = jv_getz(root, "notifications");
    err = check_notifications(b.notifications, ei);
    if (err != E_OK)
        return err;
    const jval *more = jv_getz(root, "moreAvailable");
    if (jv_type(more) != JT_BOOL && jv_type(more) != JT_NONE)
        return bad(ei, "/moreAvailable", "true or false", more);
    b.count = jv_count(b.notifications);
    b.more = jv_bool(more);
    (void)jv_i64(jv_getz(jv_getz(root, "gap"), "dropped"), &b.dropped);
    *ret = b;
    return E_OK;
}

/* ---- URLs ---- */

static void put_segment(struct buf *b, struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                     strchr("-._~", c);

        if (c && plain)
            buf_putc(b, s.p[i]);
        else
            buf_printf(b, "%%%02X", c);
    }
}

/* The path of the feed, and what follows it. */
static struct str cut_path(struct str feed, struct str *ret_query)
{
    feed.n = str_find(feed, '#');
    size_t path = str_find(feed, '?');

    *ret_query = str_drop(feed, path);
    feed.n = path;
    while (str_ends(feed, STR("/")))
        feed.n--;
    return feed;
}

void polled_url_next(struct str feed, struct buf *b)
{
    struct str query;

    buf_str(b, cut_path(feed, &query));
    buf_puts(b, "/next");
    buf_str(b, query);
}

void polled_url_complete(struct str feed, struct str batch, struct buf *b)
{
    struct str query;

    buf_str(b, cut_path(feed, &query));
    buf_putc(b, '/');
    put_segment(b, batch);
    buf_puts(b, "/complete");
    buf_str(b, query);
}
