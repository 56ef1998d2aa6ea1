/*
 * Writing JSON text.
 */
#include <math.h>

#include "json/value_inner.h"

/* ---- values ---- */

/* The end of the buffer's text held apart, so that the loop does not write to memory for it. */
struct out {
    char *p, *end;
    struct buf *b;
};

static struct out out_of(struct buf *b)
{
    return (struct out){b->p ? b->p + b->len : NULL, b->p ? b->p + b->cap : NULL, b};
}

static void out_done(const struct out *o)
{
    if (o->p)
        o->b->len = (size_t)(o->p - o->b->p);
}

static bool grow(struct out *o, size_t n)
{
    out_done(o);
    if (buf_reserve(o->b, n) != E_OK)
        return false;
    *o = out_of(o->b);
    return true;
}

static inline bool room(struct out *o, size_t n)
{
    return LIKELY((size_t)(o->end - o->p) >= n) || grow(o, n);
}

static inline bool put(struct out *o, const char *p, size_t n)
{
    if (!room(o, n))
        return false;
    memcpy(o->p, p, n);
    o->p += n;
    return true;
}

static inline bool put_char(struct out *o, char c)
{
    if (!room(o, 1))
        return false;
    *o->p++ = c;
    return true;
}

static bool is_plain(char c)
{
    return (unsigned char)c >= 0x20 && (unsigned char)c < 0x80 && c != '"' && c != '\\';
}

static bool put_escaped(struct out *o, struct str s)
{
    while (s.n) {
        size_t run = 0;

        while (run < s.n && is_plain(s.p[run]))
            run++;
        if (run && !put(o, s.p, run))
            return false;
        s = str_drop(s, run);
        if (s.n) {
            char c[STR_JSON_CHAR];
            size_t n = str_json_char(&s, c);

            if (!put(o, c, n))
                return false;
        }
    }
    return true;
}

static bool put_string(struct out *o, const jval *v)
{
    if (!put_char(o, '"'))
        return false;
    if (!(jvf_is_plain(v) ? put(o, v->uni.str, jvf_len(v)) : put_escaped(o, jvf_text(v))))
        return false;
    return put_char(o, '"');
}

static bool put_scalar(struct out *o, const jval *v)
{
    switch (jvf_kind(v)) {
    case YYJSON_TYPE_RAW:
        return put(o, v->uni.str, jvf_len(v));
    case YYJSON_TYPE_STR:
        return put_string(o, v);
    case YYJSON_TYPE_BOOL:
        return jv_bool(v) ? put(o, "true", 4) : put(o, "false", 5);
    default:
        return put(o, "null", 4);
    }
}

/* ---- values: the quick way, where there is room in any case ---- */

/* Bytes that what is no text may take with its quotes and what follows it, and steps go too far. */
#define SLACK (2 * JVF_PAD)

static inline bool has_room(const struct out *o, size_t n)
{
    return (size_t)(o->end - o->p) >= n;
}

static inline bool put_name(struct out *o, const jval *v)
{
    if (UNLIKELY(!jvf_is_plain(v) || !has_room(o, jvf_len(v) + SLACK)))
        return put_string(o, v) && put_char(o, ':');
    o->p = jvf_put_verbatim(o->p, v);
    *o->p++ = ':';
    return true;
}

static bool put_value(struct out *o, const jval *v);

/* With a comma, for the next. */
static inline bool put_item(struct out *o, const jval *v)
{
    if (LIKELY(jvf_is_verbatim(v) && has_room(o, jvf_len(v) + SLACK))) {
        o->p = jvf_put_verbatim(o->p, v);
        *o->p++ = ',';
        return true;
    }
    return put_value(o, v) && put_char(o, ',');
}

/* In place of the comma behind the last, if there is any. */
static bool put_end(struct out *o, bool any, char bracket)
{
    if (!any)
        return put_char(o, bracket);
    o->p[-1] = bracket;
    return true;
}

