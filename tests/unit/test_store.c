/*
 * What every store has to do: the whole suite runs once for each row of `stores` (store_rig.c).
 * Crashes: test_store_crash.c. What only SQLite has: test_store_sqlite.c.
 */
#include "unit.h"

#include "store_rig.c"

/* ---- records ---- */

static void test_records_come_and_change(void **state)
{
    (void)state;
    struct rig *r = rig_open(NULL);
    struct store_put op;

    assert_int_equal(put_full(r, &op, "topic", "a", "name a", "one", 0), E_OK);
    assert_int_equal(op.rev, 1);
    uint64_t num = op.num;
    assert_true(num > 0);
    assert_int_equal(put_full(r, &op, "topic", "a", "name b", "two", 1), E_OK);
    assert_int_equal(op.rev, 2);
    assert_int_equal(op.num, num);
    rig_close_open(r);
    struct seen seen = look(r, "a");
    assert_true(seen.found);
    assert_int_equal(seen.num, num);
    assert_int_equal(seen.rev, 2);
    assert_string_equal(seen.body, "two");
    assert_int_equal(seen.seq, 0);
    assert_false(seen.has_state);
    assert_false(seen.has_snapshot);
    rig_free(r);
}

static void test_revisions_and_names_are_guarded(void **state)
{
    (void)state;
    struct rig *r = rig_open(NULL);
    struct store_put op;

    topic(r, "a");
    topic(r, "b");
    assert_int_equal(put_full(r, &op, "topic", "a", "a", "x", 0), E_CONFLICT);
    assert_int_equal(put_full(r, &op, "topic", "a", "a", "x", 2), E_CONFLICT);
    assert_int_equal(put_full(r, &op, "topic", "c", "c", "x", 1), E_CONFLICT);
    assert_int_equal(put_full(r, &op, "topic", "a", "b", "x", 1), E_EXISTS);
    assert_non_null(strstr(op.op.info.text, "\"b\""));
    assert_int_equal(put_full(r, &op, "topic", "c", "b", "x", 0), E_EXISTS);
    /* Other kinds have ids and names of their own. */
    assert_int_equal(put_full(r, &op, "feed", "a", "b", "x", 0), E_OK);
    assert_int_equal(put_full(r, &op, "topic", "a", "a", "x", 1), E_OK);
    assert_int_equal(op.rev, 2);
    rig_free(r);
}

static void test_deleted_records_give_up_all_but_their_number(void **state)
{
    (void)state;
    struct rig *r = rig_open(NULL);
    uint64_t num = topic(r, "a");

    must_commit(r, (struct batch){.topic = num, .count = 3, .checkpoint = "[]"});
    assert_int_equal(delete_topic(r, "a", 7), E_CONFLICT);
    assert_int_equal(delete_topic(r, "b", 0), E_NOT_FOUND);
    assert_int_equal(delete_topic(r, "a", 1), E_OK);
    assert_int_equal(delete_topic(r, "a", 1), E_NOT_FOUND);
    struct batch late = {.topic = num, .after = 3, .count = 1};
    assert_int_equal(commit_batch(r, &late, NULL), E_NOT_FOUND);
    AUTO_READ rd = read_after(r, num, 0, 0, 0);
    assert_int_equal(rd.op.err, E_NOT_FOUND);
    AUTO_LOAD ld = load(r, num);
    assert_int_equal(ld.op.err, E_NOT_FOUND);
    rig_close_open(r);
    uint64_t again = topic(r, "a");
    assert_true(again > num);
    AUTO_READ fresh = read_after(r, again, 0, 0, 0);
    assert_int_equal(fresh.count, 0);
    assert_int_equal(fresh.head, 0);
    rig_free(r);
}

/* A new topic under an id that somebody chose: where its journal begins. */
static uint64_t topic_at(struct rig *r, const char *id, uint64_t *ret_num)
{
    AUTO(blob_unrefp) struct blob *b = blob_new("{}", 2);
    AUTO_FREE char *own = xstrdup(id);
    struct asked_put a = {
        .op = {.kind = "topic", .id = own, .name = own, .body = b, .id_given = true}};

    start_put(r, &a);
    await(r, 1);
    assert_ok(a.op.op.err, &a.op.op.info);
    *ret_num = a.op.num;
    return a.op.seq;
}

