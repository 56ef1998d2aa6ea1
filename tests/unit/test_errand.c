#include "unit.h"

#include <pthread.h>

#include "io/errand.h"

struct fixture {
    struct loop *loop;
    pthread_t worked_on, done_on;
    bool worked, done;
};

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof *f);

    f->loop = loop_new(0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    loop_free(f->loop);
    free(f);
    return 0;
}

static void work(void *arg)
{
    struct fixture *f = arg;

    f->worked_on = pthread_self();
    f->worked = true;
}

static void done(void *arg)
{
    struct fixture *f = arg;

    assert_true(f->worked);
    f->done_on = pthread_self();
    f->done = true;
    if (f->loop)
        loop_stop(f->loop);
}

static void test_work_elsewhere_done_here(void **state)
{
    struct fixture *f = *state;

    errand_run(f->loop, work, done, f);
    loop_run(f->loop);
    assert_true(f->done);
    assert_false(pthread_equal(f->worked_on, pthread_self()));
    assert_true(pthread_equal(f->done_on, pthread_self()));
}

static void test_the_end_of_the_loop_waits(void **state)
{
    struct fixture *f = *state;

    errand_run(f->loop, work, done, f);
    loop_free(TAKE(f->loop));
    assert_true(f->done);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_work_elsewhere_done_here, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_end_of_the_loop_waits, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
