/*
 * The SQLite store: opening and closing, statements, and the transaction that a group shares.
 *
 * Order of a group: its operations in the order of the queue, each checked before it writes, so
 * that one that must be refused leaves no trace; then the heads that changed, then a slice of what
 * is doomed; then the commit, which waits for the disk. When anything fails, all of it is rolled
 * back, all that would have written is answered with the reason, and reads are done again, for
 * they may have seen what is no more.
 */
#include "store/store_sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/count.h"
#include "base/trace.h"
#include "store/store_sqlite_chain.h"

#define BUSY_MS 5000 /* somebody looks at the file with the sqlite3 program */
#define BUDGET_GROUP 64
#define BUDGET_IDLE 512
#define SWEEP_PART 60 /* of all heads at each tick; a tick is a second */
#define SWEEP_MIN 64

static struct store_sqlite *of_store(struct store *s)
{
    return CONTAINER_OF(s, struct store_sqlite, store);
}

/* ---- statements ---- */

void sql_bind(sqlite3_stmt *q, const int64_t *v, size_t count)
{
    for (size_t i = 0; i < count; i++)
        sqlite3_bind_int64(q, (int)i + 1, v[i]);
}

void sql_bind_blob(sqlite3_stmt *q, int at, const struct blob *b)
{
    sqlite3_bind_blob64(q, at, b->p, b->len, SQLITE_STATIC);
}

void sql_bind_str(sqlite3_stmt *q, int at, struct str v)
{
    sqlite3_bind_text64(q, at, v.n ? v.p : "", v.n, SQLITE_STATIC, SQLITE_UTF8);
}

struct blob *sql_blob(sqlite3_stmt *q, int column)
{
    const void *p = sqlite3_column_blob(q, column);

    return blob_new(p, (size_t)sqlite3_column_bytes(q, column));
}

void sql_bind_body(struct store_sqlite *s, sqlite3_stmt *q, int at, const struct blob *body)
{
    struct str packed = pack(s->packer, blob_view(body));

    sqlite3_bind_blob64(q, at, packed.p, packed.n, SQLITE_STATIC);
}

enum err sql_body(struct store_sqlite *s, sqlite3_stmt *q, int column, struct blob **ret,
                  struct errinfo *ei)
{
    *ret = unpack(s->packer, sql_str(q, column), BODY_MAX);
    return *ret ? E_OK : sql_corrupt(s, ei, "an event or a checkpoint is damaged");
}

struct str sql_str(sqlite3_stmt *q, int column)
{
    const char *p = sqlite3_column_blob(q, column);
    size_t n = (size_t)sqlite3_column_bytes(q, column);

    /* An empty value is told from none. */
    if (!p && sqlite3_column_type(q, column) != SQLITE_NULL)
        p = "";
    return (struct str){p, n};
}

static bool is_broken(const struct store_sqlite *s)
{
    return s->tx.open && s->tx.why.err != E_OK;
}

static enum err tx_break(struct store_sqlite *s, int rc, struct errinfo *ei)
{
    (void)sql_fail(s, rc, &s->tx.why);
    return sql_fail(s, rc, ei);
}

enum err sql_run(struct store_sqlite *s, sqlite3_stmt *q, struct errinfo *ei)
{
    int rc;

    /* SQLite may have rolled it back already: what is written now would stay. */
    if (is_broken(s))
        return err_set(ei, s->tx.why.err, "%s", s->tx.why.text);
    do {
        rc = sqlite3_step(q);
    } while (rc == SQLITE_ROW);
    if (rc == SQLITE_DONE)
        return E_OK;
    return s->tx.open ? tx_break(s, rc, ei) : sql_fail(s, rc, ei);
}

enum err sql_row(struct store_sqlite *s, sqlite3_stmt *q, bool *ret_row, struct errinfo *ei)
{
    int rc = sqlite3_step(q);

    if (rc == SQLITE_ROW || rc == SQLITE_DONE) {
        *ret_row = rc == SQLITE_ROW;
        return E_OK;
    }
    /* Some failures end the transaction even where only a read met them. */
    if (s->tx.open && sqlite3_get_autocommit(s->db))
        return tx_break(s, rc, ei);
    return sql_fail(s, rc, ei);
}

