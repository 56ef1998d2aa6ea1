/*
 * What every unit test needs: cmocka with the headers it wants before it, and a few helpers.
 * Include it first: cmocka.h uses words that base/banned.h refuses afterwards.
 */
#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <ftw.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"

/* `return RUN_TESTS(test_a, test_b);` */
#define RUN_TESTS(...)                                                                             \
    unit_run((const CMUnitTestFunction[]){__VA_ARGS__}, #__VA_ARGS__,                              \
             sizeof((const CMUnitTestFunction[]){__VA_ARGS__}) / sizeof(CMUnitTestFunction))

static inline int unit_run(const CMUnitTestFunction *tests, const char *list, size_t count)
{
    struct CMUnitTest table[128];
    AUTO_FREE char *names = xstrdup(list);
    struct str rest = str_of(names);

    assert_true(count <= ARRAY_LEN(table));
    for (size_t i = 0; i < count; i++) {
        struct str name = str_trim(str_split(&rest, ','));

        names[name.p + name.n - names] = '\0';
        table[i] = (struct CMUnitTest){name.p, tests[i], NULL, NULL, NULL};
    }
    return _cmocka_run_group_tests(__FILE__, table, count, NULL, NULL);
}

#define assert_str(s, z) assert_str_at((s), (z), __FILE__, __LINE__)

/* A failure shows both texts. */
static inline void assert_str_at(struct str s, const char *z, const char *file, int line)
{
    AUTO_FREE char *copy = str_dup(s);

    _assert_string_equal(copy, z, file, line);
    _assert_int_equal(s.n, strlen(z), file, line);
}

/* assert_ok(E_…, ei) shows the text. */
static inline void assert_ok(enum err e, const struct errinfo *ei)
{
    if (e != E_OK)
        fail_msg("%s: %s", err_row(e)->name, err_text(ei, e));
}

/* So many rounds of random input; a tenth of them under the thread sanitizer, which takes twenty times
 * as long and has nothing to find where there is one thread. */
#ifdef __SANITIZE_THREAD__
#define ROUNDS_OF(n) ((n) / 10)
#else
#define ROUNDS_OF(n) (n)
#endif

/* What fn(arg) writes to standard error; heap memory. */
static inline char *capture_stderr(void (*fn)(void *arg), void *arg)
{
    int was = dup(STDERR_FILENO);
    int file = memfd_create("stderr", 0);

    assert_true(was >= 0 && file >= 0);
    fflush(stderr);
    dup2(file, STDERR_FILENO);
    fn(arg);
    fflush(stderr);
    dup2(was, STDERR_FILENO);
    close(was);

    off_t n = lseek(file, 0, SEEK_END);
    char *text = xcalloc((size_t)n + 1, 1);

    assert_int_equal(pread(file, text, (size_t)n, 0), n);
    close(file);
    return text;
}

static inline int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    return remove(path);
}

/* Removes a directory and all that is in it; not 0: failed. */
static inline int remove_tree(const char *directory)
{
    return nftw(directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

/* True if fn(arg) aborts; it runs in a child. */
static inline bool aborts(void (*fn)(void *arg), void *arg)
{
    int status;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        close(STDERR_FILENO);
        fn(arg);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

#endif
