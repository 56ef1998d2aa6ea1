/*
 * The HTTP server's listening socket: its address, too many connections, no descriptors left.
 */
#include "http_rig.c"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/count.h"

static struct test_server server;

static void handler(struct http_request *r, void *arg)
{
    (void)arg;
    http_respond(r, 200, NULL, r->path);
}

static int stop(void **state)
{
    (void)state;
    test_server_stop(&server);
    return 0;
}

static int start_small(void **state)
{
    (void)state;
    struct http_server_conf conf;
    http_server_conf_default(&conf);
    conf.max_connections = 3;
    test_server_start(&server, &conf, handler);
    return 0;
}

static void test_too_many(void **state)
{
    (void)state;
    struct client c[4];
    for (size_t i = 0; i < 3; i++) {
        client_open(&c[i], server.port);
        client_puts(&c[i], "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        client_expect(&c[i], 200);
    }
    int64_t refused = count_read(COUNT_http_refused);
    client_open(&c[3], server.port);
    client_puts(&c[3], "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    client_expect(&c[3], 503);
    client_expect_end(&c[3]);
    assert_int_equal(count_read(COUNT_http_refused) - refused, 1);
    for (size_t i = 0; i < 4; i++)
        client_close(&c[i]);
    /* The server learns of the closed ones in its own time. */
    int status = 0;
    for (int64_t began = clock_now(); status != 200 && ms_since(began) < WAIT_S * 1000;) {
        client_open(&c[0], server.port);
        client_puts(&c[0], "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        struct answer a = client_answer(&c[0], false);
        status = a.status;
        answer_done(&a);
        client_close(&c[0]);
    }
    assert_int_equal(status, 200);
}

static void test_bad_address(void **state)
{
    (void)state;
    struct http_server_conf conf;
    struct http_server *s = NULL;
    struct errinfo ei = ERRINFO_INIT;
    struct loop *l = loop_new(0);
    http_server_conf_default(&conf);
    conf.address = "localhost";
    assert_int_equal(http_server_new(l, &conf, handler, test_error_body, NULL, &s, &ei), E_INVALID);
    assert_non_null(strstr(ei.text, "localhost"));
    err_clear(&ei);
    conf.address = "192.0.2.1";
    assert_int_equal(http_server_new(l, &conf, handler, test_error_body, NULL, &s, &ei), E_SYSTEM);
    assert_non_null(strstr(ei.text, "192.0.2.1"));
    assert_null(s);
    loop_free(l);
}

/* ---- out of descriptors ---- */

/* In a process of its own: a server that may have few descriptors; its port goes to `out`, it ends
 * when `in` closes, with status 0 if it did not spin. */
static void serve_with_few_fds(int out, int in)
{
    struct rlimit few = {40, 40};
    struct http_server_conf conf;
    struct rusage used;
    char end;
    http_server_conf_default(&conf);
    if (setrlimit(RLIMIT_NOFILE, &few) != 0)
        _exit(2);
    test_server_start(&server, &conf, handler);
    if (write(out, &server.port, sizeof server.port) != sizeof server.port)
        _exit(3);
    (void)!read(in, &end, 1);
    test_server_stop(&server);
    getrusage(RUSAGE_SELF, &used);
    _exit(used.ru_utime.tv_sec + used.ru_stime.tv_sec >= 2 ? 4 : 0);
}

static void test_out_of_fds(void **state)
{
    (void)state;
    enum { N = 200 };
    int up[2], down[2], status, closed = 0;
    uint16_t port;
    struct client c[N];
    assert_int_equal(pipe2(up, O_CLOEXEC), 0);
    assert_int_equal(pipe2(down, O_CLOEXEC), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(down[1]);
        serve_with_few_fds(up[1], down[0]);
    }
    assert_int_equal(read(up[0], &port, sizeof port), sizeof port);
    for (int i = 0; i < N; i++)
        client_open(&c[i], port);
    /* The last came when nothing was free any more. */
    assert_true(client_more(&c[N - 1]) <= 0);
    for (int i = 0; i < N; i++) {
        struct pollfd p = {.fd = c[i].fd, .events = POLLIN};
        closed += poll(&p, 1, 0);
        client_close(&c[i]);
    }
    assert_in_range(closed, N - 40, N - 1);
    bool served = false;
    for (int64_t began = clock_now(); !served && ms_since(began) < WAIT_S * 1000;) {
        client_open(&c[0], port);
        client_puts(&c[0], "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        struct answer a = client_answer(&c[0], false);
        served = a.status == 200;
        answer_done(&a);
        client_close(&c[0]);
    }
    assert_true(served);
    close(down[1]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    close(up[0]);
    close(up[1]);
    close(down[0]);
}

/* Several loops share an address; other programs are kept off by the first. */
static void test_shared_address(void **state)
{
    (void)state;
    struct http_server_conf conf;
    struct http_server *s[2] = {NULL, NULL};
    struct http_server *other = NULL;
    struct errinfo ei = ERRINFO_INIT;
    struct loop *l = loop_new(0);
    http_server_conf_default(&conf);
    conf.address = "::1";
    conf.exclusive = true;
    assert_int_equal(http_server_new(l, &conf, handler, test_error_body, NULL, &s[0], &ei), E_OK);
    conf.port = http_server_port(s[0]);
    assert_int_equal(http_server_new(l, &conf, handler, test_error_body, NULL, &other, &ei),
                     E_SYSTEM);
    assert_non_null(strstr(ei.text, strerror(EADDRINUSE)));
    conf.exclusive = false;
    assert_int_equal(http_server_new(l, &conf, handler, test_error_body, NULL, &s[1], &ei), E_OK);
    assert_int_equal(http_server_port(s[1]), conf.port);
    http_server_free(s[0]);
    http_server_free(s[1]);
    loop_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_too_many, start_small, stop),
        cmocka_unit_test(test_bad_address),
        cmocka_unit_test(test_shared_address),
        cmocka_unit_test(test_out_of_fds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
