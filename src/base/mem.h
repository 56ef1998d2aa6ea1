/*
 * Memory: small allocations that abort on failure, and ownership made visible.
 *
 * Sizes that come from outside never go here unbounded: they pass through buf.h or arena.h, which
 * have a maximum. `AUTO(free)`-style cleanups run when the variable leaves its scope; TAKE() moves
 * a pointer out so that the cleanup does nothing.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/banned.h"

#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF(f, a) __attribute__((format(printf, f, a)))
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define CONTAINER_OF(p, type, member) ((type *)((char *)(p)-offsetof(type, member)))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

/* Move a pointer out of a variable, leaving NULL: `return TAKE(p);`. */
#define TAKE(p)                                                                                    \
    ({                                                                                             \
        __typeof__(p) *take_at_ = &(p);                                                            \
        __typeof__(p) take_was_ = *take_at_;                                                       \
        *take_at_ = NULL;                                                                          \
        take_was_;                                                                                 \
    })

/* `AUTO(buf_done) struct buf b = BUF_INIT;` calls buf_done(&b) at the end of the scope. */
#define AUTO(fn) __attribute__((cleanup(fn)))

/* `AUTO_FREE char *s = xstrdup(…);` frees s at the end of the scope. */
#define AUTO_FREE AUTO(mem_auto_free)
static inline void mem_auto_free(void *p)
{
    free(*(void **)p);
}

/* Like their libc twins, but never return NULL: out of memory ends the process with a message. */
void *xmalloc(size_t n) __attribute__((malloc, returns_nonnull));
void *xcalloc(size_t count, size_t size) __attribute__((malloc, returns_nonnull));
void *xrealloc(void *p, size_t n) __attribute__((returns_nonnull));
char *xstrdup(const char *s) __attribute__((malloc, returns_nonnull));
/* Copy n bytes and add a NUL. */
char *xstrndup(const char *s, size_t n) __attribute__((malloc, returns_nonnull));
char *xasprintf(const char *fmt, ...) PRINTF(1, 2);

/* Say what failed and abort. For broken invariants, never for bad input. */
_Noreturn void panic(const char *fmt, ...) PRINTF(1, 2);

/* Called by panic() before it aborts, to print what the process was doing. One per process. */
void panic_set_hook(void (*hook)(void));

/* An assert that stays on in release builds. */
#define CHECK(cond)                                                                                \
    do {                                                                                           \
        if (UNLIKELY(!(cond)))                                                                     \
            panic("%s:%d: broken invariant: %s", __FILE__, __LINE__, #cond);                       \
    } while (0)

/* Magic numbers in long-lived structs: CHECK_OBJ(t, TOPIC_MAGIC). */
#define CHECK_OBJ(p, m) CHECK((p) != NULL && (p)->magic == (m))

#endif
