/*
 * Arrays: the operations that turn one into the other.
 *
 * What is the same at both ends is left out first, the rest is matched (diff_match.c). What is matched
 * with nothing is removed from the end, or inserted in ascending order. So every index is right at the
 * time it is used, and changes within elements can come last, at their final index.
 *
 * Most lists only changed within their elements. Where all keys are in their places none of this is
 * done, and nothing is allocated.
 */
#include "json/diff_match.h"

/* ---- operations ---- */

/* So many elements from here. */
static void remove_run(struct walk *w, size_t index, size_t count)
{
    size_t was = walk_down(w, index);

    for (; count && !w->full; count--)
        walk_remove(w);
    walk_up(w, was);
}

void walk_append(struct walk *w, const jval *first, size_t index, size_t count)
{
    for (; count && !w->full; count--, index++, first = jvf_next(first)) {
        size_t was = walk_down_end(w, index);

        walk_add(w, first);
        walk_up(w, was);
    }
}

/* Elements that are neighbours go one after the other at the index of the first. */
static void write_removals(struct match *x)
{
    for (uint32_t end = x->n; end > 0 && !x->w->full;) {
        uint32_t first = end;

        while (first > 0 && !x->to[first - 1])
            first--;
        if (first < end)
            remove_run(x->w, x->base + first, end - first);
        end = first < end ? first : end - 1;
    }
}

static void write_insert(struct match *x, uint32_t j, size_t index)
{
    size_t was = walk_down(x->w, x->base + index);

    walk_add(x->w, x->b[j]);
    walk_up(x->w, was);
}

static void write_inserts(struct match *x)
{
    uint32_t end = x->m;

    while (x->to_end && end > 0 && x->fate[end - 1] == NEW)
        end--;
    for (uint32_t j = 0; j < end && !x->w->full; j++)
        if (x->fate[j] == NEW)
            write_insert(x, j, j);
    if (end < x->m)
        walk_append(x->w, x->b[end], x->base + end, x->m - end);
}

/* With moves, the array in between is a row of spots, each empty or not; the index of a spot is
 * the number of spots before it that are not (a Fenwick tree counts them). Behind an element that
 * stays come the spots of those that will follow it, then of those that still have to leave. */
struct row {
    uint32_t *sums; /* from 1 */
    uint32_t count;
    uint32_t *of_a, *of_b;
};

static void row_set(const struct row *r, uint32_t spot, bool taken)
{
    for (uint32_t at = spot + 1; at <= r->count; at += at & (0 - at))
        r->sums[at] += taken ? 1 : UINT32_MAX;
}

static uint32_t row_index(const struct row *r, uint32_t spot)
{
    uint32_t sum = 0;

    for (uint32_t at = spot; at; at -= at & (0 - at))
        sum += r->sums[at];
    return sum;
}

static bool comes(const struct match *x, uint32_t j)
{
    return x->fate[j] == NEW || x->fate[j] == MOVED;
}

static void row_fill(const struct match *x, struct row *r)
{
    uint32_t spot = 0, i = 0;

    for (uint32_t j = 0; j <= x->m; j++) {
        if (j < x->m && comes(x, j)) {
            r->of_b[j] = spot++;
            continue;
        }
        for (uint32_t end = j < x->m ? x->from[j] - 1 : x->n; i < end; i++) {
            if (!x->to[i])
                continue;
            row_set(r, spot, true);
            r->of_a[i] = spot++;
        }
        i++;
        if (j == x->m)
            break;
        row_set(r, spot, true);
        r->of_b[j] = spot++;
    }
}

static void write_row(struct match *x, const struct row *r)
{
    for (uint32_t j = 0; j < x->m && !x->w->full; j++) {
        if (!comes(x, j))
            continue;
        if (x->fate[j] == NEW) {
            write_insert(x, j, row_index(r, r->of_b[j]));
        } else {
            uint32_t spot = r->of_a[x->from[j] - 1], from = row_index(r, spot), to;

            row_set(r, spot, false);
            to = row_index(r, r->of_b[j]);
            if (from != to)
                walk_move(x->w, x->base + from, x->base + to);
        }
        row_set(r, r->of_b[j], true);
    }
}

