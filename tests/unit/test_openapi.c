/*
 * The description of the API: no route without its texts, and a document whose references lead
 * somewhere. That it is valid OpenAPI is asked of a linter: tests/live/openapi.test.js.
 */
#include "unit.h"

#include "api/openapi.h"
#include "core/processor.h"
#include "publisher/pub_feed.h"
#include "publisher/pub_http.h"
#include "publisher/pub_post.h"
#include "json/pointer.h"

/* ---- rows ---- */

static const struct api_route *current;
static struct buf lacking;

static void lacks(bool wrong, const char *what, const char *detail)
{
    if (wrong)
        buf_printf(&lacking, "  %s %s: %s%s%s\n", http_method_name(current->method), current->path,
                   what, detail ? " " : "", detail ? detail : "");
}

static void check_statuses(void)
{
    struct str rest = str_of(current->statuses);
    bool success = false;

    while (rest.p) {
        struct str number = str_split(&rest, ' ');
        uint64_t status = 0;

        if (str_starts(number, STR("+")))
            number = str_drop(number, 1);
        lacks(!str_to_u64(number, 599, &status) || (status < 200 && status != 101),
              "statuses are not numbers:", current->statuses);
        lacks(strcmp(http_status_text((int)status), "Unknown") == 0, "an unknown status in",
              current->statuses);
        success |= status / 100 == 2 || status == 101;
    }
    lacks(!success, "no status 101 or 2xx", NULL);
}

static void check_schema(const char *what, const char *name)
{
    lacks(name && !openapi_has_schema(name), what, name);
}

static void check_path(void)
{
    struct str rest = str_of(current->path);

    while (rest.p) {
        struct str segment = str_split(&rest, '/');
        AUTO_FREE char *name = NULL;

        if (!str_starts(segment, STR("{")))
            continue;
        name = str_dup(str_make(segment.p + 1, segment.n - 2));
        lacks(!openapi_path_parameter(str_of(name)), "openapi_path_parameter() does not know",
              name);
    }
}

static void check_fields(void)
{
    struct str rest = str_of(current->fields);

    while (rest.p) {
        AUTO_FREE char *name = str_dup(str_split(&rest, ' '));

        lacks(!openapi_field(str_of(name)), "openapi_field() does not know", name);
    }
}

static void check_params(void)
{
    for (const struct api_param *p = current->params; p && p->name; p++) {
        AUTO(buf_done) struct buf text = BUF_INIT;
        AUTO(jdoc_freep) struct jdoc *doc = NULL;
        struct jwriter w = jw_begin(&text);

        lacks(strcmp(p->in, "query") != 0 && strcmp(p->in, "header") != 0,
              "neither query nor header:", p->name);
        lacks(!p->help || strlen(p->help) < 5, "no help for", p->name);
        openapi_write_quoted(&w, p->schema);
        lacks(jdoc_parse(buf_view(&text), NULL, &doc, NULL) != E_OK, "no JSON for", p->name);
    }
}

/* What follows is of another protocol. */
static bool is_upgrade(void)
{
    return current->statuses && strncmp(current->statuses, "101", 3) == 0;
}

/* Nothing goes either way: the path says it all. */
static bool is_order(void)
{
    return current->statuses && !current->request && !current->response &&
           strncmp(current->statuses, "200 ", 4) == 0;
}

static void check_row(void)
{
    bool takes = current->method == HTTP_PUT_ || current->method == HTTP_PATCH_;

    lacks(!current->name || !current->name[0], "no name of the operation", NULL);
    lacks(!current->help || strlen(current->help) < 5, "no help", NULL);
    lacks(!current->statuses, "no statuses", NULL);
    lacks(takes && !current->request && !is_order(), "no schema of the request", NULL);
    lacks(current->method == HTTP_GET_ && !current->response && !is_upgrade(),
          "no schema of the answer", NULL);
    check_schema("no such schema:", current->request);
    check_schema("no such schema:", current->response);
    if (current->statuses)
        check_statuses();
    check_path();
    check_fields();
    check_params();
    for (const struct api_route *other = api_routes; other < current; other++)
        lacks(other->name && current->name && strcmp(other->name, current->name) == 0,
              "an operation has the same name:", current->name);
}

static void rows_are_whole(void **state)
{
    (void)state;
    for (current = api_routes; current < api_routes + api_route_count; current++)
        check_row();
    AUTO_FREE char *text = lacking.len ? str_dup(buf_view(&lacking)) : NULL;
    buf_done(&lacking);
    if (text)
        fail_msg("rows of api_routes[] (src/api/api.c) lack something:\n%s", text);
}

/* A row without texts is found out. */
static void a_bare_row_is_not_whole(void **state)
{
    static const struct api_param params[] = {{"p", "body", "{'", ""}, {0}};
    static const struct api_route bare = {
        .method = HTTP_PATCH_, .path = "/{what}", .fields = "X-What", .params = params};
    static const char *const parts[] = {
        "no name",       "no help\n",   "no statuses",   "no schema of the request",
        "know what",     "know X-What", "neither query", "no help for p",
        "no JSON for p",
    };

    (void)state;
    current = &bare;
    check_row();
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        assert_non_null(memmem(lacking.p, lacking.len, parts[i], strlen(parts[i])));
    buf_done(&lacking);
}

