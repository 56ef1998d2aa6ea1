/*
 * Records: put, delete, walk.
 */
#include "store/store_sqlite_chain.h"

struct found {
    uint64_t num, rev; /* 0: there is none */
};

static enum err find_record(struct store_sqlite *s, const char *kind, const char *id,
                            struct found *ret, struct errinfo *ei)
{
    AUTO_STMT sqlite3_stmt *q = sql(s, Q_RECORD_GET);
    bool row;

    sql_bind_str(q, 1, str_of(kind));
    sql_bind_str(q, 2, str_of(id));
    enum err e = sql_row(s, q, &row, ei);
    if (e == E_OK)
        *ret = row ? (struct found){sql_u64(q, 0), sql_u64(q, 1)} : (struct found){0, 0};
    return e;
}

/* The number of the record that has the name; 0: it is free. */
static enum err find_name(struct store_sqlite *s, const char *kind, const char *name,
                          uint64_t *ret_num, struct errinfo *ei)
{
    AUTO_STMT sqlite3_stmt *q = sql(s, Q_RECORD_NAMED);
    bool row;

    sql_bind_str(q, 1, str_of(kind));
    sql_bind_str(q, 2, str_of(name));
    enum err e = sql_row(s, q, &row, ei);
    if (e == E_OK)
        *ret_num = row ? sql_u64(q, 0) : 0;
    return e;
}

/* The journal begins where no deleted one has been: an id with a number means one event for ever. */
static enum err begin_beyond_deleted(struct store_sqlite *s, struct store_put *op)
{
    AUTO_STMT sqlite3_stmt *q = sql(s, Q_DELETED_SEQ_GET);
    bool row;
    enum err e = sql_row(s, q, &row, &op->op.info);

    if (e != E_OK || !row)
        return e;
    struct head *h = heads_find(&s->heads, op->num);
    (void)heads_touch(&s->heads, h);
    op->seq = h->seq = sql_u64(q, 0) + 1;
    return E_OK;
}

static enum err add_record(struct store_sqlite *s, struct store_put *op)
{
    AUTO_STMT sqlite3_stmt *q = sql(s, Q_RECORD_ADD);
    AUTO_STMT sqlite3_stmt *head = sql(s, Q_HEAD_ADD);

    sql_bind_str(q, 1, str_of(op->kind));
    sql_bind_str(q, 2, str_of(op->id));
    sql_bind_str(q, 3, str_of(op->name));
    sql_bind_blob(q, 4, op->body);
    enum err e = sql_run(s, q, &op->op.info);
    if (e != E_OK)
        return e;
    int64_t num = sqlite3_last_insert_rowid(s->db);
    sql_ints(head, num);
    e = sql_run(s, head, &op->op.info);
    if (e != E_OK)
        return e;
    heads_add(&s->heads, (uint64_t)num);
    op->num = (uint64_t)num;
    op->rev = 1;
    return op->id_given ? begin_beyond_deleted(s, op) : E_OK;
}

static enum err change_record(struct store_sqlite *s, struct found was, struct store_put *op)
{
    AUTO_STMT sqlite3_stmt *q = sql(s, Q_RECORD_SET);

    sqlite3_bind_int64(q, 1, (int64_t)was.num);
    sql_bind_str(q, 2, str_of(op->name));
    sqlite3_bind_int64(q, 3, (int64_t)was.rev + 1);
    sql_bind_blob(q, 4, op->body);
    enum err e = sql_run(s, q, &op->op.info);
    if (e != E_OK)
        return e;
    op->num = was.num;
    op->rev = was.rev + 1;
    return E_OK;
}

enum err records_put(struct store_sqlite *s, struct store_put *op)
{
    struct errinfo *ei = &op->op.info;
    struct found was;
    uint64_t named;

    if (op->body->len > BODY_MAX)
        return err_set(ei, E_LIMIT, "a record of %zu bytes", op->body->len);
    enum err e = find_record(s, op->kind, op->id, &was, ei);
    if (e == E_OK)
        e = find_name(s, op->kind, op->name, &named, ei);
    if (e != E_OK)
        return e;
    if (was.rev != op->expected_rev)
        return err_set(ei, E_CONFLICT, "%s %s is at revision %llu, not %llu", op->kind, op->id,
                       (unsigned long long)was.rev, (unsigned long long)op->expected_rev);
    if (named && named != was.num)
        return err_set(ei, E_EXISTS, "there is another %s named \"%s\"", op->kind, op->name);
    return was.num ? change_record(s, was, op) : add_record(s, op);
}

static enum err run_with(struct store_sqlite *s, enum query query, uint64_t num, struct errinfo *ei)
{
    AUTO_STMT sqlite3_stmt *q = sql(s, query);

    sql_ints(q, (int64_t)num);
    return sql_run(s, q, ei);
}

enum err records_delete(struct store_sqlite *s, struct store_delete *op)
{
    struct errinfo *ei = &op->op.info;
    struct found was;
    enum err e = find_record(s, op->kind, op->id, &was, ei);

    if (e != E_OK)
        return e;
    if (was.num == 0)
        return err_set(ei, E_NOT_FOUND, "there is no %s %s", op->kind, op->id);
    if (op->expected_rev && op->expected_rev != was.rev)
        return err_set(ei, E_CONFLICT, "%s %s is at revision %llu, not %llu", op->kind, op->id,
                       (unsigned long long)was.rev, (unsigned long long)op->expected_rev);
    struct head *h = heads_find(&s->heads, was.num);
    if (!h)
        return sql_corrupt(s, ei, "a record has no journal");
    e = run_with(s, Q_RECORD_REMOVE, was.num, ei);
    if (e == E_OK && h->seq > 0)
        e = run_with(s, Q_DELETED_SEQ_RAISE, h->seq, ei);
    if (e == E_OK)
        e = run_with(s, Q_HEAD_REMOVE, was.num, ei);
    if (e == E_OK)
        e = run_with(s, Q_CHECKPOINT_REMOVE, was.num, ei);
    if (e == E_OK)
        e = trim_all(s, h, ei);
    heads_kill(&s->heads, h);
    return e;
}

enum err records_each(struct store_sqlite *s, struct str kind, store_record_f *fn, void *arg,
                      struct errinfo *ei)
{
    AUTO_STMT sqlite3_stmt *q = sql(s, Q_RECORDS_ALL);
    bool row;
    enum err e;

    sql_bind_str(q, 1, kind);
    while ((e = sql_row(s, q, &row, ei)) == E_OK && row) {
        struct store_record r = {kind,          sql_str(q, 0), sql_str(q, 1),
                                 sql_str(q, 2), sql_u64(q, 3), sql_u64(q, 4)};
        struct store_head head = {sql_u64(q, 5), sqlite3_column_int64(q, 6), sql_str(q, 7),
                                  sqlite3_column_int(q, 8) != DOC_NONE};
        fn(&r, &head, arg);
    }
    return e;
}
