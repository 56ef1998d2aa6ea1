#include "base/settings.h"

#include "base/settings_value.h"

struct slot {
    enum setting_origin origin;
    char *where;
};

struct settings {
    const struct settings_row *rows;
    size_t count;
    void *target;
    struct slot *slots;
    char **names, **flags, **vars; /* of each row; variables without the prefix */
    char **faults;
    size_t fault_count;
};

/* Names */

/* "http.maxHeaderBytes" to http-max-header-bytes or HTTP_MAX_HEADER_BYTES. */
static void put_words(struct buf *b, const char *name, char sep, bool upper)
{
    for (size_t i = 0; name[i]; i++) {
        bool capital = name[i] >= 'A' && name[i] <= 'Z';
        bool after_small = i > 0 && !(name[i - 1] >= 'A' && name[i - 1] <= 'Z');

        if (name[i] == '.') {
            buf_putc(b, sep);
            continue;
        }
        if (capital && after_small && name[i - 1] != '.')
            buf_putc(b, sep);
        if (upper)
            buf_putc(b, (char)(name[i] >= 'a' && name[i] <= 'z' ? name[i] - 32 : name[i]));
        else
            buf_putc(b, (char)(capital ? name[i] + 32 : name[i]));
    }
}

static char *flag_of(const struct settings_row *row)
{
    struct buf b = BUF_INIT;

    if (row->flag)
        return xstrdup(row->flag);
    buf_puts(&b, "--");
    put_words(&b, row->name, '-', false);
    return buf_take(&b);
}

static char *var_of(const struct settings_row *row)
{
    struct buf b = BUF_INIT;

    put_words(&b, row->name, '_', true);
    return buf_take(&b);
}

static size_t find(char *const *names, size_t count, struct str name)
{
    size_t i = 0;

    while (i < count && !str_eqz(name, names[i]))
        i++;
    return i;
}

/* Faults */

void settings_add_fault(struct settings *s, const char *fmt, ...)
{
    struct buf b = BUF_INIT;
    va_list ap;

    va_start(ap, fmt);
    buf_vprintf(&b, fmt, ap);
    va_end(ap);
    s->faults = xrealloc(s->faults, (s->fault_count + 1) * sizeof *s->faults);
    s->faults[s->fault_count++] = buf_take(&b);
}

size_t settings_fault_count(const struct settings *s)
{
    return s->fault_count;
}

const char *settings_fault(const struct settings *s, size_t i)
{
    CHECK(i < s->fault_count);
    return s->faults[i];
}

/* The enum's name that was meant, or NULL. */
static char *meant_choice(const struct settings_row *row, struct str value)
{
    struct settings_list names = {NULL, 0};
    struct str rest = row->type == SETTING_ENUM ? str_of(row->range) : STR_NONE;

    while (rest.p)
        settings_list_add(&names, str_dup(str_split(&rest, '|')));

    const char *near = str_nearest(value, (const char *const *)names.items, names.count);
    char *copy = near ? xstrdup(near) : NULL;

    settings_list_clear(&names);
    return copy;
}

static void put_meant(struct buf *b, const char *near)
{
    if (near)
        buf_printf(b, "; did you mean \"%s\"?", near);
}

static void fault_value(struct settings *s, const struct settings_row *row, struct str value,
                        const char *where)
{
    AUTO(buf_done) struct buf b = BUF_INIT;
    AUTO_FREE char *near = meant_choice(row, value);

    buf_printf(&b, "%s: expected ", row->name);
    setting_put_expected(&b, row);
    buf_puts(&b, ", found ");
    if (row->secret)
        buf_puts(&b, "something else, which is not shown");
    else
        buf_json_str(&b, str_make(value.p, MIN(value.n, (size_t)200)));
    buf_printf(&b, " (%s)", where);
    if (!row->secret)
        put_meant(&b, near);
    settings_add_fault(s, "%s", buf_cstr(&b));
}

static void fault_unknown(struct settings *s, const char *what, struct str name, const char *near,
                          const char *where)
{
    AUTO(buf_done) struct buf b = BUF_INIT;

    buf_printf(&b, "%s ", what);
    buf_json_str(&b, str_make(name.p, MIN(name.n, (size_t)200)));
    buf_puts(&b, " is not known");
    if (where)
        buf_printf(&b, " (%s)", where);
    put_meant(&b, near);
    settings_add_fault(s, "%s", buf_cstr(&b));
}

/* Sources */

