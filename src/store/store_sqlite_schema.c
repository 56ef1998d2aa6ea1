/*
 * The tables, how older files become current ones, and the mark that tells an orderly end from a
 * crash.
 */
#include "store/store_sqlite.h"

#include "base/trace.h"

/*
 * records.num: AUTOINCREMENT, since a number must not come back after its record was deleted.
 * heads: one row for each record, from its first put on; the columns as in struct head. `state`
 *   stands last, so that reading the others does not touch it.
 * events: the body last for the same reason, packed (io/pack.h). len: its bytes before that; cum:
 *   those of the topic up to and with this event.
 * doomed: stretches of chains that nobody counts any more, removed little by little.
 * notes: num without AUTOINCREMENT, for the newest is never removed.
 */
const char *const schema_steps[STORE_SCHEMA_VERSION] = {
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
    "INSERT INTO meta(key, value) VALUES ('clean', 1);"
    "CREATE TABLE records(num INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL,"
    " id TEXT NOT NULL, name TEXT NOT NULL, rev INTEGER NOT NULL, body BLOB NOT NULL,"
    " UNIQUE(kind, id), UNIQUE(kind, name));"
    "CREATE TABLE heads(topic INTEGER PRIMARY KEY, seq INTEGER NOT NULL DEFAULT 0,"
    " last INTEGER NOT NULL DEFAULT 0, skip INTEGER NOT NULL DEFAULT 0,"
    " n INTEGER NOT NULL DEFAULT 0, cum INTEGER NOT NULL DEFAULT 0,"
    " first_n INTEGER NOT NULL DEFAULT 1, first_cum INTEGER NOT NULL DEFAULT 0,"
    " first_time INTEGER NOT NULL DEFAULT 0, floor_seq INTEGER NOT NULL DEFAULT 0,"
    " doc INTEGER NOT NULL DEFAULT 0, doc_n INTEGER NOT NULL DEFAULT 0,"
    " changed INTEGER NOT NULL DEFAULT 0, max_age INTEGER NOT NULL DEFAULT 0,"
    " hold_seq INTEGER NOT NULL DEFAULT 0, state BLOB);"
    "CREATE TABLE events(topic INTEGER NOT NULL, seq INTEGER NOT NULL, time INTEGER NOT NULL,"
    " type INTEGER NOT NULL, prev INTEGER NOT NULL, skip INTEGER NOT NULL, n INTEGER NOT NULL,"
    " cum INTEGER NOT NULL, body BLOB NOT NULL);"
    "CREATE TABLE checkpoints(topic INTEGER PRIMARY KEY, seq INTEGER NOT NULL,"
    " body BLOB NOT NULL);"
    "CREATE TABLE doomed(id INTEGER PRIMARY KEY, topic INTEGER NOT NULL, last INTEGER NOT NULL,"
    " first_n INTEGER NOT NULL);",
    "CREATE TABLE notes(num INTEGER PRIMARY KEY, time INTEGER NOT NULL, label TEXT NOT NULL,"
    " body BLOB NOT NULL);",
    "ALTER TABLE events RENAME TO events_2;"
    "CREATE TABLE events(topic INTEGER NOT NULL, seq INTEGER NOT NULL, time INTEGER NOT NULL,"
    " type INTEGER NOT NULL, prev INTEGER NOT NULL, skip INTEGER NOT NULL, n INTEGER NOT NULL,"
    " cum INTEGER NOT NULL, len INTEGER NOT NULL, body BLOB NOT NULL);"
    "INSERT INTO events(rowid, topic, seq, time, type, prev, skip, n, cum, len, body)"
    " SELECT rowid, topic, seq, time, type, prev, skip, n, cum, length(body), body FROM events_2;"
    "DROP TABLE events_2;",
};

static const char *const query_text[Q_COUNT] = {
#define QUERY(name, sql) [Q_##name] = sql,
#include "store/store_sqlite.def"
#undef QUERY
};

static enum err read_version(struct store_sqlite *s, unsigned *ret, struct errinfo *ei)
{
    sqlite3_stmt *q = NULL;
    int rc = sqlite3_prepare_v2(s->db, "PRAGMA user_version", -1, &q, NULL);

