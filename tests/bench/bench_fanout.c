/*
 * What a delivery costs: the real daemon against a bare epoll loop that writes the same bytes to as
 * many connections and does nothing else. Same readers, interleaved rounds, medians of CPU time
 * (user and system, from the scheduler) per delivery. Of the daemon's time, what the polls cost is
 * taken off: measured in each round at a second daemon with the same topics and no channels.
 *
 *   bench_fanout [ROUNDS [PART]]      PART: only the lines whose name contains it
 *
 * POLLCAST in the environment names the daemon.
 */
#include <ctype.h>
#include <stdatomic.h>

#include "daemon_rig.c"
#include "fanout_rig.c"

#define ROUNDS 3
#define ROUND_US (2 * US_PER_S)

struct scenario {
    const char *name;
    unsigned topics, channels; /* in all */
    unsigned period_ms;
    unsigned size;
    enum reader_form form; /* the bare writer sends plain SSE all the same */
};

static const struct scenario scenarios[] = {
    {"1 topic x 1000", 1, 1000, 100, 1000, FORM_PLAIN},
    {"1 topic x 10000", 1, 10000, 250, 1000, FORM_PLAIN},
    {"1000 topics x 5", 1000, 5000, 1000, 1000, FORM_PLAIN},
    {"gzip, 1 x 1000", 1, 1000, 100, 1000, FORM_GZIP},
    {"gzip, 1 x 10000", 1, 10000, 250, 1000, FORM_GZIP},
    {"websocket, 1 x 1000", 1, 1000, 100, 1000, FORM_WEBSOCKET},
    {"websocket, 1 x 10000", 1, 10000, 250, 1000, FORM_WEBSOCKET},
};

/* ---- the daemon ---- */

static struct daemon start_one(void)
{
    static const char *const args[] = {
        "--loops", "1", "--sse-heartbeat", "PT1H", "--poll-min-period", "PT0.1S", NULL};

    return daemon_start(args);
}

static void make_topic(const struct daemon *d, unsigned i, unsigned period_ms, uint16_t origin)
{
    AUTO_FREE char *body = xasprintf(
        "{\"name\":\"t%u\",\"publisher\":{\"type\":\"http-poller\",\"alwaysOn\":true,\"config\":"
        "{\"url\":\"http://127.0.0.1:%u/%u\",\"pollingPeriod\":\"PT%u.%03uS\"}},"
        "\"subscribers\":[{\"type\":\"sse\"},{\"type\":\"websocket\"}]}",
        i, origin, i, period_ms / 1000, period_ms % 1000);

    daemon_make_topic(d, body);
}

/* ---- measuring ---- */

static double pss_bytes(pid_t pid)
{
    AUTO_FREE char *path = xasprintf("/proc/%d/smaps_rollup", (int)pid);
    FILE *f = fopen(path, "r");
    char line[256];
    double kb = 0;

    CHECK(f);
    while (fgets(line, sizeof line, f)) {
        if (strncmp(line, "Pss:", 4) == 0)
            kb = strtod(line + 4, NULL);
    }
    fclose(f);
    return kb * 1024;
}

