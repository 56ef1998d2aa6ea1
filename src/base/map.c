#include "base/map.h"

#include <stdatomic.h>

#include "base/hash.h"
#include "base/rand.h"

/*
 * Linear probing. An entry stands at its home place (hash modulo cap) or after it with no empty
 * slot in between; removal moves later entries back to keep that, so no tombstones are needed.
 */

#define CAP_MIN ((size_t)8)

/* Keys come from outside: with a seed of its own per process nobody can prepare colliding ones. */
static uint64_t seed(void)
{
    static _Atomic uint64_t value;
    uint64_t v = atomic_load_explicit(&value, memory_order_relaxed);

    if (LIKELY(v))
        return v;

    uint64_t none = 0;

    rand_secret(&v, sizeof v);
    v |= 1;
    return atomic_compare_exchange_strong(&value, &none, v) ? v : none;
}

static uint32_t hash_of(struct str key)
{
    return (uint32_t)hash64_seed(key.n ? key.p : "", key.n, seed());
}

/* The slot of the key, or the empty one where it belongs. The map has an empty slot. */
static size_t find(const struct map *m, struct str key, uint32_t hash)
{
    size_t mask = m->cap - 1;
    size_t i = hash & mask;

    for (; m->slots[i].key; i = (i + 1) & mask) {
        const struct map_slot *s = &m->slots[i];

        if (s->hash == hash && s->key_len == key.n &&
            memcmp(s->key, key.n ? key.p : "", key.n) == 0)
            break;
    }
    return i;
}

static void grow(struct map *m)
{
    size_t cap = m->cap ? m->cap * 2 : CAP_MIN;
    struct map_slot *slots = xcalloc(cap, sizeof *slots);

    for (size_t i = 0; i < m->cap; i++) {
        if (!m->slots[i].key)
            continue;

        size_t to = m->slots[i].hash & (cap - 1);

        while (slots[to].key)
            to = (to + 1) & (cap - 1);
        slots[to] = m->slots[i];
    }
    free(m->slots);
    m->slots = slots;
    m->cap = cap;
}

/* "" for an empty key, whose pointer may be NULL. */
static const char *keep_key(const struct map *m, struct str key)
{
    if (m->borrowing)
        return key.n ? key.p : "";
    return str_dup(key);
}

static void drop_key(const struct map *m, struct map_slot *s)
{
    if (!m->borrowing)
        free((char *)(uintptr_t)s->key);
}

void map_done(struct map *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < m->cap; i++)
        drop_key(m, &m->slots[i]);
    free(m->slots);
    m->slots = NULL;
    m->cap = m->count = 0;
}

void *map_get(const struct map *m, struct str key)
{
    if (m->count == 0)
        return NULL;
    return m->slots[find(m, key, hash_of(key))].value;
}

void *map_put(struct map *m, struct str key, void *value)
{
    CHECK(value != NULL && key.n < UINT32_MAX);
    if (m->cap == 0)
        grow(m);

    uint32_t hash = hash_of(key);
    size_t i = find(m, key, hash);

    if (m->slots[i].key) {
        void *was = m->slots[i].value;

        m->slots[i].value = value;
        if (m->borrowing)
            m->slots[i].key = keep_key(m, key);
        return was;
    }
    if (m->count + 1 > m->cap / 4 * 3) {
        grow(m);
        i = find(m, key, hash);
    }
    m->slots[i] = (struct map_slot){keep_key(m, key), (uint32_t)key.n, hash, value};
    m->count++;
    return NULL;
}

/* Close the gap at `gap`: an entry after it moves into it unless its home lies after the gap. */
static void shift_back(struct map *m, size_t gap)
{
    size_t mask = m->cap - 1;

    for (size_t i = (gap + 1) & mask; m->slots[i].key; i = (i + 1) & mask) {
        size_t from_home = (i - m->slots[i].hash) & mask;
        size_t from_gap = (i - gap) & mask;

        if (from_home < from_gap)
            continue;
        m->slots[gap] = m->slots[i];
        gap = i;
    }
    m->slots[gap] = (struct map_slot){NULL, 0, 0, NULL};
}

void *map_remove(struct map *m, struct str key)
{
    if (m->count == 0)
        return NULL;

    size_t i = find(m, key, hash_of(key));
    void *was = m->slots[i].value;

    if (!m->slots[i].key)
        return NULL;
    drop_key(m, &m->slots[i]);
    shift_back(m, i);
    m->count--;
    return was;
}

void *map_next(const struct map *m, size_t *at)
{
    while (*at < m->cap) {
        const struct map_slot *s = &m->slots[(*at)++];

        if (s->key)
            return s->value;
    }
    return NULL;
}
