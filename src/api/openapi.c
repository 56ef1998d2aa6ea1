/*
 * The document is made anew for each request: it takes about a millisecond, and is seldom asked for.
 * It is built as JSON, the one form that the tree can write and check, and given as YAML.
 */
#include "api/openapi.h"

#include "api/api_notifications.h"
#include "json/yaml.h"

#define PUBLISHERS "/streams/publishers/"
#define SUBSCRIBERS "/streams/subscribers/"

static void put(struct jwriter *w, const char *key, const char *text)
{
    jw_key(w, key);
    jw_strz(w, text);
}

static void put_ref(struct jwriter *w, const char *kind, const char *name)
{
    AUTO_FREE char *ref = xasprintf("#/components/%s/%s", kind, name);

    jw_object(w);
    put(w, "$ref", ref);
    jw_object_end(w);
}

/* ---- what tables of routes refer to ---- */

struct term {
    const char *name, *text;
};

static const char *find_term(const struct term *terms, size_t count, struct str name)
{
    for (size_t i = 0; i < count; i++)
        if (str_eqz(name, terms[i].name))
            return terms[i].text;
    return NULL;
}

const char *openapi_path_parameter(struct str name)
{
    static const struct term terms[] = {
        {"id", "Id of the topic, a UUID."},
        {"idOrName", "Id of the topic, or its name."},
        {"topicId", "Id of the topic, or its name."},
        {"subscriptionId", "Id of the subscription, a UUID."},
        {"feedId", "Id of the feed, case-sensitive."},
        {"batchId", "Id of the batch, as it was given."},
        {"name", "Name of the consumer, case-sensitive."},
    };

    return find_term(terms, ARRAY_LEN(terms), name);
}

const char *openapi_field(struct str name)
{
    static const struct term terms[] = {
        {"ETag", "Tag of this state, for If-Match and If-None-Match."},
        {"Last-Modified", "When the document changed last."},
        {"Link", "Links to other pages (RFC 8288), as in the body."},
        {"Location", "Path of what was created."},
        {"X-Axway-Streams-Event-Id", "Id of the event; absent when there was nothing new."},
    };

    return find_term(terms, ARRAY_LEN(terms), name);
}

struct str openapi_tag(const char *path)
{
    struct str rest = str_of(path);

    if (str_starts(rest, STR(API_TOPICS)))
        return STR("topics");
    if (str_starts(rest, STR(PUBLISHERS)))
        rest = str_drop(rest, strlen(PUBLISHERS));
    else if (str_starts(rest, STR(SUBSCRIBERS)))
        rest = str_drop(rest, strlen(SUBSCRIBERS));
    else
        return STR("server");
    return str_split(&rest, '/');
}

/* ---- paths ---- */

/* Do two paths match the same? Names in braces do not count. */
static bool is_same_path(const char *a, const char *b)
{
    struct str x = str_of(a), y = str_of(b);

    while (x.p && y.p) {
        struct str s = str_split(&x, '/'), t = str_split(&y, '/');

        if (!str_eq(s, t) && !(str_starts(s, STR("{")) && str_starts(t, STR("{"))))
            return false;
    }
    return !x.p && !y.p;
}

static void put_parameter(struct jwriter *w, struct str name, const char *in, const char *schema,
                          const char *help)
{
    jw_object(w);
    jw_key(w, "name");
    jw_str(w, name);
    put(w, "in", in);
    if (strcmp(in, "path") == 0) {
        jw_key(w, "required");
        jw_bool(w, true);
    }
    put(w, "description", help);
    jw_key(w, "schema");
    openapi_write_quoted(w, schema);
    jw_object_end(w);
}

/* Of the path, for all its operations. */
static void put_path_parameters(struct jwriter *w, const char *path)
{
    struct str rest = str_of(path);
    bool any = false;

    while (rest.p) {
        struct str segment = str_split(&rest, '/');
        const char *help;

        if (!str_starts(segment, STR("{")))
            continue;
        segment = str_make(segment.p + 1, segment.n - 2);
        if (!any) {
            jw_key(w, "parameters");
            jw_array(w);
        }
        any = true;
        help = openapi_path_parameter(segment);
        put_parameter(w, segment, "path", "{'type':'string'}", help ? help : "An identifier.");
    }
    if (any)
        jw_array_end(w);
}

