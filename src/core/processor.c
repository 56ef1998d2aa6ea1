#include "core/processor.h"

/* Written before any loop runs, only read after. */
static const struct processor *processors[PROCESSORS_MAX];
static size_t processor_count;

void processor_register(const struct processor *p)
{
    CHECK(processor_count < PROCESSORS_MAX);
    CHECK(!processor_find(str_of(p->type)));
    processors[processor_count++] = p;
}

const struct processor *processor_find(struct str type)
{
    for (size_t i = 0; i < processor_count; i++) {
        if (str_eqz(type, processors[i]->type))
            return processors[i];
    }
    return NULL;
}

const struct processor *processor_nth(size_t n)
{
    return n < processor_count ? processors[n] : NULL;
}
