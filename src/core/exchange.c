#include "core/exchange.h"

#include "base/clock.h"
#include "base/duration.h"
#include "base/list.h"
#include "core/limits.h"

#define AGE_US (LIMIT_EXCHANGE_AGE_S * US_PER_S)

struct exchange_book {
    struct list all; /* of struct entry, the oldest first */
    size_t bytes;
};

struct exchange_log {
    struct exchange_book *book;
    struct list entries; /* the oldest first */
    size_t count, bytes;
};

struct exchange_base {
    unsigned refs;
    struct mask mask;
    size_t bytes;
    char *url;
    char *head;
};

struct entry {
    struct list link, all; /* of its log, of the book */
    struct exchange_log *log;
    size_t bytes;
    struct exchange x; /* its texts are in text */
    char text[];
};

/* ---- life ---- */

struct exchange_book *exchange_book_new(void)
{
    struct exchange_book *book = xcalloc(1, sizeof *book);

    list_init(&book->all);
    return book;
}

void exchange_book_free(struct exchange_book *book)
{
    if (!book)
        return;
    CHECK(list_empty(&book->all));
    free(book);
}

struct exchange_log *exchange_log_new(struct exchange_book *book)
{
    struct exchange_log *log = xcalloc(1, sizeof *log);

    log->book = book;
    list_init(&log->entries);
    return log;
}

static void entry_free(struct entry *e)
{
    list_remove(&e->link);
    list_remove(&e->all);
    e->log->count--;
    e->log->bytes -= e->bytes;
    e->log->book->bytes -= e->bytes;
    exchange_base_unref(e->x.base);
    free(e);
}

static struct entry *first_of(const struct exchange_log *log)
{
    return LIST_ITEM(log->entries.next, struct entry, link);
}

void exchange_log_free(struct exchange_log *log)
{
    if (!log)
        return;
    while (!list_empty(&log->entries))
        entry_free(first_of(log));
    free(log);
}

struct exchange_base *exchange_base_new(struct mask *mask, struct str url, struct str head)
{
    struct exchange_base *base = xcalloc(1, sizeof *base);

    base->refs = 1;
    base->mask = *mask;
    *mask = (struct mask){0};
    base->url = str_dup(url);
    base->head = str_dup(head);
    base->bytes = sizeof *base + mask_size(&base->mask) + url.n + head.n;
    return base;
}

static struct exchange_base *base_ref(struct exchange_base *base)
{
    base->refs++;
    return base;
}

void exchange_base_unref(struct exchange_base *base)
{
    if (!base || --base->refs > 0)
        return;
    mask_done(&base->mask);
    free(base->url);
    free(base->head);
    free(base);
}

/* ---- keeping ---- */

/* What is too much, and what is too old on the whole loop. */
static void trim(struct exchange_log *log, int64_t now_wall)
{
    struct exchange_book *book = log->book;

    while (log->count > LIMIT_EXCHANGES || log->bytes > LIMIT_EXCHANGE_BYTES)
        entry_free(first_of(log));
    while (!list_empty(&book->all)) {
        struct entry *oldest = LIST_ITEM(book->all.next, struct entry, all);

        if (book->bytes <= LIMIT_LOOP_EXCHANGE_BYTES && oldest->x.began_wall >= now_wall - AGE_US)
            return;
        entry_free(oldest);
    }
}

/* A charge for what is shared, too: what the last exchanges keep alive is bounded, however they
 * share it. */
void exchange_add(struct exchange_log *log, const struct exchange *x)
{
    struct str error = str_of(x->error);
    size_t kept = mask_cut(&x->base->mask, x->body, LIMIT_EXCHANGE_BODY);
    struct str body = str_make(x->body.p, kept);
    size_t text = x->head.n + x->answer.n + body.n + error.n + 1;
    struct entry *e = xcalloc(1, sizeof *e + text);
    char *at = e->text;

    e->log = log;
    e->bytes = sizeof *e + text + x->base->bytes;
    e->x = *x;
    e->x.base = base_ref(x->base);
    e->x.head = str_put(&at, x->head);
    e->x.answer = str_put(&at, x->answer);
    e->x.body = str_put(&at, body);
    e->x.error = x->error ? str_put(&at, error).p : NULL;
    list_append(&log->entries, &e->link);
    list_append(&log->book->all, &e->all);
    log->count++;
    log->bytes += e->bytes;
    log->book->bytes += e->bytes;
    trim(log, clock_now_wall());
}

