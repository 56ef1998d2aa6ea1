/*
 * A rig (hub_rig.c) with one channel, plain or compressed, on a socket that takes as many bytes as the
 * test says.
 */
#include "hub_rig.c"

#include <zlib.h>

#include "core/channel_sse.h"

struct sock {
    struct channel *channel;
    struct buf got;
    size_t room;    /* bytes it takes before on_writable() */
    size_t portion; /* room after it */
    unsigned open;  /* channels */
    bool shut, stalled, broken;
    unsigned writes;
    enum http_coding coding; /* of channels that are opened; HTTP_CODING_NONE: plain */
    size_t forgotten;        /* of the text of a compressed stream */
    bool whole;              /* a compressed stream has come to its end */
};

static struct sock sock;
static enum http_coding coding_of_tests; /* what sock.coding begins with */

ssize_t stream_writev(struct stream *s, const struct iovec *v, int count)
{
    size_t before = sock.got.len;

    (void)s;
    assert_true(sock.open && !sock.shut && count > 0);
    sock.writes++;
    if (sock.broken)
        return -1;
    for (int i = 0; i < count; i++) {
        size_t n = MIN(v[i].iov_len, sock.room);
        assert_true(v[i].iov_len > 0);
        buf_append(&sock.got, v[i].iov_base, n);
        sock.room -= n;
        sock.stalled = n < v[i].iov_len;
        if (sock.stalled)
            break;
    }
    return (ssize_t)(sock.got.len - before);
}

void stream_close(struct stream *s)
{
    (void)s;
    assert_true(sock.open);
    sock.open--;
}

void stream_shutdown(struct stream *s)
{
    (void)s;
    sock.shut = true;
}

enum err http_takeover(struct http_request *r, int status, const struct http_field *fields,
                       struct stream *s, const struct stream_events *events, struct buf *ret_rest)
{
    assert_int_equal(status, 200);
    assert_string_equal(fields[0].name, "Content-Type");
    assert_str(fields[0].value, "text/event-stream");
    if (r->user) {
        buf_puts(ret_rest, r->user);
        r->user = NULL;
    }
    s->events = events;
    sock.open++;
    sock.channel = CONTAINER_OF(s, struct channel, stream);
    return E_OK;
}

/* Turns until the channel has written all it has (portion 0: all that there is room for). */
static void pump(void)
{
    turns();
    while (sock.open && sock.stalled && sock.portion) {
        sock.room = sock.portion;
        sock.stalled = false;
        sock.channel->stream.events->on_writable(&sock.channel->stream);
        turns();
    }
}

static int sock_setup(void **state)
{
    clock_fake(1000 * US_PER_S, WALL);
    sock = (struct sock){.room = SIZE_MAX, .portion = SIZE_MAX, .coding = coding_of_tests};
    return rig_setup(state);
}

static int sock_teardown(void **state)
{
    int rc = rig_teardown(state);
    buf_done(&sock.got);
    return rc;
}

#define sock_test(fn) cmocka_unit_test_setup_teardown(fn, sock_setup, sock_teardown)

static inline void open_channel(enum mode mode, uint64_t after)
{
    struct http_request r = {0};

    struct sse_topic t = {rig.topic_conf, mode, after > 0, after};

    assert_int_equal(
        channel_open(&rig.shard, &r,
                     &(struct sse_wish){.topics = &t, .count = 1, .coding = sock.coding}),
        E_OK);
}

/* The next heartbeat period passes. */
static inline void silence(void)
{
    for (int i = 0; i < 4; i++) {
        clock_advance(HEARTBEAT_US / 4);
        turn();
        hub_tick_all(&rig.shard, clock_now());
        pump();
    }
}

/* ---- what the client got ---- */

/* Every UUID that is not a topic's becomes "…": subscription ids are random. */
static char *without_ids(struct str b)
{
    AUTO(buf_done) struct buf out = BUF_INIT;

    for (size_t i = 0; i < b.n;) {
        struct str s = str_make(b.p + i, MIN(b.n - i, (size_t)UUID_LEN));
        if (uuid_is_valid(s) && !str_eqz(s, TOPIC_ID) && !str_eqz(s, SECOND_ID)) {
            buf_puts(&out, "…");
            i += UUID_LEN;
        } else {
            buf_putc(&out, b.p[i++]);
        }
    }
    buf_putc(&out, '\0');
    return buf_take(&out);
}

/* As much of it as the bytes so far give. */
static void inflate_got(struct buf *ret)
{
    bool zlib = sock.coding == HTTP_CODING_DEFLATE;
    z_stream z = {.next_in = (Bytef *)sock.got.p, .avail_in = (uInt)sock.got.len};
    int rc;

    assert_int_equal(inflateInit2(&z, zlib ? 15 : 15 + 16), Z_OK);
    do {
        assert_int_equal(buf_reserve(ret, 64 * 1024), E_OK);
        z.next_out = (Bytef *)ret->p + ret->len;
        z.avail_out = 64 * 1024;
        rc = inflate(&z, Z_SYNC_FLUSH);
        assert_true(rc == Z_OK || rc == Z_BUF_ERROR || rc == Z_STREAM_END);
        ret->len += 64 * 1024 - z.avail_out;
    } while (z.avail_out == 0 && rc != Z_STREAM_END);
    assert_int_equal(z.avail_in, 0);
    sock.whole = rc == Z_STREAM_END;
    inflateEnd(&z);
}

/* The text that the client has, since forget_got(). */
static void plain_got(struct buf *ret)
{
    if (sock.coding != HTTP_CODING_GZIP && sock.coding != HTTP_CODING_DEFLATE) {
        buf_str(ret, buf_view(&sock.got));
        return;
    }
    inflate_got(ret);
    buf_consume(ret, sock.forgotten);
}

static char *text_got(void)
{
    AUTO(buf_done) struct buf b = BUF_INIT;

    plain_got(&b);
    return without_ids(buf_view(&b));
}

static void assert_got(const char *wanted)
{
    AUTO_FREE char *got = text_got();

    assert_string_equal(got, wanted);
}

static inline void forget_got(void)
{
    AUTO(buf_done) struct buf b = BUF_INIT;

    plain_got(&b);
    if (sock.coding == HTTP_CODING_GZIP || sock.coding == HTTP_CODING_DEFLATE)
        sock.forgotten += b.len;
    else
        buf_clear(&sock.got);
}

/* A JSON string of n bytes. */
static inline char *large_document(size_t n)
{
    char *p = xmalloc(n + 1);

    memset(p, 'x', n);
    p[0] = p[n - 1] = '"';
    p[n] = '\0';
    return p;
}
