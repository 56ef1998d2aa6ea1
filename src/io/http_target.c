/*
 * Request targets and query parameters (RFC 9112 §3.2, RFC 3986, URL Standard §5.1). Pure.
 */
#include "io/http_parse.h"

/* Decode into `to` (room for s.n bytes); the number of bytes, or -1 for a wrong escape. */
static ssize_t decode(struct str s, bool plus_is_space, char *to)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '%') {
            int high = i + 2 < s.n ? str_hex_digit(s.p[i + 1]) : -1;
            int low = i + 2 < s.n ? str_hex_digit(s.p[i + 2]) : -1;
            if (high < 0 || low < 0)
                return -1;
            c = (char)(high << 4 | low);
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        to[n++] = c;
    }
    return (ssize_t)n;
}

static bool is_text(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
            return false;
    return str_is_utf8(s);
}

static bool has_encoded_slash(struct str s)
{
    for (size_t i = 0; i + 2 < s.n; i++)
        if (s.p[i] == '%' && s.p[i + 1] == '2' && (s.p[i + 2] == 'f' || s.p[i + 2] == 'F'))
            return true;
    return false;
}

static bool has_dot_segment(struct str path)
{
    while (path.p) {
        struct str segment = str_split(&path, '/');
        if (str_eqz(segment, ".") || str_eqz(segment, ".."))
            return true;
    }
    return false;
}

static const char *decode_path(struct str raw, struct arena *a, struct str *ret)
{
    if (has_encoded_slash(raw))
        return "an encoded slash in the path is not offered";
    char *to = arena_try_alloc(a, raw.n + 1);
    ssize_t n = to ? decode(raw, false, to) : -1;
    if (n < 0)
        return "a percent escape in the path is not valid";
    struct str path = str_make(to, (size_t)n);
    if (!is_text(path))
        return "the path is not text";
    if (has_dot_segment(path))
        return "dot segments in the path are not offered";
    *ret = path;
    return NULL;
}

/* Cut "http://authority" off an absolute form. False if that is not what it is. */
static bool cut_authority(struct str *target)
{
    if (!str_case_starts(*target, STR("http://")) && !str_case_starts(*target, STR("https://")))
        return false;
    struct str rest = str_drop(*target, str_find(*target, ':') + 3);
    size_t n = 0;
    while (n < rest.n && rest.p[n] != '/' && rest.p[n] != '?') {
        if (rest.p[n] == '@')
            return false;
        n++;
    }
    *target = str_drop(rest, n);
    return n > 0;
}

static const char *split(struct str target, enum http_method method, struct arena *a,
                         struct http_target *ret)
{
    for (size_t i = 0; i < target.n; i++)
        if (target.p[i] <= 0x20 || target.p[i] >= 0x7f || target.p[i] == '#')
            return "the request target holds a character that must be encoded";
    if (str_eqz(target, "*") && method == HTTP_OPTIONS_) {
        *ret = (struct http_target){STR("*"), STR_NONE};
        return NULL;
    }
    if (target.n == 0 || (target.p[0] != '/' && !cut_authority(&target)))
        return "the request target is neither a path nor an http URL";
    size_t mark = str_find(target, '?');
    struct str raw = str_make(target.p, mark);
    struct str query = mark < target.n ? str_drop(target, mark + 1) : STR_NONE;
    struct str path = STR("/");
    const char *why = raw.n > 0 ? decode_path(raw, a, &path) : NULL;
    if (!why)
        *ret = (struct http_target){path, query};
    return why;
}

bool http_target_split(struct str target, enum http_method method, struct arena *a,
                       struct http_target *ret, const char **ret_detail)
{
    const char *why = split(target, method, a, ret);
    if (why)
        *ret_detail = why;
    return !why;
}

/* The decoded text of one name or value; false if it is wrongly encoded. */
static bool decode_form(struct http_request *r, struct str raw, struct str *ret)
{
    char *to = arena_try_alloc(&r->arena, raw.n + 1);
    ssize_t n = to ? decode(raw, true, to) : -1;
    if (n < 0 || memchr(to, '\0', (size_t)n))
        return false;
    *ret = str_make(to, (size_t)n);
    return true;
}

/* Is this the encoded form of the name? */
static bool is_name(struct http_request *r, struct str key, const char *name)
{
    bool plain = str_find(key, '%') == key.n && str_find(key, '+') == key.n;
    return (plain || decode_form(r, key, &key)) && str_eqz(key, name);
}

/* The value as sent; p NULL: there is no such parameter. */
static struct str find_value(struct http_request *r, const char *name, size_t n)
{
    struct str rest = r->query;
    while (rest.p) {
        struct str value = str_split(&rest, '&');
        struct str key = str_split(&value, '=');
        if (is_name(r, key, name) && n-- == 0)
            return value.p ? value : STR("");
    }
    return STR_NONE;
}

bool http_query(struct http_request *r, const char *name, size_t n, struct str *ret)
{
    struct str value = find_value(r, name, n);
    return value.p && decode_form(r, value, ret);
}

bool http_query_given(struct http_request *r, const char *name, size_t n)
{
    return find_value(r, name, n).p;
}

struct str http_query_without(struct http_request *r, const char *const *names)
{
    struct str rest = r->query;
    AUTO(buf_done) struct buf b = BUF_INIT;
    while (rest.p) {
        struct str pair = str_split(&rest, '&');
        struct str key = pair;
        bool leave_out = pair.n == 0;
        key = str_split(&key, '=');
        for (size_t i = 0; names[i] && !leave_out; i++)
            leave_out = is_name(r, key, names[i]);
        if (leave_out)
            continue;
        if (b.len > 0)
            buf_putc(&b, '&');
        buf_str(&b, pair);
    }
    return str_make(arena_strdup(&r->arena, buf_view(&b)), b.len);
}
