/*
 * What a post costs: documents of 1 KB posted to the daemon. Prints one line of JSON.
 *
 *   bench_post many POSTERS TOPICS [trim]   so many connections, of which each waits for its answer
 *   bench_post single COUNT                 one post at a time
 *
 * POLLCAST in the environment names the daemon. The posters share the machine with it.
 */
#include <netinet/tcp.h>
#include <sys/epoll.h>

#include "body_rig.c"
#include "daemon_rig.c"

#define BODY 1024
#define ROUND_US US_PER_S
#define WARM_US (US_PER_S / 4)
#define TOPICS 100
#define POSTERS_MAX 512
#define PATH "/streams/publishers/http-post/api/v1/topics/"

static char body[BODY + 1];

/* ---- posters ---- */

struct poster {
    int fd;
    char *request;
    size_t got; /* bytes of the answer */
    char answer[1024];
};

struct posters {
    int ep;
    size_t count;
    uint64_t answered;
    struct poster v[POSTERS_MAX];
};

static void send_request(struct poster *p)
{
    size_t n = strlen(p->request);

    p->got = 0;
    CHECK(write(p->fd, p->request, n) == (ssize_t)n);
}

/* True when the answer is whole: it has no body. */
static bool take_answer(struct poster *p)
{
    ssize_t n = read(p->fd, p->answer + p->got, sizeof p->answer - p->got - 1);

    if (n <= 0)
        panic("a post was not answered: %s", strerror(errno));
    p->got += (size_t)n;
    p->answer[p->got] = '\0';
    if (!strstr(p->answer, "\r\n\r\n"))
        return false;
    if (strncmp(p->answer, "HTTP/1.1 202 ", 13) != 0)
        panic("%s", p->answer);
    return true;
}

static void posters_start(struct posters *s, const struct daemon *d, size_t count, size_t topics)
{
    int on = 1;

    *s = (struct posters){.ep = epoll_create1(EPOLL_CLOEXEC), .count = count};
    for (size_t i = 0; i < count; i++) {
        struct poster *p = &s->v[i];
        struct epoll_event e = {.events = EPOLLIN, .data.ptr = p};

        p->fd = connect_to(d->port);
        CHECK(setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0);
        p->request = xasprintf("POST " PATH "t%zu HTTP/1.1\r\nHost: localhost\r\n"
                               "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
                               i % topics, BODY, body);
        CHECK(epoll_ctl(s->ep, EPOLL_CTL_ADD, p->fd, &e) == 0);
        send_request(p);
    }
}

static void posters_run(struct posters *s, int64_t until)
{
    struct epoll_event ready[POSTERS_MAX];

    while (clock_now() < until) {
        int n = epoll_wait(s->ep, ready, POSTERS_MAX, 1000);

        for (int i = 0; i < n; i++) {
            struct poster *p = ready[i].data.ptr;
            if (!take_answer(p))
                continue;
            s->answered++;
            send_request(p);
        }
    }
}

static void posters_stop(struct posters *s)
{
    for (size_t i = 0; i < s->count; i++) {
        close(s->v[i].fd);
        free(s->v[i].request);
    }
    close(s->ep);
}

/* ---- many ---- */

static struct daemon start_daemon(bool trims)
{
    static const char *const keep_all[] = {
        "--loops", "2", "--journal-max-events", "0", "--journal-max-bytes", "0", NULL};
    static const char *const trim[] = {"--loops", "2", "--journal-max-events", "100", NULL};
    struct daemon d = daemon_start(trims ? trim : keep_all);

    for (int i = 0; i < TOPICS; i++) {
        AUTO_FREE char *topic =
            xasprintf("{\"name\":\"t%d\",\"publisher\":{\"type\":\"http-post\",\"config\":{},"
                      "\"payload\":{\"type\":\"event\"},\"alwaysOn\":true}}",
                      i);
        daemon_make_topic(&d, topic);
    }
    return d;
}

static void run_many(struct posters *s, size_t posters, size_t topics, bool trims)
{
    struct daemon d = start_daemon(trims);

    posters_start(s, &d, posters, topics);
    posters_run(s, clock_now() + WARM_US);
    double groups = metric(&d, "store_groups_total"), cpu = cpu_us(d.pid);
    uint64_t answered = s->answered;
    int64_t began = clock_now();
    posters_run(s, began + ROUND_US);
    double n = (double)(s->answered - answered), us = (double)(clock_now() - began);
    printf("{\"cpuUs\":%.2f,\"perS\":%.0f,\"inGroup\":%.1f}\n", (cpu_us(d.pid) - cpu) / n,
           n * US_PER_S / us, n / (metric(&d, "store_groups_total") - groups));
    posters_stop(s);
    daemon_stop(&d);
}

/* ---- one at a time ---- */

static void post_once(struct poster *p)
{
    send_request(p);
    while (!take_answer(p))
        ;
}

static void run_single(struct posters *s, size_t count)
{
    AUTO_FREE double *ms = xcalloc(count, sizeof *ms);
    struct daemon d = start_daemon(false);

    posters_start(s, &d, 1, 1);
    while (!take_answer(&s->v[0]))
        ;
    for (size_t i = 0; i < count; i++) {
        int64_t began = clock_now();
        post_once(&s->v[0]);
        ms[i] = (double)(clock_now() - began) / 1e3;
    }
    qsort(ms, count, sizeof *ms, by_value);
    printf("{\"p50Ms\":%.4f,\"p99Ms\":%.4f,\"maxMs\":%.4f}\n", ms[count / 2], ms[count * 99 / 100],
           ms[count - 1]);
    posters_stop(s);
    daemon_stop(&d);
}

int main(int argc, char **argv)
{
    AUTO_FREE struct posters *s = xcalloc(1, sizeof *s);
    size_t count = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
    size_t topics = argc > 3 ? strtoul(argv[3], NULL, 10) : 1;

    CHECK(count > 0 && topics > 0 && topics <= TOPICS);
    signal(SIGPIPE, SIG_IGN);
    fill_body(body, BODY);
    if (strcmp(argv[1], "single") == 0) {
        run_single(s, count);
    } else {
        CHECK(count <= POSTERS_MAX);
        run_many(s, count, topics, argc > 4);
    }
    return 0;
}
