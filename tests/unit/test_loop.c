#include "unit.h"

#include <pthread.h>

#include "io/loop.h"

/* Runs `body` as the first deferred call of a loop on this thread; the test ends the loop. */
struct fixture {
    struct loop *loop;
    char log[256];
    int count;
};

static void note(struct fixture *f, const char *what)
{
    size_t n = strlen(f->log);

    snprintf(f->log + n, sizeof f->log - n, "%s ", what);
}

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

/* ---- timers ---- */

struct named_timer {
    struct timer timer;
    struct fixture *f;
    const char *name;
    int64_t due, fired;
    bool last;
};

static void on_named(struct timer *t, void *arg)
{
    struct named_timer *n = arg;

    (void)t;
    n->fired = clock_now();
    note(n->f, n->name);
    if (n->last)
        loop_stop(n->f->loop);
}

static void named_timer_set(struct named_timer *n, int64_t at)
{
    timer_init(&n->timer, on_named, n);
    n->due = at;
    timer_set(n->f->loop, &n->timer, at);
}

static void timers_fire_in_order_and_never_early(void **state)
{
    struct fixture *f = *state;
    int64_t now = clock_now();
    struct named_timer a = {.f = f, .name = "a"}, b = {.f = f, .name = "b"},
                       c = {.f = f, .name = "c", .last = true}, gone = {.f = f, .name = "gone"};

    named_timer_set(&c, now + 30 * US_PER_MS);
    named_timer_set(&a, now + 5 * US_PER_MS);
    named_timer_set(&gone, now + 7 * US_PER_MS);
    named_timer_set(&b, now + 10 * US_PER_MS);
    timer_clear(f->loop, &gone.timer);
    assert_false(timer_is_set(&gone.timer));
    loop_run(f->loop);
    assert_string_equal(f->log, "a b c ");
    assert_true(a.fired >= a.due && b.fired >= b.due && c.fired >= c.due);
}

static void on_again(struct timer *t, void *arg)
{
    struct fixture *f = arg;

    if (++f->count == 5)
        loop_stop(f->loop);
    else
        timer_set(f->loop, t, 0); /* long past */
}

static void on_mail_note(void *arg)
{
    note(arg, "mail");
}

static void a_timer_in_the_past_does_not_starve_the_loop(void **state)
{
    struct fixture *f = *state;
    struct timer t;

    timer_init(&t, on_again, f);
    timer_set(f->loop, &t, 0);
    loop_post_call(f->loop, on_mail_note, f);
    loop_run(f->loop);
    assert_int_equal(f->count, 5);
    assert_string_equal(f->log, "mail ");
}

/* ---- the order of a turn ---- */

struct order {
    struct fixture *f;
    struct deferred first, second;
};

static void on_second(struct deferred *d, void *arg)
{
    struct order *o = arg;

    (void)d;
    note(o->f, "second");
    loop_stop(o->f->loop);
}

static void free_note(void *p)
{
    note(p, "grave");
}

static void on_first(struct deferred *d, void *arg)
{
    struct order *o = arg;

    (void)d;
    note(o->f, "first");
    loop_bury(o->f->loop, o->f, free_note);
    deferred_init(&o->second, on_second, o);
    loop_defer(o->f->loop, &o->second);
    loop_defer(o->f->loop, &o->second); /* twice is once */
}

static bool on_commit(void *arg)
{
    note(arg, "commit");
    return false;
}

static bool on_flush(void *arg)
{
    note(arg, "flush");
    return false;
}

static void on_start(void *arg)
{
    struct order *o = arg;

    note(o->f, "mail");
    loop_set_step(o->f->loop, LOOP_STEP_COMMIT, on_commit, o->f);
    loop_set_step(o->f->loop, LOOP_STEP_FLUSH, on_flush, o->f);
    deferred_init(&o->first, on_first, o);
    loop_defer(o->f->loop, &o->first);
}

static void a_turn_has_its_order(void **state)
{
    struct fixture *f = *state;
    struct order o = {.f = f};

    loop_post_call(f->loop, on_start, &o);
    loop_run(f->loop);
    assert_string_equal(f->log, "mail first commit flush grave second commit flush ");
}

/* ---- mail from other threads ---- */

#define SENDERS 4
#define MAILS 20000

struct sender {
    struct fixture *f;
    struct numbered_mail {
        struct mail mail;
        struct sender *from;
        int number;
    } * mails;
    int next;
};

static void on_numbered(struct mail *m)
{
    struct numbered_mail *n = CONTAINER_OF(m, struct numbered_mail, mail);
    struct fixture *f = n->from->f;

    assert_int_equal(n->number, n->from->next);
    n->from->next++;
    if (++f->count == SENDERS * MAILS)
        loop_stop(f->loop);
}

static void *send_all(void *arg)
{
    struct sender *s = arg;

    for (int i = 0; i < MAILS; i++) {
        s->mails[i].from = s;
        s->mails[i].number = i;
        loop_post(s->f->loop, &s->mails[i].mail, on_numbered);
    }
    return NULL;
}

static void mails_of_one_sender_arrive_in_order(void **state)
{
    struct fixture *f = *state;
    struct sender senders[SENDERS];
    pthread_t threads[SENDERS];

    for (int i = 0; i < SENDERS; i++) {
        senders[i] = (struct sender){.f = f, .mails = xcalloc(MAILS, sizeof(struct numbered_mail))};
        assert_int_equal(pthread_create(&threads[i], NULL, send_all, &senders[i]), 0);
    }
    loop_run(f->loop);
    for (int i = 0; i < SENDERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(senders[i].next, MAILS);
        free(senders[i].mails);
    }
}

/* ---- mail to the own loop ---- */

static void on_own_mail(void *arg)
{
    const struct fixture *f = arg;

    loop_stop(f->loop);
}

static bool post_once(void *arg)
{
    struct fixture *f = arg;

    if (f->count++ == 0)
        loop_post_call(f->loop, on_own_mail, f);
    return false;
}

static void own_mail_of_a_turns_end_is_taken_in_the_next(void **state)
{
    struct fixture *f = *state;

    loop_set_step(f->loop, LOOP_STEP_FLUSH, post_once, f);
    loop_post_call(f->loop, on_mail_note, f);
    loop_run(f->loop); /* there is nothing else that would wake it */
    assert_string_equal(f->log, "mail ");
    assert_int_equal(f->count, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(timers_fire_in_order_and_never_early, setup, teardown),
        cmocka_unit_test_setup_teardown(a_timer_in_the_past_does_not_starve_the_loop, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_turn_has_its_order, setup, teardown),
        cmocka_unit_test_setup_teardown(mails_of_one_sender_arrive_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(own_mail_of_a_turns_end_is_taken_in_the_next, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
