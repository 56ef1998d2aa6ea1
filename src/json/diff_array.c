/*
 * Arrays: which element of one side is which of the other, and the operations that follow.
 *
 * What is the same at both ends is left out first. The rest is matched by a key member or by
 * content. Matched elements in the longest increasing order stay in place; where elements between
 * two that stay went and others came, they change in place, pair by pair; what is left is removed
 * from the end, then inserted in ascending order. So every index is right at the time it is used,
 * and changes within elements can come last, at their final index.
 *
 * Most lists only changed within their elements. Where all keys are in their places none of this is
 * done, and nothing is allocated.
 */
#include "json/diff_walk.h"
#include "json/pointer.h"

enum fate {
    NEW = 0, /* an element of `after` that no element of `before` becomes */
    SAME,    /* stays as it is */
    CHANGED, /* stays, and has to be compared */
    OTHER,   /* takes the place of another */
    MOVED,   /* comes from another place */
};

struct match {
    struct walk *w;
    const jval **a, **b;   /* elements between the ends that are the same */
    const jval **ka, **kb; /* their keys */
    uint32_t n, m;
    uint32_t base;       /* index of the first */
    bool to_end;         /* nothing of `after` is behind them */
    uint32_t *to;        /* of each a: its place in b, plus 1; 0: goes */
    uint32_t *from;      /* of each b: its place in a, plus 1; 0: new */
    uint32_t *work;      /* n + m + 2 to work with */
    unsigned char *fate; /* of each b */
    bool keyed;
    bool hashed;
    void *memory;
};

/* ---- elements ---- */

static void match_done(struct match *x)
{
    jpool_put(x->memory);
}

static void match_alloc(struct match *x)
{
    size_t both = (size_t)x->n + x->m;
    size_t pointers = 2 * both * sizeof(jval *), numbers = (2 * both + 2) * sizeof(uint32_t);
    char *p = x->memory = jpool_get(pointers + numbers + x->m);

    x->a = (const jval **)(void *)p;
    x->b = x->a + x->n;
    x->ka = x->b + x->m;
    x->kb = x->ka + x->n;
    x->to = (uint32_t *)(void *)(p + pointers);
    x->from = x->to + x->n;
    x->work = x->from + x->m;
    x->fate = (unsigned char *)(p + pointers + numbers);
    memset(x->to, 0, both * sizeof(uint32_t));
    memset(x->fate, NEW, x->m);
}

static void fill_elements(const jval **list, const jval *at, size_t n)
{
    for (size_t i = 0; i < n; i++, at = jvf_next(at))
        list[i] = at;
}

static inline bool same_element(const jval *a, const jval *b)
{
    return jvf_is_container(b) ? jvf_kind(a) == jvf_kind(b) && jv_equal(a, b)
                               : walk_same_scalar(a, b);
}

static void drop_same_end(struct match *x)
{
    while (x->n && x->m && same_element(x->a[x->n - 1], x->b[x->m - 1])) {
        x->n--;
        x->m--;
        x->to_end = false;
    }
}

/* ---- by key ---- */

static const jval *key_of(const jval *element, struct str key)
{
    const jval *v = key.n && key.p[0] == '/' ? jpointer_get(element, key) : jv_get(element, key);

    return v && jvf_has_text(v) ? v : NULL;
}

static bool fill_keys(const jval **keys, const jval *const *elements, size_t n, struct str key)
{
    for (size_t i = 0; i < n; i++) {
        keys[i] = jvf_is_object(elements[i]) ? key_of(elements[i], key) : NULL;
        if (!keys[i])
            return false;
    }
    return true;
}

static bool match_in_order(struct match *x)
{
    if (x->n != x->m)
        return false;
    for (uint32_t i = 0; i < x->n; i++)
        if (!same_element(x->ka[i], x->kb[i]))
            return false;
    for (uint32_t i = 0; i < x->n; i++)
        x->from[i] = x->to[i] = i + 1;
    return true;
}

static size_t table_size(size_t n)
{
    size_t size = 16;

    while (size < 2 * n)
        size *= 2;
    return size;
}

/* The place of a key in the table of keys of `before`: the entry, or the free place for it. */
static uint32_t *key_place(const struct match *x, uint32_t *table, size_t mask, const jval *key)
{
    size_t at =
        (jvf_kind(key) == JVF_NUMBER ? json_number_hash(jvf_text(key), jvf_seed())
                                     : jvf_hash_bytes(key->uni.str, jvf_len(key), jvf_seed())) &
        mask;

    while (table[at] && !same_element(x->ka[table[at] - 1], key))
        at = (at + 1) & mask;
    return &table[at];
}

