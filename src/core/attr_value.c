#include "core/attr_value.h"

#include "base/duration.h"
#include "core/conf.h"
#include "core/limits.h"
#include "core/secret_ref.h"
#include "core/url.h"
#include "json/pointer.h"

#define FOUND_NAME_MAX ((size_t)60) /* bytes of a wrong name that a message quotes */

/* ---- what a row takes ---- */

static void row_range(const struct attr *row, double *ret_min, double *ret_max)
{
    *ret_min = row->min;
    *ret_max = row->max;
    if (row->range)
        row->range(ret_min, ret_max);
}

static void put_number(const struct attr *row, struct buf *b, double v)
{
    if (row->kind == ATTR_DURATION)
        duration_format(b, (int64_t)v);
    else
        buf_printf(b, "%.15g", v);
}

static void put_between(const struct attr *row, struct buf *b, const char *what)
{
    double min, max;

    row_range(row, &min, &max);
    buf_printf(b, "%s between ", what);
    put_number(row, b, min);
    buf_puts(b, " and ");
    put_number(row, b, max);
}

static void put_names(struct buf *b, const char *const *names)
{
    for (size_t i = 0; names[i]; i++)
        buf_printf(b, "%s\"%s\"", i > 0 ? ", " : "", names[i]);
}

void attr_expected(const struct attr *row, struct buf *b)
{
    switch (row->kind) {
    case ATTR_STRING:
        buf_printf(b, "a string of %.15g to %.15g characters", row->min, row->max);
        return;
    case ATTR_SCALAR:
        buf_puts(b, "a string or a number");
        return;
    case ATTR_URL:
        buf_printf(b, "an absolute http or https URL of at most %d bytes", LIMIT_URL_BYTES);
        return;
    case ATTR_POINTER:
        buf_puts(b, "a JSON pointer (RFC 6901) such as \"/items\"");
        return;
    case ATTR_POINTER_LIST:
        buf_printf(b, "a JSON pointer (RFC 6901), or an array of at most %.15g", row->max);
        return;
    case ATTR_STRING_LIST:
        buf_printf(b, "a string, or an array of at most %.15g", row->max);
        return;
    case ATTR_BOOL:
        buf_puts(b, "true or false");
        return;
    case ATTR_INT:
        put_between(row, b, "an integer");
        return;
    case ATTR_NUMBER:
        put_between(row, b, "a number");
        return;
    case ATTR_DURATION:
        put_between(row, b, "an ISO-8601 duration");
        return;
    case ATTR_STRING_MAP:
        buf_printf(b, "an object of at most %.15g names with strings", row->max);
        return;
    case ATTR_INT_LIST:
        put_between(row, b, "an array of integers");
        return;
    case ATTR_ENUM:
        buf_puts(b, row->names[0] && !row->names[1] ? "" : "one of ");
        put_names(b, row->names);
        return;
    case ATTR_NAME_LIST:
        buf_puts(b, "an array of ");
        put_names(b, row->names);
        return;
    case ATTR_OBJECT:
    case ATTR_JSON:
        buf_puts(b, "an object");
        return;
    case ATTR_TYPED_LIST:
        buf_puts(b, "an array of objects, or an object of them by type");
        return;
    case ATTR_IGNORED:
        buf_puts(b, "nothing: the server sets it");
        return;
    case ATTR_LATER:
        buf_puts(b, "nothing: this version does not offer it yet");
        return;
    }
}

static const char *found(struct attr_ctx *c, const struct attr *row, const jval *v)
{
    return row->flags & ATTR_SECRET ? jtype_name(jv_type(v)) : fault_found(c->faults, v);
}

/* why: what is wrong with a value of the right type; NULL when the type is wrong. */
static void refuse(struct attr_ctx *c, const struct attr *row, const jval *v, const char *why)
{
    AUTO(buf_done) struct buf expected = BUF_INIT;

    attr_expected(row, &expected);
    attr_fault(c, "expected %s, found %s%s%s", buf_cstr(&expected), found(c, row, v),
               why ? ": " : "", why ? why : "");
}

/* ---- values ---- */

static bool has_control(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
            return true;
    }
    return false;
}