static void test_a_record_made_again_begins_beyond_the_deleted(void **state)
{
    (void)state;
    struct rig *r = rig_open(NULL);
    uint64_t num, other;

    assert_int_equal(topic_at(r, "a", &num), 0);
    must_commit(r, (struct batch){.topic = num, .count = 3});
    must_commit(r, (struct batch){.topic = topic(r, "b"), .count = 1});
    assert_int_equal(delete_topic(r, "a", 1), E_OK);
    assert_int_equal(delete_topic(r, "b", 1), E_OK);
    rig_close_open(r);
    assert_int_equal(topic_at(r, "a", &num), 4);
    for (uint64_t after = 1; after <= 3; after++) {
        AUTO_READ rd = read_after(r, num, after, 0, 0);
        assert_false(rd.exact);
    }
    rig_close_open(r);
    assert_int_equal(look(r, "a").seq, 4);
    must_commit(r, (struct batch){.topic = num, .after = 4, .count = 2});
    AUTO_READ rd = read_after(r, num, 0, 0, 0);
    assert_true(rd.exact);
    assert_int_equal(rd.count, 2);
    assert_int_equal(rd.events[0].seq, 5);
    /* Who lets the id be made anew cannot meet an old one. */
    other = topic(r, "b");
    must_commit(r, (struct batch){.topic = other, .count = 1});
    rig_free(r);
}

static void count_record(const struct store_record *rec, const struct store_head *head, void *arg)
{
    uint64_t *last = arg;

    (void)head;
    assert_str(rec->kind, "topic");
    assert_true(rec->num > last[0]);
    assert_str(rec->name, rec->id.p[1] ? "t1" : "t");
    last[0] = rec->num;
    last[1]++;
}

static void test_records_are_walked_by_kind_in_order(void **state)
{
    (void)state;
    struct rig *r = rig_open(NULL);
    struct errinfo ei = ERRINFO_INIT;
    struct store_put op;
    uint64_t last_and_count[2] = {0, 0};

    topic(r, "t");
    assert_int_equal(put_full(r, &op, "feed", "f", "f", "", 0), E_OK);
    topic(r, "t1");
    rig_close_open(r);
    assert_ok(store_each_record(r->s, STR("topic"), count_record, last_and_count, &ei), &ei);
    assert_int_equal(last_and_count[1], 2);
    rig_free(r);
}

/* ---- commits ---- */

static void test_a_commit_follows_the_sequence(void **state)
{
    (void)state;
    struct rig *r = rig_open(NULL);
    uint64_t num = topic(r, "a");
    struct batch wrong = {.topic = num, .after = 5, .count = 1};
    struct batch stale = {.topic = num, .after = 0, .count = 1};

    must_commit(r, (struct batch){.topic = num, .count = 2});
    must_commit(r, (struct batch){.topic = num, .after = 2, .count = 1});
    assert_int_equal(commit_batch(r, &wrong, NULL), E_STORE_SEQ);
    assert_int_equal(commit_batch(r, &stale, NULL), E_STORE_SEQ);
    AUTO_READ rd = read_after(r, num, 0, 0, 0);
    assert_int_equal(rd.count, 3);
    assert_int_equal(rd.head, 3);
    struct batch nowhere = {.topic = num + 1, .count = 1};
    assert_int_equal(commit_batch(r, &nowhere, NULL), E_NOT_FOUND);
    rig_free(r);
}

static void test_events_must_ascend(void **state)
{
    (void)state;
    struct rig *r = rig_open(NULL);
    uint64_t num = topic(r, "a");
    AUTO(blob_unrefp) struct blob *b = body_of(num, 2, 0);
    struct store_event events[] = {{2, STORE_EVENT, 1, b}, {2, STORE_EVENT, 1, b}};
    struct store_commit op = {.topic = num, .events = events, .event_count = 2};

    assert_int_equal(commit(r, &op), E_INVALID);
    events[1].seq = UINT64_MAX;
    assert_int_equal(commit(r, &op), E_INVALID);
    events[1].seq = 9; /* gaps are allowed */
    assert_int_equal(commit(r, &op), E_OK);
    op.expected_seq = 9;
    events[0] = (struct store_event){9, STORE_EVENT, 1, b};
    op.event_count = 1;
    assert_int_equal(commit(r, &op), E_INVALID);
    events[0] = (struct store_event){10, (enum store_event_type)0, 1, b};
    assert_int_equal(commit(r, &op), E_INVALID);
    rig_free(r);
}

static void test_events_keep_type_time_and_body(void **state)
{
    (void)state;
    struct rig *r = rig_open(NULL);
    uint64_t num = topic(r, "a");
    AUTO(blob_unrefp) struct blob *one = body_of(num, 1, 100000);
    AUTO(blob_unrefp) struct blob *two = body_of(num, 2, 0);
    struct store_event events[] = {{1, STORE_SNAPSHOT, 111, one}, {2, STORE_PATCH, -5, two}};
    struct store_commit op = {.topic = num, .events = events, .event_count = 2};

    assert_int_equal(commit(r, &op), E_OK);
    rig_close_open(r);
    AUTO_READ rd = read_after(r, num, 0, 0, 0);
    assert_int_equal(rd.count, 2);
    assert_int_equal(rd.events[0].type, STORE_SNAPSHOT);
    assert_int_equal(rd.events[0].time_wall, 111);
    assert_int_equal(rd.events[0].body->len, 100000);
    assert_int_equal(rd.events[1].type, STORE_PATCH);
    assert_int_equal(rd.events[1].time_wall, -5);
    rig_free(r);
}

