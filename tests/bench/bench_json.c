/*
 * What JSON costs: parsing, and a diff with its serialised patch, at several sizes and kinds of
 * change. Prints a table; the time is the least of several rounds. Documents are lists of records,
 * once with an "id" in each (matched by key) and once without (aligned by content).
 */
#include "base/clock.h"
#include "base/rand.h"
#include "json/diff.h"
#include "json/value.h"

#define ROUNDS 5
#define ROUND_US INT64_C(30000)

struct shape {
    size_t records;
    bool keyed;
    unsigned changed_percent; /* of values */
    unsigned head;            /* records inserted in front */
};

static void write_value(struct jwriter *w, const char *name, uint64_t number, bool changed)
{
    char text[32];

    snprintf(text, sizeof text, "%llu.%02llu", (unsigned long long)(number % 500),
             (unsigned long long)(number / 500 % 90 + 10));
    if (changed)
        snprintf(text, sizeof text, "%llu", (unsigned long long)(number % 977));
    jw_key(w, name);
    jw_raw(w, str_of(text));
}

static void write_text(struct jwriter *w, const char *name, uint64_t number, bool changed)
{
    char text[48];

    snprintf(text, sizeof text, "%s-%llu", changed ? "changed" : "value",
             (unsigned long long)(number % 100000));
    jw_key(w, name);
    jw_strz(w, text);
}

static bool changes(const struct shape *s)
{
    return rand_u64() % 100 < s->changed_percent;
}

/* Numbers of a record come from its own number, so that an insert in front shifts the rest. */
static void write_record(struct jwriter *w, const struct shape *s, uint64_t number)
{
    uint64_t mixed = number * UINT64_C(0x9e3779b97f4a7c15) >> 20;

    jw_object(w);
    if (s->keyed) {
        jw_key(w, "id");
        jw_i64(w, (int64_t)number);
    }
    write_text(w, "title", mixed, changes(s));
    write_text(w, "category", mixed / 7, changes(s));
    write_value(w, "price", mixed / 11, changes(s));
    write_value(w, "quantity", mixed / 13, changes(s));
    jw_key(w, "active");
    jw_bool(w, changes(s) ? mixed % 2 : mixed % 2 == 0);
    jw_key(w, "place");
    jw_object(w);
    write_value(w, "lat", mixed / 17, changes(s));
    write_value(w, "lon", mixed / 19, changes(s));
    jw_object_end(w);
    jw_key(w, "tags");
    jw_array(w);
    jw_strz(w, mixed % 3 ? "new" : "used");
    jw_strz(w, changes(s) ? "sale" : "regular");
    jw_array_end(w);
    jw_object_end(w);
}

static struct buf make_document(const struct shape *s)
{
    struct buf b = BUF_INIT;
    struct jwriter w = jw_begin(&b);

    rand_seed(7);
    jw_object(&w);
    jw_key(&w, "items");
    jw_array(&w);
    for (size_t i = 0; i < s->head + s->records; i++)
        write_record(&w, s, i < s->head ? 900000 + i : i - s->head + 1);
    jw_array_end(&w);
    jw_object_end(&w);
    CHECK(jw_end(&w) == E_OK);
    return b;
}

static struct jdoc *parse(struct str text)
{
    struct jdoc *d;

    CHECK(jdoc_parse(text, NULL, &d, NULL) == E_OK);
    return d;
}

static double parse_once(struct str text, long times)
{
    int64_t start = clock_now();

    for (long i = 0; i < times; i++)
        jdoc_free(parse(text));
    return (double)(clock_now() - start) / (double)times;
}

static double diff_once(struct str before, struct str after, long times, size_t *ret_bytes)
{
    AUTO(jdoc_freep) struct jdoc *a = parse(before), *b = parse(after);
    AUTO(buf_done) struct buf patch = BUF_INIT;
    struct jdiff_options options = {.max_ops = 0};
    struct jdiff_result result;
    int64_t start = clock_now();

    for (long i = 0; i < times; i++) {
        buf_clear(&patch);
        jdiff(jdoc_root(a), jdoc_root(b), &options, &patch, &result);
    }
    *ret_bytes = patch.len;
    return (double)(clock_now() - start) / (double)times;
}

/* after NULL: parse before. Least of the rounds, in microseconds. */
static double measure(struct str before, const struct str *after, size_t *ret_bytes)
{
    double best = 1e12,
           guess = after ? diff_once(before, *after, 1, ret_bytes) : parse_once(before, 1);
    long times = MAX(1, (long)((double)ROUND_US / MAX(guess, 0.2)));

    for (int i = 0; i < ROUNDS; i++) {
        double us = after ? diff_once(before, *after, times, ret_bytes) : parse_once(before, times);

        best = MIN(best, us);
    }
    return best;
}

static void print_row(const char *what, struct str text, double us, size_t patch)
{
    printf("  %-34s %9zu %10.1f %8.0f %9zu\n", what, text.n, us, (double)text.n / us, patch);
}

static void run_diff(const char *what, struct str before, const struct shape *shape)
{
    AUTO(buf_done) struct buf after = make_document(shape);
    struct str text = buf_view(&after);
    size_t patch = 0;
    double us = measure(before, &text, &patch);

    print_row(what, text, us, patch);
}

static void run_size(size_t bytes, bool keyed)
{
    struct shape same = {.records = bytes / (keyed ? 162 : 154) + 1, .keyed = keyed};
    struct shape changed = same, few = same, head = same;
    AUTO(buf_done) struct buf text = make_document(&same);
    struct str before = buf_view(&text);
    size_t none = 0;

    changed.changed_percent = 20;
    few.changed_percent = 2;
    head.head = 1;
    printf("%s, %zu records\n", keyed ? "with ids" : "without ids", same.records);
    print_row("parse", before, measure(before, NULL, &none), 0);
    run_diff("diff, identical", before, &same);
    run_diff("diff, 2 % of values changed", before, &few);
    run_diff("diff, 20 % of values changed", before, &changed);
    run_diff("diff, one inserted in front", before, &head);
}

int main(void)
{
    static const size_t sizes[] = {1000, 20000, 50000, 1000000};

    printf("  %-34s %9s %10s %8s %9s\n", "", "bytes", "us", "MB/s", "patch");
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        run_size(sizes[i], true);
        run_size(sizes[i], false);
    }
    return 0;
}