static bool put_object(struct out *o, const jval *v)
{
    const jval *at = jvf_first(v);

    if (!put_char(o, '{'))
        return false;
    for (size_t left = jvf_len(v); left; left--, at = jvf_next(at + 1))
        if (!put_name(o, at) || !put_item(o, at + 1))
            return false;
    return put_end(o, jvf_len(v) > 0, '}');
}

static bool put_array(struct out *o, const jval *v)
{
    const jval *at = jvf_first(v);

    if (!put_char(o, '['))
        return false;
    for (size_t left = jvf_len(v); left; left--, at = jvf_next(at))
        if (!put_item(o, at))
            return false;
    return put_end(o, jvf_len(v) > 0, ']');
}

static bool put_value(struct out *o, const jval *v)
{
    if (jvf_is_object(v))
        return put_object(o, v);
    return jvf_is_array(v) ? put_array(o, v) : put_scalar(o, v);
}

bool jvf_write(const jval *v, struct buf *b)
{
    struct out o = out_of(b);
    bool ok = put_value(&o, v);

    out_done(&o);
    return ok;
}

enum err jv_write(const jval *v, struct buf *b)
{
    size_t was = b->len;

    if (LIKELY(v && jvf_write(v, b)))
        return E_OK;
    b->len = was;
    return v ? E_LIMIT : buf_try_append(b, "null", 4);
}

/* Of a slot's value, by type and subtype: bytes it has when minified, without what it holds, and more
 * for each byte of text, element or member. */
#define SLOT(type, subtype) ((YYJSON_TYPE_##type | YYJSON_SUBTYPE_##subtype) & SLOT_MASK)
#define SLOT_MASK (YYJSON_TYPE_MASK | YYJSON_SUBTYPE_MASK)
static const struct slot_bytes {
    uint8_t fixed, each, empty;
} slot_bytes[SLOT_MASK + 1] = {
    [SLOT(NULL, NONE)] = {4, 0, 0},
    [SLOT(BOOL, TRUE)] = {4, 0, 0},
    [SLOT(BOOL, FALSE)] = {5, 0, 0},
    [SLOT(RAW, NONE)] = {0, 1, 0},
    [SLOT(STR, NOESC)] = {2, 1, 0},
    [SLOT(ARR, NONE)] = {1, 1, 1}, /* a comma for each but the first */
    [SLOT(OBJ, NONE)] = {1, 2, 1}, /* and a colon for each */
};

/* Bytes of v and all that is in it, minified; less where a string is not written as it is. */
static size_t minified_bytes(const jval *v)
{
    size_t n = 0;

    for (const jval *end = v + jvf_span(v); v < end; v++) {
        const struct slot_bytes *s = &slot_bytes[v->tag & SLOT_MASK];
        size_t len = jvf_len(v);
        n += s->fixed + s->each * len + (len ? 0 : s->empty);
    }
    return n;
}

/* Minifying takes away blanks, and escapes that need not be; else it changes nothing. */
enum err jdoc_write(const struct jdoc *d, struct str text, struct buf *b)
{
    const jval *root = jdoc_root(d);

    text = str_trim(text);
    if (buf_reserve(b, text.n) != E_OK)
        return E_LIMIT;
    if (minified_bytes(root) == text.n)
        return buf_try_append(b, text.p, text.n);
    return jv_write(root, b);
}

bool jvf_write_str(struct str s, struct buf *b)
{
    struct out o = out_of(b);
    bool ok = put_char(&o, '"') && put_escaped(&o, s) && put_char(&o, '"');

    out_done(&o);
    return ok;
}

/* ---- for people ---- */

static bool put_line(struct out *o, size_t indent)
{
    if (!room(o, indent + 1))
        return false;
    *o->p++ = '\n';
    memset(o->p, ' ', indent);
    o->p += indent;
    return true;
}

