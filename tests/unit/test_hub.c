/*
 * Hubs and their channels on real sockets: how hubs come and go, what crosses on the way, many
 * channels at once, slow ones among them.
 */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "core/channel_sse.h"
#include "hub_rig.c"

#define MANY 1000
#define WAIT_TURNS 2000

/* ---- clients ---- */

struct client {
    int fd;
    struct buf got;
    bool eof;
};

static int fd_to_take; /* the connection of the request that is opened */

enum err http_takeover(struct http_request *r, int status, const struct http_field *fields,
                       struct stream *s, const struct stream_events *events, struct buf *ret_rest)
{
    (void)r;
    (void)status;
    (void)fields;
    (void)ret_rest;
    return stream_open(s, rig.shard.loop, fd_to_take, NULL, events, NULL);
}

static struct client client_open_after(enum mode mode, uint64_t after, int send_buffer)
{
    struct http_request r = {0};
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    if (send_buffer)
        setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof send_buffer);
    fd_to_take = fds[0];
    struct sse_topic t = {rig.topic_conf, mode, after > 0, after};

    assert_int_equal(channel_open(&rig.shard, &r, &(struct sse_wish){.topics = &t, .count = 1}),
                     E_OK);
    return (struct client){.fd = fds[1]};
}

static struct client client_open(void)
{
    return client_open_after(MODE_SNAPSHOT_PATCH, 0, 0);
}

static void client_close(struct client *c)
{
    close(c->fd);
    buf_done(&c->got);
}

static void client_read(struct client *c)
{
    char chunk[65536];
    ssize_t n;

    while ((n = recv(c->fd, chunk, sizeof chunk, 0)) > 0)
        buf_append(&c->got, chunk, (size_t)n);
    if (n == 0 || errno != EAGAIN)
        c->eof = true;
}

static bool client_has(struct client *c, const char *text)
{
    client_read(c);
    return c->got.len && memmem(c->got.p, c->got.len, text, strlen(text));
}

static void await_text(struct client *c, const char *text)
{
    for (int i = 0; !client_has(c, text); i++) {
        assert_true(i < WAIT_TURNS);
        turn();
    }
}

static void await_eof(struct client *c)
{
    for (int i = 0; !c->eof; i++) {
        assert_true(i < WAIT_TURNS);
        turn();
        client_read(c);
    }
}

static size_t count_text(struct client *c, const char *text)
{
    size_t count = 0;

    client_read(c);
    for (const char *p = c->got.p, *end = p + c->got.len;
         p && (p = memmem(p, (size_t)(end - p), text, strlen(text))); p++)
        count++;
    return count;
}

/* ---- life ---- */

static int fake_setup(void **state)
{
    clock_fake(1000 * US_PER_S, WALL);
    rig_setup(state);
    status_set(5, "{\"a\":1}");
    return 0;
}

#define hub_test(fn) cmocka_unit_test_setup_teardown(fn, fake_setup, rig_teardown)

/* Time passes and the timers of it run. */
static void pass(int64_t us)
{
    clock_advance(us);
    turns();
}

static void pass_with_ticks(int64_t us)
{
    for (int64_t at = 0; at < us; at += HEARTBEAT_US / 4) {
        pass(HEARTBEAT_US / 4);
        hub_tick_all(&rig.shard, clock_now());
        turns();
    }
}

static void await_channels(size_t count)
{
    for (int i = 0; hub_channels(&rig.shard) != count; i++) {
        assert_true(i < WAIT_TURNS);
        turn();
    }
}

/* ---- coming and going ---- */

static void test_comes_with_the_first_goes_after_the_last(void **state)
{
    (void)state;
    struct client a = client_open();
    struct client b = client_open();

    await_text(&a, "#5\n");
    await_text(&b, "#5\n");
    assert_int_equal(rig.attached, 1);
    client_close(&a);
    client_close(&b);
    pass_with_ticks(2 * HEARTBEAT_US);
    await_channels(0);
    pass(2 * US_PER_S);
    assert_null(the_hub());
    assert_int_equal(rig.detached, 1);
    assert_int_equal(rig.shard.hubs.count, 0);
}

static void test_lingers(void **state)
{
    (void)state;
    struct client a = client_open();

    await_text(&a, "#5\n");
    close_reader(LIST_ITEM(the_hub()->lists[HUB_CURRENT].next, struct reader, link));
    pass(US_PER_S);
    struct client b = client_open();
    await_text(&b, "#5\n");
    pass(10 * US_PER_S);
    assert_int_equal(rig.attached, 1);
    assert_int_equal(rig.detached, 0);
    client_close(&a);
    client_close(&b);
}