static size_t count_characters(struct str s)
{
    size_t n = 0;

    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
    return n;
}

/* What was stored may have been allowed once: its use will tell. */
static bool check_references(struct attr_ctx *c, const struct attr *row, struct str s)
{
    struct errinfo ei = ERRINFO_INIT;
    struct secret_rules rules;

    if (!(row->flags & ATTR_REFERENCE) || !secret_ref_any(s))
        return true;
    secret_rules_of(conf_current(), &rules);
    enum err err = secret_ref_check(s, c->faults->stored ? NULL : &rules, &ei);
    if (err != E_OK)
        attr_fault(c, "%s", err_text(&ei, err));
    return err == E_OK;
}

static bool parse_text(struct attr_ctx *c, const struct attr *row, const jval *v, void *member)
{
    struct errinfo ei = ERRINFO_INIT;
    struct str s = jv_str(v);
    enum err err = E_OK;

    if (jv_type(v) != JT_STRING) {
        refuse(c, row, v, NULL);
        return false;
    }
    if ((row->flags & ATTR_SECRET) && str_eqz(s, SECRET_MASK)) {
        attr_fault(c,
                   "\"%s\" stands for the stored secret, but none is stored here: give the "
                   "secret itself",
                   SECRET_MASK);
        return false;
    }
    if (row->kind == ATTR_URL)
        err = url_check(s, &ei);
    else if (row->kind == ATTR_POINTER)
        err = jpointer_check(s, &ei);
    else if ((double)count_characters(s) < row->min || (double)count_characters(s) > row->max)
        err = err_set(&ei, E_INVALID, "it has %zu characters", count_characters(s));
    else if (has_control(s))
        err = err_set(&ei, E_INVALID, "it has a control character");
    if (err == E_OK && memchr(s.p, '\0', s.n))
        err = err_set(&ei, E_INVALID, "it has a NUL character");
    if (err != E_OK) {
        refuse(c, row, v, err_text(&ei, err));
        return false;
    }
    if (!check_references(c, row, s))
        return false;
    *(char **)member = str_dup(s);
    return true;
}

static bool in_range(const struct attr_ctx *c, const struct attr *row, double v)
{
    double min, max;

    row_range(row, &min, &max);
    return (v >= min && v <= max) || (row->range && c->faults->stored);
}

static bool parse_int(struct attr_ctx *c, const struct attr *row, const jval *v, int64_t *ret)
{
    int64_t number;

    if (!jv_i64(v, &number) || !in_range(c, row, (double)number)) {
        refuse(c, row, v, NULL);
        return false;
    }
    *ret = number;
    return true;
}

static bool parse_number(struct attr_ctx *c, const struct attr *row, const jval *v, double *ret)
{
    double number;

    if (!jv_double(v, &number) || !in_range(c, row, number)) {
        refuse(c, row, v, NULL);
        return false;
    }
    *ret = number;
    return true;
}

static bool parse_duration(struct attr_ctx *c, const struct attr *row, const jval *v, int64_t *ret)
{
    struct errinfo ei = ERRINFO_INIT;
    int64_t us;

    if (jv_type(v) != JT_STRING) {
        refuse(c, row, v, NULL);
        return false;
    }
    enum err err = duration_parse(jv_str(v), &us, &ei);
    if (err != E_OK) {
        refuse(c, row, v, err_text(&ei, err));
        return false;
    }
    if (!in_range(c, row, (double)us)) {
        refuse(c, row, v, NULL);
        return false;
    }
    *ret = us;
    return true;
}

static bool parse_bool(struct attr_ctx *c, const struct attr *row, const jval *v, bool *ret)
{
    if (jv_type(v) != JT_BOOL) {
        refuse(c, row, v, NULL);
        return false;
    }
    *ret = jv_bool(v);
    return true;
}

