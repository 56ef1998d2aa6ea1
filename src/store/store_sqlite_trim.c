/*
 * Retention: deciding up to where a journal goes, and removing what no head counts any more.
 *
 * Slack saves work: a journal is trimmed to its limits only once it is a good deal beyond them.
 */
#include "base/count.h"
#include "base/trace.h"
#include "store/store_sqlite_chain.h"

#define SLACK_EVENTS 64
#define SLACK_PART 16 /* of bytes and age */
/* A trim that could not go as far as it should is not tried again for so many commits. */
#define PATIENCE 16

/* ---- up to where ---- */

static uint64_t with_slack(uint64_t limit)
{
    return limit + limit / SLACK_PART;
}

/* The document or a reader needs even the oldest event. */
static bool is_pinned(const struct head *h, const struct store_retention *r)
{
    return (h->doc != DOC_NONE && h->doc_n <= h->first_n) ||
           (r->hold_seq && r->hold_seq <= h->floor_seq + 1 &&
            (!r->hold_max_bytes || h->cum - h->first_cum <= r->hold_max_bytes));
}

bool trim_is_due(const struct head *h, const struct store_retention *r, int64_t now_wall)
{
    uint64_t kept = h->n + 1 - h->first_n;
    uint64_t bytes = h->cum - h->first_cum;

    if (kept == 0 || is_pinned(h, r))
        return false;
    if (r->max_events && kept > r->max_events + SLACK_EVENTS)
        return true;
    if (r->max_bytes && bytes > with_slack(r->max_bytes) && kept > 1)
        return true;
    return r->max_age_us && h->first_time < now_wall - (int64_t)with_slack((uint64_t)r->max_age_us);
}

struct limits {
    const struct head *h;
    const struct store_retention *r;
    int64_t oldest_time;
};

/* The newest event is trimmed for its age only: a limit of bytes below its size would otherwise
 * take it before anybody read it. */
static bool is_removable(const struct node *e, const void *arg)
{
    const struct limits *l = arg;
    const struct head *h = l->h;
    const struct store_retention *r = l->r;

    if (h->doc != DOC_NONE && e->n >= h->doc_n)
        return false;
    if (r->hold_seq && e->seq >= r->hold_seq &&
        (!r->hold_max_bytes || h->cum - e->cum + e->len <= r->hold_max_bytes))
        return false;
    if (r->max_events && h->n - e->n >= r->max_events)
        return true;
    if (r->max_bytes && h->cum - e->cum + e->len > r->max_bytes && e->n < h->n)
        return true;
    return r->max_age_us && e->time < l->oldest_time;
}

/* ---- removing ---- */

static void push_doomed(struct store_sqlite *s, const struct doomed *d)
{
    if (s->doomed_count == s->doomed_cap) {
        s->doomed_cap = s->doomed_cap ? s->doomed_cap * 2 : 16;
        s->doomed = xrealloc(s->doomed, s->doomed_cap * sizeof *s->doomed);
    }
    s->doomed[s->doomed_count++] = *d;
}

enum err doomed_load(struct store_sqlite *s, struct errinfo *ei)
{
    AUTO_STMT sqlite3_stmt *q = sql(s, Q_DOOMED_ALL);
    bool row;
    enum err e;

    s->doomed_count = 0;
    s->doomed_known = false;
    while ((e = sql_row(s, q, &row, ei)) == E_OK && row) {
        struct doomed d = {sqlite3_column_int64(q, 0), sql_u64(q, 1), sqlite3_column_int64(q, 2),
                           sql_u64(q, 3)};
        push_doomed(s, &d);
    }
    s->doomed_known = e == E_OK;
    return e;
}

/* The newest event of the stretch; false: the stretch ends here. So does one that is damaged, for
 * nothing needs it and it must not keep the living from being written. */
static bool look_at(struct store_sqlite *s, const struct doomed *d, uint64_t *ret_n,
                    int64_t *ret_prev)
{
    AUTO_STMT sqlite3_stmt *q = sql(s, Q_EVENT_NODE);
    bool row;

    sql_ints(q, d->last);
    if (sql_row(s, q, &row, NULL) != E_OK || !row)
        return false;
    *ret_n = sql_u64(q, 6);
    *ret_prev = sqlite3_column_int64(q, 4);
    return sql_u64(q, 0) == d->topic && *ret_n >= d->first_n;
}

