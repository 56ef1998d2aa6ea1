/*
 * What the end of a transfer means: libcurl's codes in our words, redirects, the result.
 */
#include "base/trace.h"
#include "io/fetch_impl.h"

/* ---- libcurl's codes ---- */

struct meaning {
    CURLcode code;
    enum err err;
    const char *text; /* what happened, and what to do where that is not plain */
};

static const struct meaning meanings[] = {
    {CURLE_COULDNT_RESOLVE_HOST, E_POLL_HOST,
     "the name of the host is not known; check its spelling and this machine's name service"},
    {CURLE_COULDNT_CONNECT, E_POLL_CONNECT,
     "no connection; check that the server runs and listens on this port"},
    {CURLE_OPERATION_TIMEDOUT, E_POLL_TIMEOUT,
     "no connection in time; check that a firewall lets this machine reach it"},
    {CURLE_GOT_NOTHING, E_POLL_CONNECT, "the server closed the connection without an answer"},
    {CURLE_PARTIAL_FILE, E_POLL_CONNECT,
     "the server closed the connection in the middle of the answer"},
    {CURLE_RECV_ERROR, E_POLL_CONNECT, "the connection broke while the answer came"},
    {CURLE_SEND_ERROR, E_POLL_CONNECT, "the connection broke while the request was sent"},
    {CURLE_PEER_FAILED_VERIFICATION, E_POLL_TLS,
     "the certificate of the server is not trusted; if a private authority signed it, add that "
     "authority to the CA file"},
    {CURLE_SSL_CONNECT_ERROR, E_POLL_TLS,
     "the TLS handshake failed; check that this port speaks TLS"},
    {CURLE_SSL_CACERT_BADFILE, E_POLL_TLS, "the CA file cannot be read"},
    {CURLE_SSL_ENGINE_INITFAILED, E_POLL_TLS, "TLS cannot start"},
    {CURLE_SSL_CERTPROBLEM, E_POLL_TLS, "the server refused our certificate"},
    {CURLE_SSL_CIPHER, E_POLL_TLS, "no TLS cipher in common with the server"},
    /* Versions of libcurl differ in which of the two bytes that are no HTTP at all lead to. */
    {CURLE_UNSUPPORTED_PROTOCOL, E_POLL_UNKNOWN, "the answer is not valid HTTP/1.1"},
    {CURLE_WEIRD_SERVER_REPLY, E_POLL_UNKNOWN, "the answer is not valid HTTP/1.1"},
    /* In practice this is a header line over libcurl's own limit of 100 KB. */
    {CURLE_OUT_OF_MEMORY, E_POLL_SIZE, "the response header is too large"},
#if LIBCURL_VERSION_NUM >= 0x080600
    {CURLE_TOO_LARGE, E_POLL_SIZE, "the response header is too large"},
#endif
    {CURLE_URL_MALFORMAT, E_POLL_CONFIG, "the URL is not valid"},
    {CURLE_BAD_CONTENT_ENCODING, E_POLL_FORMAT, "the transfer coding of the answer is not known"},
};

static void explain(struct fetch *f, CURLcode code)
{
    static const struct meaning other = {CURLE_OK, E_POLL_UNKNOWN, "the request failed"};
    const struct meaning *m = &other;
    const char *detail = f->x->error[0] ? f->x->error : curl_easy_strerror(code);
    long os = 0;

    for (size_t i = 0; i < ARRAY_LEN(meanings); i++)
        if (meanings[i].code == code)
            m = &meanings[i];
    curl_easy_getinfo(f->x->easy, CURLINFO_OS_ERRNO, &os);
    f->err = m->err;
    if (os != 0 && m->err == E_POLL_CONNECT)
        err_set(&f->info, m->err, "%s: %s (%s: %s)", f->url->peer, m->text, detail,
                strerror((int)os));
    else
        err_set(&f->info, m->err, "%s: %s (%s)", f->url->peer, m->text, detail);
}

void fetch_judge(struct fetch *f, CURLcode code)
{
    long status = 0;

    if (code && !f->x->cut) {
        /* What a callback of ours refused is already told. */
        f->err = f->info.err;
        if (f->err == E_POLL_EGRESS || f->err == E_POLL_TLS)
            err_prefix(&f->info, f->err, "%s", f->url->peer);
        if (!f->err)
            explain(f, code);
        return;
    }
    curl_easy_getinfo(f->x->easy, CURLINFO_RESPONSE_CODE, &status);
    f->err = E_OK;
    err_clear(&f->info);
    f->status = (int)status;
}

