/*
 * The fetcher over TLS: whom it trusts, and that it never falls back to plain HTTP. The origin has
 * a certificate of its own making, for 127.0.0.1.
 */
#include "unit.h"

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "fetch_rig.c"

struct tls_origin {
    int fd;
    SSL_CTX *ctx;
    pthread_t thread;
    char ca_file[64]; /* its own certificate */
    char base[64];
    char to[128]; /* where /redirect leads */
    atomic_uint connections, requests;
};

static X509 *make_cert(EVP_PKEY *key, const char *name)
{
    X509 *x = X509_new();
    X509_NAME *subject = X509_get_subject_name(x);
    X509V3_CTX ctx;
    char alt[64];

    X509_set_version(x, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_set_pubkey(x, key);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(x, subject);
    snprintf(alt, sizeof alt, "IP:%s", name);
    X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, NID_subject_alt_name, alt);
    X509_add_ext(x, e, -1);
    X509_EXTENSION_free(e);
    assert_true(X509_sign(x, key, EVP_sha256()) > 0);
    return x;
}

static void serve_tls(struct tls_origin *o, int fd)
{
    char request[4096], answer[512];
    SSL *ssl = SSL_new(o->ctx);
    int n;

    SSL_set_fd(ssl, fd);
    atomic_fetch_add(&o->connections, 1);
    while (SSL_accept(ssl) == 1 && (n = SSL_read(ssl, request, sizeof request - 1)) > 0) {
        request[n] = '\0';
        atomic_fetch_add(&o->requests, 1);
        bool redirect = strstr(request, "/redirect") != NULL;
        n = snprintf(answer, sizeof answer,
                     "HTTP/1.1 %s\r\nLocation: %s\r\nContent-Length: 6\r\n\r\nsecret",
                     redirect ? "302 Found" : "200 OK", redirect ? o->to : "/none");
        if (SSL_write(ssl, answer, n) <= 0)
            break;
    }
    SSL_free(ssl);
    close(fd);
}

/* One connection after the other is enough here. */
static void *run_tls(void *arg)
{
    struct tls_origin *o = arg;
    int fd;

    while ((fd = accept(o->fd, NULL, NULL)) >= 0)
        serve_tls(o, fd);
    return NULL;
}

static struct tls_origin *tls_origin_start(const char *cert_name)
{
    struct tls_origin *o = xcalloc(1, sizeof *o);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = make_cert(key, cert_name);

    signal(SIGPIPE, SIG_IGN);
    o->ctx = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate(o->ctx, cert);
    SSL_CTX_use_PrivateKey(o->ctx, key);
    snprintf(o->ca_file, sizeof o->ca_file, "/tmp/test_fetch_tls.XXXXXX");
    int ca = mkstemp(o->ca_file);
    FILE *f = fdopen(ca, "w");
    assert_non_null(f);
    assert_int_equal(PEM_write_X509(f, cert), 1);
    fclose(f);
    X509_free(cert);
    EVP_PKEY_free(key);
    o->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(o->fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(o->fd, 16), 0);
    assert_int_equal(getsockname(o->fd, (struct sockaddr *)&a, &len), 0);
    snprintf(o->base, sizeof o->base, "https://127.0.0.1:%u", ntohs(a.sin_port));
    assert_int_equal(pthread_create(&o->thread, NULL, run_tls, o), 0);
    return o;
}

/* The fetcher's connections are closed. */
static void tls_origin_stop(struct tls_origin *o)
{
    shutdown(o->fd, SHUT_RDWR);
    pthread_join(o->thread, NULL);
    close(o->fd);
    unlink(o->ca_file);
    SSL_CTX_free(o->ctx);
    free(o);
}

static void trust(struct rig *b, const char *ca_file)
{
    struct fetcher_conf conf = rig_conf();

    conf.ca_file = ca_file;
    replace_fetcher(b, &conf, NULL);
}

static struct got *ask_tls(struct rig *b, struct tls_origin *o, const char *path)
{
    struct fetch_params p = params(b);
    char url[128];

    p.max_redirects = 5;
    snprintf(url, sizeof url, "%s%s", o->base, path);
    struct got *g = ask_target(b, url, &p);
    await(b);
    return g;
}

static void test_trusted_and_kept(void **state)
{
    struct rig *b = *state;
    struct tls_origin *o = tls_origin_start("127.0.0.1");

    trust(b, o->ca_file);
    for (int i = 0; i < 3; i++) {
        struct got *g = ask_tls(b, o, "/x");
        assert_string_equal(g->text, err_row(E_OK)->text);
        assert_int_equal(g->status, 200);
        assert_string_equal(g->body, "secret");
    }
    assert_int_equal(o->connections, 1);
    assert_int_equal(o->requests, 3);
    trust(b, NULL);
    tls_origin_stop(o);
}

static void assert_distrusted(struct rig *b, struct tls_origin *o, const char *part)
{
    struct got *g = ask_tls(b, o, "/x");

    assert_int_equal(g->err, E_POLL_TLS);
    assert_has(g->text, "127.0.0.1:");
    assert_has(g->text, part);
    assert_int_equal(o->requests, 0);
}

static void test_unknown_authority(void **state)
{
    struct rig *b = *state;
    struct tls_origin *o = tls_origin_start("127.0.0.1");

    trust(b, NULL);
    assert_distrusted(b, o, "not trusted");
    tls_origin_stop(o);
}

static void test_certificate_of_another_host(void **state)
{
    struct rig *b = *state;
    struct tls_origin *o = tls_origin_start("127.0.0.9");

    trust(b, o->ca_file);
    assert_distrusted(b, o, "not trusted");
    trust(b, NULL);
    tls_origin_stop(o);
}

static void test_bad_ca_file(void **state)
{
    struct rig *b = *state;
    struct tls_origin *o = tls_origin_start("127.0.0.1");

    trust(b, "/nonexistent/ca.pem");
    assert_distrusted(b, o, "/nonexistent/ca.pem");
    trust(b, "/dev/null");
    assert_distrusted(b, o, "/dev/null");
    trust(b, NULL);
    tls_origin_stop(o);
}

static void test_never_down_to_http(void **state)
{
    struct rig *b = *state;
    struct tls_origin *o = tls_origin_start("127.0.0.1");

    trust(b, o->ca_file);
    snprintf(o->to, sizeof o->to, "%s/ok", b->origin->base);
    struct got *g = ask_tls(b, o, "/redirect");
    assert_int_equal(g->err, E_POLL_REDIRECT);
    assert_has(g->text, "https to http");
    assert_int_equal(b->origin->requests, 0);
    trust(b, NULL);
    tls_origin_stop(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        rig_test(test_trusted_and_kept),
        rig_test(test_unknown_authority),
        rig_test(test_certificate_of_another_host),
        rig_test(test_bad_ca_file),
        rig_test(test_never_down_to_http),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