static void test_state_alone_may_be_committed(void **state)
{
    (void)state;
    struct rig *r = rig_open(NULL);
    uint64_t num = topic(r, "a");

    must_commit(r, (struct batch){.topic = num, .count = 1, .state = "one"});
    int64_t changed = look(r, "a").changed_wall;
    assert_true(changed > 0 && changed <= clock_now_wall());
    must_commit(r, (struct batch){.topic = num, .after = 1, .state = "two"});
    must_commit(r, (struct batch){.topic = num, .after = 1}); /* nothing: state unchanged */
    rig_close_open(r);
    struct seen seen = look(r, "a");
    assert_string_equal(seen.state, "two");
    assert_int_equal(seen.changed_wall, changed);
    assert_int_equal(seen.seq, 1);
    must_commit(r, (struct batch){.topic = num, .after = 1, .state = ""});
    store_close(r->s);
    rig_reopen(r);
    seen = look(r, "a");
    assert_true(seen.has_state);
    assert_string_equal(seen.state, "");
    rig_free(r);
}

/* ---- groups ---- */

#define MANY 1200

struct many {
    struct asked_commit ops[MANY];
    struct store_event events[MANY];
};

/* Start commit i: event `seq` of the topic after `expected`. */
static void start_one(struct rig *r, struct many *m, size_t i, uint64_t num, uint64_t expected)
{
    m->events[i] = (struct store_event){expected + 1, STORE_EVENT, clock_now_wall(),
                                        body_of(num, expected + 1, 20)};
    m->ops[i] = (struct asked_commit){
        .op = {.topic = num, .expected_seq = expected, .events = &m->events[i], .event_count = 1}};
    start_commit(r, &m->ops[i]);
}

static void many_done(struct many *m)
{
    for (size_t i = 0; i < MANY; i++)
        blob_unref(m->events[i].body);
    free(m);
}

static void test_waiting_commits_share_transactions(void **state)
{
    (void)state;
    struct store_conf conf = {.group_max = 100};
    struct rig *r = rig_open(&conf);
    struct many *m = xcalloc(1, sizeof *m);
    uint64_t num = topic(r, "a");
    struct store_stats before, after;

    store_stats(r->s, &before);
    for (size_t i = 0; i < MANY; i++)
        start_one(r, m, i, num, i);
    await(r, MANY);
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal(m->ops[i].op.op.err, E_OK);
    store_stats(r->s, &after);
    assert_int_equal(after.events - before.events, MANY);
    assert_int_equal(after.bytes - before.bytes, MANY * 20);
    assert_in_range(after.groups - before.groups, MANY / 100, MANY / 2);
    AUTO_READ rd = read_after(r, num, 0, 0, 0);
    assert_int_equal(rd.count, MANY);
    many_done(m);
    rig_free(r);
}

static void test_a_refused_commit_does_not_fail_its_group(void **state)
{
    (void)state;
    struct rig *r = rig_open(NULL);
    struct many *m = xcalloc(1, sizeof *m);
    uint64_t num = topic(r, "a");
    uint64_t seq = 0;

    /* One of three is a repetition, one of a topic that is not there. */
    for (size_t i = 0; i < MANY; i++) {
        if (i % 3 == 0)
            start_one(r, m, i, num, seq++);
        else
            start_one(r, m, i, i % 3 == 1 ? num : num + 9, seq - 1);
    }
    await(r, MANY);
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal(m->ops[i].op.op.err, i % 3 == 0   ? E_OK
                                              : i % 3 == 1 ? E_STORE_SEQ
                                                           : E_NOT_FOUND);
    AUTO_READ rd = read_after(r, num, 0, 0, 0);
    assert_int_equal(rd.count, seq);
    many_done(m);
    rig_free(r);
}

static void test_operations_of_a_loop_keep_their_order(void **state)
{
    (void)state;
    enum { ROUNDS = 200 };
    struct rig *r = rig_open(NULL);
    struct many *m = xcalloc(1, sizeof *m);
    struct asked_read *reads = xcalloc(ROUNDS, sizeof *reads);
    uint64_t num = topic(r, "a");
    char id[] = "a";
    struct asked_delete gone = {.op = {.kind = "topic", .id = id}};

    for (size_t i = 0; i < ROUNDS; i++) {
        start_one(r, m, i, num, i);
        reads[i] = (struct asked_read){.op = {.topic = num, .after = i}};
        start_read(r, &reads[i]);
    }
    start_delete(r, &gone);
    start_one(r, m, ROUNDS, num, ROUNDS);
    await(r, 2 * ROUNDS + 2);
    for (size_t i = 0; i < ROUNDS; i++) {
        assert_int_equal(reads[i].op.count, 1);
        assert_int_equal(reads[i].op.head, i + 1);
        assert_true(reads[i].op.exact);
        store_read_done(&reads[i].op);
    }
    assert_int_equal(gone.op.op.err, E_OK);
    assert_int_equal(m->ops[ROUNDS].op.op.err, E_NOT_FOUND);
    free(reads);
    many_done(m);
    rig_free(r);
}

