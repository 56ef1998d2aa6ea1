#include "core/mode.h"

static const struct {
    const char *name;
    enum payload_type payload;
} modes[MODE_COUNT] = {
    [MODE_SNAPSHOT_ONLY] = {"snapshot-only", PAYLOAD_SNAPSHOT},
    [MODE_SNAPSHOT_PATCH] = {"snapshot-patch", PAYLOAD_SNAPSHOT},
    [MODE_EVENT] = {"event", PAYLOAD_EVENT},
    [MODE_CHANGES] = {"changes", PAYLOAD_SNAPSHOT},
};

const char *mode_name(enum mode m)
{
    return modes[m].name;
}

bool mode_parse(struct str s, enum mode *ret)
{
    for (size_t i = 0; i < MODE_COUNT; i++) {
        if (str_eqz(s, modes[i].name)) {
            *ret = (enum mode)i;
            return true;
        }
    }
    return false;
}

unsigned mode_allowed(enum payload_type p)
{
    unsigned bits = 0;

    for (size_t i = 0; i < MODE_COUNT; i++) {
        if (modes[i].payload == p)
            bits |= MODE_BIT(i);
    }
    return bits;
}

enum mode mode_default(enum payload_type p)
{
    return p == PAYLOAD_EVENT ? MODE_EVENT : MODE_SNAPSHOT_PATCH;
}

const char *payload_type_name(enum payload_type p)
{
    return p == PAYLOAD_EVENT ? "event" : "snapshot";
}

const char *const subscriber_type_names[SUBSCRIBER_TYPES + 1] = {"sse", "websocket", "webhook",
                                                                 "kafka", NULL};
