/*
 * Channels of two topics: each id says what the client has of both, whatever the socket takes, in
 * plain and compressed streams.
 */
#include "unit.h"

#include "sock_rig.c"

static const char *const ids[] = {TOPIC_ID, SECOND_ID};

/* after: resume points; UINT64_MAX: none. */
static void open_joint(enum mode mode, uint64_t first, uint64_t second)
{
    struct http_request r = {0};
    struct sse_topic t[] = {
        {rig.topic_conf, mode, first != UINT64_MAX, first != UINT64_MAX ? first : 0},
        {rig.second_conf, mode, second != UINT64_MAX, second != UINT64_MAX ? second : 0},
    };

    assert_int_equal(
        channel_open(
            &rig.shard, &r,
            &(struct sse_wish){.topics = t, .count = 2, .joint = true, .coding = sock.coding}),
        E_OK);
}

static void open_fresh(enum mode mode)
{
    open_joint(mode, UINT64_MAX, UINT64_MAX);
}

static void set_both(uint64_t first, const char *document, uint64_t second, const char *other)
{
    status_set(first, document);
    status_set_of(&rig.second_status, second, other);
}

/* Bodies tell what they are of: "0:6" is event 6 of the first topic. */
static void publish_one(int topic, enum event_type type, uint64_t seq, const char *document)
{
    AUTO_FREE char *body = xasprintf("\"%d:%llu\"", topic, (unsigned long long)seq);

    publish_to(ids[topic], type, seq, body, document);
}

/* ---- what ids say ---- */

static void first_snapshots(void **state)
{
    (void)state;
    set_both(5, "\"a\"", 9, "\"b\"");
    open_fresh(MODE_SNAPSHOT_PATCH);
    pump();
    publish_to(SECOND_ID, EVENT_PATCH, 10, "[10]", "{}");
    pump();
    publish_to(TOPIC_ID, EVENT_PATCH, 6, "[6]", "{}");
    pump();
    assert_got("id: " TOPIC_ID "#5\nevent: snapshot\ndata: \"a\"\n\n"
               "id: " TOPIC_ID "#5," SECOND_ID "#9\nevent: snapshot\ndata: \"b\"\n\n"
               "id: " TOPIC_ID "#5," SECOND_ID "#10\nevent: patch\ndata: [10]\n\n"
               "id: " TOPIC_ID "#6," SECOND_ID "#10\nevent: patch\ndata: [6]\n\n");
}

static void resumed_and_from_today(void **state)
{
    (void)state;
    set_both(5, "\"a\"", 9, "\"b\"");
    open_joint(MODE_SNAPSHOT_PATCH, 5, UINT64_MAX);
    pump();
    publish_one(0, EVENT_PATCH, 6, "{}");
    pump();
    assert_got(": resumed after " TOPIC_ID "#5\n\n"
               "id: " TOPIC_ID "#5," SECOND_ID "#9\nevent: snapshot\ndata: \"b\"\n\n"
               "id: " TOPIC_ID "#6," SECOND_ID "#9\nevent: patch\ndata: \"0:6\"\n\n");
}

/* Nothing was there yet: what comes first must not be lost to who comes back before it came. */
static void a_topic_without_events_is_at_0(void **state)
{
    (void)state;
    set_both(5, NULL, 0, NULL);
    open_fresh(MODE_EVENT);
    pump();
    publish_one(0, EVENT_EVENT, 6, NULL);
    pump();
    assert_got("id: " TOPIC_ID "#6," SECOND_ID "#0\nevent: event\ndata: \"0:6\"\n\n");
    channel_close(sock.channel);
    publish_one(1, EVENT_EVENT, 1, NULL);
    turns();
    forget_got();
    open_joint(MODE_EVENT, 6, 0);
    pump();
    assert_got(": resumed after " TOPIC_ID "#6\n\n: resumed after " SECOND_ID "#0\n\n"
               "id: " TOPIC_ID "#6," SECOND_ID "#1\nevent: event\ndata: \"1:1\"\n\n");
}

