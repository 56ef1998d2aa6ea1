#include "unit.h"

#include "core/limits.h"
#include "core/trial_record.h"

static bool ends_in_key(struct str name)
{
    return str_ends(name, STR("-Key"));
}

/* What was written down, parsed; borrowed from *doc. */
static const jval *show(const struct trial_record *rec, struct buf *text, struct jdoc **doc)
{
    struct jwriter w = jw_begin(text);

    jw_object(&w);
    trial_record_write(rec, &w);
    jw_object_end(&w);
    assert_int_equal(jw_end(&w), E_OK);
    assert_int_equal(jdoc_parse(buf_view(text), NULL, doc, NULL), E_OK);
    return jdoc_root(*doc);
}

static struct str text_at(const jval *object, const char *name)
{
    return jv_str(jv_getz(object, name));
}

static int64_t number_at(const jval *object, const char *name)
{
    int64_t v;

    assert_true(jv_i64(jv_getz(object, name), &v));
    return v;
}

/* One request that was sent so and answered so, as it is shown. */
static const jval *record_one(struct trial_record *rec, const char *sent, struct fetch_result *res,
                              const char *error, struct buf *text, struct jdoc **doc)
{
    struct fetch_hops hops = {.count = sent ? 1 : 0};

    if (sent) {
        hops.items[0] = (struct fetch_hop){.url = xstrdup("http://h/p?q=1"), .sent = BUF_INIT};
        buf_puts(&hops.items[0].sent, sent);
    }
    const struct trial_answer a = {
        .page = 1, .attempt = 1, .hops = &hops, .res = res, .error = error};
    trial_record_answer(rec, &a);
    fetch_hops_clear(&hops);
    return jv_at(jv_getz(show(rec, text, doc), "requests"), 0);
}

static void exchange(void **state)
{
    AUTO(trial_record_done) struct trial_record rec = {.mask.is_secret = ends_in_key};
    AUTO(buf_done) struct buf text = BUF_INIT;
    AUTO(jdoc_freep) struct jdoc *doc = NULL;
    struct fetch_result res = {
        .status = 200,
        .head =
            STR("HTTP/1.1 200 OK\r\nLink: <a>; rel=next\r\nX-A: \xff\r\nlink: <b>\r\nno colon\r\n"),
        .body = STR("{}"),
        .total_us = 1500,
    };

    (void)state;
    const jval *q = record_one(&rec, "GET /p?q=1 HTTP/1.1\r\nHost: h\r\nX-Key: k\r\n\r\n", &res,
                               NULL, &text, &doc);
    assert_str(text_at(q, "url"), "http://h/p?q=1");
    assert_str(text_at(jv_getz(q, "headers"), "Host"), "h");
    assert_str(text_at(jv_getz(q, "headers"), "X-Key"), SECRET_MASK);
    assert_int_equal(jv_count(jv_getz(q, "headers")), 2);
    assert_int_equal(number_at(q, "status"), 200);
    assert_str(text_at(q, "httpVersion"), "1.1");
    /* One name, whatever its case, with all values; and text of a source is made UTF-8. */
    assert_str(text_at(jv_getz(q, "responseHeaders"), "Link"), "<a>; rel=next, <b>");
    assert_str(text_at(jv_getz(q, "responseHeaders"), "X-A"), "\xef\xbf\xbd");
    assert_int_equal(jv_count(jv_getz(q, "responseHeaders")), 2);
    assert_int_equal(jv_type(jv_getz(q, "error")), JT_NULL);
    assert_int_equal(jv_type(jv_getz(q, "excerpt")), JT_NONE);
    assert_str(jv_number_text(jv_getz(jv_getz(q, "timing"), "totalMs")), "1.5");
}

static void masked_everywhere(void **state)
{
    AUTO(trial_record_done) struct trial_record rec = {.mask.is_secret = ends_in_key};
    AUTO(buf_done) struct buf text = BUF_INIT;
    AUTO(jdoc_freep) struct jdoc *doc = NULL;
    struct fetch_result res = {
        .status = 403,
        .head = STR("HTTP/1.1 403 Forbidden\r\nX-Echo: got sesame and tok.en\r\n"),
        .body = STR("sesame is no key, tok.en no token, open sesame!, abc"),
    };

    (void)state;
    trial_record_hide(&rec, STR("abc")); /* too short to be looked for */
    trial_record_hide(&rec, STR("open sesame!"));
    const jval *q =
        record_one(&rec, "GET / HTTP/1.1\r\nX-Key: sesame\r\nauthorization: Bearer tok.en\r\n\r\n",
                   &res, "refused: sesame", &text, &doc);
    assert_str(text_at(q, "excerpt"),
               SECRET_MASK " is no key, " SECRET_MASK " no token, " SECRET_MASK ", abc");
    assert_str(text_at(q, "error"), "refused: " SECRET_MASK);
    assert_str(text_at(jv_getz(q, "responseHeaders"), "X-Echo"),
               "got " SECRET_MASK " and " SECRET_MASK);
    assert_str(text_at(jv_getz(q, "headers"), "authorization"), SECRET_MASK);
    assert_null(memmem(text.p, text.len, "sesame", 6));
    assert_null(memmem(text.p, text.len, "tok.en", 6));
}

