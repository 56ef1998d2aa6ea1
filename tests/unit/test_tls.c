/*
 * The HTTP server over TLS, with a certificate made by the openssl command, and the errors of
 * certificate and key files.
 */
#include "http_rig.c"

#include <openssl/err.h>
#include <poll.h>
#include <sys/stat.h>

#include "io/tls.h"

static char folder[64], cert[80], key[80], other_key[80];
static struct tls_server *tls;
static struct test_server server;
static SSL_CTX *client_ctx;

static struct event held = EVENT_INIT;
static struct event ended = EVENT_INIT;
static struct http_request *holding;

/* ---- the server's side ---- */

#define CHANNEL_BYTES ((size_t)4 << 20)

struct channel {
    struct stream stream;
    struct buf rest;
    size_t sent;
    enum err why;
};
static struct channel channel;
static char pattern[70000];

static void channel_write(struct channel *ch)
{
    while (ch->rest.len > 0) {
        struct iovec v = {ch->rest.p, ch->rest.len};
        ssize_t n = stream_writev(&ch->stream, &v, 1);
        if (n <= 0)
            return;
        buf_consume(&ch->rest, (size_t)n);
    }
    while (ch->sent < CHANNEL_BYTES) {
        size_t at = ch->sent % sizeof pattern;
        size_t n = MIN(sizeof pattern - at, CHANNEL_BYTES - ch->sent);
        struct iovec v[4] = {{pattern + at, n / 3},
                             {pattern, 0},
                             {pattern + at + n / 3, n / 5},
                             {pattern + at + n / 3 + n / 5, n - n / 3 - n / 5}};
        ssize_t k = stream_writev(&ch->stream, v, 4);
        if (k < 0)
            return;
        ch->sent += (size_t)k;
        if ((size_t)k < n)
            return;
    }
    stream_shutdown(&ch->stream);
}

static void on_channel_data(struct stream *s, const char *p, size_t n)
{
    (void)s;
    (void)p;
    (void)n;
}

static void on_channel_writable(struct stream *s)
{
    channel_write(CONTAINER_OF(s, struct channel, stream));
}

static void on_channel_end(struct stream *s, enum err why)
{
    CONTAINER_OF(s, struct channel, stream)->why = why;
    stream_close(s);
    event_happen(&ended);
}

static const struct stream_events channel_events = {on_channel_data, on_channel_writable,
                                                    on_channel_end};

static void handler(struct http_request *r, void *arg)
{
    (void)arg;
    if (str_eqz(r->path, "/hold")) {
        holding = r;
        event_happen(&held);
    } else if (str_eqz(r->path, "/channel")) {
        channel = (struct channel){.rest = BUF_INIT};
        assert_int_equal(
            http_takeover(r, 200, NULL, &channel.stream, &channel_events, &channel.rest), E_OK);
        channel_write(&channel);
    } else if (str_eqz(r->path, "/big")) {
        struct blob *b = blob_new(pattern, sizeof pattern);
        http_respond_blob(r, 200, NULL, b);
        blob_unref(b);
    } else {
        http_respond(r, 200, NULL, r->body.n ? r->body : r->path);
    }
}

static void answer_held(void *arg)
{
    (void)arg;
    http_respond(holding, 200, NULL, STR("held"));
}

/* ---- certificate and key ---- */