/* A fresh snapshot that is still to be written is none that the client has. */
static void a_snapshot_ahead_is_not_told(void **state)
{
    (void)state;
    const uint64_t last = 7 + LIMIT_RING_EVENTS;

    set_both(5, "\"a\"", 9, "\"b\"");
    open_joint(MODE_SNAPSHOT_PATCH, 5, 9);
    pump();
    forget_got();
    sock.room = 0;
    publish_one(0, EVENT_PATCH, 6, "{}");
    turns();
    for (uint64_t seq = 7; seq <= last; seq++)
        publish_one(0, EVENT_PATCH, seq, "\"whole\"");
    publish_one(1, EVENT_PATCH, 10, "{}");
    turns();
    /* Both try: the first falls out of its ring and has a snapshot ahead. */
    sock.channel->stream.events->on_writable(&sock.channel->stream);
    turns();
    struct reader *first = &sock.channel->first.reader;
    assert_int_equal(first->last_seq, last);
    assert_false(first->known);
    /* Now the other is the first to write. */
    LIST_EACH (n, &sock.channel->followers) {
        struct reader *r = &LIST_ITEM(n, struct follower, link)->reader;
        if (r != first)
            reader_move(r, HUB_DUE);
    }
    sock.room = SIZE_MAX;
    turns();
    assert_got("id: " SECOND_ID "#10\nevent: patch\ndata: \"1:10\"\n\n");
    forget_got();
    sock.channel->stream.events->on_writable(&sock.channel->stream);
    turns();
    AUTO_FREE char *got = text_got();
    AUTO_FREE char *id = xasprintf("id: " TOPIC_ID "#%d," SECOND_ID "#10\n", (int)last);
    AUTO_FREE char *other = xasprintf("id: " SECOND_ID "#10," TOPIC_ID "#%d\n", (int)last);
    assert_true(strstr(got, id) || strstr(got, other));
}

/* ---- every id, however it is written ---- */

struct model {
    bool known[2];
    uint64_t at[2];
    unsigned events[2], snapshots;
};

static uint64_t body_number(struct str data, int *ret_topic)
{
    uint64_t n;

    assert_true(data.n > 4 && data.p[0] == '"' && data.p[2] == ':');
    *ret_topic = data.p[1] - '0';
    assert_true(str_to_u64(str_make(data.p + 3, data.n - 4), UINT64_MAX, &n));
    return n;
}

static void check_id(struct model *m, struct str id, int topic, uint64_t seq)
{
    bool named[2] = {false, false};

    while (id.p) {
        struct str each = str_split(&id, ','), uuid;
        uint64_t n;
        assert_true(event_id_split(each, &uuid, &n));
        int t = str_eqz(uuid, ids[1]);
        assert_true(t == 1 || str_eqz(uuid, ids[0]));
        assert_false(named[t]);
        named[t] = true;
        assert_int_equal(n, t == topic ? seq : m->at[t]);
    }
    assert_true(named[topic]);
    assert_int_equal(named[!topic], m->known[!topic]);
}

static void check_frame(struct model *m, struct str frame)
{
    struct str id = str_split(&frame, '\n'), event = str_split(&frame, '\n');
    int topic;

    assert_true(str_starts(id, STR("id: ")) && str_starts(frame, STR("data: ")));
    uint64_t seq = body_number(str_drop(frame, 6), &topic);
    check_id(m, str_drop(id, 4), topic, seq);
    if (str_eqz(event, "event: snapshot"))
        m->snapshots++;
    else
        assert_int_equal(seq, m->at[topic] + 1);
    assert_true(seq > m->at[topic]);
    m->known[topic] = true;
    m->at[topic] = seq;
    m->events[topic]++;
}

static struct model check_stream(const char *text)
{
    struct model m = {0};
    struct str rest = str_of(text);

    while (rest.n) {
        const char *end = strstr(rest.p, "\n\n");
        assert_non_null(end);
        if (rest.p[0] != ':')
            check_frame(&m, str_make(rest.p, (size_t)(end - rest.p)));
        rest = str_drop(rest, (size_t)(end - rest.p) + 2);
    }
    return m;
}

/* Returns the bytes that were written. */
static size_t run_cut(enum http_coding coding, size_t first, size_t portion)
{
    void *state;

    coding_of_tests = coding;
    sock_setup(&state);
    sock.room = first;
    sock.portion = portion;
    set_both(5, "\"0:5\"", 9, "\"1:9\"");
    open_fresh(MODE_SNAPSHOT_PATCH);
    turns();
    for (uint64_t i = 1; i <= 4; i++) {
        publish_one(0, EVENT_PATCH, 5 + i, "{}");
        publish_one(0, EVENT_PATCH, 5 + i + 0, "{}"); /* known: passed over */
        if (i % 2)
            publish_one(1, EVENT_PATCH, 9 + (i + 1) / 2, "{}");
        if (i == 2)
            silence();
        turns();
    }
    pump();
    publish_one(1, EVENT_SNAPSHOT, 12, NULL);
    pump();
    AUTO_FREE char *text = text_got();
    struct model m = check_stream(text);
    assert_int_equal(m.at[0], 9);
    assert_int_equal(m.at[1], 12);
    assert_int_equal(m.events[0], 5);
    assert_int_equal(m.events[1], 4);
    assert_int_equal(m.snapshots, 3);
    size_t n = sock.got.len;
    sock_teardown(&state);
    coding_of_tests = HTTP_CODING_PLAIN;
    return n;
}

