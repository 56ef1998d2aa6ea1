#include "json/locate.h"

#include "json/pointer.h"
#include "json/value.h"

/* All steps below rely on the text being valid JSON and only keep from reading past its end. */

static size_t skip_blank(struct str s, size_t at)
{
    while (at < s.n && (s.p[at] == ' ' || s.p[at] == '\t' || s.p[at] == '\n' || s.p[at] == '\r'))
        at++;
    return at;
}

static size_t skip_string(struct str s, size_t at)
{
    for (at++; at < s.n && s.p[at] != '"'; at++)
        if (s.p[at] == '\\')
            at++;
    return MIN(at + 1, s.n);
}

static size_t skip_value(struct str s, size_t at)
{
    size_t depth = 0;

    while (at < s.n) {
        char c = s.p[at];

        if (depth == 0 && (c == ',' || c == ']' || c == '}'))
            break;
        if (c == '[' || c == '{')
            depth++;
        else if (c == ']' || c == '}')
            depth--;
        at = c == '"' ? skip_string(s, at) : at + 1;
    }
    return at;
}

/* Does the JSON string spell the name? */
static bool spells(struct str string, struct str name)
{
    AUTO(jdoc_freep) struct jdoc *d = NULL;

    if (!memchr(string.p, '\\', string.n))
        return str_eq(str_make(string.p + 1, string.n - 2), name);
    return jdoc_parse(string, NULL, &d, NULL) == E_OK && str_eq(jv_str(jdoc_root(d)), name);
}

/* A child of the container at `at`: *ret_name is where it begins, the result where its value does;
 * s.n if there is none. */
static size_t find_child(struct str s, size_t at, struct str token, size_t *ret_name)
{
    bool object = s.p[at] == '{';
    size_t found = s.n, index = 0, wanted;
    bool is_index = jpointer_index(token, &wanted);

    at = skip_blank(s, at + 1);
    while (at < s.n && s.p[at] != ']' && s.p[at] != '}') {
        size_t name = at, name_end = object ? skip_string(s, at) : at;
        size_t value = object ? skip_blank(s, skip_blank(s, name_end) + 1) : at;
        bool match = object ? spells(str_make(s.p + name, name_end - name), token)
                            : is_index && index == wanted;

        if (match) {
            found = value;
            *ret_name = name;
        }
        index++;
        at = skip_value(s, value);
        if (at < s.n && s.p[at] == ',')
            at = skip_blank(s, at + 1);
    }
    return found;
}

size_t json_locate(struct str text, struct str pointer)
{
    struct str rest = pointer;
    size_t at = skip_blank(text, 0), name = at;

    (void)str_split(&rest, '/');
    while (rest.p && at < text.n && (text.p[at] == '{' || text.p[at] == '[')) {
        struct str raw = str_split(&rest, '/');
        AUTO_FREE char *token = xmalloc(raw.n + 1);
        size_t child = find_child(text, at, str_make(token, jpointer_unescape(raw, token)), &name);

        if (child == text.n)
            break;
        at = child;
    }
    return name;
}

unsigned json_locate_line(struct str text, struct str pointer)
{
    unsigned line, column;

    json_position(text, json_locate(text, pointer), &line, &column);
    return line;
}

void json_locate_fault(struct buf *b, const char *path, struct str text, enum err err,
                       const struct errinfo *ei)
{
    const char *what = err_text(ei, err);
    const char *behind = strncmp(what, "line ", 5) == 0 ? strstr(what, ": ") : NULL;
    unsigned line, column;

    json_position(text, json_error_offset(), &line, &column);
    buf_printf(b, "%s:%u:%u: %s", path, line, column, behind ? behind + 2 : what);
}
