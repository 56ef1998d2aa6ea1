/*
 * Easy handles: pooled, because a few that stay in the cache cost half of one per target, and
 * options that never change are set once. Here are also the callbacks that libcurl runs while it
 * transfers; they only keep bytes and take notes.
 */
#include <errno.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/count.h"
#include "io/fetch_multi.h"
#include "io/tls_trust.h"

#define POOL_MAX 64
#define OPENED_MAX 2U                       /* sockets opened by a handle that is used again */
#define KEPT_BODY_BYTES ((size_t)128 << 10) /* larger body buffers leave the pool */
#define DNS_CACHE_S 60L
#define IDLE_CONNECTION_S 118L
#define TRUST_AGE_US (24 * 3600 * US_PER_S) /* CA files are updated now and then */
#define BUFFER_SMALL 16384L
#define BUFFER_LARGE 65536L /* saves 10 % from 50 KB bodies on; more loses */

#define SET(easy, option, value)                                                                   \
    do {                                                                                           \
        CURLcode set_code_ = curl_easy_setopt(easy, option, value);                                \
        if (UNLIKELY(set_code_))                                                                   \
            panic("libcurl refuses " #option ": %s", curl_easy_strerror(set_code_));               \
    } while (0)

/* ---- callbacks ---- */

/* Make room for the whole body when its size is told, and refuse it early when it is too large. */
static bool reserve_body(struct fetch_xfer *x)
{
    curl_off_t told = -1;
    size_t max = x->f->params.max_bytes;

    curl_easy_getinfo(x->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &told);
    if (told < 0)
        return true;
    if ((uint64_t)told > max && x->f->params.cut)
        return buf_reserve(&x->body, max) == E_OK;
    if ((uint64_t)told > max) {
        err_set(&x->f->info, E_POLL_SIZE,
                "%s: the response has %lld bytes, more than the limit of %zu", x->f->url->peer,
                (long long)told, max);
        return false;
    }
    return buf_reserve(&x->body, (size_t)told) == E_OK;
}

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
    struct fetch_xfer *x = arg;
    struct fetch *f = x->f;

    (void)size;
    f->alive = f->fr->now;
    if (x->body.len == 0 && !reserve_body(x))
        return 0;
    if (buf_try_append(&x->body, p, n) == E_OK)
        return n;
    if (f->params.cut) {
        buf_append(&x->body, p, f->params.max_bytes - x->body.len);
        x->cut = true;
        return 0;
    }
    err_set(&f->info, E_POLL_SIZE, "%s: the response is over the limit of %zu bytes", f->url->peer,
            f->params.max_bytes);
    return 0;
}

/* One line with its CRLF. Interim answers (1xx) come the same way: only the last head is kept.
 * What comes after a whole head and starts no new one is a trailer, and of no use. */
static size_t on_head(char *p, size_t size, size_t n, void *arg)
{
    struct fetch_xfer *x = arg;
    struct fetch *f = x->f;

    (void)size;
    f->alive = f->fr->now;
    if (x->head_whole) {
        if (!str_starts(str_make(p, n), STR("HTTP/")))
            return n;
        buf_clear(&x->head);
        x->head_whole = false;
    }
    if (n <= 2 && (p[0] == '\r' || p[0] == '\n')) {
        x->head_whole = true;
        return n;
    }
    if (buf_try_append(&x->head, p, n) == E_OK)
        return n;
    err_set(&f->info, E_POLL_SIZE, "%s: the response header is over %zu bytes", f->url->peer,
            FETCH_HEAD_MAX);
    return 0;
}

/* One refused address of each family is told, IPv4 first, so that the same name gives the same text
 * every time: which of its addresses libcurl tries first is not promised. */
static void tell_refused(struct fetch *f, int family, const struct errinfo *refusal)
{
    bool v6 = family == AF_INET6;
    bool *told = v6 ? &f->refused6 : &f->refused4;
    char text[2 * ERRINFO_TEXT + 2];

    if (*told || (f->info.err && f->info.err != E_POLL_EGRESS))
        return;
    *told = true;
    if (!f->info.err) {
        f->info = *refusal;
        return;
    }
    snprintf(text, sizeof text, "%s; %s", v6 ? f->info.text : refusal->text,
             v6 ? refusal->text : f->info.text);
    err_clear(&f->info);
    err_set(&f->info, E_POLL_EGRESS, "%s", text);
}

/* What libcurl sends, as it sends it; asked for only where somebody wants to see it. */
static int on_debug(CURL *easy, curl_infotype type, char *p, size_t n, void *arg)
{
    struct fetch_xfer *x = arg;

    (void)easy;
    if (type == CURLINFO_HEADER_OUT && x->f)
        fetch_hop_sent(x->f, p, n);
    return 0;
}

