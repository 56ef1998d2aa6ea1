/* What the clients of bench_poll share: the work, and how it is measured. */
#ifndef BENCH_POLL_H
#define BENCH_POLL_H

#include "base/clock.h"

struct work {
    const char *name;
    unsigned hosts, targets;
    unsigned in_flight; /* closed loop */
    size_t body;
    bool conditional;
    int64_t period_us; /* 0: closed loop */
    int64_t warm_us, measured_us;
};

struct outcome {
    double cpu_us; /* per poll */
    double per_s;
    double late_ms, late_max_ms; /* of starts; mean and most */
    size_t rss_kb;
    unsigned errors, skipped;
};

struct measure {
    int64_t started, began, cpu;
    int64_t polls, late_us, late_max_us;
    bool over;
    struct outcome out;
};

int64_t cpu_now(void);
size_t memory_kb(void);
void url_of_target(const struct work *w, unsigned target, char *buf, size_t size);
void measure_tick(struct measure *m, const struct work *w, int64_t now);
static inline void measure_late(struct measure *m, int64_t us)
{
    m->late_us += us;
    m->late_max_us = MAX(m->late_max_us, us);
}

#endif