enum err sql_exec(struct store_sqlite *s, const char *text, struct errinfo *ei)
{
    int rc = sqlite3_exec(s->db, text, NULL, NULL, NULL);

    return rc == SQLITE_OK ? E_OK : sql_fail(s, rc, ei);
}

enum err sql_corrupt(struct store_sqlite *s, struct errinfo *ei, const char *what)
{
    return err_set(ei, E_STORE_CORRUPT,
                   "%s is damaged (%s): stop the server, keep a copy of the directory, then put a "
                   "backup in its place or try \"sqlite3 %s .recover\"",
                   s->path, what, s->path);
}

static bool is_full(const struct store_sqlite *s, int rc)
{
    int no = sqlite3_system_errno(s->db);
    bool is_io = (rc & 0xff) == SQLITE_IOERR || (rc & 0xff) == SQLITE_CANTOPEN;

    return (rc & 0xff) == SQLITE_FULL || (is_io && (no == ENOSPC || no == EDQUOT));
}

enum err sql_fail(struct store_sqlite *s, int rc, struct errinfo *ei)
{
    if (is_full(s, rc))
        return err_set(ei, E_STORE_FULL,
                       "the disk that holds %s is full: free space on it, or move the data "
                       "directory to a larger one; until then nothing new is published",
                       s->path);
    switch (rc & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return sql_corrupt(s, ei, sqlite3_errstr(rc));
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return err_set(ei, E_STORE_BUSY, "%s is locked by another program: end that", s->path);
    default:
        return err_set(ei, E_IO, "%s: %s (%d): see that the directory can be read and written",
                       s->path, sqlite3_errmsg(s->db), rc);
    }
}

/* ---- the transaction ---- */

static enum err tx_begin(struct store_sqlite *s, unsigned budget, struct errinfo *ei)
{
    int64_t now = clock_now();

    memset(&s->tx, 0, sizeof s->tx);
    if (!s->doomed_known) {
        enum err e = doomed_load(s, ei);
        if (e != E_OK)
            return e;
    }
    AUTO_STMT sqlite3_stmt *q = sql(s, Q_BEGIN);
    enum err e = sql_run(s, q, ei);
    if (e != E_OK)
        return e;
    s->tx.open = true;
    s->tx.began = now;
    s->tx.budget = budget;
    s->heads.count_was = s->heads.count;
    return E_OK;
}

static void tx_count(struct store_sqlite *s)
{
    count_one(COUNT_store_groups);
    count_add(COUNT_store_commits, (int64_t)s->tx.commits);
    count_add(COUNT_store_trimmed, (int64_t)s->tx.trimmed);
    count_add(COUNT_events, (int64_t)s->tx.events);
    count_add(COUNT_events_snapshot, (int64_t)s->tx.snapshots);
    count_add(COUNT_event_bytes, (int64_t)s->tx.bytes);
    count_add(COUNT_feed_notes, (int64_t)s->tx.notes);
    count_add(COUNT_feed_notes_removed, (int64_t)s->tx.trimmed_notes);
    store_count_group(&s->store, s->tx.events, s->tx.bytes, clock_now() - s->tx.began);
}

static void tx_undo(struct store_sqlite *s)
{
    if (!sqlite3_get_autocommit(s->db))
        sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    s->tx.open = false;
    heads_undo(&s->heads);
    notes_undo(s);
    s->doomed_known = false; /* read again when it is needed: the disk is in trouble now */
}

/* Write what is left and commit; on failure all is as it was before. */
static enum err tx_end(struct store_sqlite *s, struct errinfo *ei)
{
    enum err e = heads_write(s, ei);

    if (e == E_OK)
        e = doomed_slice(s, ei);
    if (e == E_OK)
        e = notes_slice(s, ei);
    if (e == E_OK) {
        AUTO_STMT sqlite3_stmt *q = sql(s, Q_END);
        e = sql_run(s, q, ei);
    }
    if (e != E_OK) {
        tx_undo(s);
        return e;
    }
    s->tx.open = false;
    heads_keep(&s->heads);
    notes_keep(s);
    tx_count(s);
    return E_OK;
}