static void set(struct settings *s, size_t i, struct str text, enum setting_origin origin,
                const char *where)
{
    const struct settings_row *row = &s->rows[i];
    struct slot *slot = &s->slots[i];
    AUTO(setting_value_done) struct setting_value v = SETTING_VALUE_INIT;
    bool adds_up = origin == slot->origin && text.n;

    if (!setting_value_parse(row, text, &v)) {
        fault_value(s, row, text, where);
        return;
    }
    /* A weaker source is checked too, but changes nothing. */
    if (origin < slot->origin)
        return;
    if (row->type == SETTING_LIST && !adds_up)
        settings_list_clear(setting_member(row, s->target));
    setting_value_store(row, s->target, &v);
    slot->origin = origin;
    free(slot->where);
    slot->where = xstrdup(where);
}

struct settings *settings_new(const struct settings_row *rows, size_t count, void *target)
{
    struct settings *s = xcalloc(1, sizeof *s);

    s->rows = rows;
    s->count = count;
    s->target = target;
    s->slots = xcalloc(count, sizeof *s->slots);
    s->names = xcalloc(count, sizeof *s->names);
    s->flags = xcalloc(count, sizeof *s->flags);
    s->vars = xcalloc(count, sizeof *s->vars);
    for (size_t i = 0; i < count; i++) {
        s->names[i] = xstrdup(rows[i].name);
        s->flags[i] = flag_of(&rows[i]);
        s->vars[i] = var_of(&rows[i]);
        if (find(s->flags, i, str_of(s->flags[i])) < i || find(s->vars, i, str_of(s->vars[i])) < i)
            panic("setting %s: another has the same name or flag", rows[i].name);
        set(s, i, str_of(rows[i].value), FROM_DEFAULT, "default");
    }
    if (!settings_check(s))
        panic("the default of a setting is not valid: %s", s->faults[0]);
    return s;
}

void settings_free(struct settings *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->count; i++)
        free(s->slots[i].where);
    free(s->slots);
    setting_strings_free(s->names, s->count);
    setting_strings_free(s->flags, s->count);
    setting_strings_free(s->vars, s->count);
    setting_strings_free(s->faults, s->fault_count);
    free(s);
}

void settings_freep(struct settings **s)
{
    settings_free(TAKE(*s));
}

static const char *nearest(char *const *names, size_t count, struct str name)
{
    return str_nearest(name, (const char *const *)names, count);
}

void settings_file(struct settings *s, struct str name, struct str value, const char *where)
{
    size_t i = find(s->names, s->count, name);

    if (i < s->count)
        set(s, i, value, FROM_FILE, where);
    else
        fault_unknown(s, "setting", name, nearest(s->names, s->count, name), where);
}

void settings_env(struct settings *s, const char *const *env)
{
    for (; *env; env++) {
        struct str value = str_of(*env);
        struct str var = str_split(&value, '=');
        struct str name = str_drop(var, strlen(SETTINGS_ENV_PREFIX));

        if (!str_starts(var, STR(SETTINGS_ENV_PREFIX)) || !value.p)
            continue;

        size_t i = find(s->vars, s->count, name);
        const char *near = i < s->count ? NULL : nearest(s->vars, s->count, name);
        AUTO_FREE char *where = xasprintf("environment %.*s", STR_ARG(var));
        AUTO_FREE char *meant = near ? xasprintf(SETTINGS_ENV_PREFIX "%s", near) : NULL;

        if (i < s->count)
            set(s, i, value, FROM_ENVIRONMENT, where);
        else if (meant)
            fault_unknown(s, "environment variable", var, meant, NULL);
    }
}

/* The row of --no-x, or count. */
static size_t find_negated(const struct settings *s, struct str flag)
{
    struct str x = str_drop(flag, strlen("--no-"));

    for (size_t i = 0; i < s->count; i++)
        if (s->rows[i].type == SETTING_BOOL && str_starts(flag, STR("--no-")) &&
            str_starts(str_of(s->flags[i]), STR("--")) && str_eqz(x, s->flags[i] + 2))
            return i;
    return s->count;
}

/* Use the flag at argv[0]; next is the argument after it or NULL. Returns how many of the two it
 * was: 0, 1 or 2. */
