/*
 * What the fetcher makes of all that goes wrong: the error, a text that says where and what to do,
 * and a fetcher that works afterwards.
 */
#include "unit.h"

#include "fetch_rig.c"

/* After a failure the same host must be reachable as before. */
static void assert_still_works(struct rig *b)
{
    struct got *g = ask(b, "/ok");

    await_one(b, g);
    assert_int_equal(g->err, E_OK);
    assert_int_equal(g->status, 200);
}

static void assert_fails(struct got *g, enum err e, const char *part)
{
    if (g->err != e)
        fail_msg("%s instead of %s: %s", err_row(g->err)->name, err_row(e)->name, g->text);
    if (!strstr(g->text, part))
        fail_msg("\"%s\" is not in: %s", part, g->text);
    assert_int_equal(g->status, 0);
    assert_has(g->text, "127.0.0.");
}

/* ---- no connection ---- */

static uint16_t port_of(int fd)
{
    struct sockaddr_in a;
    socklen_t len = sizeof a;

    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    return ntohs(a.sin_port);
}

static int bound_socket(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

static void test_refused_port(void **state)
{
    struct rig *b = *state;
    int fd = bound_socket(); /* not listening */
    char url[64], peer[32];

    snprintf(peer, sizeof peer, "127.0.0.1:%u", port_of(fd));
    snprintf(url, sizeof url, "http://%s/", peer);
    struct got *g[20];
    for (size_t i = 0; i < ARRAY_LEN(g); i++)
        g[i] = ask_target(b, url, NULL);
    assert_false(g[0]->done);
    await(b);
    for (size_t i = 0; i < ARRAY_LEN(g); i++) {
        assert_fails(g[i], E_POLL_CONNECT, peer);
        assert_has(g[i]->text, "Connection refused");
        assert_has(g[i]->text, "check");
    }
    close(fd);
    assert_still_works(b);
}

static void test_unknown_host(void **state)
{
    struct rig *b = *state;
    struct got *g = ask_target(b, "http://nosuchhost.invalid:81/", NULL);

    await(b);
    assert_int_equal(g->err, E_POLL_HOST);
    assert_has(g->text, "nosuchhost.invalid:81");
    assert_has(g->text, "check its spelling");
    /* Again: what the first left behind must not be lost. */
    g = ask_target(b, "http://nosuchhost.invalid:81/", NULL);
    await(b);
    assert_int_equal(g->err, E_POLL_HOST);
    assert_still_works(b);
}

/* A listener whose queue is full lets connecting hang. */
static void test_connect_timeout(void **state)
{
    struct rig *b = *state;
    struct fetcher_conf conf = rig_conf();
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = bound_socket(), fill[4];
    char url[64];

    conf.connect_timeout_us = 200 * US_PER_MS;
    replace_fetcher(b, &conf, NULL);
    assert_int_equal(listen(fd, 0), 0);
    a.sin_port = htons(port_of(fd));
    for (size_t i = 0; i < ARRAY_LEN(fill); i++) {
        fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        (void)connect(fill[i], (struct sockaddr *)&a, sizeof a);
    }
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", port_of(fd));
    struct got *g = ask_target(b, url, NULL);
    await(b);
    assert_fails(g, E_POLL_TIMEOUT, "no connection in time");
    assert_in_range(g->total_us, 150 * US_PER_MS, 3 * US_PER_S);
    for (size_t i = 0; i < ARRAY_LEN(fill); i++)
        close(fill[i]);
    close(fd);
    assert_still_works(b);
}

static void test_no_tls_there(void **state)
{
    struct rig *b = *state;
    char url[64];

    snprintf(url, sizeof url, "https%s/ok", b->origin->base + 4);
    struct got *g = ask_target(b, url, NULL);
    await(b);
    assert_fails(g, E_POLL_TLS, "speaks TLS");
    assert_still_works(b);
}

/* ---- answers that break off ---- */

static void test_broken_answers(void **state)
{
    static const struct {
        const char *path;
        enum err err;
        const char *text;
    } cases[] = {
        {"/short", E_POLL_CONNECT, "in the middle of the answer"},
        {"/chunked-short", E_POLL_CONNECT, "in the middle of the answer"},
        {"/reset", E_POLL_CONNECT, "broke"},
        {"/nothing", E_POLL_CONNECT, "without an answer"},
        {"/garbage", E_POLL_UNKNOWN, "the answer is not valid HTTP/1.1"},
        {"/head-large", E_POLL_SIZE, "header"},
        {"/line-large", E_POLL_SIZE, "header"},
    };
    struct rig *b = *state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct got *g = ask(b, cases[i].path);
        await(b);
        assert_fails(g, cases[i].err, cases[i].text);
        assert_still_works(b);
    }
}

