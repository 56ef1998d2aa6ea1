/*
 * The write-ahead log of the SQLite store: what it holds is moved into the database before it grows
 * long, beside the commits.
 */
#ifndef STORE_STORE_SQLITE_WAL_H
#define STORE_STORE_SQLITE_WAL_H

#include <sqlite3.h>
#include <stdbool.h>

/* Pages of the log, and those that are added, before they are moved: 12 MB. With what comes meanwhile
 * it keeps to the size that use_wal() leaves it, and is written over without growing. */
#define WAL_PAGES 3000

struct store_sqlite;

struct wal {
    int pages;   /* of the log at the last commit */
    int due;     /* so many are too many */
    bool away;   /* an errand is under way, and has `db` */
    bool rest;   /* it has come back: the rest is to be moved */
    sqlite3 *db; /* of the errand; NULL: there was none yet */
};

/* From now on SQLite leaves its length to the functions below. */
void wal_watch(struct store_sqlite *s);
/* After a group: if the log is too long, have most of it moved into the database, away from this
 * thread; if there was no pause for long after that, the rest too. */
void wal_move(struct store_sqlite *s);
/* In a pause: move what came meanwhile, so that the log can begin anew. Waits for the disk. */
void wal_move_rest(struct store_sqlite *s);
/* When no errand can be under way any more: the loop is gone, or never ran. Before s->db is closed,
 * which as the last connection empties the log and removes it. */
void wal_done(struct store_sqlite *s);

#endif
