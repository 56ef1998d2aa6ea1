/*
 * Routes, and how requests say what they accept.
 */
#include "unit.h"

#include "api/api.h"
#include "api/api_answer.h"
#include "api/api_etag.h"

#define BIT(m) (1u << (m))

static void matching(void **state)
{
    static const struct {
        enum http_method method;
        const char *target, *path; /* the latter of the route; NULL: none */
        const char *param;
        unsigned methods;
    } rows[] = {
        {HTTP_GET_, "/", "/", NULL, 0},
        {HTTP_HEAD_, "/metrics", "/metrics", NULL, 0},
        {HTTP_POST_, "/metrics", NULL, NULL, BIT(HTTP_GET_)},
        {HTTP_OPTIONS_, API_TOPICS, NULL, NULL, BIT(HTTP_GET_) | BIT(HTTP_POST_)},
        {HTTP_GET_, API_TOPICS, API_TOPICS, NULL, 0},
        {HTTP_GET_, API_TOPICS "/", NULL, NULL, 0},
        {HTTP_GET_, API_TOPICS "/a", API_TOPICS "/{idOrName}", "a", 0},
        {HTTP_GET_, API_TOPICS "/a b?", API_TOPICS "/{idOrName}", "a b?", 0},
        {HTTP_PATCH_, API_TOPICS "/a", API_TOPICS "/{idOrName}", "a", 0},
        {HTTP_DELETE_, API_TOPICS "/a", API_TOPICS "/{idOrName}", "a", 0},
        {HTTP_POST_, API_TOPICS "/a", NULL, NULL,
         BIT(HTTP_GET_) | BIT(HTTP_PUT_) | BIT(HTTP_PATCH_) | BIT(HTTP_DELETE_)},
        {HTTP_OTHER_, API_TOPICS "/a/poll", NULL, NULL, BIT(HTTP_POST_)},
        {HTTP_POST_, API_TOPICS "/a/poll", API_TOPICS "/{idOrName}/poll", "a", 0},
        {HTTP_GET_, API_TOPICS "/a/snapshot", API_TOPICS "/{idOrName}/snapshot", "a", 0},
        {HTTP_GET_, API_TOPICS "/a/b", NULL, NULL, 0},
        {HTTP_GET_, API_TOPICS "/a/snapshot/c", NULL, NULL, 0},
        {HTTP_GET_, API_TOPICS "//snapshot", NULL, NULL, 0},
        {HTTP_GET_, "/streams/subscribers/sse/api/v1/topics/x",
         "/streams/subscribers/sse/api/v1/topics/{idOrName}", "x", 0},
        {HTTP_GET_, "//", NULL, NULL, 0},
        {HTTP_GET_, "", NULL, NULL, 0},
        {HTTP_GET_, "*", NULL, NULL, 0},
        {HTTP_GET_, "/Metrics", NULL, NULL, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct str params[API_PARAMS_MAX] = {STR_NONE};
        unsigned methods;
        const struct api_route *route = api_match(api_routes, api_route_count, rows[i].method,
                                                  str_of(rows[i].target), params, &methods);

        if ((route == NULL) != (rows[i].path == NULL))
            fail_msg("%s: %s", rows[i].target, route ? route->path : "no route");
        if (route)
            assert_string_equal(route->path, rows[i].path);
        else
            assert_int_equal(methods, rows[i].methods);
        if (rows[i].param)
            assert_str(params[0], rows[i].param);
    }
}

static void allow(void **state)
{
    AUTO(arena_done) struct arena a = ARENA_INIT;

    (void)state;
    assert_str(api_allow(BIT(HTTP_GET_) | BIT(HTTP_POST_), &a), "GET, HEAD, POST, OPTIONS");
    assert_str(api_allow(BIT(HTTP_POST_), &a), "POST, OPTIONS");
}

static void routes_are_described(void **state)
{
    (void)state;
    for (size_t i = 0; i < api_route_count; i++) {
        assert_true(strlen(api_routes[i].help) > 5);
        assert_non_null(api_routes[i].handler);
        assert_int_equal(api_routes[i].path[0], '/');
        for (size_t k = 0; k < i; k++)
            assert_false(api_routes[i].method == api_routes[k].method &&
                         strcmp(api_routes[i].path, api_routes[k].path) == 0);
    }
}

static void accepts(void **state)
{
    static const struct {
        const char *field;
        bool json;
    } rows[] = {
        {NULL, true},
        {"", true},
        {"*/*", true},
        {"*", true},
        {"application/json", true},
        {"Application/JSON; charset=utf-8", true},
        {"application/*", true},
        {"text/html, application/json;q=0.1", true},
        {"text/html,*/*;q=0.8", true},
        {"text/html", false},
        {"application/xml", false},
        {"application/jsonx", false},
        {"text/*", false},
        {"application/json;q=0", false},
        {"application/json;q=0, */*", false},
        {"*/*, application/json; q=0.000", false},
        {"*/*;q=0, application/json", true},
        {"*/*;q=0", false},
        {"application/*;q=0, */*", false},
        {",,application/json", true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (api_accepts(str_of(rows[i].field), STR("application/json")) != rows[i].json)
            fail_msg("Accept: %s", rows[i].field);
    }
}

static void etags(void **state)
{
    static const struct {
        const char *field;
        bool matches;
    } rows[] = {
        {NULL, false},           {"", false},      {"\"7\"", true},
        {"W/\"7\"", true},       {"*", true},      {"\"6\", \"7\"", true},
        {"\"6\",\"77\"", false}, {"7", false},     {"\"7\" ", true},
        {"w/\"7\"", false},      {"\"6\"", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (api_etag_matches(str_of(rows[i].field), STR("\"7\""), false) != rows[i].matches)
            fail_msg("If-None-Match: %s", rows[i].field);
    }
}

static void etags_of_other_forms(void **state)
{
    static const struct {
        const char *field, *etag;
        bool strong, matches;
    } rows[] = {
        {"\"7-gzip\"", "\"7\"", true, true},
        {"\"7\"", "\"7-gzip\"", true, true},
        {"W/\"7-gzip\"", "\"7\"", false, true},
        {"W/\"7\"", "\"7\"", true, false},
        {"W/\"7\", \"7\"", "\"7\"", true, true},
        {"*", "\"7\"", true, true},
        {"\"7-gzip-gzip\"", "\"7\"", true, false},
        {"\"-gzip\"", "\"7\"", true, false},
        {"7\"", "\"7\"", true, false},
        {"\"7", "\"7\"", true, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (api_etag_matches(str_of(rows[i].field), str_of(rows[i].etag), rows[i].strong) !=
            rows[i].matches)
            fail_msg("If-Match: %s", rows[i].field);
    }
}

int main(void)
{
    return RUN_TESTS(matching, allow, routes_are_described, accepts, etags, etags_of_other_forms);
}
