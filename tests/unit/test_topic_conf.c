/*
 * Topics as users write them, from tests/cases/topics, and what is made of them.
 */
#include "topic_cases.h"

#include "base/clock.h"
#include "core/conf.h"
#include "core/processor.h"
#include "core/topic_conf.h"
#include "publisher/pub_http_conf.h"
#include "publisher/pub_post.h"

#define ID "11111111-2222-4333-8444-555555555555"
#define NOW (INT64_C(1700000000123456))

static const struct processor poller = {
    .type = "http-poller",
    .polls = true,
    .attrs = http_conf_attrs,
    .attr_count = HTTP_CONF_ATTRS,
    .config_new = http_conf_new,
    .config_free = http_conf_free,
    .change = http_conf_change,
    .gate = http_conf_gate,
};

static struct conf server;

static struct topic_conf *make(const char *json, const struct topic_conf *was, struct faults *f)
{
    struct jdoc *doc = NULL;

    assert_int_equal(jdoc_parse(str_of(json), NULL, &doc, NULL), E_OK);
    struct topic_conf *conf = topic_conf_new(jdoc_root(doc), STR_NONE, was, NOW, f);
    jdoc_free(doc);
    return conf;
}

/* A topic that must be fine. */
static struct topic_conf *made(const char *json)
{
    AUTO(faults_done) struct faults f;

    faults_init(&f);
    struct topic_conf *conf = make(json, NULL, &f);
    if (!conf)
        fail_msg("%s: %s", f.items[0].pointer, f.items[0].detail);
    return conf;
}

/* ---- cases ---- */

static struct jdoc *shown(const struct topic_conf *conf)
{
    AUTO(buf_done) struct buf text = BUF_INIT;
    struct jwriter w = jw_begin(&text);
    struct jdoc *doc = NULL;

    topic_conf_write(conf, &w);
    assert_int_equal(jw_end(&w), E_OK);
    assert_int_equal(jdoc_parse(buf_view(&text), NULL, &doc, NULL), E_OK);
    return doc;
}

static void check_shown(const char *what, const struct topic_conf *conf, const jval *expected)
{
    struct jdoc *doc = shown(conf);

    for (struct jiter it = jiter_of(expected); jiter_next(&it);) {
        AUTO(buf_done) struct buf text = BUF_INIT;
        const jval *member = jv_get(jdoc_root(doc), it.name);

        assert_int_equal(jv_write(member, &text), E_OK);
        if (!jv_equal(member, it.value))
            fail_msg("%s: %.*s is shown as %s", what, STR_ARG(it.name), buf_cstr(&text));
    }
    jdoc_free(doc);
}

static void check_says(const char *what, const struct fault *fault, const jval *words)
{
    assert_true(jv_count(words) > 0);
    for (struct jiter it = jiter_of(words); jiter_next(&it);) {
        AUTO_FREE char *word = str_dup(jv_str(it.value));

        if (!strstr(fault->detail, word))
            fail_msg("%s: \"%s\" does not say \"%s\"", what, fault->detail, word);
    }
}

/* The nth fault at a pointer; cases may name one twice. */
static const struct fault *find_fault(const struct faults *f, struct str pointer, size_t n)
{
    for (size_t i = 0; i < f->count; i++) {
        if (str_eqz(pointer, f->items[i].pointer) && n-- == 0)
            return &f->items[i];
    }
    return NULL;
}

static void check_faults(const char *what, const struct faults *f, const jval *expected)
{
    for (struct jiter it = jiter_of(expected); jiter_next(&it);) {
        struct str at = jv_str(jv_getz(it.value, "at"));
        size_t earlier = 0;

        for (struct jiter k = jiter_of(expected); jiter_next(&k) && k.index < it.index;)
            earlier += str_eq(jv_str(jv_getz(k.value, "at")), at);
        const struct fault *fault = find_fault(f, at, earlier);
        if (!fault)
            fail_msg("%s: no fault at %.*s", what, STR_ARG(at));
        assert_true(str_starts(str_of(fault->title), STR("Validation error: ")));
        check_says(what, fault, jv_getz(it.value, "says"));
    }
    for (size_t i = 0; i < f->count && f->count != jv_count(expected); i++)
        print_error("%s: %s\n", f->items[i].pointer, f->items[i].detail);
    if (f->count != jv_count(expected))
        fail_msg("%s: %zu faults instead of %zu", what, f->count, jv_count(expected));
}

static void check_hides(const char *what, const struct faults *f, const jval *words)
{
    for (struct jiter it = jiter_of(words); jiter_next(&it);) {
        AUTO_FREE char *word = str_dup(jv_str(it.value));

        for (size_t i = 0; i < f->count; i++) {
            if (strstr(f->items[i].detail, word))
                fail_msg("%s: \"%s\" tells \"%s\"", what, f->items[i].detail, word);
        }
    }
}

