/*
 * TLS of the server side. A session reads from bytes that stream.c lends it and writes into a
 * buffer of its own through a BIO made here, so that nothing is copied on the way in and nothing
 * is held while a connection is idle.
 */
#include "io/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/buf.h"

/* More than the largest flight of a handshake; a record is 17 KiB. */
#define PENDING_MAX ((size_t)1 << 20)

struct tls_server {
    atomic_uint refs;
    SSL_CTX *ctx;
};

struct tls_session {
    SSL *ssl;
    const char *in; /* borrowed, see tls_session_feed() */
    size_t in_n;
    struct buf out;
    size_t out_at; /* of it, sent */
    bool failed;
};

/* ---- the BIO ---- */

static BIO_METHOD *bio_method;
static pthread_once_t bio_once = PTHREAD_ONCE_INIT;

static int bio_read(BIO *bio, char *p, int n)
{
    struct tls_session *s = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (s->in_n == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    size_t take = MIN(s->in_n, (size_t)n);
    memcpy(p, s->in, take);
    s->in += take;
    s->in_n -= take;
    return (int)take;
}

static int bio_write(BIO *bio, const char *p, int n)
{
    struct tls_session *s = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    return buf_try_append(&s->out, p, (size_t)n) == E_OK ? n : -1;
}

static long bio_ctrl(BIO *bio, int cmd, long num, void *ptr)
{
    (void)bio;
    (void)num;
    (void)ptr;
    return cmd == BIO_CTRL_FLUSH;
}

static void make_bio_method(void)
{
    bio_method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "pollcast stream");
    CHECK(bio_method);
    CHECK(BIO_meth_set_read(bio_method, bio_read) == 1);
    CHECK(BIO_meth_set_write(bio_method, bio_write) == 1);
    CHECK(BIO_meth_set_ctrl(bio_method, bio_ctrl) == 1);
}

/* ---- certificate and key ---- */

/* Never ask on the terminal: a server has none. */
static int no_password(char *p, int size, int writing, void *arg)
{
    (void)p;
    (void)size;
    (void)writing;
    (void)arg;
    return 0;
}

/* "http/1.1" if the client offers it; a client that offers only others is served all the same. */
static int choose_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_n,
                       const unsigned char *in, unsigned in_n, void *arg)
{
    (void)ssl;
    (void)arg;
    static const unsigned char ours[] = "\x08http/1.1";
    unsigned char *chosen = NULL;
    if (SSL_select_next_proto(&chosen, out_n, ours, sizeof ours - 1, in, in_n) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_NOACK;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static void set_up(SSL_CTX *ctx)
{
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    /* Tickets hold the state at the client; a cache here would hold it for all of them. */
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_default_passwd_cb(ctx, no_password);
    SSL_CTX_set_alpn_select_cb(ctx, choose_alpn, NULL);
}

/* The oldest error is the cause; those after it say where it was passed on. */
static enum err fail(struct errinfo *ei, const char *what, const char *file)
{
    char why[256] = "unknown reason";
    unsigned long e = ERR_get_error();
    if (e)
        ERR_error_string_n(e, why, sizeof why);
    ERR_clear_error();
    return err_set(ei, E_INVALID, "%s %s: %s", what, file, why);
}

static void ctx_freep(SSL_CTX **ctx)
{
    SSL_CTX_free(*ctx);
}

enum err tls_server_new(const char *cert_file, const char *key_file, struct tls_server **ret,
                        struct errinfo *ei)
{
    ERR_clear_error();
    AUTO(ctx_freep) SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    if (!ctx)
        return fail(ei, "TLS cannot be used with", cert_file);
    set_up(ctx);
    if (SSL_CTX_use_certificate_chain_file(ctx, cert_file) != 1)
        return fail(ei, "certificate", cert_file);
    if (SSL_CTX_use_PrivateKey_file(ctx, key_file, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(ctx) != 1)
        return fail(ei, "private key", key_file);
    pthread_once(&bio_once, make_bio_method);
    struct tls_server *t = xcalloc(1, sizeof *t);
    atomic_init(&t->refs, 1);
    t->ctx = TAKE(ctx);
    *ret = t;
    return E_OK;
}

struct tls_server *tls_server_ref(struct tls_server *t)
{
    if (t)
        atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
    return t;
}

void tls_server_unref(struct tls_server *t)
{
    if (!t || atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) != 1)
        return;
    SSL_CTX_free(t->ctx);
    free(t);
}

/* ---- a session ---- */

struct tls_session *tls_session_new(struct tls_server *t)
{
    struct tls_session *s = xcalloc(1, sizeof *s);
    s->out.max = PENDING_MAX;
    s->ssl = SSL_new(t->ctx);
    BIO *bio = BIO_new(bio_method);
    if (!s->ssl || !bio)
        panic("out of memory for a TLS session");
    BIO_set_data(bio, s);
    BIO_set_init(bio, 1);
    SSL_set_bio(s->ssl, bio, bio);
    SSL_set_accept_state(s->ssl);
    return s;
}

void tls_session_free(struct tls_session *s)
{
    if (!s)
        return;
    SSL_free(s->ssl);
    buf_done(&s->out);
    free(s);
}

void tls_session_feed(struct tls_session *s, const char *p, size_t n)
{
    s->in = p;
    s->in_n = n;
}

/* 0 when OpenSSL waits for more input, else -1. */
static long outcome(struct tls_session *s, int result)
{
    int e = SSL_get_error(s->ssl, result);
    ERR_clear_error();
    if (e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE)
        return 0;
    if (e != SSL_ERROR_ZERO_RETURN)
        s->failed = true;
    return -1;
}

long tls_session_read(struct tls_session *s, char *p, size_t n)
{
    if (s->failed)
        return -1;
    ERR_clear_error();
    int k = SSL_read(s->ssl, p, (int)MIN(n, (size_t)INT32_MAX));
    return k > 0 ? k : outcome(s, k);
}

long tls_session_write(struct tls_session *s, const char *p, size_t n)
{
    if (s->failed)
        return -1;
    if (n == 0 || !SSL_is_init_finished(s->ssl))
        return 0;
    ERR_clear_error();
    int k = SSL_write(s->ssl, p, (int)MIN(n, (size_t)TLS_RECORD_MAX));
    return k > 0 ? k : outcome(s, k);
}

void tls_session_pending(const struct tls_session *s, const char **ret, size_t *ret_n)
{
    *ret = s->out.p ? s->out.p + s->out_at : NULL;
    *ret_n = s->out.len - s->out_at;
}

void tls_session_sent(struct tls_session *s, size_t n)
{
    CHECK(n <= s->out.len - s->out_at);
    s->out_at += n;
    if (s->out_at < s->out.len)
        return;
    buf_done(&s->out);
    s->out_at = 0;
}

void tls_session_shutdown(struct tls_session *s)
{
    if (s->failed || !SSL_is_init_finished(s->ssl))
        return;
    ERR_clear_error();
    (void)SSL_shutdown(s->ssl);
    ERR_clear_error();
}

bool tls_session_ready(const struct tls_session *s)
{
    return SSL_is_init_finished(s->ssl);
}

bool tls_session_closed(const struct tls_session *s)
{
    return (SSL_get_shutdown(s->ssl) & SSL_RECEIVED_SHUTDOWN) && !s->failed;
}

size_t tls_session_memory(const struct tls_session *s)
{
    return sizeof *s + s->out.cap;
}
