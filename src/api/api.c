#include "api/api.h"

#include "api/api_answer.h"
#include "api/api_feeds.h"
#include "api/api_notifications.h"
#include "api/api_publish.h"
#include "api/api_status.h"
#include "api/api_subscriptions.h"
#include "api/api_topic_data.h"
#include "api/api_topics.h"
#include "api/api_trial.h"
#include "api/api_websocket.h"
#include "api/cors.h"
#include "api/openapi.h"
#include "api/problem.h"
#include "base/trace.h"

#define JSON "application/json"

static const struct api_param list_params[] = {
    {"page", "query", "{'type':'integer','minimum':1,'default':1}", "Number of the page."},
    {"pageSize", "query", "{'type':'integer','minimum':1,'maximum':1000,'default':20}",
     "Topics of a page."},
    {"sort", "query", "{'type':'array','maxItems':5,'items':{'type':'string'}}",
     "Field to sort by, with ,ASC or ,DESC: name, createTimestamp, modifyTimestamp, "
     "publisher.type, "
     "publisher.payload.type. Several in order; what they leave equal is sorted by name."},
    {"search", "query", "{'type':'string','maxLength':4096}",
     "Which topics: name:value, name!value and name? joined by AND, OR and parentheses."},
    {NULL, NULL, NULL, NULL},
};

static const struct api_param get_params[] = {
    {"If-None-Match", "header", "{'type':'string'}", "Tags; 304 if the present one is among them."},
    {NULL, NULL, NULL, NULL},
};

static const struct api_param snapshot_params[] = {
    {"at", "query", "{'type':'string'}",
     "Number of an event or a time (RFC 3339): the document as it was then."},
    {"If-None-Match", "header", "{'type':'string'}", "Tags; 304 if the present one is among them."},
    {NULL, NULL, NULL, NULL},
};

static const struct api_param put_params[] = {
    {"If-Match", "header", "{'type':'string'}", "Tags; 412 unless the present one is among them."},
    {"If-None-Match", "header", "{'type':'string'}", "*: 412 if there is such a topic."},
    {NULL, NULL, NULL, NULL},
};

static const struct api_param change_params[] = {
    {"If-Match", "header", "{'type':'string'}", "Tags; 412 unless the present one is among them."},
    {NULL, NULL, NULL, NULL},
};

static const struct api_param events_params[] = {
    {"after", "query", "{'type':'integer','minimum':0,'default':0}", "Number to begin behind."},
    {"limit", "query", "{'type':'integer','minimum':1,'maximum':1000,'default':100}",
     "Most events of an answer."},
    {NULL, NULL, NULL, NULL},
};

static const struct api_param joint_stream_params[] = {
    {"topic", "query", "{'type':'array','minItems':1,'maxItems':64,'items':{'type':'string'}}",
     "Id or name of a topic."},
    {"mode", "query", "{'type':'string'}", "Mode, for clients that cannot set Accept."},
    {"lastEventId", "query", "{'type':'string'}", "As Last-Event-ID, for clients that cannot."},
    {"Last-Event-ID", "header", "{'type':'string'}",
     "Id of the last event seen, of all topics; what follows it comes."},
    {NULL, NULL, NULL, NULL},
};

static const struct api_param stream_params[] = {
    {"mode", "query", "{'type':'string'}", "Mode, for clients that cannot set Accept."},
    {"lastEventId", "query", "{'type':'string'}", "As Last-Event-ID, for clients that cannot."},
    {"Last-Event-ID", "header", "{'type':'string'}",
     "Id of the last event seen; what follows it comes."},
    {NULL, NULL, NULL, NULL},
};

static const struct api_param websocket_params[] = {
    {"Sec-WebSocket-Version", "header", "{'type':'string','const':'13'}", "RFC 6455."},
    {"Sec-WebSocket-Key", "header", "{'type':'string'}", "16 bytes in base64."},
    {NULL, NULL, NULL, NULL},
};

