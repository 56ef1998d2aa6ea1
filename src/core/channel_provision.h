/*
 * Which connection carries a provisioned subscription: a follower, one at a time, known on the loop
 * that accepted the connection.
 */
#ifndef CORE_CHANNEL_PROVISION_H
#define CORE_CHANNEL_PROVISION_H

#include "core/channel.h"

/* A new follower is that of this provisioned subscription; the one before, on whatever loop, is
 * told so and ends. */
void follower_provision(struct follower *f, const char *id);
/* It closes. Nothing for one that nobody provisioned. */
void follower_unprovision(struct follower *f);
/* The open one of a subscription on this loop; NULL if there is none. */
struct follower *follower_provisioned(struct shard *sh, const char *id);

#endif