static bool parse_map_value(struct attr_ctx *c, const struct attr *row, struct str name,
                            const jval *v)
{
    bool secret = row->is_secret && row->is_secret(name);

    if (jv_type(v) != JT_STRING)
        attr_fault(c, "expected a string, found %s",
                   secret ? jtype_name(jv_type(v)) : fault_found(c->faults, v));
    else if (secret && str_eqz(jv_str(v), SECRET_MASK))
        attr_fault(c,
                   "\"%s\" stands for the stored secret, but none is stored here: give the "
                   "secret itself",
                   SECRET_MASK);
    else if (memchr(jv_str(v).p, '\0', jv_str(v).n) || memchr(name.p, '\0', name.n))
        attr_fault(c, "expected text without NUL characters");
    else
        return check_references(c, row, jv_str(v));
    return false;
}

static bool parse_map(struct attr_ctx *c, const struct attr *row, const jval *v,
                      struct attr_map *ret)
{
    struct jiter it = jiter_of(v);
    bool fine = true;

    if (jv_type(v) != JT_OBJECT || (double)jv_count(v) > row->max) {
        refuse(c, row, v, NULL);
        return false;
    }
    ret->items = xcalloc(jv_count(v) + 1, sizeof *ret->items);
    while (jiter_next(&it)) {
        size_t was = attr_enter(c, it.name);

        if (jv_type(it.value) != JT_NULL) {
            if (parse_map_value(c, row, it.name, it.value))
                ret->items[ret->count++] =
                    (struct attr_pair){str_dup(it.name), str_dup(jv_str(it.value))};
            else
                fine = false;
        }
        attr_leave(c, was);
    }
    return fine;
}

static bool parse_ints(struct attr_ctx *c, const struct attr *row, const jval *v,
                       struct attr_ints *ret)
{
    struct jiter it = jiter_of(v);
    bool fine = true;
    int64_t number;

    if (jv_type(v) != JT_ARRAY) {
        refuse(c, row, v, NULL);
        return false;
    }
    if (jv_count(v) > ATTR_LIST_MAX) {
        attr_fault(c, "expected at most %d elements, found %zu", ATTR_LIST_MAX, jv_count(v));
        return false;
    }
    ret->items = xcalloc(jv_count(v) + 1, sizeof *ret->items);
    while (jiter_next(&it)) {
        size_t was = attr_enter_index(c, it.index);

        if (jv_i64(it.value, &number) && in_range(c, row, (double)number)) {
            ret->items[ret->count++] = number;
        } else {
            double min, max;

            row_range(row, &min, &max);
            attr_fault(c, "expected an integer between %.15g and %.15g, found %s", min, max,
                       found(c, row, it.value));
            fine = false;
        }
        attr_leave(c, was);
    }
    return fine;
}

static bool parse_texts(struct attr_ctx *c, const struct attr *row, const jval *v,
                        struct attr_texts *ret)
{
    const struct attr one = {
        .name = row->name,
        .kind = row->kind == ATTR_POINTER_LIST ? ATTR_POINTER : ATTR_STRING,
        .flags = row->flags,
        .min = 1,
        .max = LIMIT_LISTED_STRING,
    };
    struct jiter it = jiter_of(v);
    bool fine = true;

    if (jv_type(v) != JT_ARRAY && jv_type(v) != JT_STRING) {
        refuse(c, row, v, NULL);
        return false;
    }
    if ((double)jv_count(v) > row->max) {
        attr_fault(c, "expected at most %.15g elements, found %zu", row->max, jv_count(v));
        return false;
    }
    ret->items = xcalloc(jv_count(v) + 1, sizeof *ret->items);
    if (jv_type(v) == JT_STRING) {
        if (!parse_text(c, &one, v, ret->items))
            return false;
        ret->count = 1;
        return true;
    }
    while (jiter_next(&it)) {
        size_t was = attr_enter_index(c, it.index);

        if (parse_text(c, &one, it.value, &ret->items[ret->count]))
            ret->count++;
        else
            fine = false;
        attr_leave(c, was);
    }
    return fine;
}

static size_t count_names(const char *const *names)
{
    size_t n = 0;

    while (names && names[n])
        n++;
    return n;
}

bool attr_name_find(const char *const *names, struct str s, size_t *ret)
{
    for (size_t i = 0; names && names[i]; i++) {
        if (str_eqz(s, names[i])) {
            *ret = i;
            return true;
        }
    }
    return false;
}

