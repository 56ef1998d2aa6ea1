/*
 * The heads of all journals, in memory, and what a transaction did to them.
 */
#include "store/store_sqlite.h"

_Static_assert(sizeof(struct head) <= 128, "there is one for each record");

static bool is_sane(const struct head *h)
{
    return h->first_n >= 1 && h->first_n <= h->n + 1 && h->cum >= h->first_cum &&
           h->floor_seq <= h->seq && h->doc <= DOC_CHECKPOINT;
}

static void push(struct heads *hs, const struct head *h)
{
    if (hs->count == hs->cap) {
        hs->cap = hs->cap ? hs->cap + hs->cap / 2 : 64;
        hs->v = xrealloc(hs->v, hs->cap * sizeof *hs->v);
    }
    CHECK(hs->count == 0 || hs->v[hs->count - 1].topic < h->topic);
    hs->v[hs->count++] = *h;
}

static struct head head_of_row(sqlite3_stmt *q)
{
    return (struct head){
        .topic = sql_u64(q, 0),
        .seq = sql_u64(q, 1),
        .last = sqlite3_column_int64(q, 2),
        .skip = sqlite3_column_int64(q, 3),
        .n = sql_u64(q, 4),
        .cum = sql_u64(q, 5),
        .first_n = sql_u64(q, 6),
        .first_cum = sql_u64(q, 7),
        .first_time = sqlite3_column_int64(q, 8),
        .floor_seq = sql_u64(q, 9),
        .doc = (uint8_t)sqlite3_column_int(q, 10),
        .doc_n = sql_u64(q, 11),
        .changed = sqlite3_column_int64(q, 12),
        .max_age_us = sqlite3_column_int64(q, 13),
        .hold_seq = sql_u64(q, 14),
    };
}

enum err heads_load(struct store_sqlite *s, struct errinfo *ei)
{
    AUTO_STMT sqlite3_stmt *q = sql(s, Q_HEADS_ALL);
    bool row;
    enum err e;

    while ((e = sql_row(s, q, &row, ei)) == E_OK && row) {
        struct head h = head_of_row(q);
        if (!is_sane(&h))
            return sql_corrupt(s, ei, "a journal's head contradicts itself");
        push(&s->heads, &h);
    }
    return e;
}

void heads_done(struct heads *hs)
{
    free(hs->v);
    free(hs->touched);
    *hs = (struct heads){NULL, 0, 0, 0, NULL, 0, 0, 0};
}

struct head *heads_find(struct heads *hs, uint64_t topic)
{
    size_t low = 0, high = hs->count;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (hs->v[mid].topic < topic)
            low = mid + 1;
        else
            high = mid;
    }
    if (low == hs->count || hs->v[low].topic != topic || hs->v[low].dead)
        return NULL;
    return &hs->v[low];
}

void heads_add(struct heads *hs, uint64_t topic)
{
    struct head h = {.topic = topic, .first_n = 1};

    push(hs, &h);
}

struct touched *heads_touch(struct heads *hs, struct head *h)
{
    if (h->touched)
        return &hs->touched[h->touched - 1];
    if (hs->touched_count == hs->touched_cap) {
        hs->touched_cap = hs->touched_cap ? hs->touched_cap * 2 : 64;
        hs->touched = xrealloc(hs->touched, hs->touched_cap * sizeof *hs->touched);
    }
    struct touched *t = &hs->touched[hs->touched_count++];
    *t = (struct touched){(size_t)(h - hs->v), *h, NULL};
    h->touched = (uint32_t)hs->touched_count;
    return t;
}

void heads_kill(struct heads *hs, struct head *h)
{
    (void)heads_touch(hs, h);
    h->dead = true;
}

static enum err write_one(struct store_sqlite *s, const struct head *h, const struct blob *state,
                          struct errinfo *ei)
{
    AUTO_STMT sqlite3_stmt *q = sql(s, state ? Q_HEAD_SET_STATE : Q_HEAD_SET);

    sql_ints(q, (int64_t)h->topic, (int64_t)h->seq, h->last, h->skip, (int64_t)h->n,
             (int64_t)h->cum, (int64_t)h->first_n, (int64_t)h->first_cum, h->first_time,
             (int64_t)h->floor_seq, h->doc, (int64_t)h->doc_n, h->changed, h->max_age_us,
             (int64_t)h->hold_seq);
    if (state)
        sql_bind_blob(q, 16, state);
    return sql_run(s, q, ei);
}

/* Once for each head, however many commits of the transaction changed it. */
enum err heads_write(struct store_sqlite *s, struct errinfo *ei)
{
    struct heads *hs = &s->heads;

    for (size_t i = 0; i < hs->touched_count; i++) {
        const struct head *h = &hs->v[hs->touched[i].at];
        if (h->dead)
            continue;
        enum err e = write_one(s, h, hs->touched[i].state, ei);
        if (e != E_OK)
            return e;
    }
    return E_OK;
}

static void compact(struct heads *hs)
{
    size_t to = 0;

    for (size_t i = 0; i < hs->count; i++)
        if (!hs->v[i].dead)
            hs->v[to++] = hs->v[i];
    hs->count = to;
    hs->dead = 0;
}

void heads_keep(struct heads *hs)
{
    for (size_t i = 0; i < hs->touched_count; i++) {
        struct head *h = &hs->v[hs->touched[i].at];
        h->touched = 0;
        hs->dead += h->dead;
    }
    hs->touched_count = 0;
    if (hs->dead > 64 && hs->dead > hs->count / 2)
        compact(hs);
}

void heads_undo(struct heads *hs)
{
    for (size_t i = 0; i < hs->touched_count; i++)
        hs->v[hs->touched[i].at] = hs->touched[i].was;
    hs->touched_count = 0;
    hs->count = hs->count_was;
}