static const struct api_param subscription_list_params[] = {
    {"page", "query", "{'type':'integer','minimum':1,'default':1}", "Number of the page."},
    {"pageSize", "query", "{'type':'integer','minimum':1,'maximum':1000,'default':20}",
     "Subscriptions of a page."},
    {"sort", "query", "{'type':'array','maxItems':5,'items':{'type':'string'}}",
     "Field to sort by, with ,ASC or ,DESC: subscriptionMode, and of a webhook webhookUrl, of "
     "Kafka "
     "kafkaBootstrapServers, kafkaTopic, kafkaPartition, kafkaRecordKey. Several in order; what "
     "they "
     "leave equal is sorted by age."},
    {NULL, NULL, NULL, NULL},
};

static const struct api_param exchanges_params[] = {
    {"start", "query", "{'type':'string','format':'date-time'}",
     "The oldest to show; 5 minutes before the end."},
    {"end", "query", "{'type':'string','format':'date-time'}", "The newest to show; now."},
    {NULL, NULL, NULL, NULL},
};

static const struct api_param feed_list_params[] = {
    {"page", "query", "{'type':'integer','minimum':1,'default':1}", "Number of the page."},
    {"pageSize", "query", "{'type':'integer','minimum':1,'maximum':1000,'default':20}",
     "Feeds of a page."},
    {NULL, NULL, NULL, NULL},
};

#define NEXT_PARAMS                                                                                \
    {"wait", "query", "{'type':'string','format':'duration','default':'PT0S'}",                    \
     "How long to wait for something to come, PT5M at most."},                                     \
        {"max", "query", "{'type':'integer','minimum':1,'maximum':1000}",                          \
         "Most notifications of a new batch; without it as the feed says."},                       \
        {"lease", "query", "{'type':'string','format':'duration'}",                                \
         "For how long nobody else who gives a lease is offered this batch; the answer tells "     \
         "deliveryCount."},                                                                        \
    {                                                                                              \
        "X-TENANT-ID", "header", "{'type':'string'}", "The tenant, where the feed has one."        \
    }

static const struct api_param next_params[] = {
    NEXT_PARAMS,
    {NULL, NULL, NULL, NULL},
};

static const struct api_param consumer_next_params[] = {
    NEXT_PARAMS,
    {"eventType", "query", "{'type':'array','maxItems':100,'items':{'type':'string'}}",
     "Event types that are wanted, with * and ?; all others are passed over."},
    {NULL, NULL, NULL, NULL},
};

static const struct api_param event_type_params[] = {
    {"page", "query", "{'type':'integer','minimum':1,'default':1}", "Number of the page."},
    {"pageSize", "query", "{'type':'integer','minimum':1,'maximum':1000,'default':1000}",
     "Topics of a page."},
    {NULL, NULL, NULL, NULL},
};

static const struct api_param complete_params[] = {
    {"batchId", "query", "{'type':'string'}", "The batch."},
    {NULL, NULL, NULL, NULL},
};

