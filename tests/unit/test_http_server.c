/*
 * The HTTP server's manners with its clients: deadlines, ends, slow readers. What it
 * makes of single requests is in test_http_cases.c, take-overs in test_http_takeover.c, the limits
 * of connections in test_http_limits.c.
 */
#include "http_rig.c"

#include <poll.h>
#include <sys/wait.h>

#include "base/count.h"

/* ---- the server's side ---- */

static struct test_server server;

static struct event held = EVENT_INIT;    /* a request waits in `holding` */
static struct event aborted = EVENT_INIT; /* on_abort was called */
static struct http_request *holding;

static void on_abort(struct http_request *r)
{
    assert_ptr_equal(r, holding);
    holding = NULL;
    event_happen(&aborted);
}

static void answer_big(struct http_request *r)
{
    struct str n;
    size_t size = http_query(r, "n", 0, &n) ? strtoul(n.p, NULL, 10) : 0;
    struct blob *b = blob_alloc(size);
    for (size_t i = 0; i < size; i++)
        b->p[i] = pattern_at(i);
    if (str_eqz(r->path, "/blob"))
        http_respond_blob(r, 200, NULL, b);
    else
        http_respond(r, 200, NULL, blob_view(b));
    blob_unref(b);
}

static void answer_fields(struct http_request *r)
{
    struct http_field fields[] = {{"X-Got", http_header(r, "x-send")},
                                  {"X-Second", http_header_nth(r, "X-SEND", 1)},
                                  {"X-Evil", STR("a\r\nSet-Cookie: b")},
                                  {NULL, STR_NONE}};
    http_respond(r, 200, fields, STR(""));
}

static void handler(struct http_request *r, void *arg)
{
    (void)arg;
    if (str_eqz(r->path, "/hold")) {
        r->on_abort = on_abort;
        holding = r;
        event_happen(&held);
    } else if (str_eqz(r->path, "/hold-deaf")) {
        holding = r;
        event_happen(&held);
    } else if (str_eqz(r->path, "/big") || str_eqz(r->path, "/blob")) {
        answer_big(r);
    } else if (str_eqz(r->path, "/fields")) {
        answer_fields(r);
    } else {
        http_respond(r, 200, NULL, r->path);
    }
}

static void answer_held(void *arg)
{
    (void)arg;
    http_respond(holding, 200, NULL, STR("held"));
    holding = NULL;
}

static void start(const struct http_server_conf *conf)
{
    test_server_start(&server, conf, handler);
}

/* Deadlines short enough to wait for. */
static struct http_server_conf quick(void)
{
    struct http_server_conf conf;
    http_server_conf_default(&conf);
    conf.header_timeout_us = 150 * US_PER_MS;
    conf.body_timeout_us = 150 * US_PER_MS;
    conf.idle_timeout_us = 150 * US_PER_MS;
    conf.write_timeout_us = 150 * US_PER_MS;
    return conf;
}

static int stop(void **state)
{
    (void)state;
    test_server_stop(&server);
    return 0;
}

static int start_default(void **state)
{
    (void)state;
    struct http_server_conf conf;
    http_server_conf_default(&conf);
    start(&conf);
    return 0;
}

static int start_quick(void **state)
{
    (void)state;
    struct http_server_conf conf = quick();
    start(&conf);
    return 0;
}

/* ---- deadlines ---- */

static void test_slow_header(void **state)
{
    (void)state;
    struct client c;
    int64_t began = clock_now();
    client_open(&c, server.port);
    client_puts(&c, "GET / HTTP/1.1\r\nHost:");
    client_expect(&c, 408);
    client_expect_end(&c);
    assert_true(ms_since(began) >= 150);
    client_close(&c);
}

/* Bytes that keep coming do not move the deadline. */
static void test_dripped_header(void **state)
{
    (void)state;
    struct client c;
    client_open(&c, server.port);
    client_puts(&c, "GET / HTTP/1.1\r\nHost: a\r\nX: ");
    int64_t began = clock_now();
    struct pollfd p = {.fd = c.fd, .events = POLLIN};
    while (poll(&p, 1, 10) == 0 && ms_since(began) < WAIT_S * 1000)
        client_puts(&c, "x");
    client_expect(&c, 408);
    assert_in_range(ms_since(began), 100, 5000);
    client_close(&c);
}