static void make_certificate(void)
{
    snprintf(folder, sizeof folder, "/tmp/pollcast-test-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(cert, sizeof cert, "%s/cert.pem", folder);
    snprintf(key, sizeof key, "%s/key.pem", folder);
    snprintf(other_key, sizeof other_key, "%s/other.pem", folder);
    AUTO_FREE char *command =
        xasprintf("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
                  "-subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 -keyout %s -out %s "
                  "2>/dev/null && openssl genpkey -algorithm ed25519 -out %s 2>/dev/null",
                  key, cert, other_key);
    assert_int_equal(system(command), 0);
}

static int set_up(void **state)
{
    (void)state;
    struct errinfo ei = ERRINFO_INIT;
    for (size_t i = 0; i < sizeof pattern; i++)
        pattern[i] = pattern_at(i);
    make_certificate();
    if (tls_server_new(cert, key, &tls, &ei) != E_OK)
        fail_msg("%s", ei.text);
    client_ctx = SSL_CTX_new(TLS_client_method());
    assert_int_equal(SSL_CTX_load_verify_locations(client_ctx, cert, NULL), 1);
    SSL_CTX_set_verify(client_ctx, SSL_VERIFY_PEER, NULL);
    struct http_server_conf conf;
    http_server_conf_default(&conf);
    conf.tls = tls;
    conf.header_timeout_us = 300 * US_PER_MS;
    test_server_start(&server, &conf, handler);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    test_server_stop(&server);
    tls_server_unref(tls);
    SSL_CTX_free(client_ctx);
    unlink(cert);
    unlink(key);
    unlink(other_key);
    rmdir(folder);
    return 0;
}

/* ---- the client's side ---- */

/* The outcome of SSL_connect(). */
static int client_tls(struct client *c, int rcvbuf, int version)
{
    client_open_sized(c, server.port, rcvbuf);
    c->ssl = SSL_new(client_ctx);
    SSL_set_fd(c->ssl, c->fd);
    SSL_set_min_proto_version(c->ssl, version);
    SSL_set_max_proto_version(c->ssl, version);
    return client_handshake(c);
}

static void test_requests(void **state)
{
    (void)state;
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
        struct client c;
        assert_int_equal(client_tls(&c, 0, versions[i]), 1);
        for (int round = 0; round < 3; round++) {
            client_puts(&c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
                            "GET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
            struct answer a = client_answer(&c, false);
            assert_int_equal(a.status, 200);
            assert_string_equal(a.body, "abc");
            answer_done(&a);
            client_expect(&c, 200);
        }
        client_puts(&c, "GET / HTTP/1.1\r\n\r\n");
        client_expect(&c, 400);
        client_expect_end(&c);
        assert_int_equal(SSL_get_shutdown(c.ssl) & SSL_RECEIVED_SHUTDOWN, SSL_RECEIVED_SHUTDOWN);
        client_close(&c);
    }
}

static void test_big_answers(void **state)
{
    (void)state;
    struct client c;
    assert_int_equal(client_tls(&c, 4096, TLS1_3_VERSION), 1);
    for (int i = 0; i < 20; i++)
        client_puts(&c, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
    for (int i = 0; i < 20; i++) {
        struct answer a = client_answer(&c, false);
        assert_int_equal(a.status, 200);
        assert_int_equal(a.body_n, sizeof pattern);
        assert_memory_equal(a.body, pattern, sizeof pattern);
        answer_done(&a);
    }
    client_close(&c);
}

static void test_takeover_slow_reader(void **state)
{
    (void)state;
    struct client c;
    assert_int_equal(client_tls(&c, 4096, TLS1_3_VERSION), 1);
    client_puts(&c, "GET /channel HTTP/1.1\r\nHost: a\r\n\r\n");
    client_expect(&c, 200);
    while (client_more(&c) > 0)
        ;
    assert_int_equal(c.in.len, CHANNEL_BYTES);
    for (size_t i = 0; i < CHANNEL_BYTES; i += sizeof pattern)
        assert_memory_equal(c.in.p + i, pattern, MIN(sizeof pattern, CHANNEL_BYTES - i));
    client_close(&c);
    event_wait(&ended);
    assert_int_equal(channel.why, E_OK);
}

/* close_notify of the client's side only, as half-close of TCP. */
static void test_half_close(void **state)
{
    (void)state;
    struct client c;
    assert_int_equal(client_tls(&c, 0, TLS1_3_VERSION), 1);
    client_puts(&c, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
    event_wait(&held);
    assert_int_equal(SSL_shutdown(c.ssl), 0);
    loop_post_call(server.loop, answer_held, NULL);
    client_expect(&c, 200);
    client_expect_end(&c);
    client_close(&c);
}

static void test_slow_handshake(void **state)
{
    (void)state;
    struct client silent, slow;
    client_open(&silent, server.port);
    client_open(&slow, server.port);
    client_puts(&slow, "\x16\x03\x01");
    client_expect_end(&silent);
    client_expect_end(&slow);
    client_close(&silent);
    client_close(&slow);
}

/* After the handshake the idle timeout holds, not that of the handshake. */
static void test_idle_after_handshake(void **state)
{
    (void)state;
    struct client c, silent;
    assert_int_equal(client_tls(&c, 0, TLS1_3_VERSION), 1);
    client_open(&silent, server.port);
    client_expect_end(&silent);
    client_close(&silent);
    client_puts(&c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    client_expect(&c, 200);
    client_close(&c);
}

static void test_dripped_handshake_and_request(void **state)
{
    (void)state;
    struct client c;
    assert_int_equal(client_tls(&c, 0, TLS1_2_VERSION), 1);
    for (const char *p = "GET /drip HTTP/1.1\r\nHost: a\r\n\r\n"; *p; p++)
        client_send(&c, str_make(p, 1));
    client_expect(&c, 200);
    client_close(&c);
}

static void test_plain_http(void **state)
{
    (void)state;
    struct client c;
    client_open(&c, server.port);
    client_puts(&c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    while (client_more(&c) > 0)
        ;
    assert_true(c.in.len == 0 || memmem(c.in.p, c.in.len, "HTTP", 4) == NULL);
    client_close(&c);
}

static void test_old_version(void **state)
{
    (void)state;
    struct client c;
    assert_int_not_equal(client_tls(&c, 0, TLS1_1_VERSION), 1);
    ERR_clear_error();
    client_close(&c);
}

static void test_alpn(void **state)
{
    (void)state;
    static const unsigned char offer[] = "\x02h2\x08http/1.1";
    const unsigned char *chosen;
    unsigned n;
    struct client c;
    client_open(&c, server.port);
    c.ssl = SSL_new(client_ctx);
    SSL_set_fd(c.ssl, c.fd);
    SSL_set_alpn_protos(c.ssl, offer, sizeof offer - 1);
    assert_int_equal(client_handshake(&c), 1);
    SSL_get0_alpn_selected(c.ssl, &chosen, &n);
    assert_int_equal(n, 8);
    assert_memory_equal(chosen, "http/1.1", 8);
    client_close(&c);
}

static void expect_refused(const char *cert_file, const char *key_file, const char *named)
{
    struct tls_server *t = NULL;
    struct errinfo ei = ERRINFO_INIT;
    assert_int_equal(tls_server_new(cert_file, key_file, &t, &ei), E_INVALID);
    assert_null(t);
    if (!strstr(ei.text, named))
        fail_msg("%s does not name %s", ei.text, named);
}

static void test_bad_files(void **state)
{
    (void)state;
    expect_refused("/nonexistent/cert.pem", key, "/nonexistent/cert.pem");
    expect_refused(cert, "/nonexistent/key.pem", "/nonexistent/key.pem");
    expect_refused(key, key, key);
    expect_refused(cert, cert, cert);
    expect_refused(cert, other_key, other_key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_big_answers),
        cmocka_unit_test(test_takeover_slow_reader),
        cmocka_unit_test(test_half_close),
        cmocka_unit_test(test_slow_handshake),
        cmocka_unit_test(test_idle_after_handshake),
        cmocka_unit_test(test_dripped_handshake_and_request),
        cmocka_unit_test(test_plain_http),
        cmocka_unit_test(test_old_version),
        cmocka_unit_test(test_alpn),
        cmocka_unit_test(test_bad_files),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
