/*
 * Resuming from the journal: a real store in a directory of its own, and channels on a socket that
 * takes what the test says.
 */
#include "unit.h"

#include <dirent.h>

#include "sock_rig.c"
#include "store/store_backend.h"

#define WAIT_US (10 * US_PER_S)
#define LEAP STORE_LEAP

static char dir[] = "/tmp/pollcast-replay-XXXXXX";

/* ---- the store ---- */

static pthread_mutex_t held_store = PTHREAD_MUTEX_INITIALIZER;

static void on_store_held(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&held_store);
    pthread_mutex_unlock(&held_store);
}

/* What the store is asked from here on it does after store_release(). */
static void store_hold(void)
{
    pthread_mutex_lock(&held_store);
    loop_post_call(rig.engine.store->loop, on_store_held, NULL);
}

static void store_release(void)
{
    pthread_mutex_unlock(&held_store);
}

static bool op_done;

static void on_op(struct store_op *op)
{
    (void)op;
    op_done = true;
}

/* Turns of the loop until *flag. */
static void await(const bool *flag)
{
    int64_t until = clock_now() + WAIT_US;

    while (!*flag) {
        assert_true(clock_now() < until);
        turn();
        if (!*flag)
            loop_wait();
    }
}

static void start(struct store_op *op)
{
    op_done = false;
    op->reply = rig.shard.loop;
    op->done = on_op;
}

static void put_topic(void)
{
    struct store_put op = {.kind = "topic", .id = xstrdup(TOPIC_ID), .name = xstrdup("prices")};

    op.body = blob_new("{}", 2);
    start(&op.op);
    store_put(rig.engine.store, &op);
    await(&op_done);
    assert_ok(op.op.err, &op.op.info);
    rig.topic_conf->num = op.num;
    free(op.id);
    free(op.name);
    blob_unref(op.body);
}

struct batch {
    uint64_t after, first, last;
    enum store_event_type type;
    size_t bytes;  /* of each body; 0: "[seq]" */
    uint64_t keep; /* newest events that retention leaves; 0: all */
};

static struct blob *body_of(const struct batch *b, uint64_t seq)
{
    if (!b->bytes) {
        AUTO_FREE char *text = xasprintf("[%llu]", (unsigned long long)seq);
        return blob_new(text, strlen(text));
    }
    struct blob *body = blob_alloc(b->bytes);
    memset(body->p, 'x', b->bytes);
    body->p[0] = body->p[b->bytes - 1] = '"';
    return body;
}

/* Events first … last into the journal; the checkpoint lets retention trim. */
static void commit(struct batch b)
{
    size_t count = (size_t)(b.last - b.first + 1);
    AUTO_FREE struct store_event *events = xcalloc(count, sizeof *events);
    struct store_commit op = {.topic = rig.topic_conf->num, .expected_seq = b.after};

    for (size_t i = 0; i < count; i++)
        events[i] = (struct store_event){.seq = b.first + i,
                                         .type = b.type ? b.type : STORE_PATCH,
                                         .time_wall = WALL,
                                         .body = body_of(&b, b.first + i)};
    op.events = events;
    op.event_count = count;
    op.checkpoint = blob_new("{}", 2);
    op.retention.max_events = b.keep;
    start(&op.op);
    store_commit(rig.engine.store, &op);
    await(&op_done);
    assert_ok(op.op.err, &op.op.info);
    for (size_t i = 0; i < count; i++)
        blob_unref(events[i].body);
    blob_unref(op.checkpoint);
}

/* ---- life ---- */

static void remove_dir(void)
{
    DIR *d = opendir(dir);
    struct dirent *e;

    assert_non_null(d);
    while ((e = readdir(d))) {
        AUTO_FREE char *path = xasprintf("%s/%s", dir, e->d_name);
        unlink(path);
    }
    closedir(d);
    assert_int_equal(rmdir(dir), 0);
}

static int replay_setup(void **state)
{
    struct errinfo ei = ERRINFO_INIT;

    sock_setup(state);
    clock_unfake();
    memcpy(dir + sizeof dir - 7, "XXXXXX", 6);
    assert_non_null(mkdtemp(dir));
    struct store_conf conf = {.url = dir};
    assert_ok(store_open(&conf, &rig.engine.store, &ei), &ei);
    put_topic();
    /* Longer than any patch, so that a replay is worth it. */
    AUTO_FREE char *document = large_document(100 * 1000);
    status_set(0, document);
    return 0;
}

