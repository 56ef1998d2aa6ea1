/*
 * Hash map from bytes to a pointer. Keys are copied; values are the caller's. Open addressing,
 * grows at 3/4 full; a value is never NULL.
 *
 * A map with MAP_INIT_BORROWING copies no keys: each is part of its value, or lives as long. Where a
 * value is replaced, the new one's key is borrowed from then on.
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "base/str.h"

struct map_slot {
    const char *key; /* NULL: empty */
    uint32_t key_len;
    uint32_t hash;
    void *value;
};

struct map {
    struct map_slot *slots;
    size_t cap; /* 0 or a power of two */
    size_t count;
    bool borrowing;
};

#define MAP_INIT                                                                                   \
    {                                                                                              \
        NULL, 0, 0, false                                                                          \
    }
#define MAP_INIT_BORROWING                                                                         \
    {                                                                                              \
        NULL, 0, 0, true                                                                           \
    }

void map_done(struct map *m);
void *map_get(const struct map *m, struct str key);
/* Set; returns the value that stood there before, or NULL. */
void *map_put(struct map *m, struct str key, void *value);
/* Remove; returns the value that stood there, or NULL. */
void *map_remove(struct map *m, struct str key);

/* Walk: `for (size_t i = 0; (v = map_next(m, &i)) != NULL;)`. The map must not change meanwhile. */
void *map_next(const struct map *m, size_t *at);

#endif
