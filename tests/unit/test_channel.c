/*
 * What channels write, byte for byte, on a socket that takes as many bytes as the test says.
 * tests/cases/sse holds most of it as plain data: steps, "===", what the client gets.
 */
#include "unit.h"

#include <dirent.h>

#include "sock_rig.c"

/* ---- cases ---- */

static uint64_t take_number(struct str *line)
{
    uint64_t n;

    assert_true(str_to_u64(str_split(line, ' '), UINT64_MAX, &n));
    return n;
}

/* "-": none. */
static const char *take_word(struct str *line, char **keep)
{
    *keep = str_dup(str_split(line, ' '));
    return strcmp(*keep, "-") == 0 ? NULL : *keep;
}

static void step_publish(enum event_type type, struct str rest)
{
    AUTO_FREE char *body = NULL, *document = NULL;
    uint64_t seq = take_number(&rest);

    take_word(&rest, &body);
    publish(type, seq, body, rest.p ? take_word(&rest, &document) : NULL);
}

static void step(struct str line)
{
    struct str verb = str_split(&line, ' ');
    AUTO_FREE char *word = NULL;
    enum mode mode;
    uint64_t n;

    if (str_eqz(verb, "topic")) {
        n = take_number(&line);
        status_set(n, take_word(&line, &word));
    } else if (str_eqz(verb, "open")) {
        assert_true(mode_parse(str_split(&line, ' '), &mode));
        open_channel(mode, line.p ? take_number(&line) : 0);
    } else if (str_eqz(verb, "snapshot")) {
        step_publish(EVENT_SNAPSHOT, line);
    } else if (str_eqz(verb, "patch")) {
        step_publish(EVENT_PATCH, line);
    } else if (str_eqz(verb, "event")) {
        step_publish(EVENT_EVENT, line);
    } else if (str_eqz(verb, "fail")) {
        n = take_number(&line);
        word = str_dup(line);
        publish_error((int)n, word);
    } else if (str_eqz(verb, "checked")) {
        hub_post_checked(&rig.shard, TOPIC_ID, WALL);
    } else if (str_eqz(verb, "delete")) {
        hub_post_deleted(&rig.shard, TOPIC_ID);
    } else if (str_eqz(verb, "silence")) {
        silence();
    } else if (str_eqz(verb, "half-close")) {
        sock.channel->stream.events->on_end(&sock.channel->stream, E_OK);
    } else {
        fail_msg("unknown step %.*s", STR_ARG(verb));
    }
    pump();
}

/* first: bytes that the first write takes; portion: those after it. */
static size_t run_case(const char *name, struct str text, size_t first, size_t portion)
{
    void *state;

    sock_setup(&state);
    sock.room = first;
    sock.portion = portion;
    for (;;) {
        struct str line = str_split(&text, '\n');
        assert_non_null(text.p);
        if (str_eqz(line, "==="))
            break;
        if (line.n && line.p[0] != '#')
            step(line);
    }
    AUTO_FREE char *got = text_got();
    AUTO_FREE char *wanted = str_dup(text);
    if (strcmp(got, wanted) != 0)
        print_message("case %s, first write %zu, others %zu\n", name, first, portion);
    assert_string_equal(got, wanted);
    /* Who was told that it is over has all that belongs to a compressed stream. */
    assert_int_equal(sock.whole, sock.shut && coding_of_tests != HTTP_CODING_PLAIN);
    size_t n = sock.got.len;
    sock_teardown(&state);
    return n;
}

static char *read_case(const char *dir, const char *name)
{
    AUTO_FREE char *path = xasprintf("%s/%s", dir, name);
    AUTO(buf_done) struct buf b = BUF_INIT;
    char chunk[4096];
    size_t n;

    FILE *f = fopen(path, "r");
    assert_non_null(f);
    while ((n = fread(chunk, 1, sizeof chunk, f)) > 0)
        buf_append(&b, chunk, n);
    fclose(f);
    buf_putc(&b, '\0');
    return buf_take(&b);
}

