/*
 * Compressed answers: who gets them, what of, and with which fields; and the fields that every answer
 * gets.
 */
#include "http_rig.c"

#include "io/gzip.h"
#include "io/http_conn.h"
#include "io/inflate.h"

/* ---- who accepts it ---- */

static void accepting(void **state)
{
    static const struct {
        const char *field;
        bool gzip;
    } rows[] = {
        {NULL, false},
        {"", false},
        {"gzip", true},
        {"GZIP", true},
        {"x-gzip", true},
        {"deflate, gzip, br", true},
        {"deflate, br", false},
        {"gzip;q=0", false},
        {"gzip;q=0.000", false},
        {"gzip; q=0.001", true},
        {"gzip;q=1.000", true},
        {"*", true},
        {"*;q=0", false},
        {"*;q=0, gzip", true},
        {"gzip;q=0, *", false},
        {"identity", false},
        {"identity, gzip;q=0.5", false},
        {"identity;q=0.5, gzip", true},
        {"identity, gzip", true},
        {"identity;q=0, *;q=0.1", true},
        {"gzip;q=0.5", true},
        {",,gzip,", true},
        {"gzip;q=2", false},
        {"gzip;q=x", false},
        {"gzip;q=", false},
        {"gzip;q=0.1234", false},
        {"gzip;level=9", false},
        {"gzipped", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (http_accepts_gzip(str_of(rows[i].field)) != rows[i].gzip)
            fail_msg("Accept-Encoding: %s", rows[i].field);
}

static void coding_of_a_channel(void **state)
{
    static const struct {
        const char *field;
        enum http_coding coding;
    } rows[] = {
        {NULL, HTTP_CODING_PLAIN},
        {"", HTTP_CODING_PLAIN},
        {"gzip", HTTP_CODING_GZIP},
        {"deflate", HTTP_CODING_DEFLATE},
        {"Deflate", HTTP_CODING_DEFLATE},
        {"deflate, gzip", HTTP_CODING_GZIP},
        {"gzip, deflate, br, zstd", HTTP_CODING_GZIP},
        {"gzip;q=0.5, deflate;q=0.8", HTTP_CODING_DEFLATE},
        {"gzip;q=0, deflate", HTTP_CODING_DEFLATE},
        {"gzip;q=0, deflate;q=0", HTTP_CODING_PLAIN},
        {"identity, gzip;q=0.5, deflate;q=0.5", HTTP_CODING_PLAIN},
        {"identity;q=0.5, gzip;q=0.4, deflate;q=0.6", HTTP_CODING_DEFLATE},
        {"identity;q=0, br", HTTP_CODING_PLAIN},
        {"identity;q=0", HTTP_CODING_PLAIN},
        {"*", HTTP_CODING_GZIP},
        {"*;q=0.5, gzip;q=0.1", HTTP_CODING_DEFLATE},
        {"*;q=0", HTTP_CODING_PLAIN},
        {"gzip;q=0, *", HTTP_CODING_DEFLATE},
        {"br, zstd", HTTP_CODING_PLAIN},
        {"deflate;q=1.001", HTTP_CODING_PLAIN},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (http_stream_coding(str_of(rows[i].field)) != rows[i].coding)
            fail_msg("Accept-Encoding: %s", rows[i].field);
}

static void members_are_whole(void **state)
{
    static const size_t sizes[] = {1, 1000, 65536, 65537, 1 << 20};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        AUTO(buf_done) struct buf body = BUF_INIT, coded = BUF_INIT, back = BUF_INIT;

        for (size_t k = 0; k < sizes[i]; k++)
            buf_putc(&body, pattern_at(k));
        buf_puts(&coded, "before");
        gzip_body(buf_view(&body), &coded);
        struct str member = str_drop(buf_view(&coded), 6);
        assert_int_equal(inflate_body(STR("gzip"), member, sizes[i], &back, NULL), E_OK);
        assert_true(str_eq(buf_view(&back), buf_view(&body)));
    }
}

/* ---- answers ---- */

static size_t number(struct http_request *r, const char *name, size_t preset)
{
    struct str text;

    return http_query(r, name, 0, &text) ? strtoul(text.p, NULL, 10) : preset;
}

/* ?n=BYTES&status=…&blob=1&coded=1&etag=0 */
static void handler(struct http_request *r, void *arg)
{
    static const struct http_field always[] = {{"X-Always", {"yes", 3}}, {NULL, {NULL, 0}}};
    size_t n = number(r, "n", 0);
    struct blob *b = blob_alloc(n);
    const struct http_field fields[] = {
        {"Content-Type", STR("text/plain")},
        {"X-First", STR("1")},
        {number(r, "etag", 1) ? "eTag" : "X-No", STR("\"7\"")},
        {number(r, "coded", 0) ? "content-encoding" : NULL, STR("own")},
        {NULL, STR_NONE},
    };

    (void)arg;
    r->always = always;
    for (size_t i = 0; i < n; i++)
        b->p[i] = pattern_at(i);
    int status = (int)number(r, "status", 200);
    if (number(r, "blob", 0))
        http_respond_blob(r, status, fields, b);
    else
        http_respond(r, status, fields, blob_view(b));
    blob_unref(b);
}

static bool has(const struct answer *a, const char *line)
{
    AUTO_FREE char *whole = xasprintf("\r\n%s\r\n", line);

    return strstr(a->head, whole);
}

static void check_body(const struct answer *a, size_t n)
{
    AUTO(buf_done) struct buf back = BUF_INIT;
    struct str coding = has(a, "Content-Encoding: gzip") ? STR("gzip") : STR("");

    assert_int_equal(inflate_body(coding, str_make(a->body, a->body_n), n, &back, NULL), E_OK);
    assert_int_equal(back.len, n);
    expect_pattern(back.p, n);
}

static void answers(void **state)
{
    static const struct {
        const char *method, *query, *accept;
        int status;
        size_t n; /* of the body, plain */
        bool varies, gzip;
    } rows[] = {
        {"GET", "n=0", "gzip", 200, 0, false, false},
        {"GET", "n=1023", "gzip", 200, 1023, false, false},
        {"GET", "n=1024", "gzip", 200, 1024, true, true},
        {"GET", "n=1024", "br", 200, 1024, true, false},
        {"GET", "n=1024", NULL, 200, 1024, true, false},
        {"GET", "n=300000", "gzip", 200, 300000, true, true},
        {"GET", "n=1048576", "gzip", 200, 1048576, true, true},
        {"GET", "n=1048577", "gzip", 200, 1048577, false, false},
        {"GET", "n=5000&blob=1", "gzip", 200, 5000, true, true},
        {"GET", "n=5000&blob=1", "*;q=0", 200, 5000, true, false},
        {"GET", "n=1048577&blob=1", "gzip", 200, 1048577, false, false},
        {"GET", "n=5000&coded=1", "gzip", 200, 5000, false, false},
        {"GET", "n=5000&status=404", "gzip", 404, 5000, true, true},
        {"POST", "n=5000", "gzip", 200, 5000, true, true},
        {"HEAD", "n=5000", "gzip", 200, 0, true, true},
        {"GET", "n=5000&status=304", "gzip", 304, 0, true, true},
        {"GET", "n=5000&status=304&blob=1", "gzip", 304, 0, true, true},
        {"GET", "n=5000&status=304", NULL, 304, 0, true, false},
        {"GET", "n=5&status=304", "gzip", 304, 0, false, false},
        {"GET", "n=5000&status=204", "gzip", 204, 0, false, false},
        {"GET", "n=5000&etag=0", "gzip", 200, 5000, true, true},
    };
    struct client c;

    (void)state;
    client_open(&c, ((struct test_server *)*state)->port);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        bool head = strcmp(rows[i].method, "HEAD") == 0;
        bool tagged = !strstr(rows[i].query, "etag=0");
        AUTO_FREE char *request =
            xasprintf("%s /?%s HTTP/1.1\r\nHost: a\r\n%s%s%s\r\n", rows[i].method, rows[i].query,
                      rows[i].accept ? "Accept-Encoding: " : "",
                      rows[i].accept ? rows[i].accept : "", rows[i].accept ? "\r\n" : "");

        client_puts(&c, request);
        struct answer a = client_answer(&c, head);
        print_message("%s %s\n", rows[i].query, rows[i].accept ? rows[i].accept : "-");
        assert_int_equal(a.status, rows[i].status);
        assert_int_equal(has(&a, "Vary: Accept-Encoding"), rows[i].varies);
        assert_int_equal(has(&a, "Content-Encoding: gzip"), rows[i].gzip && a.status != 304);
        assert_int_equal(has(&a, "eTag: \"7-gzip\""), rows[i].gzip && tagged);
        assert_int_equal(has(&a, "eTag: \"7\""), !rows[i].gzip && tagged);
        assert_int_equal(has(&a, "Content-Type: text/plain"), a.status != 304);
        assert_true(has(&a, "X-First: 1") && has(&a, "X-Always: yes"));
        if (!head)
            check_body(&a, rows[i].n);
        if (head)
            assert_in_range(header_length(a.head), 10, 4999);
        answer_done(&a);
    }
    client_close(&c);
}

/* A client that takes its answer bit by bit gets all of it. */
static void slow_reader(void **state)
{
    struct client c;

    client_open_sized(&c, ((struct test_server *)*state)->port, 2048);
    for (int i = 0; i < 3; i++)
        client_puts(&c, "GET /?n=1000000 HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n");
    for (int i = 0; i < 3; i++) {
        struct answer a = client_answer(&c, false);

        assert_true(has(&a, "Content-Encoding: gzip"));
        check_body(&a, 1000000);
        answer_done(&a);
    }
    client_close(&c);
}

/* ---- fields in several lines ---- */

static void list_handler(struct http_request *r, void *arg)
{
    struct str list = http_header_list(r, "X-List");

    (void)arg;
    http_respond(r, 200, NULL, list.p ? list : STR("none"));
}

static void lists(void **state)
{
    static const struct {
        const char *fields, *list;
    } rows[] = {
        {"", "none"},
        {"X-List: a\r\n", "a"},
        {"X-List: a, b\r\nX-Other: c\r\nx-list: d\r\n", "a, b, d"},
        {"X-List:\r\nX-List: a\r\n", ", a"},
    };
    struct test_server server;
    struct http_server_conf conf;
    struct client c;

    (void)state;
    http_server_conf_default(&conf);
    test_server_start(&server, &conf, list_handler);
    client_open(&c, server.port);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO_FREE char *request = xasprintf("GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", rows[i].fields);

        client_puts(&c, request);
        struct answer a = client_answer(&c, false);
        assert_string_equal(a.body, rows[i].list);
        answer_done(&a);
    }
    client_close(&c);
    test_server_stop(&server);
}

static struct test_server shared;

static int start(void **state)
{
    struct http_server_conf conf;

    http_server_conf_default(&conf);
    test_server_start(&shared, &conf, handler);
    *state = &shared;
    return 0;
}

static int stop(void **state)
{
    test_server_stop(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepting),
        cmocka_unit_test(coding_of_a_channel),
        cmocka_unit_test(members_are_whole),
        cmocka_unit_test_setup_teardown(answers, start, stop),
        cmocka_unit_test_setup_teardown(slow_reader, start, stop),
        cmocka_unit_test(lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