/* The one place where a connection is opened: after every resolution, before any packet. */
static curl_socket_t on_open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
    struct fetch_xfer *x = arg;
    struct fetch *f = x->f;
    struct errinfo refusal = ERRINFO_INIT;

    (void)purpose;
    fetch_connected(f);
    if (egress_check(f->fr->egress, &a->addr, &refusal)) {
        if (!f->opened)
            tell_refused(f, a->family, &refusal);
        return CURL_SOCKET_BAD;
    }
    int fd = socket(a->family, a->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, a->protocol);
    if (fd < 0) {
        err_clear(&f->info);
        err_set(&f->info, E_POLL_CONNECT, "%s: cannot open a socket: %s", f->url->peer,
                strerror(errno));
        return CURL_SOCKET_BAD;
    }
    f->opened = true;
    x->opened++;
    err_clear(&f->info);
    count_one(COUNT_fetch_connections);
    fetch_sock_opened(f->fr, fd, f->host);
    return fd;
}

/* A TLS connection starts: it trusts what all others of this fetcher trust. */
static CURLcode on_ssl_ctx(CURL *easy, void *ssl_ctx, void *arg)
{
    struct fetch_xfer *x = arg;
    struct fetcher *fr = x->f->fr;
    struct tls_trust *fresh = NULL;

    (void)easy;
    if (!fr->trust || fr->now - fr->trust_made > TRUST_AGE_US) {
        /* A bundle that was there and cannot be read any more: the old one stays in force. */
        if (tls_trust_new(fr->ca_file, &fresh, fr->trust ? NULL : &x->f->info) == E_OK) {
            tls_trust_free(fr->trust);
            fr->trust = fresh;
        }
        fr->trust_made = fr->now;
    }
    if (!fr->trust)
        return CURLE_SSL_CACERT_BADFILE;
    tls_trust_use(fr->trust, ssl_ctx);
    return CURLE_OK;
}

/* ---- life ---- */

static void set_constants(struct fetch_xfer *x, struct fetcher *fr)
{
    CURL *h = x->easy;

    SET(h, CURLOPT_PRIVATE, x);
    SET(h, CURLOPT_ERRORBUFFER, x->error);
    SET(h, CURLOPT_NOSIGNAL, 1L);
    /* Removing a transfer must not wait for its resolver thread. */
    SET(h, CURLOPT_QUICK_EXIT, 1L);
    SET(h, CURLOPT_PROTOCOLS_STR, "http,https");
    SET(h, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(h, CURLOPT_FOLLOWLOCATION, 0L);
    SET(h, CURLOPT_HTTP_CONTENT_DECODING, 0L);
    SET(h, CURLOPT_TCP_NODELAY, 1L);
    SET(h, CURLOPT_PROXY, "");
    SET(h, CURLOPT_NOPROXY, "*");
    SET(h, CURLOPT_MAXAGE_CONN, IDLE_CONNECTION_S);
    SET(h, CURLOPT_WRITEFUNCTION, on_body);
    SET(h, CURLOPT_WRITEDATA, x);
    SET(h, CURLOPT_HEADERFUNCTION, on_head);
    SET(h, CURLOPT_HEADERDATA, x);
    SET(h, CURLOPT_DEBUGFUNCTION, on_debug);
    SET(h, CURLOPT_DEBUGDATA, x);
    SET(h, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
    SET(h, CURLOPT_OPENSOCKETDATA, x);
    SET(h, CURLOPT_CLOSESOCKETFUNCTION, fetch_on_close_socket);
    SET(h, CURLOPT_CLOSESOCKETDATA, fr);
    /* libcurl would parse its CA file for every multi handle, and with a CApath set (Debian builds
     * one in) for every connection: 18 ms and 0.9 MB each. */
    SET(h, CURLOPT_CAPATH, NULL);
    SET(h, CURLOPT_CAINFO, NULL);
    SET(h, CURLOPT_SSL_CTX_FUNCTION, on_ssl_ctx);
    SET(h, CURLOPT_SSL_CTX_DATA, x);
}

/* What libcurl can do beside HTTP brings GnuTLS, which nobody here needs and which would start with
 * the process: 1 MiB. It asks this function whether it may; the name is GnuTLS's, see its manual. */
int _gnutls_global_init_skip(void);
int _gnutls_global_init_skip(void)
{
    return 1;
}

static void init_libcurl(void)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT))
        panic("libcurl cannot start");
}

/* libcurl starts with the first transfer: it starts OpenSSL, of which a process that asks nobody then
 * does not have 2 MiB in memory. */
static struct fetch_xfer *xfer_new(struct fetcher *fr)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct fetch_xfer *x = xcalloc(1, sizeof *x);

    pthread_once(&once, init_libcurl);
    x->head.max = FETCH_HEAD_MAX;
    x->lines.max = FETCH_LINES_MAX;
    x->dns_s = -1;
    x->connect_ms = -1;
    x->easy = curl_easy_init();
    if (!x->easy)
        panic("out of memory for a libcurl handle");
    set_constants(x, fr);
    return x;
}

void fetch_xfer_wipe(struct fetch_xfer *x)
{
    if (x->body.p)
        explicit_bzero(x->body.p, x->body.len);
    if (x->lines.p)
        explicit_bzero(x->lines.p, x->lines.len);
}

void fetch_xfer_free(struct fetch_xfer *x)
{
    if (!x)
        return;
    curl_easy_cleanup(x->easy);
    buf_done(&x->body);
    buf_done(&x->head);
    buf_done(&x->lines);
    free(x->nodes);
    free(x);
}

