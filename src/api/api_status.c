#include "api/api_status.h"

#include "api/api_answer.h"
#include "base/count.h"

static const char *stage_name(int stage)
{
    switch (stage) {
    case ENGINE_READY:
        return "ready";
    case ENGINE_DRAINING:
        return "draining";
    default:
        return "starting";
    }
}

static void answer_status(struct http_request *r, int status, const char *text)
{
    AUTO(buf_done) struct buf body = BUF_INIT;
    const struct http_field fields[] = {{"Cache-Control", STR("no-store")}, {NULL, STR_NONE}};

    buf_printf(&body, "{\"status\":\"%s\"}", text);
    api_answer_json(r, status, fields, &body);
}

void api_status_live(const struct api_call *call)
{
    answer_status(call->r, 200, "live");
}

void api_status_ready(const struct api_call *call)
{
    int stage = atomic_load(&call->sh->engine->stage);

    answer_status(call->r, stage == ENGINE_READY ? 200 : 503, stage_name(stage));
}

static void answer_text(struct http_request *r, struct str type, const struct buf *body)
{
    const struct http_field fields[] = {
        {"Content-Type", type},
        {"Cache-Control", STR("no-store")},
        {NULL, STR_NONE},
    };

    http_respond(r, 200, fields, buf_view(body));
}

void api_status_metrics(const struct api_call *call)
{
    AUTO(buf_done) struct buf body = BUF_INIT;

    count_write_metrics(&body);
    answer_text(call->r, STR("text/plain; version=0.0.4; charset=utf-8"), &body);
}

void api_status_index(const struct api_call *call)
{
    AUTO(buf_done) struct buf body = BUF_INIT;

    buf_puts(&body, "pollcast " POLLCAST_VERSION "\n\n");
    for (size_t i = 0; i < api_route_count; i++) {
        const struct api_route *route = &api_routes[i];

        buf_printf(&body, "%-6s %s\n       %s\n", http_method_name(route->method), route->path,
                   route->help);
    }
    answer_text(call->r, STR("text/plain; charset=utf-8"), &body);
}
