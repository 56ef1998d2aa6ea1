/*
 * The fetcher against a scripted origin: what is sent, what comes back when all goes well, redirects.
 * Many at a time: test_fetch_queue.c. What goes wrong: test_fetch_errors.c.
 */
#include "unit.h"

#include "fetch_rig.c"

/* ---- answers ---- */

static void test_body_head_and_hash(void **state)
{
    struct rig *b = *state;
    struct got *g = ask(b, "/ok");

    await(b);
    assert_int_equal(g->err, E_OK);
    assert_int_equal(g->status, 200);
    assert_string_equal(g->body, "{\"a\":1}");
    assert_true(hash_eq(g->hash, hash_bytes("{\"a\":1}", 7)));
    assert_string_equal(g->type, "application/json");
    assert_true(str_ends(str_of(g->url), STR("/ok")));
    assert_true(g->total_us > 0);
    assert_int_equal(g->redirects, 0);
}

static void test_no_callback_inside_start(void **state)
{
    struct rig *b = *state;
    struct got *g = ask(b, "/ok");
    struct fetch_params p = params(b);

    p.url = STR("ftp://127.0.0.1/");
    struct got *bad = ask_with(b, "/ok", &p);
    assert_false(g->done);
    assert_false(bad->done);
    await(b);
    assert_int_equal(bad->err, E_INVALID);
    assert_non_null(strstr(bad->text, "ftp"));
}

static void test_connection_is_kept(void **state)
{
    struct rig *b = *state;

    for (int i = 0; i < 5; i++) {
        struct got *g = ask(b, "/ok");
        await(b);
        assert_int_equal(g->status, 200);
    }
    assert_int_equal(b->origin->connections, 1);
    assert_int_equal(b->origin->requests, 5);
}

static void test_not_modified(void **state)
{
    struct rig *b = *state;
    struct got *first = ask(b, "/etag");

    await(b);
    assert_string_equal(first->etag, "\"v1\"");
    struct fetch_params p = params(b);
    p.etag = STR("\"v1\"");
    struct got *second = ask_with(b, "/etag", &p);
    await(b);
    assert_int_equal(second->err, E_OK);
    assert_int_equal(second->status, 304);
    assert_string_equal(second->body, "");
    assert_int_equal(b->origin->connections, 1);
}

static void test_bodies_of_all_framings(void **state)
{
    static const struct {
        const char *path;
        int status;
        const char *body;
    } cases[] = {
        {"/chunked", 200, "hello world"}, {"/204", 204, ""},   {"/until-close", 200, "to the end"},
        {"/interim", 200, "{\"a\":1}"},   {"/big/0", 200, ""}, {"/unknown", 404, "no such path"},
    };
    struct rig *b = *state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct got *g = ask(b, cases[i].path);
        await(b);
        assert_int_equal(g->err, E_OK);
        assert_int_equal(g->status, cases[i].status);
        assert_string_equal(g->body, cases[i].body);
    }
}

static void test_large_bodies(void **state)
{
    static const size_t sizes[] = {16384, 65536, 65537, 1000000};
    struct rig *b = *state;

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        char path[32];
        AUTO_FREE char *want = xmalloc(sizes[i]);
        memset(want, 'b', sizes[i]);
        snprintf(path, sizeof path, "/big/%zu", sizes[i]);
        struct got *g = ask(b, path);
        await(b);
        assert_int_equal(g->err, E_OK);
        assert_int_equal(g->body_len, sizes[i]);
        assert_true(hash_eq(g->hash, hash_bytes(want, sizes[i])));
        snprintf(path, sizeof path, "/unsized/%zu", sizes[i]);
        struct got *u = ask(b, path);
        await(b);
        assert_true(hash_eq(g->hash, u->hash));
    }
}

/* Coded bodies are kept and hashed as they came. */
static void test_gzip_is_passed_through(void **state)
{
    struct rig *b = *state;
    struct got *g = ask(b, "/gzip");

    await(b);
    assert_int_equal(g->err, E_OK);
    assert_int_equal(g->body_len, gzip_hello.n);
    assert_memory_equal(g->body, gzip_hello.p, gzip_hello.n);
    assert_true(hash_eq(g->hash, hash_bytes(gzip_hello.p, gzip_hello.n)));
    assert_string_equal(g->coding, "gzip");
}

