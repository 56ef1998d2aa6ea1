/*
 * A replay: events read from the journal for channels that resume from before the ring. One read
 * serves all channels of a hub that resume from its point or from a later one within it (as after a
 * restart, when all come back). Owned by the channels that hold it and by the read under way.
 */
#ifndef CORE_CHANNEL_REPLAY_H
#define CORE_CHANNEL_REPLAY_H

#include "core/channel.h"

/* Nothing of the channel's first replay is written before it is known that the whole can be. The
 * channel waits, then is due. */
void replay_start(struct channel *c, uint64_t after);
/* The event of c's position; NULL after the last. */
struct event *replay_at(const struct channel *c, size_t ahead);
/* All is written: to the ring, or on with the journal if the ring has moved on too far. */
void replay_finish(struct channel *c);
/* The channel lets go of its replay; nothing if it has none. */
void replay_drop(struct channel *c);
void replay_hub_gone(struct hub *h);

#endif