static void tags(void **state)
{
    (void)state;
    assert_str(openapi_tag(API_TOPICS "/{id}"), "topics");
    assert_str(openapi_tag("/streams/publishers/http-post/api/v1/topics/{id}"), "http-post");
    assert_str(openapi_tag("/streams/subscribers/sse/api/v1/topics"), "sse");
    assert_str(openapi_tag("/metrics"), "server");
    assert_str(openapi_tag("/"), "server");
}

/* ---- the document ---- */

static struct jdoc *document(void)
{
    AUTO(buf_done) struct buf b = BUF_INIT;
    struct errinfo ei = ERRINFO_INIT;
    struct jdoc *doc = NULL;

    openapi_write(api_routes, api_route_count, &b);
    assert_ok(jdoc_parse(buf_view(&b), NULL, &doc, &ei), &ei);
    return doc;
}

static size_t check_references(const jval *root, const jval *v)
{
    struct jiter it = jiter_of(v);
    size_t count = 0;

    while (jiter_next(&it)) {
        struct str text = jv_str(it.value);

        count += check_references(root, it.value);
        if (!str_eqz(it.name, "$ref") || !text.p)
            continue;
        count++;
        if (!str_starts(text, STR("#")) || !jpointer_get(root, str_drop(text, 1)))
            fail_msg("%.*s leads nowhere", STR_ARG(text));
    }
    return count;
}

static void references_lead_somewhere(void **state)
{
    AUTO(jdoc_freep) struct jdoc *doc = document();

    (void)state;
    assert_true(check_references(jdoc_root(doc), jdoc_root(doc)) > 50);
}

static const jval *operation_of(const jval *root, const struct api_route *route)
{
    AUTO(buf_done) struct buf method = BUF_INIT;
    struct jiter it = jiter_of(jv_getz(root, "paths"));

    for (const char *p = http_method_name(route->method); *p; p++)
        buf_putc(&method, (char)(*p | 0x20));
    while (jiter_next(&it)) {
        const jval *op = jv_get(it.value, buf_view(&method));
        if (str_eqz(jv_str(jv_getz(op, "operationId")), route->name))
            return op;
    }
    return NULL;
}

/* All routes, those whose paths differ in names only under one path. */
static void every_route_is_there(void **state)
{
    AUTO(jdoc_freep) struct jdoc *doc = document();

    (void)state;
    for (size_t i = 0; i < api_route_count; i++)
        if (!operation_of(jdoc_root(doc), &api_routes[i]))
            fail_msg("%s %s", http_method_name(api_routes[i].method), api_routes[i].path);
    const jval *paths = jv_getz(jdoc_root(doc), "paths");
    assert_int_equal(jv_count(jv_getz(paths, API_TOPICS "/{idOrName}")),
                     5); /* parameters, 4 methods */
    assert_null(jv_getz(paths, API_TOPICS "/{id}"));
}

static void attributes_are_there(void **state)
{
    static const struct {
        const char *pointer, *value;
    } rows[] = {
        {"/Topic/properties/name/maxLength", "255"},
        {"/Topic/properties/id/readOnly", "true"},
        {"/Topic/required", "[\"name\",\"publisher\"]"},
        {"/Topic/properties/publisher/properties/alwaysOn/default", "false"},
        {"/Topic/properties/publisher/properties/payload/properties/type/enum",
         "[\"snapshot\",\"event\"]"},
        {"/PublisherConfig/anyOf/0/$ref", "\"#/components/schemas/HttpPollerConfig\""},
        {"/PublisherConfig/anyOf/1/$ref", "\"#/components/schemas/HttpPostConfig\""},
        {"/HttpPollerConfig/required", "[\"url\"]"},
        {"/HttpPollerConfig/properties/retryOnHttpCodes/default", "[500,503,504]"},
        {"/HttpPollerConfig/properties/retryOnHttpCodes/items/minimum", "100"},
        {"/HttpPollerConfig/properties/pollingPeriod/default", "\"PT5S\""},
        {"/HttpPollerConfig/properties/headers/maxProperties", "64"},
        {"/ComputedQueryParameter/type", "\"object\""},
        {"/ErrorStatus/anyOf/0/const", "400"},
        {"/ErrorCode/anyOf/0/const", "40400"},
    };
    AUTO(jdoc_freep) struct jdoc *doc = document();
    const jval *schemas = jpointer_get(jdoc_root(doc), STR("/components/schemas"));

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(buf_done) struct buf text = BUF_INIT;
        const jval *v = jpointer_get(schemas, str_of(rows[i].pointer));

        if (!v)
            fail_msg("%s is not there", rows[i].pointer);
        assert_int_equal(jv_write(v, &text), E_OK);
        assert_str(buf_view(&text), rows[i].value);
    }
}

int main(void)
{
    processor_register(&pub_http);
    processor_register(&pub_post);
    processor_register(&pub_feed);
    return RUN_TESTS(rows_are_whole, a_bare_row_is_not_whole, tags, references_lead_somewhere,
                     every_route_is_there, attributes_are_there);
}