/* ---- requests ---- */

static void test_request_as_sent(void **state)
{
    struct rig *b = *state;
    struct str more[] = {STR("X-More: 2"), STR("x-fixed: other"), STR("X-Empty:")};
    struct fetch_params p = params(b);

    set_header(b, "/echo?q=a%20b", "X-Fixed", "1");
    set_header(b, "/echo?q=a%20b", "X-Kept", "k");
    p.headers = more;
    p.header_count = ARRAY_LEN(more);
    p.etag = STR("W/\"x\"");
    p.last_modified = STR("Sun, 06 Nov 1994 08:49:37 GMT");
    struct got *g = ask_with(b, "/echo?q=a%20b", &p);
    await(b);
    assert_int_equal(g->err, E_OK);
    assert_true(str_starts(str_of(g->body), STR("GET /echo?q=a%20b HTTP/1.1\r\nHost: 127.0.0.1:")));
    assert_has(g->body, "Accept-Encoding: gzip, deflate, br, zstd\r\n");
    assert_has(g->body, "User-Agent: pollcast/");
    assert_has(g->body, "X-More: 2\r\n");
    assert_has(g->body, "X-Kept: k\r\n");
    assert_has(g->body, "x-fixed: other\r\n");
    assert_has(g->body, "X-Empty:\r\n");
    assert_has(g->body, "If-None-Match: W/\"x\"\r\n");
    assert_has(g->body, "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
    assert_null(strstr(g->body, "X-Fixed: 1"));
}

static void test_options_do_not_stick_to_pooled_handles(void **state)
{
    struct rig *b = *state;
    struct fetch_params p = params(b);

    p.method = "POST";
    p.body = STR("{\"x\":1}");
    p.etag = STR("\"e\"");
    struct got *post = ask_with(b, "/echo", &p);
    await(b);
    assert_true(str_starts(str_of(post->body), STR("POST /echo HTTP/1.1\r\n")));
    assert_has(post->body, "Content-Length: 7\r\n");
    assert_has(post->body, "\r\n\r\n{\"x\":1}");
    assert_null(strstr(post->body, "x-www-form-urlencoded"));
    assert_null(strstr(post->body, "Expect"));
    struct got *get = ask(b, "/echo");
    await(b);
    assert_true(str_starts(str_of(get->body), STR("GET /echo HTTP/1.1\r\n")));
    assert_null(strstr(get->body, "Content-Length"));
    assert_null(strstr(get->body, "If-None-Match"));
    p = params(b);
    p.method = "DELETE";
    struct got *del = ask_with(b, "/echo", &p);
    await(b);
    assert_true(str_starts(str_of(del->body), STR("DELETE /echo HTTP/1.1\r\n")));
}

static void test_credentials_of_url_become_a_header(void **state)
{
    struct rig *b = *state;
    char url[128];

    snprintf(url, sizeof url, "http://us%%40er:p%%3Aw@%s/echo", b->origin->base + 7);
    struct got *g = ask_target(b, url, NULL);
    await(b);
    /* base64("us@er:p:w") */
    assert_has(g->body, "Authorization: Basic dXNAZXI6cDp3\r\n");
    assert_null(strstr(g->url, "us%40er"));
    struct got *without = ask(b, "/echo");
    await(b);
    assert_null(strstr(without->body, "Authorization"));
}

static void test_header_fields_are_checked(void **state)
{
    static const struct {
        const char *name, *value;
    } bad[] = {
        {"", "x"},           {"A B", "x"},
        {"A:", "x"},         {"X", "a\r\nB: c"},
        {"X", "\x01"},       {"Content-Length", "3"},
        {"Connection", "x"}, {"transfer-encoding", "chunked"},
    };
    struct errinfo ei = ERRINFO_INIT;
    struct fetch_target *t = fetch_target_new(STR("HTTP://Host.Example/x"), &ei);

    (void)state;
    assert_non_null(t);
    assert_true(str_eqz(fetch_target_origin(t), "http://host.example:80"));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        err_clear(&ei);
        assert_int_equal(fetch_target_header(t, str_of(bad[i].name), str_of(bad[i].value), &ei),
                         E_INVALID);
        assert_true(ei.text[0] != '\0');
    }
    assert_int_equal(fetch_target_header(t, STR("Host"), STR("other.example"), NULL), E_OK);
    fetch_target_free(t);
}

