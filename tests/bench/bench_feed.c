/*
 * What a feed costs: GET next on a feed with a million notifications queued against one with a hundred
 * or two, in turns; and next + complete, notifications a second of one core, against the same loop on
 * a plain SQLite table from which ten rows are selected and then deleted, as durably.
 *
 *   bench_feed [QUEUED]
 *
 * POLLCAST in the environment names the daemon.
 */
#include <netinet/tcp.h>
#include <sqlite3.h>

#include "daemon_rig.c"

#define QUEUED 1000000
#define PART 20000 /* elements of a document: as many are told created, and those before deleted */
#define ROUNDS 20
#define CYCLES 10 /* of a round, of each feed */
#define BATCH 10
#define LOOP_US (3 * US_PER_S)
#define BODY 200

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

/* ---- the plain table ---- */

static void exec(sqlite3 *db, const char *text)
{
    if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK)
        panic("%s: %s", text, sqlite3_errmsg(db));
}

static int64_t own_cpu_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * US_PER_S + t.tv_nsec / 1000;
}

struct rate {
    double per_s, per_core_s; /* notifications */
};

static void plain_batch(sqlite3 *db, sqlite3_stmt *next, sqlite3_stmt *complete)
{
    int64_t last = 0;
    size_t bytes = 0;

    while (sqlite3_step(next) == SQLITE_ROW) {
        last = sqlite3_column_int64(next, 0);
        bytes += strlen((const char *)sqlite3_column_text(next, 1));
    }
    sqlite3_reset(next);
    CHECK(last && bytes);
    sqlite3_bind_int64(complete, 1, last);
    CHECK(sqlite3_step(complete) == SQLITE_DONE && sqlite3_changes(db) == BATCH);
    sqlite3_reset(complete);
}

static struct rate plain_loop(int rows)
{
    char dir[] = "/tmp/pollcast-bench-XXXXXX";
    sqlite3 *db;
    sqlite3_stmt *next, *complete;
    uint64_t done = 0;

    CHECK(mkdtemp(dir));
    AUTO_FREE char *path = xasprintf("%s/plain.db", dir);
    CHECK(sqlite3_open(path, &db) == SQLITE_OK);
    exec(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
             "CREATE TABLE queue(id INTEGER PRIMARY KEY, body TEXT)");
    AUTO_FREE char *fill = xasprintf("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n "
                                     "WHERE i < %d) INSERT INTO queue(body) "
                                     "SELECT hex(zeroblob(%d)) FROM n",
                                     rows, BODY / 2);
    exec(db, fill);
    CHECK(sqlite3_prepare_v2(db, "SELECT id, body FROM queue ORDER BY id LIMIT 10", -1, &next,
                             NULL) == SQLITE_OK);
    CHECK(sqlite3_prepare_v2(db, "DELETE FROM queue WHERE id <= ?", -1, &complete, NULL) ==
          SQLITE_OK);
    int64_t began = clock_now(), cpu = own_cpu_us();
    for (; clock_now() - began < LOOP_US && done + BATCH < (uint64_t)rows; done += BATCH)
        plain_batch(db, next, complete);
    struct rate r = {(double)done * US_PER_S / (double)(clock_now() - began),
                     (double)done * US_PER_S / (double)(own_cpu_us() - cpu)};
    sqlite3_finalize(next);
    sqlite3_finalize(complete);
    sqlite3_close(db);
    remove_dir(dir);
    return r;
}

/* ---- the feed ---- */

static struct rate feed_loop(const struct daemon *d, struct client *c)
{
    int64_t began = clock_now();
    double cpu = cpu_us(d->pid);
    uint64_t done = 0;

    for (; clock_now() - began < LOOP_US; done += BATCH)
        (void)cycle(c, "many");
    return (struct rate){(double)done * US_PER_S / (double)(clock_now() - began),
                         (double)done * US_PER_S / (cpu_us(d->pid) - cpu)};
}

static void compare(const struct daemon *d, struct client *c)
{
    double few[ROUNDS * CYCLES], many[ROUNDS * CYCLES];
    unsigned n = 0;

    for (int round = 0; round < ROUNDS; round++) {
        post(d, "few", 100);
        for (int i = 0; i < CYCLES; i++, n++) {
            few[n] = cycle(c, "few");
            many[n] = cycle(c, "many");
        }
    }
    double a = median(few, n), b = median(many, n);
    printf("GET next, a hundred queued   %8.0f us\n", a);
    printf("GET next, a million queued   %8.0f us   x%.2f (to be: at most 2)\n", b, b / a);
}

int main(int argc, char **argv)
{
    static const char *const args[] = {
        "--loops", "1", "--payload-max-bytes", "64 MiB", "--http-max-body-bytes", "64 MiB", NULL};
    int queued = argc > 1 ? (int)strtol(argv[1], NULL, 10) : QUEUED;
    struct daemon d = daemon_start(args);
    int on = 1;

    make_feed(&d, "many");
    make_feed(&d, "few");
    /* Half of them say what is there, half what is there no more. */
    for (int n = 0; n < queued + PART; n += 2 * PART)
        post(&d, "many", PART);
    printf("%.0f notifications queued\n", metric(&d, "feed_notes_total"));
    struct client c = {.fd = connect_to(d.port)};
    CHECK(setsockopt(c.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0);
    compare(&d, &c);
    struct rate feed = feed_loop(&d, &c), plain = plain_loop(queued);
    printf("next + complete              %8.0f /s  %8.0f /s of a core\n", feed.per_s,
           feed.per_core_s);
    printf("plain SQLite table           %8.0f /s  %8.0f /s of a core   x%.2f, of a core x%.2f\n",
           plain.per_s, plain.per_core_s, feed.per_s / plain.per_s,
           feed.per_core_s / plain.per_core_s);
    buf_done(&c.in);
    close(c.fd);
    daemon_stop(&d);
    return 0;
}
