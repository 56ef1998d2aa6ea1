#include "api/api.h"

#include "api/api_answer.h"
#include "api/api_status.h"
#include "api/api_topic_data.h"
#include "api/api_topics.h"
#include "api/problem.h"
#include "base/trace.h"

#define JSON "application/json"

const struct api_route api_routes[] = {
    {HTTP_POST_, API_TOPICS, api_topic_create, AUTH_ADMIN, JSON, "Create a topic"},
    {HTTP_GET_, API_TOPICS, api_topic_list, AUTH_ADMIN, JSON,
     "List topics; query: page, pageSize (20, at most 1000)"},
    {HTTP_GET_, API_TOPICS "/{idOrName}", api_topic_get, AUTH_ADMIN, JSON, "Show a topic"},
    {HTTP_PUT_, API_TOPICS "/{id}", api_topic_put, AUTH_ADMIN, JSON,
     "Replace a topic, or create it with this id"},
    {HTTP_PATCH_, API_TOPICS "/{idOrName}", api_topic_patch, AUTH_ADMIN, JSON,
     "Change a topic by a JSON Merge Patch (RFC 7396)"},
    {HTTP_DELETE_, API_TOPICS "/{idOrName}", api_topic_delete, AUTH_ADMIN, JSON,
     "Delete a topic, its journal and its channels"},
    {HTTP_GET_, API_TOPICS "/{idOrName}/snapshot", api_topic_snapshot, AUTH_SUBSCRIBE, JSON,
     "The whole document of today; its ETag is the sequence number"},
    {HTTP_GET_, API_TOPICS "/{idOrName}/events", api_topic_events, AUTH_SUBSCRIBE, JSON,
     "Events of the journal; query: after (0), limit (100, at most 1000)"},
    {HTTP_POST_, API_TOPICS "/{idOrName}/poll", api_topic_poll, AUTH_PUBLISH, JSON, "Poll now"},
    {HTTP_GET_, API_TOPICS "/{idOrName}/refused", api_topic_refused, AUTH_ADMIN, JSON,
     "The last payload that assert refused, and why; 404 since the next success"},
    {HTTP_GET_, API_TOPICS "/{idOrName}/debug", api_topic_debug, AUTH_ADMIN, JSON,
     "State of a topic and its last polls"},
    {HTTP_GET_, "/streams/subscribers/sse/api/v1/topics/{idOrName}", api_topic_stream,
     AUTH_SUBSCRIBE, NULL, "Follow a topic by Server-Sent Events; query: mode, lastEventId"},
    {HTTP_GET_, "/health/live", api_status_live, AUTH_NONE, NULL, "200 while the process runs"},
    {HTTP_GET_, "/health/ready", api_status_ready, AUTH_NONE, NULL,
     "200 while it takes requests, 503 while it starts or stops"},
    {HTTP_GET_, "/metrics", api_status_metrics, AUTH_NONE, NULL,
     "Counters in the Prometheus text format"},
    {HTTP_GET_, "/", api_status_index, AUTH_NONE, NULL, "This list"},
};
const size_t api_route_count = ARRAY_LEN(api_routes);

/* ---- matching ---- */

static bool match_path(const char *pattern, struct str path, struct str params[API_PARAMS_MAX])
{
    struct str rest = str_of(pattern);
    size_t n = 0;

    while (rest.p && path.p) {
        struct str want = str_split(&rest, '/');
        struct str segment = str_split(&path, '/');

        if (str_starts(want, STR("{"))) {
            if (segment.n == 0)
                return false;
            CHECK(n < API_PARAMS_MAX);
            params[n++] = segment;
        } else if (!str_eq(want, segment)) {
            return false;
        }
    }
    return !rest.p && !path.p;
}

const struct api_route *api_match(const struct api_route *routes, size_t count,
                                  enum http_method method, struct str path,
                                  struct str params[API_PARAMS_MAX], unsigned *ret_methods)
{
    if (method == HTTP_HEAD_)
        method = HTTP_GET_;
    *ret_methods = 0;
    for (size_t i = 0; i < count; i++) {
        if (!match_path(routes[i].path, path, params))
            continue;
        if (routes[i].method == method)
            return &routes[i];
        *ret_methods |= 1u << routes[i].method;
    }
    return NULL;
}

struct str api_allow(unsigned methods, struct arena *a)
{
    AUTO(buf_done) struct buf text = BUF_INIT;

    if (methods & 1u << HTTP_GET_)
        methods |= 1u << HTTP_HEAD_;
    methods |= 1u << HTTP_OPTIONS_;
    for (unsigned m = 0; m < HTTP_OTHER_; m++) {
        if (methods & 1u << m)
            buf_printf(&text, "%s%s", text.len > 0 ? ", " : "",
                       http_method_name((enum http_method)m));
    }
    return str_make(arena_strdup(a, buf_view(&text)), text.len);
}

/* ---- handling ---- */

static void answer_wrong_method(struct http_request *r, unsigned methods)
{
    AUTO(buf_done) struct buf body = BUF_INIT;
    AUTO(buf_done) struct buf detail = BUF_INIT;
    struct http_field fields[] = {
        {"Allow", api_allow(methods, &r->arena)},
        {NULL, STR_NONE},
    };

    if (r->method == HTTP_OPTIONS_) {
        http_respond(r, 204, fields, STR_NONE);
        return;
    }
    buf_printf(&detail, "%.*s is not offered here; offered: %.*s", STR_ARG(r->method_text),
               STR_ARG(fields[0].value));
    problem_write(&body, &(struct problem){.status = 405, .detail = buf_cstr(&detail)}, 1);
    api_answer_json(r, 405, fields, &body);
}

static void answer_no_route(struct http_request *r)
{
    struct errinfo ei = ERRINFO_INIT;
    enum err err = err_set(&ei, E_NOT_FOUND, "nothing is offered at %.*s; see /",
                           (int)MIN(r->path.n, (size_t)200), r->path.p);

    problem_answer_err(r, err, &ei);
}

static bool is_acceptable(const struct http_request *r, const struct api_route *route)
{
    struct str accept = http_header(r, "Accept");

    return !route->produces || api_accepts(accept, str_of(route->produces));
}

/* UUIDs are the same in either case (RFC 9562 §4); ours are in small letters. */
static void lower_uuid(struct http_request *r, struct str *param)
{
    if (!uuid_is_valid(*param))
        return;
    char *text = arena_strdup(&r->arena, *param);
    for (size_t i = 0; i < param->n; i++) {
        if (text[i] >= 'A' && text[i] <= 'F')
            text[i] = (char)(text[i] - 'A' + 'a');
    }
    param->p = text;
}

void api_handle(struct http_request *r, void *arg)
{
    struct api_call call = {.r = r, .sh = arg};
    struct errinfo ei = ERRINFO_INIT;
    unsigned methods;
    const struct api_route *route =
        api_match(api_routes, api_route_count, r->method, r->path, call.params, &methods);

    trace(http, "%.*s %.*s", STR_ARG(r->method_text), STR_ARG(r->target));
    if (!route && methods) {
        answer_wrong_method(r, methods);
        return;
    }
    if (!route) {
        answer_no_route(r);
        return;
    }
    lower_uuid(r, &call.params[0]);
    enum err err = auth_check(r, route->scope, call.params[0], &ei);
    if (err == E_OK && !is_acceptable(r, route))
        err = err_set(&ei, E_NOT_ACCEPTABLE, "only %s can be given here", route->produces);
    if (err != E_OK) {
        problem_answer_err(r, err, &ei);
        return;
    }
    route->handler(&call);
}
