/*
 * When a publisher asks its source: the bounds of the period, the time that a cycle has, and the
 * attributes for retries. The same for all that ask sources.
 */
#ifndef PUBLISHER_HTTP_TIMING_H
#define PUBLISHER_HTTP_TIMING_H

#include "base/clock.h"
#include "core/attr.h"
#include "core/limits.h"

struct http_retries {
    struct attr_ints on_codes;
    int64_t max_attempts; /* after the first attempt */
    int64_t initial_us, max_us;
    double factor;
};

/* Rows of a config of this type that has them in this member. */
#define HTTP_RETRY_ROWS(type_, member_)                                                            \
    {.name = "retryOnHttpCodes",                                                                   \
     .kind = ATTR_INT_LIST,                                                                        \
     .at = offsetof(type_, member_.on_codes),                                                      \
     .preset = "500,503,504",                                                                      \
     .min = 100,                                                                                   \
     .max = 599,                                                                                   \
     .help = "HTTP statuses that are retried; any other fails at once."},                          \
        {.name = "retryMaxAttempts",                                                               \
         .kind = ATTR_INT,                                                                         \
         .at = offsetof(type_, member_.max_attempts),                                              \
         .preset = "3",                                                                            \
         .max = LIMIT_RETRIES,                                                                     \
         .help = "Retries after the first attempt."},                                              \
        {.name = "retryBackOffInitialDuration",                                                    \
         .kind = ATTR_DURATION,                                                                    \
         .at = offsetof(type_, member_.initial_us),                                                \
         .preset = "PT1S",                                                                         \
         .max = 10 * US_PER_S,                                                                     \
         .help = "Time until the first retry; it doubles with each."},                             \
        {.name = "retryBackOffMaxDuration",                                                        \
         .kind = ATTR_DURATION,                                                                    \
         .at = offsetof(type_, member_.max_us),                                                    \
         .preset = "PT10S",                                                                        \
         .max = 60 * US_PER_S,                                                                     \
         .help = "The longest time between two attempts."},                                        \
    {                                                                                              \
        .name = "retryBackOffFactor", .kind = ATTR_NUMBER, .at = offsetof(type_, member_.factor),  \
        .preset = "0.5", .max = 1,                                                                 \
        .help = "Jitter: the share by which the time until a retry is spread at random, to both "  \
                "sides."                                                                           \
    }

/* attr.range of the attribute pollingPeriod. */
void http_period_range(double *ret_min, double *ret_max);
/* µs between polls: what the attribute says, within the bounds that the server's settings have now,
 * which may have become narrower since the topic was stored. */
int64_t http_period(int64_t attribute_us);
/* Of a cycle as a whole, with such a period. */
int64_t http_deadline(int64_t period_us);

#endif
