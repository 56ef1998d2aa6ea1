/*
 * When to try again. Pure.
 */
#ifndef CORE_RETRY_H
#define CORE_RETRY_H

#include "base/str.h"

/* Delay in µs before retry n (from 0): min(max, initial·2ⁿ), spread uniformly by ± factor (0 … 1)
 * with unit_random from [0, 1), kept within initial … max. Where initial is over max, max wins. */
int64_t retry_delay(unsigned n, int64_t initial_us, int64_t max_us, double factor,
                    double unit_random);

/* The wait that a Retry-After field (RFC 9110 §10.2.3: seconds or a date) asks for, in µs from
 * now_wall: 0 for a moment in the past, at most LIMIT_RETRY_AFTER_S. False when the value is
 * neither. */
bool retry_after_parse(struct str value, int64_t now_wall, int64_t *ret_us);

/* The wait that a field X-Rate-Limit-Reset asks for, likewise: seconds from now or, where the number
 * is too large to be that, since 1970. False when the value is no whole number. */
bool rate_limit_reset_parse(struct str value, int64_t now_wall, int64_t *ret_us);

#endif
