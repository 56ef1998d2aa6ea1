/*
 * The references of what is stored: plain loops around SQLite, as durable as the daemon is. Each prints one line of JSON.
 *
 *   bench_sqlite insert GROUP MS     events of 1 KB inserted, so many to a transaction, for so long, at most 100 000
 *   bench_sqlite single COUNT        one to a transaction, so many times
 *   bench_sqlite queue ROWS MS       ten rows of a table selected, then deleted, and so on
 */
#include <dirent.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"

#include "body_rig.c"

#define BODY 1024
#define ROW_BODY 200
#define TOPICS 1000
#define ROUND_EVENTS 100000 /* as in bench_store */
#define BATCH 10

static char dir[] = "/tmp/pollcast-bench-XXXXXX";
static char body[BODY];

static void exec(sqlite3 *db, const char *text)
{
    if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK)
        panic("%s: %s", text, sqlite3_errmsg(db));
}

static sqlite3 *open_db(void)
{
    sqlite3 *db;

    CHECK(mkdtemp(dir));
    AUTO_FREE char *path = xasprintf("%s/bare.db", dir);
    CHECK(sqlite3_open(path, &db) == SQLITE_OK);
    exec(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL");
    return db;
}

static sqlite3_stmt *prepare(sqlite3 *db, const char *text)
{
    sqlite3_stmt *q;

    if (sqlite3_prepare_v2(db, text, -1, &q, NULL) != SQLITE_OK)
        panic("%s: %s", text, sqlite3_errmsg(db));
    return q;
}

static void remove_db(void)
{
    static const char *const names[] = {"bare.db", "bare.db-wal", "bare.db-shm"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        AUTO_FREE char *path = xasprintf("%s/%s", dir, names[i]);
        unlink(path);
    }
    rmdir(dir);
}

/* ---- measuring ---- */

static int64_t cpu_now(void)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * US_PER_S + u.ru_utime.tv_usec +
           u.ru_stime.tv_usec;
}

static void print_rate(int64_t began, int64_t cpu, int64_t done)
{
    printf("{\"cpuUs\":%.3f,\"perS\":%.0f}\n", (double)(cpu_now() - cpu) / (double)done,
           (double)done * US_PER_S / (double)(clock_now() - began));
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* ---- events ---- */

static sqlite3_stmt *prepare_events(sqlite3 *db)
{
    exec(db, "CREATE TABLE events(topic INTEGER, seq INTEGER, time INTEGER, body BLOB)");
    return prepare(db, "INSERT INTO events(rowid, topic, seq, time, body) VALUES(?,?,?,1,?)");
}

static void commit(sqlite3 *db, sqlite3_stmt *insert, int count)
{
    static int64_t next = 1; /* rowid */

    exec(db, "BEGIN");
    for (int i = 0; i < count; i++, next++) {
        sqlite3_bind_int64(insert, 1, next);
        sqlite3_bind_int64(insert, 2, next % TOPICS);
        sqlite3_bind_int64(insert, 3, next / TOPICS);
        sqlite3_bind_blob(insert, 4, body, BODY, SQLITE_STATIC);
        CHECK(sqlite3_step(insert) == SQLITE_DONE);
        sqlite3_reset(insert);
    }
    exec(db, "COMMIT");
}

static void run_insert(sqlite3 *db, int group, int64_t for_us)
{
    sqlite3_stmt *insert = prepare_events(db);
    int64_t began = clock_now(), cpu = cpu_now(), done = 0;

    for (; clock_now() - began < for_us && done < ROUND_EVENTS; done += group)
        commit(db, insert, group);
    print_rate(began, cpu, done);
    sqlite3_finalize(insert);
}

static void run_single(sqlite3 *db, size_t count)
{
    sqlite3_stmt *insert = prepare_events(db);
    AUTO_FREE double *ms = xcalloc(count, sizeof *ms);

    CHECK(count > 0);
    for (size_t i = 0; i < count; i++) {
        int64_t began = clock_now();
        commit(db, insert, 1);
        ms[i] = (double)(clock_now() - began) / 1e3;
    }
    qsort(ms, count, sizeof *ms, by_value);
    printf("{\"p50Ms\":%.4f,\"p99Ms\":%.4f,\"maxMs\":%.4f}\n", ms[count / 2], ms[count * 99 / 100],
           ms[count - 1]);
    sqlite3_finalize(insert);
}

/* ---- a queue ---- */

static void take_batch(sqlite3 *db, sqlite3_stmt *next, sqlite3_stmt *complete)
{
    int64_t last = 0;
    size_t bytes = 0;

    while (sqlite3_step(next) == SQLITE_ROW) {
        last = sqlite3_column_int64(next, 0);
        bytes += strlen((const char *)sqlite3_column_text(next, 1));
    }
    sqlite3_reset(next);
    CHECK(last && bytes);
    sqlite3_bind_int64(complete, 1, last);
    CHECK(sqlite3_step(complete) == SQLITE_DONE && sqlite3_changes(db) == BATCH);
    sqlite3_reset(complete);
}

static void run_queue(sqlite3 *db, int64_t rows, int64_t for_us)
{
    AUTO_FREE char *fill =
        xasprintf("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < %lld) "
                  "INSERT INTO queue(body) SELECT hex(zeroblob(%d)) FROM n",
                  (long long)rows, ROW_BODY / 2);

    exec(db, "CREATE TABLE queue(id INTEGER PRIMARY KEY, body TEXT)");
    exec(db, fill);
    sqlite3_stmt *next = prepare(db, "SELECT id, body FROM queue ORDER BY id LIMIT 10");
    sqlite3_stmt *complete = prepare(db, "DELETE FROM queue WHERE id <= ?");
    int64_t began = clock_now(), cpu = cpu_now(), done = 0;
    for (; clock_now() - began < for_us && done + BATCH < rows; done += BATCH)
        take_batch(db, next, complete);
    print_rate(began, cpu, done);
    sqlite3_finalize(next);
    sqlite3_finalize(complete);
}

int main(int argc, char **argv)
{
    long first = argc > 2 ? strtol(argv[2], NULL, 10) : 0;
    int64_t for_us = argc > 3 ? strtol(argv[3], NULL, 10) * US_PER_MS : 0;

    CHECK(first > 0);
    fill_body(body, BODY);
    sqlite3 *db = open_db();
    if (strcmp(argv[1], "insert") == 0)
        run_insert(db, (int)first, for_us);
    else if (strcmp(argv[1], "single") == 0)
        run_single(db, (size_t)first);
    else
        run_queue(db, first, for_us);
    sqlite3_close(db);
    remove_db();
    return 0;
}
