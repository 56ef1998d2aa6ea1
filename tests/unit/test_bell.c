#include "unit.h"

#include <pthread.h>

#include "io/bell.h"

struct fixture {
    struct loop *loop;
    struct bell *bell;
    unsigned heard;
    unsigned until; /* end the loop then */
    bool free_it;
};

static void on_bell(void *arg)
{
    struct fixture *f = arg;

    f->heard++;
    if (f->free_it)
        bell_free(TAKE(f->bell));
    if (f->heard == f->until)
        loop_stop(f->loop);
}

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof *f);

    f->loop = loop_new(0);
    assert_int_equal(bell_new(f->loop, on_bell, f, &f->bell, NULL), E_OK);
    f->until = 1;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    bell_free(f->bell);
    loop_free(f->loop);
    free(f);
    return 0;
}

static void *ring(void *arg)
{
    struct fixture *f = arg;

    bell_ring(f->bell);
    return NULL;
}

static void test_heard_from_another_thread(void **state)
{
    struct fixture *f = *state;
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, ring, f), 0);
    loop_run(f->loop);
    pthread_join(thread, NULL);
    assert_int_equal(f->heard, 1);
}

static void test_many_strokes_are_heard_once(void **state)
{
    struct fixture *f = *state;
    bell_stroke_t stroke = BELL_STROKE;

    bell_ring(f->bell);
    bell_ring(f->bell);
    /* As a library does that knows only the descriptor. */
    assert_int_equal(write(bell_fd(f->bell), &stroke, sizeof stroke), sizeof stroke);
    loop_run(f->loop);
    assert_int_equal(f->heard, 1);
    bell_ring(f->bell);
    f->until = 2;
    loop_run(f->loop);
    assert_int_equal(f->heard, 2);
}

static void test_rung_more_often_than_it_counts(void **state)
{
    struct fixture *f = *state;
    bell_stroke_t nearly = UINT64_MAX - 1;

    assert_int_equal(write(bell_fd(f->bell), &nearly, sizeof nearly), sizeof nearly);
    bell_ring(f->bell);
    loop_run(f->loop);
    assert_int_equal(f->heard, 1);
}

static void test_freed_when_heard(void **state)
{
    struct fixture *f = *state;

    f->free_it = true;
    bell_ring(f->bell);
    loop_run(f->loop);
    assert_int_equal(f->heard, 1);
    assert_null(f->bell);
}

static void on_timer(struct timer *t, void *arg)
{
    struct fixture *f = arg;

    (void)t;
    loop_stop(f->loop);
}

static void test_not_heard_after_it_was_freed(void **state)
{
    struct fixture *f = *state;
    struct timer t;

    bell_ring(f->bell);
    bell_free(TAKE(f->bell));
    timer_init(&t, on_timer, f);
    timer_set(f->loop, &t, loop_now(f->loop));
    loop_run(f->loop);
    assert_int_equal(f->heard, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_heard_from_another_thread, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_strokes_are_heard_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rung_more_often_than_it_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_freed_when_heard, setup, teardown),
        cmocka_unit_test_setup_teardown(test_not_heard_after_it_was_freed, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