/* As it is, with a first write cut at every byte, and byte by byte. */
static void run_case_cut(const char *name, struct str text)
{
    size_t n = run_case(name, text, SIZE_MAX, SIZE_MAX);

    for (size_t cut = 1; cut < n; cut++)
        run_case(name, text, cut, SIZE_MAX);
    run_case(name, text, 0, 1);
    run_case(name, text, 7, 11);
}

static void run_cases(enum http_coding coding)
{
    AUTO_FREE char *dir = xasprintf("%s/sse", getenv("POLLCAST_CASES"));
    DIR *d = opendir(dir);
    struct dirent *entry;
    unsigned cases = 0;

    coding_of_tests = coding;
    assert_non_null(d);
    while ((entry = readdir(d))) {
        if (entry->d_name[0] == '.')
            continue;
        AUTO_FREE char *text = read_case(dir, entry->d_name);
        run_case_cut(entry->d_name, str_of(text));
        cases++;
    }
    closedir(d);
    assert_true(cases >= 10);
    coding_of_tests = HTTP_CODING_PLAIN;
}

static void test_cases(void **state)
{
    (void)state;
    run_cases(HTTP_CODING_PLAIN);
}

static void test_cases_gzip(void **state)
{
    (void)state;
    run_cases(HTTP_CODING_GZIP);
}

static void test_cases_deflate(void **state)
{
    (void)state;
    run_cases(HTTP_CODING_DEFLATE);
}

/* ---- the channel and its connection ---- */

static void test_rest_of_the_head_comes_first(void **state)
{
    (void)state;
    struct http_request r = {.user = (void *)(uintptr_t) "lose\r\n\r\n"};

    status_set(5, "{}");
    struct sse_topic t = {rig.topic_conf, MODE_SNAPSHOT_PATCH, true, 5};
    assert_int_equal(channel_open(&rig.shard, &r, &(struct sse_wish){.topics = &t, .count = 1}),
                     E_OK);
    pump();
    assert_got("lose\r\n\r\n: resumed after " TOPIC_ID "#5\n\n");
}

static void test_all_that_is_due_in_few_writes(void **state)
{
    (void)state;
    status_set(5, "{}");
    open_channel(MODE_SNAPSHOT_PATCH, 5);
    pump();
    unsigned before = sock.writes;
    int64_t deliveries = count_read(COUNT_deliveries);
    for (uint64_t seq = 6; seq < 6 + 40; seq++)
        publish(EVENT_PATCH, seq, "[]", "{}");
    pump();
    assert_int_equal(count_read(COUNT_deliveries) - deliveries, 40);
    assert_true(sock.writes - before <= 40 * 3 / (LIMIT_CHANNEL_IOV - 4) + 1);
}

static void test_a_broken_connection_closes(void **state)
{
    (void)state;
    int64_t open = count_read(COUNT_channels);

    status_set(5, "{}");
    open_channel(MODE_SNAPSHOT_PATCH, 0);
    pump();
    assert_int_equal(count_read(COUNT_channels), open + 1);
    sock.broken = true;
    publish(EVENT_PATCH, 6, "[]", "{}");
    pump();
    assert_false(sock.open);
    assert_int_equal(count_read(COUNT_channels), open);
}

static void test_reset_by_the_client_closes(void **state)
{
    (void)state;
    status_set(5, "{}");
    open_channel(MODE_SNAPSHOT_PATCH, 0);
    pump();
    sock.channel->stream.events->on_end(&sock.channel->stream, E_CLOSED);
    assert_false(sock.open);
}

/* FIN, then the client's FIN. */
static void test_end_waits_for_the_client(void **state)
{
    (void)state;
    status_set(5, "{}");
    open_channel(MODE_SNAPSHOT_PATCH, 0);
    pump();
    hub_post_deleted(&rig.shard, TOPIC_ID);
    pump();
    assert_true(sock.shut && sock.open);
    sock.channel->stream.events->on_end(&sock.channel->stream, E_OK);
    assert_false(sock.open);
    assert_true(list_empty(&rig.shard.hub_list));
}

static void test_end_does_not_wait_for_ever(void **state)
{
    (void)state;
    status_set(5, "{}");
    open_channel(MODE_SNAPSHOT_PATCH, 0);
    pump();
    hub_post_deleted(&rig.shard, TOPIC_ID);
    pump();
    assert_true(sock.shut && sock.open);
    silence();
    assert_false(sock.open);
}

