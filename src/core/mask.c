#include "core/mask.h"

#include "core/limits.h"
#include "core/secret_ref.h"

#define SECRET_MIN 4

/* ---- texts ---- */

static bool texts_have(const struct mask_texts *t, struct str s)
{
    for (size_t i = 0; i < t->count; i++) {
        if (str_eq(buf_view(&t->items[i]), s))
            return true;
    }
    return false;
}

static void texts_add(struct mask_texts *t, struct str s)
{
    if (texts_have(t, s))
        return;
    t->items = xrealloc(t->items, (t->count + 1) * sizeof *t->items);
    t->items[t->count] = (struct buf)BUF_INIT;
    buf_str(&t->items[t->count++], s);
}

static void texts_done(struct mask_texts *t)
{
    for (size_t i = 0; i < t->count; i++)
        buf_wipe(&t->items[i]);
    free(t->items);
}

static size_t texts_size(const struct mask_texts *t)
{
    size_t size = t->count * sizeof *t->items;

    for (size_t i = 0; i < t->count; i++)
        size += t->items[i].cap;
    return size;
}

void mask_done(struct mask *m)
{
    texts_done(&m->secrets);
    texts_done(&m->fields);
    *m = (struct mask){0};
}

size_t mask_size(const struct mask *m)
{
    return texts_size(&m->secrets) + texts_size(&m->fields);
}

/* ---- what is hidden ---- */

void mask_hide(struct mask *m, struct str secret)
{
    if (secret.n >= SECRET_MIN)
        texts_add(&m->secrets, secret);
}

/* A value as it stands, or what its references are a part of: that is known when it is sent. */
static void hide_value(struct mask *m, struct str value)
{
    if (!secret_ref_any(value))
        mask_hide(m, value);
}

/* A string, or an array of them. */
static void hide_values(struct mask *m, const jval *v)
{
    struct jiter it = jiter_of(v);

    hide_value(m, jv_str(v));
    while (jv_type(v) == JT_ARRAY && jiter_next(&it))
        hide_value(m, jv_str(it.value));
}

static void hide_map(struct mask *m, const struct attr *row, const jval *map)
{
    struct jiter it = jiter_of(map);

    while (jiter_next(&it)) {
        struct str value = jv_str(it.value);

        if (secret_ref_any(value))
            texts_add(&m->fields, it.name);
        else if (row->is_secret && row->is_secret(it.name))
            mask_hide(m, value);
    }
}

void mask_hide_all(struct mask *m, const struct attr *rows, size_t count, const jval *object)
{
    for (size_t i = 0; i < count; i++) {
        const jval *v = jv_getz(object, rows[i].name);

        if (rows[i].kind == ATTR_STRING_MAP)
            hide_map(m, &rows[i], v);
        else if (rows[i].kind == ATTR_OBJECT)
            mask_hide_all(m, rows[i].rows, rows[i].row_count, v);
        else if (rows[i].flags & ATTR_SECRET)
            hide_values(m, v);
        if (rows[i].is_secret)
            m->is_secret = rows[i].is_secret;
    }
}

bool mask_hides_field(const struct mask *m, struct str name)
{
    if (str_case_eqz(name, "Authorization") || (m->is_secret && m->is_secret(name)))
        return true;
    for (size_t i = 0; i < m->fields.count; i++) {
        if (str_case_eq(name, buf_view(&m->fields.items[i])))
            return true;
    }
    return false;
}

/* ---- texts, shown ---- */

/* Length of the longest secret that stands at the beginning of s; 0: none. */
static size_t secret_at(const struct mask *m, struct str s)
{
    size_t longest = 0;

    for (size_t i = 0; i < m->secrets.count; i++) {
        struct str secret = buf_view(&m->secrets.items[i]);
        if (secret.n > longest && str_starts(s, secret))
            longest = secret.n;
    }
    return longest;
}

static void put_masked(const struct mask *m, struct str s, struct buf *b)
{
    while (s.n > 0) {
        size_t n = secret_at(m, s);

        if (n > 0)
            buf_puts(b, SECRET_MASK);
        else
            buf_putc(b, s.p[0]);
        s = str_drop(s, MAX(n, (size_t)1));
    }
}

void mask_text(const struct mask *m, struct str text, struct jwriter *w)
{
    AUTO(buf_done) struct buf b = BUF_INIT;

    put_masked(m, text, &b);
    jw_str(w, buf_view(&b));
}

size_t mask_cut(const struct mask *m, struct str s, size_t max)
{
    size_t at = 0;
    bool ok;

    if (s.n <= max)
        return s.n;
    while (at < max) {
        struct str rest = str_drop(s, at);
        size_t n = secret_at(m, rest);

        n = n ? n : str_utf8_step(rest, &ok);
        if (at + n > max)
            break;
        at += n;
    }
    return at;
}

/* ---- header fields ---- */

struct field {
    struct str name, value;
};

/* Those of a head, behind its first line; at most LIMIT_SHOWN_FIELDS. */
static size_t read_fields(struct str head, struct field ret[LIMIT_SHOWN_FIELDS])
{
    size_t count = 0;

    (void)str_split(&head, '\n');
    while (head.p && count < LIMIT_SHOWN_FIELDS) {
        struct str value = str_trim(str_split(&head, '\n'));
        struct str name = str_trim(str_split(&value, ':'));

        if (value.p && name.n > 0)
            ret[count++] = (struct field){name, str_trim(value)};
    }
    return count;
}

/* RFC 9110 §5.3: fields of one name mean the same as one with all values between commas. */
static void put_values(const struct mask *m, const struct field *fields, size_t count,
                       struct jwriter *w)
{
    AUTO(buf_done) struct buf all = BUF_INIT;

    for (size_t i = 0; i < count; i++) {
        if (!str_case_eq(fields[i].name, fields[0].name))
            continue;
        if (i > 0)
            buf_puts(&all, ", ");
        buf_str(&all, fields[i].value);
    }
    if (mask_hides_field(m, fields[0].name))
        jw_strz(w, SECRET_MASK);
    else
        mask_text(m, buf_view(&all), w);
}

static bool came_before(const struct field *fields, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (str_case_eq(fields[i].name, fields[n].name))
            return true;
    }
    return false;
}

void mask_fields(const struct mask *m, struct str head, struct jwriter *w)
{
    struct field fields[LIMIT_SHOWN_FIELDS];
    size_t count = read_fields(head, fields);

    jw_object(w);
    for (size_t i = 0; i < count; i++) {
        if (came_before(fields, i))
            continue;
        jw_key_str(w, fields[i].name);
        put_values(m, fields + i, count - i, w);
    }
    jw_object_end(w);
}

void mask_hide_sent(struct mask *m, struct str head)
{
    struct field fields[LIMIT_SHOWN_FIELDS];
    size_t count = read_fields(head, fields);

    for (size_t i = 0; i < count; i++) {
        struct str rest = fields[i].value;

        if (!mask_hides_field(m, fields[i].name))
            continue;
        mask_hide(m, rest);
        (void)str_split(&rest, ' ');
        mask_hide(m, str_trim(rest));
    }
}
