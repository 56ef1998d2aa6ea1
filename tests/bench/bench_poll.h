/* What the clients of bench_poll share: the work, and how it is measured. */
#ifndef BENCH_POLL_H
#define BENCH_POLL_H

#include "base/clock.h"
#include "base/str.h"

struct work {
    const char *scheme;
    unsigned port;
    const char *path; /* "%u" in it stands for the number of the target */
    const char *ca;   /* PEM file; NULL: the system's */
    unsigned hosts, targets;
    unsigned in_flight; /* closed loop */
    bool conditional;
    bool large;        /* bodies over 16 KiB */
    int64_t period_us; /* 0: closed loop */
    int64_t warm_us, measured_us;
};

struct measure {
    int64_t started, began, cpu_us;
    int64_t polls;
    unsigned errors, skipped; /* skipped: due while the one before was under way */
    double *late_us;          /* of starts, in the order of their ends */
    size_t late_count, late_room;
    bool over;
};

/* Whole URL, for the caller to free. */
char *url_of_target(const struct work *w, unsigned target);
/* Counts and times from the end of the warm-up on; prints the figures when it is over. */
void measure_tick(struct measure *m, const struct work *w, int64_t now);
void measure_late(struct measure *m, int64_t us);

#endif
