#include "core/link.h"

#include "core/url.h"

/* A parameter's value as it stands: with its escapes where it was quoted. */
struct value {
    struct str raw; /* p NULL: there is none */
    bool quoted;
};

struct link {
    struct str target;
    struct value rel, anchor;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static void skip_blank(struct str *s)
{
    while (s->n > 0 && is_blank(s->p[0]))
        *s = str_drop(*s, 1);
}

static bool is_next(const struct str *s, char c)
{
    return s->n > 0 && s->p[0] == c;
}

/* *s starts with the opening quote; it moves behind the closing one. */
static struct str take_quoted(struct str *s)
{
    size_t n = 1;

    while (n < s->n && s->p[n] != '"')
        n += s->p[n] == '\\' ? 2 : 1;
    n = MIN(n, s->n);
    struct str inner = str_make(s->p + 1, n - 1);
    *s = str_drop(*s, n + 1);
    return inner;
}

/* Up to a comma or to `stop`, outside of quotes. */
static void skip_garbage(struct str *s, char stop)
{
    while (s->n > 0 && s->p[0] != ',' && s->p[0] != stop) {
        if (s->p[0] == '"')
            take_quoted(s);
        else
            *s = str_drop(*s, 1);
    }
}

/* ---- one link ---- */

static struct str take_until(struct str *s, const char *ends)
{
    size_t n = 0;

    while (n < s->n && (s->p[n] == '\0' || !strchr(ends, s->p[n])))
        n++;
    struct str taken = str_make(s->p, n);
    *s = str_drop(*s, n);
    return taken;
}

static void take_parameter(struct str *s, struct link *l)
{
    struct value value = {STR(""), false};

    skip_blank(s);
    struct str name = take_until(s, " \t=;,");
    skip_blank(s);
    if (is_next(s, '=')) {
        *s = str_drop(*s, 1);
        skip_blank(s);
        value.quoted = is_next(s, '"');
        value.raw = value.quoted ? take_quoted(s) : str_trim(take_until(s, ";,"));
    }
    if (str_case_eqz(name, "rel") && !l->rel.raw.p)
        l->rel = value;
    else if (str_case_eqz(name, "anchor") && !l->anchor.raw.p)
        l->anchor = value;
    skip_garbage(s, ';');
}

/* Take the next link off *s; false when there is none left. */
static bool take_link(struct str *s, struct link *ret)
{
    for (;;) {
        while (s->n > 0 && (is_blank(s->p[0]) || s->p[0] == ','))
            *s = str_drop(*s, 1);
        if (s->n == 0)
            return false;
        if (s->p[0] == '<')
            break;
        skip_garbage(s, ',');
    }
    size_t end = str_find(*s, '>');
    if (end == s->n)
        return false;
    *ret = (struct link){.target = str_trim(str_make(s->p + 1, end - 1))};
    *s = str_drop(*s, end + 1);
    skip_garbage(s, ';');
    while (is_next(s, ';')) {
        *s = str_drop(*s, 1);
        take_parameter(s, ret);
    }
    return true;
}

/* ---- what it says ---- */

/* The next character of *v without its escape; false at the end. */
static bool next_char(struct value *v, char *ret)
{
    if (v->quoted && v->raw.n > 1 && v->raw.p[0] == '\\')
        v->raw = str_drop(v->raw, 1);
    if (v->raw.n == 0)
        return false;
    *ret = v->raw.p[0];
    v->raw = str_drop(v->raw, 1);
    return true;
}

static bool has_word(struct value v, struct str word)
{
    size_t matched = 0; /* characters of the word at hand; word.n + 1: it is another one */
    char c;

    while (next_char(&v, &c)) {
        if (is_blank(c)) {
            if (matched == word.n)
                return true;
            matched = 0;
        } else if (matched < word.n &&
                   str_case_eq(str_make(&c, 1), str_make(word.p + matched, 1))) {
            matched++;
        } else {
            matched = word.n + 1;
        }
    }
    return matched == word.n;
}

/* Is the context of the link the page itself? A place within the page (#…) is not. */
static bool is_of_page(struct value anchor, struct str page)
{
    AUTO(buf_done) struct buf text = BUF_INIT;
    AUTO(buf_done) struct buf url = BUF_INIT;
    struct str fragment;
    char c;

    if (!anchor.raw.p)
        return true;
    while (next_char(&anchor, &c))
        buf_putc(&text, c);
    fragment = buf_view(&text);
    str_split(&fragment, '#');
    if (fragment.n > 0 || url_resolve(page, buf_view(&text), &url, NULL) != E_OK)
        return false;
    page.n = str_find(page, '#');
    return str_eq(buf_view(&url), page);
}

struct str link_find(const struct str *values, size_t count, struct str rel, struct str page)
{
    for (size_t i = 0; i < count; i++) {
        struct str rest = values[i];
        struct link l;

        while (take_link(&rest, &l)) {
            if (has_word(l.rel, rel) && is_of_page(l.anchor, page))
                return l.target;
        }
    }
    return STR_NONE;
}