/* Told its end while a frame is half written, at each byte: the frame is finished, nothing else of
 * what was due is sent. */
static void test_end_finishes_the_frame(void **state)
{
    (void)state;
    static const char frame[] = "id: " TOPIC_ID "#6\nevent: patch\ndata: [1]\n\n";

    for (size_t cut = 0; cut <= sizeof frame - 1; cut++) {
        void *own;
        sock_setup(&own);
        status_set(5, "{}");
        open_channel(MODE_SNAPSHOT_PATCH, 5);
        pump();
        forget_got();
        sock.room = cut;
        publish(EVENT_PATCH, 6, "[1]", "{}");
        publish(EVENT_PATCH, 7, "[2]", "{}");
        turns();
        hub_post_deleted(&rig.shard, TOPIC_ID);
        pump();
        AUTO_FREE char *got = text_got();
        AUTO_FREE char *wanted =
            xasprintf("%sevent: error\ndata: {\"datetime\":\"2026-01-31T08:15:00.123Z\","
                      "\"subscriptionId\":\"…\",\"code\":40404,\"category\":\"subscription\","
                      "\"message\":\"the topic was deleted\"}\n\n",
                      cut ? frame : "");
        assert_string_equal(got, wanted);
        assert_true(sock.shut);
        sock_teardown(&own);
    }
}

static void test_error_names_the_same_subscription(void **state)
{
    (void)state;
    status_set(0, NULL);
    open_channel(MODE_SNAPSHOT_PATCH, 0);
    pump();
    publish_error(70013, "no answer");
    publish_error(70500, "500");
    pump();
    buf_putc(&sock.got, '\0');
    const char *a = strstr(sock.got.p, "subscriptionId\":\"");
    assert_non_null(a);
    const char *b = strstr(a + 1, "subscriptionId\":\"");
    assert_non_null(b);
    a += 17;
    b += 17;
    assert_true(uuid_is_valid(str_make(a, UUID_LEN)));
    assert_memory_equal(a, b, UUID_LEN);
    assert_int_equal(a[14], '4');
}

static void test_a_channel_is_small(void **state)
{
    (void)state;
    assert_true(sizeof(struct channel) <= 256);
}

/* ---- heartbeats ---- */

static void test_heartbeat_gives_way_to_an_event(void **state)
{
    (void)state;
    status_set(5, "{}");
    open_channel(MODE_SNAPSHOT_PATCH, 5);
    pump();
    forget_got();
    clock_advance(HEARTBEAT_US);
    turn();
    publish(EVENT_PATCH, 6, "[]", "{}");
    hub_tick_all(&rig.shard, clock_now());
    pump();
    assert_got("id: " TOPIC_ID "#6\nevent: patch\ndata: []\n\n");
}

static void test_begun_heartbeat_is_finished(void **state)
{
    (void)state;
    static const char beat[] =
        ": unchanged since 2026-01-31T08:14:00.123Z checked 2026-01-31T08:14:59.123Z\n\n";
    static const char frame[] = "id: " TOPIC_ID "#6\nevent: patch\ndata: []\n\n";
    int64_t beats = count_read(COUNT_heartbeats);

    for (size_t cut = 1; cut < sizeof beat - 1; cut++) {
        void *own;
        sock_setup(&own);
        status_set(5, "{}");
        open_channel(MODE_SNAPSHOT_PATCH, 5);
        pump();
        forget_got();
        sock.room = cut;
        clock_advance(HEARTBEAT_US);
        turn();
        hub_tick_all(&rig.shard, clock_now());
        turns();
        assert_int_equal(sock.got.len, cut);
        hub_post_checked(&rig.shard, TOPIC_ID, WALL); /* another text from now on */
        publish(EVENT_PATCH, 6, "[]", "{}");
        pump();
        AUTO_FREE char *got = text_got();
        AUTO_FREE char *wanted = xasprintf("%s%s", beat, frame);
        assert_string_equal(got, wanted);
        sock_teardown(&own);
    }
    assert_int_equal(count_read(COUNT_heartbeats) - beats, sizeof beat - 2);
}

