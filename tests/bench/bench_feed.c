/*
 * What a feed costs: GET next and its completion, on a feed with so many notifications queued. Prints one line of JSON:
 * how long GET next takes; and, with MS, notifications a second and their CPU for so long.
 *
 *   bench_feed QUEUED [MS]
 *
 * POLLCAST in the environment names the daemon.
 */
#include <netinet/tcp.h>

#include "daemon_rig.c"

#define PART 20000 /* elements of a document: as many are told created, and those before deleted */
#define ROUNDS 20
#define CYCLES 10 /* of a round */
#define BATCH 10

/* ---- a connection that is kept ---- */

struct client {
    int fd;
    struct buf in;
};

/* The status of the answer; its body is in c->in, from *ret_body on. */
static int call(struct client *c, const char *method, const char *path, const char **ret_body)
{
    AUTO(buf_done) struct buf out = BUF_INIT;
    char chunk[65536];
    const char *at, *length;

    buf_printf(&out, "%s %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n", method,
               path);
    CHECK(write(c->fd, out.p, out.len) == (ssize_t)out.len);
    buf_clear(&c->in);
    for (;;) {
        ssize_t n = read(c->fd, chunk, sizeof chunk);
        if (n <= 0)
            panic("%s %s is not answered", method, path);
        buf_append(&c->in, chunk, (size_t)n);
        at = strstr(buf_cstr(&c->in), "\r\n\r\n");
        if (!at)
            continue;
        length = strcasestr(c->in.p, "\r\nContent-Length: ");
        size_t want = length && length < at ? strtoul(length + 18, NULL, 10) : 0;
        if (c->in.len >= (size_t)(at + 4 - c->in.p) + want)
            break;
    }
    *ret_body = at + 4;
    return (int)strtol(c->in.p + 9, NULL, 10);
}

/* One batch given and completed; µs of the first of these. */
static double cycle(struct client *c, const char *feed)
{
    AUTO_FREE char *next = xasprintf("/eventnotifications/v2/%s/next", feed);
    const char *body;
    int64_t began = clock_now();

    if (call(c, "GET", next, &body) != 200)
        panic("%s: %s", next, c->in.p);
    double us = (double)(clock_now() - began);
    CHECK(strncmp(body, "{\"batchId\":\"", 12) == 0);
    AUTO_FREE char *complete =
        xasprintf("/eventnotifications/v2/%s/%llu/complete", feed, strtoull(body + 12, NULL, 10));
    CHECK(call(c, "POST", complete, &body) == 200);
    return us;
}

/* ---- filling ---- */

static void make(const struct daemon *d, const char *path, const char *body)
{
    AUTO_FREE char *answer = ask(d, "POST", path, body);

    if (!strstr(answer, " 201 ") && !strstr(answer, " 202 "))
        panic("%s: %.300s", path, answer);
}

static void make_feed(const struct daemon *d, const char *name)
{
    AUTO_FREE char *topic =
        xasprintf("{\"name\":\"%s\",\"publisher\":{\"type\":\"http-post\",\"config\":{},"
                  "\"payload\":{\"type\":\"snapshot\"},\"alwaysOn\":true}}",
                  name);
    AUTO_FREE char *feed = xasprintf("{\"id\":\"%s\",\"topics\":[\"%s\"]}", name, name);

    daemon_make_topic(d, topic);
    make(d, "/streams/hub/api/v1/feeds", feed);
}

/* A document of `count` elements that were not there before. */
static void post(const struct daemon *d, const char *name, int count)
{
    static long long id;
    AUTO(buf_done) struct buf b = BUF_INIT;
    AUTO_FREE char *path = xasprintf("/streams/publishers/http-post/api/v1/topics/%s", name);

    for (int i = 0; i < count; i++)
        buf_printf(&b, "%c{\"id\":%lld,\"text\":\"a text of some length that stands for data\"}",
                   i ? ',' : '[', ++id);
    buf_putc(&b, ']');
    make(d, path, buf_cstr(&b));
}

/* ---- what is measured ---- */

static void fill(const struct daemon *d, int queued)
{
    make_feed(d, "queue");
    if (queued < PART)
        post(d, "queue", queued);
    /* Half of them say what is there, half what is there no more. */
    for (int n = 0; queued >= PART && n < queued + PART; n += 2 * PART)
        post(d, "queue", PART);
}

/* What was taken is put back, as far as it matters. */
static void time_next(const struct daemon *d, struct client *c, int queued)
{
    double us[ROUNDS * CYCLES];
    unsigned n = 0;

    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < CYCLES; i++)
            us[n++] = cycle(c, "queue");
        if (queued < PART)
            post(d, "queue", CYCLES * BATCH / 2);
    }
    qsort(us, n, sizeof *us, by_value);
    printf("\"p50Ms\":%.4f,\"p99Ms\":%.4f", us[n / 2] / 1e3, us[n * 99 / 100] / 1e3);
}

static void rate(const struct daemon *d, struct client *c, int64_t for_us)
{
    int64_t began = clock_now();
    double cpu = cpu_us(d->pid);
    double done = 0;

    for (; clock_now() - began < for_us; done += BATCH)
        (void)cycle(c, "queue");
    printf(",\"cpuUs\":%.2f,\"perS\":%.0f", (cpu_us(d->pid) - cpu) / done,
           done * US_PER_S / (double)(clock_now() - began));
}

int main(int argc, char **argv)
{
    static const char *const args[] = {
        "--loops", "1", "--payload-max-bytes", "64 MiB", "--http-max-body-bytes", "64 MiB", NULL};
    int queued = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 0;
    int on = 1;

    CHECK(queued > 0);
    struct daemon d = daemon_start(args);
    fill(&d, queued);
    struct client c = {.fd = connect_to(d.port)};
    CHECK(setsockopt(c.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0);
    CHECK(metric(&d, "feed_notes_total") >= queued);
    putchar('{');
    time_next(&d, &c, queued);
    if (argc > 2)
        rate(&d, &c, strtol(argv[2], NULL, 10) * US_PER_MS);
    puts("}");
    buf_done(&c.in);
    close(c.fd);
    daemon_stop(&d);
    return 0;
}
