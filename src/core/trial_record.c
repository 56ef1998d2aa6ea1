#include "core/trial_record.h"

#include "core/limits.h"
#include "io/inflate.h"

/* Kept from the beginning; of the rest, as many from the end. */
#define HEAD (LIMIT_TRIAL_ENTRIES / 2)

/* ---- lists ---- */

static size_t place_of(size_t n)
{
    return n < HEAD ? n : HEAD + (n - HEAD) % (LIMIT_TRIAL_ENTRIES - HEAD);
}

/* An empty text for the next entry. */
static struct buf *list_add(struct trial_list *l)
{
    if (!l->entries)
        l->entries = xcalloc(LIMIT_TRIAL_ENTRIES, sizeof *l->entries);
    struct buf *b = &l->entries[place_of(l->count++)];
    buf_clear(b);
    return b;
}

static void list_done(struct trial_list *l)
{
    for (size_t i = 0; l->entries && i < LIMIT_TRIAL_ENTRIES; i++)
        buf_done(&l->entries[i]);
    free(l->entries);
}

static size_t left_out(const struct trial_list *l)
{
    return l->count > LIMIT_TRIAL_ENTRIES ? l->count - LIMIT_TRIAL_ENTRIES : 0;
}

static void list_write(const struct trial_list *l, struct jwriter *w)
{
    size_t n = 0;

    jw_array(w);
    for (; n < MIN(l->count, (size_t)HEAD); n++)
        jw_raw(w, buf_view(&l->entries[n]));
    for (n += left_out(l); n < l->count; n++)
        jw_raw(w, buf_view(&l->entries[place_of(n)]));
    jw_array_end(w);
}

void trial_record_done(struct trial_record *rec)
{
    list_done(&rec->requests);
    list_done(&rec->pages);
    mask_done(&rec->mask);
    *rec = (struct trial_record){0};
}

/* ---- masks ---- */

void trial_record_hide(struct trial_record *rec, struct str secret)
{
    mask_hide(&rec->mask, secret);
}

void trial_record_hide_all(struct trial_record *rec, const struct attr *rows, size_t count,
                           const jval *object)
{
    mask_hide_all(&rec->mask, rows, count, object);
}

void trial_record_text(const struct trial_record *rec, struct str text, struct jwriter *w)
{
    mask_text(&rec->mask, text, w);
}

/* ---- members ---- */

void trial_record_ms(struct jwriter *w, const char *name, int64_t us)
{
    jw_key(w, name);
    jw_double(w, (double)us / US_PER_MS);
}

static void put_i64(struct jwriter *w, const char *name, int64_t v)
{
    jw_key(w, name);
    jw_i64(w, v);
}

static void put_text(const struct trial_record *rec, struct jwriter *w, const char *name,
                     struct str text)
{
    jw_key(w, name);
    if (text.p)
        trial_record_text(rec, text, w);
    else
        jw_null(w);
}

static void put_fields(const struct trial_record *rec, struct jwriter *w, const char *name,
                       struct str head)
{
    jw_key(w, name);
    mask_fields(&rec->mask, head, w);
}

/* ---- bodies ---- */

/* The beginning of a body that cannot be used: it often says why. */
static void put_excerpt(const struct trial_record *rec, struct jwriter *w,
                        const struct fetch_result *res)
{
    AUTO(buf_done) struct buf plain = BUF_INIT_MAX(LIMIT_TRIAL_INFLATE);
    struct str coding = fetch_header(res, "Content-Encoding", 0);
    struct str body = res->body;
    bool ok;

    if (coding.n > 0) {
        if (inflate_body(coding, body, LIMIT_TRIAL_INFLATE, &plain, NULL) != E_OK)
            return;
        body = buf_view(&plain);
    }
    if (body.n == 0)
        return;
    struct str rest = body;
    while (rest.n > 0 && body.n - rest.n < LIMIT_TRIAL_EXCERPT)
        rest = str_drop(rest, str_utf8_step(rest, &ok));
    put_text(rec, w, "excerpt", str_make(body.p, body.n - rest.n));
}

/* ---- requests ---- */

struct timing {
    int64_t asked_at, started, connect_us, first_byte_us, total_us;
};

static void put_timing(const struct trial_record *rec, struct jwriter *w, const struct timing *t)
{
    jw_key(w, "timing");
    jw_object(w);
    trial_record_ms(w, "startMs", MAX(t->asked_at - rec->began, 0));
    trial_record_ms(w, "queueMs", MAX(t->started - t->asked_at, 0));
    trial_record_ms(w, "connectMs", t->connect_us);
    trial_record_ms(w, "firstByteMs", t->first_byte_us);
    trial_record_ms(w, "totalMs", t->total_us);
    jw_object_end(w);
}

/* "HTTP/1.1 200 OK" */
static void put_status(struct jwriter *w, int status, struct str head)
{
    struct str version = str_split(&head, ' ');

    jw_key(w, "status");
    if (!status) {
        jw_null(w);
        return;
    }
    jw_i64(w, status);
    if (str_starts(version, STR("HTTP/"))) {
        jw_key(w, "httpVersion");
        jw_str(w, str_drop(version, 5));
    }
}

