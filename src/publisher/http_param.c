#include "publisher/http_param.h"

#include "base/clock.h"
#include "core/limits.h"
#include "core/url.h"

enum { TYPE_DATE_TIME, TYPE_TIMESTAMP };

static const char *const types[] = {"date-time", "timestamp", NULL};
static const char *const references[] = {"last-success", NULL};

#define DEFAULT_PATTERN "yyyy-MM-dd'T'HH:mm:ssXXX"

#define ROW(kind_, member_, name_, ...)                                                            \
    {                                                                                              \
        .name = name_, .kind = ATTR_##kind_, .at = offsetof(struct http_param, member_),           \
        __VA_ARGS__                                                                                \
    }

const struct attr http_param_attrs[HTTP_PARAM_ATTRS] = {
    ROW(ENUM, type, "type", .flags = ATTR_REQUIRED, .names = types,
        .help = "How the moment is written."),
    ROW(ENUM, reference, "reference", .preset = "last-success", .names = references,
        .help = "The moment: when the first request of the last successful poll was sent."),
    ROW(STRING, pattern, "pattern", .min = 1, .max = LIMIT_DATE_PATTERN,
        .help = "Only with type date-time: a pattern of Java's DateTimeFormatter, with English "
                "texts; yyyy-MM-dd'T'HH:mm:ssXXX if none is given."),
    ROW(STRING, zone_name, "zone", .flags = ATTR_BEYOND, .min = 1, .max = DATE_ZONE_NAME_MAX,
        .help =
            "Only with type date-time: the time zone, as an IANA name or an offset; UTC if none "
            "is given."),
    ROW(SCALAR, initial, "initialValue", .min = 1, .max = LIMIT_DATE_TEXT,
        .help =
            "Sent until a poll succeeds for the first time: a text that follows the pattern, or "
            "a number in the unit of the timestamp. Without it the moment is one polling period "
            "ago."),
    ROW(BOOL, milliseconds, "useMilliseconds", .preset = "false",
        .help = "Only with type timestamp: milliseconds since 1970 instead of seconds."),
    ROW(DURATION, overlap_us, "overlap", .flags = ATTR_BEYOND, .preset = "PT0S",
        .max = 366 * US_PER_DAY,
        .help =
            "Taken off the moment, for sources that show a change some time after it was made."),
};

/* ---- attributes ---- */

/* RFC 3986 §2.3, and the marks that RFC 2396 had beyond. */
static bool is_unreserved(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
            !memchr("-._~!*'()", c, 9))
            return false;
    }
    return s.n > 0;
}

static void only_with(struct attr_ctx *c, const jval *object, const char *name, const char *type)
{
    enum jtype t = jv_type(jv_getz(object, name));

    if (t == JT_NONE || t == JT_NULL)
        return;
    size_t was = attr_enter(c, str_of(name));
    attr_fault(c, "this goes only with type %s: leave it out", type);
    attr_leave(c, was);
}

static void fault_at(struct attr_ctx *c, const char *name, const char *text)
{
    size_t was = attr_enter(c, str_of(name));

    attr_fault(c, "%s", text);
    attr_leave(c, was);
}

static const struct date_zone *zone_of(const struct http_param *p)
{
    return p->zone ? p->zone : date_zone_utc();
}

static void check_date_time(struct attr_ctx *c, struct http_param *p)
{
    struct errinfo ei = ERRINFO_INIT;
    enum err err;

    err = date_pattern_new(str_of(p->pattern ? p->pattern : DEFAULT_PATTERN), &p->format, &ei);
    if (err != E_OK) {
        fault_at(c, "pattern", err_text(&ei, err));
        return;
    }
    err = p->zone_name ? date_zone_new(str_of(p->zone_name), &p->zone, &ei) : E_OK;
    if (err != E_OK) {
        fault_at(c, "zone", err_text(&ei, err));
        return;
    }
    err = p->initial ? date_pattern_parse(p->format, zone_of(p), str_of(p->initial), NULL, &ei)
                     : E_OK;
    if (err != E_OK)
        fault_at(c, "initialValue", err_text(&ei, err));
}

static void check_timestamp(struct attr_ctx *c, const struct http_param *p)
{
    int64_t number;

    if (p->initial && !str_to_i64(str_of(p->initial), &number))
        fault_at(c, "initialValue", "expected an integer, in the unit of the timestamp");
}