static int use_flag(struct settings *s, const char *arg, const char *next)
{
    struct str value = str_of(arg);
    struct str flag = str_starts(value, STR("-")) ? str_split(&value, '=') : STR_NONE;
    size_t i = find(s->flags, s->count, flag);
    bool negated = i == s->count && !value.p && flag.n;

    if (negated)
        i = find_negated(s, flag);
    if (i == s->count)
        return 0;

    AUTO_FREE char *where = xasprintf("flag %.*s", STR_ARG(flag));
    bool has_next = next && strncmp(next, "--", 2) != 0;

    if (value.p || s->rows[i].type == SETTING_BOOL) {
        set(s, i, value.p ? value : negated ? STR("false") : STR("true"), FROM_FLAG, where);
        return 1;
    }
    if (!has_next) {
        settings_add_fault(s, "%s: no value follows (%s)", s->names[i], where);
        return 1;
    }
    set(s, i, str_of(next), FROM_FLAG, where);
    return 2;
}

int settings_flags(struct settings *s, int argc, char **argv)
{
    int left = MIN(argc, 1);

    for (int i = 1; i < argc;) {
        if (strcmp(argv[i], "--") == 0) {
            while (i < argc)
                argv[left++] = argv[i++];
            break;
        }

        int used = use_flag(s, argv[i], i + 1 < argc ? argv[i + 1] : NULL);

        if (used == 0)
            argv[left++] = argv[i++];
        else
            i += used;
    }
    return left;
}

void settings_unknown_flag(struct settings *s, const char *arg)
{
    struct str rest = str_of(arg);
    struct str flag = str_split(&rest, '=');

    fault_unknown(s, "flag", flag, nearest(s->flags, s->count, flag), NULL);
}

bool settings_check(struct settings *s)
{
    for (size_t i = 0; i < s->count; i++) {
        const struct settings_row *row = &s->rows[i];
        const struct settings_list *l = setting_member(row, s->target);

        if (row->type != SETTING_LIST || setting_in_range(row, (int64_t)l->count))
            continue;

        AUTO(buf_done) struct buf expected = BUF_INIT;

        setting_put_expected(&expected, row);
        settings_add_fault(s, "%s: expected %s, found %zu items (%s)", row->name,
                           buf_cstr(&expected), l->count, s->slots[i].where);
    }
    return s->fault_count == 0;
}

static const struct slot *slot_of(const struct settings *s, const char *name)
{
    size_t i = find(s->names, s->count, str_of(name));

    if (i == s->count)
        panic("there is no setting %s", name);
    return &s->slots[i];
}

enum setting_origin settings_origin(const struct settings *s, const char *name)
{
    return slot_of(s, name)->origin;
}

const char *settings_where(const struct settings *s, const char *name)
{
    return slot_of(s, name)->where;
}

/* Showing */

void settings_print(const struct settings *s, struct buf *b)
{
    for (size_t i = 0; i < s->count; i++) {
        AUTO(buf_done) struct buf value = BUF_INIT;
        bool is_text = s->rows[i].type == SETTING_STRING || s->rows[i].type == SETTING_LIST;

        settings_format(&s->rows[i], s->target, &value);
        buf_printf(b, "%s = ", s->names[i]);
        if (is_text && !s->rows[i].secret)
            buf_json_str(b, buf_view(&value));
        else
            buf_str(b, buf_view(&value));
        buf_printf(b, "  # %s\n", s->slots[i].where);
    }
}

static void put_help(struct buf *b, const struct settings_row *row, const char *flag,
                     const char *var)
{
    static const char *const takes[] = {
        [SETTING_STRING] = " TEXT",       [SETTING_BOOL] = "",
        [SETTING_INT] = " NUMBER",        [SETTING_BYTES] = " SIZE",
        [SETTING_DURATION] = " DURATION", [SETTING_ENUM] = " NAME",
        [SETTING_LIST] = " A,B,…",
    };

    buf_printf(b, "  %s%s\n      %s", flag, takes[row->type], row->help);
    if (row->type == SETTING_ENUM) {
        buf_puts(b, ": ");
        setting_put_choices(b, row);
    }
    setting_put_range(b, row, ",");
    buf_printf(b, "\n      [%s, " SETTINGS_ENV_PREFIX "%s", row->name, var);
    if (row->value[0] && !row->secret)
        buf_printf(b, ", default %s", row->value);
    buf_puts(b, "]\n");
}

void settings_help(const struct settings_row *rows, size_t count, struct buf *b)
{
    for (size_t i = 0; i < count; i++) {
        AUTO_FREE char *flag = flag_of(&rows[i]);
        AUTO_FREE char *var = var_of(&rows[i]);

        put_help(b, &rows[i], flag, var);
    }
}
