#include "base/trace.h"

#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"

#define RING_LINES 64
#define LINE_SIZE 256

_Static_assert(TRACE_COUNT <= 32, "trace_mask has 32 bits");

/* The last lines of one thread. The lock is its thread's alone except while somebody dumps. Rings
 * are never freed: what an ended thread did last may explain a panic. */
struct ring {
    pthread_mutex_t lock;
    struct ring *next;
    int thread;   /* 1, 2, … in order of the first line */
    size_t count; /* lines ever written */
    char lines[RING_LINES][LINE_SIZE];
};

atomic_uint trace_mask;

static _Atomic(struct ring *) rings;
static atomic_int threads;
static _Thread_local struct ring *mine;

static const struct {
    const char *name, *text;
} areas_known[TRACE_COUNT] = {
#define TRACE_AREA(name, text) [TRACE_##name] = {#name, text},
#include "base/trace.def"
#undef TRACE_AREA
};

const char *trace_area_name(enum trace_area area)
{
    CHECK(area < TRACE_COUNT);
    return areas_known[area].name;
}

const char *trace_area_text(enum trace_area area)
{
    CHECK(area < TRACE_COUNT);
    return areas_known[area].text;
}

/* Bits of one name; 0: not known. */
static unsigned bits_of(struct str name)
{
    if (str_eqz(name, "all"))
        return (unsigned)((UINT64_C(1) << TRACE_COUNT) - 1);
    for (unsigned i = 0; i < TRACE_COUNT; i++)
        if (str_eqz(name, areas_known[i].name))
            return 1u << i;
    return 0;
}

static enum err unknown_area(struct str name, struct errinfo *ei)
{
    const char *names[TRACE_COUNT + 1] = {[TRACE_COUNT] = "all"};
    AUTO(buf_done) struct buf known = BUF_INIT;

    for (unsigned i = 0; i < TRACE_COUNT; i++) {
        names[i] = areas_known[i].name;
        buf_printf(&known, ", %s", names[i]);
    }

    const char *near = str_nearest(name, names, ARRAY_LEN(names));

    return err_set(ei, E_INVALID, "no trace area \"%.*s\"%s%s%s; there are all%s",
                   (int)MIN(name.n, (size_t)40), name.n ? name.p : "",
                   near ? " (did you mean \"" : "", near ? near : "", near ? "\"?)" : "",
                   buf_cstr(&known));
}

enum err trace_set(struct str areas, struct errinfo *ei)
{
    unsigned mask = 0;
    struct str rest = str_trim(areas);

    if (rest.n == 0)
        rest = STR_NONE;
    while (rest.p) {
        struct str name = str_trim(str_split(&rest, ','));
        bool off = str_starts(name, STR("-"));
        unsigned bits;

        if (off)
            name = str_drop(name, 1);
        bits = bits_of(name);
        if (!bits)
            return unknown_area(name, ei);
        mask = off ? mask & ~bits : mask | bits;
    }
    atomic_store_explicit(&trace_mask, mask, memory_order_relaxed);
    return E_OK;
}

static struct ring *ring_register(void)
{
    struct ring *r = xcalloc(1, sizeof *r);

    pthread_mutex_init(&r->lock, NULL);
    r->thread = atomic_fetch_add(&threads, 1) + 1;
    r->next = atomic_load(&rings);
    while (!atomic_compare_exchange_weak(&rings, &r->next, r))
        ;
    return mine = r;
}

static void write_all(const char *p, size_t n)
{
    int was = errno;

    while (write(STDERR_FILENO, p, n) < 0 && errno == EINTR)
        ;
    errno = was;
}

/* One line with its newline and a NUL; returns its length. */
static size_t format_line(char line[LINE_SIZE], int thread, enum trace_area area, const char *fmt,
                          va_list ap)
{
    char time[CLOCK_MS_LEN + 1];

    clock_text_ms(time, clock_now_wall());

    size_t n =
        (size_t)snprintf(line, LINE_SIZE, "%s trace %d %s: ", time, thread, areas_known[area].name);
    int more = vsnprintf(line + n, LINE_SIZE - n - 1, fmt, ap);

    n = MIN(n + (size_t)MAX(more, 0), (size_t)LINE_SIZE - 2);
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
            line[i] =
                ' '; /* text from outside must not forge lines or move the terminal's cursor */
    line[n++] = '\n';
    line[n] = '\0';
    return n;
}

void trace_write(enum trace_area area, const char *fmt, ...)
{
    struct ring *r = LIKELY(mine) ? mine : ring_register();
    char line[LINE_SIZE];
    va_list ap;

    va_start(ap, fmt);
    size_t n = format_line(line, r->thread, area, fmt, ap);
    va_end(ap);

    pthread_mutex_lock(&r->lock);
    memcpy(r->lines[r->count++ % RING_LINES], line, n + 1);
    pthread_mutex_unlock(&r->lock);
    if (trace_on(area))
        write_all(line, n);
}

static void ring_dump(struct ring *r)
{
    char head[64];
    size_t from = r->count > RING_LINES ? r->count - RING_LINES : 0;

    if (r->count == 0)
        return;
    write_all(head, (size_t)snprintf(head, sizeof head, "last %zu trace lines of thread %d:\n",
                                     r->count - from, r->thread));
    for (size_t i = from; i < r->count; i++) {
        const char *line = r->lines[i % RING_LINES];

        write_all(line, strlen(line));
    }
}

void trace_dump(void)
{
    /* In a panic a lock may never come free: better without that thread's lines than to hang. */
    for (struct ring *r = atomic_load(&rings); r; r = r->next)
        if (pthread_mutex_trylock(&r->lock) == 0) {
            ring_dump(r);
            pthread_mutex_unlock(&r->lock);
        }
}
