#include "api/cors.h"

/* How long a browser need not ask again, in seconds. */
#define MAX_AGE "600"
#define FIELDS 4

static bool has_origin(const struct settings_list *list, struct str origin)
{
    for (size_t i = 0; i < list->count; i++)
        if (str_case_eqz(origin, list->items[i]))
            return true;
    return false;
}

/* "*" for an Origin: that is no origin, and must not be taken for the setting's word. */
static bool is_named(const struct conf *conf, struct str origin)
{
    return origin.n > 1 && has_origin(&conf->cors_origins, origin);
}

bool cors_allows(const struct conf *conf, struct str origin)
{
    return is_named(conf, origin) || has_origin(&conf->cors_origins, STR("*"));
}

const struct http_field *cors_fields(struct http_request *r, const struct conf *conf)
{
    const struct settings_list *list = &conf->cors_origins;
    struct str origin = http_header(r, "Origin");
    bool named = is_named(conf, origin), anybody = has_origin(list, STR("*"));
    struct http_field *fields;
    size_t n = 0;

    if (list->count == 0)
        return NULL;
    fields = arena_alloc(&r->arena, (FIELDS + 1) * sizeof *fields);
    if (!anybody || list->count > 1)
        fields[n++] = (struct http_field){"Vary", STR("Origin")};
    if (!named && !anybody)
        return fields;
    fields[n++] = (struct http_field){"Access-Control-Allow-Origin", named ? origin : STR("*")};
    /* Never together with "*": any page could then act with the cookies of whoever looks at it. */
    if (named)
        fields[n++] = (struct http_field){"Access-Control-Allow-Credentials", STR("true")};
    fields[n++] = (struct http_field){"Access-Control-Expose-Headers",
                                      STR("Location, ETag, Link, Retry-After")};
    return fields;
}

bool cors_is_preflight(const struct http_request *r)
{
    return r->method == HTTP_OPTIONS_ && http_header(r, "Origin").p &&
           http_header(r, "Access-Control-Request-Method").p;
}

void cors_preflight_fields(struct str allow, struct http_field ret[CORS_PREFLIGHT_FIELDS])
{
    ret[0] = (struct http_field){"Access-Control-Allow-Methods", allow};
    ret[1] = (struct http_field){
        "Access-Control-Allow-Headers",
        STR("Accept, Authorization, Content-Type, If-Match, If-None-Match, Last-Event-ID")};
    ret[2] = (struct http_field){"Access-Control-Max-Age", STR(MAX_AGE)};
}
