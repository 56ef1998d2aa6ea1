/*
 * Going back along the events of a topic.
 */
#include "store/store_sqlite_chain.h"

enum err chain_get(struct store_sqlite *s, uint64_t topic, int64_t rowid, uint64_t n,
                   struct node *ret, struct errinfo *ei)
{
    AUTO_STMT sqlite3_stmt *q = sql(s, Q_EVENT_NODE);
    bool row;

    sql_ints(q, rowid);
    enum err e = sql_row(s, q, &row, ei);
    if (e != E_OK)
        return e;
    if (!row || sql_u64(q, 0) != topic || sql_u64(q, 6) != n)
        return sql_corrupt(s, ei, "an event of a journal is missing");
    *ret = (struct node){
        .rowid = rowid,
        .seq = sql_u64(q, 1),
        .time = sqlite3_column_int64(q, 2),
        .type = sqlite3_column_int(q, 3),
        .prev = sqlite3_column_int64(q, 4),
        .skip = sqlite3_column_int64(q, 5),
        .n = n,
        .cum = sql_u64(q, 7),
        .len = sql_u64(q, 8),
    };
    return E_OK;
}

enum err chain_body(struct store_sqlite *s, int64_t rowid, struct blob **ret, struct errinfo *ei)
{
    AUTO_STMT sqlite3_stmt *q = sql(s, Q_EVENT_BODY);
    bool row;

    sql_ints(q, rowid);
    enum err e = sql_row(s, q, &row, ei);
    if (e != E_OK)
        return e;
    if (!row)
        return sql_corrupt(s, ei, "an event of a journal is missing");
    return sql_body(s, q, 0, ret, ei);
}

/* In strides: the oldest event of the stride that is not old yet; ret->n = 0: there is none. */
static enum err stride_back(struct store_sqlite *s, const struct head *h, chain_old_f *is_old,
                            const void *arg, struct node *ret, struct errinfo *ei)
{
    int64_t rowid = h->skip;
    struct node at;

    *ret = (struct node){.n = 0};
    for (uint64_t n = h->n - h->n % EVENT_STRIDE; n > 0 && n >= h->first_n; n -= EVENT_STRIDE) {
        enum err e = chain_get(s, h->topic, rowid, n, &at, ei);
        if (e != E_OK)
            return e;
        if (is_old(&at, arg))
            break;
        *ret = at;
        rowid = at.skip;
    }
    return E_OK;
}

enum err chain_find(struct store_sqlite *s, const struct head *h, chain_old_f *is_old,
                    const void *arg, struct node *ret_at, struct node *ret_after,
                    struct errinfo *ei)
{
    struct node at, after;
    enum err e = stride_back(s, h, is_old, arg, &after, ei);

    if (e != E_OK)
        return e;
    int64_t rowid = after.n ? after.prev : h->last;
    for (uint64_t n = after.n ? after.n - 1 : h->n; n >= h->first_n; n--) {
        e = chain_get(s, h->topic, rowid, n, &at, ei);
        if (e != E_OK)
            return e;
        if (is_old(&at, arg)) {
            *ret_at = at;
            *ret_after = after;
            return E_OK;
        }
        after = at;
        rowid = at.prev;
    }
    *ret_at = (struct node){.n = 0};
    *ret_after = after;
    return E_OK;
}
