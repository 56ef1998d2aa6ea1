/*
 * The SQLite store, inside. One file `<dir>/pollcast.db`, one connection, one thread at a time
 * (store_backend.h says which); what store_sqlite_wal does beside it has a connection of its own.
 * The only door to sqlite3.h.
 *
 * All operations of a group share one transaction. It changes the heads in memory first; what it
 * touched is remembered, and either written with it or put back.
 */
#ifndef STORE_STORE_SQLITE_H
#define STORE_STORE_SQLITE_H

#include <sqlite3.h>

#include "io/pack.h"
#include "store/store_backend.h"
#include "store/store_notes.h"
#include "store/store_sqlite_heads.h"
#include "store/store_sqlite_wal.h"

#define STORE_SCHEMA_VERSION 3
/* Bodies above this are refused: half of what SQLite takes for a row. */
#define BODY_MAX ((size_t)500 * 1000 * 1000)

/* Every statement, prepared once: enum and text (store_sqlite_schema.c) from one list. */
enum query {
#define QUERY(name, sql) Q_##name,
#include "store/store_sqlite.def"
#undef QUERY
    Q_COUNT
};

/* A stretch of a chain that no head counts any more, on its way out. */
struct doomed {
    int64_t id;
    uint64_t topic;
    int64_t last; /* rowid of the newest */
    uint64_t first_n;
};

struct store_sqlite {
    struct store store; /* first: see store_backend.h */
    char *path;
    int lock_fd;
    bool sync_normal;
    sqlite3 *db;
    sqlite3_stmt *stmts[Q_COUNT];
    struct heads heads;
    struct doomed *doomed;
    size_t doomed_count, doomed_cap;
    bool doomed_known;  /* `doomed` is what the file says */
    int64_t next_event; /* rowid; a gap after a failure does no harm */
    size_t sweep_at;    /* where the sweep for age goes on, in heads.v */
    struct {
        uint64_t next;                /* number of the next; the newest note is the one before it */
        uint64_t first;               /* none has a smaller one */
        uint64_t next_was, first_was; /* when the transaction began */
        uint64_t trim_to;             /* those up to here are to be removed */
    } notes;
    struct wal wal;
    struct packer *packer;
    struct {
        bool open;
        struct errinfo why; /* what broke it: then it can only be rolled back */
        int64_t began;
        unsigned budget; /* events that may still be removed */
        uint64_t events, bytes, snapshots, commits, trimmed, notes, trimmed_notes;
    } tx;
};

/* ---- statements (store_sqlite.c) ---- */

/* `AUTO_STMT sqlite3_stmt *q = sql(s, Q_…);` is reset at the end of the scope. */
#define AUTO_STMT AUTO(sql_resetp)
static inline void sql_resetp(sqlite3_stmt **q)
{
    sqlite3_reset(*q);
}
static inline sqlite3_stmt *sql(struct store_sqlite *s, enum query q)
{
    return s->stmts[q];
}
/* Parameters from the first on, all integers. */
void sql_bind(sqlite3_stmt *q, const int64_t *v, size_t count);
#define sql_ints(q, ...)                                                                           \
    sql_bind(q, (const int64_t[]){__VA_ARGS__},                                                    \
             sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t))
void sql_bind_blob(sqlite3_stmt *q, int at, const struct blob *b);
void sql_bind_str(sqlite3_stmt *q, int at, struct str v);
struct blob *sql_blob(sqlite3_stmt *q, int column);
/* The body of an event or a checkpoint, packed: for q's next run only, and one at a time. */
void sql_bind_body(struct store_sqlite *s, sqlite3_stmt *q, int at, const struct blob *body);
MUST_USE enum err sql_body(struct store_sqlite *s, sqlite3_stmt *q, int column, struct blob **ret,
                           struct errinfo *ei);
struct str sql_str(sqlite3_stmt *q, int column);
static inline uint64_t sql_u64(sqlite3_stmt *q, int column)
{
    return (uint64_t)sqlite3_column_int64(q, column);
}
/* Run to the end; a failure within a transaction breaks it. */
MUST_USE enum err sql_run(struct store_sqlite *s, sqlite3_stmt *q, struct errinfo *ei);
/* One step; *ret_row false: no more rows. */
MUST_USE enum err sql_row(struct store_sqlite *s, sqlite3_stmt *q, bool *ret_row,
                          struct errinfo *ei);
MUST_USE enum err sql_exec(struct store_sqlite *s, const char *text, struct errinfo *ei);
/* What a result code of SQLite means to the user, who is told what to do. */
enum err sql_fail(struct store_sqlite *s, int rc, struct errinfo *ei);
enum err sql_corrupt(struct store_sqlite *s, struct errinfo *ei, const char *what);

/* ---- schema (store_sqlite_schema.c) ---- */

/* E_STORE_NEWER: the file is of a later version than this. Changes nothing. */
MUST_USE enum err schema_check(struct store_sqlite *s, unsigned version, struct errinfo *ei);
/* Bring a file of an older version to `version`: steps[i] goes from i to i + 1, in a transaction
 * of its own. */
MUST_USE enum err schema_migrate(struct store_sqlite *s, const char *const *steps, unsigned version,
                                 struct errinfo *ei);
extern const char *const schema_steps[STORE_SCHEMA_VERSION];
MUST_USE enum err schema_prepare(struct store_sqlite *s, struct errinfo *ei);
/* After an unclean end, leap; then mark the file as in use. Durable when it returns. */
MUST_USE enum err schema_begin_use(struct store_sqlite *s, struct errinfo *ei);
MUST_USE enum err schema_end_use(struct store_sqlite *s, struct errinfo *ei);

/* ---- operations ---- */

/* store_sqlite_journal.c */
enum err journal_commit(struct store_sqlite *s, struct store_commit *op);
enum err journal_read(struct store_sqlite *s, struct store_read *op);
enum err journal_load(struct store_sqlite *s, struct store_load *op);

/* store_sqlite_notes.c */
MUST_USE enum err notes_load(struct store_sqlite *s, struct errinfo *ei);
/* Within a transaction. */
MUST_USE enum err notes_add(struct store_sqlite *s, const struct store_note *notes, size_t count,
                            struct errinfo *ei);
/* The transaction is over. */
void notes_keep(struct store_sqlite *s);
void notes_undo(struct store_sqlite *s);
enum err notes_read(struct store_sqlite *s, struct store_notes *op);
enum err notes_at(struct store_sqlite *s, struct store_notes_at *op);
/* Are there notes to remove? And removing some, within the budget of the transaction. */
bool notes_doomed(const struct store_sqlite *s);
MUST_USE enum err notes_slice(struct store_sqlite *s, struct errinfo *ei);

/* store_sqlite_records.c */
enum err records_put(struct store_sqlite *s, struct store_put *op);
enum err records_delete(struct store_sqlite *s, struct store_delete *op);
enum err records_each(struct store_sqlite *s, struct str kind, store_record_f *fn, void *arg,
                      struct errinfo *ei);

#endif
