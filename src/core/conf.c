#include "core/conf.h"

#include <pthread.h>

#include "core/host_name.h"
#include "core/secret_ref.h"
#include "json/locate.h"
#include "json/pointer.h"
#include "json/value.h"

#define ROW(kind, member, ...) SETTING(kind, struct conf, member, __VA_ARGS__),
const struct settings_row conf_rows[] = {
#include "core/conf.def"
};
#undef ROW
const size_t conf_row_count = ARRAY_LEN(conf_rows);

static const struct conf *current;

void conf_init(struct conf *c)
{
    *c = (struct conf){0};
    settings_free(settings_new(conf_rows, conf_row_count, c));
}

void conf_done(struct conf *c)
{
    settings_release(conf_rows, conf_row_count, c);
}

bool conf_row_reloads(const struct settings_row *row)
{
    return row->offset == offsetof(struct conf, log_level) ||
           row->offset == offsetof(struct conf, log_format) ||
           row->offset == offsetof(struct conf, trace);
}

static struct conf defaults;

static void make_defaults(void)
{
    conf_init(&defaults);
}

const struct conf *conf_current(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    if (current)
        return current;
    pthread_once(&once, make_defaults);
    return &defaults;
}

void conf_set_current(const struct conf *c)
{
    current = c;
}

/* ---- the file ---- */

struct conf_file {
    struct settings *settings;
    struct str text;
    const char *path;
};

static const struct settings_row *row_find(struct str name)
{
    for (size_t i = 0; i < conf_row_count; i++)
        if (str_eqz(name, conf_rows[i].name))
            return &conf_rows[i];
    return NULL;
}

/* Is the name the beginning of names, as "http" is of "http.idleTimeout"? */
static bool is_group(struct str name)
{
    for (size_t i = 0; i < conf_row_count; i++) {
        struct str full = str_of(conf_rows[i].name);

        if (full.n > name.n && full.p[name.n] == '.' && str_starts(full, name))
            return true;
    }
    return false;
}

/* A scalar as the text that a flag would have; false for what is none. */
static bool scalar_text(const jval *v, struct str *ret)
{
    switch (jv_type(v)) {
    case JT_BOOL:
        *ret = jv_bool(v) ? STR("true") : STR("false");
        return true;
    case JT_NUMBER:
        *ret = jv_number_text(v);
        return true;
    case JT_STRING:
        *ret = jv_str(v);
        return true;
    case JT_NONE:
    case JT_NULL:
    case JT_ARRAY:
    case JT_OBJECT:
        break;
    }
    return false;
}

static void read_value(struct conf_file *f, struct str name, const jval *v, const char *where)
{
    const struct settings_row *row = row_find(name);
    struct jiter it = jiter_of(v);
    struct str text;

    if (row && row->type == SETTING_LIST && jv_type(v) == JT_ARRAY) {
        settings_file(f->settings, name, STR_NONE, where);
        while (jiter_next(&it)) {
            if (scalar_text(it.value, &text))
                settings_file(f->settings, name, text, where);
            else
                settings_add_fault(f->settings,
                                   "%.*s: expected a list of texts, found %s in it (%s)",
                                   STR_ARG(name), jtype_name(jv_type(it.value)), where);
        }
    } else if (!row || scalar_text(v, &text)) {
        settings_file(f->settings, name, row ? text : STR_NONE, where);
    } else {
        settings_add_fault(f->settings, "%.*s: expected %s, found %s (%s)", STR_ARG(name),
                           row->type == SETTING_LIST ? "an array of texts" : "one value",
                           jtype_name(jv_type(v)), where);
    }
}

static void read_object(struct conf_file *f, const jval *object, struct str prefix,
                        struct str pointer)
{
    struct jiter it = jiter_of(object);

    while (jiter_next(&it)) {
        AUTO(buf_done) struct buf name = BUF_INIT, at = BUF_INIT;

        buf_str(&name, prefix);
        buf_str(&name, it.name);
        buf_str(&at, pointer);
        jpointer_add(&at, it.name);
        if (jv_type(it.value) == JT_OBJECT && is_group(buf_view(&name))) {
            buf_putc(&name, '.');
            read_object(f, it.value, buf_view(&name), buf_view(&at));
            continue;
        }
        AUTO_FREE char *where =
            xasprintf("%s:%u", f->path, json_locate_line(f->text, buf_view(&at)));
        read_value(f, buf_view(&name), it.value, where);
    }
}

void conf_read_file(struct settings *s, struct str text, const char *path)
{
    AUTO(jdoc_freep) struct jdoc *d = NULL;
    struct conf_file f = {s, text, path};
    struct errinfo ei = ERRINFO_INIT;
    AUTO(buf_done) struct buf fault = BUF_INIT;
    enum err err = jdoc_parse(text, NULL, &d, &ei);

    if (err != E_OK) {
        json_locate_fault(&fault, path, text, err, &ei);
        settings_add_fault(s, "%s", buf_cstr(&fault));
    } else if (jv_type(jdoc_root(d)) != JT_OBJECT) {
        settings_add_fault(s, "%s:1: expected an object of settings, found %s", path,
                           jtype_name(jv_type(jdoc_root(d))));
    } else {
        read_object(&f, jdoc_root(d), STR_NONE, STR_NONE);
    }
}

static void check_list(const struct settings_list *list, bool is_good(struct str s),
                       struct settings *s, const char *name, const char *expected)
{
    for (size_t i = 0; i < list->count; i++)
        if (!is_good(str_of(list->items[i])))
            settings_add_fault(s, "%s: expected %s, found \"%s\" (%s)", name, expected,
                               list->items[i], settings_where(s, name));
}

void conf_check(const struct conf *c, struct settings *s)
{
    check_list(&c->secrets_env, secret_rule_is_glob, s, "secrets.env",
               "names of variables (letters, digits, _, with * and ? for others)");
    check_list(&c->secrets_files, secret_rule_is_directory, s, "secrets.files",
               "absolute paths of directories, without . and .. as parts of them");
    check_list(&c->http_hosts, host_name_is_valid, s, "http.hosts",
               "names without scheme and port");
    check_list(&c->cors_origins, host_name_is_origin, s, "cors.origins",
               "scheme://host[:port] without path and default port, or *");
    if (c->poll_min_period_us > c->poll_max_period_us)
        settings_add_fault(
            s, "poll.minPeriod: expected at most poll.maxPeriod (%s), found more (%s)",
            settings_where(s, "poll.maxPeriod"), settings_where(s, "poll.minPeriod"));
    if (!c->tls_cert[0] != !c->tls_key[0])
        settings_add_fault(s,
                           "tls.certificate and tls.key: expected both or neither, found only %s",
                           c->tls_cert[0] ? "tls.certificate" : "tls.key");
}
