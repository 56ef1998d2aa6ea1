/*
 * Entity tags and conditional requests (RFC 9110 §8.8.3, §13).
 */
#ifndef API_API_ETAG_H
#define API_API_ETAG_H

#include "core/topic_conf.h"
#include "io/http_server.h"

/* The tag of a record as the API shows it: of its number, which is not given again (what was deleted
 * and made anew at the same id has other tags), and its revision. */
#define API_ETAG_MAX 48
void api_etag_make(uint64_t num, uint64_t rev, char ret[API_ETAG_MAX]);
static inline void api_etag_of_topic(const struct topic_conf *conf, char ret[API_ETAG_MAX])
{
    api_etag_make(conf->num, conf->rev, ret);
}

/* Does an If-Match or If-None-Match field value hold the tag? "*" does. The tag of the compressed
 * form counts as the same: both stand for the same state. strong: weak tags do not match
 * (RFC 9110 §8.8.3.2). */
bool api_etag_matches(struct str field, struct str etag, bool strong);

/* E_OK: do what is asked. E_PRECONDITION: answer 412. *ret_not_modified: answer 304; never with an
 * error, and only for GET and HEAD. etag: p NULL when there is no such thing yet. */
MUST_USE enum err api_check_conditions(struct http_request *r, struct str etag,
                                       bool *ret_not_modified, struct errinfo *ei);

#endif
