#include "cli/try_hint.h"

#include "base/mem.h"

#define LATER "the source is in trouble or busy: try again later, or ask less often (pollingPeriod)"

static const struct {
    int code;
    const char *text;
} hints[] = {
    {70001, "correct the attribute that the message names; docs/topics.md lists what each takes"},
    {70013, "check host and port, that the source runs, and that this machine may reach it. An "
            "address that is refused needs the setting egress.allow"},
    {70014, "check the spelling of the host, and the name service of this machine"},
    {70015, "ask for less (query parameters, pages), or raise the setting payload.maxBytes"},
    {70016, "look at what came, above: payloadPointer (--pointer) must name a part of it, and it "
            "must be JSON; some sources need the header field Accept: application/json"},
    {70300, "put the address that it leads to into url, or allow redirects "
            "(poll.followRedirects)"},
    {70400, "the source does not like the request: compare its query and header fields with the "
            "source's own documentation"},
    {70401, "check the credentials: authorization in the topic, or a header field "
            "(-H 'Authorization: …')"},
    {70403, "the source knows who asks and refuses it: the credentials lack a permission or a "
            "scope, or a header field is missing"},
    {70404, "check path and query of the URL: curl must find it, too"},
    {70405, "the source does not offer GET at this URL: look for another one"},
    {70406, "send a header field Accept that the source can serve, such as "
            "Accept: application/json"},
    {70408, LATER},
    {70410, "what was at this URL is gone for good: look for its successor"},
    {70429, "too many requests: try again later, and ask less often (pollingPeriod)"},
    {70500, LATER},
    {70502, LATER},
    {70503, LATER},
    {70504, LATER},
};

const char *try_hint(int code, bool refused)
{
    if (refused)
        return "either the source is wrong today, or the rule in assert is too strict";
    for (size_t i = 0; i < ARRAY_LEN(hints); i++) {
        if (hints[i].code == code)
            return hints[i].text;
    }
    return "look at the requests above; docs/sse.md says what the code means";
}
