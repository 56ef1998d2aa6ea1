/*
 * Limits of time for work on documents, as a multiple of what reading one takes in the same run. So they
 * hold, and fail, on any machine and under any sanitizer: what they find is work that grows faster than
 * the documents.
 */
#ifndef TESTS_READS_H
#define TESTS_READS_H

#include "unit.h"

#include "json/value.h"

/* Processor time of this thread, µs. */
static inline int64_t cpu_now(void)
{
    struct timespec t;

    assert_int_equal(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t), 0);
    return t.tv_sec * US_PER_S + t.tv_nsec / 1000;
}

/* What was begun at `start` took no longer than reading the text so many times does. */
static inline void assert_takes_reads(int64_t start, struct str text, int times)
{
    int64_t took = cpu_now() - start;
    AUTO(jdoc_freep) struct jdoc *d = NULL;
    struct json_limits any = json_limits_default;

    any.max_depth = UINT32_MAX;
    start = cpu_now();
    assert_int_equal(jdoc_parse(text, &any, &d, NULL), E_OK);
    assert_in_range(took, 0, times * (cpu_now() - start));
}

#endif
