#include "core/sink.h"

/* Written before any loop runs, only read after. */
static const struct sink *sinks[SUBSCRIBER_TYPES];

void sink_register(const struct sink *s)
{
    CHECK(!sinks[s->type]);
    sinks[s->type] = s;
}

const struct sink *sink_find(enum subscriber_type type)
{
    return sinks[type];
}