static void put_parameters(struct jwriter *w, const struct api_param *p)
{
    if (!p)
        return;
    jw_key(w, "parameters");
    jw_array(w);
    for (; p->name; p++)
        put_parameter(w, str_of(p->name), p->in, p->schema, p->help);
    jw_array_end(w);
}

static void put_media(struct jwriter *w, const char *type, const char *schema)
{
    jw_key(w, type);
    jw_object(w);
    jw_key(w, "schema");
    put_ref(w, "schemas", schema);
    jw_object_end(w);
}

static void put_content(struct jwriter *w, const char *const *types, const char *schema)
{
    jw_key(w, "content");
    jw_object(w);
    for (; *types; types++)
        put_media(w, *types, schema);
    jw_object_end(w);
}

static void put_request(struct jwriter *w, const struct api_route *route)
{
    static const char *const types[] = {"application/merge-patch+json", "application/json", NULL};

    if (!route->request)
        return;
    jw_key(w, "requestBody");
    jw_object(w);
    jw_key(w, "required");
    jw_bool(w, true);
    put_content(w, route->method == HTTP_PATCH_ ? types : types + 1, route->request);
    jw_object_end(w);
}

static void put_fields(struct jwriter *w, const char *fields)
{
    struct str rest = str_of(fields);

    if (!rest.p)
        return;
    jw_key(w, "headers");
    jw_object(w);
    while (rest.p) {
        struct str name = str_split(&rest, ' ');

        jw_key_str(w, name);
        jw_object(w);
        put(w, "description", openapi_field(name));
        jw_key(w, "schema");
        openapi_write_quoted(w, "{'type':'string'}");
        jw_object_end(w);
    }
    jw_object_end(w);
}

static void put_success(struct jwriter *w, const struct api_route *route, int status)
{
    const char *const types[] = {route->media ? route->media : "application/json", NULL};

    jw_object(w);
    put(w, "description", http_status_text(status));
    put_fields(w, route->fields);
    if (route->response && status != 204 && status != 304)
        put_content(w, types, route->response);
    jw_object_end(w);
}

/* Those of the route, and what any request may meet. */
static void put_responses(struct jwriter *w, const struct api_route *route)
{
    const char *errors = api_notifications_have(str_of(route->path)) ? "FeedErrors" : "Errors";
    struct str rest = str_of(route->statuses);
    uint64_t status = 0;

    jw_key(w, "responses");
    jw_object(w);
    while (rest.p) {
        struct str number = str_split(&rest, ' ');
        bool answer = str_starts(number, STR("+"));

        number = str_drop(number, answer);
        CHECK(str_to_u64(number, 599, &status));
        jw_key_str(w, number);
        if (status < 400 || answer)
            put_success(w, route, (int)status);
        else
            put_ref(w, "responses", errors);
    }
    jw_key(w, "4XX");
    put_ref(w, "responses", errors);
    jw_key(w, "5XX");
    put_ref(w, "responses", errors);
    jw_object_end(w);
}

static void put_operation(struct jwriter *w, const struct api_route *route)
{
    AUTO(buf_done) struct buf method = BUF_INIT;

    for (const char *p = http_method_name(route->method); *p; p++)
        buf_putc(&method, (char)(*p - 'A' + 'a'));
    jw_key(w, buf_cstr(&method));
    jw_object(w);
    put(w, "operationId", route->name);
    put(w, "summary", route->help);
    jw_key(w, "tags");
    jw_array(w);
    jw_str(w, openapi_tag(route->path));
    jw_array_end(w);
    put(w, "x-pollcast-scope", auth_scope_name(route->scope));
    put_parameters(w, route->params);
    put_request(w, route);
    put_responses(w, route);
    jw_object_end(w);
}

/* Routes of the same path stand together, at the place of the first. */
static bool is_first_of_path(const struct api_route *routes, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (is_same_path(routes[k].path, routes[i].path))
            return false;
    return true;
}