static void test_no_heartbeat_before_its_time(void **state)
{
    (void)state;
    status_set(5, "{}");
    open_channel(MODE_SNAPSHOT_PATCH, 5);
    pump();
    forget_got();
    clock_advance(HEARTBEAT_US - 1);
    turn();
    hub_tick_all(&rig.shard, clock_now());
    pump();
    assert_got("");
}

/* ---- slow readers ---- */

static void publish_many(uint64_t from, uint64_t to)
{
    for (uint64_t seq = from; seq <= to; seq++) {
        AUTO_FREE char *body = xasprintf("[%llu]", (unsigned long long)seq);
        publish(EVENT_PATCH, seq, body, body);
    }
    turns();
}

/* As many as the ring holds are told one by one; one more, and it is a snapshot. */
static void test_skip_when_out_of_the_ring(void **state)
{
    (void)state;
    for (unsigned beyond = 0; beyond <= 1; beyond++) {
        void *own;
        sock_setup(&own);
        int64_t skipped = count_read(COUNT_channels_skipped);
        status_set(5, "{}");
        open_channel(MODE_SNAPSHOT_PATCH, 5);
        pump();
        forget_got();
        sock.room = 0;
        publish_many(6, 5 + LIMIT_RING_EVENTS + beyond);
        uint64_t last = 5 + LIMIT_RING_EVENTS + beyond;
        pump();
        assert_int_equal(count_read(COUNT_channels_skipped) - skipped, beyond);
        buf_putc(&sock.got, '\0');
        assert_true((strstr(sock.got.p, "event: snapshot") != NULL) == beyond);
        assert_true((strstr(sock.got.p, "#6\n") != NULL) != beyond);
        AUTO_FREE char *id = xasprintf("#%llu\n", (unsigned long long)last);
        assert_non_null(strstr(sock.got.p, id));
        sock_teardown(&own);
    }
}

static void test_skip_after_the_frame_under_way(void **state)
{
    (void)state;
    status_set(5, "{}");
    open_channel(MODE_SNAPSHOT_PATCH, 5);
    pump();
    forget_got();
    sock.room = 20;
    publish_many(6, 6);
    publish_many(7, 300);
    pump();
    publish_many(301, 301);
    pump();
    assert_got("id: " TOPIC_ID "#6\nevent: patch\ndata: [6]\n\n"
               "id: " TOPIC_ID "#300\nevent: snapshot\ndata: [300]\n\n"
               "id: " TOPIC_ID "#301\nevent: patch\ndata: [301]\n\n");
}

static void test_skip_tells_the_error(void **state)
{
    (void)state;
    status_set(5, "{}");
    open_channel(MODE_SNAPSHOT_PATCH, 5);
    pump();
    forget_got();
    sock.room = 0;
    publish_many(6, 300);
    publish_error(70500, "500");
    turns();
    pump();
    assert_got("id: " TOPIC_ID "#300\nevent: snapshot\ndata: [300]\n\n"
               "event: error\ndata: {\"datetime\":\"2026-01-31T08:15:00.123Z\","
               "\"subscriptionId\":\"…\",\"code\":70500,\"category\":\"publication\","
               "\"message\":\"500\"}\n\n");
}

static void test_out_of_the_ring_closes_an_event_channel(void **state)
{
    (void)state;
    int64_t closed = count_read(COUNT_channels_slow_closed);

    status_set(5, NULL);
    open_channel(MODE_EVENT, 0);
    pump();
    sock.room = 0;
    publish(EVENT_EVENT, 6, "{}", NULL);
    turns();
    for (uint64_t seq = 7; seq <= 7 + LIMIT_RING_EVENTS; seq++)
        publish(EVENT_EVENT, seq, "{}", NULL);
    pump();
    assert_false(sock.open);
    assert_int_equal(count_read(COUNT_channels_slow_closed) - closed, 1);
}