static int replay_teardown(void **state)
{
    store_close(rig.engine.store);
    int rc = sock_teardown(state);
    remove_dir();
    return rc;
}

#define replay_test(fn) cmocka_unit_test_setup_teardown(fn, replay_setup, replay_teardown)

/* The hub is attached when the journal is at seq, with an empty ring. */
static void open_at(uint64_t seq, enum mode mode, uint64_t after)
{
    rig.status.seq = seq;
    open_channel(mode, after);
}

static bool waits(void)
{
    struct hub *h = the_hub();

    return !h->ready || !list_empty(&h->lists[HUB_WAITING]);
}

/* Until no channel waits for the journal and all is written. */
static void settle_down(void)
{
    int64_t until = clock_now() + WAIT_US;

    for (pump(); waits(); pump()) {
        assert_true(clock_now() < until);
        loop_wait();
    }
}

static void wanted_patches(struct buf *b, uint64_t first, uint64_t last)
{
    for (uint64_t seq = first; seq <= last; seq++)
        buf_printf(b, "id: " TOPIC_ID "#%llu\nevent: patch\ndata: [%llu]\n\n",
                   (unsigned long long)seq, (unsigned long long)seq);
}

static void assert_resumed(uint64_t after, uint64_t first, uint64_t last)
{
    AUTO(buf_done) struct buf wanted = BUF_INIT;

    buf_printf(&wanted, ": resumed after " TOPIC_ID "#%llu\n\n", (unsigned long long)after);
    wanted_patches(&wanted, first, last);
    assert_got(buf_cstr(&wanted));
}

static void assert_snapshot(uint64_t seq, const char *why)
{
    AUTO(buf_done) struct buf wanted = BUF_INIT;

    buf_printf(&wanted, ": snapshot instead of resume: %s\n\n", why);
    buf_printf(&wanted, "id: " TOPIC_ID "#%llu\nevent: snapshot\ndata: %s\n\n",
               (unsigned long long)seq, rig.status.document->p);
    assert_got(buf_cstr(&wanted));
}

static size_t list_length(const struct list *l)
{
    size_t n = 0;

    LIST_EACH (at, l)
        n++;
    return n;
}

/* ---- what the journal holds ---- */

static void test_each_place_of_the_journal(void **state)
{
    (void)state;
    commit((struct batch){.first = 1, .last = 10});
    for (uint64_t after = 1; after <= 10; after++) {
        open_at(10, MODE_SNAPSHOT_PATCH, after);
        settle_down();
        assert_resumed(after, after + 1, 10);
        channel_close(sock.channel);
        forget_got();
    }
}

static void test_cut_at_every_byte(void **state)
{
    (void)state;
    size_t n = 1000;

    commit((struct batch){.first = 1, .last = 4});
    for (size_t cut = 0; cut < n; cut++) {
        sock.room = cut;
        sock.portion = SIZE_MAX;
        open_at(4, MODE_SNAPSHOT_PATCH, 1);
        settle_down();
        assert_resumed(1, 2, 4);
        n = sock.got.len;
        channel_close(sock.channel);
        forget_got();
    }
    sock.room = 0;
    sock.portion = 1;
    open_at(4, MODE_SNAPSHOT_PATCH, 1);
    settle_down();
    assert_resumed(1, 2, 4);
}

static void test_trimmed(void **state)
{
    (void)state;
    commit((struct batch){.first = 1, .last = 200, .keep = 5});
    open_at(200, MODE_SNAPSHOT_PATCH, 194);
    settle_down();
    assert_snapshot(200, "what followed is not held any more");
    channel_close(sock.channel);
    forget_got();
    open_at(200, MODE_SNAPSHOT_PATCH, 195);
    settle_down();
    assert_resumed(195, 196, 200);
}

/* After an unclean end the numbers leap: an id from before means the same document. */
static void test_over_a_leap(void **state)
{
    (void)state;
    commit((struct batch){.first = 1, .last = 5});
    commit((struct batch){.after = 5, .first = 5 + LEAP, .last = 6 + LEAP});
    open_at(6 + LEAP, MODE_SNAPSHOT_PATCH, 3);
    settle_down();
    AUTO(buf_done) struct buf wanted = BUF_INIT;
    buf_puts(&wanted, ": resumed after " TOPIC_ID "#3\n\n");
    wanted_patches(&wanted, 4, 5);
    wanted_patches(&wanted, 5 + LEAP, 6 + LEAP);
    assert_got(buf_cstr(&wanted));
    channel_close(sock.channel);
    forget_got();
    open_at(6 + LEAP, MODE_SNAPSHOT_PATCH, 7);
    settle_down();
    assert_snapshot(6 + LEAP, "what followed is not held any more");
}

