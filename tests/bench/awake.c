/*
 * Keeps the processors awake while others are measured: on each one runs a loop that gives way to
 * everything else. A virtual processor that sleeps is given to other guests of the host, and comes
 * back with their data in its caches; rows with few wake-ups a second would measure that.
 *
 *   bench_awake        ends when its standard input does
 */
#include <pthread.h>
#include <sched.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "base/err.h"

static void *stay_awake(void *arg)
{
    const struct sched_param lowest = {0};

    (void)arg;
    if (pthread_setschedparam(pthread_self(), SCHED_IDLE, &lowest))
        panic("no thread may run when nothing else does (SCHED_IDLE)");
    /* Without a pause instruction: a hypervisor takes that for a processor with nothing to do. */
    for (volatile unsigned turns = 0;; turns++) {
    }
    return NULL;
}

int main(void)
{
    char byte;

    for (int i = 0; i < get_nprocs(); i++) {
        pthread_attr_t attr;
        pthread_t thread;
        cpu_set_t only;

        CPU_ZERO(&only);
        CPU_SET((size_t)i, &only);
        pthread_attr_init(&attr);
        CHECK(pthread_attr_setaffinity_np(&attr, sizeof only, &only) == 0);
        CHECK(pthread_create(&thread, &attr, stay_awake, NULL) == 0);
        pthread_attr_destroy(&attr);
    }
    while (read(STDIN_FILENO, &byte, 1) > 0) {
    }
    return 0;
}
