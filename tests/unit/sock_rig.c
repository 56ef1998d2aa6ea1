/*
 * A rig (hub_rig.c) with one channel on a socket that takes as many bytes as the test says.
 */
#include "hub_rig.c"

struct sock {
    struct channel *channel;
    struct buf got;
    size_t room;    /* bytes it takes before on_writable() */
    size_t portion; /* room after it */
    unsigned open;  /* channels */
    bool shut, stalled, broken;
    unsigned writes;
};

static struct sock sock;

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
    sock = (struct sock){.room = SIZE_MAX, .portion = SIZE_MAX};
    return rig_setup(state);
}

static int sock_teardown(void **state)
{
    int rc = rig_teardown(state);
    buf_done(&sock.got);
    return rc;
}

#define sock_test(fn) cmocka_unit_test_setup_teardown(fn, sock_setup, sock_teardown)

static void open_channel(enum mode mode, uint64_t after)
{
    struct http_request r = {0};

    assert_int_equal(channel_open(&rig.shard, &r, rig.topic_conf, mode, after > 0, after), E_OK);
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

/* Every UUID that is not the topic's becomes "…": subscription ids are random. */
static char *without_ids(struct buf *b)
{
    AUTO(buf_done) struct buf out = BUF_INIT;

    for (size_t i = 0; i < b->len;) {
        struct str s = str_make(b->p + i, MIN(b->len - i, (size_t)UUID_LEN));
        if (uuid_is_valid(s) && !str_eqz(s, TOPIC_ID)) {
            buf_puts(&out, "…");
            i += UUID_LEN;
        } else {
            buf_putc(&out, b->p[i++]);
        }
    }
    buf_putc(&out, '\0');
    return buf_take(&out);
}

static void assert_got(const char *wanted)
{
    AUTO_FREE char *got = without_ids(&sock.got);

    assert_string_equal(got, wanted);
}

static void forget_got(void)
{
    buf_clear(&sock.got);
}

/* A JSON string of n bytes. */
static char *large_document(size_t n)
{
    char *p = xmalloc(n + 1);

    memset(p, 'x', n);
    p[0] = p[n - 1] = '"';
    p[n] = '\0';
    return p;
}
