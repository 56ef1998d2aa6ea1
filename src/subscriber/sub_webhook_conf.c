#include "subscriber/sub_webhook_conf.h"

#include "base/clock.h"
#include "core/limits.h"
#include "core/secret_ref.h"

#define TITLE "Validation error: Subscription"

static const char *const formats[] = {"plain", "cloudevents", NULL};

/* What a reference gives is seen when it is resolved. */
static void check_secret(struct attr_ctx *c, const char *secret)
{
    AUTO(webhook_keys_wipe) struct webhook_keys keys = {.count = 0};
    struct errinfo ei = ERRINFO_INIT;

    if (secret_ref_any(str_of(secret)))
        return;
    enum err err = webhook_keys_add(&keys, str_of(secret), &ei);
    if (err != E_OK)
        attr_fault(c,
                   "expected whsec_ and the Base64 of %d to %d random bytes (Standard Webhooks), "
                   "found something else: %s",
                   WEBHOOK_KEY_MIN, WEBHOOK_KEY_MAX, err_text(&ei, err));
}

static void check_secrets(struct attr_ctx *c, const struct attr *row, const void *value)
{
    const struct attr_texts *secrets = value;

    (void)row;
    for (size_t i = 0; i < secrets->count; i++) {
        size_t was = c->pointer.len;

        if (secrets->count > 1)
            (void)attr_enter_index(c, i);
        check_secret(c, secrets->items[i]);
        attr_leave(c, was);
    }
}

#define ROW(kind_, member_, name_, ...)                                                            \
    {                                                                                              \
        .name = name_, .kind = ATTR_##kind_, .at = offsetof(struct webhook_conf, member_),         \
        __VA_ARGS__                                                                                \
    }

const struct attr webhook_conf_attrs[WEBHOOK_CONF_ATTRS] = {
    SUBSCRIPTION_ROWS(struct webhook_conf),
    ROW(URL, url, "webhookUrl", .flags = ATTR_REQUIRED,
        .help = "The URL that each event is posted to."),
    ROW(STRING_MAP, fields.headers, "webhookHeaders", .flags = ATTR_REFERENCE, .max = LIMIT_HEADERS,
        .check = http_fields_check_headers, .is_secret = http_field_is_secret,
        .help = "HTTP header fields sent with each request. In a PATCH, null removes one. Values "
                "of Authorization, Cookie and names that end in -key, -token or -secret are not "
                "shown."),
    ROW(OBJECT, fields.auth, "authorization", .rows = http_auth_attrs, .row_count = HTTP_AUTH_ATTRS,
        .help = "How requests are authorized."),
    ROW(STRING_LIST, secrets, "signingSecret", .flags = ATTR_SECRET | ATTR_REFERENCE | ATTR_BEYOND,
        .max = LIMIT_SIGNING_SECRETS, .check = check_secrets,
        .help = "Secrets that requests are signed with as Standard Webhooks has it (whsec_…); "
                "without one, they are not signed. Two while one replaces the other."),
    ROW(ENUM, format, "format", .flags = ATTR_BEYOND, .preset = "plain", .names = formats,
        .help = "plain: the payload is the body; cloudevents: it is wrapped in a CloudEvent 1.0, "
                "in structured JSON."),
    ROW(DURATION, timeout_us, "timeout", .flags = ATTR_BEYOND, .preset = "PT15S", .min = US_PER_S,
        .max = 60 * US_PER_S, .help = "How long the receiver may take to answer."),
};

void *webhook_conf_new(const jval *root, struct faults *f)
{
    struct webhook_conf *conf = xcalloc(1, sizeof *conf);
    size_t before = f->count + f->dropped;
    struct attr_ctx c;

    conf->common.mode = -1;
    http_fields_init(&conf->fields, "webhookHeaders");
    attr_ctx_init(&c, f, TITLE, "");
    attr_parse(&c, webhook_conf_attrs, ARRAY_LEN(webhook_conf_attrs), root, conf);
    http_fields_check(&c, root, &conf->fields);
    attr_ctx_done(&c);
    if (f->count + f->dropped > before) {
        webhook_conf_free(conf);
        return NULL;
    }
    http_fields_ready(&conf->fields);
    return conf;
}

void webhook_conf_free(void *config)
{
    struct webhook_conf *conf = config;

    if (!conf)
        return;
    http_fields_wipe(&conf->fields);
    for (size_t i = 0; i < conf->secrets.count; i++)
        explicit_bzero(conf->secrets.items[i], strlen(conf->secrets.items[i]));
    attr_done(webhook_conf_attrs, ARRAY_LEN(webhook_conf_attrs), conf);
    free(conf);
}

bool webhook_conf_by_reference(const struct webhook_conf *conf)
{
    for (size_t i = 0; i < conf->secrets.count; i++)
        if (secret_ref_any(str_of(conf->secrets.items[i])))
            return true;
    return conf->fields.by_reference;
}

static enum err add_key(const char *secret, const struct secret_rules *rules,
                        struct webhook_keys *keys, struct errinfo *ei)
{
    AUTO(buf_wipe) struct buf text = BUF_INIT;
    enum err err = secret_ref_resolve(str_of(secret), rules, http_field_flaw, &text, ei);

    return err == E_OK ? webhook_keys_add(keys, buf_view(&text), ei) : err;
}

enum err webhook_conf_keys(const struct webhook_conf *conf, const struct conf *server,
                           struct webhook_keys *keys, struct errinfo *ei)
{
    struct secret_rules rules;

    secret_rules_of(server, &rules);
    for (size_t i = 0; i < conf->secrets.count; i++) {
        enum err err = add_key(conf->secrets.items[i], &rules, keys, ei);
        if (err != E_OK) {
            webhook_keys_wipe(keys);
            return err_prefix(ei, E_POLL_CONFIG, "signingSecret");
        }
    }
    return E_OK;
}