/* A loop of its own that commits one event after the other, to a topic that all share. */
struct writer {
    struct rig r; /* only its loop and semaphore; the store is another rig's */
    struct asked_commit commit;
    struct store_event event;
    uint64_t topic, seq;
    size_t left, refused;
};

static void writer_next(struct writer *w);

static void on_written(struct store_op *op)
{
    struct writer *w = CONTAINER_OF(
        CONTAINER_OF((struct store_commit *)op, struct asked_commit, op), struct writer, commit);

    blob_unref(w->event.body);
    w->refused += op->err == E_STORE_SEQ;
    if (op->err != E_OK && op->err != E_STORE_SEQ)
        panic("commit: %s", err_text(&op->info, op->err));
    w->seq++;
    if (--w->left > 0)
        writer_next(w);
    else
        sem_post(&w->r.answered);
}

static void writer_next(struct writer *w)
{
    w->event = (struct store_event){w->seq + 1, STORE_EVENT, 1, body_of(w->topic, w->seq + 1, 0)};
    w->commit = (struct asked_commit){.op = {.op = {.reply = w->r.loop, .done = on_written},
                                             .topic = w->topic,
                                             .expected_seq = w->seq,
                                             .events = &w->event,
                                             .event_count = 1}};
    store_commit(w->r.s, &w->commit.op);
}

static void test_loops_may_compete(void **state)
{
    (void)state;
    enum { WRITERS = 4, EACH = 300 };
    struct rig *r = rig_open(NULL);
    struct writer w[WRITERS];
    uint64_t num = topic(r, "shared");
    size_t refused = 0;

    memset(w, 0, sizeof w);
    for (size_t i = 0; i < WRITERS; i++) {
        w[i].topic = num;
        w[i].left = EACH;
        w[i].r.s = r->s;
        rig_loop_start(&w[i].r);
    }
    for (size_t i = 0; i < WRITERS; i++)
        writer_next(&w[i]);
    for (size_t i = 0; i < WRITERS; i++) {
        await(&w[i].r, 1);
        rig_loop_stop(&w[i].r);
        refused += w[i].refused;
    }
    /* Each number was written by exactly one of them. */
    assert_int_equal(refused, (WRITERS - 1) * EACH);
    AUTO_READ rd = read_after(r, num, 0, 0, 0);
    assert_int_equal(rd.count, EACH);
    assert_int_equal(rd.head, EACH);
    rig_free(r);
}

/* ---- reads ---- */

static void test_reads_tell_if_they_are_exact(void **state)
{
    (void)state;
    struct rig *r = rig_open(NULL);
    uint64_t num = topic(r, "a");

    expect_read(r, num, 0, true, 0, 0);
    expect_read(r, num, 1, false, 0, 0);
    for (uint64_t i = 0; i < 200; i++)
        must_commit(r, (struct batch){.topic = num, .after = i, .count = 1});
    expect_read(r, num, 0, true, 1, 200);
    for (uint64_t after = 1; after < 200; after++)
        expect_read(r, num, after, true, after + 1, 200);
    expect_read(r, num, 200, true, 0, 0);
    expect_read(r, num, 201, false, 0, 0);
    expect_read(r, num, UINT64_MAX, false, 0, 0);
    rig_free(r);
}

static void test_a_number_between_events_is_not_exact(void **state)
{
    (void)state;
    struct rig *r = rig_open(NULL);
    uint64_t num = topic(r, "a");
    AUTO(blob_unrefp) struct blob *five = body_of(num, 5, 0);
    AUTO(blob_unrefp) struct blob *nine = body_of(num, 9, 0);
    struct store_event events[] = {{5, STORE_EVENT, 1, five}, {9, STORE_EVENT, 1, nine}};
    struct store_commit op = {.topic = num, .events = events, .event_count = 2};

    assert_int_equal(commit(r, &op), E_OK);
    for (uint64_t after = 0; after < 10; after++) {
        AUTO_READ rd = read_after(r, num, after, 0, 0);
        assert_int_equal(rd.exact, after == 0 || after == 5 || after == 9);
        assert_int_equal(rd.count, after < 5 ? 2 : after < 9 ? 1 : 0);
    }
    rig_free(r);
}

