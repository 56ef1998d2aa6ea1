/*
 * What the C contenders of group_diff.mjs share, whatever they parse with: files, CPU time, output.
 * Included by those that use it; of pollcast it knows nothing.
 *
 *   PROGRAM measure BEFORE AFTER MS   one line of JSON: what it costs to parse AFTER, compare it with
 *                                     BEFORE, which is parsed already, and write the patch
 *   PROGRAM patches PAIRS             a patch for each two lines of PAIRS, one per line
 *
 * Who includes it says what that is for its library:
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct text {
    char *p; /* a 0 behind it */
    size_t n;
};

static void subject_open(struct text before, struct text after); /* parse and keep both */
static void subject_close(void);
static void subject_parse(struct text after); /* parse and free */
static void subject_diff(struct text after);  /* the patch of the kept ones, written */
static void subject_all(struct text after);   /* parse, patch, write, free */
static struct text subject_patch(void);       /* the last one written, until the next */

static _Noreturn void give_up(const char *what)
{
    fprintf(stderr, "%s\n", what);
    exit(2);
}

static double cpu_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static struct text read_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    struct text t = {NULL, 0};
    long n;

    if (!f || fseek(f, 0, SEEK_END) != 0 || (n = ftell(f)) < 0)
        give_up(path);
    t.n = (size_t)n;
    t.p = malloc(t.n + 1);
    rewind(f);
    if (!t.p || fread(t.p, 1, t.n, f) != t.n)
        give_up(path);
    t.p[t.n] = '\0';
    fclose(f);
    return t;
}

/* CPU time of one call: of so many as fit into ms, after some that warm up. */
static double cost_us(void (*work)(struct text), struct text after, double ms)
{
    double start = cpu_us(), warm;
    long count = 0, times;

    do {
        work(after);
        count++;
        warm = cpu_us() - start;
    } while (warm < ms * 200);
    times = (long)(ms * 1000 / (warm / (double)count)) + 1;
    start = cpu_us();
    for (long i = 0; i < times; i++)
        work(after);
    return (cpu_us() - start) / (double)times;
}

static void measure(const char *before_path, const char *after_path, double ms)
{
    struct text before = read_file(before_path), after = read_file(after_path);
    double all, parse, diff;

    subject_open(before, after);
    all = cost_us(subject_all, after, ms);
    parse = cost_us(subject_parse, after, ms / 3);
    diff = cost_us(subject_diff, after, ms / 3);
    printf("{\"cpuUs\":%.3f,\"parseUs\":%.3f,\"diffUs\":%.3f,\"mbPerS\":%.1f,\"patchBytes\":%zu}\n",
           all, parse, diff, (double)after.n / all, subject_patch().n);
    subject_close();
    free(before.p);
    free(after.p);
}

/* The next line of what is left, with its end cut off. */
static struct text next_line(struct text *rest)
{
    char *end = memchr(rest->p, '\n', rest->n);
    struct text line = {rest->p, rest->n};

    if (!end)
        give_up("a line without an end");
    *end = '\0';
    line.n = (size_t)(end - line.p);
    rest->p += line.n + 1;
    rest->n -= line.n + 1;
    return line;
}

static void print_patches(const char *path)
{
    struct text all = read_file(path), rest = all;

    while (rest.n) {
        struct text before = next_line(&rest), after = next_line(&rest), patch;

        subject_open(before, after);
        subject_diff(after);
        patch = subject_patch();
        printf("%.*s\n", (int)patch.n, patch.p);
        subject_close();
    }
    free(all.p);
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "measure") == 0)
        measure(argv[2], argv[3], strtod(argv[4], NULL));
    else if (argc == 3 && strcmp(argv[1], "patches") == 0)
        print_patches(argv[2]);
    else
        give_up("usage: measure BEFORE AFTER MS | patches PAIRS");
    return 0;
}
