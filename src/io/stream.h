/*
 * One accepted byte connection, plain TCP or TLS behind the same calls. Lives on one loop, is
 * embedded in its owner. Reading is pushed (on_data); writing is tried (stream_writev) and, when
 * the socket takes no more, on_writable tells when to go on: a stream buffers nothing of the
 * caller's (TLS: at most one record).
 */
#ifndef IO_STREAM_H
#define IO_STREAM_H

#include <sys/types.h>
#include <sys/uio.h>

#include "base/err.h"
#include "io/loop.h"

struct stream;
struct tls_server; /* io/tls.h: certificate and key; NULL for plain */

struct stream_events {
    /* Bytes arrived; borrowed for the call. The owner may close or move the stream in it. At most
     * STREAM_READ_MAX bytes. */
    void (*on_data)(struct stream *s, const char *p, size_t n);
    /* The socket takes bytes again after stream_writev() took less than all. */
    void (*on_writable)(struct stream *s);
    /* The peer closed its sending side (why = E_OK) or the connection failed. Called once, never
     * from inside a call into the stream; the stream may still be written after E_OK. */
    void (*on_end)(struct stream *s, enum err why);
};

/* Most bytes that arrive after stream_read(s, false). */
#define STREAM_READ_MAX 65536

struct stream {
    const struct stream_events *events;
    struct stream_io *io; /* private; NULL: not open */
};

/* Takes the connected non-blocking socket fd. On failure fd is closed. */
MUST_USE enum err stream_open(struct stream *s, struct loop *l, int fd, struct tls_server *tls,
                              const struct stream_events *events, struct errinfo *ei);
/* Close now; no callback after. Safe in a callback of the stream; the memory of `s` may be freed
 * at once, what libuv still needs frees itself. Nothing when it is not open. */
void stream_close(struct stream *s);
/* The same, but throw away what was written and is still on its way: for a peer that does not read,
 * whose share of the kernel's memory would stay. */
void stream_reset(struct stream *s);
bool stream_is_open(const struct stream *s);
/* Hand an open stream to another owner: `from` is not open after, reading is on. If the peer has
 * closed its side already, `to` gets its own on_end. */
void stream_move(struct stream *from, struct stream *to, const struct stream_events *events);
/* Take as many bytes as the socket takes now. Returns the count (0: none now), or -1: broken
 * (on_end follows later in the turn, unless it came before). */
ssize_t stream_writev(struct stream *s, const struct iovec *v, int count);
/* Stop and go on with reading (back-pressure, pipelining). Of what was read from the socket
 * before the stop, up to STREAM_READ_MAX bytes may still arrive. */
void stream_read(struct stream *s, bool on);
/* Send FIN after what was written. */
void stream_shutdown(struct stream *s);
/* True once the TLS handshake is over; always for plain. */
bool stream_is_ready(const struct stream *s);
/* "127.0.0.1:4711" or "[::1]:4711" of the peer; empty when it is gone. */
void stream_peer(const struct stream *s, char *ret, size_t size);
/* Bytes of memory it holds beyond sizeof(struct stream) (without those inside OpenSSL), for the
 * bench. */
size_t stream_memory(const struct stream *s);

#endif