/* ---- showing ---- */

static void put(struct jwriter *w, const char *name, const char *text)
{
    jw_key(w, name);
    jw_strz(w, text);
}

static bool has_field(struct str head, struct str name)
{
    while (head.p) {
        struct str line = str_split(&head, '\n');
        if (str_case_eq(str_split(&line, ':'), name))
            return true;
    }
    return false;
}

/* Those of the base, but for what the request has another value of, and its own. */
static void put_head(const struct exchange *x, struct jwriter *w)
{
    AUTO(buf_done) struct buf head = BUF_INIT;
    struct str rest = str_of(x->base->head);

    buf_puts(&head, "POST\n");
    while (rest.n > 0) {
        struct str line = str_split(&rest, '\n');
        struct str value = line;
        if (has_field(x->head, str_split(&value, ':')))
            continue;
        buf_str(&head, line);
        buf_putc(&head, '\n');
    }
    buf_str(&head, x->head);
    mask_fields(&x->base->mask, buf_view(&head), w);
}

static void put_request(const struct exchange *x, struct jwriter *w)
{
    AUTO(buf_done) struct buf text = BUF_INIT;
    AUTO(buf_done) struct buf took = BUF_INIT;

    clock_format_wall(&text, x->began_wall);
    put(w, "requestDatetime", buf_cstr(&text));
    duration_format(&took, x->took_us);
    put(w, "requestDuration", buf_cstr(&took));
    jw_key(w, "requestRetryAttempts");
    jw_i64(w, x->attempt);
    /* It goes on until it succeeds. */
    jw_key(w, "requestRetryMaxAttempts");
    jw_null(w);
    jw_key(w, "requestUrl");
    mask_text(&x->base->mask, str_of(x->base->url), w);
    jw_key(w, "requestHeaders");
    put_head(x, w);
}

static void put_answer(const struct exchange *x, struct jwriter *w)
{
    AUTO_FREE char *size = xasprintf("%lluB", (unsigned long long)x->body_bytes);

    jw_key(w, "responseCode");
    jw_i64(w, x->status);
    jw_key(w, "responseHeaders");
    mask_fields(&x->base->mask, x->answer, w);
    jw_key(w, "responseBody");
    mask_text(&x->base->mask, x->body, w);
    put(w, "responseSize", size);
}

static void put_no_answer(struct jwriter *w)
{
    static const char *const names[] = {"responseCode", "responseHeaders", "responseBody",
                                        "responseSize"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        put(w, names[i], NULL);
}

static void put_exchange(const struct exchange *x, struct jwriter *w)
{
    put(w, "eventType", x->type);
    put_request(x, w);
    if (x->status)
        put_answer(x, w);
    else
        put_no_answer(w);
    jw_key(w, "errorMessage");
    if (x->error)
        mask_text(&x->base->mask, str_of(x->error), w);
    else
        jw_null(w);
}

void exchange_write(const struct exchange_log *log, const char *subscription_id,
                    const char *topic_id, int64_t from_wall, int64_t to_wall, struct jwriter *w)
{
    int64_t oldest = clock_now_wall() - AGE_US;

    LIST_EACH (n, &log->entries) {
        const struct exchange *x = &LIST_ITEM(n, struct entry, link)->x;
        if (x->began_wall < MAX(from_wall, oldest) || x->began_wall > to_wall)
            continue;
        jw_object(w);
        put(w, "subscriptionId", subscription_id);
        put(w, "pipelineId", topic_id);
        put_exchange(x, w);
        jw_object_end(w);
    }
}
