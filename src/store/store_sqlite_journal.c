/*
 * Commits to journals, and reading them.
 */
#include "base/clock.h"
#include "store/store_sqlite_chain.h"

/* ---- commit ---- */

static enum err check_events(const struct store_commit *op, struct errinfo *ei)
{
    uint64_t seq = op->expected_seq;

    for (size_t i = 0; i < op->event_count; i++) {
        const struct store_event *ev = &op->events[i];
        if (ev->seq <= seq || ev->seq > INT64_MAX / 2)
            return err_set(ei, E_INVALID, "event %llu cannot follow event %llu",
                           (unsigned long long)ev->seq, (unsigned long long)seq);
        if (ev->type < STORE_SNAPSHOT || ev->type > STORE_EVENT)
            return err_set(ei, E_INVALID, "an event has type %d", (int)ev->type);
        if (ev->body->len > BODY_MAX)
            return err_set(ei, E_LIMIT, "an event of %zu bytes", ev->body->len);
        seq = ev->seq;
    }
    for (size_t i = 0; i < op->note_count; i++)
        if (op->notes[i].body.n + op->notes[i].label.n > BODY_MAX)
            return err_set(ei, E_LIMIT, "a note of %zu bytes", op->notes[i].body.n);
    if ((op->checkpoint && op->checkpoint->len > BODY_MAX) ||
        (op->state && op->state->len > BODY_MAX))
        return err_set(ei, E_LIMIT, "a checkpoint or state over %zu bytes", BODY_MAX);
    return E_OK;
}

static enum err insert_event(struct store_sqlite *s, const struct head *h, int64_t rowid,
                             int64_t prev, const struct store_event *ev, struct errinfo *ei)
{
    AUTO_STMT sqlite3_stmt *q = sql(s, Q_EVENT_ADD);
    int64_t skip = h->n % EVENT_STRIDE == 0 ? h->skip : 0;

    sql_ints(q, rowid, (int64_t)h->topic, (int64_t)ev->seq, ev->time_wall, ev->type, prev, skip,
             (int64_t)h->n, (int64_t)h->cum, (int64_t)ev->body->len);
    sql_bind_body(s, q, 11, ev->body);
    return sql_run(s, q, ei);
}

/* The document starts anew from this event or checkpoint. */
static enum err set_doc(struct store_sqlite *s, struct head *h, enum doc_kind doc, uint64_t doc_n,
                        struct errinfo *ei)
{
    bool outdated = h->doc == DOC_CHECKPOINT && doc == DOC_EVENT;

    h->doc = (uint8_t)doc;
    h->doc_n = doc_n;
    if (!outdated)
        return E_OK;
    AUTO_STMT sqlite3_stmt *q = sql(s, Q_CHECKPOINT_REMOVE);
    sql_ints(q, (int64_t)h->topic);
    return sql_run(s, q, ei);
}

static enum err append(struct store_sqlite *s, struct head *h, const struct store_event *ev,
                       struct errinfo *ei)
{
    int64_t rowid = s->next_event++;
    int64_t prev = h->last;

    h->n++;
    h->cum += ev->body->len;
    enum err e = insert_event(s, h, rowid, prev, ev, ei);
    if (e != E_OK)
        return e;
    if (h->first_n == h->n)
        h->first_time = ev->time_wall;
    if (h->n % EVENT_STRIDE == 0)
        h->skip = rowid;
    h->last = rowid;
    h->seq = ev->seq;
    s->tx.events++;
    s->tx.bytes += ev->body->len;
    s->tx.snapshots += ev->type == STORE_SNAPSHOT;
    s->tx.budget += 4; /* more than comes in: what is doomed grows less */
    return ev->type == STORE_SNAPSHOT ? set_doc(s, h, DOC_EVENT, h->n, ei) : E_OK;
}

static enum err write_checkpoint(struct store_sqlite *s, struct head *h, const struct blob *doc,
                                 struct errinfo *ei)
{
    AUTO_STMT sqlite3_stmt *q = sql(s, Q_CHECKPOINT_SET);