static void test_goes_only_after_the_answer(void **state)
{
    (void)state;
    rig.mute = true;
    struct client a = client_open();

    turns();
    close_reader(LIST_ITEM(the_hub()->lists[HUB_WAITING].next, struct reader, link));
    pass(20 * US_PER_S);
    assert_non_null(the_hub());
    assert_int_equal(rig.detached, 0);
    hub_post_attached(&rig.shard, TOPIC_ID, &rig.status);
    turns();
    pass(2 * US_PER_S);
    assert_null(the_hub());
    assert_int_equal(rig.detached, 1);
    client_close(&a);
}

static void test_events_before_the_answer_are_in_it(void **state)
{
    (void)state;
    rig.mute = true;
    struct client a = client_open();

    turns();
    publish(EVENT_PATCH, 6, "[6]", "{\"a\":6}");
    turns();
    status_set(6, "{\"a\":6}");
    hub_post_attached(&rig.shard, TOPIC_ID, &rig.status);
    publish(EVENT_PATCH, 7, "[7]", "{\"a\":7}");
    await_text(&a, "#7\n");
    assert_int_equal(count_text(&a, "id: "), 2);
    assert_true(client_has(&a, "data: {\"a\":6}\n"));
    client_close(&a);
}

static void test_topic_that_the_owner_does_not_know(void **state)
{
    (void)state;
    rig.exists = false;
    struct client a = client_open();

    await_eof(&a);
    assert_true(client_has(&a, "\"code\":40404"));
    assert_int_equal(count_text(&a, "id: "), 0);
    client_close(&a);
    await_channels(0);
    assert_true(list_empty(&rig.shard.hub_list));
}

/* A hub that asked twice (it went and came meanwhile) gets two answers. */
static void test_second_answer_changes_nothing(void **state)
{
    (void)state;
    struct client a = client_open();

    await_text(&a, "#5\n");
    publish(EVENT_PATCH, 6, "[6]", "{\"a\":6}");
    turns();
    status_set(6, "{\"a\":6}");
    hub_post_attached(&rig.shard, TOPIC_ID, &rig.status);
    publish(EVENT_PATCH, 7, "[7]", "{\"a\":7}");
    await_text(&a, "#7\n");
    assert_int_equal(count_text(&a, "event: snapshot"), 1);
    assert_int_equal(count_text(&a, "event: patch"), 2);
    client_close(&a);
}

static void test_second_answer_that_knows_more(void **state)
{
    (void)state;
    struct client a = client_open();

    await_text(&a, "#5\n");
    status_set(9, "{\"a\":9}");
    hub_post_attached(&rig.shard, TOPIC_ID, &rig.status);
    publish(EVENT_PATCH, 10, "[10]", "{\"a\":10}");
    await_text(&a, "#10\n");
    assert_true(client_has(&a, "#10\nevent: snapshot\ndata: {\"a\":10}\n"));
    client_close(&a);
}

/* An owner that thinks there is a hub polls for nobody: it is told. */
static void test_answer_without_a_hub_is_sent_back(void **state)
{
    (void)state;
    hub_post_attached(&rig.shard, TOPIC_ID, &rig.status);
    turns();
    assert_int_equal(rig.detached, 1);
}

static void test_mail_without_a_hub_is_dropped(void **state)
{
    (void)state;
    publish(EVENT_PATCH, 6, "[6]", "{}");
    publish_error(70000, "x");
    hub_post_checked(&rig.shard, TOPIC_ID, WALL);
    hub_post_conf(&rig.shard, TOPIC_ID, rig.topic_conf);
    hub_post_deleted(&rig.shard, TOPIC_ID);
    turns();
    assert_int_equal(rig.detached, 0);
    assert_true(list_empty(&rig.shard.hub_list));
}

/* Deleted and made again under the same id while a slow reader still takes his last words. */
static void test_made_again_while_the_old_one_ends(void **state)
{
    (void)state;
    struct client a = client_open();

    await_text(&a, "#5\n");
    hub_post_deleted(&rig.shard, TOPIC_ID);
    turns();
    struct client b = client_open();
    await_text(&b, "#5\n");
    assert_int_equal(rig.attached, 2);
    publish(EVENT_PATCH, 6, "[6]", "{}");
    await_text(&b, "#6\n");
    await_eof(&a);
    assert_true(client_has(&a, "\"code\":40404"));
    assert_int_equal(count_text(&a, "#6\n"), 0);
    client_close(&a);
    client_close(&b);
}

/* ---- the client's end ---- */

