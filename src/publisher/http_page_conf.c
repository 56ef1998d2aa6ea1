#include "publisher/http_page_conf.h"

#include "core/limits.h"

static const char *const modes[] = {"page", "offset", "keyset", "cursor", NULL};
static const char *const locations[] = {"body", "header", NULL};
static const char *const types[] = {"uri", "value", NULL};

#define NAME_ROW(name_, help_)                                                                     \
    {                                                                                              \
        .name = "parameterName", .kind = ATTR_STRING,                                              \
        .at = offsetof(struct http_page_param, name), .preset = name_, .min = 1,                   \
        .max = LIMIT_TOPIC_NAME, .help = help_                                                     \
    }
#define VALUE_ROW(name_, preset_, min_, max_, help_)                                               \
    {                                                                                              \
        .name = name_, .kind = ATTR_INT, .at = offsetof(struct http_page_param, value),            \
        .preset = preset_, .min = min_, .max = max_, .help = help_                                 \
    }

static const struct attr page_rows[] = {
    NAME_ROW("page", "The query parameter for the number of the page."),
    VALUE_ROW("initial", "1", 0, LIMIT_SOURCE_OFFSET, "The number of the first page."),
};
static const struct attr page_size_rows[] = {
    NAME_ROW("pageSize", "The query parameter for the number of items of a page."),
    VALUE_ROW("value", "100", 1, LIMIT_SOURCE_PAGE_SIZE, "How many items a page shall have."),
};
static const struct attr offset_rows[] = {
    NAME_ROW("offset", "The query parameter for the number of items to pass over."),
    VALUE_ROW("initial", "1", 0, LIMIT_SOURCE_OFFSET, "Its value in the first request."),
};
static const struct attr limit_rows[] = {
    NAME_ROW("limit", "The query parameter for the number of items of a page."),
    VALUE_ROW("value", "100", 1, LIMIT_SOURCE_PAGE_SIZE, "How many items a page shall have."),
};
static const struct attr key_rows[] = {
    NAME_ROW("since_key", "The query parameter for the key after which the page starts."),
};
static const struct attr cursor_rows[] = {
    NAME_ROW("cursor", "The query parameter for the cursor."),
};

#define ROW(kind_, member_, name_, ...)                                                            \
    {                                                                                              \
        .name = name_, .kind = ATTR_##kind_, .at = offsetof(struct http_page_conf, member_),       \
        __VA_ARGS__                                                                                \
    }
#define OBJECT(member_, name_, rows_, ...)                                                         \
    ROW(OBJECT, member_, name_, .rows = rows_, .row_count = ARRAY_LEN(rows_), __VA_ARGS__)

#define NEXT_ROW(kind_, member_, name_, ...)                                                       \
    {                                                                                              \
        .name = name_, .kind = ATTR_##kind_,                                                       \
        .at =                                                                                      \
            offsetof(struct http_page_conf, next.member_) - offsetof(struct http_page_conf, next), \
        __VA_ARGS__                                                                                \
    }

static const struct attr next_rows[] = {
    NEXT_ROW(ENUM, location, "location", .flags = ATTR_REQUIRED, .names = locations,
             .help = "Where an answer says which page is next: in its body, or in its header "
                     "field Link (RFC 8288), as the target whose rel holds next."),
    NEXT_ROW(ENUM, type, "type", .names = types,
             .help = "Only with location body, and required then: whether the body holds the URI "
                     "of the next page (it may be relative) or the next value of the mode's "
                     "parameter."),
    NEXT_ROW(POINTER, pointer, "pointer",
             .help = "Only with location body, and required then: where in the body it stands. "
                     "Where nothing, null or an empty string stands, there is no next page."),
};

const struct attr http_page_attrs[HTTP_PAGE_ATTRS] = {
    ROW(ENUM, mode, "mode", .flags = ATTR_REQUIRED, .names = modes,
        .help = "How the source cuts its items into pages."),
    OBJECT(page, "page", page_rows, .help = "Only in mode page."),
    OBJECT(offset, "offset", offset_rows, .help = "Only in mode offset."),
    OBJECT(key, "key", key_rows,
           .help = "Only in mode keyset. The first request does not carry this parameter."),
    OBJECT(cursor, "cursor", cursor_rows,
           .help = "Only in mode cursor. The first request does not carry this parameter."),
    OBJECT(page_size, "pageSize", page_size_rows, .help = "In all modes but offset."),
    OBJECT(limit, "limit", limit_rows, .help = "Only in mode offset."),
    OBJECT(next, "nextReference", next_rows, .flags = ATTR_REQUIRED,
           .help = "How the next page is found."),
    ROW(INT, max_pages, "maxPages", .flags = ATTR_BEYOND, .preset = "1000", .min = 1,
        .max = LIMIT_SOURCE_PAGES,
        .help = "With more pages than this a poll fails; nothing of it is published."),
    ROW(BOOL, allow_other_origin, "allowOtherOrigin", .flags = ATTR_BEYOND, .preset = "false",
        .help = "The next page may be at another origin (scheme, host, port) than the URL; it is "
                "requested without credentials and configured header fields then."),
};

