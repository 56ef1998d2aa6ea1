/*
 * Routes of provisioned subscriptions, the same for each way of delivery that has them. Which one it
 * is, and whether a topic is named beside the subscription, is told by the path:
 *
 *     /streams/subscribers/<kind>/api/v1/topics/{idOrName}/subscriptions[/{subscriptionId}]
 *     /streams/subscribers/<kind>/api/v1/subscriptions/{subscriptionId}
 */
#ifndef API_API_SUBSCRIPTIONS_H
#define API_API_SUBSCRIPTIONS_H

#include "api/api.h"
#include "core/subscription.h"

void api_subscription_create(const struct api_call *call);
void api_subscription_list(const struct api_call *call);
void api_subscription_get(const struct api_call *call);
void api_subscription_patch(const struct api_call *call);
void api_subscription_delete(const struct api_call *call);
void api_subscription_test(const struct api_call *call);
void api_subscription_exchanges(const struct api_call *call);
void api_subscription_subscribe(const struct api_call *call);

/* ---- among api_subscription*.c ---- */

/* The kind that the path names. */
enum subscriber_type api_subscription_type(const struct api_call *call);
/* The same, where it can be provisioned; NULL: answered with 501, this program was built without. */
const struct sink *api_subscription_sink(const struct api_call *call);
/* The subscription that the path names; NULL: answered with 404. Borrowed. */
struct subscription_conf *api_subscription_find(const struct api_call *call);

#endif
