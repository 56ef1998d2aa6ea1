/*
 * Counters, gauges and histograms of the process. Declared once in counters.def and histograms.def, shown at /metrics.
 * Every thread adds to a block of its own, without atomics between threads' cache lines; reading
 * sums the blocks.
 */
#ifndef BASE_COUNT_H
#define BASE_COUNT_H

#include "base/buf.h"

enum counter {
#define COUNTER(name, kind, text) COUNT_##name,
#include "base/counters.def"
#undef COUNTER
    COUNTER_COUNT
};

enum histogram {
#define HISTOGRAM(name, text) HIST_##name,
#include "base/histograms.def"
#undef HISTOGRAM
    HISTOGRAM_COUNT
};

/* Add one observation of a time, µs. */
void count_time(enum histogram h, int64_t us);

/* Add to this thread's block (a gauge may go down). */
void count_add(enum counter c, int64_t n);
static inline void count_one(enum counter c)
{
    count_add(c, 1);
}
int64_t count_read(enum counter c);
/* All of them in the Prometheus text format (names pollcast_…, HELP and TYPE lines). */
void count_write_metrics(struct buf *b);

#endif
