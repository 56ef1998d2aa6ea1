/*
 * Tracing by area, switched at run time: `--trace=poller,fetch,-hub`. Off, a trace point costs one
 * load and a branch. The last lines of each thread are kept and printed by a panic.
 */
#ifndef BASE_TRACE_H
#define BASE_TRACE_H

#include <stdatomic.h>

#include "base/err.h"
#include "base/str.h"

enum trace_area {
#define TRACE_AREA(name, text) TRACE_##name,
#include "base/trace.def"
#undef TRACE_AREA
    TRACE_COUNT
};

extern atomic_uint trace_mask;

/* "poller,fetch", "all,-hub", "" (none). E_INVALID names the area that is not known. */
MUST_USE enum err trace_set(struct str areas, struct errinfo *ei);
void trace_write(enum trace_area area, const char *fmt, ...) PRINTF(2, 3);
/* Print the kept lines of all threads to standard error (also the panic hook). */
void trace_dump(void);
/* "loop, fetch, …" for help texts. Static. */
const char *trace_area_name(enum trace_area area);
const char *trace_area_text(enum trace_area area);

static inline bool trace_on(enum trace_area area)
{
    return (atomic_load_explicit(&trace_mask, memory_order_relaxed) >> area) & 1u;
}
#define trace(area, ...)                                                                           \
    do {                                                                                           \
        if (UNLIKELY(trace_on(TRACE_##area)))                                                      \
            trace_write(TRACE_##area, __VA_ARGS__);                                                \
    } while (0)

#endif