/* ---- a group ---- */

static bool is_write(const struct store_op *op)
{
    return op->kind_ <= STORE_OP_COMMIT;
}

static enum err carry_out(struct store_sqlite *s, struct store_op *op)
{
    switch ((enum store_op_kind)op->kind_) {
    case STORE_OP_PUT:
        return records_put(s, (struct store_put *)op);
    case STORE_OP_DELETE:
        return records_delete(s, (struct store_delete *)op);
    case STORE_OP_COMMIT:
        return journal_commit(s, (struct store_commit *)op);
    case STORE_OP_READ:
        return journal_read(s, (struct store_read *)op);
    case STORE_OP_LOAD:
        return journal_load(s, (struct store_load *)op);
    case STORE_OP_NOTES:
        return notes_read(s, (struct store_notes *)op);
    case STORE_OP_NOTES_AT:
        return notes_at(s, (struct store_notes_at *)op);
    case STORE_OP_NOTES_TRIM:
        s->notes.trim_to = ((struct store_notes_trim *)op)->up_to;
        return E_OK;
    }
    panic("an operation of kind %u", op->kind_);
}

/* Without a transaction each of its many statements would lock the file anew. */
static enum err carry_out_alone(struct store_sqlite *s, struct store_op *op)
{
    AUTO_STMT sqlite3_stmt *begin = sql(s, Q_BEGIN_READ);
    AUTO_STMT sqlite3_stmt *end = sql(s, Q_END);
    enum err e = sql_run(s, begin, &op->info);

    if (e != E_OK)
        return e;
    e = carry_out(s, op);
    /* Nothing was written: how it ends does not matter, but it has to. */
    if (sql_run(s, end, NULL) != E_OK && !sqlite3_get_autocommit(s->db))
        sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    return e;
}

/* The first failure that breaks the transaction ends the group. */
static enum err run_all(struct store_sqlite *s, struct store_op **ops, size_t count,
                        struct errinfo *ei)
{
    for (size_t i = 0; i < count; i++) {
        struct store_op *op = ops[i];
        if (is_write(op) && !s->tx.open) {
            enum err e = tx_begin(s, BUDGET_GROUP, ei);
            if (e != E_OK)
                return e;
        }
        op->err = s->tx.open ? carry_out(s, op) : carry_out_alone(s, op);
        if (is_broken(s))
            break;
    }
    return s->tx.open ? tx_end(s, ei) : E_OK;
}

static void fail_all(struct store_sqlite *s, struct store_op **ops, size_t count, enum err e,
                     const struct errinfo *ei)
{
    trace(store, "a group of %zu failed: %s", count, err_text(ei, e));
    for (size_t i = 0; i < count; i++) {
        struct store_op *op = ops[i];
        err_clear(&op->info);
        if (is_write(op)) {
            op->err = e;
            op->info = *ei;
        } else {
            op->err = carry_out_alone(s, op);
        }
    }
}

/* With synchronous=NORMAL the disk may forget the last commits. A leap makes up for it, but not
 * for a topic whose very first events were forgotten: these wait for the disk. */
static bool has_first_commit(struct store_sqlite *s, struct store_op **ops, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (ops[i]->kind_ != STORE_OP_COMMIT)
            continue;
        const struct head *h = heads_find(&s->heads, ((struct store_commit *)ops[i])->topic);
        if (h && h->seq == 0)
            return true;
    }
    return false;
}

static void sqlite_run(struct store *store, struct store_op **ops, size_t count)
{
    struct store_sqlite *s = of_store(store);
    struct errinfo ei = ERRINFO_INIT;
    bool full_sync = s->sync_normal && has_first_commit(s, ops, count);
    enum err e = E_OK;

    if (full_sync)
        e = sql_exec(s, "PRAGMA synchronous=FULL", &ei);
    if (e == E_OK)
        e = run_all(s, ops, count, &ei);
    if (e != E_OK)
        fail_all(s, ops, count, e, &ei);
    if (full_sync)
        sqlite3_exec(s->db, "PRAGMA synchronous=NORMAL", NULL, NULL, NULL);
    for (size_t i = 0; i < count; i++)
        if (ops[i]->err != E_OK && is_write(ops[i]))
            count_one(COUNT_store_errors);
    wal_move(s);
}