static void test_too_many_events(void **state)
{
    (void)state;
    uint64_t last = LIMIT_REPLAY_EVENTS + 2;

    commit((struct batch){.first = 1, .last = last});
    open_at(last, MODE_SNAPSHOT_PATCH, 1);
    settle_down();
    assert_snapshot(last, "too much was missed");
    channel_close(sock.channel);
    forget_got();
    open_at(last, MODE_SNAPSHOT_PATCH, 2);
    settle_down();
    assert_resumed(2, 3, last);
}

static void test_snapshot_when_it_is_shorter(void **state)
{
    (void)state;
    status_set(0, "{\"small\":1}");
    commit((struct batch){.first = 1, .last = 3});
    open_at(3, MODE_SNAPSHOT_PATCH, 1);
    settle_down();
    assert_snapshot(3, "it is shorter than what was missed");
}

static void test_journal_that_is_gone(void **state)
{
    (void)state;
    rig.topic_conf->num = 4711;
    open_at(3, MODE_SNAPSHOT_PATCH, 1);
    settle_down();
    assert_snapshot(3, "the journal cannot be read");
}

/* Over the limit of one read, as often as it takes: events are not skipped. */
static void test_events_piece_by_piece(void **state)
{
    (void)state;
    uint64_t last = 2 * LIMIT_REPLAY_EVENTS + 500;
    AUTO(buf_done) struct buf wanted = BUF_INIT;

    status_set(0, NULL);
    commit((struct batch){.first = 1, .last = last, .type = STORE_EVENT});
    open_at(last, MODE_EVENT, 1);
    settle_down();
    buf_puts(&wanted, ": resumed after " TOPIC_ID "#1\n\n");
    for (uint64_t seq = 2; seq <= last; seq++)
        buf_printf(&wanted, "id: " TOPIC_ID "#%llu\nevent: event\ndata: [%llu]\n\n",
                   (unsigned long long)seq, (unsigned long long)seq);
    assert_got(buf_cstr(&wanted));
}

static void test_events_that_are_trimmed(void **state)
{
    (void)state;
    status_set(0, NULL);
    commit((struct batch){.first = 1, .last = 200, .type = STORE_EVENT, .keep = 5});
    open_at(200, MODE_EVENT, 3);
    settle_down();
    buf_putc(&sock.got, '\0');
    assert_non_null(strstr(sock.got.p, "\"code\":40400"));
    /* Then what follows, from the oldest that is held. */
    assert_null(strstr(sock.got.p, TOPIC_ID "#195\n"));
    for (unsigned seq = 196; seq <= 200; seq++) {
        AUTO_FREE char *id = xasprintf("id: " TOPIC_ID "#%u\nevent: event\n", seq);
        assert_non_null(strstr(sock.got.p, id));
    }
}

/* ---- from the journal to the ring ---- */

/* Events that were committed, read with the replay and then told by the owner are written once. */
static void test_no_event_twice(void **state)
{
    (void)state;
    commit((struct batch){.first = 1, .last = 10});
    open_at(8, MODE_SNAPSHOT_PATCH, 5);
    settle_down();
    assert_resumed(5, 6, 10);
    for (uint64_t seq = 9; seq <= 12; seq++) {
        AUTO_FREE char *body = xasprintf("[%llu]", (unsigned long long)seq);
        publish(EVENT_PATCH, seq, body, "{}");
        pump();
    }
    assert_resumed(5, 6, 12);
}

static void publish_and_commit(uint64_t first, uint64_t last)
{
    commit((struct batch){.after = first - 1, .first = first, .last = last});
    for (uint64_t seq = first; seq <= last; seq++) {
        AUTO_FREE char *body = xasprintf("[%llu]", (unsigned long long)seq);
        publish(EVENT_PATCH, seq, body, rig.status.document->p);
    }
    turns();
}

/* While a slow reader takes its replay, the ring moves on beyond it. */
static void test_ring_moves_on_during_the_replay(void **state)
{
    (void)state;
    commit((struct batch){.first = 1, .last = 10});
    sock.room = 50;
    sock.portion = 0;
    open_at(10, MODE_SNAPSHOT_PATCH, 5);
    settle_down();
    publish_and_commit(11, 10 + 2 * LIMIT_RING_EVENTS);
    sock.portion = SIZE_MAX;
    settle_down();
    assert_resumed(5, 6, 10 + 2 * LIMIT_RING_EVENTS);
}

