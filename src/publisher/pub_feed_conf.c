#include "publisher/pub_feed_conf.h"

static const char *const complete_after_names[] = {"stored", "delivered", NULL};

#define ROW(kind_, member_, name_, ...)                                                            \
    {                                                                                              \
        .name = name_, .kind = ATTR_##kind_, .at = offsetof(struct polled_conf, member_),          \
        __VA_ARGS__                                                                                \
    }

const struct attr polled_conf_attrs[POLLED_CONF_ATTRS] = {
    ROW(URL, url, "url", .flags = ATTR_REQUIRED,
        .help = "The URL of the feed: what comes before /next."),
    ROW(DURATION, polling_period_us, "pollingPeriod", .preset = "PT5S", .range = http_period_range,
        .help = "How often the feed is asked for a batch; while it has more, at once again. The "
                "operator may set other bounds than PT0.5S and PT1H."),
    ROW(STRING_MAP, fields.headers, "headers", .flags = ATTR_REFERENCE, .max = LIMIT_HEADERS,
        .check = http_fields_check_headers, .is_secret = http_field_is_secret,
        .help = "HTTP header fields sent with each request. In a PATCH, null removes one. Values "
                "of Authorization, Cookie and names that end in -key, -token or -secret are not "
                "shown."),
    ROW(STRING, tenant_id, "tenantId", .min = 1, .max = LIMIT_POLLED_ID,
        .help = "Sent as the header field " POLLED_TENANT_FIELD "."),
    ROW(ENUM, complete_after, "completeAfter", .preset = "stored", .names = complete_after_names,
        .help = "When a batch is completed. stored: when its notifications are in the journal. "
                "delivered: when every active subscription that lasts has them, too."),
    HTTP_RETRY_ROWS(struct polled_conf, retries),
    ROW(OBJECT, fields.auth, "authorization", .rows = http_auth_attrs, .row_count = HTTP_AUTH_ATTRS,
        .help = "How requests are authorized. Only the origin of url gets what is made of it."),
};

/* Only one of them would be sent. */
static void check_tenant(struct attr_ctx *c, const struct polled_conf *conf)
{
    for (size_t i = 0; conf->tenant_id && i < conf->fields.headers.count; i++) {
        const char *name = conf->fields.headers.items[i].name;
        if (!str_case_eqz(str_of(name), POLLED_TENANT_FIELD))
            continue;
        size_t was = attr_enter(c, STR("headers"));
        (void)attr_enter(c, str_of(name));
        attr_fault(c, "expected no header field " POLLED_TENANT_FIELD " beside the attribute "
                      "tenantId, which sets it, found both: leave one of them out");
        attr_leave(c, was);
    }
}

void *polled_conf_new(const jval *config, const char *pointer, struct faults *f)
{
    struct polled_conf *conf = xcalloc(1, sizeof *conf);
    size_t before = f->count + f->dropped;
    struct attr_ctx c;

    attr_ctx_init(&c, f, "Validation error: Publisher config", pointer);
    http_fields_init(&conf->fields, "headers");
    attr_parse(&c, polled_conf_attrs, ARRAY_LEN(polled_conf_attrs), config, conf);
    http_fields_check(&c, config, &conf->fields);
    check_tenant(&c, conf);
    attr_ctx_done(&c);
    if (f->count + f->dropped > before) {
        polled_conf_free(conf);
        return NULL;
    }
    http_fields_ready(&conf->fields);
    return conf;
}

void polled_conf_free(void *config)
{
    if (!config)
        return;
    struct polled_conf *conf = config;
    http_fields_wipe(&conf->fields);
    attr_done(polled_conf_attrs, ARRAY_LEN(polled_conf_attrs), config);
    free(config);
}

int64_t polled_conf_period(const void *config)
{
    return http_period(((const struct polled_conf *)config)->polling_period_us);
}