struct fetch_xfer *fetch_xfer_take(struct fetcher *fr)
{
    struct list *n = list_pop(&fr->pool);

    if (!n)
        return xfer_new(fr);
    fr->pool_count--;
    return LIST_ITEM(n, struct fetch_xfer, link);
}

/* Handles of libcurl age. When a kept connection turns out to be dead it tries again on another, but
 * only five times in the life of a handle instead of five times for each request; what was opened
 * may have been such a second try. And 8.14 keeps a name that it could not resolve, and loses it
 * when the handle has to resolve the next one. */
static bool is_spent(const struct fetch_xfer *x)
{
    return x->opened > OPENED_MAX || (x->f && x->f->err == E_POLL_HOST);
}

void fetch_xfer_give(struct fetcher *fr, struct fetch_xfer *x)
{
    if (!x)
        return;
    bool spent = is_spent(x);
    if (x->f && x->f->params.secret)
        fetch_xfer_wipe(x);
    x->f = NULL;
    if (spent || fr->pool_count >= POOL_MAX) {
        fetch_xfer_free(x);
        return;
    }
    if (x->body.cap > KEPT_BODY_BYTES)
        buf_done(&x->body);
    list_prepend(&fr->pool, &x->link);
    fr->pool_count++;
}

/* ---- options of one fetch ---- */

static void set_method(struct fetch_xfer *x, const struct fetch_params *p)
{
    bool get = !p->method || strcmp(p->method, "GET") == 0;

    if (get && !p->body.p && !x->special)
        return;
    SET(x->easy, CURLOPT_CUSTOMREQUEST, NULL);
    SET(x->easy, CURLOPT_NOBODY, 0L);
    SET(x->easy, CURLOPT_POSTFIELDS, NULL);
    SET(x->easy, CURLOPT_HTTPGET, 1L); /* last: the others change the method too */
    x->special = !get || p->body.p;
    if (p->method && strcmp(p->method, "HEAD") == 0) {
        SET(x->easy, CURLOPT_NOBODY, 1L);
        return;
    }
    if (p->body.p) {
        SET(x->easy, CURLOPT_POST, 1L);
        SET(x->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)p->body.n);
        SET(x->easy, CURLOPT_POSTFIELDS, p->body.p);
    }
    if (!get || p->body.p)
        SET(x->easy, CURLOPT_CUSTOMREQUEST, get ? "GET" : p->method);
}

static void set_long(CURL *h, CURLoption option, long *in_force, long value)
{
    if (*in_force == value)
        return;
    SET(h, option, value);
    *in_force = value;
}

static void set_connection(struct fetch_xfer *x, const struct fetch *f)
{
    const struct fetcher *fr = f->fr;
    /* A connection that is kept needs no connect timeout, and each costs libcurl a timer. */
    bool kept = fetch_host_idle(f->host) > 0;
    bool full = fr->sockets + !kept > fr->conf.max_connections;

    /* libcurl walks its whole cache of names after every transfer. */
    set_long(x->easy, CURLOPT_DNS_CACHE_TIMEOUT, &x->dns_s, f->host->literal ? 0 : DNS_CACHE_S);
    set_long(x->easy, CURLOPT_CONNECTTIMEOUT_MS, &x->connect_ms,
             kept ? 0 : (long)MAX(fr->conf.connect_timeout_us / US_PER_MS, 1));
    set_long(x->easy, CURLOPT_BUFFERSIZE, &x->buffer_bytes,
             f->target->body_hint > (size_t)BUFFER_SMALL ? BUFFER_LARGE : BUFFER_SMALL);
    if (full != x->forbid_reuse)
        SET(x->easy, CURLOPT_FORBID_REUSE, full ? 1L : 0L);
    x->forbid_reuse = full;
}

static void set_verbose(struct fetch_xfer *x, bool verbose)
{
    if (verbose != x->verbose)
        SET(x->easy, CURLOPT_VERBOSE, verbose ? 1L : 0L);
    x->verbose = verbose;
}

static bool is_method(const char *m)
{
    size_t n = m ? strspn(m, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-") : 1;

    return n > 0 && (!m || m[n] == '\0');
}

enum err fetch_xfer_prepare(struct fetch_xfer *x)
{
    struct fetch *f = x->f;
    struct curl_slist *lines = NULL;

    buf_clear(&x->body);
    buf_clear(&x->head);
    x->body.max = f->params.max_bytes;
    x->head_whole = false;
    x->cut = false;
    x->error[0] = '\0';
    if (!is_method(f->params.method))
        return err_set(&f->info, E_INVALID, "the request method is not valid");
    enum err e = fetch_lines_chain(x, &lines);
    if (e)
        return e;
    set_method(x, &f->params);
    set_connection(x, f);
    set_verbose(x, f->params.hops != NULL);
    fetch_hop_begin(f);
    SET(x->easy, CURLOPT_HTTPHEADER, lines);
    SET(x->easy, CURLOPT_CURLU, f->url->u);
    return E_OK;
}