bool attr_check_name(struct attr_ctx *c, const char *const *names, const char *const *later,
                     struct str s, size_t *ret)
{
    AUTO(buf_done) struct buf text = BUF_INIT;
    const char *nearest = str_nearest(s, names, count_names(names));
    size_t place;

    if (attr_name_find(names, s, ret))
        return true;
    put_names(&text, names);
    if (attr_name_find(later, s, &place)) {
        attr_fault(c, "\"%s\" is not offered by this version yet; offered: %s", later[place],
                   buf_cstr(&text));
        return false;
    }
    buf_puts(&text, ", found the string ");
    buf_json_str(&text, str_make(s.p, MIN(s.n, FOUND_NAME_MAX)));
    attr_fault(c, "expected %s%s%s%s%s", count_names(names) > 1 ? "one of " : "", buf_cstr(&text),
               nearest ? "; did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "");
    return false;
}

static bool parse_name(struct attr_ctx *c, const struct attr *row, const jval *v, size_t *ret)
{
    AUTO(buf_done) struct buf names = BUF_INIT;

    if (jv_type(v) == JT_STRING)
        return attr_check_name(c, row->names, row->later, jv_str(v), ret);
    put_names(&names, row->names);
    attr_fault(c, "expected %s%s, found %s", count_names(row->names) > 1 ? "one of " : "",
               buf_cstr(&names), fault_found(c->faults, v));
    return false;
}

static bool parse_name_list(struct attr_ctx *c, const struct attr *row, const jval *v,
                            unsigned *ret)
{
    struct jiter it = jiter_of(v);
    unsigned bits = 0;
    bool fine = true;
    size_t place;

    if (jv_type(v) != JT_ARRAY) {
        refuse(c, row, v, NULL);
        return false;
    }
    while (jiter_next(&it)) {
        size_t was = attr_enter_index(c, it.index);

        if (parse_name(c, row, it.value, &place))
            bits |= 1u << place;
        else
            fine = false;
        attr_leave(c, was);
    }
    *ret = bits;
    return fine;
}

static bool parse_object(struct attr_ctx *c, const struct attr *row, const jval *v, void *member)
{
    bool list = row->kind == ATTR_TYPED_LIST && jv_type(v) == JT_ARRAY;

    if (jv_type(v) != JT_OBJECT && !list) {
        refuse(c, row, v, NULL);
        return false;
    }
    if (row->kind != ATTR_OBJECT)
        *(const jval **)member = v;
    else
        attr_parse(c, row->rows, row->row_count, v, member);
    return true;
}

bool attr_parse_value(struct attr_ctx *c, const struct attr *row, const jval *v, void *member)
{
    size_t place;

    switch (row->kind) {
    case ATTR_SCALAR:
        if (jv_type(v) == JT_NUMBER) {
            *(char **)member = str_dup(jv_number_text(v));
            return true;
        }
        return parse_text(c, row, v, member);
    case ATTR_STRING:
    case ATTR_URL:
    case ATTR_POINTER:
        return parse_text(c, row, v, member);
    case ATTR_BOOL:
        return parse_bool(c, row, v, member);
    case ATTR_INT:
        return parse_int(c, row, v, member);
    case ATTR_NUMBER:
        return parse_number(c, row, v, member);
    case ATTR_DURATION:
        return parse_duration(c, row, v, member);
    case ATTR_STRING_MAP:
        return parse_map(c, row, v, member);
    case ATTR_INT_LIST:
        return parse_ints(c, row, v, member);
    case ATTR_POINTER_LIST:
    case ATTR_STRING_LIST:
        return parse_texts(c, row, v, member);
    case ATTR_ENUM:
        if (!parse_name(c, row, v, &place))
            return false;
        *(int *)member = (int)place;
        return true;
    case ATTR_NAME_LIST:
        return parse_name_list(c, row, v, member);
    case ATTR_OBJECT:
    case ATTR_JSON:
    case ATTR_TYPED_LIST:
        return parse_object(c, row, v, member);
    case ATTR_LATER:
        attr_fault(c, "\"%s\" is not offered by this version yet: leave it out", row->name);
        return false;
    case ATTR_IGNORED:
        return false;
    }
    return false;
}