static int by_time(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static void until_metric(const struct daemon *d, const char *name, double least)
{
    int64_t until = clock_now() + WAIT_US;

    while (metric(d, name) < least) {
        if (clock_now() > until)
            panic("%s stays below %.0f", name, least);
        wait_us(20 * US_PER_MS);
    }
}

/* ---- one scenario ---- */

struct run {
    const struct scenario *s;
    struct shared *shared, *bare_shared;
    struct daemon daemon;
    struct origin origin;
    struct readers readers, bare_readers;
    struct bare bare;
    pid_t origin_pid, readers_pid, bare_pid, bare_readers_pid;
    int ticks; /* to the bare writer */
};

static void start_daemon(struct run *r)
{
    r->shared = shared_new();
    atomic_store(&r->shared->size, r->s->size);
    r->origin = (struct origin){.shared = r->shared};
    r->origin.listener = listen_any(&r->origin.port);
    r->origin_pid = start_child(run_origin, &r->origin);
    r->daemon = start_one();
    for (unsigned i = 0; i < r->s->topics; i++)
        make_topic(&r->daemon, i, r->s->period_ms, r->origin.port);
    until_metric(&r->daemon, "polls_ok_total", 2 * r->s->topics);
}

/* What was used and done while the document was another at each poll. */
struct usage {
    double cpu_us, polls, deliveries;
};

static struct usage measure(struct run *r)
{
    struct daemon *d = &r->daemon;
    struct usage u;

    atomic_store(&r->shared->still, false);
    wait_us(r->s->period_ms * US_PER_MS);
    u.deliveries = metric(d, "deliveries_total");
    u.polls = metric(d, "polls_total");
    u.cpu_us = cpu_us(d->pid);
    wait_us(ROUND_US);
    u.cpu_us = cpu_us(d->pid) - u.cpu_us;
    u.polls = metric(d, "polls_total") - u.polls;
    u.deliveries = metric(d, "deliveries_total") - u.deliveries;
    atomic_store(&r->shared->still, true);
    wait_us(r->s->period_ms * US_PER_MS);
    return u;
}

static void start_readers(struct run *r, bool stuck, bool latencies)
{
    unsigned n = r->s->topics;
    char(*targets)[128] = xcalloc(n, sizeof *targets);

    for (unsigned i = 0; i < n; i++)
        snprintf(targets[i], sizeof targets[i], "t%u", i);
    r->readers = (struct readers){.shared = r->shared,
                                  .port = r->daemon.port,
                                  .count = r->s->channels,
                                  .targets = targets,
                                  .target_count = n,
                                  .stuck = stuck,
                                  .latencies = latencies,
                                  .form = r->s->form};
    r->readers_pid = start_child(run_readers, &r->readers);
    until_metric(&r->daemon, "channels", r->s->channels);
    wait_us(US_PER_S / 2);
}

static void start_bare(struct run *r)
{
    int ticks[2];

    CHECK(pipe2(ticks, O_CLOEXEC) == 0);
    r->bare_shared = shared_new();
    r->bare = (struct bare){
        .shared = r->bare_shared, .ticks = ticks[0], .groups = r->s->topics, .body = r->s->size};
    r->bare.listener = listen_any(&r->bare.port);
    r->ticks = ticks[1];
    r->bare_pid = start_child(run_bare, &r->bare);
    r->bare_readers = r->readers;
    r->bare_readers.shared = r->bare_shared;
    r->bare_readers.port = r->bare.port;
    r->bare_readers.form = FORM_PLAIN;
    r->bare_readers_pid = start_child(run_readers, &r->bare_readers);
    while (atomic_load(&r->bare_shared->opened) < r->s->channels)
        wait_us(20 * US_PER_MS);
    wait_us(US_PER_S / 2);
}

/* As many events as the daemon has in a round, evenly spread. */
static double bare_round(struct run *r)
{
    const struct scenario *s = r->s;
    unsigned events = (unsigned)(ROUND_US / US_PER_MS) / s->period_ms * s->topics;
    double written = (double)atomic_load(&r->bare_shared->written), cpu = cpu_us(r->bare_pid);
    int64_t began = clock_now();

    for (unsigned i = 0; i < events; i++) {
        int64_t due = began + ROUND_US * i / events, now = clock_now();
        if (due > now + US_PER_MS)
            wait_us(due - now);
        uint16_t group = (uint16_t)(i % s->topics);
        CHECK(write(r->ticks, &group, sizeof group) == sizeof group);
    }
    wait_us(MAX(began + ROUND_US - clock_now(), 0) + 100 * US_PER_MS);
    return (cpu_us(r->bare_pid) - cpu) / ((double)atomic_load(&r->bare_shared->written) - written);
}

static void stop_all(struct run *r)
{
    stop_child(r->readers_pid);
    stop_child(r->bare_readers_pid);
    stop_child(r->bare_pid);
    stop_child(r->origin_pid);
    daemon_stop(&r->daemon);
    close(r->origin.listener);
    free(r->readers.targets);
    munmap(r->shared, sizeof *r->shared);
    if (r->bare_pid) {
        munmap(r->bare_shared, sizeof *r->bare_shared);
        close(r->bare.listener);
        close(r->bare.ticks);
        close(r->ticks);
    }
}

static void be_still(struct run *r)
{
    atomic_store(&r->shared->still, true);
    wait_us(2 * r->s->period_ms * US_PER_MS);
}

static void run_scenario(const struct scenario *s, unsigned rounds)
{
    struct run r = {.s = s}, twin = {.s = s};
    double ours[64], bare[64], poll[64];

    start_daemon(&twin);
    be_still(&twin);
    start_daemon(&r);
    be_still(&r);
    double before = pss_bytes(r.daemon.pid);
    start_readers(&r, false, false);
    double memory = (pss_bytes(r.daemon.pid) - before) / s->channels;
    start_bare(&r);
    for (unsigned i = 0; i < rounds; i++) {
        struct usage t = measure(&twin), u = measure(&r);
        poll[i] = t.cpu_us / t.polls;
        ours[i] = (u.cpu_us - u.polls * poll[i]) / u.deliveries;
        bare[i] = bare_round(&r);
    }
    double a = median(ours, rounds), b = median(bare, rounds);
    printf("%-20s %8.2f %8.2f %7.2f %9.1f %12.0f\n", s->name, a, b, a / b, median(poll, rounds),
           memory);
    fflush(stdout);
    stop_all(&r);
    stop_all(&twin);
}

/* ---- latency ---- */

#define WINDOWS 7

static const struct scenario crowd = {"latency", 1, 1000, 100, 1000, false};

static void run_latency(bool stuck)
{
    struct run r = {.s = &crowd};
    struct shared *s;

    start_daemon(&r);
    start_readers(&r, stuck, true);
    s = r.shared;
    /* Fill the socket of the one that is stuck. */
    atomic_store(&s->size, 200 * 1000);
    wait_us(4 * US_PER_S);
    atomic_store(&s->size, crowd.size);
    wait_us(US_PER_S);
    /* One disturbance of the machine is of one window: medians over the windows. */
    double half[WINDOWS], p99[WINDOWS], most = 0;
    for (unsigned i = 0; i < WINDOWS; i++) {
        unsigned from = atomic_load(&s->latency_count);
        wait_us(US_PER_S);
        unsigned to = MIN(atomic_load(&s->latency_count), (unsigned)LATENCIES);
        CHECK(to > from + 2000);
        int64_t *v = s->latencies + from;
        size_t n = to - from;
        qsort(v, n, sizeof *v, by_time);
        half[i] = (double)v[n / 2] / 1000;
        p99[i] = (double)v[n * 99 / 100] / 1000;
        most = MAX(most, (double)v[n - 1] / 1000);
    }
    printf("%-20s %8.2f %8.2f %8.2f\n", stuck ? "with one stuck" : "all read",
           median(half, WINDOWS), median(p99, WINDOWS), most);
    fflush(stdout);
    stop_all(&r);
}

int main(int argc, char **argv)
{
    unsigned rounds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : ROUNDS;
    const char *part = argc > 2 ? argv[2] : "";
    struct rlimit limit;

    signal(SIGPIPE, SIG_IGN);
    CHECK(rounds > 0 && rounds <= 64);
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    printf("1 KB events, one loop, medians of %u rounds\n", rounds);
    printf("%-20s %8s %8s %7s %9s %12s\n", "", "us each", "bare", "factor", "us a poll",
           "bytes a chan");
    for (size_t i = 0; i < ARRAY_LEN(scenarios); i++) {
        if (strstr(scenarios[i].name, part))
            run_scenario(&scenarios[i], rounds);
    }
    if (!strstr(crowd.name, part))
        return 0;
    printf("\nfrom the source's answer to each of 1000 readers, ms (medians of %d windows of 1 s; "
           "max of all)\n",
           WINDOWS);
    printf("%-20s %8s %8s %8s\n", "", "median", "p99", "max");
    run_latency(false);
    run_latency(true);
    return 0;
}