/* ---- housekeeping ---- */

/* Topics that commit nothing any more grow old too. */
static void sweep_ages(struct store_sqlite *s, int64_t now_wall)
{
    struct heads *hs = &s->heads;
    size_t some = MIN(hs->count, hs->count / SWEEP_PART + SWEEP_MIN);

    for (size_t i = 0; i < some && !is_broken(s); i++) {
        s->sweep_at = s->sweep_at + 1 < hs->count ? s->sweep_at + 1 : 0;
        struct head *h = &hs->v[s->sweep_at];
        struct store_retention r = {.max_age_us = h->max_age_us, .hold_seq = h->hold_seq};
        struct errinfo ei = ERRINFO_INIT;
        if (h->dead || !trim_is_due(h, &r, now_wall))
            continue;
        if (!s->tx.open && tx_begin(s, BUDGET_IDLE, &ei) != E_OK)
            return;
        (void)heads_touch(hs, h);
        trim(s, h, &r, now_wall);
    }
}

/* After a failure `doomed` is not known: the next try waits for a tick. */
static bool is_something_doomed(const struct store_sqlite *s, bool ticked)
{
    return s->doomed_known ? s->doomed_count > 0 : ticked;
}

static bool sqlite_tidy(struct store *store, bool ticked)
{
    struct store_sqlite *s = of_store(store);
    struct errinfo ei = ERRINFO_INIT;

    wal_move_rest(s);
    if (ticked)
        sweep_ages(s, clock_now_wall());
    if (!s->tx.open &&
        ((!is_something_doomed(s, ticked) && !(s->doomed_known && notes_doomed(s))) ||
         tx_begin(s, BUDGET_IDLE, &ei) != E_OK))
        return false;
    return tx_end(s, &ei) == E_OK && (s->doomed_count > 0 || notes_doomed(s));
}

/* ---- open and close ---- */

static void say_holder(int fd, const char *dir, struct errinfo *ei)
{
    char pid[24];
    ssize_t n = pread(fd, pid, sizeof pid - 1, 0);

    pid[n > 0 ? n : 0] = '\0';
    pid[strcspn(pid, "\n")] = '\0';
    err_set(ei, E_STORE_BUSY,
            "%s is in use by another process%s%s: stop it, or use another data "
            "directory",
            dir, pid[0] ? ", pid " : "", pid);
}

/* Held until the descriptor is closed, so also when the process dies. */
static enum err take_lock(struct store_sqlite *s, const char *dir, struct errinfo *ei)
{
    AUTO_FREE char *path = xasprintf("%s/lock", dir);
    char pid[24];

    s->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (s->lock_fd < 0)
        return err_set(ei, errno == ENOSPC ? E_STORE_FULL : E_IO, "%s: %s", path, strerror(errno));
    if (flock(s->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK)
            return err_set(ei, E_IO, "%s: %s", path, strerror(errno));
        say_holder(s->lock_fd, dir, ei);
        return E_STORE_BUSY;
    }
    /* Only for the message to others: a full disk does not matter here. */
    int n = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
    if (ftruncate(s->lock_fd, 0) != 0 || pwrite(s->lock_fd, pid, (size_t)n, 0) != n)
        trace(store, "%s: the pid could not be written", path);
    return E_OK;
}

static enum err open_file(struct store_sqlite *s, struct errinfo *ei)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    int rc = sqlite3_open_v2(s->path, &s->db, flags, NULL);

    if (rc != SQLITE_OK)
        return sql_fail(s, rc, ei);
    sqlite3_extended_result_codes(s->db, 1);
    sqlite3_busy_timeout(s->db, BUSY_MS);
    /* Until it is known that this program may: closing a file of a newer one must not touch it. */
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    return sql_exec(s,
                    "PRAGMA temp_store=MEMORY; PRAGMA secure_delete=FAST;"
                    "PRAGMA synchronous=FULL; PRAGMA cache_size=-4096;",
                    ei);
}