static bool put_pretty(struct out *o, const jval *v, size_t indent)
{
    bool object = jvf_is_object(v);
    size_t left = jv_count(v);
    const jval *at = v + 1;

    if (!left)
        return put_value(o, v);
    if (!put_char(o, object ? '{' : '['))
        return false;
    for (; left; left--, at = jvf_next(at)) {
        if (!put_line(o, indent + 2))
            return false;
        if (object && !(put_string(o, at) && put(o, ": ", 2)))
            return false;
        at += object;
        if (!put_pretty(o, at, indent + 2) || (left > 1 && !put_char(o, ',')))
            return false;
    }
    return put_line(o, indent) && put_char(o, object ? '}' : ']');
}

enum err jv_write_pretty(const jval *v, struct buf *b)
{
    size_t was = b->len;

    if (!v)
        return buf_try_append(b, "null", 4);

    struct out o = out_of(b);
    bool ok = put_pretty(&o, v, 0);

    out_done(&o);
    if (ok)
        return E_OK;
    b->len = was;
    return E_LIMIT;
}

/* ---- the writer ---- */

struct jwriter jw_begin(struct buf *b)
{
    return (struct jwriter){.b = b};
}

enum err jw_end(struct jwriter *w)
{
    return w->failed ? E_LIMIT : E_OK;
}

static void append(struct jwriter *w, const char *p, size_t n)
{
    if (!w->failed && buf_try_append(w->b, p, n) != E_OK)
        w->failed = true;
}

/* Before a value or a name. */
static void comma(struct jwriter *w)
{
    if (w->comma)
        append(w, ",", 1);
    w->comma = true;
}

static void open_with(struct jwriter *w, const char *bracket)
{
    comma(w);
    append(w, bracket, 1);
    w->comma = false;
}

static void close_with(struct jwriter *w, const char *bracket)
{
    append(w, bracket, 1);
    w->comma = true;
}

void jw_object(struct jwriter *w)
{
    open_with(w, "{");
}

void jw_object_end(struct jwriter *w)
{
    close_with(w, "}");
}

void jw_array(struct jwriter *w)
{
    open_with(w, "[");
}

void jw_array_end(struct jwriter *w)
{
    close_with(w, "]");
}

void jw_key_str(struct jwriter *w, struct str name)
{
    jw_str(w, name);
    append(w, ":", 1);
    w->comma = false;
}

void jw_key(struct jwriter *w, const char *name)
{
    jw_key_str(w, str_of(name));
}

void jw_null(struct jwriter *w)
{
    comma(w);
    append(w, "null", 4);
}

void jw_bool(struct jwriter *w, bool v)
{
    comma(w);
    append(w, v ? "true" : "false", v ? 4 : 5);
}

void jw_i64(struct jwriter *w, int64_t v)
{
    char text[24];
    int n = snprintf(text, sizeof text, "%lld", (long long)v);

    comma(w);
    append(w, text, (size_t)n);
}

void jw_double(struct jwriter *w, double v)
{
    char memory[1024];
    yyjson_alc alc;
    jval real = {.tag = YYJSON_TYPE_NUM | YYJSON_SUBTYPE_REAL, .uni.f64 = v};
    size_t n = 0;

    if (!isfinite(v)) {
        jw_null(w);
        return;
    }
    if (fabs(v) < 0x1p53 && v == trunc(v)) {
        jw_i64(w, (int64_t)v);
        return;
    }
    CHECK(yyjson_alc_pool_init(&alc, memory, sizeof memory));

    const char *text = yyjson_val_write_opts(&real, 0, &alc, &n, NULL);

    CHECK(text);
    comma(w);
    append(w, text, n);
}

void jw_str(struct jwriter *w, struct str s)
{
    comma(w);
    if (!w->failed && !jvf_write_str(s, w->b))
        w->failed = true;
}

void jw_strz(struct jwriter *w, const char *z)
{
    if (z)
        jw_str(w, str_of(z));
    else
        jw_null(w);
}

void jw_value(struct jwriter *w, const jval *v)
{
    comma(w);
    if (!w->failed && jv_write(v, w->b) != E_OK)
        w->failed = true;
}

void jw_raw(struct jwriter *w, struct str json)
{
    comma(w);
    append(w, json.p, json.n);
}