static void test_reads_keep_to_their_limits(void **state)
{
    (void)state;
    struct rig *r = rig_open(NULL);
    uint64_t num = topic(r, "a");

    must_commit(r, (struct batch){.topic = num, .count = 1000, .size = 100});
    AUTO_READ ten = read_after(r, num, 0, 10, 0);
    assert_int_equal(ten.count, 10);
    assert_true(ten.more);
    AUTO_READ bytes = read_after(r, num, 500, 0, 350);
    assert_int_equal(bytes.count, 3);
    assert_int_equal(bytes.events[0].seq, 501);
    assert_true(bytes.more);
    AUTO_READ one = read_after(r, num, 7, 100, 1); /* one comes in any case */
    assert_int_equal(one.count, 1);
    AUTO_READ both = read_after(r, num, 995, 4, 1 << 20);
    assert_int_equal(both.count, 4);
    assert_true(both.more);
    AUTO_READ rest = read_after(r, num, 995, 5, 1 << 20);
    assert_int_equal(rest.count, 5);
    assert_false(rest.more);
    AUTO_READ huge = read_after(r, num, 995, SIZE_MAX, SIZE_MAX);
    assert_int_equal(huge.count, 5);
    rig_free(r);
}

static void test_pages_of_any_size_give_all(void **state)
{
    (void)state;
    struct rig *r = rig_open(NULL);
    uint64_t num = topic(r, "a");
    uint64_t other = topic(r, "b");

    for (uint64_t at = 0; at < 1000; at += 50) {
        must_commit(r, (struct batch){.topic = num, .after = at, .count = 50, .size = at});
        must_commit(r, (struct batch){.topic = other, .after = at, .count = 50});
    }
    for (size_t size = 1; size < 1200; size = size * 3 + 1) {
        uint64_t after = 0;
        for (bool more = true; more;) {
            AUTO_READ rd = read_after(r, num, after, size, 0);
            assert_true(rd.exact && rd.count > 0);
            assert_int_equal(rd.events[0].seq, after + 1);
            after = rd.events[rd.count - 1].seq;
            assert_int_equal(rd.head, 1000);
            more = rd.more;
        }
        assert_int_equal(after, 1000);
    }
    rig_free(r);
}

/* ---- documents ---- */

static void expect_load(struct rig *r, uint64_t num, const char *base, uint64_t seq, size_t patches)
{
    AUTO_LOAD ld = load(r, num);

    assert_ok(ld.op.err, &ld.op.info);
    assert_int_equal(ld.seq, seq);
    assert_int_equal(ld.patch_count, patches);
    assert_true(str_starts(blob_view(ld.base), str_of(base)));
    for (size_t i = 0; i < patches; i++) {
        AUTO(blob_unrefp) struct blob *want = body_of(num, seq - patches + 1 + i, 0);
        assert_true(str_eq(blob_view(ld.patches[i]), blob_view(want)));
    }
}

static void test_a_document_is_its_base_and_patches(void **state)
{
    (void)state;
    struct rig *r = rig_open(NULL);
    uint64_t num = topic(r, "a");
    AUTO_LOAD none = load(r, num);

    assert_int_equal(none.op.err, E_NOT_FOUND);
    must_commit(r, (struct batch){.topic = num, .count = 1, .type = STORE_SNAPSHOT, .size = 50});
    AUTO_FREE char *first = xasprintf("%llu/1 ", (unsigned long long)num);
    expect_load(r, num, first, 1, 0);
    must_commit(r, (struct batch){.topic = num, .after = 1, .count = 150, .type = STORE_PATCH});
    expect_load(r, num, first, 151, 150);
    must_commit(r, (struct batch){.topic = num,
                                  .after = 151,
                                  .count = 1,
                                  .type = STORE_PATCH,
                                  .checkpoint = "[\"checkpoint\"]"});
    expect_load(r, num, "[\"checkpoint\"]", 152, 0);
    must_commit(r, (struct batch){.topic = num, .after = 152, .count = 2, .type = STORE_PATCH});
    expect_load(r, num, "[\"checkpoint\"]", 154, 2);
    must_commit(r, (struct batch){.topic = num, .after = 154, .checkpoint = "[2]"});
    expect_load(r, num, "[2]", 154, 0);
    rig_close_open(r);
    assert_true(look(r, "a").has_snapshot);
    expect_load(r, num, "[2]", 154, 0);
    /* A later whole document makes the checkpoint needless. */
    must_commit(r, (struct batch){.topic = num, .after = 154, .count = 1, .type = STORE_SNAPSHOT});
    must_commit(r, (struct batch){.topic = num, .after = 155, .count = 1, .type = STORE_PATCH});
    AUTO_FREE char *later = xasprintf("%llu/155 ", (unsigned long long)num);
    expect_load(r, num, later, 156, 1);
    rig_free(r);
}

