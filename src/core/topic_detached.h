/*
 * Topics that stand beside the others, for trials (core/trial.h): on a loop, with a processor's
 * state and a document, but in no map. Nobody follows them, and nothing of them is stored.
 */
#ifndef CORE_TOPIC_DETACHED_H
#define CORE_TOPIC_DETACHED_H

#include "core/topic.h"

/* like: whose document, number and processor's state it begins with; loaded; NULL: none. Its
 * processor is started, its poller is not. */
struct topic *topic_new_detached(struct shard *sh, struct topic_conf *conf,
                                 const struct topic *like, struct trial *trial);
/* No request of it is under way. NULL is fine. */
void topic_free_detached(struct topic *t);

/* What a commit of this moment would store as the state; one reference. */
struct blob *topic_state(const struct topic *t);
/* What topic_publish_document() would find: false: it is equal. *ret_patch stays NULL where the
 * whole is to be published, else the caller has a reference. */
bool topic_find_change(const struct topic *t, const jval *value, size_t bytes,
                       struct blob **ret_patch);

#endif