/* Large documents are not kept for snapshot-only readers; small patches are kept all the same. */
static void test_large_documents_are_not_kept(void **state)
{
    (void)state;
    AUTO_FREE char *document = large_document(LIMIT_RING_BYTES / 2);

    status_set(5, "{}");
    open_channel(MODE_SNAPSHOT_ONLY, 5);
    pump();
    forget_got();
    sock.room = 0;
    for (uint64_t seq = 6; seq <= 10; seq++)
        publish(EVENT_PATCH, seq, "[]", document);
    turns();
    struct hub *h = the_hub();
    assert_true(h->ring.sides[HUB_WHOLE].bytes <= LIMIT_RING_BYTES);
    assert_int_equal(h->ring.next - h->ring.first, 5);
    pump();
    buf_putc(&sock.got, '\0');
    assert_null(strstr(sock.got.p, "#6\n"));
    assert_non_null(strstr(sock.got.p, "#10\n"));
}

static void test_nothing_moves_for_long(void **state)
{
    (void)state;
    int64_t closed = count_read(COUNT_channels_slow_closed);

    status_set(5, "{}");
    open_channel(MODE_SNAPSHOT_PATCH, 5);
    pump();
    sock.room = 0;
    publish(EVENT_PATCH, 6, "[]", "{}");
    turns();
    clock_advance(STALL_US - 1);
    turn();
    hub_tick_all(&rig.shard, clock_now());
    assert_true(sock.open);
    clock_advance(1);
    turn();
    hub_tick_all(&rig.shard, clock_now());
    assert_false(sock.open);
    assert_int_equal(count_read(COUNT_channels_slow_closed) - closed, 1);
}

static void test_a_byte_now_and_then_keeps_it_open(void **state)
{
    (void)state;
    status_set(5, "{}");
    open_channel(MODE_SNAPSHOT_PATCH, 5);
    pump();
    sock.room = 0;
    publish(EVENT_PATCH, 6, "[]", "{}");
    turns();
    for (int i = 0; i < 5; i++) {
        clock_advance(STALL_US - 1);
        sock.room = 1;
        sock.channel->stream.events->on_writable(&sock.channel->stream);
        turns();
        hub_tick_all(&rig.shard, clock_now());
        assert_true(sock.open);
    }
}

/* ---- resuming from the ring ---- */

static void test_resume_at_each_place_of_the_ring(void **state)
{
    (void)state;
    status_set(5, "{}");
    open_channel(MODE_SNAPSHOT_PATCH, 0);
    pump();
    publish_many(6, 10);
    for (uint64_t after = 5; after <= 10; after++) {
        AUTO(buf_done) struct buf wanted = BUF_INIT;
        channel_close(sock.channel);
        forget_got();
        open_channel(MODE_SNAPSHOT_PATCH, after);
        pump();
        buf_printf(&wanted, ": resumed after %s#%llu\n\n", TOPIC_ID, (unsigned long long)after);
        for (uint64_t seq = after + 1; seq <= 10; seq++)
            buf_printf(&wanted, "id: %s#%llu\nevent: patch\ndata: [%llu]\n\n", TOPIC_ID,
                       (unsigned long long)seq, (unsigned long long)seq);
        buf_putc(&wanted, '\0');
        assert_got(wanted.p);
    }
}

/* The client comes from a loop that was told of an event before this one was. */
static void test_resume_ahead_of_the_hub(void **state)
{
    (void)state;
    status_set(5, "{}");
    open_channel(MODE_SNAPSHOT_PATCH, 0);
    pump();
    channel_close(sock.channel);
    forget_got();
    status_set(7, "{}");
    publish(EVENT_PATCH, 6, "[6]", "{}"); /* on their way */
    publish(EVENT_PATCH, 7, "[7]", "{}");
    open_channel(MODE_SNAPSHOT_PATCH, 7);
    pump();
    publish_many(8, 8);
    pump();
    assert_got(": resumed after " TOPIC_ID "#7\n\n"
               "id: " TOPIC_ID "#8\nevent: patch\ndata: [8]\n\n");
    assert_int_equal(rig.attached, 2);
}

/* One that comes with a number that never was gets the whole, when the owner has said so. */
static void test_resume_from_the_future(void **state)
{
    (void)state;
    status_set(5, "{}");
    open_channel(MODE_SNAPSHOT_PATCH, 9);
    pump();
    assert_got(": snapshot instead of resume: no event has this id\n\n"
               "id: " TOPIC_ID "#5\nevent: snapshot\ndata: {}\n\n");
    assert_int_equal(rig.attached, 2);
}

