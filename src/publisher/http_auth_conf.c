#include "publisher/http_auth_conf.h"

#include "base/base64.h"
#include "core/limits.h"

#define IN(type) (1u << HTTP_AUTH_##type)

static const char *const types[] = {"oauth2", "basic", "bearer", NULL};
static const char *const modes[] = {"header", "body", NULL};

/* ---- values ---- */

/* A reference to what is looked up when the value is used. */
static bool is_reference(const char *s)
{
    return strstr(s, "${") != NULL;
}

/* RFC 7617 §2: the first colon ends it. */
static void check_username(struct attr_ctx *c, const struct attr *row, const void *value)
{
    const char *name = *(char *const *)value;

    (void)row;
    if (!is_reference(name) && strchr(name, ':'))
        attr_fault(c, "expected a user name without a colon (RFC 7617), found one with it");
}

static void check_token(struct attr_ctx *c, const struct attr *row, const void *value)
{
    const char *token = *(char *const *)value;

    (void)row;
    if (is_reference(token))
        return;
    for (const char *p = token; *p; p++) {
        if (*p > ' ' && *p < 0x7f)
            continue;
        attr_fault(c, "expected a token of visible ASCII characters, found another character%s",
                   strncasecmp(token, "bearer ", 7) == 0 ? ": leave out the word Bearer" : "");
        return;
    }
}

#define ROW(kind_, member_, name_, ...)                                                            \
    {                                                                                              \
        .name = name_, .kind = ATTR_##kind_, .at = offsetof(struct http_auth_conf, member_),       \
        __VA_ARGS__                                                                                \
    }

const struct attr http_auth_attrs[HTTP_AUTH_ATTRS] = {
    ROW(ENUM, type, "type", .flags = ATTR_REQUIRED, .names = types,
        .help = "How requests are authorized: oauth2 (client credentials), basic, or bearer (a "
                "token that does not change). Beyond the original product: basic and bearer."),
    ROW(URL, provider, "provider",
        .help = "The URL of the token endpoint. Only with type oauth2, and required then."),
    ROW(STRING, client_id, "clientId", .min = 1, .max = LIMIT_CLIENT_ID,
        .help = "Only with type oauth2, and required then."),
    ROW(STRING, client_secret, "clientSecret", .flags = ATTR_SECRET, .min = 1,
        .max = LIMIT_CLIENT_SECRET, .help = "Only with type oauth2, and required then."),
    ROW(ENUM, mode, "mode", .names = modes,
        .help = "Only with type oauth2: whether the client proves itself by HTTP Basic "
                "authentication (header, the default) or by fields of the form (body)."),
    ROW(STRING, scope, "scope", .max = LIMIT_SCOPE,
        .help = "Only with type oauth2: what the token shall be good for, sent as it is."),
    ROW(STRING, username, "username", .flags = ATTR_BEYOND, .max = LIMIT_CLIENT_ID,
        .check = check_username, .help = "Only with type basic, and required then."),
    ROW(STRING, password, "password", .flags = ATTR_SECRET | ATTR_BEYOND,
        .max = LIMIT_CLIENT_SECRET, .help = "Only with type basic, and required then."),
    ROW(STRING, token, "token", .flags = ATTR_SECRET | ATTR_BEYOND, .min = 1,
        .max = LIMIT_TOKEN_BYTES, .check = check_token,
        .help = "Only with type bearer, and required then."),
};

/* ---- what no row can check by itself ---- */

static const struct {
    const char *name;
    unsigned types;
    bool required;
} uses[] = {
    {"provider", IN(OAUTH2), true},     {"clientId", IN(OAUTH2), true},
    {"clientSecret", IN(OAUTH2), true}, {"mode", IN(OAUTH2), false},
    {"scope", IN(OAUTH2), false},       {"username", IN(BASIC), true},
    {"password", IN(BASIC), true},      {"token", IN(BEARER), true},
};

static const char *const takes[] = {
    "provider, clientId, clientSecret, mode and scope",
    "username and password",
    "token",
};

static const struct attr *row_of(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(http_auth_attrs); i++)
        if (strcmp(http_auth_attrs[i].name, name) == 0)
            return &http_auth_attrs[i];
    panic("authorization has no attribute %s", name);
}

static void fault_missing(struct attr_ctx *c, const char *name, const char *type)
{
    AUTO(buf_done) struct buf expected = BUF_INIT;

    attr_expected(row_of(name), &expected);
    attr_fault(c, "\"%s\" is required with type \"%s\": expected %s, found nothing", name, type,
               buf_cstr(&expected));
}

static bool is_given(const jval *object, const char *name)
{
    enum jtype t = jv_type(jv_getz(object, name));

    return t != JT_NONE && t != JT_NULL;
}

void http_auth_conf_init(struct http_auth_conf *conf)
{
    *conf = (struct http_auth_conf){.type = HTTP_AUTH_NONE, .mode = TOKEN_MODE_HEADER};
}

void http_auth_conf_check(struct attr_ctx *c, const jval *object, const struct http_auth_conf *conf)
{
    if (jv_type(object) != JT_OBJECT || conf->type == HTTP_AUTH_NONE)
        return;
    for (size_t i = 0; i < ARRAY_LEN(uses); i++) {
        bool given = is_given(object, uses[i].name);
        bool fits = uses[i].types & 1u << conf->type;
        size_t was = attr_enter(c, str_of(uses[i].name));

        if (given && !fits)
            attr_fault(c, "\"%s\" has no meaning with type \"%s\", which takes %s: leave it out",
                       uses[i].name, types[conf->type], takes[conf->type]);
        else if (!given && fits && uses[i].required)
            fault_missing(c, uses[i].name, types[conf->type]);
        attr_leave(c, was);
    }
}

static void wipe(char *secret)
{
    if (secret)
        explicit_bzero(secret, strlen(secret));
}

void http_auth_conf_wipe(struct http_auth_conf *conf)
{
    wipe(conf->client_secret);
    wipe(conf->password);
    wipe(conf->token);
}

/* ---- use ---- */

struct token_conf *http_auth_client(const struct http_auth_conf *conf)
{
    if (conf->type != HTTP_AUTH_OAUTH2)
        return NULL;
    return token_conf_new(&(struct token_client){
        .provider = str_of(conf->provider),
        .id = str_of(conf->client_id),
        .secret = str_of(conf->client_secret),
        .scope = str_of(conf->scope),
        .mode = (enum token_mode)conf->mode,
    });
}

static void put_basic(const struct http_auth_conf *conf, struct buf *b)
{
    AUTO(buf_wipe) struct buf pair = BUF_INIT;
    size_t size = strlen(conf->username) + strlen(conf->password) + 1;

    CHECK(buf_reserve(&pair, size) == E_OK);
    buf_puts(&pair, conf->username);
    buf_putc(&pair, ':');
    buf_puts(&pair, conf->password);
    CHECK(buf_reserve(b, base64_len(size) + 6) == E_OK);
    buf_puts(b, "Basic ");
    base64_encode(b, buf_view(&pair));
}

void http_auth_value(const struct http_auth_conf *conf, struct buf *b)
{
    if (conf->type == HTTP_AUTH_BASIC) {
        put_basic(conf, b);
    } else if (conf->type == HTTP_AUTH_BEARER) {
        CHECK(buf_reserve(b, strlen(conf->token) + 7) == E_OK);
        buf_puts(b, "Bearer ");
        buf_puts(b, conf->token);
    }
}
