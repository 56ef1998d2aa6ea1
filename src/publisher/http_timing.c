#include "publisher/http_timing.h"

#include "core/conf.h"

void http_period_range(double *ret_min, double *ret_max)
{
    *ret_min = (double)conf_current()->poll_min_period_us;
    *ret_max = (double)conf_current()->poll_max_period_us;
}

int64_t http_period(int64_t attribute_us)
{
    const struct conf *server = conf_current();

    return MIN(MAX(attribute_us, server->poll_min_period_us), server->poll_max_period_us);
}

int64_t http_deadline(int64_t period_us)
{
    return MAX(period_us, conf_current()->poll_deadline_us);
}