static enum err remove_event(struct store_sqlite *s, int64_t rowid, struct errinfo *ei)
{
    AUTO_STMT sqlite3_stmt *q = sql(s, Q_EVENT_REMOVE);

    sql_ints(q, rowid);
    s->tx.budget--;
    s->tx.trimmed++;
    return sql_run(s, q, ei);
}

/* From the newest back, while the budget lasts. *ret_done: nothing is left. */
static enum err remove_some(struct store_sqlite *s, struct doomed *d, bool *ret_done,
                            struct errinfo *ei)
{
    uint64_t n;
    int64_t prev;

    for (*ret_done = false; s->tx.budget > 0 && !*ret_done; d->last = prev) {
        if (!look_at(s, d, &n, &prev)) {
            *ret_done = true;
            return E_OK;
        }
        enum err e = remove_event(s, d->last, ei);
        if (e != E_OK)
            return e;
        *ret_done = n == d->first_n;
    }
    return E_OK;
}

static enum err add_doomed(struct store_sqlite *s, struct doomed *d, struct errinfo *ei)
{
    AUTO_STMT sqlite3_stmt *q = sql(s, Q_DOOMED_ADD);

    sql_ints(q, (int64_t)d->topic, d->last, (int64_t)d->first_n);
    enum err e = sql_run(s, q, ei);
    if (e != E_OK)
        return e;
    d->id = sqlite3_last_insert_rowid(s->db);
    push_doomed(s, d);
    return E_OK;
}

/* A stretch of `count` events: at once if the budget allows, else later. */
static enum err doom(struct store_sqlite *s, struct doomed d, uint64_t count, struct errinfo *ei)
{
    bool done;

    if (count > s->tx.budget)
        return add_doomed(s, &d, ei);
    return remove_some(s, &d, &done, ei);
}

static enum err settle(struct store_sqlite *s, const struct doomed *d, bool done,
                       struct errinfo *ei)
{
    AUTO_STMT sqlite3_stmt *q = sql(s, done ? Q_DOOMED_REMOVE : Q_DOOMED_MOVE);

    if (done)
        sql_ints(q, d->id);
    else
        sql_ints(q, d->id, d->last);
    return sql_run(s, q, ei);
}

enum err doomed_slice(struct store_sqlite *s, struct errinfo *ei)
{
    while (s->doomed_count > 0 && s->tx.budget > 0) {
        struct doomed *d = &s->doomed[s->doomed_count - 1];
        bool done;
        enum err e = remove_some(s, d, &done, ei);
        if (e == E_OK)
            e = settle(s, d, done, ei);
        if (e != E_OK)
            return e;
        if (done)
            s->doomed_count--;
    }
    return E_OK;
}

/* ---- trimming ---- */

void trim(struct store_sqlite *s, struct head *h, const struct store_retention *r, int64_t now_wall)
{
    struct limits limits = {h, r, now_wall - r->max_age_us};
    struct node at, after;
    struct errinfo ei = ERRINFO_INIT;

    enum err e = chain_find(s, h, is_removable, &limits, &at, &after, &ei);
    if (e != E_OK) {
        trace(store, "journal %llu is not trimmed: %s", (unsigned long long)h->topic, ei.text);
        h->patience = UINT8_MAX;
        return;
    }
    uint64_t gain = at.n ? at.n + 1 - h->first_n : 0;
    if (gain == 0) {
        h->patience = PATIENCE;
        return;
    }
    struct doomed d = {0, h->topic, at.rowid, h->first_n};
    h->first_n = at.n + 1;
    h->first_cum = at.cum;
    h->first_time = after.n ? after.time : 0;
    h->floor_seq = at.seq;
    h->patience = trim_is_due(h, r, now_wall) ? PATIENCE : 0;
    /* A failure breaks the transaction, and that is answered with it. */
    (void)doom(s, d, gain, &ei);
}

enum err trim_all(struct store_sqlite *s, const struct head *h, struct errinfo *ei)
{
    struct doomed d = {0, h->topic, h->last, h->first_n};

    return h->first_n > h->n ? E_OK : doom(s, d, h->n + 1 - h->first_n, ei);
}
