/*
 * What only the SQLite store has: versions of its file, damage, full disks, and failures of each
 * single write. What every store has to do: test_store.c.
 */
#include "unit.h"

#include <errno.h>
#include <sched.h>
#include <sys/mount.h>

#include "store/store_sqlite.h"

#include "store_faults.c"
#include "store_rig.c"

static void db_path(char *ret, const struct rig *r)
{
    dir_path(ret, r->dir, "pollcast.db");
}

/* SQL past the store. */
static void tamper(const struct rig *r, const char *text)
{
    char path[DIR_MAX + 64];
    sqlite3 *db;

    db_path(path, r);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", text, sqlite3_errmsg(db));
    sqlite3_close(db);
}

/* The same between two runs of it. */
static void tamper_between(struct rig *r, const char *text)
{
    store_close(r->s);
    tamper(r, text);
    rig_reopen(r);
}

/* ---- files ---- */

static void test_only_the_owner_may_read(void **state)
{
    (void)state;
    char dir[DIR_MAX], inner[DIR_MAX + 64];
    struct store_conf conf = {.url = inner};
    struct store *s;
    struct stat st;

    dir_new(dir);
    dir_path(inner, dir, "data");
    assert_int_equal(store_open(&conf, &s, NULL), E_OK);
    store_close(s);
    assert_int_equal(stat(inner, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    dir_remove(inner);
    assert_int_equal(rmdir(dir), 0);
}

static void expect_newer(struct rig *r, const char *const *names)
{
    struct blob *before[2];
    struct errinfo ei = ERRINFO_INIT;
    char path[DIR_MAX + 64];

    for (size_t i = 0; i < 2; i++) {
        dir_path(path, r->dir, names[i]);
        before[i] = file_read(path);
        assert_true(before[i]->len > 0);
    }
    assert_int_equal(rig_try_open(r, NULL, &ei), E_STORE_NEWER);
    assert_non_null(strstr(ei.text, "format 99"));
    for (size_t i = 0; i < 2; i++) {
        dir_path(path, r->dir, names[i]);
        AUTO(blob_unrefp) struct blob *after = file_read(path);
        assert_true(str_eq(blob_view(before[i]), blob_view(after)));
        blob_unref(before[i]);
    }
}

static void test_a_newer_file_is_left_alone(void **state)
{
    (void)state;
    static const char *const names[] = {"pollcast.db", "pollcast.db-wal"};
    struct rig *r = rig_open(NULL);

    topic(r, "a");
    store_close(r->s);
    tamper(r, "PRAGMA user_version = 99"); /* and leaves a write-ahead log behind */
    expect_newer(r, names);
    AUTO_FREE char *own = xasprintf("PRAGMA user_version = %d", STORE_SCHEMA_VERSION);
    tamper(r, own);
    rig_reopen(r);
    assert_true(look(r, "a").found);
    rig_free(r);
}

static enum err migrate(sqlite3 *db, const char *const *steps, unsigned version)
{
    struct store_sqlite s = {.path = (char[]){"old.db"}, .db = db};
    struct errinfo ei = ERRINFO_INIT;

    return schema_migrate(&s, steps, version, &ei);
}

static int64_t number(sqlite3 *db, const char *text)
{
    struct checker c = {.db = db};

    return check_number(&c, text);
}

static void test_older_files_are_brought_up(void **state)
{
    (void)state;
    static const char *const steps[] = {
        "CREATE TABLE t(a); INSERT INTO t VALUES (1)",
        "ALTER TABLE t ADD COLUMN b; UPDATE t SET b = a * 10",
        "INSERT INTO t VALUES (3, 4); INSERT INTO nowhere VALUES (1)",
    };
    sqlite3 *db;

    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    assert_int_equal(migrate(db, steps, 1), E_OK);
    assert_int_equal(number(db, "PRAGMA user_version"), 1);
    assert_int_equal(sqlite3_exec(db, "UPDATE t SET a = 7", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(migrate(db, steps, 2), E_OK);
    assert_int_equal(number(db, "PRAGMA user_version"), 2);
    assert_int_equal(number(db, "SELECT b FROM t"), 70);
    assert_int_equal(migrate(db, steps, 2), E_OK); /* nothing to do */
    assert_int_equal(number(db, "SELECT count(*) FROM t"), 1);
    /* A step that fails leaves nothing of itself. */
    assert_int_equal(migrate(db, steps, 3), E_IO);
    assert_int_equal(number(db, "PRAGMA user_version"), 2);
    assert_int_equal(number(db, "SELECT count(*) FROM t"), 1);
    assert_int_equal(sqlite3_get_autocommit(db), 1);
    sqlite3_close(db);
}

/* Version 2 had bodies as they are, and no column for their length. */
static void test_a_file_of_version_2(void **state)
{
    (void)state;
    struct rig *r = rig_open(NULL);
    uint64_t num = topic(r, "a");

    must_commit(r, (struct batch){.topic = num, .count = 200, .size = 500});
    tamper_between(r,
                   "CREATE TABLE old(topic INTEGER NOT NULL, seq INTEGER NOT NULL,"
                   " time INTEGER NOT NULL, type INTEGER NOT NULL, prev INTEGER NOT NULL,"
                   " skip INTEGER NOT NULL, n INTEGER NOT NULL, cum INTEGER NOT NULL,"
                   " body BLOB NOT NULL);"
                   "INSERT INTO old(rowid, topic, seq, time, type, prev, skip, n, cum, body)"
                   " SELECT rowid, topic, seq, time, type, prev, skip, n, cum, body FROM events;"
                   "DROP TABLE events; ALTER TABLE old RENAME TO events; PRAGMA user_version = 2");
    expect_read(r, num, 0, true, 1, 200);
    must_commit(r, (struct batch){.topic = num,
                                  .after = 200,
                                  .count = 1,
                                  .size = 5000,
                                  .retention = {.max_bytes = 10000}});
    AUTO_READ rd = read_after(r, num, 0, 0, 0);
    assert_int_equal(rd.count, 11); /* 5000 bytes and ten times 500 */
    rig_free(r);
}

/* ---- damage ---- */

static void test_a_file_of_garbage(void **state)
{
    (void)state;
    struct rig *r = rig_new();
    struct errinfo ei = ERRINFO_INIT;
    char path[DIR_MAX + 64];
    char garbage[8192];

    memset(garbage, 'g', sizeof garbage);
    db_path(path, r);
    file_write(path, garbage, sizeof garbage);
    assert_int_equal(rig_try_open(r, NULL, &ei), E_STORE_CORRUPT);
    assert_non_null(strstr(ei.text, path));
    assert_non_null(strstr(ei.text, "backup"));
    assert_int_equal(unlink(path), 0);
    rig_reopen(r);
    rig_free(r);
}

static void test_a_damaged_page(void **state)
{
    (void)state;
    struct rig *r = rig_open(NULL);
    struct errinfo ei = ERRINFO_INIT;
    char path[DIR_MAX + 64];

    topic(r, "a");
    store_close(r->s);
    db_path(path, r);
    AUTO(blob_unrefp) struct blob *b = file_read(path);
    assert_true(b->len > 8192);
    memset(b->p + 4096, 0xa5, b->len - 4096);
    file_write(path, b->p, b->len);
    assert_int_equal(rig_try_open(r, NULL, &ei), E_STORE_CORRUPT);
    assert_int_equal(unlink(path), 0);
    rig_reopen(r);
    rig_free(r);
}

static void test_a_hole_in_one_journal_harms_no_other(void **state)
{
    (void)state;
    struct rig *r = rig_open(NULL);
    uint64_t bad = topic(r, "a");
    uint64_t good = topic(r, "b");
    struct store_retention keep = {.max_events = 10};

    must_commit(r, (struct batch){.topic = bad, .count = 300});
    must_commit(r, (struct batch){.topic = good, .count = 300});
    tamper_between(r, "DELETE FROM events WHERE topic = 1 AND n IN (128, 200, 296)");
    AUTO_READ torn = read_after(r, bad, 250, 0, 0);
    assert_int_equal(torn.op.err, E_STORE_CORRUPT);
    assert_non_null(strstr(torn.op.info.text, "backup"));
    AUTO_READ end = read_after(r, bad, 298, 0, 0);
    assert_int_equal(end.count, 2);
    AUTO_READ other = read_after(r, good, 0, 0, 0);
    assert_int_equal(other.count, 300);
    /* It can still be written to, and be deleted. */
    must_commit(r, (struct batch){.topic = bad, .after = 300, .count = 1, .retention = keep});
    assert_int_equal(delete_topic(r, "a", 0), E_OK);
    must_commit(r, (struct batch){.topic = good, .after = 300, .count = 1});
    tamper_between(r, "DELETE FROM events WHERE topic = 1"); /* what was cut off from the chain */
    rig_free(r);
}

/* A body that does not unpack is told, never given. */
static void test_a_damaged_body(void **state)
{
    (void)state;
    struct rig *r = rig_open(NULL);
    uint64_t num = topic(r, "a");

    must_commit(r, (struct batch){.topic = num, .count = 3, .size = 5000});
    tamper_between(
        r, "UPDATE events SET body = substr(body, 1, length(body) - 1) || x'00' WHERE seq = 1");
    AUTO_READ rd = read_after(r, num, 0, 0, 0);
    assert_int_equal(rd.op.err, E_STORE_CORRUPT);
    assert_non_null(strstr(rd.op.info.text, "damaged"));
    expect_read(r, num, 1, true, 2, 3);
    rig_free(r);
}

static void test_a_head_that_contradicts_itself(void **state)
{
    (void)state;
    struct rig *r = rig_open(NULL);
    struct errinfo ei = ERRINFO_INIT;

    topic(r, "a");
    store_close(r->s);
    tamper(r, "UPDATE heads SET first_n = 5");
    assert_int_equal(rig_try_open(r, NULL, &ei), E_STORE_CORRUPT);
    tamper(r, "UPDATE heads SET first_n = 1");
    rig_reopen(r);
    rig_free(r);
}

/* ---- the disk ---- */

static void test_an_answer_waits_for_the_disk(void **state)
{
    (void)state;
    faults_install();
    struct rig *r = rig_open(NULL);
    uint64_t num = topic(r, "a");

    for (uint64_t i = 0; i < 20; i++) {
        long before = atomic_load(&faults.syncs);
        must_commit(r, (struct batch){.topic = num, .after = i, .count = 1});
        assert_true(atomic_load(&faults.syncs) > before);
    }
    rig_free(r);
    faults_remove();
}

static void test_without_waiting_only_first_commits_wait(void **state)
{
    (void)state;
    faults_install();
    struct store_conf conf = {.sync_normal = true};
    struct rig *r = rig_open(&conf);
    uint64_t num = topic(r, "a");
    long before = atomic_load(&faults.syncs);

    must_commit(r, (struct batch){.topic = num, .count = 1});
    long after_first = atomic_load(&faults.syncs);
    assert_true(after_first > before);
    for (uint64_t i = 1; i < 20; i++)
        must_commit(r, (struct batch){.topic = num, .after = i, .count = 1});
    assert_int_equal(atomic_load(&faults.syncs), after_first);
    rig_free(r);
    faults_remove();
}

/* What should be there, by what was answered. */
struct model {
    uint64_t num[2], seq[2];
    uint64_t failures;
};

static void expect_model(struct rig *r, const struct model *m)
{
    for (size_t i = 0; i < 2; i++) {
        AUTO_READ rd = read_after(r, m->num[i], 0, 0, 0);
        assert_ok(rd.op.err, &rd.op.info);
        assert_int_equal(rd.head, m->seq[i]);
        assert_int_equal(rd.count ? rd.events[rd.count - 1].seq : 0, m->seq[i]);
        assert_true(i == 1 || rd.count == m->seq[i]);
    }
}

static void try_commit(struct rig *r, struct model *m, size_t of, struct batch b)
{
    struct errinfo ei = ERRINFO_INIT;

    b.topic = m->num[of];
    b.after = m->seq[of];
    enum err e = commit_batch(r, &b, &ei);
    if (e == E_OK) {
        m->seq[of] += b.count;
        return;
    }
    assert_true(e == E_IO || e == E_STORE_FULL);
    assert_non_null(strstr(ei.text, "pollcast.db"));
    m->failures++;
    expect_model(r, m); /* a failure changes nothing, and reads go on */
}

/* A bit of everything that writes. */
static void work(struct rig *r, struct model *m, int round)
{
    struct store_retention keep = {.max_events = 5};
    AUTO_FREE char *name = xasprintf("extra %d", round);
    struct store_put op;

    for (size_t i = 0; i < 3; i++) {
        try_commit(r, m, 0, (struct batch){.count = 2, .type = STORE_PATCH, .checkpoint = "[]"});
        try_commit(r, m, 1, (struct batch){.count = 90, .state = "state", .retention = keep});
    }
    enum err e = put_full(r, &op, "topic", name, name, "{}", 0);
    m->failures += e != E_OK;
    if (e != E_OK)
        return;
    struct batch b = {.topic = op.num, .count = 200};
    m->failures += commit_batch(r, &b, NULL) != E_OK;
    m->failures += delete_topic(r, name, 0) != E_OK;
}

/* Fail the n-th write, for each n until there is none left to fail. */
static void torture(int rc, bool lasting)
{
    struct rig *r = rig_open(NULL);
    struct model m = {.num = {topic(r, "a"), topic(r, "b")}};
    bool was_hit = true;

    for (int n = 0; was_hit; n++) {
        faults_arm(n, rc, lasting);
        work(r, &m, n);
        was_hit = atomic_load(&faults.hits) > 0;
        faults_disarm();
        expect_model(r, &m);
        if (n % 16 == 0)
            (void)kind->check(r->dir);
        work(r, &m, n + 100000); /* later ones succeed */
        expect_model(r, &m);
    }
    assert_true(m.failures > 20);
    rig_close_open(r);
    expect_model(r, &m);
    rig_free(r);
}

static void test_each_write_may_fail(void **state)
{
    (void)state;
    faults_install();
    torture(SQLITE_IOERR_WRITE, false);
    torture(SQLITE_FULL, true);
    faults_remove();
}

/* Reads that stood in a group behind commits that failed must not show them. */
static void test_reads_of_a_failed_group_are_done_again(void **state)
{
    (void)state;
    enum { PAIRS = 100 };
    struct asked_commit *commits = xcalloc(PAIRS, sizeof *commits);
    struct asked_read *reads = xcalloc(PAIRS, sizeof *reads);

    faults_install();
    struct rig *r = rig_open(NULL);
    uint64_t num = topic(r, "a");
    must_commit(r, (struct batch){.topic = num, .count = 3});
    AUTO(blob_unrefp) struct blob *body = body_of(num, 4, 0);
    struct store_event event = {.type = STORE_EVENT, .body = body};
    struct store_event events[PAIRS];
    faults_arm(0, SQLITE_FULL, true);
    for (size_t i = 0; i < PAIRS; i++) {
        events[i] = event;
        events[i].seq = 4 + i;
        commits[i].op = (struct store_commit){
            .topic = num, .expected_seq = 3 + i, .events = &events[i], .event_count = 1};
        reads[i].op.topic = num;
        start_commit(r, &commits[i]);
        start_read(r, &reads[i]);
    }
    await(r, 2 * PAIRS);
    faults_disarm();
    for (size_t i = 0; i < PAIRS; i++) {
        assert_true(commits[i].op.op.err == E_STORE_FULL || commits[i].op.op.err == E_STORE_SEQ);
        assert_int_equal(reads[i].op.op.err, E_OK);
        assert_int_equal(reads[i].op.count, 3);
        assert_int_equal(reads[i].op.head, 3);
        store_read_done(&reads[i].op);
    }
    must_commit(r, (struct batch){.topic = num, .after = 3, .count = 1});
    rig_free(r);
    faults_remove();
    free(commits);
    free(reads);
}

static void test_each_write_of_opening_may_fail(void **state)
{
    (void)state;
    bool was_hit = true;
    uint64_t seq = 3;

    faults_install();
    struct rig *r = rig_open(NULL);
    uint64_t num = topic(r, "a");
    must_commit(r, (struct batch){.topic = num, .count = 3});
    for (int n = 0; was_hit; n++) {
        struct errinfo ei = ERRINFO_INIT;
        faults_arm(n, n % 2 ? SQLITE_IOERR_FSYNC : SQLITE_FULL, true);
        store_close(r->s); /* whatever fails here, the next start copes with it */
        faults_arm(n / 2, n % 2 ? SQLITE_IOERR_FSYNC : SQLITE_FULL, true);
        enum err e = rig_try_open(r, NULL, &ei);
        was_hit = atomic_load(&faults.hits) > 0;
        faults_disarm();
        assert_true(e == E_OK || e == E_IO || e == E_STORE_FULL);
        if (e != E_OK)
            rig_reopen(r);
        uint64_t now = look(r, "a").seq;
        assert_true(now >= seq && (now - 3) % STORE_LEAP == 0);
        seq = now;
        AUTO_READ rd = read_after(r, num, 0, 0, 0);
        assert_int_equal(rd.count, 3);
    }
    assert_true(seq > STORE_LEAP); /* some of these ends were not marked */
    rig_free(r);
    faults_remove();
}

/* A file as large as the disk still takes. */
static void fill_up(const char *path)
{
    static const char zeros[4096];
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ssize_t n;

    assert_true(fd >= 0);
    while ((n = write(fd, zeros, sizeof zeros)) > 0)
        continue;
    assert_int_equal(errno, ENOSPC);
    close(fd);
}

/* Until the disk is full; the seq reached. */
static uint64_t commit_until_full(struct rig *r, uint64_t num, uint64_t seq, size_t size)
{
    struct errinfo ei = ERRINFO_INIT;
    struct batch b = {.topic = num, .count = 1, .size = size};

    for (int i = 0; i < 10000; i++) {
        b.after = seq;
        enum err e = commit_batch(r, &b, &ei);
        if (e != E_OK) {
            assert_int_equal(e, E_STORE_FULL);
            assert_non_null(strstr(ei.text, "free space"));
            return seq;
        }
        seq++;
    }
    fail_msg("the disk does not become full");
    return 0;
}

/* Whether opening failed while the disk was full: what a failed commit left of the log may be just
 * enough for it. */
static bool check_full_disk(struct rig *r)
{
    struct errinfo ei = ERRINFO_INIT;
    char ballast[DIR_MAX + 64];
    uint64_t num = topic(r, "a");
    uint64_t seq = commit_until_full(r, num, 0, 20000);

    assert_true(seq > 10);
    AUTO_READ rd = read_after(r, num, 0, 0, 0);
    assert_int_equal(rd.count, seq);
    dir_path(ballast, r->dir, "ballast");
    assert_int_equal(truncate(ballast, 1 << 20), 0);
    uint64_t more = commit_until_full(r, num, seq, 20000);
    assert_true(more > seq + 10);
    fill_up(ballast);
    more = commit_until_full(r, num, more, 1);
    fill_up(ballast);
    store_close(r->s);
    fill_up(ballast);
    enum err opened = rig_try_open(r, NULL, &ei);
    bool refused = opened == E_STORE_FULL;
    assert_true(refused || opened == E_OK);
    assert_int_equal(unlink(ballast), 0);
    if (refused)
        rig_reopen(r);
    AUTO_READ again = read_after(r, num, 0, 0, 0);
    assert_int_equal(again.count, more);
    assert_true(again.exact);
    (void)kind->check(r->dir);
    store_close(r->s);
    return refused;
}

/* A disk of 4 MiB in a namespace of mounts of our own; false: there can be none. */
static bool mount_small(const char *dir)
{
    return unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("none", dir, "tmpfs", 0, "size=4m") == 0;
}

static bool fill_and_check(struct rig *r, off_t ballast_bytes)
{
    char ballast[DIR_MAX + 64];

    dir_path(ballast, r->dir, "ballast");
    file_write(ballast, "", 0);
    int fd = open(ballast, O_WRONLY | O_CLOEXEC);
    assert_int_equal(posix_fallocate(fd, 0, ballast_bytes), 0);
    close(fd);
    rig_loop_start(r);
    rig_reopen(r);
    bool refused = check_full_disk(r);
    rig_loop_stop(r);
    return refused;
}

static void test_a_full_disk(void **state)
{
    (void)state;
    unsigned refused = 0;

    for (int pages = 0; pages < 6; pages++) {
        struct rig r;
        dir_new(r.dir);
        if (!mount_small(r.dir)) {
            assert_int_equal(rmdir(r.dir), 0);
            print_message("no file system of a given size can be mounted here\n");
            skip();
        }
        refused += fill_and_check(&r, (2 << 20) + pages * 4096);
        assert_int_equal(umount2(r.dir, MNT_DETACH), 0);
        assert_int_equal(rmdir(r.dir), 0);
    }
    assert_true(refused > 0);
}

int main(void)
{
    return RUN_TESTS(test_only_the_owner_may_read, test_a_newer_file_is_left_alone,
                     test_older_files_are_brought_up, test_a_file_of_version_2,
                     test_a_file_of_garbage, test_a_damaged_page,
                     test_a_hole_in_one_journal_harms_no_other, test_a_damaged_body,
                     test_a_head_that_contradicts_itself, test_an_answer_waits_for_the_disk,
                     test_without_waiting_only_first_commits_wait, test_each_write_may_fail,
                     test_reads_of_a_failed_group_are_done_again,
                     test_each_write_of_opening_may_fail, test_a_full_disk);
}