    sql_ints(q, (int64_t)h->topic, (int64_t)h->seq);
    sql_bind_body(s, q, 3, doc);
    enum err e = sql_run(s, q, ei);
    return e == E_OK ? set_doc(s, h, DOC_CHECKPOINT, h->n + 1, ei) : e;
}

static enum err write_commit(struct store_sqlite *s, struct head *h, struct store_commit *op,
                             int64_t now_wall)
{
    struct errinfo *ei = &op->op.info;
    enum err e = E_OK;

    for (size_t i = 0; i < op->event_count && e == E_OK; i++)
        e = append(s, h, &op->events[i], ei);
    if (e == E_OK && op->checkpoint)
        e = write_checkpoint(s, h, op->checkpoint, ei);
    if (e == E_OK)
        e = notes_add(s, op->notes, op->note_count, ei);
    if (e != E_OK)
        return e;
    if (op->event_count)
        h->changed = now_wall;
    s->tx.commits++;
    return E_OK;
}

enum err journal_commit(struct store_sqlite *s, struct store_commit *op)
{
    struct errinfo *ei = &op->op.info;
    struct head *h = heads_find(&s->heads, op->topic);
    int64_t now_wall = clock_now_wall();

    if (!h)
        return err_set(ei, E_NOT_FOUND, "there is no journal %llu", (unsigned long long)op->topic);
    if (h->seq != op->expected_seq)
        return err_set(ei, E_STORE_SEQ, "journal %llu is at %llu, not at %llu",
                       (unsigned long long)op->topic, (unsigned long long)h->seq,
                       (unsigned long long)op->expected_seq);
    enum err e = check_events(op, ei);
    if (e != E_OK)
        return e;

    struct touched *t = heads_touch(&s->heads, h);
    if (op->state)
        t->state = op->state;
    h->max_age_us = op->retention.max_age_us;
    h->hold_seq = op->retention.hold_seq;
    e = write_commit(s, h, op, now_wall);
    if (e != E_OK)
        return e;
    if (h->patience > 0)
        h->patience--;
    else if (trim_is_due(h, &op->retention, now_wall))
        trim(s, h, &op->retention, now_wall);
    return E_OK;
}

/* ---- read ---- */

struct position {
    uint64_t n, cum; /* of the event that the reader has, or of what lies before the oldest kept */
};

static bool is_known_to_reader(const struct node *e, const void *arg)
{
    return e->seq <= *(const uint64_t *)arg;
}

static enum err find_position(struct store_sqlite *s, const struct head *h, struct store_read *op,
                              struct position *ret)
{
    struct node at, after;

    if (op->after >= h->seq) {
        op->exact = op->after == h->seq;
        *ret = (struct position){h->n, h->cum};
        return E_OK;
    }
    if (op->after <= h->floor_seq) {
        op->exact = op->after == h->floor_seq;
        *ret = (struct position){h->first_n - 1, h->first_cum};
        return E_OK;
    }
    enum err e = chain_find(s, h, is_known_to_reader, &op->after, &at, &after, &op->op.info);
    if (e != E_OK)
        return e;
    op->exact = at.n && at.seq == op->after;
    *ret = at.n ? (struct position){at.n, at.cum} : (struct position){h->first_n - 1, h->first_cum};
    return E_OK;
}

struct page {
    struct position from;
    uint64_t max_n, max_cum;
};

/* The limits are reached by this event, or it is the one that is given in any case. */
static bool is_within_page(const struct node *e, const void *arg)
{
    const struct page *p = arg;

    return e->n == p->from.n + 1 || (e->n <= p->max_n && e->cum <= p->max_cum);
}

static uint64_t add_up(uint64_t a, uint64_t b)
{
    return b == 0 || b > UINT64_MAX - a ? UINT64_MAX : a + b;
}

static struct page page_of(const struct store_read *op, struct position from)
{
    return (struct page){from, add_up(from.n, op->max_events), add_up(from.cum, op->max_bytes)};
}

