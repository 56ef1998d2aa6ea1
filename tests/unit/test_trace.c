#include "unit.h"

#include <pthread.h>

#include "base/clock.h"
#include "base/trace.h"

#define AT "1994-11-06T08:49:37.007Z"

static unsigned mask(void)
{
    return atomic_load(&trace_mask);
}

static void test_areas(void **state)
{
    (void)state;
    unsigned all = (unsigned)((UINT64_C(1) << TRACE_COUNT) - 1);

    assert_ok(trace_set(STR("poller,fetch"), NULL), NULL);
    assert_int_equal(mask(), 1u << TRACE_poller | 1u << TRACE_fetch);
    assert_true(trace_on(TRACE_fetch));
    assert_false(trace_on(TRACE_hub));
    assert_ok(trace_set(STR("all,-hub"), NULL), NULL);
    assert_int_equal(mask(), all & ~(1u << TRACE_hub));
    assert_ok(trace_set(STR(" hub , -hub, store "), NULL), NULL);
    assert_int_equal(mask(), 1u << TRACE_store);
    assert_ok(trace_set(STR(""), NULL), NULL);
    assert_int_equal(mask(), 0);
    assert_ok(trace_set(STR_NONE, NULL), NULL);
}

static void test_unknown_area(void **state)
{
    (void)state;
    struct errinfo ei = ERRINFO_INIT;

    assert_ok(trace_set(STR("hub"), NULL), NULL);
    assert_int_equal(trace_set(STR("fetch,pollr"), &ei), E_INVALID);
    assert_non_null(strstr(ei.text, "no trace area \"pollr\" (did you mean \"poller\"?)"));
    assert_int_equal(mask(), 1u << TRACE_hub);
    assert_int_equal(trace_set(STR("hub,,fetch"), NULL), E_INVALID);
    assert_int_equal(trace_set(STR("-"), NULL), E_INVALID);
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(trace_area_name(TRACE_hub), "hub");
    for (int a = 0; a < TRACE_COUNT; a++)
        assert_true(strlen(trace_area_text((enum trace_area)a)) > 0);
}

static void write_some(void *arg)
{
    (void)arg;
    trace(hub, "off %d", 1);
    trace(fetch, "on %d\n%s", 2, "\x1b[2Jx");
    trace_write(TRACE_hub, "kept only");
}

static void dump(void *arg)
{
    (void)arg;
    trace_dump();
}

static void test_lines(void **state)
{
    (void)state;
    clock_fake(0, INT64_C(784111777007000));
    assert_ok(trace_set(STR("fetch"), NULL), NULL);

    AUTO_FREE char *said = capture_stderr(write_some, NULL);
    AUTO_FREE char *kept = capture_stderr(dump, NULL);

    assert_string_equal(said, AT " trace 1 fetch: on 2  [2Jx\n");
    assert_string_equal(kept, "last 2 trace lines of thread 1:\n" AT
                              " trace 1 fetch: on 2  [2Jx\n" AT " trace 1 hub: kept only\n");
}

static void *write_many(void *arg)
{
    (void)arg;
    for (int i = 0; i < 1000; i++)
        trace_write(TRACE_store, "line %d.", i);
    trace_write(TRACE_store, "%05000d", 1);
    return NULL;
}

/* The last 64 of an ended thread are still there, each cut at its size. */
static void test_ring(void **state)
{
    (void)state;
    pthread_t thread;

    assert_ok(trace_set(STR(""), NULL), NULL);
    assert_int_equal(pthread_create(&thread, NULL, write_many, NULL), 0);
    pthread_join(thread, NULL);

    AUTO_FREE char *kept = capture_stderr(dump, NULL);

    assert_non_null(strstr(kept, "last 64 trace lines of thread 2:\n"));
    assert_null(strstr(kept, "line 936."));
    assert_non_null(strstr(kept, "line 937."));
    assert_non_null(strstr(kept, "line 999."));
    assert_non_null(strstr(kept, ": 00000"));
    assert_true(strlen(kept) < 70 * 256);
}

int main(void)
{
    return RUN_TESTS(test_areas, test_unknown_area, test_names, test_lines, test_ring);
}
