/*
 * Writing of channels: what one write takes, gathered from where it is. For wires, and for the
 * channel itself.
 */
#ifndef CORE_CHANNEL_WRITE_H
#define CORE_CHANNEL_WRITE_H

#include "core/channel.h"
#include "core/limits.h"

/* What one write takes. */
struct gather {
    struct iovec v[LIMIT_CHANNEL_IOV];
    int n;
    size_t bytes;
    size_t skip;                             /* bytes of the first frame that were written before */
    struct event *frames[LIMIT_CHANNEL_IOV]; /* borrowed; NULL: the line */
    size_t sizes[LIMIT_CHANNEL_IOV];         /* as they are, whole */
    size_t count;
    size_t size;       /* of the frame that is being put */
    struct event *own; /* made for this write */
};
/* For wire.frame: p stays as long as the event. */
void gather_put(struct gather *g, const void *p, size_t n);

void channel_flush(struct reader *r);
/* The same without a follower: what was begun, and the line. */
void channel_push(struct channel *c);

#endif