static void test_half_closed_client_is_served_until_it_is_gone(void **state)
{
    (void)state;
    struct client a = client_open();

    await_text(&a, "#5\n");
    shutdown(a.fd, SHUT_WR);
    await_text(&a, ": unchanged");
    publish(EVENT_PATCH, 6, "[6]", "{}");
    await_text(&a, "#6\n");
    pass_with_ticks(3 * HEARTBEAT_US);
    assert_int_equal(hub_channels(&rig.shard), 1);
    client_close(&a);
    pass_with_ticks(HEARTBEAT_US);
    await_channels(0);
}

static void test_client_that_is_gone_is_found_soon(void **state)
{
    (void)state;
    struct client a = client_open();

    await_text(&a, "#5\n");
    client_close(&a);
    turns();
    pass_with_ticks(HEARTBEAT_US / 4);
    assert_int_equal(hub_channels(&rig.shard), 0);
}

/* ---- many ---- */

static struct client *open_many(size_t count)
{
    struct client *clients = xcalloc(count, sizeof *clients);
    struct rlimit limit;

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    for (size_t i = 0; i < count; i++)
        clients[i] = client_open();
    for (size_t i = 0; i < count; i++)
        await_text(&clients[i], "#5\n");
    return clients;
}

static void close_many(struct client *clients, size_t count)
{
    for (size_t i = 0; i < count; i++)
        client_close(&clients[i]);
    free(clients);
}

static void test_all_get_the_same(void **state)
{
    (void)state;
    struct client *c = open_many(MANY);

    for (uint64_t seq = 6; seq <= 10; seq++) {
        AUTO_FREE char *body = xasprintf("[%llu]", (unsigned long long)seq);
        publish(EVENT_PATCH, seq, body, body);
        turn();
    }
    for (size_t i = 0; i < MANY; i++) {
        await_text(&c[i], "#10\n");
        assert_int_equal(c[i].got.len, c[0].got.len);
        assert_memory_equal(c[i].got.p, c[0].got.p, c[0].got.len);
    }
    close_many(c, MANY);
}

/* One turn does not write to all of a large hub, and other hubs get their turn. */
static void test_a_turn_is_bounded(void **state)
{
    (void)state;
    struct client *c = open_many(MANY);
    int64_t before = count_read(COUNT_deliveries);

    publish(EVENT_PATCH, 6, "[6]", "{}");
    turn();
    int64_t first = count_read(COUNT_deliveries) - before;
    assert_in_range(first, 1, LIMIT_FLUSH_WRITES + 32);
    for (size_t i = 0; i < MANY; i++)
        await_text(&c[i], "#6\n");
    assert_int_equal(count_read(COUNT_deliveries) - before, MANY);
    close_many(c, MANY);
}

static void test_many_close_at_once(void **state)
{
    (void)state;
    int64_t open = count_read(COUNT_channels);
    struct client *c = open_many(MANY);

    assert_int_equal(count_read(COUNT_channels) - open, MANY);
    close_many(c, MANY);
    for (int i = 0; i < 20; i++)
        turns();
    pass_with_ticks(HEARTBEAT_US);
    await_channels(0);
    assert_int_equal(count_read(COUNT_channels), open);
    pass(2 * US_PER_S);
    assert_int_equal(rig.detached, 1);
}

static void test_heartbeats_for_many(void **state)
{
    (void)state;
    struct client *c = open_many(MANY);
    int64_t before = count_read(COUNT_heartbeats);

    pass_with_ticks(HEARTBEAT_US);
    for (size_t i = 0; i < MANY; i++)
        await_text(&c[i], ": unchanged since");
    assert_int_equal(count_read(COUNT_heartbeats) - before, MANY);
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal(count_text(&c[i], ": unchanged since"), 1);
    close_many(c, MANY);
}

/* A tick at which no channel is due looks at one of them, not at all. */
static void test_a_tick_with_nothing_due_is_cheap(void **state)
{
    (void)state;
    struct client *c = open_many(MANY);
    enum { TICKS = 10000 };

    clock_unfake();
    int64_t now = loop_now(rig.shard.loop), began = clock_now();
    for (int i = 0; i < TICKS; i++)
        hub_tick_all(&rig.shard, now);
    int64_t took = clock_now() - began;
    clock_fake(now, WALL);
    assert_true(took < TICKS * 10);
    close_many(c, MANY);
}

