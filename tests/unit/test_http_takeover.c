/*
 * Connections of the HTTP server that become channels.
 */
#include "http_rig.c"

static struct test_server server;

static struct event held = EVENT_INIT;    /* a request waits in `holding` */
static struct event stalled = EVENT_INIT; /* a channel's socket takes no more */
static struct event ended = EVENT_INIT; /* a channel's on_end was called, or the take-over failed */
static struct http_request *holding;

#define CHANNEL_BYTES ((size_t)8 << 20)

/* A taken-over connection that writes CHANNEL_BYTES of a pattern. */
struct channel {
    struct stream stream;
    struct buf rest;
    size_t sent;
    size_t memory;
    size_t received;
    enum err why;
};
static struct channel channel;

static void channel_write(struct channel *ch)
{
    char p[5000];
    while (ch->rest.len > 0) {
        struct iovec v = {ch->rest.p, ch->rest.len};
        ssize_t n = stream_writev(&ch->stream, &v, 1);
        if (n <= 0)
            return;
        buf_consume(&ch->rest, (size_t)n);
    }
    while (ch->sent < CHANNEL_BYTES) {
        size_t n = MIN(sizeof p, CHANNEL_BYTES - ch->sent);
        for (size_t i = 0; i < n; i++)
            p[i] = pattern_at(ch->sent + i);
        struct iovec v[2] = {{p, n / 3}, {p + n / 3, n - n / 3}};
        ssize_t k = stream_writev(&ch->stream, v, 2);
        if (k < 0)
            return;
        ch->sent += (size_t)k;
        if ((size_t)k < n) {
            event_happen(&stalled);
            return;
        }
    }
    stream_shutdown(&ch->stream);
}

static void on_channel_data(struct stream *s, const char *p, size_t n)
{
    (void)p;
    CONTAINER_OF(s, struct channel, stream)->received += n;
}

static void on_channel_writable(struct stream *s)
{
    channel_write(CONTAINER_OF(s, struct channel, stream));
}

static void on_channel_end(struct stream *s, enum err why)
{
    struct channel *ch = CONTAINER_OF(s, struct channel, stream);
    ch->why = why;
    stream_close(s);
    buf_done(&ch->rest);
    event_happen(&ended);
}

static const struct stream_events channel_events = {on_channel_data, on_channel_writable,
                                                    on_channel_end};

static void take_over(struct http_request *r, int status, bool writes)
{
    struct http_field fields[] = {{"Content-Type", STR("text/event-stream")}, {NULL, STR_NONE}};
    channel = (struct channel){.rest = BUF_INIT};
    channel.why = http_takeover(r, status, fields, &channel.stream, &channel_events, &channel.rest);
    if (channel.why != E_OK) {
        event_happen(&ended);
        return;
    }
    channel.memory = stream_memory(&channel.stream);
    if (writes)
        channel_write(&channel);
}

static void handler(struct http_request *r, void *arg)
{
    (void)arg;
    if (str_eqz(r->path, "/hold")) {
        holding = r;
        event_happen(&held);
    } else if (str_eqz(r->path, "/channel")) {
        take_over(r, 200, true);
    } else if (str_eqz(r->path, "/silent")) {
        take_over(r, 200, false);
    } else if (str_eqz(r->path, "/upgrade")) {
        take_over(r, 101, false);
    } else {
        http_respond(r, 200, NULL, r->path);
    }
}

static void take_over_held(void *arg)
{
    (void)arg;
    take_over(holding, 200, false);
}

static int start(void **state)
{
    (void)state;
    struct http_server_conf conf;
    http_server_conf_default(&conf);
    test_server_start(&server, &conf, handler);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    test_server_stop(&server);
    return 0;
}

static void test_takeover_slow_reader(void **state)
{
    (void)state;
    struct client c;
    client_open_sized(&c, server.port, 4096);
    client_puts(&c, "GET /channel HTTP/1.1\r\nHost: a\r\n\r\n");
    event_wait(&stalled);
    struct answer a = client_answer(&c, false);
    assert_int_equal(a.status, 200);
    assert_non_null(strstr(a.head, "Connection: close\r\n"));
    assert_null(strstr(a.head, "Content-Length"));
    answer_done(&a);
    while (client_more(&c) > 0)
        ;
    assert_int_equal(c.in.len, CHANNEL_BYTES);
    expect_pattern(c.in.p, c.in.len);
    client_close(&c);
    event_wait(&ended);
    assert_int_equal(channel.why, E_OK);
    assert_true(channel.memory <= 350);
    stalled.count = 0;
}

static void test_takeover_reset(void **state)
{
    (void)state;
    struct client c;
    client_open(&c, server.port);
    client_puts(&c, "GET /silent HTTP/1.1\r\nHost: a\r\n\r\n");
    client_expect(&c, 200);
    client_reset(&c);
    event_wait(&ended);
    assert_int_equal(http_server_open(server.http), 0);
    assert_int_equal(channel.why, E_CLOSED);
}

/* What came before the take-over is told after it. */
static void test_takeover_after_half_close(void **state)
{
    (void)state;
    struct client c;
    client_open(&c, server.port);
    client_puts(&c, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
    event_wait(&held);
    shutdown(c.fd, SHUT_WR);
    struct client other; /* by the time this one is answered, the end has been seen */
    client_open(&other, server.port);
    client_puts(&other, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    client_expect(&other, 200);
    client_close(&other);
    loop_post_call(server.loop, take_over_held, NULL);
    client_expect(&c, 200);
    event_wait(&ended);
    assert_int_equal(channel.why, E_OK);
    client_expect_end(&c);
    client_close(&c);
}

static void test_upgrade(void **state)
{
    (void)state;
    struct client c;
    client_open(&c, server.port);
    client_puts(&c,
                "GET /upgrade HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n");
    struct answer a = client_answer(&c, false);
    assert_int_equal(a.status, 101);
    assert_non_null(strstr(a.head, "Connection: Upgrade\r\n"));
    answer_done(&a);
    client_puts(&c, "hello");
    shutdown(c.fd, SHUT_WR);
    event_wait(&ended);
    assert_int_equal(channel.why, E_OK);
    assert_int_equal(channel.received, 5);
    client_close(&c);
}

/* Bytes of the new protocol before the answer would be lost. */
static void test_upgrade_too_eager(void **state)
{
    (void)state;
    struct client c;
    client_open(&c, server.port);
    client_puts(
        &c, "GET /upgrade HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nhello");
    assert_true(client_answer(&c, false).status <= 0);
    event_wait(&ended);
    assert_int_equal(channel.why, E_HTTP_SYNTAX);
    client_close(&c);
}

/* The client is gone before the answer. */
static void test_takeover_of_nobody(void **state)
{
    (void)state;
    struct client c;
    client_open(&c, server.port);
    client_puts(&c, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
    event_wait(&held);
    client_reset(&c);
    struct client other; /* by the time this one is answered, the reset has been seen */
    client_open(&other, server.port);
    client_puts(&other, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    client_expect(&other, 200);
    client_close(&other);
    loop_post_call(server.loop, take_over_held, NULL);
    event_wait(&ended);
    assert_int_equal(channel.why, E_CLOSED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_takeover_slow_reader),      cmocka_unit_test(test_takeover_reset),
        cmocka_unit_test(test_takeover_after_half_close), cmocka_unit_test(test_upgrade),
        cmocka_unit_test(test_upgrade_too_eager),         cmocka_unit_test(test_takeover_of_nobody),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