/* False when a key is there twice. */
static bool match_unique(struct match *x)
{
    size_t size = table_size(x->n);
    AUTO(jpool_putp) uint32_t *table = jpool_get(size * sizeof *table);

    memset(table, 0, size * sizeof *table);
    for (uint32_t i = 0; i < x->n; i++) {
        uint32_t *place = key_place(x, table, size - 1, x->ka[i]);

        if (*place)
            return false;
        *place = i + 1;
    }
    for (uint32_t j = 0; j < x->m; j++) {
        uint32_t i = *key_place(x, table, size - 1, x->kb[j]);

        if (i && x->to[i - 1])
            return false;
        x->from[j] = i;
        if (i)
            x->to[i - 1] = j + 1;
    }
    return true;
}

static bool match_by(struct match *x, struct str key)
{
    if (!jvf_is_object(x->a[0]) || !jvf_is_object(x->b[0]))
        return false;
    if (!fill_keys(x->ka, x->a, x->n, key) || !fill_keys(x->kb, x->b, x->m, key))
        return false;
    if (match_in_order(x) || match_unique(x))
        return true;
    memset(x->to, 0, x->n * sizeof *x->to);
    memset(x->from, 0, x->m * sizeof *x->from);
    return false;
}

static const struct str key_guesses[] = {
    {"id", 2}, {"_id", 3}, {"uuid", 4}, {"key", 3}, {"name", 4},
};

static bool match_by_key(struct match *x)
{
    if (x->w->opt->array_key.p && match_by(x, x->w->opt->array_key))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(key_guesses); i++)
        if (match_by(x, key_guesses[i]))
            return true;
    return false;
}

/* ---- by content ---- */

static void hash_elements(const jval *root, const jval *const *list, size_t n, bool hashed,
                          uint64_t **slots, uint64_t *ret)
{
    uint64_t seed = jvf_seed();

    if (!*slots)
        *slots = jpool_get(jvf_span(root) * sizeof **slots);
    for (size_t i = 0; i < n; i++) {
        uint64_t *slot = *slots + (list[i] - root);

        ret[i] = hashed && jvf_is_container(list[i]) ? *slot : jvf_hash_text(list[i], slot, seed);
    }
}

/* Elements of `before` by hash: a table of the first of each hash, and chains of those that have
 * the same, in ascending order. */
struct contents {
    uint64_t *a, *b; /* hashes of the elements */
    uint32_t *table, *next;
    size_t mask;
};

static uint32_t *content_place(const struct contents *c, uint64_t hash)
{
    size_t at = hash & c->mask;

    while (c->table[at] && c->a[c->table[at] - 1] != hash)
        at = (at + 1) & c->mask;
    return &c->table[at];
}

static void match_contents(struct match *x, const struct contents *c)
{
    memset(c->table, 0, (c->mask + 1) * sizeof *c->table);
    for (uint32_t i = x->n; i-- > 0;) {
        uint32_t *place = content_place(c, c->a[i]);

        c->next[i] = *place;
        *place = i + 1;
    }
    /* A chain that is used up keeps its place in the table by its last element. */
    for (uint32_t j = 0; j < x->m; j++) {
        uint32_t *place = content_place(c, c->b[j]);
        uint32_t i = *place;

        if (!i || x->to[i - 1] || !jv_equal(x->a[i - 1], x->b[j]))
            continue;
        x->from[j] = i;
        x->to[i - 1] = j + 1;
        if (c->next[i - 1])
            *place = c->next[i - 1];
    }
}

static void match_by_content(struct match *x)
{
    struct walk *w = x->w;
    size_t size = table_size(x->n), both = (size_t)x->n + x->m;

    if (x->n == 1 && x->m == 1)
        return;

    AUTO(jpool_putp)
    uint64_t *memory = jpool_get(both * sizeof(uint64_t) + size * sizeof(uint32_t));
    struct contents c = {memory, memory + x->n, (uint32_t *)(memory + both), x->work, size - 1};

    hash_elements(w->before, x->a, x->n, x->hashed, &w->before_hashes, c.a);
    hash_elements(w->after, x->b, x->m, x->hashed, &w->after_hashes, c.b);
    x->hashed = true;
    match_contents(x, &c);
}

/* ---- what stays ---- */

static bool in_order(const struct match *x)
{
    uint32_t last = 0;

    for (uint32_t j = 0; j < x->m; j++) {
        if (x->from[j] && x->from[j] < last)
            return false;
        last = x->from[j] ? x->from[j] : last;
    }
    return true;
}

/* Length of the part of ends[] whose elements come from before `from`. */
static uint32_t reach(const struct match *x, const uint32_t *ends, uint32_t count, uint32_t from)
{
    uint32_t low = 0;

    while (low < count) {
        uint32_t middle = low + (count - low) / 2;

        if (x->from[ends[middle]] < from)
            low = middle + 1;
        else
            count = middle;
    }
    return low;
}

/* Patience: ends[k] is the element with the least origin that an increasing run of k + 1 can end
 * with; before[j] is the element in front of j in its run, plus 1. */