static void check_keeps(const struct topic_conf *conf, const jval *text)
{
    AUTO_FREE char *word = str_dup(jv_str(text));

    assert_true(memmem(conf->json->p, conf->json->len, word, strlen(word)) != NULL);
    assert_null(memmem(conf->json->p, conf->json->len, SECRET_MASK, strlen(SECRET_MASK)));
}

static void check_case(const jval *c)
{
    AUTO_FREE char *what = str_dup(jv_str(jv_getz(c, "what")));
    AUTO(faults_done) struct faults f;
    AUTO(topic_conf_unrefp) struct topic_conf *was = NULL;
    AUTO(topic_conf_unrefp) struct topic_conf *conf = NULL;

    faults_init(&f);
    if (jv_getz(c, "was")) {
        was = topic_conf_new(jv_getz(c, "was"), STR(ID), NULL, NOW, &f);
        assert_non_null(was);
    }
    conf = topic_conf_new(jv_getz(c, "topic"), STR_NONE, was, NOW, &f);
    check_faults(what, &f, jv_getz(c, "faults"));
    check_hides(what, &f, jv_getz(c, "hides"));
    assert_true((conf == NULL) == faults_any(&f));
    if (conf)
        check_shown(what, conf, jv_getz(c, "shown"));
    if (jv_getz(c, "keeps"))
        check_keeps(conf, jv_getz(c, "keeps"));
}

static void cases(void **state)
{
    (void)state;
    assert_true(each_case("topics", check_case) >= 100);
}

/* ---- what is made ---- */

static void defaults(void **state)
{
    AUTO(topic_conf_unrefp)
    struct topic_conf *conf = made("{\"name\":\"a\",\"publisher\":{\"type\":\"http-poller\","
                                   "\"config\":{\"url\":\"http://h/\"}}}");
    const struct http_conf *http = conf->config;

    (void)state;
    assert_true(uuid_is_valid(str_of(conf->id)));
    assert_string_equal(conf->name, "a");
    assert_ptr_equal(conf->processor, &poller);
    assert_int_equal(conf->payload, PAYLOAD_SNAPSHOT);
    assert_false(conf->always_on);
    assert_null(conf->change.array_key);
    assert_false(conf->change.allow_move);
    assert_int_equal(conf->deliveries[SUBSCRIBER_SSE].modes, MODE_BIT(MODE_SNAPSHOT_ONLY) |
                                                                 MODE_BIT(MODE_SNAPSHOT_PATCH) |
                                                                 MODE_BIT(MODE_CHANGES));
    assert_int_equal(conf->deliveries[SUBSCRIBER_SSE].preferred, MODE_SNAPSHOT_PATCH);
    assert_int_equal(conf->created_wall, NOW / US_PER_MS * US_PER_MS);
    assert_int_equal(conf->modified_wall, conf->created_wall);
    assert_string_equal(http->url, "http://h/");
    assert_int_equal(http->polling_period_us, 5 * US_PER_S);
    assert_null(http->payload_pointer);
    assert_int_equal(http->fields.headers.count, 0);
    assert_int_equal(http->retries.on_codes.count, 3);
    assert_int_equal(http->retries.on_codes.items[1], 503);
    assert_int_equal(http->retries.max_attempts, 3);
    assert_int_equal(http->retries.initial_us, US_PER_S);
    assert_int_equal(http->retries.max_us, 10 * US_PER_S);
    assert_true(http->retries.factor == 0.5);
}

#define RICH                                                                                       \
    "{\"name\":\"b\",\"publisher\":{\"type\":\"http-poller\",\"alwaysOn\":true,\"config\":{"       \
    "\"url\":\"https://h:1/x\",\"pollingPeriod\":\"PT2.5S\",\"payloadPointer\":\"/items\","        \
    "\"headers\":{\"A\":\"1\",\"B\":null,\"X-Key\":\"k\"},\"retryOnHttpCodes\":[429],"             \
    "\"retryMaxAttempts\":0,\"retryBackOffInitialDuration\":\"PT0S\","                             \
    "\"retryBackOffMaxDuration\":\"PT60S\",\"retryBackOffFactor\":1,\"arrayKey\":\"id\","          \
    "\"allowMove\":true}},\"subscribers\":{\"sse\":{\"allowedSubscriptionModes\":[\"snapshot-"     \
    "only\"]}}}"

