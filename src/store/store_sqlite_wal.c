/*
 * Moving what the write-ahead log holds into the database, so that the log can begin anew.
 *
 * SQLite would do it within the commit that makes the log too long, and that commit and all behind it
 * would wait for hundreds of pages and for the disk, each second under load. So the bulk is moved by an
 * errand, on a connection of its own, while commits go on. What these added meanwhile is little; the
 * store's thread moves it in a pause, when nobody writes, for only a log of which nothing is left begins
 * anew.
 */
#include "base/trace.h"
#include "io/errand.h"
#include "store/store_sqlite.h"

/* So many pages more are too many to wait for a pause, which under load may not come. */
#define WAL_PAGES_PATIENCE 4000

static int on_wal(void *arg, sqlite3 *db, const char *name, int pages)
{
    struct store_sqlite *s = arg;

    (void)db;
    (void)name;
    if (pages < s->wal.pages)
        s->wal.due = WAL_PAGES; /* it began anew */
    s->wal.pages = pages;
    return SQLITE_OK;
}

void wal_watch(struct store_sqlite *s)
{
    s->wal.due = WAL_PAGES;
    sqlite3_wal_hook(s->db, on_wal, s); /* in place of SQLite's own checkpoints */
}

/* A failure costs nothing but time: all stays in the log, and the next try comes by itself. */
static void move(sqlite3 *db, const char *who)
{
    int pages = -1, moved = -1;
    int rc = sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_PASSIVE, &pages, &moved);

    trace(store, "log: %s moved %d of %d pages (%s)", who, moved, pages, sqlite3_errstr(rc));
}

/* ---- the errand ---- */

/* A connection knows the log only after it has read. */
static bool connect(struct store_sqlite *s)
{
    if (s->wal.db)
        return true;
    int rc =
        sqlite3_open_v2(s->path, &s->wal.db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(s->wal.db, "PRAGMA schema_version", NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        return true;
    trace(store, "log: no connection for it: %s", sqlite3_errstr(rc));
    sqlite3_close(TAKE(s->wal.db));
    return false;
}

/* On another thread: of the store it may touch only its connection and the path. */
static void on_errand(void *arg)
{
    struct store_sqlite *s = arg;

    if (connect(s))
        move(s->wal.db, "errand");
}

static void on_errand_done(void *arg)
{
    struct store_sqlite *s = arg;

    s->wal.away = false;
    s->wal.rest = true;
}

void wal_move_rest(struct store_sqlite *s)
{
    if (!s->wal.rest)
        return;
    s->wal.rest = false;
    s->wal.due = s->wal.pages + WAL_PAGES;
    move(s->db, "the store");
}

void wal_move(struct store_sqlite *s)
{
    if (s->wal.away || s->wal.pages < s->wal.due)
        return;
    if (s->wal.rest) {
        if (s->wal.pages >= s->wal.due + WAL_PAGES_PATIENCE)
            wal_move_rest(s);
        return;
    }
    s->wal.away = true;
    errand_run(s->store.loop, on_errand, on_errand_done, s);
}

void wal_done(struct store_sqlite *s)
{
    sqlite3_close(TAKE(s->wal.db));
}