static void find_staying(struct match *x, unsigned char fate)
{
    uint32_t *ends = x->work, *before, count = 0;
    AUTO(jpool_putp) void *memory = NULL;

    if (in_order(x)) {
        for (uint32_t j = 0; j < x->m; j++)
            x->fate[j] = x->from[j] ? fate : NEW;
        return;
    }
    before = memory = jpool_get(x->m * sizeof *before);
    for (uint32_t j = 0; j < x->m; j++) {
        if (!x->from[j])
            continue;

        uint32_t at = reach(x, ends, count, x->from[j]);

        before[j] = at ? ends[at - 1] + 1 : 0;
        ends[at] = j;
        if (at == count)
            count++;
    }
    for (uint32_t j = count ? ends[count - 1] + 1 : 0; j; j = before[j - 1])
        x->fate[j - 1] = fate;
}

/* Matched elements out of order move, or go and come again. */
static void release_unordered(struct match *x)
{
    for (uint32_t j = 0; j < x->m; j++) {
        if (x->fate[j] != NEW || !x->from[j])
            continue;
        if (x->w->opt->allow_move) {
            x->fate[j] = MOVED;
        } else {
            x->to[x->from[j] - 1] = 0;
            x->from[j] = 0;
        }
    }
}

static void pair_gap(struct match *x, uint32_t i, uint32_t end_i, uint32_t j, uint32_t end_j)
{
    for (; j < end_j; j++) {
        if (x->fate[j] != NEW)
            continue;
        while (i < end_i && x->to[i])
            i++;
        if (i == end_i)
            return;
        x->to[i] = j + 1;
        x->from[j] = i + 1;
        x->fate[j] = x->keyed ? OTHER : CHANGED;
    }
}

/* Between two elements that stay, the first that goes and the first that is new change in place,
 * then the second, and so on. */
static void pair_rest(struct match *x)
{
    uint32_t i = 0, first = 0;

    for (uint32_t j = 0; j < x->m; j++) {
        if (x->fate[j] != SAME && x->fate[j] != CHANGED)
            continue;
        pair_gap(x, i, x->from[j] - 1, first, j);
        i = x->from[j];
        first = j + 1;
    }
    pair_gap(x, i, x->n, first, x->m);
}

/* ---- operations ---- */

/* So many elements from here. */
static void remove_run(struct walk *w, size_t index, size_t count)
{
    size_t was = walk_down(w, index);

    for (; count && !w->full; count--)
        walk_remove(w);
    walk_up(w, was);
}

static void append_rest(struct walk *w, const jval *rest, size_t index, size_t count)
{
    for (; count && !w->full; count--, index++, rest = jvf_next(rest)) {
        size_t was = walk_down_end(w, index);

        walk_add(w, rest);
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
        append_rest(x->w, x->b[end], x->base + end, x->m - end);
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
    if (x->n && x->m) {
        x->keyed = match_by_key(x);
        if (!x->keyed)
            match_by_content(x);
        find_staying(x, x->keyed ? CHANGED : SAME);
        release_unordered(x);
        pair_rest(x);
    }
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
    append_rest(w, p.b, p.index, p.m);
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

/* Have they the same keys in the same order? */
static bool has_keys_in_place(struct parts p, struct str key)
{
    for (; p.n; p.n--, p.a = jvf_next(p.a), p.b = jvf_next(p.b)) {
        if (!jvf_is_object(p.a) || !jvf_is_object(p.b))
            return false;

        const jval *ka = key_of(p.a, key), *kb = key_of(p.b, key);

        if (!ka || !kb || !same_element(ka, kb))
            return false;
    }
    return true;
}

/* The same by the key that match_by_key() would look at first. */
static bool are_keys_in_place(const struct walk *w, const struct parts *p)
{
    struct str given = w->opt->array_key;

    if (p->n != p->m || !jvf_is_object(p->a) || !jvf_is_object(p->b))
        return false;
    if (given.p && key_of(p->a, given) && key_of(p->b, given))
        return has_keys_in_place(*p, given);
    for (size_t i = 0; i < ARRAY_LEN(key_guesses); i++)
        if (key_of(p->a, key_guesses[i]) && key_of(p->b, key_guesses[i]))
            return has_keys_in_place(*p, key_guesses[i]);
    return false;
}

bool walk_arrays(struct walk *w, const jval *a, const jval *b, bool hashed)
{
    struct parts p = {jvf_first(a), jvf_first(b), jvf_len(a), jvf_len(b), 0, hashed};
    AUTO(match_done) struct match x = {.w = w, .hashed = hashed, .to_end = true};

    if (!w->by_place)
        drop_same_start(&p);
    if (w->by_place || !p.n || !p.m || (p.n == 1 && p.m == 1) || is_one_scalar(&p, a, b) ||
        are_keys_in_place(w, &p)) {
        walk_by_place(w, p);
        return false;
    }
    x.n = (uint32_t)p.n;
    x.m = (uint32_t)p.m;
    x.base = (uint32_t)p.index;
    match_alloc(&x);
    fill_elements(x.a, p.a, x.n);
    fill_elements(x.b, p.b, x.m);
    drop_same_end(&x);
    return match_and_write(&x);
}