static void test_slow_body(void **state)
{
    (void)state;
    struct client c;
    client_open(&c, server.port);
    client_puts(&c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
    client_expect(&c, 408);
    client_expect_end(&c);
    client_close(&c);
}

static void test_idle(void **state)
{
    (void)state;
    struct client fresh, used;
    client_open(&fresh, server.port);
    client_expect_end(&fresh);
    client_close(&fresh);

    client_open(&used, server.port);
    client_puts(&used, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    client_expect(&used, 200);
    client_expect_end(&used);
    client_close(&used);
}

/* A client that never reads its answer. */
static void test_stuck_writer(void **state)
{
    (void)state;
    struct client c;
    client_open_sized(&c, server.port, 4096);
    client_puts(&c, "GET /blob?n=20000000 HTTP/1.1\r\nHost: a\r\n\r\n");
    struct pollfd p = {.fd = c.fd, .events = POLLRDHUP};
    /* Unread bytes do not hide the reset. */
    assert_int_equal(poll(&p, 1, WAIT_S * 1000), 1);
    client_close(&c);
}

/* A held request has no deadline of the server's. */
static void test_held_outlives_deadlines(void **state)
{
    (void)state;
    struct client c, other;
    client_open(&c, server.port);
    client_puts(&c, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
    event_wait(&held);
    client_open(&other, server.port);
    client_expect_end(&other); /* its idle timeout passed, so did all others */
    client_close(&other);
    loop_post_call(server.loop, answer_held, NULL);
    client_expect(&c, 200);
    client_close(&c);
}

/* ---- one connection ---- */

static void test_continue(void **state)
{
    (void)state;
    struct client c;
    client_open(&c, server.port);
    client_puts(&c,
                "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    client_expect(&c, 100);
    client_puts(&c, "abc");
    client_expect(&c, 200);
    client_puts(&c, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
                    "Expect: 100-Continue\r\n\r\n");
    client_expect(&c, 100);
    client_puts(&c, "3\r\nabc\r\n0\r\n\r\n");
    client_expect(&c, 200);
    client_close(&c);
}

static void test_half_close(void **state)
{
    (void)state;
    struct client c;
    client_open(&c, server.port);
    client_puts(&c, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n");
    shutdown(c.fd, SHUT_WR);
    event_wait(&held);
    loop_post_call(server.loop, answer_held, NULL);
    client_expect(&c, 200);
    client_expect(&c, 200);
    client_expect_end(&c);
    client_close(&c);
}

static void test_half_close_in_request(void **state)
{
    (void)state;
    struct client c;
    client_open(&c, server.port);
    client_puts(&c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
    shutdown(c.fd, SHUT_WR);
    client_expect(&c, 400);
    client_expect_end(&c);
    client_close(&c);
}

static void test_abort(void **state)
{
    (void)state;
    struct client c;
    client_open(&c, server.port);
    client_puts(&c, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
    event_wait(&held);
    client_reset(&c);
    event_wait(&aborted);
}

/* The reset is seen although so much is read ahead that reading is paused. */
static void test_abort_while_paused(void **state)
{
    (void)state;
    struct client c;
    client_open(&c, server.port);
    client_puts(&c, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
    event_wait(&held);
    AUTO_FREE char *much = xcalloc(1, 200000);
    client_send(&c, str_make(much, 200000));
    client_reset(&c);
    event_wait(&aborted);
}

/* Without on_abort the request stays until it is answered. */
static void test_answer_after_abort(void **state)
{
    (void)state;
    struct client c;
    client_open(&c, server.port);
    client_puts(&c, "GET /hold-deaf HTTP/1.1\r\nHost: a\r\n\r\n");
    event_wait(&held);
    client_reset(&c);
    int64_t began = clock_now();
    while (count_read(COUNT_http_connections) > 0 && ms_since(began) < WAIT_S * 1000)
        poll(NULL, 0, 1);
    assert_int_equal(count_read(COUNT_http_connections), 0);
    loop_post_call(server.loop, answer_held, NULL);
    client_open(&c, server.port);
    client_puts(&c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    client_expect(&c, 200);
    client_close(&c);
}

/* What is sent while a request is held is answered after it, in order, however much it is. */
static void test_read_ahead(void **state)
{
    (void)state;
    enum { N = 20000 };
    struct client c;
    client_open(&c, server.port);
    client_puts(&c, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
    event_wait(&held);
    AUTO(buf_done) struct buf many = BUF_INIT;
    for (int i = 0; i < N; i++)
        buf_printf(&many, "GET /%d HTTP/1.1\r\nHost: a\r\n\r\n", i);
    pid_t sender = fork();
    assert_true(sender >= 0);
    if (sender == 0) {
        client_send(&c, buf_view(&many));
        _exit(0);
    }
    loop_post_call(server.loop, answer_held, NULL);
    client_expect(&c, 200);
    for (int i = 0; i < N; i++) {
        struct answer a = client_answer(&c, false);
        char want[16];
        snprintf(want, sizeof want, "/%d", i);
        assert_int_equal(a.status, 200);
        assert_string_equal(a.body, want);
        answer_done(&a);
    }
    assert_int_equal(waitpid(sender, NULL, 0), sender);
    client_close(&c);
}

static void test_fields(void **state)
{
    (void)state;
    struct client c;
    client_open(&c, server.port);
    client_puts(&c, "GET /fields HTTP/1.1\r\nHost: a\r\nX-Send:  one \r\nx-send: two\r\n\r\n");
    struct answer a = client_answer(&c, false);
    assert_int_equal(a.status, 200);
    assert_non_null(strstr(a.head, "X-Got: one\r\n"));
    assert_non_null(strstr(a.head, "X-Second: two\r\n"));
    assert_non_null(strstr(a.head, "X-Evil: a  Set-Cookie: b\r\n"));
    assert_non_null(strstr(a.head, "Date: "));
    assert_null(strstr(a.head, "Connection:"));
    answer_done(&a);
    client_close(&c);
}

static void test_big_answers(void **state)
{
    (void)state;
    static const char *const paths[] = {"/big", "/blob"};
    struct client c;
    client_open_sized(&c, server.port, 4096);
    for (int i = 0; i < 4; i++) {
        char request[100];
        snprintf(request, sizeof request, "GET %s?n=5000000 HTTP/1.1\r\nHost: a\r\n\r\n",
                 paths[i % 2]);
        client_puts(&c, request);
        struct answer a = client_answer(&c, false);
        assert_int_equal(a.status, 200);
        assert_int_equal(a.body_n, 5000000);
        expect_pattern(a.body, a.body_n);
        answer_done(&a);
    }
    client_close(&c);
}

/* The answer to an upload over the limit is read although the client sends all of it first. */
static void test_early_413(void **state)
{
    (void)state;
    struct client c;
    client_open(&c, server.port);
    client_puts(&c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n");
    AUTO_FREE char *much = xcalloc(1, 3000000);
    client_send(&c, str_make(much, 3000000));
    client_expect(&c, 413);
    client_expect_end(&c);
    client_close(&c);
}

/* But not without bound. */
static void test_linger_bound(void **state)
{
    (void)state;
    struct client c;
    client_open(&c, server.port);
    client_puts(&c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 300000000\r\n\r\n");
    AUTO_FREE char *much = xcalloc(1, 1 << 20);
    size_t sent = 0;
    ssize_t n;
    while ((n = client_send_some(&c, str_make(much, 1 << 20))) > 0 && sent < (size_t)200 << 20)
        sent += (size_t)n;
    assert_true(n < 0);
    client_close(&c);
}

/* ---- many connections, and their end ---- */

static void drain(void *arg)
{
    http_server_drain(arg);
}

static void test_drain(void **state)
{
    (void)state;
    struct client idle, busy, late;
    client_open(&idle, server.port);
    client_puts(&idle, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    client_expect(&idle, 200);
    client_open(&busy, server.port);
    client_puts(&busy, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
    event_wait(&held);
    loop_post_call(server.loop, drain, server.http);
    client_expect_end(&idle);
    loop_post_call(server.loop, answer_held, NULL);
    struct answer a = client_answer(&busy, false);
    assert_int_equal(a.status, 200);
    assert_non_null(strstr(a.head, "Connection: close\r\n"));
    answer_done(&a);
    client_expect_end(&busy);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(server.port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    late.fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(late.fd, (struct sockaddr *)&to, sizeof to), -1);
    assert_int_equal(errno, ECONNREFUSED);
    close(late.fd);
    client_close(&idle);
    client_close(&busy);
}

/* Freed with everything open; the sanitizers see what it forgets. */
static void test_free_while_busy(void **state)
{
    (void)state;
    static const char *const requests[] = {"", "GET /", "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n",
                                           "GET /blob?n=20000000 HTTP/1.1\r\nHost: a\r\n\r\n"};
    struct http_server_conf conf;
    http_server_conf_default(&conf);
    start(&conf);
    struct client c[ARRAY_LEN(requests)];
    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        client_open(&c[i], server.port);
        client_puts(&c[i], requests[i]);
    }
    event_wait(&held);
    while (c[3].in.len == 0)
        assert_true(client_more(&c[3]) > 0);
    test_server_stop(&server);
    event_wait(&aborted);
    for (size_t i = 0; i < ARRAY_LEN(requests); i++)
        client_close(&c[i]);
}

#define WITH(test, how) cmocka_unit_test_setup_teardown(test, how, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(test_slow_header, start_quick),
        WITH(test_dripped_header, start_quick),
        WITH(test_slow_body, start_quick),
        WITH(test_idle, start_quick),
        WITH(test_stuck_writer, start_quick),
        WITH(test_held_outlives_deadlines, start_quick),
        WITH(test_continue, start_default),
        WITH(test_half_close, start_default),
        WITH(test_half_close_in_request, start_default),
        WITH(test_abort, start_default),
        WITH(test_abort_while_paused, start_default),
        WITH(test_answer_after_abort, start_default),
        WITH(test_read_ahead, start_default),
        WITH(test_fields, start_default),
        WITH(test_big_answers, start_default),
        WITH(test_early_413, start_default),
        WITH(test_linger_bound, start_default),
        WITH(test_drain, start_default),
        cmocka_unit_test(test_free_while_busy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