/* A new route is a row here; tests/unit/test_openapi.c names what it lacks. */
const struct api_route api_routes[] = {
    {HTTP_POST_, API_TOPICS, api_topic_create, AUTH_ADMIN, JSON, "Create a topic",
     .name = "createTopic", .statuses = "201 400 409 413 415", .request = "Topic",
     .response = "Topic", .fields = "ETag Location"},
    {HTTP_GET_, API_TOPICS, api_topic_list, AUTH_ADMIN, JSON,
     "List topics; query: page, pageSize (20, at most 1000), sort, search", .name = "listTopics",
     .statuses = "200 400 429", .response = "TopicPage", .fields = "Link", .params = list_params},
    {HTTP_POST_, API_TOPICS ":test", api_trial_run, AUTH_ADMIN, JSON,
     "Run one cycle of a topic that is not stored; answers what was asked, what came and what "
     "would "
     "be published",
     .name = "tryTopic", .statuses = "200 400 404 413 415 429 503", .request = "Topic",
     .response = "TrialReport"},
    {HTTP_GET_, API_TOPICS "/{idOrName}", api_topic_get, AUTH_ADMIN, JSON, "Show a topic",
     .name = "getTopic", .statuses = "200 304 404 412", .response = "Topic", .fields = "ETag",
     .params = get_params},
    {HTTP_PUT_, API_TOPICS "/{id}", api_topic_put, AUTH_ADMIN, JSON,
     "Replace a topic, or create it with this id", .name = "putTopic",
     .statuses = "200 201 400 409 412 413 415", .request = "Topic", .response = "Topic",
     .fields = "ETag Location", .params = put_params},
    {HTTP_PATCH_, API_TOPICS "/{idOrName}", api_topic_patch, AUTH_ADMIN, JSON,
     "Change a topic by a JSON Merge Patch (RFC 7396)", .name = "patchTopic",
     .statuses = "200 400 404 409 412 413 415", .request = "TopicPatch", .response = "Topic",
     .fields = "ETag", .params = change_params},
    {HTTP_DELETE_, API_TOPICS "/{idOrName}", api_topic_delete, AUTH_ADMIN, JSON,
     "Delete a topic, its journal and its channels", .name = "deleteTopic",
     .statuses = "204 404 412", .params = change_params},
    {HTTP_GET_, API_TOPICS "/{idOrName}/snapshot", api_topic_snapshot, AUTH_SUBSCRIBE, JSON,
     "The whole document of today, or of another day (query: at); its ETag is the sequence number",
     .name = "getSnapshot", .statuses = "200 304 400 404 410 412", .response = "Document",
     .fields = "ETag Last-Modified", .params = snapshot_params},
    {HTTP_GET_, API_TOPICS "/{idOrName}/events", api_topic_events, AUTH_SUBSCRIBE, JSON,
     "Events of the journal; query: after (0), limit (100, at most 1000)", .name = "listEvents",
     .statuses = "200 400 404", .response = "EventPage", .params = events_params},
    {HTTP_POST_, API_TOPICS "/{idOrName}/poll", api_topic_poll, AUTH_PUBLISH, JSON, "Poll now",
     .name = "pollTopic", .statuses = "202 404 409", .response = "Accepted"},
    {HTTP_GET_, API_TOPICS "/{idOrName}/refused", api_topic_refused, AUTH_ADMIN, JSON,
     "The last payload that assert refused, and why; 404 since the next success",
     .name = "getRefusedPayload", .statuses = "200 404", .response = "RefusedPayload"},
    {HTTP_GET_, API_TOPICS "/{idOrName}/debug", api_topic_debug, AUTH_ADMIN, JSON,
     "State of a topic and its last polls", .name = "debugTopic", .statuses = "200 404",
     .response = "TopicState"},
    {HTTP_POST_, "/streams/publishers/http-post/api/v1/topics/{idOrName}", api_publish_post,
     AUTH_PUBLISH, JSON,
     "Post a document to a topic of publisher http-post; 202 when it is durable",
     .name = "postDocument", .statuses = "202 400 404 410 413 415 429 503", .request = "Document",
     .fields = "X-Axway-Streams-Event-Id"},
    {HTTP_GET_, "/streams/subscribers/sse/api/v1/topics", api_topics_stream, AUTH_SUBSCRIBE, NULL,
     "Follow several topics by one stream of Server-Sent Events; query: topic (once or more, at "
     "most "
     "64), mode, lastEventId",
     .name = "followTopics", .statuses = "200 400 404 406 503", .response = "EventStream",
     .media = "text/event-stream", .params = joint_stream_params},
    {HTTP_GET_, "/streams/subscribers/sse/api/v1/topics/{idOrName}", api_topic_stream,
     AUTH_SUBSCRIBE, NULL, "Follow a topic by Server-Sent Events; query: mode, lastEventId",
     .name = "followTopic", .statuses = "200 400 404 406 503", .response = "EventStream",
     .media = "text/event-stream", .params = stream_params},
    {HTTP_GET_, "/streams/subscribers/websocket/api/v1/topics", api_websocket_open, AUTH_SUBSCRIBE,
     NULL, "Open a WebSocket on which topics are subscribed to", .name = "openWebSocket",
     .statuses = "101 400 403 426 503", .params = websocket_params},
#include "api/api_feeds.def"
#include "api/api_subscriptions.def"
    {HTTP_GET_, "/health/live", api_status_live, AUTH_NONE, NULL, "200 while the process runs",
     .name = "isLive", .statuses = "200", .response = "ServerStatus"},
    {HTTP_GET_, "/health/ready", api_status_ready, AUTH_NONE, NULL,
     "200 while it takes requests, 503 while it starts or stops", .name = "isReady",
     .statuses = "200 +503", .response = "ServerStatus"},
    {HTTP_GET_, "/metrics", api_status_metrics, AUTH_NONE, NULL,
     "Counters in the Prometheus text format", .name = "getMetrics", .statuses = "200",
     .response = "Text", .media = "text/plain"},
    {HTTP_GET_, "/openapi.yaml", api_openapi, AUTH_NONE, NULL, "This API, described in OpenAPI 3.1",
     .name = "getOpenapi", .statuses = "200", .response = "Document", .media = "application/yaml"},
    {HTTP_GET_, "/", api_status_index, AUTH_NONE, NULL, "This list", .name = "listCalls",
     .statuses = "200", .response = "Text", .media = "text/plain"},
};
const size_t api_route_count = ARRAY_LEN(api_routes);