/* Going back from the last event of the answer: the array is filled from its end. */
static enum err collect(struct store_sqlite *s, const struct head *h, struct node at,
                        struct store_read *op)
{
    for (size_t i = op->count; i-- > 0;) {
        struct store_event *ev = &op->events[i];
        ev->seq = at.seq;
        ev->type = (enum store_event_type)at.type;
        ev->time_wall = at.time;
        enum err e = chain_body(s, at.rowid, &ev->body, &op->op.info);
        if (e == E_OK && i > 0)
            e = chain_get(s, h->topic, at.prev, at.n - 1, &at, &op->op.info);
        if (e != E_OK)
            return e;
    }
    return E_OK;
}

static enum err read_page(struct store_sqlite *s, const struct head *h, struct position from,
                          struct store_read *op)
{
    struct page page = page_of(op, from);
    struct node last, after;

    if (from.n >= h->n)
        return E_OK;
    enum err e = chain_find(s, h, is_within_page, &page, &last, &after, &op->op.info);
    if (e != E_OK)
        return e;
    op->count = (size_t)(last.n - from.n);
    op->events = xcalloc(op->count, sizeof *op->events);
    op->more = last.n < h->n;
    e = collect(s, h, last, op);
    if (e != E_OK)
        store_read_done(op);
    return e;
}

enum err journal_read(struct store_sqlite *s, struct store_read *op)
{
    const struct head *h = heads_find(&s->heads, op->topic);
    struct position from;

    store_read_done(op); /* of an attempt whose transaction failed */
    op->exact = op->whole = op->more = false;
    if (!h)
        return err_set(&op->op.info, E_NOT_FOUND, "there is no journal %llu",
                       (unsigned long long)op->topic);
    op->head = h->seq;
    op->whole = op->after >= h->floor_seq;
    enum err e = find_position(s, h, op, &from);
    return e == E_OK ? read_page(s, h, from, op) : e;
}

/* ---- load ---- */

static enum err load_checkpoint(struct store_sqlite *s, const struct head *h, struct store_load *op)
{
    AUTO_STMT sqlite3_stmt *q = sql(s, Q_CHECKPOINT_GET);
    bool row;

    sql_ints(q, (int64_t)h->topic);
    enum err e = sql_row(s, q, &row, &op->op.info);
    if (e != E_OK)
        return e;
    if (!row)
        return sql_corrupt(s, &op->op.info, "a checkpoint is missing");
    return sql_body(s, q, 0, &op->base, &op->op.info);
}

/* Events that are no part of the document are passed over. */
static enum err load_one(struct store_sqlite *s, const struct head *h, const struct node *at,
                         struct store_load *op)
{
    bool is_base = h->doc == DOC_EVENT && at->n == h->doc_n;

    if (is_base)
        return chain_body(s, at->rowid, &op->base, &op->op.info);
    if (at->type != STORE_PATCH)
        return E_OK;
    return chain_body(s, at->rowid, &op->patches[op->patch_count++], &op->op.info);
}

static void reverse(struct blob **v, size_t count)
{
    for (size_t i = 0; i < count / 2; i++) {
        struct blob *b = v[i];
        v[i] = v[count - 1 - i];
        v[count - 1 - i] = b;
    }
}

static enum err load_events(struct store_sqlite *s, const struct head *h, struct store_load *op)
{
    int64_t rowid = h->last;
    struct node at;

    if (h->doc_n > h->n)
        return E_OK;
    op->patches = xcalloc((size_t)(h->n - h->doc_n + 1), sizeof(struct blob *));
    for (uint64_t n = h->n; n >= h->doc_n; n--) {
        enum err e = chain_get(s, h->topic, rowid, n, &at, &op->op.info);
        if (e == E_OK)
            e = load_one(s, h, &at, op);
        if (e != E_OK)
            return e;
        rowid = at.prev;
    }
    reverse(op->patches, op->patch_count);
    return E_OK;
}

static enum err load_today(struct store_sqlite *s, const struct head *h, struct store_load *op)
{
    enum err e = E_OK;

    op->seq = h->seq;
    if (h->doc == DOC_CHECKPOINT)
        e = load_checkpoint(s, h, op);
    return e == E_OK ? load_events(s, h, op) : e;
}

/* ---- load of another day ---- */

static bool is_of_then(const struct node *e, const void *arg)
{
    const struct store_load *op = arg;

    return (!op->at_seq || e->seq <= op->at_seq) && (!op->at_wall || e->time <= op->at_wall);
}