/* The client takes this many. */
static void take_bytes(size_t n)
{
    sock.room = n;
    sock.stalled = false;
    sock.channel->stream.events->on_writable(&sock.channel->stream);
    turns();
}

/* All frames: a patch follows the event before it, a snapshot may leap; the last one is `last`. */
static void assert_whole(uint64_t after, uint64_t last)
{
    struct str rest = buf_view(&sock.got);

    while (rest.p) {
        struct str line = str_split(&rest, '\n');
        uint64_t seq;
        if (!str_starts(line, STR("id: ")))
            continue;
        assert_true(str_to_u64(str_drop(line, sizeof "id: " TOPIC_ID "#" - 1), UINT64_MAX, &seq));
        struct str event = str_split(&rest, '\n');
        if (str_eqz(event, "event: patch"))
            assert_int_equal(seq, after + 1);
        else
            assert_true(str_eqz(event, "event: snapshot") && seq > after);
        after = seq;
    }
    assert_int_equal(after, last);
}

/* And again and again: then a snapshot, after what was whole. */
static void test_ring_is_always_ahead(void **state)
{
    (void)state;
    uint64_t head = 10;

    commit((struct batch){.first = 1, .last = 10});
    sock.room = 50;
    sock.portion = 0;
    open_at(10, MODE_SNAPSHOT_PATCH, 5);
    settle_down();
    for (unsigned round = 1; round <= 4; round++) {
        publish_and_commit(head + 1, head + 2 * LIMIT_RING_EVENTS);
        head += 2 * LIMIT_RING_EVENTS;
        while (sock.channel->first.reader.rounds < round)
            take_bytes(100);
        settle_down();
    }
    sock.portion = SIZE_MAX;
    settle_down();
    assert_whole(5, head);
    buf_putc(&sock.got, '\0');
    assert_non_null(strstr(sock.got.p, ": snapshot instead of resume: the topic changes too fast"));
}

/* ---- one read for many ---- */

static void test_shared_read(void **state)
{
    (void)state;
    struct channel *channels[4];

    commit((struct batch){.first = 1, .last = 10});
    rig.status.seq = 10;
    for (size_t i = 0; i < ARRAY_LEN(channels); i++) {
        open_channel(MODE_SNAPSHOT_PATCH, 3 + i);
        channels[i] = sock.channel;
    }
    store_hold();
    turns();
    assert_false(list_empty(&the_hub()->replays));
    assert_ptr_equal(the_hub()->replays.next, the_hub()->replays.prev);
    store_release();
    settle_down();
    for (size_t i = 0; i < ARRAY_LEN(channels); i++)
        assert_int_equal(channels[i]->first.reader.last_seq, 10);
    assert_true(list_empty(&the_hub()->replays));
    AUTO(buf_done) struct buf wanted = BUF_INIT;
    for (uint64_t after = 3; after < 3 + ARRAY_LEN(channels); after++) {
        buf_printf(&wanted, ": resumed after " TOPIC_ID "#%llu\n\n", (unsigned long long)after);
        wanted_patches(&wanted, after + 1, 10);
    }
    assert_got(buf_cstr(&wanted));
}

/* One that resumes from a point that is not held shares the read of one whose point is. */
static void test_shared_read_that_does_not_serve_all(void **state)
{
    (void)state;
    commit((struct batch){.first = 1, .last = 5});
    commit((struct batch){.after = 5, .first = 8, .last = 10});
    rig.status.seq = 10;
    open_channel(MODE_SNAPSHOT_PATCH, 4);
    struct channel *first = sock.channel;
    open_channel(MODE_SNAPSHOT_PATCH, 6);
    settle_down();
    assert_int_equal(first->first.reader.last_seq, 10);
    buf_putc(&sock.got, '\0');
    assert_non_null(strstr(sock.got.p, ": resumed after " TOPIC_ID "#4\n\n"));
    assert_non_null(strstr(sock.got.p, ": snapshot instead of resume"));
}

/* ---- mode changes: all that was missed as one event ---- */

/* Document n is [n], each an event of its own. */
static void commit_documents(uint64_t after, uint64_t first, uint64_t last, uint64_t keep)
{
    commit((struct batch){
        .after = after, .first = first, .last = last, .type = STORE_SNAPSHOT, .keep = keep});
}

static void status_document(uint64_t n)
{
    AUTO_FREE char *document = xasprintf("[%llu]", (unsigned long long)n);

    status_set(n, document);
}

