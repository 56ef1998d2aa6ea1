/*
 * Compressed channels: what is made once for all of them, what they keep, and that streams are whole
 * whatever happens on the way. (That their text is right at every cut: test_channel.c.)
 */
#include "unit.h"

#include <malloc.h>

#include "base/rand.h"
#include "core/event.h"
#include "sock_rig.c"

static int64_t compressed(void)
{
    return count_read(COUNT_events_compressed);
}

static void one_event_is_compressed_once(void **state)
{
    (void)state;
    AUTO_FREE char *document = large_document(300 * 1000);
    int64_t before = compressed();

    sock.coding = HTTP_CODING_GZIP;
    status_set(5, document);
    for (int i = 0; i < 20; i++) {
        sock.coding = i % 2 ? HTTP_CODING_GZIP : HTTP_CODING_DEFLATE;
        open_channel(MODE_SNAPSHOT_PATCH, 0);
    }
    pump();
    assert_int_equal(compressed() - before, 1);
    assert_true(sock.got.len < 20 * 3000);
    publish(EVENT_PATCH, 6, "[]", "{}");
    pump();
    assert_int_equal(compressed() - before, 2);
    /* Readers of other modes that are told the same document share it, too. */
    publish(EVENT_SNAPSHOT, 7, "[7]", NULL);
    pump();
    open_channel(MODE_SNAPSHOT_ONLY, 5);
    pump();
    assert_int_equal(compressed() - before, 3);
}

static void plain_channels_compress_nothing(void **state)
{
    (void)state;
    int64_t before = compressed();

    status_set(5, "{}");
    open_channel(MODE_SNAPSHOT_PATCH, 0);
    publish(EVENT_PATCH, 6, "[]", "{}");
    pump();
    silence();
    assert_int_equal(compressed() - before, 0);
    assert_null(the_hub()->beat_packed);
}

static void heartbeats_are_made_once(void **state)
{
    (void)state;
    status_set(5, "{}");
    for (int i = 0; i < 5; i++) {
        sock.coding = HTTP_CODING_GZIP;
        open_channel(MODE_SNAPSHOT_PATCH, 5);
    }
    pump();
    size_t before = sock.got.len;
    silence();
    struct blob *beat = the_hub()->beat_packed;
    assert_non_null(beat);
    assert_int_equal(sock.got.len - before, 5 * beat->len);
    assert_int_equal(beat->len, hub_beat(the_hub())->len + 5);
    /* Of another time, another text. */
    hub_post_checked(&rig.shard, TOPIC_ID, WALL);
    turns();
    assert_null(the_hub()->beat_packed);
}

static void a_packed_channel_is_small(void **state)
{
    (void)state;
    AUTO(buf_done) struct buf head = BUF_INIT;
    struct channel *c = packed_channel_new(false, &head);

    assert_int_equal(head.len, 10);
    assert_true(malloc_usable_size(c) <= sizeof(struct channel) + 32);
    free(c);
}

/* ---- whatever happens ---- */

static size_t below(size_t n)
{
    return (size_t)(rand_u64() % n);
}

static void act(uint64_t *seq)
{
    switch (below(7)) {
    case 0:
    case 1: {
        AUTO_FREE char *body = large_document(2 + below(below(8) ? 50 : 5000));
        ++*seq;
        publish(below(4) ? EVENT_PATCH : EVENT_SNAPSHOT, *seq, body, body);
        break;
    }
    case 2:
        publish_error(70500, "500");
        break;
    case 3:
        clock_advance((int64_t)below(HEARTBEAT_US));
        turn();
        hub_tick_all(&rig.shard, clock_now());
        break;
    case 4:
        hub_post_checked(&rig.shard, TOPIC_ID, clock_now_wall());
        break;
    case 5:
        sock.room = below(300);
        sock.stalled = false;
        sock.channel->stream.events->on_writable(&sock.channel->stream);
        break;
    default:
        break;
    }
    if (below(3))
        turns();
}

static void run_random(enum http_coding coding)
{
    static const enum mode modes[] = {MODE_SNAPSHOT_PATCH, MODE_SNAPSHOT_ONLY, MODE_CHANGES};
    uint64_t seq = 5;
    void *state;

    coding_of_tests = coding;
    sock_setup(&state);
    sock.room = below(200);
    status_set(seq, "\"first\"");
    open_channel(modes[below(3)], below(2) ? 5 : 0);
    for (int i = 0; i < 60; i++)
        act(&seq);
    hub_post_deleted(&rig.shard, TOPIC_ID);
    sock.portion = 1 + below(500);
    sock.stalled = true;
    turns();
    pump();
    assert_true(sock.shut);
    /* Its sums are right (inflate looks at them), and nothing comes behind its end. */
    AUTO_FREE char *text = text_got();
    assert_true(sock.whole);
    assert_true(str_ends(str_of(text), STR("the topic was deleted\"}\n\n")));
    sock_teardown(&state);
    coding_of_tests = HTTP_CODING_PLAIN;
}

static void streams_are_whole(void **state)
{
    (void)state;
    for (int i = 0; i < 150; i++)
        run_random(i % 2 ? HTTP_CODING_GZIP : HTTP_CODING_DEFLATE);
}

/* The server ends, the mode is taken away: in order as well. */
static void other_orderly_ends(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        void *own;
        coding_of_tests = HTTP_CODING_GZIP;
        sock_setup(&own);
        status_set(5, "{}");
        open_channel(MODE_SNAPSHOT_PATCH, 5);
        pump();
        if (i == 0) {
            hub_drain_all(&rig.shard, 0);
            clock_advance(US_PER_MS);
        } else {
            rig.topic_conf->deliveries[SUBSCRIBER_SSE].modes = MODE_BIT(MODE_SNAPSHOT_ONLY);
            hub_post_conf(&rig.shard, TOPIC_ID, rig.topic_conf);
        }
        pump();
        AUTO_FREE char *text = text_got();
        assert_non_null(strstr(text, i == 0 ? "50503" : "40000"));
        assert_true(sock.shut && sock.whole);
        sock_teardown(&own);
        coding_of_tests = HTTP_CODING_PLAIN;
    }
}

/* Behind what the socket did not take of the head. */
static void the_header_follows_the_head(void **state)
{
    (void)state;
    struct http_request r = {.user = (void *)(uintptr_t) "lose\r\n\r\n"};
    struct sse_topic t = {rig.topic_conf, MODE_SNAPSHOT_PATCH, false, 0};

    status_set(5, "{}");
    assert_int_equal(
        channel_open(&rig.shard, &r,
                     &(struct sse_wish){.topics = &t, .count = 1, .coding = HTTP_CODING_GZIP}),
        E_OK);
    pump();
    assert_memory_equal(sock.got.p, "lose\r\n\r\n\x1f\x8b\x08", 11);
    buf_consume(&sock.got, 8);
    sock.coding = HTTP_CODING_GZIP;
    assert_got("id: " TOPIC_ID "#5\nevent: snapshot\ndata: {}\n\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        sock_test(one_event_is_compressed_once), sock_test(plain_channels_compress_nothing),
        sock_test(heartbeats_are_made_once),     sock_test(a_packed_channel_is_small),
        cmocka_unit_test(streams_are_whole),     cmocka_unit_test(other_orderly_ends),
        sock_test(the_header_follows_the_head),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
