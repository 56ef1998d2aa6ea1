/*
 * What a poll costs: our fetcher against a bare loop around libcurl that does everything right and
 * nothing else (bare_curl.c). Same origin, same options, interleaved rounds, medians of CPU time
 * (user and system) per poll.
 *
 *   bench_poll [ROUNDS [PART]]      PART: only the lines whose name contains it
 *
 * Closed loop: so many requests under way, each end starts the next. Scheduled: each target once a
 * second, phases spread, on a grid of 1 ms.
 */
#include "bench_poll.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include "bare_curl.c"
#include "io/fetch.h"

#define HOSTS 1000
#define ROUNDS 3

static const struct work works[] = {
    /* name, hosts, targets, under way, body, 304, period, warm-up, measured */
    {"closed, 1 host, 1 KB", 1, 100, 100, 1024, false, 0, 300000, 700000},
    {"closed, 100 hosts, 1 KB", 100, 100, 100, 1024, false, 0, 300000, 700000},
    {"closed, 100 hosts, 304", 100, 100, 100, 1024, true, 0, 300000, 700000},
    {"closed, 100 hosts, 20 KB", 100, 100, 100, 20480, false, 0, 300000, 700000},
    {"closed, 100 hosts, 50 KB", 100, 100, 100, 51200, false, 0, 300000, 700000},
    {"closed, 1000 hosts, 1 KB", 1000, 1000, 100, 1024, false, 0, 600000, 700000},
    {"10000 a second, 100 hosts, 1 KB", 100, 10000, 0, 1024, false, 1000000, 1500000, 2000000},
    {"10000 a second, 100 hosts, 304", 100, 10000, 0, 1024, true, 1000000, 1500000, 2000000},
    {"1000 a second, 1000 hosts, 1 KB", 1000, 1000, 0, 1024, false, 1000000, 1500000, 2000000},
};

static uint16_t ports[HOSTS];

/* ---- shared by both clients ---- */

int64_t cpu_now(void)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * US_PER_S + u.ru_utime.tv_usec +
           u.ru_stime.tv_usec;
}

size_t memory_kb(void)
{
    char line[128];
    size_t kb = 0;
    FILE *f = fopen("/proc/self/status", "r");

    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, "VmRSS:", 6) == 0)
            kb = strtoul(line + 6, NULL, 10);
    if (f)
        fclose(f);
    return kb;
}

void url_of_target(const struct work *w, unsigned target, char *buf, size_t size)
{
    unsigned host = target % w->hosts;
    struct in_addr a = {htonl(INADDR_LOOPBACK + host)};
    char ip[INET_ADDRSTRLEN];

    inet_ntop(AF_INET, &a, ip, sizeof ip);
    snprintf(buf, size, "http://%s:%u/%zu", ip, ports[host], w->body);
}

/* Count and time from the end of the warm-up on. */
void measure_tick(struct measure *m, const struct work *w, int64_t now)
{
    if (!m->began && now >= m->started + w->warm_us) {
        m->began = now;
        m->cpu = cpu_now();
        m->polls = 0;
        m->late_us = m->late_max_us = 0;
    }
    if (m->began && !m->over && now >= m->began + w->measured_us) {
        m->over = true;
        m->out.cpu_us = (double)(cpu_now() - m->cpu) / (double)MAX(m->polls, 1);
        m->out.per_s = (double)m->polls * 1e6 / (double)(now - m->began);
        m->out.late_ms = (double)m->late_us / 1e3 / (double)MAX(m->polls, 1);
        m->out.late_max_ms = (double)m->late_max_us / 1e3;
        m->out.rss_kb = memory_kb();
    }
}

/* ---- our fetcher ---- */

struct ours {
    const struct work *w;
    struct loop *loop;
    struct fetcher *fr;
    struct our_target *targets;
    struct timer tick;
    unsigned next;
    unsigned running;
    int64_t next_due;
    struct measure m;
};

struct our_target {
    struct ours *o;
    struct fetch_target *t;
    struct hash128 last;
    bool busy;
};

static void our_start(struct ours *o, struct our_target *t);

static void our_done(const struct fetch_result *res, void *arg)
{
    struct our_target *t = arg;
    struct ours *o = t->o;

    t->busy = false;
    o->running--;
    o->m.polls++;
    if (res->err)
        o->m.out.errors++;
    t->last = res->hash;
    if (o->w->period_us || o->m.over)
        return;
    /* The next target that has nothing under way. */
    while (o->targets[o->next % o->w->targets].busy)
        o->next++;
    our_start(o, &o->targets[o->next++ % o->w->targets]);
}

static void our_start(struct ours *o, struct our_target *t)
{
    struct fetch_params p = {.deadline = loop_now(o->loop) + 30 * US_PER_S, .max_bytes = 1 << 20};

    if (t->busy) {
        o->m.out.skipped++;
        return;
    }
    if (o->w->conditional)
        p.etag = STR("\"v1\"");
    t->busy = true;
    o->running++;
    (void)fetch_start(o->fr, t->t, &p, our_done, t);
}

/* Start what is due; targets are in the order of their phases. */
static void our_tick(struct timer *timer, void *arg)
{
    struct ours *o = arg;
    int64_t now = loop_now(o->loop);
    int64_t apart = o->w->period_us ? o->w->period_us / o->w->targets : 0;

    measure_tick(&o->m, o->w, now);
    if (o->m.over)
        return;
    for (; apart && o->next_due <= now; o->next_due += apart) {
        measure_late(&o->m, now - o->next_due);
        our_start(o, &o->targets[o->next++ % o->w->targets]);
    }
    timer_set(o->loop, timer, apart ? MAX(now + US_PER_MS, o->next_due) : now + 10 * US_PER_MS);
}