static void wanted_change(struct buf *b, uint64_t from, uint64_t to)
{
    unsigned long long x = from, y = to;

    buf_printf(b,
               "id: " TOPIC_ID "#%llu\nevent: changes\ndata: [{\"op\":\"updated\",\"pointer\":\"\","
               "\"before\":[%llu],\"after\":[%llu],\"patch\":[{\"op\":\"replace\",\"path\":\"/0\","
               "\"value\":%llu}]}]\n\n",
               y, x, y, y);
}

static void test_changes_from_each_place(void **state)
{
    (void)state;
    commit_documents(0, 1, 10, 0);
    status_document(10);
    for (uint64_t after = 1; after <= 10; after++) {
        AUTO(buf_done) struct buf wanted = BUF_INIT;
        open_channel(MODE_CHANGES, after);
        settle_down();
        buf_printf(&wanted, ": resumed after " TOPIC_ID "#%llu\n\n", (unsigned long long)after);
        if (after < 10)
            wanted_change(&wanted, after, 10);
        assert_got(buf_cstr(&wanted));
        channel_close(sock.channel);
        forget_got();
    }
    open_channel(MODE_CHANGES, 11);
    settle_down();
    assert_snapshot(10, "no event has this id");
}

static void test_changes_that_are_not_held(void **state)
{
    (void)state;
    commit_documents(0, 1, 100, 5);
    commit_documents(100, 110, 120, 5);
    status_document(120);
    static const uint64_t afters[] = {50, 94, 105};
    for (size_t i = 0; i < ARRAY_LEN(afters); i++) {
        open_channel(MODE_CHANGES, afters[i]);
        settle_down();
        assert_snapshot(120, "what followed is not held any more");
        channel_close(sock.channel);
        forget_got();
    }
    rig.topic_conf->num = 4711;
    open_channel(MODE_CHANGES, 118);
    settle_down();
    assert_snapshot(120, "what followed is not held any more");
}

/* The ring has the events, but not what they changed: nobody wanted to know then. */
static void test_changes_of_events_before_the_first_reader(void **state)
{
    (void)state;
    AUTO(buf_done) struct buf wanted = BUF_INIT;

    commit_documents(0, 1, 10, 0);
    status_document(10);
    open_channel(MODE_SNAPSHOT_PATCH, 10);
    settle_down();
    commit_documents(10, 11, 11, 0);
    publish(EVENT_SNAPSHOT, 11, "[11]", NULL);
    settle_down();
    forget_got();
    open_channel(MODE_CHANGES, 10);
    settle_down();
    buf_puts(&wanted, ": resumed after " TOPIC_ID "#10\n\n");
    wanted_change(&wanted, 10, 11);
    assert_got(buf_cstr(&wanted));
    /* From now on they are kept. */
    forget_got();
    publish(EVENT_SNAPSHOT, 12, "[12]", NULL);
    pump();
    open_channel(MODE_CHANGES, 11);
    pump();
    buf_clear(&wanted);
    buf_puts(&wanted, "id: " TOPIC_ID "#12\nevent: snapshot\ndata: [12]\n\n");
    wanted_change(&wanted, 11, 12);
    buf_puts(&wanted, ": resumed after " TOPIC_ID "#11\n\n");
    wanted_change(&wanted, 11, 12);
    assert_got(buf_cstr(&wanted));
}

/* Then it is not said that it resumed. */
static void test_changes_neither_in_the_ring_nor_held(void **state)
{
    (void)state;
    status_document(10);
    open_channel(MODE_SNAPSHOT_PATCH, 10);
    settle_down();
    publish(EVENT_SNAPSHOT, 11, "[11]", NULL);
    settle_down();
    forget_got();
    open_channel(MODE_CHANGES, 10);
    settle_down();
    assert_got(": snapshot instead of resume: what followed is not held any more\n\n"
               "id: " TOPIC_ID "#11\nevent: snapshot\ndata: [11]\n\n");
}

