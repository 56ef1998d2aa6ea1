/*
 * What a post costs: documents of 1 KB posted to the daemon, by many connections of which each waits
 * for its answer, against a bare loop that inserts the same bodies in SQLite in groups and is as
 * durable; and one post at a time against one transaction at a time. Rounds of either interleaved,
 * medians.
 *
 *   bench_post [ROUNDS]
 *
 * POLLCAST in the environment names the daemon. The posters share the machine with it.
 */
#include <netinet/tcp.h>
#include <sqlite3.h>
#include <sys/epoll.h>

#include "daemon_rig.c"

#define ROUNDS 5
#define ROUNDS_MAX 64
#define BODY 1024
#define ROUND_US US_PER_S
#define WARM_US (US_PER_S / 4)
#define GROUP 100
#define TOPICS 100
#define POSTERS_MAX 512
#define SINGLES 1500
#define PATH "/streams/publishers/http-post/api/v1/topics/"

/* ---- the bare loop ---- */

struct bare {
    char dir[64];
    sqlite3 *db;
    sqlite3_stmt *insert;
    int64_t next; /* rowid */
};

static char body[BODY + 1];

static void exec(sqlite3 *db, const char *text)
{
    if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK)
        panic("%s: %s", text, sqlite3_errmsg(db));
}

static void bare_start(struct bare *b)
{
    *b = (struct bare){.dir = "/tmp/pollcast-bench-XXXXXX", .next = 1};
    CHECK(mkdtemp(b->dir));
    AUTO_FREE char *path = xasprintf("%s/bare.db", b->dir);
    CHECK(sqlite3_open(path, &b->db) == SQLITE_OK);
    exec(b->db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                "CREATE TABLE events(topic INTEGER, seq INTEGER, time INTEGER, body BLOB)");
    CHECK(sqlite3_prepare_v2(b->db,
                             "INSERT INTO events(rowid, topic, seq, time, body) VALUES(?,?,?,1,?)",
                             -1, &b->insert, NULL) == SQLITE_OK);
}

static void bare_stop(struct bare *b)
{
    sqlite3_finalize(b->insert);
    sqlite3_close(b->db);
    remove_dir(b->dir);
}

static void bare_commit(struct bare *b, int count)
{
    exec(b->db, "BEGIN");
    for (int i = 0; i < count; i++, b->next++) {
        sqlite3_bind_int64(b->insert, 1, b->next);
        sqlite3_bind_int64(b->insert, 2, b->next % TOPICS);
        sqlite3_bind_int64(b->insert, 3, b->next / TOPICS);
        sqlite3_bind_blob(b->insert, 4, body, BODY, SQLITE_STATIC);
        CHECK(sqlite3_step(b->insert) == SQLITE_DONE);
        sqlite3_reset(b->insert);
    }
    exec(b->db, "COMMIT");
}

/* Bodies a second. */
static double bare_round(struct bare *b)
{
    int64_t began = clock_now(), first = b->next;

    while (clock_now() - began < ROUND_US)
        bare_commit(b, GROUP);
    return (double)(b->next - first) * US_PER_S / (double)(clock_now() - began);
}

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

/* ---- rows ---- */

struct row {
    const char *name;
    size_t posters, topics;
};

static const struct row rows[] = {
    {"1 topic, 16 posters", 16, 1},
    {"1 topic, 128 posters", 128, 1},
    {"100 topics, 100 posters", 100, TOPICS},
    {"100 topics, 400 posters", 400, TOPICS},
};

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

struct outcome {
    double rate, cpu_us, group;
};

static struct outcome measure(const struct daemon *d, struct posters *s)
{
    posters_run(s, clock_now() + WARM_US);
    double groups = metric(d, "store_groups_total"), cpu = cpu_us(d->pid);
    uint64_t answered = s->answered;
    int64_t began = clock_now();

    posters_run(s, began + ROUND_US);
    double n = (double)(s->answered - answered);
    return (struct outcome){
        .rate = n * US_PER_S / (double)(clock_now() - began),
        .cpu_us = (cpu_us(d->pid) - cpu) / n,
        .group = n / (metric(d, "store_groups_total") - groups),
    };
}

static void run_row(const struct row *row, bool trims, unsigned rounds)
{
    struct posters *s = xcalloc(1, sizeof *s);
    struct daemon d = start_daemon(trims);
    double rate[ROUNDS_MAX], cpu[ROUNDS_MAX], group[ROUNDS_MAX], bare[ROUNDS_MAX];
    struct bare b;

    bare_start(&b);
    for (unsigned i = 0; i < rounds; i++) {
        posters_start(s, &d, row->posters, row->topics);
        struct outcome o = measure(&d, s);
        posters_stop(s);
        rate[i] = o.rate;
        cpu[i] = o.cpu_us;
        group[i] = o.group;
        bare[i] = bare_round(&b);
    }
    double ours = median(rate, rounds), theirs = median(bare, rounds);
    printf("%-34s %9.0f %9.0f %7.2f %8.1f %8.1f\n", row->name, ours, theirs, ours / theirs,
           median(cpu, rounds), median(group, rounds));
    fflush(stdout);
    bare_stop(&b);
    daemon_stop(&d);
    free(s);
}

/* ---- one at a time ---- */

static double at(double *v, unsigned n, double part)
{
    qsort(v, n, sizeof *v, by_value);
    return v[MIN((unsigned)(part * n), n - 1)];
}

static void run_singles(void)
{
    static double post_us[SINGLES], bare_us[SINGLES];
    struct posters *s = xcalloc(1, sizeof *s);
    struct daemon d = start_daemon(false);
    struct bare b;

    bare_start(&b);
    posters_start(s, &d, 1, 1);
    while (!take_answer(&s->v[0]))
        ;
    for (unsigned i = 0; i < SINGLES; i++) {
        int64_t began = clock_now();
        send_request(&s->v[0]);
        while (!take_answer(&s->v[0]))
            ;
        int64_t posted = clock_now();
        bare_commit(&b, 1);
        post_us[i] = (double)(posted - began);
        bare_us[i] = (double)(clock_now() - posted);
    }
    printf("%-34s %9.0f %9.0f %7.2f\n", "one post at a time, us, median", at(post_us, SINGLES, 0.5),
           at(bare_us, SINGLES, 0.5), at(post_us, SINGLES, 0.5) / at(bare_us, SINGLES, 0.5));
    printf("%-34s %9.0f %9.0f %7.2f\n", "one post at a time, us, p99", at(post_us, SINGLES, 0.99),
           at(bare_us, SINGLES, 0.99), at(post_us, SINGLES, 0.99) / at(bare_us, SINGLES, 0.99));
    posters_stop(s);
    bare_stop(&b);
    daemon_stop(&d);
    free(s);
}

int main(int argc, char **argv)
{
    unsigned rounds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : ROUNDS;

    CHECK(rounds > 0 && rounds <= ROUNDS_MAX);
    signal(SIGPIPE, SIG_IGN);
    memset(body, 'x', BODY);
    body[0] = body[BODY - 1] = '"';
    printf(
        "documents of 1 KB, payload type event, two loops, medians of %u rounds; bare: SQLite in "
        "groups of %d\n",
        rounds, GROUP);
    printf("%-34s %9s %9s %7s %8s %8s\n", "", "posts/s", "bare/s", "ratio", "us CPU", "in group");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        run_row(&rows[i], false, rounds);
    run_row(&(struct row){"100 topics, 400 posters, trimmed", 400, TOPICS}, true, rounds);
    run_singles();
    return 0;
}