static void test_messages_make_no_document(void **state)
{
    (void)state;
    struct rig *r = rig_open(NULL);
    uint64_t num = topic(r, "a");

    must_commit(r, (struct batch){.topic = num, .count = 5});
    AUTO_LOAD ld = load(r, num);
    assert_int_equal(ld.op.err, E_NOT_FOUND);
    assert_false(look(r, "a").has_snapshot);
    rig_free(r);
}

/* ---- retention ---- */

static struct store_read all(struct rig *r, uint64_t num)
{
    return read_after(r, num, 0, 0, 0);
}

static void test_retention_by_count(void **state)
{
    (void)state;
    struct rig *r = rig_open(NULL);
    uint64_t num = topic(r, "a");
    struct store_retention keep = {.max_events = 100};

    for (uint64_t i = 0; i < 1000; i++) {
        must_commit(r, (struct batch){.topic = num, .after = i, .count = 1, .retention = keep});
        if (i % 100 == 99) {
            AUTO_READ rd = all(r, num);
            assert_in_range(rd.count, 100, 164);
            assert_int_equal(rd.exact, i < 164);
            assert_int_equal(rd.events[rd.count - 1].seq, i + 1);
        }
    }
    AUTO_READ rd = all(r, num);
    uint64_t oldest = rd.events[0].seq;
    expect_read(r, num, oldest - 1, true, oldest, 1000); /* known, though it is gone */
    expect_read(r, num, oldest - 2, false, oldest, 1000);
    rig_close_open(r);
    expect_read(r, num, oldest - 1, true, oldest, 1000);
    rig_free(r);
}

static void test_retention_by_bytes(void **state)
{
    (void)state;
    struct rig *r = rig_open(NULL);
    uint64_t num = topic(r, "a");
    struct store_retention keep = {.max_bytes = 10000};

    for (uint64_t i = 0; i < 300; i++) {
        must_commit(r, (struct batch){
                           .topic = num, .after = i, .count = 1, .size = 200, .retention = keep});
        AUTO_READ rd = all(r, num);
        assert_true(rd.count * 200 <= 10000 + 10000 / 16 + 200);
        assert_true(rd.count >= MIN(i + 1, 50));
    }
    /* One that is larger than the limit stays until the next comes. */
    must_commit(r, (struct batch){
                       .topic = num, .after = 300, .count = 1, .size = 50000, .retention = keep});
    expect_read(r, num, 300, true, 301, 301);
    rig_free(r);
}

static void test_retention_by_age_at_a_commit(void **state)
{
    (void)state;
    struct rig *r = rig_open(NULL);
    uint64_t num = topic(r, "a");
    struct store_retention keep = {.max_age_us = 3600 * US_PER_S};
    int64_t now = clock_now_wall();

    must_commit(r, (struct batch){.topic = num, .count = 300, .time_wall = now - 7200 * US_PER_S});
    must_commit(r, (struct batch){
                       .topic = num, .after = 300, .count = 10, .time_wall = now - 60 * US_PER_S});
    must_commit(r, (struct batch){.topic = num, .after = 310, .count = 1, .retention = keep});
    expect_read(r, num, 300, true, 301, 311);
    rig_free(r);
}

/* Waits until `done`, asking again and again; a failure after WAIT_S. */
#define eventually(done)                                                                           \
    for (int64_t until_ = clock_now() + WAIT_S * US_PER_S; !(done);)                               \
    assert_true(clock_now() < until_)

static size_t count_kept(struct rig *r, uint64_t num)
{
    AUTO_READ rd = all(r, num);

    return rd.count;
}

static void test_retention_by_age_without_commits(void **state)
{
    (void)state;
    struct rig *r = rig_open(NULL);
    uint64_t num = topic(r, "a");
    uint64_t document = topic(r, "b");
    struct store_retention keep = {.max_age_us = 1600 * US_PER_MS};

    must_commit(r, (struct batch){.topic = num, .count = 100, .retention = keep});
    must_commit(r, (struct batch){
                       .topic = document, .count = 1, .type = STORE_SNAPSHOT, .retention = keep});
    assert_int_equal(count_kept(r, num), 100);
    rig_close_open(r); /* the age is remembered */
    assert_int_equal(count_kept(r, num), 100);
    eventually(count_kept(r, num) == 0);
    expect_read(r, num, 100, true, 0, 0);
    expect_read(r, num, 99, false, 0, 0);
    must_commit(r, (struct batch){.topic = num, .after = 100, .count = 70, .retention = keep});
    expect_read(r, num, 100, true, 101, 170);
    assert_int_equal(count_kept(r, document), 1); /* the document starts from it */
    rig_free(r);
}

