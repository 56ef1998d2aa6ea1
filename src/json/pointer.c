#include "json/pointer.h"

#include "json/value_inner.h"

enum err jpointer_check(struct str pointer, struct errinfo *ei)
{
    if (pointer.n && pointer.p[0] != '/')
        return err_set(ei, E_POINTER_SYNTAX,
                       "character 1: a JSON pointer is empty or starts with \"/\"");
    for (size_t i = 0; i < pointer.n; i++) {
        bool escape = i + 1 < pointer.n && (pointer.p[i + 1] == '0' || pointer.p[i + 1] == '1');

        if (pointer.p[i] == '~' && !escape)
            return err_set(ei, E_POINTER_SYNTAX,
                           "character %zu: \"~\" must be followed by 0 or 1 (\"~0\" stands for "
                           "\"~\", \"~1\" for \"/\")",
                           i + 1);
    }
    if (!str_is_utf8(pointer))
        return err_set(ei, E_POINTER_SYNTAX, "not valid UTF-8");
    return E_OK;
}

size_t jpointer_unescape(struct str token, char *ret)
{
    size_t n = 0;

    for (size_t i = 0; i < token.n; i++) {
        char c = token.p[i];

        if (c == '~' && ++i < token.n)
            c = token.p[i] == '0' ? '~' : '/';
        ret[n++] = c;
    }
    return n;
}

bool jpointer_index(struct str token, size_t *ret)
{
    uint64_t index;

    if (!token.n || (token.n > 1 && token.p[0] == '0') || !str_to_u64(token, SIZE_MAX, &index))
        return false;
    *ret = (size_t)index;
    return true;
}

static jval *member(const jval *object, struct str token)
{
    char small[256];

    if (!memchr(token.p, '~', token.n))
        return jv_get(object, token);

    AUTO_FREE char *large = token.n > sizeof small ? xmalloc(token.n) : NULL;
    char *name = large ? large : small;

    return jv_get(object, str_make(name, jpointer_unescape(token, name)));
}

jval *jpointer_get(const jval *root, struct str pointer)
{
    const jval *at = root;

    if (jpointer_check(pointer, NULL) != E_OK)
        return NULL;
    for (struct str rest = str_drop(pointer, 1); at && pointer.n && rest.p;) {
        struct str token = str_split(&rest, '/');
        size_t index;

        if (jvf_is_object(at))
            at = member(at, token);
        else
            at = jpointer_index(token, &index) ? jv_at(at, index) : NULL;
    }
    return (jval *)(uintptr_t)at;
}

void jpointer_add(struct buf *b, struct str token)
{
    buf_putc(b, '/');
    for (size_t i = 0; i < token.n; i++) {
        if (token.p[i] == '~')
            buf_puts(b, "~0");
        else if (token.p[i] == '/')
            buf_puts(b, "~1");
        else
            buf_putc(b, token.p[i]);
    }
}

void jpointer_add_index(struct buf *b, size_t index)
{
    buf_putc(b, '/');
    buf_u64(b, index);
}