static void write_inserts_and_moves(struct match *x)
{
    size_t spots = (size_t)x->n + x->m;
    AUTO(jpool_putp) uint32_t *memory = jpool_get((spots + 1 + spots) * sizeof *memory);
    struct row r = {memory, (uint32_t)spots, memory + spots + 1, memory + spots + 1 + x->n};

    memset(r.sums, 0, (spots + 1) * sizeof *r.sums);
    row_fill(x, &r);
    write_row(x, &r);
}

static void write_changes(struct match *x)
{
    for (uint32_t j = 0; j < x->m && !x->w->full; j++) {
        bool look = x->fate[j] == CHANGED || (x->fate[j] == MOVED && x->keyed);

        if (!look && x->fate[j] != OTHER)
            continue;
        if (look && x->keyed && jvf_same_slots(x->a[x->from[j] - 1], x->b[j]))
            continue;

        size_t was = walk_down(x->w, x->base + j);

        if (look)
            walk_pair(x->w, x->a[x->from[j] - 1], x->b[j], x->hashed);
        else
            walk_replace(x->w, x->b[j]);
        walk_up(x->w, was);
    }
}

static void write_all(struct match *x)
{
    bool moves = x->w->opt->allow_move && memchr(x->fate, MOVED, x->m);

    write_removals(x);
    if (moves)
        write_inserts_and_moves(x);
    else
        write_inserts(x);
    write_changes(x);
}

/* Was every element compared with the one in its place? */
static bool is_by_place(const struct match *x)
{
    uint32_t both = MIN(x->n, x->m);

    if (x->n != x->m && !x->to_end)
        return false;
    for (uint32_t j = 0; j < both; j++)
        if (x->from[j] != j + 1 || x->fate[j] == OTHER)
            return false;
    return true;
}

/* Returns whether patches by place are different ones. */
static bool match_and_write(struct match *x)
{
    match_find(x);
    write_all(x);
    return !is_by_place(x);
}

/* ---- element by element ---- */

/* Parts of two arrays: elements from an index on. */
struct parts {
    const jval *a, *b;
    size_t n, m, index;
    bool hashed;
};

static void drop_same_start(struct parts *p)
{
    while (p->n && p->m && same_element(p->a, p->b)) {
        p->a = jvf_next(p->a);
        p->b = jvf_next(p->b);
        p->n--;
        p->m--;
        p->index++;
    }
}

static void walk_by_place(struct walk *w, struct parts p)
{
    for (; p.n && p.m && !w->full; p.n--, p.m--, p.index++) {
        bool inner = jvf_is_container(p.b);

        if (!(inner ? jvf_same_slots(p.a, p.b) : walk_same_scalar(p.a, p.b))) {
            size_t was = walk_down(w, p.index);

            if (inner)
                walk_pair(w, p.a, p.b, p.hashed);
            else
                walk_replace(w, p.b);
            walk_up(w, was);
        }
        p.a = jvf_next(p.a);
        p.b = jvf_next(p.b);
    }
    if (p.n)
        remove_run(w, p.index, p.n);
    walk_append(w, p.b, p.index, p.m);
}

/* Of elements that are single slots: what is left but for equal ones at the end is one on each side. */
static bool is_one_scalar(const struct parts *p, const jval *a, const jval *b)
{
    size_t left = p->n;

    if (p->n != p->m || jvf_span(a) != jvf_len(a) + 1 || jvf_span(b) != jvf_len(b) + 1)
        return false;
    while (left > 1 && same_element(p->a + left - 1, p->b + left - 1))
        left--;
    return left == 1;
}

bool walk_arrays(struct walk *w, const jval *a, const jval *b, bool hashed)
{
    struct parts p = {jvf_first(a), jvf_first(b), jvf_len(a), jvf_len(b), 0, hashed};
    AUTO(match_done) struct match x = {.w = w, .hashed = hashed, .to_end = true};

    if (!w->by_place)
        drop_same_start(&p);
    if (w->by_place || !p.n || !p.m || (p.n == 1 && p.m == 1) || is_one_scalar(&p, a, b) ||
        (p.n == p.m && match_keys_in_place(w, p.a, p.b, p.n))) {
        walk_by_place(w, p);
        return false;
    }
    x.n = (uint32_t)p.n;
    x.m = (uint32_t)p.m;
    x.base = (uint32_t)p.index;
    match_init(&x, p.a, p.b);
    return match_and_write(&x);
}