/* ---- redirects ---- */

static bool is_redirect(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static struct str header_in(struct str head, struct str name, size_t n)
{
    struct str rest = head;

    for (struct str line = str_split(&rest, '\n'); line.p; line = str_split(&rest, '\n')) {
        if (line.n <= name.n || line.p[name.n] != ':' ||
            !str_case_eq(str_make(line.p, name.n), name))
            continue;
        if (n-- == 0)
            return str_trim(str_drop(line, name.n + 1));
    }
    return STR_NONE;
}

static void remember_here(struct fetch *f)
{
    f->seen = xrealloc(f->seen, (f->redirects + 1) * sizeof *f->seen);
    f->seen[f->redirects++] = hash64(f->url->text, strlen(f->url->text));
}

static bool was_there(const struct fetch *f, const struct fetch_url *next)
{
    uint64_t there = hash64(next->text, strlen(next->text));

    for (unsigned i = 0; i < f->redirects; i++)
        if (f->seen[i] == there)
            return true;
    return false;
}

static enum err check_redirect(struct fetch *f, const struct fetch_url *next)
{
    const char *peer = f->url->peer;

    if (f->url->https && !next->https)
        return err_set(&f->info, E_POLL_REDIRECT,
                       "%s: redirected from https to http (%s), which is not allowed: it would "
                       "give up encryption",
                       peer, next->origin);
    if (was_there(f, next))
        return err_set(&f->info, E_POLL_REDIRECT,
                       "%s: redirect loop: a URL redirects back to itself", peer);
    return E_OK;
}

bool fetch_redirect(struct fetch *f)
{
    const struct fetch_params *p = &f->params;
    struct fetch_url next;
    bool plain = !p->method || strcmp(p->method, "GET") == 0 || strcmp(p->method, "HEAD") == 0;

    if (!is_redirect(f->status) || p->max_redirects == 0 || !plain || p->body.p)
        return false;
    struct str location = header_in(buf_view(&f->x->head), STR("Location"), 0);
    if (location.n == 0)
        return false;
    if (f->redirects >= p->max_redirects) {
        f->err = err_set(&f->info, E_POLL_REDIRECT, "%s: more than %u redirects, the last by %s",
                         f->target->url.peer, p->max_redirects, f->url->peer);
        return false;
    }
    remember_here(f);
    f->err = fetch_url_parse(location, f->url, &next, NULL, &f->info);
    if (f->err) {
        f->err = err_prefix(&f->info, E_POLL_REDIRECT, "%s: redirected, but", f->url->peer);
        return false;
    }
    f->err = check_redirect(f, &next);
    if (f->err) {
        fetch_url_done(&next);
        return false;
    }
    trace(fetch, "%s: %d to %s", f->url->peer, f->status, next.peer);
    fetch_hop_redirected(f);
    /* They are validators of the URL that was asked: elsewhere the same tag may mean another text. */
    f->params.etag = f->params.last_modified = STR_NONE;
    fetch_url_done(&f->own);
    f->own = next;
    f->url = &f->own;
    return true;
}

/* ---- the result ---- */

struct str fetch_header(const struct fetch_result *res, const char *name, size_t n)
{
    return header_in(res->head, str_of(name), n);
}

static int64_t time_of(const struct fetch *f, CURLINFO what)
{
    curl_off_t us = 0;

    curl_easy_getinfo(f->x->easy, what, &us);
    return (int64_t)us;
}

void fetch_fill_result(struct fetch *f, struct fetch_result *ret)
{
    /* All but the long text. */
    memset(ret, 0, offsetof(struct fetch_result, info) + offsetof(struct errinfo, text) + 1);
    ret->err = f->err;
    ret->status = f->err ? 0 : f->status;
    ret->url = f->url ? str_of(f->url->text) : STR_NONE;
    ret->started = f->started;
    ret->redirects = f->redirects;
    if (f->err)
        ret->info = f->info;
    if (f->x) {
        ret->body = buf_view(&f->x->body);
        ret->head = buf_view(&f->x->head);
        ret->connect_us = time_of(f, CURLINFO_CONNECT_TIME_T);
        ret->first_byte_us = time_of(f, CURLINFO_STARTTRANSFER_TIME_T);
        ret->total_us = f->fr->now - f->started;
    }
    if (f->err)
        return;
    ret->hash = hash_bytes(ret->body.p, ret->body.n);
    f->target->body_hint = ret->body.n;
}