static enum err gone(struct store_load *op)
{
    return err_set(&op->op.info, E_GONE, "what the document was made of is not held any more");
}

/* Of what was trimmed only the document that the oldest kept event changes may still be there: the
 * checkpoint. */
static enum err load_before_oldest(struct store_sqlite *s, const struct head *h,
                                   struct store_load *op)
{
    bool is_newest = h->first_n > h->n;

    if (h->first_n == 1)
        return err_set(&op->op.info, E_NOT_FOUND, "there was no document yet");
    if (h->doc != DOC_CHECKPOINT || h->doc_n != h->first_n ||
        (op->at_seq && op->at_seq < h->floor_seq) ||
        (op->at_wall && !(is_newest && op->at_wall >= h->changed)))
        return gone(op);
    op->seq = h->floor_seq;
    op->time_wall = is_newest ? h->changed : 0;
    return load_checkpoint(s, h, op);
}

struct rowids {
    int64_t *v;
    size_t count, cap;
};

static void rowids_done(struct rowids *r)
{
    free(r->v);
}

static void push_rowid(struct rowids *r, int64_t rowid)
{
    if (r->count == r->cap) {
        r->cap = r->cap ? r->cap * 2 : 64;
        r->v = xrealloc(r->v, r->cap * sizeof *r->v);
    }
    r->v[r->count++] = rowid;
}

/* From the event back to what its document starts from; the patches in between, newest first. */
static enum err find_base(struct store_sqlite *s, const struct head *h, struct node at,
                          struct store_load *op, struct rowids *ret_patches)
{
    for (;;) {
        if (h->doc == DOC_CHECKPOINT && at.n + 1 == h->doc_n)
            return load_checkpoint(s, h, op);
        if (at.type == STORE_SNAPSHOT)
            return chain_body(s, at.rowid, &op->base, &op->op.info);
        if (at.type == STORE_PATCH)
            push_rowid(ret_patches, at.rowid);
        if (op->max_patches && ret_patches->count > op->max_patches)
            return err_set(&op->op.info, E_GONE,
                           "over %zu changes lie between the document and the last that is held "
                           "as a whole before it",
                           op->max_patches);
        if (at.n == h->first_n)
            break;
        enum err e = chain_get(s, h->topic, at.prev, at.n - 1, &at, &op->op.info);
        if (e != E_OK)
            return e;
    }
    if (h->doc == DOC_CHECKPOINT && h->doc_n == h->first_n)
        return load_checkpoint(s, h, op);
    return h->first_n == 1 ? err_set(&op->op.info, E_NOT_FOUND, "there was no document yet")
                           : gone(op);
}

static enum err load_then(struct store_sqlite *s, const struct head *h, struct store_load *op)
{
    AUTO(rowids_done) struct rowids patches = {0};
    struct node at, after;
    enum err e = chain_find(s, h, is_of_then, op, &at, &after, &op->op.info);

    if (e == E_OK && at.n == 0)
        return load_before_oldest(s, h, op);
    op->seq = at.seq;
    op->time_wall = at.time;
    if (e == E_OK)
        e = find_base(s, h, at, op, &patches);
    if (e != E_OK)
        return e;
    op->patches = xcalloc(patches.count + 1, sizeof(struct blob *));
    while (e == E_OK && op->patch_count < patches.count) {
        size_t i = op->patch_count++;
        e = chain_body(s, patches.v[patches.count - 1 - i], &op->patches[i], &op->op.info);
    }
    return e;
}

enum err journal_load(struct store_sqlite *s, struct store_load *op)
{
    const struct head *h = heads_find(&s->heads, op->topic);

    store_load_done(op); /* of an attempt whose transaction failed */
    op->head = h ? h->seq : 0;
    if (!h || h->doc == DOC_NONE)
        return err_set(&op->op.info, E_NOT_FOUND, "there is no document in journal %llu",
                       (unsigned long long)op->topic);
    enum err e = op->at_seq || op->at_wall ? load_then(s, h, op) : load_today(s, h, op);
    if (e != E_OK)
        store_load_done(op);
    return e;
}