static void test_size_limit(void **state)
{
    struct rig *b = *state;
    struct fetch_params p = params(b);

    p.max_bytes = 1000;
    struct got *fits = ask_with(b, "/big/1000", &p);
    struct got *fits_unsized = ask_with(b, "/unsized/1000", &p);
    struct got *sized = ask_with(b, "/big/1001", &p);
    struct got *unsized = ask_with(b, "/unsized/1001", &p);
    struct got *huge = ask_with(b, "/unsized/3000000", &p);
    await(b);
    assert_int_equal(fits->err, E_OK);
    assert_int_equal(fits_unsized->err, E_OK);
    assert_fails(sized, E_POLL_SIZE, "1001 bytes");
    assert_fails(unsized, E_POLL_SIZE, "limit of 1000");
    assert_fails(huge, E_POLL_SIZE, "limit of 1000");
    assert_still_works(b);
}

static void test_cut(void **state)
{
    static const char *const paths[] = {"/big/1001", "/unsized/1001", "/unsized/3000000",
                                        "/big/3000000"};
    struct rig *b = *state;
    struct fetch_params p = params(b);

    p.max_bytes = 1000;
    p.cut = true;
    struct got *fits = ask_with(b, "/big/1000", &p);
    await(b);
    assert_int_equal(fits->err, E_OK);
    assert_int_equal(fits->body_len, 1000);
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        struct got *g = ask_with(b, paths[i], &p);
        await(b);
        assert_int_equal(g->err, E_OK);
        assert_int_equal(g->status, 200);
        assert_int_equal(g->body_len, 1000);
    }
    /* The same handle, for whom it would be an error. */
    p.cut = false;
    struct got *whole = ask_with(b, "/unsized/1001", &p);
    await(b);
    assert_fails(whole, E_POLL_SIZE, "limit of 1000");
    assert_still_works(b);
}

/* ---- time ---- */

static struct got *ask_for(struct rig *b, const char *path, int64_t ms)
{
    struct fetch_params p = params(b);

    p.deadline = clock_now() + ms * US_PER_MS;
    return ask_with(b, path, &p);
}

static void test_deadline(void **state)
{
    static const struct {
        const char *path, *text;
    } cases[] = {
        {"/hang", "no answer within"},
        {"/drip", "not whole after"},
        {"/stall", "not whole after"},
    };
    struct rig *b = *state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t began = clock_now();
        struct got *g = ask_for(b, cases[i].path, 150);
        await(b);
        assert_fails(g, E_POLL_TIMEOUT, cases[i].text);
        assert_in_range(clock_now() - began, 150 * US_PER_MS, 2 * US_PER_S);
    }
    assert_still_works(b);
}

static void test_deadline_in_the_past(void **state)
{
    struct rig *b = *state;
    struct got *g = ask_for(b, "/ok", -5);

    assert_false(g->done);
    await(b);
    assert_int_equal(g->err, E_POLL_TIMEOUT);
}

static void test_deadline_in_the_queue(void **state)
{
    struct rig *b = *state;
    struct got *hung[4];

    for (size_t i = 0; i < ARRAY_LEN(hung); i++)
        hung[i] = ask(b, "/hang");
    struct got *g = ask_for(b, "/ok", 100);
    await_one(b, g);
    assert_fails(g, E_POLL_TIMEOUT, "under way");
    for (size_t i = 0; i < ARRAY_LEN(hung); i++)
        cancel(b, hung[i]);
    assert_still_works(b);
}