static void put_paths(struct jwriter *w, const struct api_route *routes, size_t count)
{
    jw_key(w, "paths");
    jw_object(w);
    for (size_t i = 0; i < count; i++) {
        if (!is_first_of_path(routes, i))
            continue;
        jw_key(w, routes[i].path);
        jw_object(w);
        put_path_parameters(w, routes[i].path);
        for (size_t k = i; k < count; k++)
            if (is_same_path(routes[k].path, routes[i].path))
                put_operation(w, &routes[k]);
        jw_object_end(w);
    }
    jw_object_end(w);
}

/* ---- the document ---- */

static void put_info(struct jwriter *w)
{
    jw_key(w, "info");
    jw_object(w);
    put(w, "title", "pollcast");
    put(w, "version", POLLCAST_VERSION);
    put(w, "summary", "Polls HTTP APIs, journals what changes and streams it.");
    jw_key(w, "license");
    openapi_write_quoted(w, "{'name':'Apache-2.0','identifier':'Apache-2.0'}");
    jw_object_end(w);
    jw_key(w, "servers");
    openapi_write_quoted(w, "[{'url':'/','description':'This server.'}]");
    jw_key(w, "security");
    openapi_write_quoted(w, "[]");
}

static bool is_first_of_tag(const struct api_route *routes, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (str_eq(openapi_tag(routes[k].path), openapi_tag(routes[i].path)))
            return false;
    return true;
}

static void put_tags(struct jwriter *w, const struct api_route *routes, size_t count)
{
    jw_key(w, "tags");
    jw_array(w);
    for (size_t i = 0; i < count; i++) {
        struct str path = str_of(routes[i].path), tag = openapi_tag(routes[i].path);
        const char *what = str_starts(path, STR(PUBLISHERS))    ? "Publishing to topics by"
                           : str_starts(path, STR(SUBSCRIBERS)) ? "Following topics by"
                                                                : "Calls about the";
        AUTO_FREE char *text = xasprintf("%s %.*s.", what, STR_ARG(tag));

        if (!is_first_of_tag(routes, i))
            continue;
        jw_object(w);
        jw_key(w, "name");
        jw_str(w, tag);
        put(w, "description", text);
        jw_object_end(w);
    }
    jw_array_end(w);
}

static void put_components(struct jwriter *w)
{
    static const char *const types[] = {"application/json", NULL};

    jw_key(w, "components");
    jw_object(w);
    jw_key(w, "responses");
    jw_object(w);
    jw_key(w, "Errors");
    jw_object(w);
    put(w, "description", "What is wrong; all faults of a body at once.");
    put_content(w, types, "Errors");
    jw_object_end(w);
    jw_key(w, "FeedErrors");
    jw_object(w);
    put(w, "description", "What is wrong; with a query or a body, all faults at once.");
    jw_key(w, "content");
    jw_object(w);
    put_media(w, "application/problem+json", "FeedProblem");
    put_media(w, "application/json", "Errors");
    jw_object_end(w);
    jw_object_end(w);
    jw_object_end(w);
    jw_key(w, "schemas");
    openapi_write_schemas(w);
    jw_object_end(w);
}

void openapi_write(const struct api_route *routes, size_t count, struct buf *b)
{
    struct jwriter w = jw_begin(b);

    jw_object(&w);
    put(&w, "openapi", "3.1.0");
    put_info(&w);
    put_tags(&w, routes, count);
    put_paths(&w, routes, count);
    put_components(&w);
    jw_object_end(&w);
    CHECK(jw_end(&w) == E_OK);
}

void api_openapi(const struct api_call *call)
{
    AUTO(buf_done) struct buf json = BUF_INIT, yaml = BUF_INIT;
    AUTO(jdoc_freep) struct jdoc *doc = NULL;
    static const struct http_field fields[] = {
        {"Content-Type", {"application/yaml", 16}}, /* RFC 9512 */
        {"Cache-Control", {"no-cache", 8}},
        {NULL, {NULL, 0}},
    };

    openapi_write(api_routes, api_route_count, &json);
    CHECK(jdoc_parse(buf_view(&json), NULL, &doc, NULL) == E_OK);
    yaml_write(jdoc_root(doc), &yaml);
    http_respond(call->r, 200, fields, buf_view(&yaml));
}