static void check_rich(const struct topic_conf *conf)
{
    const struct http_conf *http = conf->config;

    assert_string_equal(conf->name, "b");
    assert_true(conf->always_on);
    assert_string_equal(conf->change.array_key, "id");
    assert_true(conf->change.allow_move);
    assert_int_equal(conf->deliveries[SUBSCRIBER_SSE].modes, MODE_BIT(MODE_SNAPSHOT_ONLY));
    assert_int_equal(conf->deliveries[SUBSCRIBER_SSE].preferred, MODE_SNAPSHOT_ONLY);
    assert_int_equal(http->polling_period_us, 2500000);
    assert_string_equal(http->payload_pointer, "/items");
    assert_int_equal(http->fields.headers.count, 2);
    assert_string_equal(http->fields.headers.items[1].name, "X-Key");
    assert_string_equal(http->fields.headers.items[1].value, "k");
    assert_int_equal(http->retries.on_codes.items[0], 429);
    assert_int_equal(http->retries.max_attempts, 0);
    assert_int_equal(http->retries.initial_us, 0);
    assert_int_equal(http->retries.max_us, 60 * US_PER_S);
    assert_true(http->retries.factor == 1);
}

static void stored_and_loaded(void **state)
{
    AUTO(topic_conf_unrefp) struct topic_conf *conf = made(RICH);
    AUTO(topic_conf_unrefp) struct topic_conf *back = NULL;
    struct errinfo ei = ERRINFO_INIT;

    (void)state;
    check_rich(conf);
    assert_ok(topic_conf_load(str_of(conf->id), blob_view(conf->json), 7, 3, &back, &ei), &ei);
    check_rich(back);
    assert_string_equal(back->id, conf->id);
    assert_int_equal(back->num, 7);
    assert_int_equal(back->rev, 3);
    assert_int_equal(back->created_wall, conf->created_wall);
    assert_int_equal(back->modified_wall, conf->modified_wall);
    assert_true(str_eq(blob_view(back->json), blob_view(conf->json)));
    assert_null(memmem(conf->json->p, conf->json->len, "null", 4));
}

static void damaged_record(void **state)
{
    struct topic_conf *conf = NULL;
    struct errinfo ei = ERRINFO_INIT;

    (void)state;
    assert_int_equal(topic_conf_load(STR(ID), STR("{\"name\":"), 1, 1, &conf, &ei),
                     E_STORE_CORRUPT);
    err_clear(&ei);
    assert_int_equal(topic_conf_load(STR(ID), STR("{\"name\":1}"), 1, 1, &conf, &ei),
                     E_STORE_CORRUPT);
    assert_non_null(strstr(ei.text, "/name"));
    err_clear(&ei);
    assert_int_equal(topic_conf_load(STR("x"), STR("{}"), 1, 1, &conf, &ei), E_STORE_CORRUPT);
    assert_null(conf);
}

/* An operator may narrow what topics may ask for; those there are go on, within the new bounds. */
static void narrowed_settings(void **state)
{
    AUTO(topic_conf_unrefp) struct topic_conf *conf = made(RICH);
    AUTO(topic_conf_unrefp) struct topic_conf *back = NULL;
    AUTO(faults_done) struct faults f;
    struct errinfo ei = ERRINFO_INIT;

    (void)state;
    faults_init(&f);
    server.poll_min_period_us = 10 * US_PER_S;
    assert_ok(topic_conf_load(str_of(conf->id), blob_view(conf->json), 1, 1, &back, &ei), &ei);
    assert_int_equal(http_conf_period(back->config), 10 * US_PER_S);
    assert_null(make(RICH, NULL, &f));
    assert_string_equal(f.items[0].pointer, "/publisher/config/pollingPeriod");
    assert_non_null(strstr(f.items[0].detail, "PT10S"));
    server.poll_min_period_us = US_PER_S / 2;
    assert_int_equal(http_conf_period(back->config), 2500000);
}

static void replaced(void **state)
{
    AUTO(topic_conf_unrefp) struct topic_conf *was = made(RICH);
    AUTO(topic_conf_unrefp) struct topic_conf *now = NULL;
    AUTO(faults_done) struct faults f;
    struct jdoc *doc = shown(was);

    (void)state;
    faults_init(&f);
    /* What GET showed comes back by PUT: nothing is lost, the secret neither. */
    now = topic_conf_new(jdoc_root(doc), STR_NONE, was, NOW + US_PER_S, &f);
    jdoc_free(doc);
    assert_non_null(now);
    check_rich(now);
    assert_string_equal(now->id, was->id);
    assert_int_equal(now->created_wall, was->created_wall);
    assert_int_equal(now->modified_wall, was->modified_wall + US_PER_S);
}

static struct topic_conf *with_config(const char *name, const char *config)
{
    AUTO_FREE char *json =
        xasprintf("{'name':'%s','publisher':{'type':'http-poller','config':{%s}}}", name, config);

    for (char *p = json; *p; p++)
        *p = *p == '\'' ? '"' : *p;
    return made(json);
}