static void test_deadline_covers_redirects(void **state)
{
    struct rig *b = *state;
    struct fetch_params p = params(b);

    p.max_redirects = 5;
    p.deadline = clock_now() + 150 * US_PER_MS;
    struct got *g = ask_with(b, "/to//hang", &p);
    await(b);
    assert_fails(g, E_POLL_TIMEOUT, "no answer within");
    assert_int_equal(g->redirects, 1);
}

static void test_silence(void **state)
{
    struct rig *b = *state;
    struct fetcher_conf conf = rig_conf();

    conf.low_speed_us = 150 * US_PER_MS;
    replace_fetcher(b, &conf, NULL);
    struct got *hang = ask(b, "/hang");
    struct got *stall = ask(b, "/stall");
    struct got *drip = ask_for(b, "/drip", 600);
    await(b);
    assert_fails(hang, E_POLL_TIMEOUT, "nothing moved");
    assert_fails(stall, E_POLL_TIMEOUT, "4 bytes of the body");
    assert_fails(drip, E_POLL_TIMEOUT, "not whole after");
    assert_true(drip->order == 3);
    assert_still_works(b);
}

/* How long the failure says that it took, ms. */
static int said_ms(const struct got *g, const char *after)
{
    const char *at = strstr(g->text, after);
    int ms = 0;

    assert_non_null(at);
    assert_int_equal(sscanf(at + strlen(after), " %d ms", &ms), 1);
    return ms;
}

/* Counted from when it leaves the queue, however long it was there; and silence is fine. */
static void test_timeout(void **state)
{
    struct rig *b = *state;
    struct fetcher_conf conf = rig_conf();
    struct fetch_params p = params(b);

    conf.low_speed_us = 50 * US_PER_MS;
    conf.per_host = 1;
    replace_fetcher(b, &conf, NULL);
    p.timeout_us = 200 * US_PER_MS;
    int64_t began = clock_now();
    struct got *first = ask_with(b, "/hang", &p);
    struct got *second = ask_with(b, "/drip", &p);
    struct got *third = ask_with(b, "/ok", &p);
    await_one(b, first);
    assert_fails(first, E_POLL_TIMEOUT, "no answer within");
    assert_in_range(said_ms(first, "within"), 200, 350);
    assert_in_range(clock_now() - began, 200 * US_PER_MS, 350 * US_PER_MS);
    await(b);
    assert_fails(second, E_POLL_TIMEOUT, "not whole after");
    assert_in_range(said_ms(second, "after"), 200, 350);
    assert_in_range(clock_now() - began, 400 * US_PER_MS, 2 * US_PER_S);
    assert_int_equal(third->err, E_OK);
    /* The deadline holds all the same, also in the queue. It runs from before the request does. */
    p.timeout_us = 30 * US_PER_S;
    p.deadline = clock_now() + 100 * US_PER_MS;
    struct got *running = ask_with(b, "/hang", &p);
    struct got *queued = ask_with(b, "/ok", &p);
    await(b);
    assert_fails(running, E_POLL_TIMEOUT, "no answer within");
    assert_in_range(said_ms(running, "within"), 50, 1000);
    if (queued->err)
        assert_fails(queued, E_POLL_TIMEOUT, "under way");
    assert_still_works(b);
}

/* ---- what is refused ---- */

