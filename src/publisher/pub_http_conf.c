#include "publisher/pub_http_conf.h"

#include "base/clock.h"
#include "core/conf.h"
#include "core/limits.h"
#include "json/omit.h"
#include "json/pointer.h"

#define TITLE "Validation error: Publisher config"

/* ---- header fields ---- */

static bool ends_in_word(struct str name, const char *word)
{
    struct str w = str_of(word);

    if (name.n < w.n || !str_case_eq(str_drop(name, name.n - w.n), w))
        return false;
    return name.n == w.n || strchr("-_", name.p[name.n - w.n - 1]);
}

bool http_conf_is_secret_header(struct str name)
{
    static const char *const words[] = {"authorization", "cookie", "key", "token", "secret"};

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (ends_in_word(name, words[i]))
            return true;
    }
    return false;
}

/* RFC 9110 §5.6.2 */
static bool is_token(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (c <= ' ' || c >= 0x7f || strchr("\"(),/:;<=>?@[\\]{}", c))
            return false;
    }
    return s.n > 0;
}

/* RFC 9110 §5.5: no control characters but the tab. */
static bool is_field_value(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if ((c < ' ' && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

/* Fields that say where a request goes, where it ends and how its answer is cached: the poller and
 * the HTTP client set them, and two opinions on them would make requests ambiguous. */
static bool is_managed(struct str name)
{
    static const char *const managed[] = {
        "connection",    "content-length",    "expect",
        "host",          "if-match",          "if-modified-since",
        "if-none-match", "if-range",          "if-unmodified-since",
        "keep-alive",    "proxy-connection",  "te",
        "trailer",       "transfer-encoding", "upgrade",
    };

    for (size_t i = 0; i < ARRAY_LEN(managed); i++) {
        if (str_case_eqz(name, managed[i]))
            return true;
    }
    return false;
}

static const char *find_twin(const struct attr_map *map, size_t i)
{
    for (size_t k = 0; k < i; k++) {
        if (str_case_eqz(str_of(map->items[i].name), map->items[k].name))
            return map->items[k].name;
    }
    return NULL;
}

static void check_header(struct attr_ctx *c, const struct attr_map *map, size_t i)
{
    struct str name = str_of(map->items[i].name);
    const char *twin = find_twin(map, i);

    if (!is_token(name))
        attr_fault(c, "expected the name of an HTTP header field (letters, digits and "
                      "!#$%%&'*+-.^_`|~), found another character or nothing");
    else if (is_managed(name))
        attr_fault(c, "this header field is set by the poller itself: leave it out");
    else if (twin)
        attr_fault(c,
                   "the header field is given twice, here and as \"%s\": names are the same "
                   "whatever their case",
                   twin);
    if (!is_field_value(str_of(map->items[i].value)))
        attr_fault(c, "expected a value without control characters or line breaks");
}

static void check_headers(struct attr_ctx *c, const struct attr *row, const void *value)
{
    const struct attr_map *map = value;
    size_t bytes = 0;

    (void)row;
    for (size_t i = 0; i < map->count; i++) {
        size_t was = attr_enter(c, str_of(map->items[i].name));

        check_header(c, map, i);
        attr_leave(c, was);
        bytes += strlen(map->items[i].name) + strlen(map->items[i].value);
    }
    if (bytes > LIMIT_HEADERS_BYTES)
        attr_fault(c, "expected at most %d bytes of names and values, found %zu",
                   LIMIT_HEADERS_BYTES, bytes);
}

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

static void period_range(double *ret_min, double *ret_max)
{
    *ret_min = (double)conf_current()->poll_min_period_us;
    *ret_max = (double)conf_current()->poll_max_period_us;
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
    ROW(DURATION, polling_period_us, "pollingPeriod", .preset = "PT5S", .range = period_range,
        .help = "How often the URL is requested. The operator may set other bounds than PT0.5S and "
                "PT1H."),
    ROW(POINTER, payload_pointer, "payloadPointer",
        .help = "The part of the answer that becomes the payload; without it, the whole."),
    ROW(STRING_MAP, headers, "headers", .max = LIMIT_HEADERS, .check = check_headers,
        .is_secret = http_conf_is_secret_header,
        .help =
            "HTTP header fields sent with each request. In a PATCH, null removes one. Values of "
            "Authorization, Cookie and names that end in -key, -token or -secret are not shown."),
    ROW(INT_LIST, retry_on_http_codes, "retryOnHttpCodes", .preset = "500,503,504", .min = 100,
        .max = 599, .help = "HTTP statuses that are retried; any other fails at once."),
    ROW(INT, retry_max_attempts, "retryMaxAttempts", .preset = "3", .max = LIMIT_RETRIES,
        .help = "Retries after the first attempt."),
    ROW(DURATION, retry_initial_us, "retryBackOffInitialDuration", .preset = "PT1S",
        .max = 10 * US_PER_S, .help = "Time until the first retry; it doubles with each."),
    ROW(DURATION, retry_max_us, "retryBackOffMaxDuration", .preset = "PT10S", .max = 60 * US_PER_S,
        .help = "The longest time between two attempts."),
    ROW(NUMBER, retry_factor, "retryBackOffFactor", .preset = "0.5", .max = 1,
        .help = "Jitter: the share by which the time until a retry is spread at random, to both "
                "sides."),
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
    ROW(OBJECT, auth, "authorization", .rows = http_auth_attrs, .row_count = HTTP_AUTH_ATTRS,
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
    was = attr_enter(c, STR("authorization"));
    http_auth_conf_check(c, jv_getz(config, "authorization"), &conf->auth);
    attr_leave(c, was);
    was = attr_enter(c, STR("pagination"));
    http_page_conf_check(c, jv_getz(config, "pagination"), &conf->pagination);
    attr_leave(c, was);
    check_names(c, conf);
}

void *http_conf_new(const jval *config, const char *pointer, struct faults *f)
{
    struct http_conf *conf = xcalloc(1, sizeof *conf);
    size_t before = f->count + f->dropped;
    struct attr_ctx c;

    attr_ctx_init(&c, f, TITLE, pointer);
    gate_conf_init(&conf->gate);
    http_auth_conf_init(&conf->auth);
    http_page_conf_init(&conf->pagination);
    attr_parse(&c, http_conf_attrs, ARRAY_LEN(http_conf_attrs), config, conf);
    parse_nested(&c, config, conf);
    attr_ctx_done(&c);
    if (f->count + f->dropped > before) {
        http_conf_free(conf);
        return NULL;
    }
    conf->client = http_auth_client(&conf->auth);
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
    token_conf_unref(conf->client);
    http_auth_conf_wipe(&conf->auth);
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
    const struct conf *server = conf_current();

    return MIN(MAX(conf->polling_period_us, server->poll_min_period_us),
               server->poll_max_period_us);
}