/* A value that takes another's place does not add to it. */
static void test_header_fields_have_a_limit(void **state)
{
    AUTO_FREE char *bytes = xmalloc(20000);
    struct fetch_target *t = fetch_target_new(STR("http://host.example/"), NULL);
    struct errinfo ei = ERRINFO_INIT;

    (void)state;
    memset(bytes, 'x', 20000);
    for (int i = 0; i < 3; i++)
        assert_ok(fetch_target_header(t, STR("X-Secret"), str_make(bytes, 20000), &ei), &ei);
    assert_int_equal(fetch_target_header(t, STR("X-Other"), str_make(bytes, 20000), &ei),
                     E_INVALID);
    assert_non_null(strstr(ei.text, "the header fields are over"));
    fetch_target_free(t);
}

static void test_urls_are_checked(void **state)
{
    static const char *const bad[] = {"",
                                      "example.com",
                                      "ftp://a/",
                                      "http://",
                                      "http://a b/",
                                      "file:///etc/passwd",
                                      "http://a:99999/",
                                      "http://a:0/"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct errinfo ei = ERRINFO_INIT;
        assert_null(fetch_target_new(str_of(bad[i]), &ei));
        assert_int_equal(ei.err, E_INVALID);
    }
    AUTO_FREE char *longest = xmalloc(9000);
    memset(longest, 'a', 9000);
    memcpy(longest, "http://h/", 9);
    assert_null(fetch_target_new(str_make(longest, 9000), NULL));
}

/* ---- redirects ---- */

static void test_redirects_are_followed(void **state)
{
    struct rig *b = *state;
    struct fetch_params p = params(b);

    p.max_redirects = 5;
    p.etag = STR("\"mine\"");
    set_header(b, "/hops/5", "X-Secret", "s");
    struct got *g = ask_with(b, "/hops/5", &p);
    await(b);
    assert_int_equal(g->err, E_OK);
    assert_int_equal(g->status, 200);
    assert_int_equal(g->redirects, 5);
    assert_true(str_ends(str_of(g->url), STR("/hops/0")));
    assert_true(str_starts(str_of(g->body), STR("GET /hops/0 ")));
    assert_has(g->body, "X-Secret: s\r\n");
    assert_null(strstr(g->body, "If-None-Match"));
    assert_int_equal(b->origin->connections, 1);
}

static void test_too_many_redirects(void **state)
{
    struct rig *b = *state;
    struct fetch_params p = params(b);

    p.max_redirects = 5;
    struct got *g = ask_with(b, "/hops/6", &p);
    await(b);
    assert_int_equal(g->err, E_POLL_REDIRECT);
    assert_has(g->text, "more than 5 redirects");
}

static void test_redirect_loop(void **state)
{
    struct rig *b = *state;
    struct fetch_params p = params(b);

    p.max_redirects = 5;
    struct got *g = ask_with(b, "/loop/a", &p);
    await(b);
    assert_int_equal(g->err, E_POLL_REDIRECT);
    assert_has(g->text, "loop");
    assert_int_equal(b->origin->requests, 2);
}

static void test_redirects_given_back_when_off(void **state)
{
    struct rig *b = *state;
    struct fetch_params p = params(b);
    struct got *g = ask_with(b, "/hops/1", &p);

    p.max_redirects = 5;
    p.method = "POST";
    p.body = STR("x");
    struct got *post = ask_with(b, "/hops/2", &p);
    await(b);
    assert_int_equal(g->err, E_OK);
    assert_int_equal(g->status, 302);
    assert_int_equal(post->err, E_OK);
    assert_int_equal(post->status, 307);
}