static bool has_ipv6(void)
{
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

/* libcurl makes localhost an address of each family, and tries them in an order of its own. */
static void test_egress_names_all(void **state)
{
    struct rig *b = *state;
    struct fetcher_conf conf = rig_conf();
    struct egress *e = NULL;
    char url[64], first[96];

    assert_ok(egress_new(true, NULL, 0, &e, NULL), NULL);
    replace_fetcher(b, &conf, e);
    egress_unref(e);
    snprintf(url, sizeof url, "http://localhost:%u/ok", b->origin->port);
    struct got *g = ask_target(b, url, NULL);
    await(b);
    snprintf(first, sizeof first, "localhost:%u: the address 127.0.0.1 is in", b->origin->port);
    assert_fails(g, E_POLL_EGRESS, first);
    if (has_ipv6())
        assert_has(g->text, "add 127.0.0.1 or its range to egress.allow; the address ::1 is in");
}

static void test_egress_allows_one_of_two(void **state)
{
    static const char *const allow[] = {"127.0.0.1"};
    struct rig *b = *state;
    struct fetcher_conf conf = rig_conf();
    struct egress *e = NULL;
    char url[64];

    assert_ok(egress_new(true, allow, 1, &e, NULL), NULL);
    replace_fetcher(b, &conf, e);
    egress_unref(e);
    snprintf(url, sizeof url, "http://localhost:%u/ok", b->origin->port);
    struct got *g = ask_target(b, url, NULL);
    await(b);
    if (g->err)
        fail_msg("%s", g->text);
    assert_int_equal(g->status, 200);
}

static void test_egress(void **state)
{
    static const char *const allow[] = {"127.0.0.2"};
    struct rig *b = *state;
    struct fetcher_conf conf = rig_conf();
    struct origin *allowed = origin_start("127.0.0.2");
    struct fetch_params p = params(b);
    struct egress *e = NULL;
    char url[160];

    assert_ok(egress_new(true, allow, 1, &e, NULL), NULL);
    replace_fetcher(b, &conf, e);
    egress_unref(e);
    struct got *g = ask(b, "/ok");
    await(b);
    assert_fails(g, E_POLL_EGRESS, "egress.allow");
    snprintf(url, sizeof url, "http://localhost:%u/ok", b->origin->port);
    struct got *named = ask_target(b, url, NULL);
    await(b);
    assert_fails(named, E_POLL_EGRESS, "egress.allow");
    assert_int_equal(b->origin->connections, 0);

    snprintf(url, sizeof url, "%s/ok", allowed->base);
    struct got *ok = ask_target(b, url, NULL);
    await(b);
    assert_int_equal(ok->err, E_OK);
    p.max_redirects = 5;
    snprintf(url, sizeof url, "%s/to/%s/ok", allowed->base, b->origin->base);
    struct got *hop = ask_target(b, url, &p);
    snprintf(url, sizeof url, "%s/to/http://169.254.169.254/latest", allowed->base);
    struct got *metadata = ask_target(b, url, &p);
    await(b);
    assert_fails(hop, E_POLL_EGRESS, "127.0.0.1");
    assert_int_equal(metadata->err, E_POLL_EGRESS);
    assert_has(metadata->text, "refused always");
    assert_int_equal(b->origin->connections, 0);
    origin_stop(allowed);
}

static void test_requests_that_cannot_be_made(void **state)
{
    struct rig *b = *state;
    struct str bad[] = {STR("No colon"), STR("A: b\r\nC: d"), STR("Content-Length: 5"), STR(": x")};

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct fetch_params p = params(b);
        p.headers = &bad[i];
        p.header_count = 1;
        struct got *g = ask_with(b, "/ok", &p);
        await(b);
        assert_int_equal(g->err, E_INVALID);
    }
    struct fetch_params p = params(b);
    p.method = "GET / HTTP/1.1\r\nX: y\r\n\r\nGET";
    struct got *method = ask_with(b, "/ok", &p);
    p = params(b);
    AUTO_FREE char *long_value = xcalloc(1, 70000);
    memset(long_value, 'x', 69999);
    p.etag = str_of(long_value);
    struct got *long_field = ask_with(b, "/ok", &p);
    await(b);
    assert_int_equal(method->err, E_INVALID);
    assert_int_equal(long_field->err, E_LIMIT);
    assert_int_equal(b->origin->requests, 0);
    assert_still_works(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        rig_test(test_refused_port),
        rig_test(test_unknown_host),
        rig_test(test_connect_timeout),
        rig_test(test_no_tls_there),
        rig_test(test_broken_answers),
        rig_test(test_size_limit),
        rig_test(test_cut),
        rig_test(test_deadline),
        rig_test(test_deadline_in_the_past),
        rig_test(test_deadline_in_the_queue),
        rig_test(test_deadline_covers_redirects),
        rig_test(test_silence),
        rig_test(test_timeout),
        rig_test(test_egress),
        rig_test(test_egress_names_all),
        rig_test(test_egress_allows_one_of_two),
        rig_test(test_requests_that_cannot_be_made),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
