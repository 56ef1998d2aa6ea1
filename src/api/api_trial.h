/*
 * The route that tries a configuration: one cycle of it, of which nothing is stored or published.
 */
#ifndef API_API_TRIAL_H
#define API_API_TRIAL_H

#include "api/api.h"

void api_trial_run(const struct api_call *call);

#endif
