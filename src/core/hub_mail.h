/*
 * The mails between the owner of a topic and its hubs on all loops, both directions, also when both
 * are on the same loop: there is one way to do it. A mail names the topic by its id and is dropped
 * when the receiving end is gone.
 *
 * What crosses: a detach may cross events (dropped there) or an answer (the hub waits for it before
 * it goes); an attach may reach an owner whose topic was deleted (answered so); an answer that
 * finds no hub is sent back as a detach, so that no owner polls for nobody.
 */
#ifndef CORE_HUB_MAIL_H
#define CORE_HUB_MAIL_H

#include "core/hub.h"

/* ---- from a hub to the owner; on the hub's loop ---- */

void hub_post_attach(struct shard *from, const char *topic_id);
void hub_post_detach(struct shard *from, const char *topic_id);

/* ---- from the owner to the hub on `to`; on the owner's loop ---- */

/* The contents of st are borrowed for the call. */
void hub_post_attached(struct shard *to, const char *topic_id, const struct topic_status *st);
/* Borrowed. document: after the event; NULL for errors and payload type event. */
void hub_post_event(struct shard *to, const char *topic_id, struct event *e, struct blob *document);
/* A check that found nothing new, or the topic works again. It is not meant for every check: each
 * is a mail per loop, heartbeats are all that it serves. */
void hub_post_checked(struct shard *to, const char *topic_id, int64_t checked_wall);
void hub_post_conf(struct shard *to, const char *topic_id, struct topic_conf *conf);
void hub_post_deleted(struct shard *to, const char *topic_id);

#endif
