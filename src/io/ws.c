#include "io/ws.h"

#include <openssl/sha.h>
#include <wslay/wslay.h>

#include "base/base64.h"

/* Fragments of one message: each costs memory, however short it is. */
#define FRAGMENTS_MAX 1000
/* RFC 6455 §1.3. */
#define GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
#define KEY_LEN 24 /* 16 bytes in base64 */

/* ---- what wslay asks for ---- */

static ssize_t on_recv(struct wslay_event_context *ctx, uint8_t *p, size_t n, int flags, void *user)
{
    struct ws *w = user;

    (void)flags;
    if (w->input.n == 0) {
        wslay_event_set_error(ctx, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    n = MIN(n, w->input.n);
    memcpy(p, w->input.p, n);
    w->input = str_drop(w->input, n);
    return (ssize_t)n;
}

static ssize_t on_send(struct wslay_event_context *ctx, const uint8_t *p, size_t n, int flags,
                       void *user)
{
    struct ws *w = user;

    (void)ctx;
    (void)flags;
    buf_append(w->output, (const char *)p, n);
    return (ssize_t)n;
}

/* Bytes of a client's frame (RFC 6455 §5.2): they are always masked. */
static uint64_t frame_size(uint64_t payload)
{
    return 2 + (payload < 126 ? 0 : payload < 65536 ? 2 : 8) + 4 + payload;
}

static void on_frame_start(struct wslay_event_context *ctx,
                           const struct wslay_event_on_frame_recv_start_arg *arg, void *user)
{
    struct ws *w = user;

    w->framed += frame_size(arg->payload_length);
    if (wslay_is_ctrl_frame(arg->opcode))
        return;
    w->within_message = !arg->fin;
    w->fragments = arg->fin ? 0 : w->fragments + 1;
    if (w->fragments > FRAGMENTS_MAX)
        (void)wslay_event_queue_close(ctx, WSLAY_CODE_POLICY_VIOLATION, NULL, 0);
}

static void on_msg(struct wslay_event_context *ctx, const struct wslay_event_on_msg_recv_arg *arg,
                   void *user)
{
    struct ws *w = user;

    (void)ctx;
    if (!wslay_is_ctrl_frame(arg->opcode))
        w->on_message(w, arg->opcode == WSLAY_TEXT_FRAME,
                      str_make((const char *)arg->msg, arg->msg_length));
}

static const struct wslay_event_callbacks callbacks = {
    .recv_callback = on_recv,
    .send_callback = on_send,
    .on_frame_recv_start_callback = on_frame_start,
    .on_msg_recv_callback = on_msg,
};

/* ---- life ---- */

void ws_init(struct ws *w, ws_message_f *on_message, size_t max_message)
{
    *w = (struct ws){.on_message = on_message, .max_message = max_message};
}

void ws_free(struct ws *w)
{
    if (w->ctx)
        wslay_event_context_free(TAKE(w->ctx));
}

static struct wslay_event_context *context(struct ws *w)
{
    if (w->ctx)
        return w->ctx;
    if (wslay_event_context_server_init(&w->ctx, &callbacks, w) != 0)
        panic("out of memory");
    wslay_event_config_set_max_recv_msg_length(w->ctx, w->max_message);
    w->fed = w->framed = 0;
    return w->ctx;
}

/* Of a head that makes no sense wslay makes an error, or a close frame that does not say why. */
static void say_why(struct buf *out, size_t before, bool broken)
{
    static const char silent[] = {(char)0x88, 0};
    size_t n = sizeof silent;

    if (out->len >= before + n && memcmp(out->p + out->len - n, silent, n) == 0)
        out->len -= n;
    else if (!broken || out->len > before)
        return;
    ws_close_frame(out, WS_PROTOCOL, "");
}

bool ws_feed(struct ws *w, const char *p, size_t n, struct buf *out)
{
    if (w->closed)
        return false;
    struct wslay_event_context *ctx = context(w);
    size_t before = out->len;
    w->input = str_make(p, n);
    w->output = out;
    w->fed += n;
    /* One call reads all that there is, or stops at a frame that is not allowed. */
    bool broken = wslay_event_recv(ctx) != 0;
    broken |= wslay_event_send(ctx) != 0;
    if (!wslay_event_get_close_received(ctx))
        say_why(out, before, broken);
    w->closed = broken || wslay_event_get_close_sent(ctx);
    w->output = NULL;
    if (w->closed || (!w->within_message && w->fed == w->framed))
        ws_free(w);
    return !w->closed;
}

/* ---- frames ---- */

size_t ws_head(unsigned char ret[WS_HEAD_MAX], enum ws_opcode opcode, uint64_t n)
{
    unsigned bytes = n < 126 ? 0 : n < 65536 ? 2 : 8;

    ret[0] = (unsigned char)(0x80 | opcode);
    ret[1] = (unsigned char)(bytes == 0 ? n : bytes == 2 ? 126 : 127);
    for (unsigned i = 0; i < bytes; i++)
        ret[2 + i] = (unsigned char)(n >> 8 * (bytes - 1 - i));
    return 2 + bytes;
}

void ws_close_frame(struct buf *b, enum ws_code code, const char *reason)
{
    unsigned char head[WS_HEAD_MAX];
    size_t n = MIN(strlen(reason), (size_t)123);

    buf_append(b, (const char *)head, ws_head(head, WS_CLOSE, 2 + n));
    buf_putc(b, (char)((unsigned)code >> 8));
    buf_putc(b, (char)((unsigned)code & 0xff));
    buf_append(b, reason, n);
}

/* ---- the handshake ---- */

/* The base64 text of 16 bytes. */
static bool is_key(struct str key)
{
    if (key.n != KEY_LEN || !str_eqz(str_drop(key, KEY_LEN - 2), "=="))
        return false;
    for (size_t i = 0; i < KEY_LEN - 2; i++) {
        char c = key.p[i];
        bool ok = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                  c == '+' || c == '/';
        if (!ok)
            return false;
    }
    return true;
}

bool ws_accept(struct str key, char ret[WS_ACCEPT_LEN + 1])
{
    AUTO(buf_done) struct buf text = BUF_INIT;
    unsigned char digest[SHA_DIGEST_LENGTH];

    if (!is_key(key))
        return false;
    buf_str(&text, key);
    buf_puts(&text, GUID);
    SHA1((const unsigned char *)text.p, text.len, digest);
    buf_clear(&text);
    base64_encode(&text, str_make((const char *)digest, sizeof digest));
    CHECK(text.len == WS_ACCEPT_LEN);
    memcpy(ret, buf_cstr(&text), WS_ACCEPT_LEN + 1);
    return true;
}
