#include "base/settings_value.h"

#include "base/duration.h"

struct range {
    int64_t min, max;
    struct str min_text, max_text; /* n == 0: no such bound */
};

void setting_strings_free(char **p, size_t n)
{
    for (size_t i = 0; p && i < n; i++)
        free(p[i]);
    free(p);
}

void setting_value_done(struct setting_value *v)
{
    free(v->text);
    setting_strings_free(v->list.items, v->list.count);
}

void settings_list_add(struct settings_list *l, char *item)
{
    l->items = xrealloc(l->items, (l->count + 1) * sizeof *l->items);
    l->items[l->count++] = item;
}

/* Reading text */

static const struct {
    const char *name;
    int64_t bytes;
} byte_units[] = {
    /* the first that divides a size is the one to print it in */
    {"TiB", INT64_C(1) << 40},
    {"GiB", INT64_C(1) << 30},
    {"MiB", INT64_C(1) << 20},
    {"KiB", INT64_C(1) << 10},
    {"B", 1},
    {"TB", INT64_C(1000000000000)},
    {"GB", INT64_C(1000000000)},
    {"MB", INT64_C(1000000)},
    {"kB", INT64_C(1000)},
};

static bool bytes_parse(struct str s, int64_t *ret)
{
    size_t digits = 0;
    uint64_t n;

    while (digits < s.n && s.p[digits] >= '0' && s.p[digits] <= '9')
        digits++;

    struct str unit = str_trim(str_drop(s, digits));

    if (unit.n == 0)
        unit = STR("B");
    for (size_t i = 0; i < ARRAY_LEN(byte_units); i++) {
        int64_t bytes = byte_units[i].bytes;

        if (!str_case_eqz(unit, byte_units[i].name))
            continue;
        if (!str_to_u64(str_make(s.p, digits), (uint64_t)(INT64_MAX / bytes), &n))
            return false;
        *ret = (int64_t)n * bytes;
        return true;
    }
    return false;
}

static bool bool_parse(struct str s, int64_t *ret)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on", "0", "1"};

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (str_eqz(s, words[i])) {
            *ret = i & 1;
            return true;
        }
    return false;
}

static bool enum_parse(const char *names, struct str s, int64_t *ret)
{
    struct str rest = str_of(names);

    for (int64_t i = 0; rest.p; i++)
        if (str_eq(str_split(&rest, '|'), s)) {
            *ret = i;
            return true;
        }
    return false;
}

/* A number as values and bounds of this type are written; lengths and counts are plain. */
static bool number_parse(enum setting_type type, struct str s, int64_t *ret)
{
    if (type == SETTING_BYTES)
        return bytes_parse(s, ret);
    if (type == SETTING_DURATION)
        return duration_parse(s, ret, NULL) == E_OK;
    return str_to_i64(s, ret);
}

static bool has_range(const struct settings_row *row)
{
    return row->type != SETTING_ENUM && row->type != SETTING_BOOL && row->range[0];
}

static struct range range_of(const struct settings_row *row)
{
    struct range r = {INT64_MIN, INT64_MAX, STR_NONE, STR_NONE};
    const char *dots = has_range(row) ? strstr(row->range, "..") : NULL;

    if (!has_range(row))
        return r;
    if (!dots)
        panic("setting %s: the range \"%s\" has no \"..\"", row->name, row->range);
    r.min_text = str_make(row->range, (size_t)(dots - row->range));
    r.max_text = str_of(dots + 2);
    if ((r.min_text.n && !number_parse(row->type, r.min_text, &r.min)) ||
        (r.max_text.n && !number_parse(row->type, r.max_text, &r.max)) || r.min > r.max)
        panic("setting %s: the range \"%s\" is not valid", row->name, row->range);
    return r;
}

bool setting_in_range(const struct settings_row *row, int64_t n)
{
    struct range r = range_of(row);

    return n >= r.min && n <= r.max;
}

static bool list_parse(struct str s, struct settings_list *ret)
{
    struct str rest = str_trim(s).n ? s : STR_NONE;

    while (rest.p) {
        struct str item = str_trim(str_split(&rest, ','));

        if (item.n == 0)
            return false;
        settings_list_add(ret, str_dup(item));
    }
    return true;
}

/* What ret got by then is the caller's to free, also on failure. */
bool setting_value_parse(const struct settings_row *row, struct str s, struct setting_value *ret)
{
    if (s.n && memchr(s.p, '\0', s.n))
        return false;
    switch (row->type) {
    case SETTING_STRING:
        ret->text = str_dup(s);
        return setting_in_range(row, (int64_t)s.n);
    case SETTING_BOOL:
        return bool_parse(s, &ret->n);
    case SETTING_ENUM:
        return enum_parse(row->range, s, &ret->n);
    case SETTING_LIST: /* its range is checked when all items are there */
        return list_parse(s, &ret->list);
    case SETTING_INT:
    case SETTING_BYTES:
    case SETTING_DURATION:
        return number_parse(row->type, str_trim(s), &ret->n) && setting_in_range(row, ret->n);
    }
    panic("setting %s has no type", row->name);
}

