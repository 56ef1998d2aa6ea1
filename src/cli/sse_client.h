/*
 * Follows one event stream of a server on this machine: blocking, one event at a time.
 */
#ifndef CLI_SSE_CLIENT_H
#define CLI_SSE_CLIENT_H

#include <signal.h>

#include "base/buf.h"

struct sse_client;

struct sse_event {
    struct buf id, type, data;
};
void sse_event_done(struct sse_event *e);

/* address: "127.0.0.1:4711", plain HTTP. Returns when the stream has begun. E_CLOSED, E_IO. */
MUST_USE enum err sse_client_open(const char *ip, uint16_t port, const char *path,
                                  struct sse_client **ret, struct errinfo *ei);
void sse_client_close(struct sse_client *c);
static inline void sse_client_closep(struct sse_client **c)
{
    sse_client_close(*c);
    *c = NULL;
}
/* Wait for the next event; ret's buffers are used again. While it waits, `mask` is the mask of
 * signals: E_CANCELLED when one came. E_CLOSED: the server ended the stream. */
MUST_USE enum err sse_client_next(struct sse_client *c, const sigset_t *mask, struct sse_event *ret,
                                  struct errinfo *ei);

#endif
