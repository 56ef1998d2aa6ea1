/*
 * The requests of an http-poller that other topics make too: one fetch for all of them
 * (core/fetch_share.h).
 */
#ifndef PUBLISHER_HTTP_SHARE_H
#define PUBLISHER_HTTP_SHARE_H

#include "publisher/http_run.h"

/* See struct processor: of the URL, the header fields and the authorization, as they are written. */
struct hash128 http_share_key(const void *config);

/* At the start of a run: are its requests asked for together with those of others? All of a run or
 * none, so that its pages belong together. */
bool http_share_wanted(const struct request *r);
/* A http_send_f of a call in a struct http_run. The header fields of params are passed over: the
 * token of the call is what counts. */
void http_share_send(struct http_call *call, const struct fetch_params *params);

#endif
