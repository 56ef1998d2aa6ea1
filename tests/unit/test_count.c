#include "unit.h"

#include <pthread.h>

#include "base/count.h"

static void *count_polls(void *arg)
{
    (void)arg;
    for (int i = 0; i < 10000; i++)
        count_one(COUNT_polls);
    return NULL;
}

/* What threads counted stays after their end. */
static void test_threads_add_up(void **state)
{
    (void)state;
    pthread_t threads[4];
    int64_t before = count_read(COUNT_polls);

    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count_polls, NULL), 0);
    count_add(COUNT_polls, 5);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(count_read(COUNT_polls) - before, 40005);
}

static void *close_channel(void *arg)
{
    (void)arg;
    count_add(COUNT_channels, -1);
    return NULL;
}

static void test_gauge_goes_down_on_another_thread(void **state)
{
    (void)state;
    pthread_t thread;

    count_add(COUNT_channels, 3);
    assert_int_equal(pthread_create(&thread, NULL, close_channel, NULL), 0);
    pthread_join(thread, NULL);
    assert_int_equal(count_read(COUNT_channels), 2);
    assert_int_equal(count_read(COUNT_topics), 0);
}

static void test_metrics(void **state)
{
    (void)state;
    AUTO(buf_done) struct buf b = BUF_INIT;
    size_t lines = 0;

    count_add(COUNT_topics, -7);
    count_write_metrics(&b);
    for (const char *at = buf_cstr(&b); (at = strchr(at, '\n')) != NULL; at++)
        lines++;
    assert_int_equal(lines, 3 * COUNTER_COUNT + 20 * HISTOGRAM_COUNT);
    assert_non_null(strstr(b.p, "# TYPE pollcast_polls_total counter\npollcast_polls_total "));
    assert_non_null(strstr(b.p, "# HELP pollcast_topics Topics\n# TYPE pollcast_topics gauge\n"
                                "pollcast_topics -7\n"));
}

static void *time_poll(void *arg)
{
    (void)arg;
    count_time(HIST_poll_duration, 6000000);
    return NULL;
}

/* Buckets are cumulative, a bound belongs to its bucket, threads add up. */
static void test_histogram(void **state)
{
    (void)state;
    AUTO(buf_done) struct buf b = BUF_INIT;
    pthread_t thread;
    static const char *const lines[] = {
        "# TYPE pollcast_poll_duration_seconds histogram\n",
        "_bucket{le=\"0.0001\"} 2\n",
        "_bucket{le=\"0.0002\"} 3\n",
        "_bucket{le=\"5\"} 3\n",
        "_bucket{le=\"+Inf\"} 4\n",
        "_sum 6.000201\n",
        "_count 4\n",
    };

    count_time(HIST_poll_duration, 0);
    count_time(HIST_poll_duration, 100);
    count_time(HIST_poll_duration, 101);
    assert_int_equal(pthread_create(&thread, NULL, time_poll, NULL), 0);
    pthread_join(thread, NULL);
    count_write_metrics(&b);

    const char *at = strstr(buf_cstr(&b), "# HELP pollcast_poll_duration_seconds");

    assert_non_null(at);
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        at = strstr(at, lines[i]);
        if (!at)
            fail_msg("not in its place: %s", lines[i]);
    }
}

int main(void)
{
    return RUN_TESTS(test_threads_add_up, test_gauge_goes_down_on_another_thread, test_metrics,
                     test_histogram);
}
