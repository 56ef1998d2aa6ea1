/*
 * Notes: appended with commits, read by number, removed from the oldest on.
 */
#include "base/count.h"
#include "store/store_sqlite.h"

enum err notes_load(struct store_sqlite *s, struct errinfo *ei)
{
    AUTO_STMT sqlite3_stmt *q = sql(s, Q_NOTES_ENDS);
    bool row;
    enum err e = sql_row(s, q, &row, ei);

    if (e != E_OK)
        return e;
    s->notes.next = sql_u64(q, 1) + 1;
    s->notes.first = MAX(sql_u64(q, 0), (uint64_t)1);
    notes_keep(s);
    return E_OK;
}

void notes_keep(struct store_sqlite *s)
{
    s->notes.next_was = s->notes.next;
    s->notes.first_was = s->notes.first;
    atomic_store_explicit(&s->store.notes_head, s->notes.next - 1, memory_order_release);
}

/* Numbers that nobody has seen are given again: the newest note has always the last one. */
void notes_undo(struct store_sqlite *s)
{
    s->notes.next = s->notes.next_was;
    s->notes.first = s->notes.first_was;
}

enum err notes_add(struct store_sqlite *s, const struct store_note *notes, size_t count,
                   struct errinfo *ei)
{
    for (size_t i = 0; i < count; i++) {
        AUTO_STMT sqlite3_stmt *q = sql(s, Q_NOTE_ADD);

        sql_ints(q, (int64_t)s->notes.next++, notes[i].time_wall);
        sql_bind_str(q, 3, notes[i].label);
        sql_bind_str(q, 4, notes[i].body);
        enum err e = sql_run(s, q, ei);
        if (e != E_OK)
            return e;
        s->tx.notes++;
        s->tx.budget += 4; /* as for events: what is to be removed grows less */
    }
    return E_OK;
}

/* ---- reading ---- */

static bool is_beyond(sqlite3_stmt *q, const struct store_notes *op)
{
    return (op->up_to && sql_u64(q, 0) > op->up_to) ||
           (op->until_wall && sqlite3_column_int64(q, 1) > op->until_wall);
}

static void keep(struct store_notes *op, sqlite3_stmt *q)
{
    if (!op->count)
        op->oldest_wall = sqlite3_column_int64(q, 1);
    op->newest_wall = sqlite3_column_int64(q, 1);
    if (!op->count_only) {
        if ((op->count & (op->count - 1)) == 0)
            op->notes = xrealloc(op->notes, MAX(op->count * 2, (size_t)1) * sizeof *op->notes);
        op->notes[op->count] = (struct store_noted){sql_u64(q, 0), sqlite3_column_int64(q, 1),
                                                    sql_blob(q, 2), sql_blob(q, 3)};
    }
    op->count++;
}

/* The next note would be one too many. */
static bool is_full(const struct store_notes *op, size_t bytes, size_t scanned)
{
    return (op->max_notes && op->count >= op->max_notes) ||
           (op->max_bytes && op->count && bytes >= op->max_bytes) ||
           (op->max_scan && scanned >= op->max_scan);
}

static enum err scan(struct store_sqlite *s, sqlite3_stmt *q, struct store_notes *op)
{
    size_t bytes = 0, scanned = 0;
    bool row;
    enum err e;

    while ((e = sql_row(s, q, &row, &op->op.info)) == E_OK && row) {
        if (is_beyond(q, op))
            break;
        if (is_full(op, bytes, scanned))
            return E_OK;
        scanned++;
        op->scanned = sql_u64(q, 0);
        if (op->wanted && !op->wanted(sql_str(q, 2), op->arg))
            continue;
        keep(op, q);
        bytes += op->count_only ? 0 : op->notes[op->count - 1].body->len;
    }
    op->ended = e == E_OK;
    return e;
}

enum err notes_read(struct store_sqlite *s, struct store_notes *op)
{
    AUTO_STMT sqlite3_stmt *q = sql(s, op->count_only ? Q_NOTE_LABELS : Q_NOTES_AFTER);

    store_notes_done(op); /* of an attempt whose transaction failed */
    op->ended = false;
    op->scanned = op->after;
    sql_ints(q, (int64_t)op->after);
    return scan(s, q, op);
}

/* Halving the numbers: the first note at or after each tells its time. */
enum err notes_at(struct store_sqlite *s, struct store_notes_at *op)
{
    uint64_t low = s->notes.first - 1, high = s->notes.next - 1;

    op->num = 0;
    while (low < high) {
        AUTO_STMT sqlite3_stmt *q = sql(s, Q_NOTE_LABELS);
        uint64_t mid = low + (high - low) / 2;
        bool row;

        sql_ints(q, (int64_t)mid);
        enum err e = sql_row(s, q, &row, &op->op.info);
        if (e != E_OK)
            return e;
        if (row && sqlite3_column_int64(q, 1) < op->time_wall)
            low = sql_u64(q, 0);
        else
            high = mid;
    }
    op->num = low;
    return E_OK;
}

/* ---- removing ---- */

bool notes_doomed(const struct store_sqlite *s)
{
    return s->notes.first <= s->notes.trim_to && s->notes.first + 1 < s->notes.next;
}

enum err notes_slice(struct store_sqlite *s, struct errinfo *ei)
{
    if (!notes_doomed(s) || s->tx.budget == 0)
        return E_OK;
    AUTO_STMT sqlite3_stmt *q = sql(s, Q_NOTES_REMOVE);
    uint64_t to = MIN(s->notes.trim_to, s->notes.next - 2);
    uint64_t end = MIN(to, s->notes.first + s->tx.budget - 1);

    sql_ints(q, (int64_t)end);
    enum err e = sql_run(s, q, ei);
    if (e != E_OK)
        return e;
    s->tx.budget -= (unsigned)(end + 1 - s->notes.first);
    s->tx.trimmed_notes += end + 1 - s->notes.first;
    s->notes.first = end + 1;
    return E_OK;
}
