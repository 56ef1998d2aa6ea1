/*
 * References and origins (RFC 3986 §5, RFC 6454 §4).
 */
#include "core/limits.h"
#include "core/url.h"

#define SHOWN_SCHEME 20

/* p NULL: the part is not there, which is not the same as empty. */
struct parts {
    struct str scheme, authority, path, query;
};

static bool is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_scheme_char(char c)
{
    return is_alpha(c) || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
}

static struct str take_scheme(struct str *rest)
{
    size_t n = 0;

    while (n < rest->n && is_scheme_char(rest->p[n]))
        n++;
    if (n == 0 || n == rest->n || rest->p[n] != ':' || !is_alpha(rest->p[0]))
        return STR_NONE;
    struct str scheme = str_make(rest->p, n);
    *rest = str_drop(*rest, n + 1);
    return scheme;
}

/* RFC 3986, appendix B. */
static struct parts split(struct str s)
{
    struct parts u = {STR_NONE, STR_NONE, STR_NONE, STR_NONE};

    s.n = str_find(s, '#');
    u.scheme = take_scheme(&s);
    if (str_starts(s, STR("//"))) {
        s = str_drop(s, 2);
        size_t n = MIN(str_find(s, '/'), str_find(s, '?'));
        u.authority = str_make(s.p, n);
        s = str_drop(s, n);
    }
    u.path = str_split(&s, '?');
    u.query = s;
    return u;
}

/* ---- resolving ---- */

/* Sources put text into their links that no URL may hold; its meaning is plain. Control characters
 * stay, for url_check() to refuse them. */
static void put_encoded(struct buf *b, struct str s)
{
    static const char digits[] = "0123456789ABCDEF";

    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (c > 0x7f || (c >= ' ' && strchr(" \"<>\\^`{|}", c))) {
            buf_putc(b, '%');
            buf_putc(b, digits[c >> 4]);
            buf_putc(b, digits[c & 15]);
        } else {
            buf_putc(b, (char)c);
        }
    }
}

/* Append the path (empty, or absolute) without its "." and ".." segments (RFC 3986 §5.2.4). */
static void put_path(struct buf *b, struct str path)
{
    struct str rest = path.n > 0 ? str_drop(path, 1) : STR_NONE;
    size_t start = b->len;

    while (rest.p) {
        struct str segment = str_split(&rest, '/');
        bool up = str_eqz(segment, "..");

        if (up && b->len > start)
            b->len = (size_t)((char *)memrchr(b->p + start, '/', b->len - start) - b->p);
        if (!up && !str_eqz(segment, ".")) {
            buf_putc(b, '/');
            put_encoded(b, segment);
        } else if (!rest.p) {
            buf_putc(b, '/');
        }
    }
}

/* RFC 3986 §5.2.3: the reference takes the place of what follows the base's last slash. */
static void put_merged_path(struct buf *b, struct str base, struct str path)
{
    AUTO(buf_done) struct buf merged = BUF_INIT;
    const char *slash = base.n > 0 ? memrchr(base.p, '/', base.n) : NULL;

    if (slash)
        buf_append(&merged, base.p, (size_t)(slash - base.p) + 1);
    else
        buf_putc(&merged, '/');
    buf_str(&merged, path);
    put_path(b, buf_view(&merged));
}

/* RFC 3986 §5.2.2 */
static void put_target(struct buf *b, const struct parts *base, const struct parts *ref)
{
    struct str query = ref->query;

    buf_str(b, ref->scheme.p ? ref->scheme : base->scheme);
    buf_puts(b, "://");
    buf_str(b, ref->authority.p ? ref->authority : base->authority);
    if (ref->authority.p || str_starts(ref->path, STR("/"))) {
        put_path(b, ref->path);
    } else if (ref->path.n > 0) {
        put_merged_path(b, base->path, ref->path);
    } else {
        put_encoded(b, base->path);
        if (!query.p)
            query = base->query;
    }
    if (query.p) {
        buf_putc(b, '?');
        put_encoded(b, query);
    }
}

enum err url_resolve(struct str base, struct str reference, struct buf *b, struct errinfo *ei)
{
    AUTO(buf_done) struct buf made = BUF_INIT;
    struct str trimmed = str_trim(reference);
    struct parts from = split(base);
    struct parts ref = split(trimmed.p ? trimmed : STR(""));

    if (trimmed.n > LIMIT_URL_BYTES)
        return err_set(ei, E_INVALID, "it has %zu bytes, the most allowed are %d", trimmed.n,
                       LIMIT_URL_BYTES);
    if (ref.scheme.p && !str_case_eqz(ref.scheme, "http") && !str_case_eqz(ref.scheme, "https"))
        return err_set(ei, E_INVALID, "its scheme is \"%.*s\", only http and https are followed",
                       (int)MIN(ref.scheme.n, (size_t)SHOWN_SCHEME), ref.scheme.p);
    if ((ref.scheme.p && !ref.authority.p) || !from.scheme.p || !from.authority.p)
        return err_set(ei, E_INVALID, "it names no host");
    put_target(&made, &from, &ref);
    enum err err = url_check(buf_view(&made), ei);
    if (err == E_OK)
        buf_str(b, buf_view(&made));
    return err;
}

/* ---- origins ---- */

struct origin {
    struct str scheme, host, port;
};

static struct origin origin_of(struct str url)
{
    struct parts u = split(url);
    struct str a = u.authority;
    size_t at = str_find(a, '@');

    if (at < a.n)
        a = str_drop(a, at + 1);
    size_t bracket = a.n > 0 && a.p[0] == '[' ? str_find(a, ']') : 0;
    size_t n = bracket + str_find(str_drop(a, bracket), ':');
    struct origin o = {u.scheme, str_make(a.p, n), str_drop(a, n + 1)};
    if (o.port.n == 0)
        o.port = str_case_eqz(u.scheme, "https") ? STR("443") : STR("80");
    while (o.port.n > 1 && o.port.p[0] == '0')
        o.port = str_drop(o.port, 1);
    return o;
}

bool url_origin_equal(struct str a, struct str b)
{
    struct origin x = origin_of(a), y = origin_of(b);

    return str_case_eq(x.scheme, y.scheme) && str_case_eq(x.host, y.host) && str_eq(x.port, y.port);
}