static struct str sent_of(const struct fetch_hops *hops, size_t n)
{
    return n < hops->count ? buf_view(&hops->items[n].sent) : STR_NONE;
}

static void put_redirects(const struct trial_record *rec, struct jwriter *w,
                          const struct fetch_hops *hops)
{
    jw_key(w, "redirects");
    jw_array(w);
    for (size_t i = 1; i < hops->count; i++) {
        jw_object(w);
        put_i64(w, "status", hops->items[i - 1].status);
        put_text(rec, w, "url", str_of(hops->items[i].url));
        put_fields(rec, w, "headers", sent_of(hops, i));
        jw_object_end(w);
    }
    jw_array_end(w);
}

static bool is_success(int status)
{
    return status / 100 == 2 || status == 304;
}

void trial_record_answer(struct trial_record *rec, const struct trial_answer *a)
{
    const struct fetch_result *res = a->res;
    struct jwriter w = jw_begin(list_add(&rec->requests));

    for (size_t i = 0; i < a->hops->count; i++)
        mask_hide_sent(&rec->mask, sent_of(a->hops, i));
    jw_object(&w);
    jw_key(&w, "kind");
    jw_strz(&w, "poll");
    jw_key(&w, "method");
    jw_strz(&w, "GET");
    put_text(rec, &w, "url", a->hops->count ? str_of(a->hops->items[0].url) : res->url);
    put_i64(&w, "page", (int64_t)a->page);
    put_i64(&w, "attempt", a->attempt);
    put_fields(rec, &w, "headers", sent_of(a->hops, 0));
    put_status(&w, res->err == E_OK ? res->status : 0, res->head);
    put_fields(rec, &w, "responseHeaders", res->err == E_OK ? res->head : STR_NONE);
    put_timing(rec, &w,
               &(struct timing){a->asked_at, res->started, res->connect_us, res->first_byte_us,
                                res->total_us});
    put_i64(&w, "bytes", (int64_t)res->body.n);
    put_redirects(rec, &w, a->hops);
    put_text(rec, &w, "error", str_of(a->error));
    if (res->err == E_OK && !is_success(res->status))
        put_excerpt(rec, &w, res);
    jw_object_end(&w);
    CHECK(jw_end(&w) == E_OK);
}

void trial_record_token(struct trial_record *rec, const struct trial_token *t)
{
    const struct token_exchange *x = t->exchange;

    /* A token that was there already, or a provider that is left alone for a while. */
    if (x->ended == 0 || x->ended < t->asked_at)
        return;
    struct jwriter w = jw_begin(list_add(&rec->requests));
    jw_object(&w);
    jw_key(&w, "kind");
    jw_strz(&w, "token");
    jw_key(&w, "method");
    jw_strz(&w, "POST");
    put_text(rec, &w, "url", t->provider);
    put_status(&w, x->status, STR_NONE);
    put_timing(rec, &w,
               &(struct timing){t->asked_at, x->started, x->connect_us, x->first_byte_us,
                                x->ended - x->started});
    put_i64(&w, "bytes", (int64_t)x->bytes);
    put_text(rec, &w, "error", str_of(t->error));
    jw_object_end(&w);
    CHECK(jw_end(&w) == E_OK);
}

/* ---- pages ---- */

static void put_value(struct jwriter *w, const jval *value, size_t bytes)
{
    enum jtype type = jv_type(value);

    jw_key(w, "type");
    jw_strz(w, jtype_name(type));
    if (type == JT_ARRAY || type == JT_OBJECT)
        put_i64(w, type == JT_ARRAY ? "items" : "members", (int64_t)jv_count(value));
    put_i64(w, "bytes", (int64_t)bytes);
}

void trial_record_page(struct trial_record *rec, const struct trial_page *p)
{
    struct jwriter w = jw_begin(list_add(&rec->pages));

    jw_object(&w);
    put_i64(&w, "page", (int64_t)p->number);
    put_text(rec, &w, "url", p->res->url);
    if (p->value)
        put_value(&w, p->value, p->bytes);
    else if (!p->error) {
        jw_key(&w, "notModified");
        jw_bool(&w, true);
    }
    put_text(rec, &w, "next", p->next);
    put_text(rec, &w, "error", str_of(p->error));
    if (p->error && !p->value)
        put_excerpt(rec, &w, p->res);
    jw_object_end(&w);
    CHECK(jw_end(&w) == E_OK);
}

/* ---- the answer ---- */

void trial_record_write(const struct trial_record *rec, struct jwriter *w)
{
    jw_key(w, "requests");
    list_write(&rec->requests, w);
    put_i64(w, "requestsLeftOut", (int64_t)left_out(&rec->requests));
    jw_key(w, "pages");
    list_write(&rec->pages, w);
    put_i64(w, "pagesLeftOut", (int64_t)left_out(&rec->pages));
}