/* A default that is written out is no change; another secret is. */
static void same_configs(void **state)
{
    static const struct {
        const char *a, *b; /* with ' for " */
        bool same;
    } rows[] = {
        {"'url':'http://h/'", "'url':'http://h/'", true},
        {"'url':'http://h/'", "'retryMaxAttempts':3,'url':'http://h/','pollingPeriod':'PT5S'",
         true},
        {"'url':'http://h/','headers':{'A':'1','B':'2'}",
         "'headers':{'B':'2','A':'1'},'url':'http://h/'", true},
        {"'url':'http://h/'", "'url':'http://h/a'", false},
        {"'url':'http://h/'", "'url':'http://h/','retryMaxAttempts':4", false},
        {"'url':'http://h/','headers':{'Authorization':'a'}",
         "'url':'http://h/','headers':{'Authorization':'b'}", false},
        {"'url':'http://h/','headers':{'Authorization':'a'}",
         "'url':'http://h/','headers':{'Authorization':'a'}", true},
        {"'url':'http://h/'", "'url':'http://h/','headers':{'A':'1'}", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(topic_conf_unrefp) struct topic_conf *a = with_config("a", rows[i].a);
        AUTO(topic_conf_unrefp) struct topic_conf *b = with_config("b", rows[i].b);

        if (topic_conf_same_config(a, b) != rows[i].same)
            fail_msg("%s and %s", rows[i].a, rows[i].b);
    }
}

static void given_id(void **state)
{
    AUTO(topic_conf_unrefp) struct topic_conf *conf = NULL;
    AUTO(faults_done) struct faults f;
    struct jdoc *doc = NULL;

    (void)state;
    faults_init(&f);
    assert_int_equal(jdoc_parse(STR(RICH), NULL, &doc, NULL), E_OK);
    conf =
        topic_conf_new(jdoc_root(doc), STR("ABCDEF00-2222-4333-8444-555555555555"), NULL, NOW, &f);
    jdoc_free(doc);
    assert_string_equal(conf->id, "abcdef00-2222-4333-8444-555555555555");
}

static void too_large(void **state)
{
    AUTO(buf_done) struct buf text = BUF_INIT;
    AUTO(faults_done) struct faults f;

    (void)state;
    faults_init(&f);
    buf_puts(&text, "{\"name\":\"a\",\"publisher\":{\"type\":\"http-poller\",\"config\":{\"url\":"
                    "\"http://h/\",\"payloadPointer\":\"");
    for (size_t i = 0; i < 300; i++)
        buf_printf(&text, "/%01000d", 0);
    buf_puts(&text, "\"}}}");
    assert_null(make(buf_cstr(&text), NULL, &f));
    assert_int_equal(f.count, 1);
    assert_non_null(strstr(f.items[0].detail, "262144 bytes"));
}

static void more_faults_than_are_listed(void **state)
{
    AUTO(buf_done) struct buf text = BUF_INIT;
    AUTO(faults_done) struct faults f;

    (void)state;
    faults_init(&f);
    buf_puts(&text, "{");
    for (int i = 0; i < FAULTS_MAX + 20; i++)
        buf_printf(&text, "%s\"%d\":0", i ? "," : "", i);
    buf_puts(&text, "}");
    assert_null(make(buf_cstr(&text), NULL, &f));
    assert_int_equal(f.count, FAULTS_MAX);
    assert_int_equal(f.dropped, 22); /* 20 names, name and publisher missing */
}

/* ---- tables ---- */

static void check_rows(const struct attr *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        AUTO(buf_done) struct buf expected = BUF_INIT;
        const struct attr *row = &rows[i];

        if (!row->help || strlen(row->help) < 10 || row->help[strlen(row->help) - 1] != '.')
            fail_msg("%s: its help is not a sentence", row->name);
        attr_expected(row, &expected);
        assert_true(expected.len > 0);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(rows[k].name, row->name);
        check_rows(row->rows, row->row_count);
    }
}

static void rows_are_described(void **state)
{
    (void)state;
    check_rows(topic_attrs, topic_attr_count);
    for (size_t n = 0; processor_nth(n); n++)
        check_rows(processor_nth(n)->attrs, processor_nth(n)->attr_count);
    assert_ptr_equal(processor_nth(0), &poller);
    assert_ptr_equal(processor_nth(1), &pub_post);
    assert_null(processor_nth(2));
}

int main(void)
{
    conf_init(&server);
    conf_set_current(&server);
    processor_register(&poller);
    processor_register(&pub_post);
    return RUN_TESTS(cases, defaults, stored_and_loaded, damaged_record, narrowed_settings,
                     replaced, same_configs, given_id, too_large, more_faults_than_are_listed,
                     rows_are_described);
}
