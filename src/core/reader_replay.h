/*
 * A replay: events read from the journal for readers that resume from before the ring. One read
 * serves all readers of a hub that resume from its point or from a later one within it (as after a
 * restart, when all come back). Owned by the readers that hold it and by the read under way.
 *
 * For mode changes the document at that point is put together of the journal, and the one event is what
 * changed from it to that of now; it serves those that resume from the same point.
 */
#ifndef CORE_READER_REPLAY_H
#define CORE_READER_REPLAY_H

#include "core/reader.h"

/* Nothing of the reader's first replay is taken before it is known that the whole can be. The reader
 * waits, then is due. */
void replay_start(struct reader *rd, uint64_t after);
/* The event of the reader's position; NULL after the last. */
struct event *replay_at(const struct reader *rd, size_t ahead);
/* All is taken: to the ring, or on with the journal if the ring has moved on too far. */
void replay_finish(struct reader *rd);
/* The reader lets go of its replay; nothing if it has none. */
void replay_drop(struct reader *rd);
void replay_hub_gone(struct hub *h);

#endif
