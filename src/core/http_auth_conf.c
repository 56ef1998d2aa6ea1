#include "core/http_auth_conf.h"

#include "base/base64.h"
#include "core/http_fields.h"
#include "core/limits.h"

#define IN(type) (1u << HTTP_AUTH_##type)

static const char *const types[] = {"oauth2", "basic", "bearer", NULL};
static const char *const modes[] = {"header", "body", NULL};

/* ---- values ---- */

/* RFC 7617 §2: the first colon ends it. */
static const char *user_flaw(struct str s)
{
    return memchr(s.p, ':', s.n) ? "a colon, which ends a user name (RFC 7617)"
                                 : http_field_flaw(s);
}

static const char *token_flaw(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] >= 0x7f)
            return "a character other than visible ASCII";
    return NULL;
}

/* What stands in a text itself; what its references give is seen when they are resolved. */
static bool has_flaw(const char *text, secret_flaw_f *flaw)
{
    struct secret_part part;

    for (size_t at = 0; text[at];) {
        if (secret_ref_next(str_of(text), &at, &part, NULL) != E_OK)
            return false;
        if (part.kind == SECRET_TEXT && flaw(part.s))
            return true;
    }
    return false;
}

static void check_username(struct attr_ctx *c, const struct attr *row, const void *value)
{
    (void)row;
    if (has_flaw(*(char *const *)value, user_flaw))
        attr_fault(c, "expected a user name without a colon (RFC 7617), found one with it");
}

static void check_token(struct attr_ctx *c, const struct attr *row, const void *value)
{
    const char *token = *(char *const *)value;

    (void)row;
    if (has_flaw(token, token_flaw))
        attr_fault(c, "expected a token of visible ASCII characters, found another character%s",
                   strncasecmp(token, "bearer ", 7) == 0 ? ": leave out the word Bearer" : "");
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
    ROW(STRING, client_id, "clientId", .flags = ATTR_REFERENCE, .min = 1, .max = LIMIT_CLIENT_ID,
        .help = "Only with type oauth2, and required then."),
    ROW(STRING, client_secret, "clientSecret", .flags = ATTR_SECRET | ATTR_REFERENCE, .min = 1,
        .max = LIMIT_CLIENT_SECRET, .help = "Only with type oauth2, and required then."),
    ROW(ENUM, mode, "mode", .names = modes,
        .help = "Only with type oauth2: whether the client proves itself by HTTP Basic "
                "authentication (header, the default) or by fields of the form (body)."),
    ROW(STRING, scope, "scope", .max = LIMIT_SCOPE,
        .help = "Only with type oauth2: what the token shall be good for, sent as it is."),
    ROW(STRING, username, "username", .flags = ATTR_BEYOND | ATTR_REFERENCE, .max = LIMIT_CLIENT_ID,
        .check = check_username, .help = "Only with type basic, and required then."),
    ROW(STRING, password, "password", .flags = ATTR_SECRET | ATTR_BEYOND | ATTR_REFERENCE,
        .max = LIMIT_CLIENT_SECRET, .help = "Only with type basic, and required then."),
    ROW(STRING, token, "token", .flags = ATTR_SECRET | ATTR_BEYOND | ATTR_REFERENCE, .min = 1,
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

static const struct {
    const char *name;
    size_t at;
    secret_flaw_f *flaw;
} texts[] = {
    {"clientId", offsetof(struct http_auth_conf, client_id), http_field_flaw},
    {"clientSecret", offsetof(struct http_auth_conf, client_secret), http_field_flaw},
    {"username", offsetof(struct http_auth_conf, username), user_flaw},
    {"password", offsetof(struct http_auth_conf, password), http_field_flaw},
    {"token", offsetof(struct http_auth_conf, token), token_flaw},
};

static const char *text_of(const struct http_auth_conf *conf, size_t i)
{
    return *(char *const *)((const char *)conf + texts[i].at);
}

bool http_auth_by_reference(const struct http_auth_conf *conf)
{
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (secret_ref_any(str_of(text_of(conf, i))))
            return true;
    return false;
}

static enum err resolve_text(const struct http_auth_conf *conf, size_t i,
                             const struct secret_rules *rules, struct http_auth_conf *to,
                             struct errinfo *ei)
{
    AUTO(buf_wipe) struct buf b = BUF_INIT;
    const char *text = text_of(conf, i);

    if (!text)
        return E_OK;
    enum err err = secret_ref_resolve(str_of(text), rules, texts[i].flaw, &b, ei);
    if (err != E_OK)
        return err_prefix(ei, E_POLL_CONFIG, "authorization.%s", texts[i].name);
    *(char **)((char *)to + texts[i].at) = buf_take(&b);
    return E_OK;
}

enum err http_auth_resolve(const struct http_auth_conf *conf, const struct secret_rules *rules,
                           struct http_auth_conf *ret, struct errinfo *ei)
{
    AUTO(http_auth_resolved_done)
    struct http_auth_conf now = {
        .type = conf->type, .provider = conf->provider, .scope = conf->scope, .mode = conf->mode};
    enum err err = E_OK;

    for (size_t i = 0; err == E_OK && i < ARRAY_LEN(texts); i++)
        err = resolve_text(conf, i, rules, &now, ei);
    if (err != E_OK)
        return err;
    *ret = now;
    now = (struct http_auth_conf){.type = HTTP_AUTH_NONE};
    return E_OK;
}

void http_auth_resolved_done(struct http_auth_conf *resolved)
{
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        char *text = *(char **)((char *)resolved + texts[i].at);

        wipe(text);
        free(text);
    }
    *resolved = (struct http_auth_conf){.type = HTTP_AUTH_NONE};
}

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
