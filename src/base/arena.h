/*
 * Memory of one lifetime (a poll, an API request): allocated piece by piece, freed at once.
 * Pieces are aligned for any type. An arena has a maximum for what comes from outside.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/err.h"
#include "base/str.h"

struct arena_block;

struct arena {
    struct arena_block *head;
    size_t used; /* bytes handed out */
    size_t max;  /* 0: no maximum of its own */
};

#define ARENA_INIT                                                                                 \
    {                                                                                              \
        NULL, 0, 0                                                                                 \
    }

/* Free everything; the arena may be used again. */
void arena_done(struct arena *a);
/* Zeroed memory. Over max: panic (use arena_try_alloc for sizes from outside). */
void *arena_alloc(struct arena *a, size_t n) __attribute__((returns_nonnull));
/* NULL when it would go over max. */
void *arena_try_alloc(struct arena *a, size_t n);
char *arena_strdup(struct arena *a, struct str s);
char *arena_printf(struct arena *a, const char *fmt, ...) PRINTF(2, 3);

#endif
