#include "unit.h"

#include "base/mem.h"

static void test_take_moves(void **state)
{
    (void)state;
    char *a = xstrdup("x");
    char *b = TAKE(a);

    assert_null(a);
    assert_string_equal(b, "x");
    free(b);
}

static int cleaned;

static void count_clean(int *p)
{
    cleaned += *p;
}

static void test_auto_runs_at_the_end_of_the_scope(void **state)
{
    (void)state;
    cleaned = 0;
    {
        AUTO(count_clean) int five = 5;

        assert_int_equal(five, 5);
        assert_int_equal(cleaned, 0);
    }
    assert_int_equal(cleaned, 5);
}

static void test_sizes_of_zero(void **state)
{
    (void)state;
    void *a = xmalloc(0), *b = xcalloc(0, 8);

    assert_non_null(a);
    assert_non_null(b);
    a = xrealloc(a, 0);
    assert_non_null(a);
    free(a);
    free(b);
}

static void test_copies(void **state)
{
    (void)state;
    AUTO_FREE char *a = xstrndup("abcdef", 3);
    AUTO_FREE char *b = xasprintf("%d-%s", 7, "x");

    assert_string_equal(a, "abc");
    assert_string_equal(b, "7-x");
}

struct outer {
    int before;
    int inner;
};

static void test_container_of(void **state)
{
    (void)state;
    struct outer o = {1, 2};
    int *inner = &o.inner;

    assert_ptr_equal(CONTAINER_OF(inner, struct outer, inner), &o);
}

static void hook(void)
{
    fputs("hooked\n", stderr);
}

static void say_and_die(void *arg)
{
    (void)arg;
    panic_set_hook(hook);
    CHECK(1 + 1 == 3);
}

/* The child's death is seen, its last words are read in the parent. */
static void die_in_child(void *arg)
{
    int status;
    pid_t pid = fork();

    if (pid == 0)
        say_and_die(arg);
    waitpid(pid, &status, 0);
}

static void test_panic_speaks_calls_the_hook_and_aborts(void **state)
{
    (void)state;
    AUTO_FREE char *said = capture_stderr(die_in_child, NULL);

    assert_true(aborts(say_and_die, NULL));
    assert_non_null(strstr(said, "broken invariant: 1 + 1 == 3\nhooked\n"));
}

int main(void)
{
    return RUN_TESTS(test_take_moves, test_auto_runs_at_the_end_of_the_scope, test_sizes_of_zero,
                     test_copies, test_container_of, test_panic_speaks_calls_the_hook_and_aborts);
}