/* One takes nothing; the others get all, in order and at once; then it gets one snapshot. */
static void test_slow_reader_among_others(void **state)
{
    (void)state;
    int64_t skipped = count_read(COUNT_channels_skipped);
    struct client *c = open_many(20);
    struct client slow = client_open_after(MODE_SNAPSHOT_PATCH, 0, 4096);
    AUTO_FREE char *body = xmalloc(1002);
    uint64_t last = 5 + 2 * LIMIT_RING_EVENTS;

    memset(body, 'x', 1000);
    body[0] = body[999] = '"';
    body[1000] = '\0';
    for (uint64_t seq = 6; seq <= last; seq++) {
        publish(EVENT_PATCH, seq, body, "{}");
        turns();
        for (size_t i = 0; i < 20; i++) {
            assert_int_equal(count_text(&c[i], "event: patch"), 1);
            buf_clear(&c[i].got);
        }
    }
    AUTO_FREE char *id = xasprintf("#%llu\n", (unsigned long long)last);
    await_text(&slow, id);
    assert_int_equal(count_read(COUNT_channels_skipped) - skipped, 1);
    assert_int_equal(count_text(&slow, "event: snapshot"), 2);
    assert_true(count_text(&slow, "event: patch") < LIMIT_RING_EVENTS);
    client_close(&slow);
    close_many(c, 20);
}

static void test_stuck_reader_is_closed(void **state)
{
    (void)state;
    int64_t closed = count_read(COUNT_channels_slow_closed);
    struct client slow = client_open_after(MODE_SNAPSHOT_PATCH, 0, 4096);
    AUTO_FREE char *body = xmalloc(100001);

    memset(body, 'x', 100000);
    body[0] = body[99999] = '"';
    body[100000] = '\0';
    await_text(&slow, "#5\n");
    publish(EVENT_SNAPSHOT, 6, body, NULL);
    pass_with_ticks(STALL_US - HEARTBEAT_US);
    assert_int_equal(hub_channels(&rig.shard), 1);
    pass_with_ticks(2 * HEARTBEAT_US);
    assert_int_equal(hub_channels(&rig.shard), 0);
    assert_int_equal(count_read(COUNT_channels_slow_closed) - closed, 1);
    client_close(&slow);
}

/* ---- the server's end ---- */

static size_t told(struct client *c, size_t count)
{
    size_t n = 0;

    for (size_t i = 0; i < count; i++)
        n += client_has(&c[i], "\"code\":50503");
    return n;
}

static void test_drain_is_spread(void **state)
{
    (void)state;
    enum { COUNT = 200 };
    struct client *c = open_many(COUNT);
    size_t before = 0;
    unsigned steps = 0;

    hub_drain_all(&rig.shard, 2 * US_PER_S);
    for (int i = 0; i < 110; i++) {
        pass(20 * US_PER_MS);
        size_t now = told(c, COUNT);
        steps += now > before;
        assert_true(now - before <= COUNT / 10);
        before = now;
    }
    assert_int_equal(before, COUNT);
    assert_true(steps >= 50);
    bool differ = false;
    for (size_t i = 0; i < COUNT; i++) {
        await_eof(&c[i]);
        buf_putc(&c[i].got, '\0');
        unsigned retry = 0;
        assert_int_equal(sscanf(strstr(c[i].got.p, "retry: "), "retry: %u", &retry), 1);
        assert_in_range(retry, 1000, 3000);
        differ |= retry != 1000;
    }
    assert_true(differ);
    close_many(c, COUNT);
    await_channels(0);
}

static void test_freed_with_channels_open(void **state)
{
    (void)state;
    struct client *c = open_many(50);

    publish(EVENT_PATCH, 6, "[6]", "{}");
    hub_post_deleted(&rig.shard, TOPIC_ID);
    turn();
    struct client other = client_open();
    hub_free_all(&rig.shard);
    assert_true(list_empty(&rig.shard.hub_list));
    assert_int_equal(rig.shard.hubs.count, 0);
    await_eof(&other);
    client_close(&other);
    close_many(c, 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        hub_test(test_comes_with_the_first_goes_after_the_last),
        hub_test(test_lingers),
        hub_test(test_goes_only_after_the_answer),
        hub_test(test_events_before_the_answer_are_in_it),
        hub_test(test_topic_that_the_owner_does_not_know),
        hub_test(test_second_answer_changes_nothing),
        hub_test(test_second_answer_that_knows_more),
        hub_test(test_answer_without_a_hub_is_sent_back),
        hub_test(test_mail_without_a_hub_is_dropped),
        hub_test(test_made_again_while_the_old_one_ends),
        hub_test(test_half_closed_client_is_served_until_it_is_gone),
        hub_test(test_client_that_is_gone_is_found_soon),
        hub_test(test_all_get_the_same),
        hub_test(test_a_turn_is_bounded),
        hub_test(test_many_close_at_once),
        hub_test(test_heartbeats_for_many),
        hub_test(test_a_tick_with_nothing_due_is_cheap),
        hub_test(test_slow_reader_among_others),
        hub_test(test_stuck_reader_is_closed),
        hub_test(test_drain_is_spread),
        hub_test(test_freed_with_channels_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
