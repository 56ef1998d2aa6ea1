/*
 * What polls cost without a daemon around them: our fetcher, or a bare loop around libcurl that does everything right
 * and nothing else (bare_curl.c). Same origin, same options, one thread.
 *
 *   bench_poll bare|fetcher NAME=VALUE...
 *
 * port, hosts (addresses from 127.0.0.1 on), targets, path; conditional=1: with If-None-Match; ca=FILE: over TLS; large=1:
 * bodies over 16 KiB; warm_ms, measured_ms. period_ms: each target once in so long, phases spread, on a grid of 1 ms; or
 * in_flight: closed loop, so many requests under way, each end starts the next. Prints one line of JSON: CPU time (user
 * and system) per poll, polls a second, lateness of starts, polls skipped, its memory.
 */
#include "bench_poll.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <uv.h>

#include "bare_curl.c"
#include "io/fetch.h"

/* ---- shared by both clients ---- */

static int64_t cpu_now(void)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * US_PER_S + u.ru_utime.tv_usec +
           u.ru_stime.tv_usec;
}

static unsigned long pss_kib(void)
{
    char line[128];
    unsigned long kib = 0;
    FILE *f = fopen("/proc/self/smaps_rollup", "r");

    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, "Pss:", 4) == 0)
            kib = strtoul(line + 4, NULL, 10);
    if (f)
        fclose(f);
    return kib;
}

char *url_of_target(const struct work *w, unsigned target)
{
    struct in_addr a = {htonl(INADDR_LOOPBACK + target % w->hosts)};
    const char *at = strstr(w->path, "%u");
    char ip[INET_ADDRSTRLEN];

    inet_ntop(AF_INET, &a, ip, sizeof ip);
    if (!at)
        return xasprintf("%s://%s:%u%s", w->scheme, ip, w->port, w->path);
    return xasprintf("%s://%s:%u%.*s%u%s", w->scheme, ip, w->port, (int)(at - w->path), w->path,
                     target, at + 2);
}

void measure_late(struct measure *m, int64_t us)
{
    if (m->late_count == m->late_room) {
        m->late_room = MAX(2 * m->late_room, (size_t)4096);
        m->late_us = xrealloc(m->late_us, m->late_room * sizeof *m->late_us);
    }
    m->late_us[m->late_count++] = (double)us;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void report(struct measure *m, int64_t now)
{
    double polls = (double)MAX(m->polls, 1), us = (double)(cpu_now() - m->cpu_us);
    double seconds = (double)(now - m->began) / 1e6;

    if (m->errors > 0)
        panic("%u polls failed", m->errors);
    printf("{\"cpuUs\":%.3f,\"perS\":%.1f,\"core\":%.4f,\"pssKib\":%lu", us / polls,
           (double)m->polls / seconds, us / 1e6 / seconds, pss_kib());
    if (m->late_count > 0) {
        qsort(m->late_us, m->late_count, sizeof *m->late_us, by_value);
        printf(",\"lateP99Ms\":%.3f,\"lateMaxMs\":%.3f,\"skipped\":%u",
               m->late_us[m->late_count * 99 / 100] / 1e3, m->late_us[m->late_count - 1] / 1e3,
               m->skipped);
    }
    puts("}");
}

void measure_tick(struct measure *m, const struct work *w, int64_t now)
{
    if (!m->began && now >= m->started + w->warm_us) {
        m->began = now;
        m->cpu_us = cpu_now();
        m->polls = 0;
        m->skipped = 0;
        m->late_count = 0;
    }
    if (m->began && !m->over && now >= m->began + w->measured_us) {
        m->over = true;
        report(m, now);
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
    if (res->err || (res->status != 200 && res->status != 304))
        o->m.errors++;
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
        o->m.skipped++;
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

/* The process ends after it: nothing is freed. */
static void our_run(const struct work *w)
{
    struct ours *o = xcalloc(1, sizeof *o);
    struct fetcher_conf conf;

    o->w = w;
    o->loop = loop_new(0);
    fetcher_conf_default(&conf);
    conf.per_host = MAX(conf.per_host, w->in_flight / w->hosts);
    conf.max_connections = MAX(conf.max_connections, w->hosts);
    conf.ca_file = w->ca;
    o->fr = fetcher_new(o->loop, &conf, NULL);
    o->targets = xcalloc(w->targets, sizeof *o->targets);
    for (unsigned i = 0; i < w->targets; i++) {
        AUTO_FREE char *url = url_of_target(w, i);
        o->targets[i].o = o;
        o->targets[i].t = fetch_target_new(str_of(url), NULL);
    }
    o->m.started = o->next_due = clock_now();
    timer_init(&o->tick, our_tick, o);
    timer_set(o->loop, &o->tick, o->m.started);
    for (unsigned i = 0; !w->period_us && i < w->in_flight; i++)
        our_start(o, &o->targets[o->next++ % w->targets]);
    while (!o->m.over)
        uv_run(loop_uv(o->loop), UV_RUN_ONCE);
}

/* ---- main ---- */

static unsigned number_of(int argc, char **argv, const char *name, unsigned otherwise)
{
    size_t n = strlen(name);

    for (int i = 2; i < argc; i++)
        if (strncmp(argv[i], name, n) == 0 && argv[i][n] == '=')
            return (unsigned)strtoul(argv[i] + n + 1, NULL, 10);
    return otherwise;
}

static const char *text_of(int argc, char **argv, const char *name)
{
    size_t n = strlen(name);

    for (int i = 2; i < argc; i++)
        if (strncmp(argv[i], name, n) == 0 && argv[i][n] == '=')
            return argv[i] + n + 1;
    return NULL;
}

int main(int argc, char **argv)
{
#define NUMBER(name, otherwise) number_of(argc, argv, name, otherwise)
    struct rlimit files;
    struct work w = {
        .port = NUMBER("port", 0),
        .path = text_of(argc, argv, "path"),
        .ca = text_of(argc, argv, "ca"),
        .hosts = NUMBER("hosts", 1),
        .targets = NUMBER("targets", 100),
        .in_flight = NUMBER("in_flight", 0),
        .conditional = NUMBER("conditional", 0) != 0,
        .large = NUMBER("large", 0) != 0,
        .period_us = NUMBER("period_ms", 0) * US_PER_MS,
        .warm_us = NUMBER("warm_ms", 500) * US_PER_MS,
        .measured_us = NUMBER("measured_ms", 1000) * US_PER_MS,
    };

    if (argc < 2 || !w.port || !w.path || (w.period_us > 0) == (w.in_flight > 0))
        panic("see the head of bench_poll.c");
    w.scheme = w.ca ? "https" : "http";
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    if (strcmp(argv[1], "bare") == 0)
        bare_run(&w);
    else
        our_run(&w);
    return 0;
}
