/*
 * Which element of one array is which of the other: by a key member, else by content, of which only what
 * is equal counts. Matched elements in the longest increasing order stay in place; where elements between
 * two that stay went and others came, they become each other, pair by pair.
 */
#include "json/diff_match.h"
#include "json/pointer.h"

/* ---- elements ---- */

void match_done(struct match *x)
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

static void drop_same_end(struct match *x)
{
    while (x->n && x->m && same_element(x->a[x->n - 1], x->b[x->m - 1])) {
        x->n--;
        x->m--;
        x->to_end = false;
    }
}

/* ---- by key ---- */

const jval *match_key(const jval *element, struct str key)
{
    const jval *v = key.n && key.p[0] == '/' ? jpointer_get(element, key) : jv_get(element, key);

    return v && jvf_has_text(v) ? v : NULL;
}

static bool fill_keys(const jval **keys, const jval *const *elements, size_t n, struct str key)
{
    for (size_t i = 0; i < n; i++) {
        keys[i] = jvf_is_object(elements[i]) ? match_key(elements[i], key) : NULL;
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

/* Have they the same keys in the same order? */
static bool has_keys_in_place(const jval *a, const jval *b, size_t n, struct str key)
{
    for (; n; n--, a = jvf_next(a), b = jvf_next(b)) {
        if (!jvf_is_object(a) || !jvf_is_object(b))
            return false;

        const jval *ka = match_key(a, key), *kb = match_key(b, key);

        if (!ka || !kb || !same_element(ka, kb))
            return false;
    }
    return true;
}

struct str match_key_name(const struct walk *w, const jval *a, const jval *b)
{
    struct str given = w->opt->array_key;

    if (given.p && match_key(a, given) && match_key(b, given))
        return given;
    for (size_t i = 0; i < ARRAY_LEN(key_guesses); i++)
        if (match_key(a, key_guesses[i]) && match_key(b, key_guesses[i]))
            return key_guesses[i];
    return STR_NONE;
}

bool match_keys_in_place(const struct walk *w, const jval *a, const jval *b, size_t n)
{
    if (!jvf_is_object(a) || !jvf_is_object(b))
        return false;

    struct str key = match_key_name(w, a, b);

    return key.p && has_keys_in_place(a, b, n, key);
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

void match_init(struct match *x, const jval *a, const jval *b)
{
    match_alloc(x);
    fill_elements(x->a, a, x->n);
    fill_elements(x->b, b, x->m);
    drop_same_end(x);
}

void match_find(struct match *x)
{
    if (!x->n || !x->m)
        return;
    x->keyed = match_by_key(x);
    if (!x->keyed)
        match_by_content(x);
    find_staying(x, x->keyed ? CHANGED : SAME);
    release_unordered(x);
    pair_rest(x);
}