static void test_other_origins_get_no_fields(void **state)
{
    struct rig *b = *state;
    struct origin *other = origin_start("127.0.0.2");
    struct str more[] = {STR("X-Param-Secret: 2")};
    struct fetch_params p = params(b);
    char path[256];

    p.max_redirects = 5;
    p.etag = STR("\"mine\"");
    p.headers = more;
    p.header_count = 1;
    snprintf(path, sizeof path, "/to/%s/echo", other->base);
    set_header(b, path, "X-Secret", "s");
    struct got *g = ask_with(b, path, &p);
    /* and back home again */
    snprintf(path, sizeof path, "/to/%s/to/%s/echo", other->base, b->origin->base);
    set_header(b, path, "X-Secret", "s");
    struct got *home = ask_with(b, path, &p);
    await(b);
    assert_int_equal(g->status, 200);
    assert_true(str_starts(str_of(g->url), str_of(other->base)));
    assert_null(strstr(g->body, "ecret"));
    assert_null(strstr(g->body, "If-None-Match"));
    assert_has(g->body, "Accept-Encoding: gzip, deflate, br, zstd\r\n");
    assert_has(home->body, "X-Secret: s\r\n");
    /* The same for a request's own URL. */
    char url[128];
    snprintf(url, sizeof url, "%s/echo", other->base);
    p.url = str_of(url);
    set_header(b, "/ok", "Authorization", "Bearer secret");
    struct got *page = ask_with(b, "/ok", &p);
    await(b);
    assert_int_equal(page->status, 200);
    assert_null(strstr(page->body, "ecret"));
    origin_stop(other);
}

static void test_redirects_that_are_refused(void **state)
{
    static const struct {
        const char *path, *text;
    } cases[] = {
        {"/to/ftp://127.0.0.1/x", "ftp"},
        {"/to/http://a:0:0/", "not valid"},
        {"/to/file:///etc/passwd", "file"},
    };
    struct rig *b = *state;
    struct fetch_params p = params(b);

    p.max_redirects = 5;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct got *g = ask_with(b, cases[i].path, &p);
        await(b);
        assert_int_equal(g->err, E_POLL_REDIRECT);
        assert_has(g->text, cases[i].text);
    }
}

/* ---- connections that the server closes ---- */

static void test_closed_idle_connection_is_replaced(void **state)
{
    struct rig *b = *state;

    for (int i = 0; i < 3; i++) {
        struct got *g = ask(b, "/then-close");
        await(b);
        assert_int_equal(g->err, E_OK);
        /* The close arrives, and must not keep the loop busy. */
        unsigned turns = turns_during(b, 50);
        assert_true(turns < 20);
    }
    assert_int_equal(b->origin->connections, 3);
}

/* However often it happens: libcurl tries again only so many times in the life of a handle. */
static void test_connection_closed_in_the_face_of_a_request(void **state)
{
    struct rig *b = *state;

    for (int i = 0; i < 20; i++) {
        struct got *g = ask(b, "/once");
        await(b);
        if (g->err)
            fail_msg("request %d: %s", i, g->text);
        assert_int_equal(g->status, 200);
    }
    assert_int_equal(b->origin->connections, 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        rig_test(test_body_head_and_hash),
        rig_test(test_no_callback_inside_start),
        rig_test(test_connection_is_kept),
        rig_test(test_not_modified),
        rig_test(test_bodies_of_all_framings),
        rig_test(test_large_bodies),
        rig_test(test_gzip_is_passed_through),
        rig_test(test_request_as_sent),
        rig_test(test_options_do_not_stick_to_pooled_handles),
        rig_test(test_credentials_of_url_become_a_header),
        cmocka_unit_test(test_header_fields_are_checked),
        cmocka_unit_test(test_header_fields_have_a_limit),
        cmocka_unit_test(test_urls_are_checked),
        rig_test(test_redirects_are_followed),
        rig_test(test_too_many_redirects),
        rig_test(test_redirect_loop),
        rig_test(test_redirects_given_back_when_off),
        rig_test(test_other_origins_get_no_fields),
        rig_test(test_redirects_that_are_refused),
        rig_test(test_closed_idle_connection_is_replaced),
        rig_test(test_connection_closed_in_the_face_of_a_request),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
