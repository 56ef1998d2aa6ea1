#include "base/count.h"

#include <pthread.h>
#include <stdatomic.h>

#define BOUNDS 15

static const int64_t bounds_us[BOUNDS] = {
    100,   200,    500,    1000,   2000,    5000,    10000,   20000,
    50000, 100000, 200000, 500000, 1000000, 2000000, 5000000,
};

/* One histogram of one thread. */
struct times {
    _Atomic int64_t in[BOUNDS + 1]; /* not cumulative; the last is beyond all bounds */
    _Atomic int64_t sum_us;
};

/*
 * A block is written by its thread alone, so a relaxed load and store suffice: no locked
 * instruction, and no torn value for a reader. Blocks are never freed: what an ended thread counted
 * still counts, and a reader may walk the list without a lock.
 */
struct block {
    _Alignas(64) _Atomic int64_t v[COUNTER_COUNT];
    struct times times[HISTOGRAM_COUNT];
    struct block *next;
};

static const struct {
    const char *name;
    bool is_gauge;
    const char *text;
} rows[COUNTER_COUNT] = {
#define counter false
#define gauge true
#define COUNTER(name, kind, text) [COUNT_##name] = {#name, kind, text},
#include "base/counters.def"
#undef COUNTER
#undef gauge
#undef counter
};

static const struct {
    const char *name;
    const char *text;
} histogram_rows[HISTOGRAM_COUNT] = {
#define HISTOGRAM(name, text) [HIST_##name] = {#name, text},
#include "base/histograms.def"
#undef HISTOGRAM
};

static pthread_mutex_t registering = PTHREAD_MUTEX_INITIALIZER;
static _Atomic(struct block *) blocks;
static _Thread_local struct block *mine;

static struct block *block_register(void)
{
    struct block *b = aligned_alloc(_Alignof(struct block), sizeof *b);

    if (!b)
        panic("out of memory asking for %zu bytes", sizeof *b);
    memset(b, 0, sizeof *b);
    pthread_mutex_lock(&registering);
    b->next = atomic_load_explicit(&blocks, memory_order_relaxed);
    atomic_store_explicit(&blocks, b, memory_order_release);
    pthread_mutex_unlock(&registering);
    return mine = b;
}

static struct block *own_block(void)
{
    return LIKELY(mine) ? mine : block_register();
}

static void add(_Atomic int64_t *to, int64_t n)
{
    int64_t was = atomic_load_explicit(to, memory_order_relaxed);

    atomic_store_explicit(to, was + n, memory_order_relaxed);
}

void count_add(enum counter c, int64_t n)
{
    add(&own_block()->v[c], n);
}

void count_time(enum histogram h, int64_t us)
{
    struct times *t = &own_block()->times[h];
    size_t i = 0;

    while (i < BOUNDS && us > bounds_us[i])
        i++;
    add(&t->in[i], 1);
    add(&t->sum_us, us);
}

int64_t count_read(enum counter c)
{
    int64_t sum = 0;

    for (struct block *b = atomic_load_explicit(&blocks, memory_order_acquire); b; b = b->next)
        sum += atomic_load_explicit(&b->v[c], memory_order_relaxed);
    return sum;
}

static void write_histogram(struct buf *out, enum histogram h)
{
    const char *name = histogram_rows[h].name;
    int64_t in[BOUNDS + 1] = {0}, sum_us = 0, count = 0;

    for (struct block *b = atomic_load_explicit(&blocks, memory_order_acquire); b; b = b->next) {
        for (size_t i = 0; i <= BOUNDS; i++)
            in[i] += atomic_load_explicit(&b->times[h].in[i], memory_order_relaxed);
        sum_us += atomic_load_explicit(&b->times[h].sum_us, memory_order_relaxed);
    }
    buf_printf(out, "# HELP pollcast_%s_seconds %s\n", name, histogram_rows[h].text);
    buf_printf(out, "# TYPE pollcast_%s_seconds histogram\n", name);
    for (size_t i = 0; i < BOUNDS; i++) {
        count += in[i];
        buf_printf(out, "pollcast_%s_seconds_bucket{le=\"%g\"} %lld\n", name,
                   (double)bounds_us[i] / (double)1e6, (long long)count);
    }
    count += in[BOUNDS];
    buf_printf(out, "pollcast_%s_seconds_bucket{le=\"+Inf\"} %lld\n", name, (long long)count);
    buf_printf(out, "pollcast_%s_seconds_sum %.6f\n", name, (double)sum_us / 1e6);
    buf_printf(out, "pollcast_%s_seconds_count %lld\n", name, (long long)count);
}

void count_write_metrics(struct buf *out)
{
    for (size_t h = 0; h < HISTOGRAM_COUNT; h++)
        write_histogram(out, (enum histogram)h);
    for (size_t i = 0; i < COUNTER_COUNT; i++) {
        const char *name = rows[i].name;
        const char *end = rows[i].is_gauge ? "" : "_total";
        const char *type = rows[i].is_gauge ? "gauge" : "counter";

        buf_printf(out, "# HELP pollcast_%s%s %s\n", name, end, rows[i].text);
        buf_printf(out, "# TYPE pollcast_%s%s %s\n", name, end, type);
        buf_printf(out, "pollcast_%s%s %lld\n", name, end, (long long)count_read((enum counter)i));
    }
}
