/*
 * Reads the file of a SQLite store with SQL of its own and fails on any contradiction: every head
 * against its chain, every event in exactly one chain, every record with a head. Included by
 * store_rig.c.
 */
#include <sqlite3.h>

#include "store/store_sqlite_heads.h"

struct checker {
    sqlite3 *db;
    sqlite3_stmt *event;
    size_t visited; /* events reached from a head */
    size_t doomed;  /* events reached from a doomed stretch */
};

struct checked_event {
    int64_t rowid, seq, prev, skip, n, cum, len, time, topic;
    int type;
};

static sqlite3_stmt *check_query(struct checker *c, const char *text)
{
    sqlite3_stmt *q = NULL;

    if (sqlite3_prepare_v2(c->db, text, -1, &q, NULL) != SQLITE_OK)
        fail_msg("%s: %s", text, sqlite3_errmsg(c->db));
    return q;
}

static int64_t check_number(struct checker *c, const char *text)
{
    sqlite3_stmt *q = check_query(c, text);

    assert_int_equal(sqlite3_step(q), SQLITE_ROW);
    int64_t v = sqlite3_column_int64(q, 0);
    sqlite3_finalize(q);
    return v;
}

static struct checked_event check_event(struct checker *c, int64_t rowid)
{
    sqlite3_stmt *q = c->event;

    sqlite3_reset(q);
    sqlite3_bind_int64(q, 1, rowid);
    if (sqlite3_step(q) != SQLITE_ROW)
        fail_msg("event %lld is missing", (long long)rowid);
    return (struct checked_event){
        .rowid = rowid,
        .topic = sqlite3_column_int64(q, 0),
        .seq = sqlite3_column_int64(q, 1),
        .time = sqlite3_column_int64(q, 2),
        .type = sqlite3_column_int(q, 3),
        .prev = sqlite3_column_int64(q, 4),
        .skip = sqlite3_column_int64(q, 5),
        .n = sqlite3_column_int64(q, 6),
        .cum = sqlite3_column_int64(q, 7),
        .len = sqlite3_column_int64(q, 8),
    };
}

/* The columns of a head that the chain has to agree with. */
struct checked_head {
    int64_t topic, seq, last, skip, n, cum, first_n, first_cum, first_time, floor_seq, doc, doc_n;
};

/* From the newest to the oldest kept. */
static void check_chain(struct checker *c, const struct checked_head *h)
{
    int64_t rowid = h->last, lane = h->skip, cum = h->cum, seq = h->seq;

    for (int64_t n = h->n; n >= h->first_n; n--) {
        struct checked_event e = check_event(c, rowid);
        assert_int_equal(e.topic, h->topic);
        assert_int_equal(e.n, n);
        assert_int_equal(e.cum, cum);
        assert_true(n == h->n ? e.seq <= seq : e.seq < seq);
        assert_true(e.seq > h->floor_seq);
        if (n % EVENT_STRIDE == 0) {
            assert_int_equal(rowid, lane);
            lane = e.skip;
        }
        if (n == h->first_n) {
            assert_int_equal(e.cum - e.len, h->first_cum);
            assert_int_equal(e.time, h->first_time);
        }
        if (h->doc == DOC_EVENT && n == h->doc_n)
            assert_int_equal(e.type, STORE_SNAPSHOT);
        assert_true(e.prev < rowid);
        seq = e.seq;
        cum = e.cum - e.len;
        rowid = e.prev;
        c->visited++;
    }
}

static void check_head(struct checker *c, const struct checked_head *h)
{
    assert_true(h->first_n >= 1 && h->first_n <= h->n + 1);
    assert_true(h->first_n == 1 ? h->floor_seq == 0 : h->floor_seq > 0);
    assert_true(h->doc == DOC_NONE || h->doc_n >= h->first_n);
    assert_true(h->doc != DOC_EVENT || h->doc_n <= h->n);
    assert_true(h->doc != DOC_CHECKPOINT || h->doc_n <= h->n + 1);
    check_chain(c, h);
}

static void check_heads(struct checker *c)
{
    sqlite3_stmt *q = check_query(
        c, "SELECT topic, seq, last, skip, n, cum, first_n, first_cum, first_time, floor_seq, doc,"
           " doc_n FROM heads");
    int rc;

    while ((rc = sqlite3_step(q)) == SQLITE_ROW) {
        int64_t v[12];
        for (int i = 0; i < 12; i++)
            v[i] = sqlite3_column_int64(q, i);
        struct checked_head h = {v[0], v[1], v[2], v[3], v[4],  v[5],
                                 v[6], v[7], v[8], v[9], v[10], v[11]};
        check_head(c, &h);
    }
    assert_int_equal(rc, SQLITE_DONE);
    sqlite3_finalize(q);
}

static void check_doomed(struct checker *c)
{
    sqlite3_stmt *q = check_query(c, "SELECT topic, last, first_n FROM doomed");

    while (sqlite3_step(q) == SQLITE_ROW) {
        int64_t of = sqlite3_column_int64(q, 0), rowid = sqlite3_column_int64(q, 1);
        struct checked_event e;
        do {
            e = check_event(c, rowid);
            assert_int_equal(e.topic, of);
            c->doomed++;
            rowid = e.prev;
        } while (e.n > sqlite3_column_int64(q, 2));
    }
    sqlite3_finalize(q);
}

static size_t store_check(const char *dir)
{
    char path[300];
    struct checker c = {NULL, NULL, 0, 0};

    snprintf(path, sizeof path, "%s/pollcast.db", dir);
    assert_int_equal(sqlite3_open_v2(path, &c.db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    sqlite3_busy_timeout(c.db, 10000);
    sqlite3_stmt *begin = check_query(&c, "BEGIN"); /* one state for all that follows */
    assert_int_equal(sqlite3_step(begin), SQLITE_DONE);
    sqlite3_finalize(begin);
    c.event = check_query(&c, "SELECT topic, seq, time, type, prev, skip, n, cum, len"
                              " FROM events WHERE rowid = ?1");
    check_heads(&c);
    check_doomed(&c);
    sqlite3_finalize(c.event);
    assert_int_equal(check_number(&c, "SELECT count(*) FROM events"), c.visited + c.doomed);
    assert_int_equal(check_number(&c, "SELECT count(*) FROM records LEFT JOIN heads ON topic = num"
                                      " WHERE topic IS NULL"),
                     0);
    assert_int_equal(check_number(&c, "SELECT count(*) FROM heads LEFT JOIN records ON topic = num"
                                      " WHERE num IS NULL"),
                     0);
    assert_int_equal(check_number(&c, "SELECT count(*) FROM heads h LEFT JOIN checkpoints c"
                                      " USING (topic) WHERE (h.doc = 2) != (c.topic IS NOT NULL)"),
                     0);
    assert_int_equal(check_number(&c, "SELECT count(*) FROM pragma_quick_check"
                                      " WHERE quick_check != 'ok'"),
                     0);
    sqlite3_close(c.db);
    return c.doomed;
}
