/*
 * What to ask: URLs taken apart once, header fields in the form libcurl wants.
 *
 * Credentials in a URL become an Authorization field at once, so that one rule (fields go only to
 * the target's own origin) covers them, and no text made from a URL can leak them.
 */
#include <arpa/inet.h>

#include "base/base64.h"
#include "io/fetch_impl.h"
#include "io/inflate.h"

/* ---- URLs ---- */

static void free_curl(char **s)
{
    curl_free(*s);
}

static void free_curlu(CURLU **u)
{
    curl_url_cleanup(*u);
}

void fetch_url_done(struct fetch_url *u)
{
    curl_url_cleanup(u->u);
    free(u->text);
    free(u->origin);
    *u = (struct fetch_url){0};
}

static bool is_literal(const char *host)
{
    struct in_addr a;

    return host[0] == '[' || inet_pton(AF_INET, host, &a) == 1 ||
           egress_is_loopback_name(str_of(host));
}

static enum err take_userinfo(CURLU *u, char **ret)
{
    AUTO(free_curl) char *user = NULL;
    AUTO(free_curl) char *password = NULL;

    CURLUcode ru = curl_url_get(u, CURLUPART_USER, &user, CURLU_URLDECODE);
    CURLUcode rp = curl_url_get(u, CURLUPART_PASSWORD, &password, CURLU_URLDECODE);
    if ((ru && ru != CURLUE_NO_USER) || (rp && rp != CURLUE_NO_PASSWORD))
        return E_INVALID;
    if (curl_url_set(u, CURLUPART_USER, NULL, 0) || curl_url_set(u, CURLUPART_PASSWORD, NULL, 0) ||
        curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0))
        return E_INVALID;
    if (ret)
        *ret = user || password ? xasprintf("%s:%s", user ? user : "", password ? password : "")
                                : NULL;
    return E_OK;
}

/* Fill all but u from u, which has no credentials any more. */
static enum err describe(CURLU *u, struct fetch_url *ret, struct errinfo *ei)
{
    AUTO(free_curl) char *scheme = NULL;
    AUTO(free_curl) char *host = NULL;
    AUTO(free_curl) char *port = NULL;
    AUTO(free_curl) char *text = NULL;

    if (curl_url_get(u, CURLUPART_SCHEME, &scheme, 0))
        return err_set(ei, E_INVALID,
                       "the URL has no scheme; it must start with http:// or https://");
    if (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)
        return err_set(ei, E_INVALID, "only http and https URLs can be fetched, not %s", scheme);
    if (curl_url_get(u, CURLUPART_HOST, &host, 0) || !host[0])
        return err_set(ei, E_INVALID, "the URL names no host");
    if (curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) ||
        curl_url_get(u, CURLUPART_URL, &text, 0))
        return err_set(ei, E_INVALID, "the URL cannot be taken apart");
    if (strcmp(port, "0") == 0)
        return err_set(ei, E_INVALID, "port 0 cannot be connected to");
    if (strlen(text) > FETCH_URL_MAX)
        return err_set(ei, E_INVALID, "the URL is longer than %zu bytes", FETCH_URL_MAX);
    ret->origin = xasprintf("%s://%s:%s", scheme, host, port);
    for (char *c = ret->origin; *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c | 0x20);
    ret->peer = ret->origin + strlen(scheme) + 3;
    ret->text = xstrdup(text);
    ret->https = scheme[4] == 's';
    ret->literal = is_literal(host);
    return E_OK;
}

enum err fetch_url_parse(struct str text, const struct fetch_url *base, struct fetch_url *ret,
                         char **ret_userinfo, struct errinfo *ei)
{
    unsigned flags = CURLU_URLENCODE | (base ? CURLU_ALLOW_SPACE : 0);
    struct fetch_url made = {0};
    char *userinfo = NULL;

    if (text.n > FETCH_URL_MAX)
        return err_set(ei, E_INVALID, "the URL is longer than %zu bytes", FETCH_URL_MAX);
    if (text.n == 0 || memchr(text.p, '\0', text.n))
        return err_set(ei, E_INVALID, "the URL is empty or has a NUL byte");
    AUTO_FREE char *z = str_dup(text);
    AUTO(free_curlu) CURLU *u = base ? curl_url_dup(base->u) : curl_url();
    if (!u)
        panic("out of memory for a URL");
    CURLUcode rc = curl_url_set(u, CURLUPART_URL, z, flags);
    if (rc)
        return err_set(ei, E_INVALID, "the URL is not valid: %s", curl_url_strerror(rc));
    if (take_userinfo(u, &userinfo))
        return err_set(ei, E_INVALID, "the user name or password in the URL is not valid");
    enum err e = describe(u, &made, ei);
    if (e || !ret_userinfo)
        free(TAKE(userinfo));
    if (e)
        return e;
    made.u = TAKE(u);
    *ret = made;
    if (ret_userinfo)
        *ret_userinfo = userinfo;
    return E_OK;
}