static void run_ours(const struct work *w, struct outcome *ret)
{
    struct ours o = {.w = w, .loop = loop_new(0)};
    struct fetcher_conf conf;
    char url[128];

    fetcher_conf_default(&conf);
    conf.per_host = MAX(conf.per_host, w->in_flight / w->hosts);
    o.fr = fetcher_new(o.loop, &conf, NULL);
    o.targets = xcalloc(w->targets, sizeof *o.targets);
    for (unsigned i = 0; i < w->targets; i++) {
        url_of_target(w, i, url, sizeof url);
        o.targets[i].o = &o;
        o.targets[i].t = fetch_target_new(str_of(url), NULL);
    }
    o.m.started = o.next_due = clock_now();
    timer_init(&o.tick, our_tick, &o);
    timer_set(o.loop, &o.tick, o.m.started);
    for (unsigned i = 0; !w->period_us && i < w->in_flight; i++)
        our_start(&o, &o.targets[o.next++ % w->targets]);
    while (!o.m.over || o.running > 0)
        uv_run(loop_uv(o.loop), UV_RUN_ONCE);
    *ret = o.m.out;
    fetcher_free(o.fr);
    loop_free(o.loop);
    for (unsigned i = 0; i < w->targets; i++)
        fetch_target_free(o.targets[i].t);
    free(o.targets);
}

/* ---- rounds ---- */

static void pin(unsigned cpu)
{
    cpu_set_t set;

    if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
        return;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    sched_setaffinity(0, sizeof set, &set);
}

/* Each run has a process of its own: nothing is warm that the other made so. */
static struct outcome run(const struct work *w,
                          void (*client)(const struct work *, struct outcome *))
{
    struct outcome out = {0};
    int pipe_fd[2], status = 0;

    fflush(stdout);
    if (pipe(pipe_fd))
        panic("no pipe");
    pid_t pid = fork();
    if (pid == 0) {
        pin(0);
        client(w, &out);
        _exit(write(pipe_fd[1], &out, sizeof out) == sizeof out ? 0 : 1);
    }
    close(pipe_fd[1]);
    if (pid < 0 || read(pipe_fd[0], &out, sizeof out) != sizeof out)
        panic("a client died");
    close(pipe_fd[0]);
    waitpid(pid, &status, 0);
    return out;
}

static int by_cpu(const void *a, const void *b)
{
    double x = ((const struct outcome *)a)->cpu_us, y = ((const struct outcome *)b)->cpu_us;

    return x < y ? -1 : x > y;
}

static void print(const struct work *w, struct outcome *bare, struct outcome *ours, size_t rounds)
{
    qsort(bare, rounds, sizeof *bare, by_cpu);
    qsort(ours, rounds, sizeof *ours, by_cpu);
    const struct outcome *b = &bare[rounds / 2], *o = &ours[rounds / 2];
    printf("%-34s %6.1f %6.1f %6.2f %9.0f %9.0f %7.2f %7.1f %6zu %6zu %5u %5u\n", w->name,
           b->cpu_us, o->cpu_us, o->cpu_us / b->cpu_us, b->per_s, o->per_s, o->late_ms,
           o->late_max_ms, b->rss_kb / 1024, o->rss_kb / 1024, o->errors + b->errors, o->skipped);
}

/* The origin stands beside this program, and ends when `hold` is closed. */
static pid_t start_origin(int *ret_hold)
{
    char path[4096];
    int in[2], out[2];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 16);

    if (n < 0 || pipe(in) || pipe(out))
        panic("cannot start the origin");
    path[n] = '\0';
    char *name = strrchr(path, '/') + 1;
    snprintf(name, 16, "bench_origin");
    pid_t pid = fork();
    if (pid == 0) {
        char hosts[16];
        pin(1);
        dup2(in[0], STDIN_FILENO);
        dup2(out[1], STDOUT_FILENO);
        close(in[1]);
        snprintf(hosts, sizeof hosts, "%d", HOSTS);
        execl(path, path, hosts, (char *)NULL);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    FILE *f = fdopen(out[0], "r");
    for (unsigned i = 0; i < HOSTS; i++) {
        char line[16];
        if (!f || !fgets(line, sizeof line, f))
            panic("the origin %s does not start", path);
        ports[i] = (uint16_t)strtoul(line, NULL, 10);
    }
    fclose(f);
    *ret_hold = in[1];
    return pid;
}

int main(int argc, char **argv)
{
    size_t rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : ROUNDS;
    struct outcome bare[64], ours[64];
    int hold = -1;
    pid_t origin = start_origin(&hold);

    rounds = MAX(MIN(rounds, ARRAY_LEN(bare)), 1);
    printf("%-34s %6s %6s %6s %9s %9s %7s %7s %6s %6s %5s %5s\n", "CPU us per poll", "bare", "ours",
           "ratio", "bare/s", "ours/s", "late ms", "max", "bareMB", "oursMB", "err", "skip");
    for (size_t i = 0; i < ARRAY_LEN(works); i++) {
        if (argc > 2 && !strstr(works[i].name, argv[2]))
            continue;
        for (size_t r = 0; r < rounds; r++) {
            bare[r] = run(&works[i], bare_run);
            ours[r] = run(&works[i], run_ours);
        }
        print(&works[i], bare, ours, rounds);
    }
    close(hold);
    waitpid(origin, NULL, 0);
    return 0;
}
