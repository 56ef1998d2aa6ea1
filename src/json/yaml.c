#include "json/yaml.h"

/* ---- texts ---- */

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Words that one or another version of YAML reads as something else. */
static bool is_reserved(struct str s)
{
    static const char *const words[] = {"null", "true", "false", "yes", "no", "on",
                                        "off",  "y",    "n",     "nan", "inf"};

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (str_case_eqz(s, words[i]))
            return true;
    return false;
}

/* Begins with a letter, so it is no number, date or indicator; and none within means anything. */
static bool is_plain(struct str s)
{
    if (s.n == 0 || !is_letter(s.p[0]) || s.p[s.n - 1] == ' ' || is_reserved(s))
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!is_letter(s.p[i]) && !(s.p[i] >= '0' && s.p[i] <= '9') && !strchr(" _-./()+", s.p[i]))
            return false;
    return memchr(s.p, '\0', s.n) == NULL;
}

/* What JSON puts within double quotes means the same there in YAML (YAML 1.2 §7.3.1). */
static void put_text(struct buf *b, struct str s)
{
    if (is_plain(s))
        buf_str(b, s);
    else
        buf_json_str(b, s);
}

static bool is_block(const jval *v)
{
    return (jv_type(v) == JT_OBJECT || jv_type(v) == JT_ARRAY) && jv_count(v) > 0;
}

static void put_scalar(struct buf *b, const jval *v)
{
    switch (jv_type(v)) {
    case JT_OBJECT:
        buf_puts(b, "{}");
        return;
    case JT_ARRAY:
        buf_puts(b, "[]");
        return;
    case JT_STRING:
        put_text(b, jv_str(v));
        return;
    case JT_NUMBER:
        buf_str(b, jv_number_text(v));
        return;
    case JT_BOOL:
        buf_puts(b, jv_bool(v) ? "true" : "false");
        return;
    case JT_NULL:
    case JT_NONE:
        buf_puts(b, "null");
        return;
    }
}

/* ---- blocks ---- */

static void put_indent(struct buf *b, unsigned indent)
{
    for (unsigned i = 0; i < indent; i++)
        buf_putc(b, ' ');
}

/* begun: the first line has its indent already, being behind the dash of an element. */
static void put_block(struct buf *b, const jval *v, unsigned indent, bool begun)
{
    struct jiter it = jiter_of(v);
    bool object = jv_type(v) == JT_OBJECT;

    while (jiter_next(&it)) {
        if (!begun)
            put_indent(b, indent);
        begun = false;
        if (object) {
            put_text(b, it.name);
            buf_putc(b, ':');
        } else {
            buf_putc(b, '-');
        }
        if (!is_block(it.value)) {
            buf_putc(b, ' ');
            put_scalar(b, it.value);
            buf_putc(b, '\n');
        } else if (object) {
            buf_putc(b, '\n');
            put_block(b, it.value, indent + 2, false);
        } else {
            buf_putc(b, ' ');
            put_block(b, it.value, indent + 2, true);
        }
    }
}

void yaml_write(const jval *v, struct buf *b)
{
    if (is_block(v)) {
        put_block(b, v, 0, false);
        return;
    }
    put_scalar(b, v);
    buf_putc(b, '\n');
}