static void cut_at_every_byte(enum http_coding coding)
{
    size_t n = run_cut(coding, SIZE_MAX, SIZE_MAX);

    for (size_t cut = 0; cut < n; cut++)
        run_cut(coding, cut, SIZE_MAX);
    for (size_t portion = 1; portion < 200; portion += 7)
        run_cut(coding, portion / 2, portion);
}

static void cuts_plain(void **state)
{
    (void)state;
    cut_at_every_byte(HTTP_CODING_PLAIN);
}

static void cuts_gzip(void **state)
{
    (void)state;
    cut_at_every_byte(HTTP_CODING_GZIP);
}

static void cuts_deflate(void **state)
{
    (void)state;
    cut_at_every_byte(HTTP_CODING_DEFLATE);
}

/* ---- ends ---- */

#define ERROR(code, category, id, message)                                                         \
    "event: error\ndata: {\"datetime\":\"2026-01-31T08:15:00.123Z\",\"subscriptionId\":\"…\","   \
    "\"topicId\":\"" id "\",\"code\":" code ",\"category\":\"" category                            \
    "\",\"message\":\"" message "\"}\n\n"

static void one_is_deleted_and_the_other_goes_on(void **state)
{
    (void)state;
    set_both(5, "{}", 9, "{}");
    open_joint(MODE_SNAPSHOT_PATCH, 5, 9);
    pump();
    forget_got();
    hub_post_deleted(&rig.shard, TOPIC_ID);
    pump();
    publish_one(1, EVENT_PATCH, 10, "{}");
    pump();
    assert_false(sock.shut);
    hub_post_deleted(&rig.shard, SECOND_ID);
    pump();
    assert_got(ERROR("40404", "subscription", TOPIC_ID, "the topic was deleted") //
               "id: " SECOND_ID "#10\nevent: patch\ndata: \"1:10\"\n\n"          //
               ERROR("40404", "subscription", SECOND_ID, "the topic was deleted"));
    assert_true(sock.shut);
    assert_int_equal(sock.whole, coding_of_tests != HTTP_CODING_PLAIN);
}

static void one_is_deleted_gzip(void **state)
{
    coding_of_tests = sock.coding = HTTP_CODING_GZIP;
    one_is_deleted_and_the_other_goes_on(state);
    coding_of_tests = HTTP_CODING_PLAIN;
}

static void errors_name_the_topic(void **state)
{
    (void)state;
    set_both(5, "{}", 9, "{}");
    open_joint(MODE_SNAPSHOT_PATCH, 5, 9);
    pump();
    forget_got();
    publish_error(70500, "500");
    pump();
    assert_got(ERROR("70500", "publication", TOPIC_ID, "500"));
}

/* Told once: else the ids of what goes on would not tell of what was dropped. */
static void the_server_stops(void **state)
{
    (void)state;
    set_both(5, "{}", 9, "{}");
    open_joint(MODE_SNAPSHOT_PATCH, 5, 9);
    pump();
    forget_got();
    sock.room = 0;
    publish_one(1, EVENT_PATCH, 10, "{}");
    turns();
    hub_drain_all(&rig.shard, 0);
    clock_advance(US_PER_MS);
    turns();
    pump();
    AUTO_FREE char *got = text_got();
    const char *error = strstr(got, "50503");
    assert_non_null(error);
    assert_null(strstr(error + 1, "50503"));
    assert_true(str_ends(str_of(got), STR("please reconnect\"}\n\n")));
    assert_true(sock.shut);
    sock.channel->stream.events->on_end(&sock.channel->stream, E_OK);
    assert_false(sock.open);
}

/* One that cannot go on cannot be left out: all resume by id. */
static void out_of_the_ring_closes_all(void **state)
{
    (void)state;
    set_both(5, NULL, 9, NULL);
    open_fresh(MODE_EVENT);
    pump();
    sock.room = 0;
    publish_one(0, EVENT_EVENT, 6, NULL);
    turns();
    for (uint64_t seq = 7; seq <= 7 + LIMIT_RING_EVENTS; seq++)
        publish_one(0, EVENT_EVENT, seq, NULL);
    turns();
    sock.portion = 1;
    sock.stalled = true;
    pump();
    assert_false(sock.open);
}