static void parse_param(struct attr_ctx *c, struct str name, const jval *v, struct http_param *p)
{
    size_t before = c->faults->count + c->faults->dropped;

    p->name = str_dup(name);
    if (!is_unreserved(name))
        attr_fault(c, "expected a name of letters, digits and -._~!*'() only (RFC 3986 §2.3)");
    if (jv_type(v) != JT_OBJECT) {
        attr_fault(c, "expected an object with type and reference, found %s",
                   fault_found(c->faults, v));
        return;
    }
    attr_parse(c, http_param_attrs, HTTP_PARAM_ATTRS, v, p);
    if (c->faults->count + c->faults->dropped > before)
        return;
    if (p->type == TYPE_DATE_TIME) {
        only_with(c, v, "useMilliseconds", "timestamp");
        check_date_time(c, p);
    } else {
        only_with(c, v, "pattern", "date-time");
        only_with(c, v, "zone", "date-time");
        check_timestamp(c, p);
    }
}

void http_params_parse(struct attr_ctx *c, const jval *object, struct http_params *ret)
{
    *ret = (struct http_params){0};
    if (jv_count(object) > LIMIT_QUERY_PARAMETERS) {
        attr_fault(c, "expected at most %d parameters, found %zu", LIMIT_QUERY_PARAMETERS,
                   jv_count(object));
        return;
    }
    if (jv_count(object) == 0)
        return;
    ret->items = xcalloc(jv_count(object), sizeof *ret->items);
    for (struct jiter it = jiter_of(object); jiter_next(&it);) {
        if (jv_type(it.value) == JT_NULL)
            continue;
        size_t was = attr_enter(c, it.name);
        parse_param(c, it.name, it.value, &ret->items[ret->count++]);
        attr_leave(c, was);
    }
}

void http_params_done(struct http_params *p)
{
    for (size_t i = 0; i < p->count; i++) {
        struct http_param *q = &p->items[i];
        attr_done(http_param_attrs, HTTP_PARAM_ATTRS, q);
        date_pattern_free(q->format);
        date_zone_free(q->zone);
        free(q->name);
    }
    free(p->items);
    *p = (struct http_params){0};
}

/* ---- values ---- */

static enum err write_value(const struct http_param *p, int64_t wall, struct buf *b,
                            struct errinfo *ei)
{
    int64_t seconds = wall / US_PER_S, us = wall % US_PER_S;

    if (us < 0) {
        seconds--;
        us += US_PER_S;
    }
    if (p->type == TYPE_DATE_TIME)
        return date_pattern_format(p->format, zone_of(p), seconds, (int32_t)us * 1000, b, ei);
    buf_printf(b, "%lld", (long long)(p->milliseconds ? seconds * 1000 + us / US_PER_MS : seconds));
    return E_OK;
}

static enum err apply(const struct http_param *p, struct str url, int64_t last_success_wall,
                      int64_t else_wall, struct buf *b, struct errinfo *ei)
{
    AUTO(buf_done) struct buf value = BUF_INIT;
    struct errinfo why = ERRINFO_INIT;
    int64_t wall = last_success_wall ? last_success_wall : else_wall;

    if (!last_success_wall && p->initial) {
        buf_puts(&value, p->initial);
    } else {
        enum err err = write_value(p, wall - p->overlap_us, &value, ei);
        if (err != E_OK)
            return err_prefix(ei, E_POLL_CONFIG, "computed query parameter %s", p->name);
    }
    if (url_query_set(url, str_of(p->name), buf_view(&value), b, &why) != E_OK)
        return err_set(ei, E_POLL_CONFIG, "the URL of the request cannot be used: %s",
                       err_text(&why, E_INVALID));
    return E_OK;
}

enum err http_params_apply(const struct http_params *p, struct str url, int64_t last_success_wall,
                           int64_t now_wall, int64_t period_us, struct buf *b, struct errinfo *ei)
{
    AUTO(buf_done) struct buf from = BUF_INIT;
    AUTO(buf_done) struct buf to = BUF_INIT;

    buf_str(&to, url);
    for (size_t i = 0; i < p->count; i++) {
        struct buf swap = from;
        from = to;
        to = swap;
        buf_clear(&to);
        enum err err =
            apply(&p->items[i], buf_view(&from), last_success_wall, now_wall - period_us, &to, ei);
        if (err != E_OK)
            return err;
    }
    buf_str(b, buf_view(&to));
    return E_OK;
}