static void secrets_of_settings(void **state)
{
    static const struct attr inner[] = {
        {.name = "password", .kind = ATTR_STRING, .flags = ATTR_SECRET}};
    static const struct attr rows[] = {
        {.name = "headers", .kind = ATTR_STRING_MAP, .is_secret = ends_in_key},
        {.name = "auth", .kind = ATTR_OBJECT, .rows = inner, .row_count = 1},
        {.name = "open", .kind = ATTR_STRING},
    };
    AUTO(trial_record_done) struct trial_record rec = {0};
    AUTO(jdoc_freep) struct jdoc *settings = NULL;
    AUTO(jdoc_freep) struct jdoc *doc = NULL;
    AUTO(buf_done) struct buf text = BUF_INIT;
    struct fetch_result res = {.status = 500,
                               .body = STR("keyval passval openval otherval ${env:A} resolved")};

    (void)state;
    assert_int_equal(jdoc_parse(STR("{\"headers\":{\"A-Key\":\"keyval\",\"B\":\"otherval\","
                                    "\"C\":\"pre-${env:A}\"},\"auth\":{\"password\":\"passval\"},"
                                    "\"open\":\"openval\"}"),
                                NULL, &settings, NULL),
                     E_OK);
    trial_record_hide_all(&rec, rows, ARRAY_LEN(rows), jdoc_root(settings));
    const jval *q = record_one(&rec, "GET / HTTP/1.1\r\nB: otherval\r\nc: resolved\r\n\r\n", &res,
                               "error", &text, &doc);
    /* A reference is no secret; what it stands for is, under whatever name it is sent. */
    assert_str(text_at(q, "excerpt"),
               SECRET_MASK " " SECRET_MASK " openval otherval ${env:A} " SECRET_MASK);
    assert_str(text_at(jv_getz(q, "headers"), "B"), "otherval");
    assert_str(text_at(jv_getz(q, "headers"), "c"), SECRET_MASK);
}

static void redirects(void **state)
{
    AUTO(trial_record_done) struct trial_record rec = {0};
    AUTO(buf_done) struct buf text = BUF_INIT;
    AUTO(jdoc_freep) struct jdoc *doc = NULL;
    struct fetch_result res = {.status = 200, .head = STR("HTTP/1.1 200 OK\r\n"), .redirects = 1};
    struct fetch_hops hops = {.count = 2};

    (void)state;
    hops.items[0] = (struct fetch_hop){.url = xstrdup("http://a/"), .status = 307};
    hops.items[1] = (struct fetch_hop){.url = xstrdup("http://b/")};
    buf_puts(&hops.items[1].sent, "GET / HTTP/1.1\r\nHost: b\r\n\r\n");
    trial_record_answer(
        &rec, &(struct trial_answer){.page = 1, .attempt = 1, .hops = &hops, .res = &res});
    fetch_hops_clear(&hops);
    const jval *q = jv_at(jv_getz(show(&rec, &text, &doc), "requests"), 0);
    const jval *hop = jv_at(jv_getz(q, "redirects"), 0);
    assert_str(text_at(q, "url"), "http://a/");
    assert_int_equal(jv_count(jv_getz(q, "redirects")), 1);
    assert_int_equal(number_at(hop, "status"), 307);
    assert_str(text_at(hop, "url"), "http://b/");
    assert_str(text_at(jv_getz(hop, "headers"), "Host"), "b");
}

