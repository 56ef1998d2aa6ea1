#include "base/mem.h"

static void (*panic_hook)(void);

void panic_set_hook(void (*hook)(void))
{
    panic_hook = hook;
}

void panic(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    fputs("pollcast: panic: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    if (panic_hook)
        panic_hook();
    abort();
}

static void *must(void *p, size_t n)
{
    if (UNLIKELY(!p))
        panic("out of memory asking for %zu bytes", n);
    return p;
}

void *xmalloc(size_t n)
{
    return must(malloc(n ? n : 1), n);
}

void *xcalloc(size_t count, size_t size)
{
    return must(calloc(count ? count : 1, size ? size : 1), count * size);
}

void *xrealloc(void *p, size_t n)
{
    return must(realloc(p, n ? n : 1), n);
}

char *xstrndup(const char *s, size_t n)
{
    char *d = xmalloc(n + 1);

    memcpy(d, s, n);
    d[n] = '\0';
    return d;
}

char *xstrdup(const char *s)
{
    return xstrndup(s, strlen(s));
}

char *xasprintf(const char *fmt, ...)
{
    va_list ap;
    char *s = NULL;

    va_start(ap, fmt);
    int n = vasprintf(&s, fmt, ap);
    va_end(ap);
    if (n < 0)
        panic("out of memory formatting \"%s\"", fmt);
    return s;
}