void http_page_conf_init(struct http_page_conf *conf)
{
    *conf = (struct http_page_conf){
        .mode = HTTP_PAGE_NONE,
        .next = {.location = HTTP_PAGE_NONE, .type = HTTP_PAGE_NONE},
    };
}

const struct http_page_param *http_page_mover(const struct http_page_conf *conf)
{
    switch (conf->mode) {
    case HTTP_PAGE_PAGE:
        return &conf->page;
    case HTTP_PAGE_OFFSET:
        return &conf->offset;
    case HTTP_PAGE_KEYSET:
        return &conf->key;
    default:
        return &conf->cursor;
    }
}

const struct http_page_param *http_page_sizer(const struct http_page_conf *conf)
{
    return conf->mode == HTTP_PAGE_OFFSET ? &conf->limit : &conf->page_size;
}

/* ---- what no row can check by itself ---- */

static bool is_given(const jval *object, const char *name)
{
    enum jtype t = jv_type(jv_getz(object, name));

    return t != JT_NONE && t != JT_NULL;
}

static void fault_at(struct attr_ctx *c, const char *name, const char *text)
{
    size_t was = attr_enter(c, str_of(name));

    attr_fault(c, "%s", text);
    attr_leave(c, was);
}

static void check_modes(struct attr_ctx *c, const jval *object, const struct http_page_conf *conf)
{
    /* Each attribute with the modes it goes with. */
    static const struct {
        const char *name;
        unsigned modes;
    } rows[] = {
        {"page", 1u << HTTP_PAGE_PAGE},
        {"offset", 1u << HTTP_PAGE_OFFSET},
        {"limit", 1u << HTTP_PAGE_OFFSET},
        {"key", 1u << HTTP_PAGE_KEYSET},
        {"cursor", 1u << HTTP_PAGE_CURSOR},
        {"pageSize", 1u << HTTP_PAGE_PAGE | 1u << HTTP_PAGE_KEYSET | 1u << HTTP_PAGE_CURSOR},
    };
    static const char *const taken[] = {"page and pageSize", "offset and limit", "key and pageSize",
                                        "cursor and pageSize"};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (!is_given(object, rows[i].name) || (rows[i].modes & 1u << conf->mode))
            continue;
        size_t was = attr_enter(c, str_of(rows[i].name));
        attr_fault(c, "\"%s\" has no meaning in mode \"%s\", which takes %s: leave it out",
                   rows[i].name, modes[conf->mode], taken[conf->mode]);
        attr_leave(c, was);
    }
}

static void check_next(struct attr_ctx *c, const jval *next, const struct http_page_conf *conf)
{
    bool body = conf->next.location == HTTP_NEXT_BODY;
    bool type = is_given(next, "type") && jv_str(jv_getz(next, "type")).n > 0;
    bool pointer = is_given(next, "pointer");

    if (body && !type)
        fault_at(c, "type",
                 "\"type\" is required where location is \"body\": expected one of \"uri\", "
                 "\"value\", found nothing");
    if (body && !pointer)
        fault_at(c, "pointer",
                 "\"pointer\" is required where location is \"body\": expected a JSON pointer "
                 "(RFC 6901) such as \"/links/next\", found nothing");
    if (body && conf->next.pointer && !conf->next.pointer[0])
        fault_at(c, "pointer",
                 "expected a JSON pointer to a part of the body, found one to all of it");
    if (!body && type)
        fault_at(c, "type", "only a next reference in the body has a type: leave it out");
    if (!body && pointer)
        fault_at(c, "pointer", "only a next reference in the body has a pointer: leave it out");
}

void http_page_conf_check(struct attr_ctx *c, const jval *object, const struct http_page_conf *conf)
{
    const jval *next = jv_getz(object, "nextReference");

    if (jv_type(object) != JT_OBJECT)
        return;
    if (conf->mode != HTTP_PAGE_NONE) {
        check_modes(c, object, conf);
        if (strcmp(http_page_mover(conf)->name, http_page_sizer(conf)->name) == 0)
            attr_fault(c, "two parameters of one name, \"%s\": expected two names",
                       http_page_mover(conf)->name);
    }
    if (jv_type(next) == JT_OBJECT && conf->next.location != HTTP_PAGE_NONE) {
        size_t was = attr_enter(c, STR("nextReference"));
        check_next(c, next, conf);
        attr_leave(c, was);
    }
}