static void half_closed_and_gone(void **state)
{
    (void)state;
    set_both(5, "{}", 9, "{}");
    open_joint(MODE_SNAPSHOT_PATCH, 5, 9);
    pump();
    sock.channel->stream.events->on_end(&sock.channel->stream, E_OK);
    pump();
    assert_true(sock.open);
    sock.broken = true;
    silence();
    assert_false(sock.open);
}

/* Hubs that go while their shard does, with channels in several of them. */
static void all_goes_at_once(void **state)
{
    (void)state;
    set_both(5, "{}", 9, "{}");
    open_joint(MODE_SNAPSHOT_PATCH, 5, 9);
    pump();
    sock.room = 0;
    hub_post_deleted(&rig.shard, SECOND_ID);
    hub_post_deleted(&rig.shard, TOPIC_ID);
    turns();
    assert_true(sock.open);
    hub_free_all(&rig.shard);
    assert_false(sock.open);
    assert_true(list_empty(&rig.shard.hub_list));
}

/* ---- silence ---- */

static void one_heartbeat_for_both(void **state)
{
    (void)state;
    set_both(5, "{}", 9, "{}");
    rig.second_status.changed_wall = WALL - 30 * US_PER_S;
    rig.second_status.checked_wall = WALL - 2 * US_PER_S;
    open_joint(MODE_SNAPSHOT_PATCH, 5, 9);
    pump();
    forget_got();
    silence();
    /* Since the later change, checked by the earlier check. */
    assert_got(": unchanged since 2026-01-31T08:14:30.123Z checked 2026-01-31T08:14:58.123Z\n\n");
}

static void no_heartbeat_while_another_topic_speaks(void **state)
{
    (void)state;
    set_both(5, "{}", 9, "{}");
    open_joint(MODE_SNAPSHOT_PATCH, 5, 9);
    pump();
    forget_got();
    for (uint64_t seq = 10; seq < 20; seq++) {
        clock_advance(HEARTBEAT_US / 2);
        turn();
        publish_one(1, EVENT_PATCH, seq, "{}");
        pump();
        hub_tick_all(&rig.shard, clock_now());
        pump();
    }
    AUTO_FREE char *got = text_got();
    assert_null(strstr(got, ": unchanged"));
    forget_got();
    silence();
    AUTO_FREE char *then = text_got();
    assert_true(str_starts(str_of(then), STR(": unchanged")));
}

/* The socket takes something now and then, of whichever topic: that is no channel that is stuck. */
static void a_byte_of_either_keeps_it_open(void **state)
{
    (void)state;
    set_both(5, "{}", 9, "{}");
    open_joint(MODE_SNAPSHOT_PATCH, 5, 9);
    pump();
    sock.room = 0;
    publish_one(0, EVENT_PATCH, 6, "{}");
    publish_one(1, EVENT_PATCH, 10, "{}");
    turns();
    for (int i = 0; i < 5; i++) {
        clock_advance(STALL_US - 1);
        /* Another is the first at each call: so it is always the same that takes the byte. */
        sock.room = 1;
        for (int k = 0; k < 2; k++) {
            sock.channel->stream.events->on_writable(&sock.channel->stream);
            turns();
        }
        hub_tick_all(&rig.shard, clock_now());
        assert_true(sock.open);
    }
    for (int i = 0; i < 2; i++) {
        clock_advance(STALL_US);
        turn();
        hub_tick_all(&rig.shard, clock_now());
    }
    assert_false(sock.open);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        sock_test(first_snapshots),
        sock_test(resumed_and_from_today),
        sock_test(a_topic_without_events_is_at_0),
        sock_test(a_snapshot_ahead_is_not_told),
        cmocka_unit_test(cuts_plain),
        cmocka_unit_test(cuts_gzip),
        cmocka_unit_test(cuts_deflate),
        sock_test(one_is_deleted_and_the_other_goes_on),
        sock_test(one_is_deleted_gzip),
        sock_test(errors_name_the_topic),
        sock_test(the_server_stops),
        sock_test(out_of_the_ring_closes_all),
        sock_test(half_closed_and_gone),
        sock_test(all_goes_at_once),
        sock_test(one_heartbeat_for_both),
        sock_test(no_heartbeat_while_another_topic_speaks),
        sock_test(a_byte_of_either_keeps_it_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