static void bounded(void **state)
{
    AUTO(trial_record_done) struct trial_record rec = {0};
    AUTO(buf_done) struct buf text = BUF_INIT, body = BUF_INIT, head = BUF_INIT;
    AUTO(jdoc_freep) struct jdoc *doc = NULL;
    const size_t count = LIMIT_TRIAL_ENTRIES + 37;

    (void)state;
    while (body.len < 3 * LIMIT_TRIAL_EXCERPT)
        buf_puts(&body, "€");
    buf_puts(&head, "HTTP/1.1 500 No\r\n");
    for (int i = 0; i < 2 * LIMIT_SHOWN_FIELDS; i++)
        buf_printf(&head, "X-%d: 1\r\n", i);
    struct fetch_result res = {.status = 500, .head = buf_view(&head), .body = buf_view(&body)};
    for (size_t i = 1; i <= count; i++) {
        const struct fetch_hops none = {.count = 0};
        trial_record_answer(&rec, &(struct trial_answer){.page = i, .hops = &none, .res = &res});
    }
    const jval *root = show(&rec, &text, &doc);
    const jval *list = jv_getz(root, "requests");
    assert_int_equal(jv_count(list), LIMIT_TRIAL_ENTRIES);
    assert_int_equal(number_at(root, "requestsLeftOut"), 37);
    /* The first and the last ones, in order. */
    for (size_t i = 0; i < LIMIT_TRIAL_ENTRIES; i++) {
        size_t page = i < LIMIT_TRIAL_ENTRIES / 2 ? i + 1 : i + 38;
        assert_int_equal(number_at(jv_at(list, i), "page"), page);
    }
    struct str excerpt = text_at(jv_at(list, 0), "excerpt");
    assert_in_range(excerpt.n, LIMIT_TRIAL_EXCERPT, LIMIT_TRIAL_EXCERPT + 2);
    assert_true(str_is_utf8(excerpt) && str_ends(excerpt, STR("€")));
    assert_int_equal(jv_count(jv_getz(jv_at(list, 0), "responseHeaders")), LIMIT_SHOWN_FIELDS);
}

/* Only what happened while the trial waited is its own. */
static void tokens(void **state)
{
    AUTO(trial_record_done) struct trial_record rec = {0};
    AUTO(buf_done) struct buf text = BUF_INIT;
    AUTO(jdoc_freep) struct jdoc *doc = NULL;
    struct token_exchange x = {0};
    struct trial_token t = {.provider = STR("http://p/token"), .asked_at = 1000, .exchange = &x};

    (void)state;
    trial_record_token(&rec, &t);
    x = (struct token_exchange){.status = 200, .started = 100, .ended = 999};
    trial_record_token(&rec, &t);
    x = (struct token_exchange){.status = 401, .started = 900, .ended = 2900, .bytes = 7};
    t.error = "no";
    trial_record_token(&rec, &t);
    const jval *list = jv_getz(show(&rec, &text, &doc), "requests");
    assert_int_equal(jv_count(list), 1);
    assert_str(text_at(jv_at(list, 0), "kind"), "token");
    assert_str(text_at(jv_at(list, 0), "method"), "POST");
    assert_str(text_at(jv_at(list, 0), "url"), "http://p/token");
    assert_int_equal(number_at(jv_at(list, 0), "status"), 401);
    assert_int_equal(number_at(jv_getz(jv_at(list, 0), "timing"), "totalMs"), 2);
    assert_str(text_at(jv_at(list, 0), "error"), "no");
}

static void pages(void **state)
{
    AUTO(trial_record_done) struct trial_record rec = {0};
    AUTO(buf_done) struct buf text = BUF_INIT;
    AUTO(jdoc_freep) struct jdoc *value = NULL;
    AUTO(jdoc_freep) struct jdoc *doc = NULL;
    struct fetch_result res = {.status = 200, .url = STR("http://h/"), .body = STR("<html>")};

    (void)state;
    assert_int_equal(jdoc_parse(STR("[1,2,3]"), NULL, &value, NULL), E_OK);
    trial_record_page(&rec, &(struct trial_page){.number = 1,
                                                 .res = &res,
                                                 .value = jdoc_root(value),
                                                 .bytes = 7,
                                                 .next = STR("http://h/2")});
    trial_record_page(&rec, &(struct trial_page){.number = 2, .res = &res, .error = "no JSON"});
    trial_record_page(&rec, &(struct trial_page){.number = 3, .res = &res});
    const jval *list = jv_getz(show(&rec, &text, &doc), "pages");
    assert_int_equal(number_at(jv_at(list, 0), "items"), 3);
    assert_int_equal(number_at(jv_at(list, 0), "bytes"), 7);
    assert_str(text_at(jv_at(list, 0), "next"), "http://h/2");
    assert_int_equal(jv_type(jv_getz(jv_at(list, 0), "excerpt")), JT_NONE);
    assert_str(text_at(jv_at(list, 1), "error"), "no JSON");
    assert_str(text_at(jv_at(list, 1), "excerpt"), "<html>");
    assert_int_equal(jv_type(jv_getz(jv_at(list, 1), "type")), JT_NONE);
    assert_true(jv_bool(jv_getz(jv_at(list, 2), "notModified")));
}

int main(void)
{
    return RUN_TESTS(exchange, masked_everywhere, secrets_of_settings, redirects, bounded, tokens,
                     pages);
}
