#include "core/retry.h"

#include "base/clock.h"
#include "core/limits.h"

int64_t retry_delay(unsigned n, int64_t initial_us, int64_t max_us, double factor,
                    double unit_random)
{
    int64_t delay = MIN(initial_us, max_us);

    /* Doubling only while below the maximum keeps any n from overflowing. */
    for (; n > 0 && delay > 0 && delay < max_us; n--)
        delay = delay > max_us / 2 ? max_us : delay * 2;

    delay = (int64_t)((double)delay * (1.0 + factor * (2.0 * unit_random - 1.0)));
    return MIN(MAX(delay, initial_us), max_us);
}

static bool is_digits(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    }
    return s.n > 0;
}

bool retry_after_parse(struct str value, int64_t now_wall, int64_t *ret_us)
{
    const int64_t limit = LIMIT_RETRY_AFTER_S * US_PER_S;
    uint64_t seconds;
    int64_t when;

    value = str_trim(value);
    if (is_digits(value)) {
        bool fits = str_to_u64(value, LIMIT_RETRY_AFTER_S, &seconds);

        *ret_us = fits ? (int64_t)seconds * US_PER_S : limit;
        return true;
    }
    if (clock_parse_http(value, &when) != E_OK)
        return false;
    if (when <= now_wall)
        *ret_us = 0;
    else
        *ret_us = when > now_wall + limit ? limit : when - now_wall;
    return true;
}

/* As a wait it would be 31 years. */
#define EPOCH_FROM_S 1000000000

bool rate_limit_reset_parse(struct str value, int64_t now_wall, int64_t *ret_us)
{
    const int64_t limit = LIMIT_RETRY_AFTER_S * US_PER_S;
    uint64_t seconds;

    value = str_trim(value);
    if (!is_digits(value))
        return false;
    if (!str_to_u64(value, (uint64_t)(INT64_MAX / US_PER_S), &seconds)) {
        *ret_us = limit;
        return true;
    }
    int64_t wait = (int64_t)seconds * US_PER_S;
    if (seconds >= EPOCH_FROM_S)
        wait = MAX(wait - now_wall, INT64_C(0));
    *ret_us = MIN(wait, limit);
    return true;
}
