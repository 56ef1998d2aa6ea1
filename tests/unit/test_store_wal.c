/*
 * The write-ahead log of the SQLite store: it stays short under all kinds of load, comes back to that
 * when it could not be moved for a time, and nothing of it is left behind.
 */
#include "unit.h"

#include "store/store_sqlite.h"

#include "store_faults.c"
#include "store_rig.c"

#define BODY ((size_t)128 << 10)
#define WRITTEN (BODY / 2) /* every other one is packed to a few bytes */
#define STEADY 1000        /* commits, of five times what the log may be long */
#define HELD 400           /* while it cannot be moved */
#define FLIGHT 8
#define FLOOD (200 * FLIGHT) /* commits, FLIGHT of them under way at any time */
/* About half of what is written: how soon it is moved depends on the disk. */
#define LOG_MAX ((size_t)32 << 20)
#define FLOODED_MAX ((size_t)56 << 20)
#define KEPT_MAX ((size_t)16 << 20) /* what use_wal() lets it be when it begins anew */

/* 0: there is none. */
static size_t log_bytes(const struct rig *r)
{
    char path[DIR_MAX + 64];
    struct stat st;

    dir_path(path, r->dir, "pollcast.db-wal");
    return stat(path, &st) == 0 ? (size_t)st.st_size : 0;
}

/* That many commits, one after the other; ret: the most that the log was. */
static size_t commit_steadily(struct rig *r, uint64_t num, uint64_t *seq, size_t count)
{
    size_t most = 0;

    for (size_t i = 0; i < count; i++) {
        must_commit(r, (struct batch){.topic = num, .after = (*seq)++, .count = 1, .size = BODY});
        most = MAX(most, log_bytes(r));
    }
    return most;
}

/* Commits until the log is short again: how soon depends on the disk. */
static void commit_until_short(struct rig *r, uint64_t num, uint64_t *seq)
{
    int64_t until = clock_now() + WAIT_S * US_PER_S;

    while (log_bytes(r) > KEPT_MAX) {
        assert_true(clock_now() < until);
        commit_steadily(r, num, seq, 10);
    }
}

static void expect_events(struct rig *r, uint64_t num, uint64_t seq)
{
    AUTO_READ rd = read_after(r, num, seq - 10, 0, 0);

    assert_true(rd.exact);
    assert_int_equal(rd.count, 10);
}

static void test_short_under_steady_commits(void **state)
{
    (void)state;
    struct rig *r = rig_open(NULL);
    uint64_t num = topic(r, "a"), seq = 0;
    size_t most = commit_steadily(r, num, &seq, STEADY);

    assert_in_range(most, WAL_PAGES * 4096, LOG_MAX);
    expect_events(r, num, seq);
    rig_free(r);
}

struct flight {
    struct asked_commit asked;
    struct store_event event;
};

static void take_off(struct rig *r, struct flight *f, uint64_t num)
{
    f->event.seq += FLIGHT;
    f->asked.op = (struct store_commit){
        .topic = num, .expected_seq = f->event.seq - 1, .events = &f->event, .event_count = 1};
    f->event.body = body_of(num, f->event.seq, BODY);
    start_commit(r, &f->asked);
}

static void land(struct rig *r, struct flight *f)
{
    await(r, 1);
    assert_ok(f->asked.op.op.err, &f->asked.op.op.info);
    blob_unref(f->event.body);
}

/* Groups that leave some of the queue: there is no pause. */
static void test_short_under_a_flood(void **state)
{
    (void)state;
    struct store_conf conf = {.group_max = FLIGHT / 4};
    struct rig *r = rig_open(&conf);
    uint64_t num = topic(r, "a");
    struct flight flights[FLIGHT] = {0};
    size_t most = 0;

    for (size_t i = 0; i < FLIGHT; i++) {
        flights[i].event = (struct store_event){.seq = i + 1 - FLIGHT, .type = STORE_EVENT};
        take_off(r, &flights[i], num);
    }
    for (size_t i = 0; i < FLOOD; i++) {
        land(r, &flights[i % FLIGHT]);
        take_off(r, &flights[i % FLIGHT], num);
        most = MAX(most, log_bytes(r));
    }
    for (size_t i = 0; i < FLIGHT; i++)
        land(r, &flights[i]);
    assert_in_range(most, WAL_PAGES * 4096, FLOODED_MAX);
    expect_events(r, num, FLOOD + FLIGHT);
    rig_free(r);
}

/* Commits do not fail with it, and it is made up for. */
static void test_a_log_that_could_not_be_moved(void **state)
{
    (void)state;
    faults_install();
    struct rig *r = rig_open(NULL);
    uint64_t num = topic(r, "a"), seq = 0;

    atomic_store(&faults.log_stays, true);
    faults_arm(0, SQLITE_IOERR_WRITE, true);
    size_t most = commit_steadily(r, num, &seq, HELD);
    assert_true(most > HELD * WRITTEN);
    assert_true(atomic_load(&faults.hits) > 1);
    faults_disarm();
    commit_until_short(r, num, &seq);
    expect_events(r, num, seq);
    rig_free(r);
    faults_remove();
}

/* A log that somebody reads cannot begin anew. */
static void test_a_log_that_is_read(void **state)
{
    (void)state;
    struct rig *r = rig_open(NULL);
    uint64_t num = topic(r, "a"), seq = 0;
    char path[DIR_MAX + 64];
    sqlite3 *db;

    must_commit(r, (struct batch){.topic = num, .after = seq++, .count = 1});
    dir_path(path, r->dir, "pollcast.db");
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    const char *look = "BEGIN; SELECT count(*) FROM events";
    assert_int_equal(sqlite3_exec(db, look, NULL, NULL, NULL), SQLITE_OK);
    assert_true(commit_steadily(r, num, &seq, HELD) > HELD * WRITTEN);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    commit_until_short(r, num, &seq);
    expect_events(r, num, seq);
    rig_free(r);
}

static void expect_known(const char *path, const char *name, void *arg)
{
    if (strcmp(name, "pollcast.db") != 0 && strcmp(name, "lock") != 0)
        fail_msg("%s is left", path);
    ++*(size_t *)arg;
}

/* Closed right before the commit that begins the move, with it, and soon after. */
static void test_nothing_is_left_when_it_is_closed(void **state)
{
    (void)state;
    struct rig *r = rig_open(NULL);
    uint64_t num = topic(r, "a"), seq = 0;

    for (size_t round = 0; round < 6; round++) {
        size_t files = 0;
        while (log_bytes(r) < WAL_PAGES * 4096)
            commit_steadily(r, num, &seq, 1);
        commit_steadily(r, num, &seq, round);
        store_close(r->s);
        dir_each(r->dir, expect_known, &files);
        assert_int_equal(files, 2);
        (void)kind->check(r->dir);
        rig_reopen(r);
        AUTO_READ rd = read_after(r, num, seq - 1, 0, 0);
        assert_int_equal(rd.count, 1);
    }
    rig_free(r);
}

int main(void)
{
    return RUN_TESTS(test_short_under_steady_commits, test_short_under_a_flood,
                     test_a_log_that_could_not_be_moved, test_a_log_that_is_read,
                     test_nothing_is_left_when_it_is_closed);
}