static void test_a_document_is_never_trimmed(void **state)
{
    (void)state;
    struct rig *r = rig_open(NULL);
    uint64_t num = topic(r, "a");
    struct store_retention keep = {.max_events = 10, .max_bytes = 10, .max_age_us = 1};

    must_commit(r, (struct batch){.topic = num, .count = 99, .time_wall = 1});
    must_commit(r,
                (struct batch){
                    .topic = num, .after = 99, .count = 1, .type = STORE_SNAPSHOT, .time_wall = 1});
    for (uint64_t i = 100; i < 300; i++)
        must_commit(r, (struct batch){.topic = num,
                                      .after = i,
                                      .count = 1,
                                      .type = STORE_PATCH,
                                      .time_wall = 1,
                                      .retention = keep});
    AUTO_FREE char *base = xasprintf("%llu/100 ", (unsigned long long)num);
    expect_load(r, num, base, 300, 200);
    expect_read(r, num, 0, false, 100, 300);
    must_commit(r,
                (struct batch){.topic = num, .after = 300, .checkpoint = "[]", .retention = keep});
    for (uint64_t i = 300; i < 320; i++)
        must_commit(r, (struct batch){.topic = num,
                                      .after = i,
                                      .count = 1,
                                      .type = STORE_PATCH,
                                      .time_wall = 1,
                                      .retention = keep});
    expect_load(r, num, "[]", 320, 20);
    expect_read(r, num, 300, true, 301, 320);
    rig_free(r);
}

static void test_readers_hold_events(void **state)
{
    (void)state;
    struct rig *r = rig_open(NULL);
    uint64_t num = topic(r, "a");
    struct store_retention keep = {.max_events = 10, .hold_seq = 100};

    for (uint64_t i = 0; i < 500; i++)
        must_commit(r, (struct batch){.topic = num, .after = i, .count = 1, .retention = keep});
    expect_read(r, num, 99, true, 100, 500);
    expect_read(r, num, 98, false, 100, 500);
    keep.hold_seq = 0;
    for (uint64_t i = 500; i < 520; i++)
        must_commit(r, (struct batch){.topic = num, .after = i, .count = 1, .retention = keep});
    assert_in_range(count_kept(r, num), 10, 74);
    rig_free(r);
}

static void test_readers_hold_no_more_than_is_allowed(void **state)
{
    (void)state;
    struct rig *r = rig_open(NULL);
    uint64_t num = topic(r, "a");
    struct store_retention keep = {.max_events = 10, .hold_seq = 100, .hold_max_bytes = 2000};

    for (uint64_t i = 0; i < 1500; i++)
        must_commit(r, (struct batch){.topic = num, .after = i, .count = 1, .retention = keep});
    assert_in_range(count_kept(r, num), 100, 1200);
    rig_free(r);
}

static void test_large_journals_are_removed_little_by_little(void **state)
{
    (void)state;
    struct rig *r = rig_open(NULL);
    uint64_t num = topic(r, "a");
    uint64_t other = topic(r, "b");
    struct store_retention keep = {.max_events = 10};
    struct store_stats before, after;

    for (uint64_t at = 0; at < 6000; at += 500) {
        must_commit(r, (struct batch){.topic = num, .after = at, .count = 500});
        must_commit(r, (struct batch){.topic = other, .after = at, .count = 500});
    }
    must_commit(r, (struct batch){.topic = other, .after = 6000, .count = 1, .retention = keep});
    store_close(r->s); /* with most of it still to be removed */
    rig_reopen(r);
    expect_read(r, other, 6001 - 10, true, 6001 - 9, 6001);
    store_stats(r->s, &before);
    assert_int_equal(delete_topic(r, "a", 0), E_OK);
    eventually(kind->check(r->dir) == 0);
    store_stats(r->s, &after);
    assert_true(after.groups - before.groups > 10); /* not all at once */
    AUTO_READ rd = all(r, num);
    assert_int_equal(rd.op.err, E_NOT_FOUND);
    rig_free(r);
}

/* ---- opening ---- */

static void test_an_orderly_end_keeps_the_sequence(void **state)
{
    (void)state;
    struct rig *r = rig_open(NULL);
    uint64_t num = topic(r, "a");

    must_commit(r, (struct batch){.topic = num, .count = 3, .state = "s"});
    rig_close_open(r);
    assert_int_equal(look(r, "a").seq, 3);
    must_commit(r, (struct batch){.topic = num, .after = 3, .count = 1});
    expect_read(r, num, 0, true, 1, 4);
    rig_free(r);
}