    if (rc == SQLITE_OK)
        rc = sqlite3_step(q);
    unsigned version = rc == SQLITE_ROW ? (unsigned)sqlite3_column_int(q, 0) : 0;
    sqlite3_finalize(q);
    if (rc != SQLITE_ROW)
        return sql_fail(s, rc, ei);
    *ret = version;
    return E_OK;
}

/* All of a step or nothing: the version moves in the step's own transaction. */
static enum err take_step(struct store_sqlite *s, const char *step, unsigned to, struct errinfo *ei)
{
    char move[48];

    snprintf(move, sizeof move, "PRAGMA user_version = %u", to);
    enum err e = sql_exec(s, "BEGIN IMMEDIATE", ei);
    if (e == E_OK)
        e = sql_exec(s, step, ei);
    if (e == E_OK)
        e = sql_exec(s, move, ei);
    if (e == E_OK)
        e = sql_exec(s, "COMMIT", ei);
    if (e != E_OK && !sqlite3_get_autocommit(s->db))
        sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    return e;
}

enum err schema_check(struct store_sqlite *s, unsigned version, struct errinfo *ei)
{
    unsigned at;
    enum err e = read_version(s, &at, ei);

    if (e == E_OK && at > version)
        return err_set(ei, E_STORE_NEWER,
                       "%s has format %u, this program knows up to %u: use the newer program, or "
                       "another data directory",
                       s->path, at, version);
    return e;
}

enum err schema_migrate(struct store_sqlite *s, const char *const *steps, unsigned version,
                        struct errinfo *ei)
{
    unsigned at;
    enum err e = read_version(s, &at, ei);

    if (e != E_OK)
        return e;
    for (; at < version && e == E_OK; at++)
        e = take_step(s, steps[at], at + 1, ei);
    return e;
}

enum err schema_prepare(struct store_sqlite *s, struct errinfo *ei)
{
    for (int i = 0; i < Q_COUNT; i++) {
        int rc = sqlite3_prepare_v3(s->db, query_text[i], -1, SQLITE_PREPARE_PERSISTENT,
                                    &s->stmts[i], NULL);
        if (rc != SQLITE_OK)
            return sql_fail(s, rc, ei);
    }
    return E_OK;
}

static enum err mark(struct store_sqlite *s, bool clean, struct errinfo *ei)
{
    AUTO_STMT sqlite3_stmt *q = sql(s, Q_META_SET);

    sql_bind_str(q, 1, STR("clean"));
    sqlite3_bind_int(q, 2, clean);
    return sql_run(s, q, ei);
}

static enum err was_clean(struct store_sqlite *s, bool *ret, struct errinfo *ei)
{
    AUTO_STMT sqlite3_stmt *q = sql(s, Q_META_GET);
    bool row;

    sql_bind_str(q, 1, STR("clean"));
    enum err e = sql_row(s, q, &row, ei);
    if (e == E_OK)
        *ret = row && sqlite3_column_int(q, 0) == 1;
    return e;
}

static enum err leap_and_mark(struct store_sqlite *s, struct errinfo *ei)
{
    bool clean;
    enum err e = was_clean(s, &clean, ei);

    if (e == E_OK && !clean) {
        AUTO_STMT sqlite3_stmt *q = sql(s, Q_HEADS_LEAP);

        trace(store, "%s: the last end was not orderly: sequence numbers leap", s->path);
        sql_ints(q, (int64_t)STORE_LEAP);
        e = sql_run(s, q, ei);
    }
    return e == E_OK ? mark(s, false, ei) : e;
}

enum err schema_begin_use(struct store_sqlite *s, struct errinfo *ei)
{
    enum err e = sql_exec(s, "BEGIN IMMEDIATE", ei);

    if (e == E_OK)
        e = leap_and_mark(s, ei);
    if (e == E_OK)
        e = sql_exec(s, "COMMIT", ei);
    if (e != E_OK && !sqlite3_get_autocommit(s->db))
        sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    return e;
}

enum err schema_end_use(struct store_sqlite *s, struct errinfo *ei)
{
    return mark(s, true, ei);
}
