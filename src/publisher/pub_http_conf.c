#include "publisher/pub_http_conf.h"

#include "base/clock.h"
#include "core/conf.h"
#include "core/limits.h"
#include "json/omit.h"
#include "json/pointer.h"

#define TITLE "Validation error: Publisher config"

/* ---- other attributes ---- */

static void check_array_key(struct attr_ctx *c, const struct attr *row, const void *value)
{
    struct str key = str_of(*(char *const *)value);
    struct errinfo ei = ERRINFO_INIT;

    (void)row;
    if (!str_starts(key, STR("/")))
        return;
    enum err err = jpointer_check(key, &ei);
    if (err != E_OK)
        attr_fault(c, "expected a member name or a JSON pointer (RFC 6901), found %s",
                   err_text(&ei, err));
}

static void check_ignore(struct attr_ctx *c, const struct attr *row, const void *value)
{
    const struct attr_texts *ignore = value;

    (void)row;
    for (size_t i = 0; i < ignore->count; i++) {
        if (ignore->items[i][0] == '\0')
            attr_fault(c,
                       "\"\" is the whole payload: with it nothing would ever be published again");
    }
}

#define ROW(kind_, member_, name_, ...)                                                            \
    {                                                                                              \
        .name = name_, .kind = ATTR_##kind_, .at = offsetof(struct http_conf, member_),            \
        __VA_ARGS__                                                                                \
    }
#define LATER(name_, ...)                                                                          \
    {                                                                                              \
        .name = name_, .kind = ATTR_LATER, __VA_ARGS__                                             \
    }

const struct attr http_conf_attrs[HTTP_CONF_ATTRS] = {
    ROW(URL, url, "url", .flags = ATTR_REQUIRED, .help = "The URL to request."),
    ROW(DURATION, polling_period_us, "pollingPeriod", .preset = "PT5S", .range = http_period_range,
        .help = "How often the URL is requested. The operator may set other bounds than PT0.5S and "
                "PT1H."),
    ROW(POINTER, payload_pointer, "payloadPointer",
        .help = "The part of the answer that becomes the payload; without it, the whole."),
    ROW(STRING_MAP, fields.headers, "headers", .flags = ATTR_REFERENCE, .max = LIMIT_HEADERS,
        .check = http_fields_check_headers, .is_secret = http_field_is_secret,
        .help =
            "HTTP header fields sent with each request. In a PATCH, null removes one. Values of "
            "Authorization, Cookie and names that end in -key, -token or -secret are not shown."),
    HTTP_RETRY_ROWS(struct http_conf, retries),
    ROW(STRING, array_key, "arrayKey", .flags = ATTR_BEYOND, .min = 1, .max = LIMIT_TOPIC_NAME,
        .check = check_array_key,
        .help = "Member name or JSON pointer that identifies the elements of arrays of objects, so "
                "that patches name what changed and stay small. Without it the first of id, _id, "
                "uuid, key and name that is unique in all elements."),
    ROW(BOOL, allow_move, "allowMove", .flags = ATTR_BEYOND, .preset = "false",
        .help = "Patches may use the operation move."),
    ROW(POINTER_LIST, ignore, "ignore", .flags = ATTR_BEYOND, .max = JOMIT_MAX,
        .check = check_ignore,
        .help = "What is left out when payloads are compared; * stands for any member or element. "
                "When nothing else changed, there is no event."),
    ROW(OBJECT, gate, "assert", .flags = ATTR_BEYOND, .rows = gate_attrs, .row_count = GATE_ATTRS,
        .help = "What a payload must be like. One that is not is refused: the last good one stays, "
                "and subscribers get an error."),
    ROW(JSON, params_json, "computedQueryParameters",
        .help = "Query parameters that are computed from the time of the last success, by name."),
    ROW(OBJECT, fields.auth, "authorization", .rows = http_auth_attrs, .row_count = HTTP_AUTH_ATTRS,
        .help = "How requests are authorized. Only the origin of url gets what is made of it."),
    ROW(OBJECT, pagination, "pagination", .rows = http_page_attrs, .row_count = HTTP_PAGE_ATTRS,
        .help = "How the pages of an answer are found. All are fetched and merged."),
};

/* ---- the parsed config ---- */

static bool same_name(const char *a, const struct http_page_param *b)
{
    return b && b->name && strcmp(a, b->name) == 0;
}

/* Two parts of the settings must not set one parameter. */
static void check_names(struct attr_ctx *c, const struct http_conf *conf)
{
    const struct http_page_conf *p = &conf->pagination;

    if (p->mode == HTTP_PAGE_NONE)
        return;
    for (size_t i = 0; i < conf->params.count; i++) {
        const char *name = conf->params.items[i].name;
        if (!same_name(name, http_page_mover(p)) && !same_name(name, http_page_sizer(p)))
            continue;
        size_t was = attr_enter(c, STR("computedQueryParameters"));
        (void)attr_enter(c, str_of(name));
        attr_fault(c, "pagination sets a parameter of this name: give one of them another name");
        attr_leave(c, was);
    }
}

static void parse_nested(struct attr_ctx *c, const jval *config, struct http_conf *conf)
{
    size_t was = attr_enter(c, STR("computedQueryParameters"));

    http_params_parse(c, conf->params_json, &conf->params);
    conf->params_json = NULL;
    attr_leave(c, was);
    was = attr_enter(c, STR("pagination"));
    http_page_conf_check(c, jv_getz(config, "pagination"), &conf->pagination);
    attr_leave(c, was);
    http_fields_check(c, config, &conf->fields);
    check_names(c, conf);
}

void *http_conf_new(const jval *config, const char *pointer, struct faults *f)
{
    struct http_conf *conf = xcalloc(1, sizeof *conf);
    size_t before = f->count + f->dropped;
    struct attr_ctx c;

    attr_ctx_init(&c, f, TITLE, pointer);
    gate_conf_init(&conf->gate);
    http_fields_init(&conf->fields, "headers");
    http_page_conf_init(&conf->pagination);
    attr_parse(&c, http_conf_attrs, ARRAY_LEN(http_conf_attrs), config, conf);
    parse_nested(&c, config, conf);
    attr_ctx_done(&c);
    if (f->count + f->dropped > before) {
        http_conf_free(conf);
        return NULL;
    }
    http_fields_ready(&conf->fields);
    if (conf->ignore.count > 0)
        conf->omit = jomit_new(conf->ignore.items, conf->ignore.count);
    return conf;
}

void http_conf_free(void *config)
{
    if (!config)
        return;
    struct http_conf *conf = config;
    http_params_done(&conf->params);
    jomit_free(conf->omit);
    http_fields_wipe(&conf->fields);
    attr_done(http_conf_attrs, ARRAY_LEN(http_conf_attrs), config);
    free(config);
}

void http_conf_change(const void *config, struct change_conf *ret)
{
    const struct http_conf *conf = config;

    *ret = (struct change_conf){
        .array_key = conf->array_key,
        .allow_move = conf->allow_move,
        .ignore = conf->omit,
    };
}

const struct gate_conf *http_conf_gate(const void *config)
{
    const struct http_conf *conf = config;

    return gate_has_rules(&conf->gate) ? &conf->gate : NULL;
}

int64_t http_conf_period(const void *config)
{
    const struct http_conf *conf = config;

    return http_period(conf->polling_period_us);
}