/* ---- matching ---- */

static bool match_path(const char *pattern, struct str path, struct str params[API_PARAMS_MAX])
{
    struct str rest = str_of(pattern);
    size_t n = 0;

    for (size_t i = 0; i < API_PARAMS_MAX; i++)
        params[i] = STR_NONE;
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
    AUTO(buf_done) struct buf detail = BUF_INIT;
    struct http_field fields[CORS_PREFLIGHT_FIELDS + 2] = {
        {"Allow", api_allow(methods, &r->arena)},
    };

    if (cors_is_preflight(r) && r->always)
        cors_preflight_fields(fields[0].value, fields + 1);
    if (r->method == HTTP_OPTIONS_) {
        http_respond(r, 204, fields, STR_NONE);
        return;
    }
    if (api_notifications_have(r->path)) {
        api_notifications_refuse(r, 405, fields[0].value);
        return;
    }
    buf_printf(&detail, "%.*s is not offered here; offered: %.*s", STR_ARG(r->method_text),
               STR_ARG(fields[0].value));
    problem_answer(r,
                   &(struct problem){.status = 405, .detail = buf_cstr(&detail), .fields = fields});
}

static void answer_no_route(struct http_request *r)
{
    struct errinfo ei = ERRINFO_INIT;

    if (api_notifications_have(r->path)) {
        api_notifications_refuse(r, 404, STR_NONE);
        return;
    }
    enum err err = err_set(&ei, E_NOT_FOUND, "nothing is offered at %.*s; see /",
                           (int)MIN(r->path.n, (size_t)200), r->path.p);

    problem_answer_err(r, err, &ei);
}

static bool is_acceptable(struct http_request *r, const struct api_route *route)
{
    struct str accept = http_header_list(r, "Accept");

    return !route->produces || api_accepts(accept, str_of(route->produces));
}

void api_lower_uuid(struct http_request *r, struct str *param)
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

    r->always = cors_fields(r, call.sh->engine->conf);
    enum err err = auth_check_host(r, call.sh->engine, &ei);
    if (err != E_OK) {
        problem_answer_err(r, err, &ei);
        return;
    }
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
    for (size_t i = 0; i < API_PARAMS_MAX; i++)
        api_lower_uuid(r, &call.params[i]);
    err = auth_check(r, route->scope, call.params[0], &ei);
    if (err == E_OK && !is_acceptable(r, route))
        err = err_set(&ei, E_NOT_ACCEPTABLE, "only %s can be given here", route->produces);
    if (err != E_OK) {
        problem_answer_err(r, err, &ei);
        return;
    }
    route->handler(&call);
}