static enum err use_wal(struct store_sqlite *s, struct errinfo *ei)
{
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
    /* A group of large bodies makes the log long; cut it again afterwards. */
    return sql_exec(s, "PRAGMA journal_mode=WAL; PRAGMA journal_size_limit=16777216;", ei);
}

static enum err find_next_event(struct store_sqlite *s, struct errinfo *ei)
{
    AUTO_STMT sqlite3_stmt *q = sql(s, Q_EVENT_LAST);
    bool row;
    enum err e = sql_row(s, q, &row, ei);

    if (e == E_OK)
        s->next_event = sqlite3_column_int64(q, 0) + 1;
    return e;
}

static enum err load(struct store_sqlite *s, struct errinfo *ei)
{
    enum err e = schema_prepare(s, ei);

    if (e == E_OK)
        e = schema_begin_use(s, ei);
    if (e == E_OK)
        e = heads_load(s, ei);
    if (e == E_OK)
        e = doomed_load(s, ei);
    if (e == E_OK)
        e = find_next_event(s, ei);
    if (e == E_OK)
        e = notes_load(s, ei);
    if (e == E_OK && s->sync_normal)
        e = sql_exec(s, "PRAGMA synchronous=NORMAL", ei);
    return e;
}

static enum err open_all(struct store_sqlite *s, const char *dir, struct errinfo *ei)
{
    if (mkdir(dir, 0700) != 0 && errno != EEXIST)
        return err_set(ei, errno == ENOSPC ? E_STORE_FULL : E_IO, "%s: %s", dir, strerror(errno));
    enum err e = take_lock(s, dir, ei);
    if (e == E_OK)
        e = open_file(s, ei);
    if (e == E_OK)
        e = schema_check(s, STORE_SCHEMA_VERSION, ei);
    if (e == E_OK)
        e = use_wal(s, ei);
    if (e == E_OK)
        e = schema_migrate(s, schema_steps, STORE_SCHEMA_VERSION, ei);
    if (e != E_OK)
        return e;
    wal_watch(s);
    return load(s, ei);
}

static void free_all(struct store_sqlite *s)
{
    for (int i = 0; i < Q_COUNT; i++)
        sqlite3_finalize(s->stmts[i]);
    wal_done(s);
    packer_free(s->packer);
    sqlite3_close(s->db);
    if (s->lock_fd >= 0)
        close(s->lock_fd);
    heads_done(&s->heads);
    free(s->doomed);
    free(s->path);
    free(s);
}

static enum err sqlite_open(const struct store_conf *conf, struct store **ret, struct errinfo *ei)
{
    struct store_sqlite *s = xcalloc(1, sizeof *s);

    s->lock_fd = -1;
    s->sync_normal = conf->sync_normal;
    s->packer = packer_new();
    s->path = xasprintf("%s/pollcast.db", conf->url);
    enum err e = open_all(s, conf->url, ei);
    if (e != E_OK) {
        free_all(s);
        return e;
    }
    *ret = &s->store;
    return E_OK;
}

static void sqlite_close(struct store *store)
{
    struct store_sqlite *s = of_store(store);
    struct errinfo ei = ERRINFO_INIT;

    /* If it cannot be marked, the next start takes it for a crash: a leap too many does no harm. */
    if (schema_end_use(s, &ei) != E_OK)
        trace(store, "the end is not marked as orderly: %s", ei.text);
    free_all(s);
}

static enum err sqlite_each_record(struct store *store, struct str kind, store_record_f *fn,
                                   void *arg, struct errinfo *ei)
{
    return records_each(of_store(store), kind, fn, arg, ei);
}

const struct store_backend store_sqlite_backend = {
    .scheme = NULL,
    .open = sqlite_open,
    .each_record = sqlite_each_record,
    .run = sqlite_run,
    .tidy = sqlite_tidy,
    .close = sqlite_close,
};