/* Writing to the struct */

void *setting_member(const struct settings_row *row, void *target)
{
    return (char *)target + row->offset;
}

static void list_join(struct settings_list *to, struct settings_list *from)
{
    for (size_t i = 0; i < from->count; i++)
        settings_list_add(to, from->items[i]);
    free(TAKE(from->items));
    from->count = 0;
}

void settings_list_clear(struct settings_list *l)
{
    setting_strings_free(TAKE(l->items), l->count);
    l->count = 0;
}

void setting_value_store(const struct settings_row *row, void *target, struct setting_value *v)
{
    void *p = setting_member(row, target);

    switch (row->type) {
    case SETTING_STRING:
        free(*(char **)p);
        *(char **)p = TAKE(v->text);
        break;
    case SETTING_BOOL:
        *(bool *)p = v->n != 0;
        break;
    case SETTING_ENUM:
        *(int *)p = (int)v->n;
        break;
    case SETTING_LIST:
        list_join(p, &v->list);
        break;
    case SETTING_INT:
    case SETTING_BYTES:
    case SETTING_DURATION:
        *(int64_t *)p = v->n;
        break;
    }
}

void settings_release(const struct settings_row *rows, size_t count, void *target)
{
    for (size_t i = 0; i < count; i++) {
        void *p = setting_member(&rows[i], target);

        if (rows[i].type == SETTING_STRING)
            free(TAKE(*(char **)p));
        else if (rows[i].type == SETTING_LIST)
            settings_list_clear(p);
    }
}

void setting_put_range(struct buf *b, const struct settings_row *row, const char *lead)
{
    struct range r = range_of(row);
    const char *unit = row->type == SETTING_STRING ? " bytes"
                       : row->type == SETTING_LIST ? " items"
                                                   : "";

    if (r.min_text.n || r.max_text.n)
        buf_puts(b, lead);
    if (r.min_text.n && r.max_text.n)
        buf_printf(b, " from %.*s to %.*s%s", STR_ARG(r.min_text), STR_ARG(r.max_text), unit);
    else if (r.min_text.n)
        buf_printf(b, " of at least %.*s%s", STR_ARG(r.min_text), unit);
    else if (r.max_text.n)
        buf_printf(b, " of at most %.*s%s", STR_ARG(r.max_text), unit);
}

void setting_put_choices(struct buf *b, const struct settings_row *row)
{
    struct str rest = str_of(row->range);
    const char *sep = "";

    while (rest.p) {
        struct str name = str_split(&rest, '|');

        buf_printf(b, "%s%.*s", sep, STR_ARG(name));
        sep = ", ";
    }
}

void setting_put_expected(struct buf *b, const struct settings_row *row)
{
    static const char *const nouns[] = {
        [SETTING_STRING] = "text",
        [SETTING_BOOL] = "true or false",
        [SETTING_INT] = "a whole number",
        [SETTING_BYTES] = "a size (such as 64 KiB)",
        [SETTING_DURATION] = "an ISO-8601 duration without years and months (such as PT5M)",
        [SETTING_ENUM] = "one of ",
        [SETTING_LIST] = "a list (such as a,b,c)",
    };

    buf_puts(b, nouns[row->type]);
    if (row->type == SETTING_ENUM)
        setting_put_choices(b, row);
    setting_put_range(b, row, "");
}

/* Showing */

static void put_bytes(struct buf *b, int64_t n)
{
    size_t i = 0;

    while (n == 0 ? byte_units[i].bytes > 1 : n % byte_units[i].bytes != 0)
        i++;
    buf_printf(b, "%lld %s", (long long)(n / byte_units[i].bytes), byte_units[i].name);
}

static void put_list(struct buf *b, const struct settings_list *l)
{
    for (size_t i = 0; i < l->count; i++)
        buf_printf(b, "%s%s", i ? "," : "", l->items[i]);
}

static void put_choice(struct buf *b, const struct settings_row *row, int at)
{
    struct str rest = str_of(row->range);

    while (at-- > 0)
        str_split(&rest, '|');
    buf_str(b, str_split(&rest, '|'));
}

void settings_format(const struct settings_row *row, const void *target, struct buf *b)
{
    const void *p = (const char *)target + row->offset;

    if (row->secret) {
        buf_puts(b, "***");
        return;
    }
    switch (row->type) {
    case SETTING_STRING:
        buf_puts(b, *(char *const *)p);
        break;
    case SETTING_BOOL:
        buf_puts(b, *(const bool *)p ? "true" : "false");
        break;
    case SETTING_INT:
        buf_printf(b, "%lld", (long long)*(const int64_t *)p);
        break;
    case SETTING_BYTES:
        put_bytes(b, *(const int64_t *)p);
        break;
    case SETTING_DURATION:
        duration_format(b, *(const int64_t *)p);
        break;
    case SETTING_ENUM:
        put_choice(b, row, *(const int *)p);
        break;
    case SETTING_LIST:
        put_list(b, p);
        break;
    }
}