/* ---- header lines ---- */

static bool is_token(struct str s)
{
    if (s.n == 0)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        bool alnum = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
        if (!alnum && (c == '\0' || !strchr("!#$%&'*+-.^_`|~", c)))
            return false;
    }
    return true;
}

static bool is_field_value(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

/* Fields that frame the message or manage the connection are libcurl's business. */
static bool is_ours(struct str name)
{
    static const char *const ours[] = {"connection", "content-length",    "expect",
                                       "keep-alive", "proxy-connection",  "te",
                                       "trailer",    "transfer-encoding", "upgrade"};

    for (size_t i = 0; i < ARRAY_LEN(ours); i++)
        if (str_case_eqz(name, ours[i]))
            return true;
    return false;
}

/* "Name: value" for libcurl, heap. */
static char *line_make(struct str name, struct str value)
{
    /* "Name:" would mean to libcurl: leave the field out. */
    if (value.n == 0)
        return xasprintf("%.*s;", STR_ARG(name));
    return xasprintf("%.*s: %.*s", STR_ARG(name), STR_ARG(value));
}

static struct str line_name(const char *line)
{
    return str_make(line, strcspn(line, ":;"));
}

struct fetch_lines *fetch_lines_ref(struct fetch_lines *l)
{
    l->refs++;
    return l;
}

void fetch_lines_unref(struct fetch_lines *l)
{
    if (!l || --l->refs > 0)
        return;
    for (size_t i = 0; i < l->count; i++) {
        explicit_bzero(l->nodes[i].data, strlen(l->nodes[i].data)); /* it may be a secret */
        free(l->nodes[i].data);
    }
    free(l);
}

static struct fetch_lines *lines_alloc(size_t count)
{
    struct fetch_lines *l = xcalloc(1, sizeof *l + count * sizeof l->nodes[0]);

    l->refs = 1;
    l->count = count;
    for (size_t i = 0; i + 1 < count; i++)
        l->nodes[i].next = &l->nodes[i + 1];
    return l;
}

struct fetch_lines *fetch_lines_new(void)
{
    struct fetch_lines *l = lines_alloc(2);

    /* As a line like others: libcurl would write its own option twice for each request. */
    l->nodes[0].data = xstrdup("User-Agent: pollcast/" POLLCAST_VERSION);
    l->nodes[1].data = xasprintf("Accept-Encoding: %s", inflate_accept());
    return l;
}

/* A copy with line (taken) added or put in the place of its namesake. */
static struct fetch_lines *lines_with(const struct fetch_lines *was, char *line)
{
    struct str name = line_name(line);
    size_t at = 0;

    while (at < was->count && !str_case_eq(name, line_name(was->nodes[at].data)))
        at++;
    struct fetch_lines *l = lines_alloc(MAX(was->count, at + 1));
    for (size_t i = 0; i < l->count; i++)
        l->nodes[i].data = i == at ? line : xstrdup(was->nodes[i].data);
    return l;
}

/* ---- targets ---- */

static void put_line(struct fetch_target *t, char *line)
{
    struct fetch_lines *l = lines_with(t->lines, line);

    fetch_lines_unref(t->lines);
    t->lines = l;
}

static char *basic_line(const char *userinfo)
{
    struct buf b = BUF_INIT;

    buf_puts(&b, "Authorization: Basic ");
    base64_encode(&b, str_of(userinfo));
    return buf_take(&b);
}

struct fetch_target *fetch_target_new(struct str url, struct errinfo *ei)
{
    AUTO_FREE char *userinfo = NULL;
    struct fetch_url u;

    if (fetch_url_parse(url, NULL, &u, &userinfo, ei))
        return NULL;
    struct fetch_target *t = xcalloc(1, sizeof *t);
    t->url = u;
    t->lines = fetch_lines_new();
    if (userinfo)
        put_line(t, basic_line(userinfo));
    return t;
}

void fetch_target_free(struct fetch_target *t)
{
    if (!t)
        return;
    fetch_url_done(&t->url);
    fetch_lines_unref(t->lines);
    free(t);
}

enum err fetch_target_header(struct fetch_target *t, struct str name, struct str value,
                             struct errinfo *ei)
{
    size_t size = name.n + value.n;

    for (size_t i = 0; i < t->lines->count; i++)
        if (!str_case_eq(name, line_name(t->lines->nodes[i].data)))
            size += strlen(t->lines->nodes[i].data);
    if (size > FETCH_LINES_MAX / 2)
        return err_set(ei, E_INVALID, "the header fields are over %zu bytes", FETCH_LINES_MAX / 2);
    if (is_ours(name))
        return err_set(ei, E_INVALID,
                       "the header field %.*s cannot be set: it is managed by the client",
                       STR_ARG(name));
    if (!is_token(name))
        return err_set(ei, E_INVALID, "\"%.*s\" is not a valid name of a header field",
                       (int)MIN(name.n, 64), name.p);
    value = str_trim(value);
    if (!is_field_value(value))
        return err_set(ei, E_INVALID, "the value of header field %.*s has a control character",
                       STR_ARG(name));
    put_line(t, line_make(name, value));
    return E_OK;
}

struct str fetch_target_origin(const struct fetch_target *t)
{
    return str_of(t->url.origin);
}

struct str fetch_target_line(const struct fetch_target *t, size_t i)
{
    return i < t->lines->count ? str_of(t->lines->nodes[i].data) : STR_NONE;
}

/* ---- the lines of one request ---- */

struct chain {
    struct fetch_xfer *x;
    size_t count;
};

/* Room was made for all. */
static void add_node(struct chain *c, const char *line)
{
    struct curl_slist *node = &c->x->nodes[c->count];

    node->data = (char *)line;
    node->next = NULL;
    if (c->count++ > 0)
        node[-1].next = node;
}

static enum err add_line(struct chain *c, struct str name, struct str value)
{
    struct buf *b = &c->x->lines;

    value = str_trim(value);
    if (!is_token(name) || !is_field_value(value) || is_ours(name))
        return err_set(&c->x->f->info, E_INVALID,
                       "a header field of the request is not valid: \"%.*s\"", (int)MIN(name.n, 64),
                       name.p);
    const char *at = b->p + b->len;
    buf_str(b, name);
    buf_puts(b, value.n ? ": " : ";");
    buf_str(b, value);
    buf_putc(b, '\0');
    add_node(c, at);
    return E_OK;
}

/* So that a line's address stays while others are added. */
static enum err make_room(struct fetch_xfer *x, size_t nodes, size_t bytes)
{
    buf_clear(&x->lines);
    if (buf_reserve(&x->lines, bytes))
        return err_set(&x->f->info, E_LIMIT, "the header fields of the request are over %zu bytes",
                       FETCH_LINES_MAX);
    if (x->node_cap < nodes) {
        x->nodes = xrealloc(x->nodes, nodes * sizeof *x->nodes);
        x->node_cap = nodes;
    }
    return E_OK;
}

static bool has_line(const struct chain *c, struct str name)
{
    for (size_t i = 0; i < c->count; i++)
        if (str_case_eq(name, line_name(c->x->nodes[i].data)))
            return true;
    return false;
}

static enum err add_params(struct chain *c, const struct fetch_params *p)
{
    enum err e = E_OK;

    if (p->etag.p)
        e = add_line(c, STR("If-None-Match"), p->etag);
    if (!e && p->last_modified.p)
        e = add_line(c, STR("If-Modified-Since"), p->last_modified);
    for (size_t i = 0; !e && i < p->header_count; i++) {
        struct str value = p->headers[i];
        struct str name = str_split(&value, ':');
        e = value.p
                ? add_line(c, name, value)
                : err_set(&c->x->f->info, E_INVALID, "a header line of the request has no colon");
    }
    return e;
}

enum err fetch_lines_chain(struct fetch_xfer *x, struct curl_slist **ret)
{
    const struct fetch_params *p = &x->f->params;
    struct fetch_lines *lines = x->f->lines;
    struct chain c = {x, 0};
    size_t bytes = p->etag.n + p->last_modified.n + 64;

    bool own = lines != x->f->fr->plain;
    bool more = own && (p->etag.p || p->last_modified.p || p->header_count > 0);
    if (!more && !p->body.p) {
        *ret = lines->nodes;
        return E_OK;
    }
    for (size_t i = 0; i < p->header_count; i++)
        bytes += p->headers[i].n + 4;
    enum err e = make_room(x, lines->count + p->header_count + 4, bytes);
    if (!e && more)
        e = add_params(&c, p);
    if (e)
        return e;
    size_t named = c.count;
    for (size_t i = 0; i < lines->count; i++) {
        struct chain mine = {x, named};
        if (!has_line(&mine, line_name(lines->nodes[i].data)))
            add_node(&c, lines->nodes[i].data);
    }
    /* libcurl would claim a form and wait for 100 Continue. */
    if (p->body.p && !has_line(&c, STR("Content-Type")))
        add_node(&c, "Content-Type:");
    if (p->body.p)
        add_node(&c, "Expect:");
    *ret = x->nodes;
    return E_OK;
}
