#include "api/api_websocket.h"

#include "api/cors.h"
#include "api/problem.h"
#include "subscriber/sub_websocket.h"

/* The rule of same origin does not hold for WebSocket: a browser lets any page connect, and says
 * only which page it was. */
static bool is_foreign_page(const struct api_call *call)
{
    struct str origin = str_trim(http_header(call->r, "Origin"));
    size_t host = 0;

    if (!origin.p)
        return false;
    while (host + 3 <= origin.n && memcmp(origin.p + host, "://", 3) != 0)
        host++;
    return !str_case_eq(str_drop(origin, host + 3), str_trim(http_header(call->r, "Host"))) &&
           !cors_allows(call->sh->engine->conf, origin);
}

static void answer_upgrade(struct http_request *r, const struct errinfo *ei)
{
    const struct http_field fields[] = {
        {"Upgrade", STR("websocket")},
        {"Sec-WebSocket-Version", STR(SUB_WEBSOCKET_VERSION)},
        {NULL, STR_NONE},
    };

    problem_answer(r, &(struct problem){
                          .status = 426,
                          .detail = err_text(ei, E_UPGRADE),
                          .fields = fields,
                      });
}

void api_websocket_open(const struct api_call *call)
{
    struct errinfo ei = ERRINFO_INIT;

    if (is_foreign_page(call)) {
        problem_answer(call->r, &(struct problem){
                                    .status = 403,
                                    .detail = "pages of this origin may not connect: add it to the "
                                              "setting cors.origins",
                                });
        return;
    }
    enum err err = sub_websocket_open(call->r, call->sh, &ei);
    if (err == E_UPGRADE)
        answer_upgrade(call->r, &ei);
    else if (err != E_OK)
        problem_answer_err(call->r, err, &ei);
}