static void test_an_unclean_end_makes_numbers_leap(void **state)
{
    (void)state;
    struct rig *r = rig_open(NULL);
    uint64_t num = topic(r, "a");
    uint64_t silent = topic(r, "b");
    uint64_t leapt = 3 + STORE_LEAP;

    must_commit(r, (struct batch){.topic = num, .count = 3, .state = "s"});
    rig_crash(r);
    assert_int_equal(look(r, "a").seq, leapt);
    assert_int_equal(look(r, "b").seq, 0);
    struct batch stale = {.topic = num, .after = 3, .count = 1};
    assert_int_equal(commit_batch(r, &stale, NULL), E_STORE_SEQ);
    expect_read(r, num, leapt, true, 0, 0);
    expect_read(r, num, 3, true, 0, 0);
    must_commit(r, (struct batch){.topic = num, .after = leapt, .count = 2});
    must_commit(r, (struct batch){.topic = silent, .count = 1});
    expect_read(r, silent, 0, true, 1, 1);
    for (uint64_t after = 0; after < 6; after++) {
        AUTO_READ rd = read_after(r, num, after, 0, 0);
        assert_int_equal(rd.exact, after <= 3); /* 4 and 5 were lost, if there were any */
        assert_int_equal(rd.count, after <= 3 ? 5 - after : 2);
    }
    rig_crash(r);
    assert_int_equal(look(r, "a").seq, leapt + 2 + STORE_LEAP);
    rig_free(r);
}

/* Opens the directory, tells its pid, waits to be killed. */
static void hold_store(const char *dir, int tell)
{
    struct store_conf conf = {.url = dir};
    struct store *s;
    pid_t pid = getpid();

    if (store_open(&conf, &s, NULL) == E_OK && write(tell, &pid, sizeof pid) == sizeof pid)
        for (;;)
            pause();
    _exit(1);
}

static void test_a_directory_serves_one_process(void **state)
{
    (void)state;
    char dir[DIR_MAX];
    int tell[2];
    struct store_conf conf = {.url = dir};
    struct store *s;
    struct errinfo ei = ERRINFO_INIT;

    dir_new(dir);
    assert_int_equal(pipe(tell), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        hold_store(dir, tell[1]);
    close(tell[1]);
    pid_t told = 0;
    assert_int_equal(read(tell[0], &told, sizeof told), sizeof told);
    assert_int_equal(store_open(&conf, &s, &ei), E_STORE_BUSY);
    AUTO_FREE char *pid = xasprintf("pid %ld", (long)child);
    assert_non_null(strstr(ei.text, pid));
    assert_non_null(strstr(ei.text, dir));
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    err_clear(&ei);
    assert_ok(store_open(&conf, &s, &ei), &ei);
    store_close(s);
    close(tell[0]);
    dir_remove(dir);
}

static void test_a_directory_that_cannot_be(void **state)
{
    (void)state;
    struct store_conf conf = {.url = "/dev/null/data"};
    struct store *s = NULL;
    struct errinfo ei = ERRINFO_INIT;

    assert_int_equal(store_open(&conf, &s, &ei), E_IO);
    assert_non_null(strstr(ei.text, "/dev/null/data"));
    err_clear(&ei);
    conf.url = "gopher://somewhere";
    assert_int_equal(store_open(&conf, &s, &ei), E_INVALID);
    assert_null(s);
}

static void test_closing_finishes_what_was_started(void **state)
{
    (void)state;
    struct rig *r = rig_open(NULL);
    struct many *m = xcalloc(1, sizeof *m);
    uint64_t num = topic(r, "a");

    for (size_t i = 0; i < MANY; i++)
        start_one(r, m, i, num, i);
    rig_close_open(r);
    assert_int_equal(look(r, "a").seq, MANY);
    rig_free(r);
    many_done(m);
}

int main(void)
{
    int failed = 0;

    for (size_t i = 0; i < ARRAY_LEN(stores); i++) {
        kind = &stores[i];
        print_message("store: %s\n", kind->name);
        /* The first one forks, which the thread sanitizer wants done before there are threads. */
        failed += RUN_TESTS(
            test_a_directory_serves_one_process, test_records_come_and_change,
            test_revisions_and_names_are_guarded, test_deleted_records_give_up_all_but_their_number,
            test_a_record_made_again_begins_beyond_the_deleted,
            test_records_are_walked_by_kind_in_order, test_a_commit_follows_the_sequence,
            test_events_must_ascend, test_events_keep_type_time_and_body,
            test_state_alone_may_be_committed, test_waiting_commits_share_transactions,
            test_a_refused_commit_does_not_fail_its_group,
            test_operations_of_a_loop_keep_their_order, test_loops_may_compete,
            test_reads_tell_if_they_are_exact, test_a_number_between_events_is_not_exact,
            test_reads_keep_to_their_limits, test_pages_of_any_size_give_all,
            test_a_document_is_its_base_and_patches, test_messages_make_no_document,
            test_retention_by_count, test_retention_by_bytes, test_retention_by_age_at_a_commit,
            test_retention_by_age_without_commits, test_a_document_is_never_trimmed,
            test_readers_hold_events, test_readers_hold_no_more_than_is_allowed,
            test_large_journals_are_removed_little_by_little,
            test_an_orderly_end_keeps_the_sequence, test_an_unclean_end_makes_numbers_leap,
            test_a_directory_that_cannot_be, test_closing_finishes_what_was_started);
    }
    return failed;
}
