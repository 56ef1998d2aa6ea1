#include "core/http_fields.h"

#include "core/limits.h"
#include "core/secret_ref.h"

/* ---- names ---- */

static bool ends_in_word(struct str name, const char *word)
{
    struct str w = str_of(word);

    if (name.n < w.n || !str_case_eq(str_drop(name, name.n - w.n), w))
        return false;
    return name.n == w.n || strchr("-_", name.p[name.n - w.n - 1]);
}

bool http_field_is_secret(struct str name)
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

/* Fields that say where a request goes, where it ends and how its answer is cached: the server and
 * its HTTP client set them, and two opinions on them would make requests ambiguous. */
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
        attr_fault(c, "this header field is set by the server itself: leave it out");
    else if (twin)
        attr_fault(c,
                   "the header field is given twice, here and as \"%s\": names are the same "
                   "whatever their case",
                   twin);
    if (http_field_flaw(str_of(map->items[i].value)))
        attr_fault(c, "expected a value without control characters or line breaks");
}

void http_fields_check_headers(struct attr_ctx *c, const struct attr *row, const void *value)
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

/* ---- values ---- */

const char *http_field_flaw(struct str value)
{
    for (size_t i = 0; i < value.n; i++) {
        unsigned char c = (unsigned char)value.p[i];

        if ((c < ' ' && c != '\t') || c == 0x7f)
            return "control characters or line breaks";
    }
    return NULL;
}

/* ---- settings ---- */

void http_fields_init(struct http_fields *fields, const char *name)
{
    *fields = (struct http_fields){.name = name};
    http_auth_conf_init(&fields->auth);
}

/* Only one of them would be sent. */
static void check_twin(struct attr_ctx *c, const struct http_fields *fields)
{
    for (size_t i = 0; fields->auth.type != HTTP_AUTH_NONE && i < fields->headers.count; i++) {
        const char *name = fields->headers.items[i].name;
        if (!str_case_eqz(str_of(name), "authorization"))
            continue;
        size_t was = attr_enter(c, str_of(fields->name));
        (void)attr_enter(c, str_of(name));
        attr_fault(c, "expected no header field Authorization beside the attribute authorization, "
                      "which sets it, found both: leave one of them out");
        attr_leave(c, was);
    }
}

void http_fields_check(struct attr_ctx *c, const jval *object, const struct http_fields *fields)
{
    size_t was = attr_enter(c, STR("authorization"));

    http_auth_conf_check(c, jv_getz(object, "authorization"), &fields->auth);
    attr_leave(c, was);
    check_twin(c, fields);
}

static bool has_references(const struct http_fields *fields)
{
    for (size_t i = 0; i < fields->headers.count; i++)
        if (secret_ref_any(str_of(fields->headers.items[i].value)))
            return true;
    return http_auth_by_reference(&fields->auth);
}

void http_fields_ready(struct http_fields *fields)
{
    fields->by_reference = has_references(fields);
    if (!http_auth_by_reference(&fields->auth))
        fields->client = http_auth_client(&fields->auth);
}

void http_fields_wipe(struct http_fields *fields)
{
    token_conf_unref(TAKE(fields->client));
    http_auth_conf_wipe(&fields->auth);
}

/* ---- use ---- */

static enum err set_authorization(struct fetch_target *target, const struct http_auth_conf *auth,
                                  struct errinfo *ei)
{
    AUTO(buf_wipe) struct buf value = BUF_INIT;

    http_auth_value(auth, &value);
    if (value.len == 0)
        return E_OK;
    return fetch_target_header(target, STR("Authorization"), buf_view(&value), ei);
}

enum err http_fields_set(struct fetch_target *target, const struct http_fields *fields,
                         struct errinfo *ei)
{
    for (size_t i = 0; i < fields->headers.count; i++) {
        struct str name = str_of(fields->headers.items[i].name);
        struct str value = str_of(fields->headers.items[i].value);

        if (secret_ref_any(value))
            continue;
        enum err err = fetch_target_header(target, name, value, ei);
        if (err != E_OK)
            return err;
    }
    return http_auth_by_reference(&fields->auth) ? E_OK
                                                 : set_authorization(target, &fields->auth, ei);
}

static enum err renew_header(struct fetch_target *target, const struct http_fields *fields,
                             const struct attr_pair *header, const struct secret_rules *rules,
                             struct errinfo *ei)
{
    AUTO(buf_wipe) struct buf value = BUF_INIT;
    enum err err = secret_ref_resolve(str_of(header->value), rules, http_field_flaw, &value, ei);

    if (err == E_OK)
        err = fetch_target_header(target, str_of(header->name), buf_view(&value), ei);
    return err == E_OK ? E_OK
                       : err_prefix(ei, E_POLL_CONFIG, "%s.%.100s", fields->name, header->name);
}

static enum err renew_headers(struct fetch_target *target, const struct http_fields *fields,
                              const struct secret_rules *rules, struct errinfo *ei)
{
    const struct attr_map *headers = &fields->headers;
    enum err err = E_OK;

    for (size_t i = 0; err == E_OK && i < headers->count; i++)
        if (secret_ref_any(str_of(headers->items[i].value)))
            err = renew_header(target, fields, &headers->items[i], rules, ei);
    return err;
}

static enum err renew_authorization(struct fetch_target *target, const struct http_auth_conf *auth,
                                    const struct secret_rules *rules,
                                    struct token_conf **ret_client, struct errinfo *ei)
{
    AUTO(http_auth_resolved_done) struct http_auth_conf now = {.type = HTTP_AUTH_NONE};
    enum err err = http_auth_resolve(auth, rules, &now, ei);

    if (err != E_OK)
        return err;
    if (set_authorization(target, &now, ei) != E_OK)
        return err_prefix(ei, E_POLL_CONFIG, "authorization");
    *ret_client = http_auth_client(&now);
    return E_OK;
}

enum err http_fields_renew(struct fetch_target *target, const struct http_fields *fields,
                           const struct conf *server, struct token_conf **ret_client,
                           struct errinfo *ei)
{
    struct secret_rules rules;

    if (fields->by_reference) {
        secret_rules_of(server, &rules);
        enum err err = renew_headers(target, fields, &rules, ei);
        if (err == E_OK && http_auth_by_reference(&fields->auth))
            return renew_authorization(target, &fields->auth, &rules, ret_client, ei);
        if (err != E_OK)
            return err;
    }
    *ret_client = fields->client ? token_conf_ref(fields->client) : NULL;
    return E_OK;
}
