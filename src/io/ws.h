/*
 * WebSocket (RFC 6455), server side: what clients send, and the bytes around what is sent to them.
 * The only door to wslay.
 *
 * What arrives is fed in pieces; whole messages come out, pings are answered, and whatever the
 * protocol forbids ends the connection with a close frame that says so. Between messages it holds
 * no memory.
 */
#ifndef IO_WS_H
#define IO_WS_H

#include "base/buf.h"
#include "base/err.h"

struct ws;
/* A whole message: UTF-8 where it is text. It may not feed or free w. */
typedef void ws_message_f(struct ws *w, bool text, struct str message);

struct ws {
    ws_message_f *on_message;
    size_t max_message; /* over it the connection is closed with 1009 */
    /* private */
    struct wslay_event_context *ctx; /* NULL between messages */
    struct str input;
    struct buf *output;
    uint64_t fed, framed; /* bytes since ctx is there, and those of frames that have begun, whole */
    unsigned fragments;   /* of the message that is being received */
    bool within_message;
    bool closed; /* a close frame was made */
};

void ws_init(struct ws *w, ws_message_f *on_message, size_t max_message);
void ws_free(struct ws *w);
/* Bytes of the client. Answers to control frames are appended to out. False: the close frame is
 * among them, nothing follows it, and nothing more is to be fed. */
bool ws_feed(struct ws *w, const char *p, size_t n, struct buf *out);

/* ---- what is sent: pure ---- */

enum ws_opcode { WS_TEXT = 1, WS_BINARY = 2, WS_CLOSE = 8, WS_PING = 9 };
enum ws_code { /* RFC 6455 §7.4.1 */
               WS_GOING_AWAY = 1001,
               WS_PROTOCOL = 1002,
               WS_POLICY = 1008,
               WS_TOO_BIG = 1009,
};
#define WS_HEAD_MAX 10
/* The head of an unfragmented frame with a payload of n bytes; its length. */
size_t ws_head(unsigned char ret[WS_HEAD_MAX], enum ws_opcode opcode, uint64_t n);
/* A close frame; reason: at most 123 bytes. */
void ws_close_frame(struct buf *b, enum ws_code code, const char *reason);

/* ---- the handshake ---- */

#define WS_ACCEPT_LEN 28
/* Sec-WebSocket-Accept for a Sec-WebSocket-Key (RFC 6455 §4.2.2). False: it is no key of 16 bytes. */
bool ws_accept(struct str key, char ret[WS_ACCEPT_LEN + 1]);

#endif
