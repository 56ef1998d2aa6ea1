/*
 * Feeds, served: GET next, POST complete and what is ours beside them, below /eventnotifications.
 *
 * Clients of this API were written for another server: on its paths they see its fields, its codes and
 * its shape of errors, not those of the rest of this API.
 */
#ifndef API_API_NOTIFICATIONS_H
#define API_API_NOTIFICATIONS_H

#include "api/api.h"

/* Is it below /eventnotifications, where whatever is refused is refused in the shape of that API? */
bool api_notifications_have(struct str path);
/* allow: the value of the field Allow; n 0: without one. */
void api_notifications_refuse(struct http_request *r, int status, struct str allow);

void api_notifications_next(const struct api_call *call);
void api_notifications_complete(const struct api_call *call);
void api_notifications_discard(const struct api_call *call);
void api_notifications_seek(const struct api_call *call);
void api_notifications_stats(const struct api_call *call);
void api_notifications_remove(const struct api_call *call);
void api_notifications_types(const struct api_call *call);
/* GET …/feeds/{id}/archive: of those who configure feeds. */
void api_notifications_archive(const struct api_call *call);

#endif