/* Errors that were told between events are told again in their place, and only there. */
static void test_resume_over_an_error(void **state)
{
    (void)state;
    status_set(5, "{}");
    open_channel(MODE_SNAPSHOT_PATCH, 0);
    pump();
    publish_many(6, 6);
    publish_error(70500, "500");
    publish_many(7, 7);
    channel_close(sock.channel);
    forget_got();
    open_channel(MODE_SNAPSHOT_PATCH, 6);
    pump();
    assert_got(": resumed after " TOPIC_ID "#6\n\n"
               "event: error\ndata: {\"datetime\":\"2026-01-31T08:15:00.123Z\","
               "\"subscriptionId\":\"…\",\"code\":70500,\"category\":\"publication\","
               "\"message\":\"500\"}\n\n"
               "id: " TOPIC_ID "#7\nevent: patch\ndata: [7]\n\n");
    channel_close(sock.channel);
    forget_got();
    open_channel(MODE_SNAPSHOT_PATCH, 7);
    pump();
    assert_got(": resumed after " TOPIC_ID "#7\n\n");
}

/* ---- ends that the server wants ---- */

static void test_mode_not_allowed_any_more(void **state)
{
    (void)state;
    status_set(5, "{}");
    open_channel(MODE_SNAPSHOT_PATCH, 5);
    pump();
    forget_got();
    rig.topic_conf->deliveries[SUBSCRIBER_SSE].modes = MODE_BIT(MODE_SNAPSHOT_ONLY);
    hub_post_conf(&rig.shard, TOPIC_ID, rig.topic_conf);
    pump();
    assert_got("event: error\ndata: {\"datetime\":\"2026-01-31T08:15:00.123Z\","
               "\"subscriptionId\":\"…\",\"code\":40000,\"category\":\"subscription\","
               "\"message\":\"the mode is not allowed any more\"}\n\n");
    assert_true(sock.shut);
}

static void test_drain_says_when_to_come_back(void **state)
{
    (void)state;
    status_set(5, "{}");
    open_channel(MODE_SNAPSHOT_PATCH, 5);
    pump();
    forget_got();
    hub_drain_all(&rig.shard, 0);
    clock_advance(US_PER_MS);
    pump();
    assert_got("retry: 1000\nevent: error\ndata: {\"datetime\":\"2026-01-31T08:15:00.124Z\","
               "\"subscriptionId\":\"…\",\"code\":50503,\"category\":\"server\","
               "\"message\":\"the server is stopping, please reconnect\"}\n\n");
    assert_true(sock.shut);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_cases_gzip),
        cmocka_unit_test(test_cases_deflate),
        sock_test(test_rest_of_the_head_comes_first),
        sock_test(test_all_that_is_due_in_few_writes),
        sock_test(test_a_broken_connection_closes),
        sock_test(test_reset_by_the_client_closes),
        sock_test(test_end_waits_for_the_client),
        sock_test(test_end_does_not_wait_for_ever),
        cmocka_unit_test(test_end_finishes_the_frame),
        sock_test(test_error_names_the_same_subscription),
        cmocka_unit_test(test_a_channel_is_small),
        sock_test(test_heartbeat_gives_way_to_an_event),
        cmocka_unit_test(test_begun_heartbeat_is_finished),
        sock_test(test_no_heartbeat_before_its_time),
        cmocka_unit_test(test_skip_when_out_of_the_ring),
        sock_test(test_skip_after_the_frame_under_way),
        sock_test(test_skip_tells_the_error),
        sock_test(test_out_of_the_ring_closes_an_event_channel),
        sock_test(test_large_documents_are_not_kept),
        sock_test(test_nothing_moves_for_long),
        sock_test(test_a_byte_now_and_then_keeps_it_open),
        sock_test(test_resume_at_each_place_of_the_ring),
        sock_test(test_resume_ahead_of_the_hub),
        sock_test(test_resume_from_the_future),
        sock_test(test_resume_over_an_error),
        sock_test(test_mode_not_allowed_any_more),
        sock_test(test_drain_says_when_to_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