/* One that is too slow for the ring gets all that it missed at once. */
static void test_changes_for_a_slow_reader(void **state)
{
    (void)state;
    AUTO(buf_done) struct buf wanted = BUF_INIT;
    const uint64_t last = 11 + LIMIT_RING_EVENTS;

    commit_documents(0, 1, 10, 0);
    status_document(10);
    open_channel(MODE_CHANGES, 10);
    settle_down();
    forget_got();
    sock.room = 30;
    commit_documents(10, 11, last + 1, 0);
    for (uint64_t seq = 11; seq <= last + 1; seq++) {
        AUTO_FREE char *document = xasprintf("[%llu]", (unsigned long long)seq);
        publish(EVENT_SNAPSHOT, seq, document, NULL);
        if (seq == 11)
            turns();
    }
    settle_down();
    publish(EVENT_SNAPSHOT, last + 2, "[0]", NULL);
    settle_down();
    wanted_change(&wanted, 10, 11);
    wanted_change(&wanted, 11, last + 1);
    AUTO_FREE char *got = text_got();
    assert_true(str_starts(str_of(got), buf_view(&wanted)));
    AUTO_FREE char *next = xasprintf("#%llu\nevent: changes\n", (unsigned long long)last + 2);
    assert_non_null(strstr(got, next));
}

static void test_changes_share_a_read(void **state)
{
    (void)state;
    struct channel *channels[4];

    commit_documents(0, 1, 10, 0);
    status_document(10);
    for (size_t i = 0; i < ARRAY_LEN(channels); i++) {
        open_channel(i < 3 ? MODE_CHANGES : MODE_SNAPSHOT_PATCH, 4);
        channels[i] = sock.channel;
    }
    store_hold();
    turns();
    assert_int_equal(list_length(&the_hub()->replays), 2);
    store_release();
    settle_down();
    for (size_t i = 0; i < ARRAY_LEN(channels); i++)
        assert_int_equal(channels[i]->first.reader.last_seq, 10);
    assert_true(list_empty(&the_hub()->replays));
}

static void test_changes_client_leaves_during_the_read(void **state)
{
    (void)state;
    commit_documents(0, 1, 10, 0);
    status_document(10);
    store_hold();
    open_channel(MODE_CHANGES, 5);
    while (!the_hub()->ready)
        turn();
    channel_close(sock.channel);
    store_release();
    /* The document comes back to nobody. */
    commit_documents(10, 11, 11, 0);
    assert_got("");
    assert_int_equal(the_hub()->wanted[HUB_CHANGES], 0);
    assert_true(list_empty(&the_hub()->replays));
}

/* ---- ends ---- */

static void test_client_leaves_during_the_read(void **state)
{
    (void)state;
    commit((struct batch){.first = 1, .last = 10});
    store_hold();
    open_at(10, MODE_SNAPSHOT_PATCH, 5);
    while (!the_hub()->ready)
        turn();
    sock.channel->stream.events->on_end(&sock.channel->stream, E_CLOSED);
    store_release();
    settle_down();
    assert_got("");
    open_channel(MODE_SNAPSHOT_PATCH, 5);
    settle_down();
    assert_resumed(5, 6, 10);
}

static void test_topic_is_deleted_during_the_read(void **state)
{
    (void)state;
    commit((struct batch){.first = 1, .last = 10});
    store_hold();
    open_at(10, MODE_SNAPSHOT_PATCH, 5);
    while (!the_hub()->ready)
        turn();
    hub_topic_deleted(the_hub());
    pump();
    buf_putc(&sock.got, '\0');
    assert_non_null(strstr(sock.got.p, "\"code\":40404"));
    assert_null(strstr(sock.got.p, "id: "));
    channel_close(sock.channel);
    store_release();
    /* The read comes back to nobody. */
    commit((struct batch){.after = 10, .first = 11, .last = 11});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        replay_test(test_each_place_of_the_journal),
        replay_test(test_cut_at_every_byte),
        replay_test(test_trimmed),
        replay_test(test_over_a_leap),
        replay_test(test_too_many_events),
        replay_test(test_snapshot_when_it_is_shorter),
        replay_test(test_journal_that_is_gone),
        replay_test(test_events_piece_by_piece),
        replay_test(test_events_that_are_trimmed),
        replay_test(test_no_event_twice),
        replay_test(test_ring_moves_on_during_the_replay),
        replay_test(test_ring_is_always_ahead),
        replay_test(test_shared_read),
        replay_test(test_shared_read_that_does_not_serve_all),
        replay_test(test_changes_from_each_place),
        replay_test(test_changes_that_are_not_held),
        replay_test(test_changes_of_events_before_the_first_reader),
        replay_test(test_changes_neither_in_the_ring_nor_held),
        replay_test(test_changes_for_a_slow_reader),
        replay_test(test_changes_share_a_read),
        replay_test(test_changes_client_leaves_during_the_read),
        replay_test(test_client_leaves_during_the_read),
        replay_test(test_topic_is_deleted_during_the_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
