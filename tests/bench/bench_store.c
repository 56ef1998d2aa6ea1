/*
 * What the store costs: events a second by size of group, next to a bare loop of SQLite inserts in
 * the same run; opening with many topics; reading the end of a long journal. Prints a table.
 *
 * The loop of main() is the only sender. It keeps two groups under way, so that one can be
 * written while the next gathers.
 */
#include <dirent.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/store_journal.h"

#define TOPICS 1000
#define BODY 1024
#define ROUND_US (2 * US_PER_S)
#define BARE_GROUP 100
#define MANY_TOPICS 100000
#define LONG_JOURNAL 10000
#define KEEP_FEW 16 /* so that journals are trimmed within a round */
#define READ_LAST 100
#define READS 200
#define FLIGHT_MAX 1000

/* ---- measuring ---- */

static int64_t cpu_now(void)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * US_PER_S + u.ru_utime.tv_usec +
           u.ru_stime.tv_usec;
}

struct meter {
    int64_t began, cpu;
};

static struct meter meter_start(void)
{
    return (struct meter){clock_now(), cpu_now()};
}

/* Events a second. */
static double report(const char *what, struct meter m, uint64_t events, double group)
{
    double s = (double)(clock_now() - m.began) / (double)US_PER_S;
    double rate = (double)events / s;

    printf("%-30s %10.0f events/s %8.2f us CPU/event %8.1f events/group\n", what, rate,
           (double)(cpu_now() - m.cpu) / (double)events, group);
    return rate;
}

/* ---- directories ---- */

static char dir[] = "/tmp/pollcast-bench-XXXXXX";

static void clear_dir(void)
{
    DIR *d = opendir(dir);
    struct dirent *e;

    while (d && (e = readdir(d))) {
        AUTO_FREE char *path = xasprintf("%s/%s", dir, e->d_name);
        if (e->d_name[0] != '.')
            unlink(path);
    }
    if (d)
        closedir(d);
}

static struct store *open_store(unsigned group_max)
{
    struct store_conf conf = {.url = dir, .group_max = group_max};
    struct errinfo ei = ERRINFO_INIT;
    struct store *s;

    if (store_open(&conf, &s, &ei) != E_OK)
        panic("%s", ei.text);
    return s;
}

static void must(const struct store_op *op)
{
    if (op->err != E_OK)
        panic("%s", err_text(&op->info, op->err));
}

/* ---- a sender: start the next operation at each answer ---- */

struct sender;
typedef void send_f(struct sender *s, size_t slot);

struct slot {
    struct sender *sender;
    size_t at;
    size_t topic;
    union {
        struct store_op op;
        struct store_put put;
        struct store_commit commit;
        struct store_read read;
    };
    struct store_event event;
    char name[24];
};

struct sender {
    struct store *store;
    struct loop *loop;
    struct blob *body;
    send_f *send; /* starts one, and counts it in `started` */
    uint64_t started, answered, stop_after;
    int64_t until;
    uint64_t *seqs; /* by topic */
    uint64_t keep;  /* retention */
    struct slot slots[FLIGHT_MAX];
};

static void on_answer(struct store_op *op)
{
    struct slot *slot = CONTAINER_OF(op, struct slot, op);
    struct sender *s = slot->sender;

    must(op);
    s->answered++;
    if (s->started < s->stop_after && clock_now() < s->until)
        s->send(s, slot->at);
    else if (s->answered == s->started)
        loop_stop(s->loop);
}

static void begin(struct slot *slot)
{
    slot->op = (struct store_op){.reply = slot->sender->loop, .done = on_answer};
    slot->sender->started++;
}

struct spread {
    struct sender *s;
    size_t flight;
};

static void send_first(void *arg)
{
    struct spread *spread = arg;

    for (size_t i = 0; i < spread->flight; i++)
        spread->s->send(spread->s, i);
}

static void run(struct sender *s, size_t flight, uint64_t count, int64_t for_us)
{
    struct spread spread = {s, flight};

    s->loop = loop_new(0);
    s->started = s->answered = 0;
    s->stop_after = count;
    s->until = for_us ? clock_now() + for_us : TIME_NEVER;
    for (size_t i = 0; i < flight; i++)
        s->slots[i] = (struct slot){.sender = s, .at = i};
    loop_post_call(s->loop, send_first, &spread);
    loop_run(s->loop);
    loop_free(s->loop);
}

static void send_put(struct sender *s, size_t at)
{
    struct slot *slot = &s->slots[at];

    snprintf(slot->name, sizeof slot->name, "t%llu", (unsigned long long)s->started);
    slot->put =
        (struct store_put){.kind = "topic", .id = slot->name, .name = slot->name, .body = s->body};
    begin(slot);
    store_put(s->store, &slot->put);
}

static void send_commit(struct sender *s, size_t at)
{
    struct slot *slot = &s->slots[at];
    size_t topic = s->started % TOPICS;
    uint64_t seq = s->seqs[topic]++;

    slot->event = (struct store_event){seq + 1, STORE_PATCH, 1, s->body};
    slot->commit = (struct store_commit){.topic = topic + 1,
                                         .expected_seq = seq,
                                         .events = &slot->event,
                                         .event_count = 1,
                                         .retention = {.max_events = s->keep}};
    begin(slot);
    store_commit(s->store, &slot->commit);
}

static void send_commit_to_one(struct sender *s, size_t at)
{
    struct slot *slot = &s->slots[at];
    uint64_t seq = s->started;

    slot->event = (struct store_event){seq + 1, STORE_PATCH, 1, s->body};
    slot->commit = (struct store_commit){
        .topic = 1, .expected_seq = seq, .events = &slot->event, .event_count = 1};
    begin(slot);
    store_commit(s->store, &slot->commit);
}

static void send_read(struct sender *s, size_t at)
{
    struct slot *slot = &s->slots[at];

    if (s->started > 0) {
        if (slot->read.count != READ_LAST || !slot->read.exact)
            panic("read %zu events", slot->read.count);
        store_read_done(&slot->read);
    }
    slot->read = (struct store_read){.topic = 1, .after = LONG_JOURNAL - READ_LAST};
    begin(slot);
    store_read(s->store, &slot->read);
}

/* ---- the bare loop ---- */

static void exec(sqlite3 *db, const char *text)
{
    if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK)
        panic("%s: %s", text, sqlite3_errmsg(db));
}

static double bench_bare(const struct blob *body)
{
    AUTO_FREE char *path = xasprintf("%s/bare.db", dir);
    sqlite3 *db;
    sqlite3_stmt *q;
    uint64_t n = 0;

    if (sqlite3_open(path, &db) != SQLITE_OK)
        panic("%s", path);
    exec(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
             "CREATE TABLE events(topic INTEGER, seq INTEGER, time INTEGER, body BLOB)");
    sqlite3_prepare_v2(db, "INSERT INTO events(rowid, topic, seq, time, body) VALUES(?,?,?,1,?)",
                       -1, &q, NULL);
    struct meter m = meter_start();
    while (clock_now() - m.began < ROUND_US) {
        exec(db, "BEGIN");
        for (int i = 0; i < BARE_GROUP; i++, n++) {
            sqlite3_bind_int64(q, 1, (int64_t)n + 1);
            sqlite3_bind_int64(q, 2, (int64_t)(n % TOPICS));
            sqlite3_bind_int64(q, 3, (int64_t)(n / TOPICS));
            sqlite3_bind_blob(q, 4, body->p, (int)body->len, SQLITE_STATIC);
            sqlite3_step(q);
            sqlite3_reset(q);
        }
        exec(db, "COMMIT");
    }
    double rate = report("bare SQLite", m, n, BARE_GROUP);
    sqlite3_finalize(q);
    sqlite3_close(db);
    clear_dir();
    return rate;
}

/* ---- rows of the table ---- */

static void bench_groups(struct sender *s, unsigned group, uint64_t keep, double bare)
{
    char what[48];
    struct store_stats before, after;

    s->send = send_put;
    s->keep = keep;
    s->store = open_store(FLIGHT_MAX);
    run(s, FLIGHT_MAX, TOPICS, 0);
    store_close(s->store);
    s->store = open_store(group);
    memset(s->seqs, 0, TOPICS * sizeof *s->seqs);
    s->send = send_commit;
    store_stats(s->store, &before);
    struct meter m = meter_start();
    run(s, MIN(2 * group, FLIGHT_MAX), UINT64_MAX, ROUND_US);
    store_stats(s->store, &after);
    snprintf(what, sizeof what, "store, groups of %u%s", group, keep ? ", trimmed" : "");
    double rate =
        report(what, m, s->answered, (double)s->answered / (double)(after.groups - before.groups));
    printf("%-30s %10.2f of the bare loop\n", "", rate / bare);
    store_close(s->store);
    clear_dir();
}

static void open_timed(struct sender *s, const char *what)
{
    int64_t began = clock_now();

    s->store = open_store(0);
    printf("opening with %d topics%s: %lld ms\n", MANY_TOPICS, what,
           (long long)((clock_now() - began) / US_PER_MS));
    store_close(s->store);
}

/* As if the last end had been a crash, and every topic had to leap. */
static void make_unclean(void)
{
    AUTO_FREE char *path = xasprintf("%s/pollcast.db", dir);
    sqlite3 *db;

    if (sqlite3_open(path, &db) != SQLITE_OK)
        panic("%s", path);
    exec(db, "UPDATE meta SET value = 0; UPDATE heads SET seq = 1");
    sqlite3_close(db);
}

static void bench_open(struct sender *s)
{
    s->store = open_store(FLIGHT_MAX);
    s->send = send_put;
    run(s, FLIGHT_MAX, MANY_TOPICS, 0);
    store_close(s->store);
    open_timed(s, "");
    make_unclean();
    open_timed(s, " after a crash");
    clear_dir();
}

static void bench_read(struct sender *s)
{
    s->store = open_store(0);
    s->send = send_put;
    run(s, 1, 1, 0);
    s->send = send_commit_to_one;
    run(s, 1, LONG_JOURNAL, 0);
    s->send = send_read;
    struct meter m = meter_start();
    run(s, 1, READS, 0);
    printf("reading the last %d of %d: %.0f us\n", READ_LAST, LONG_JOURNAL,
           (double)(clock_now() - m.began) / READS);
    store_read_done(&s->slots[0].read);
    store_close(s->store);
    clear_dir();
}

int main(void)
{
    static const unsigned groups[] = {1, 10, 100, 500};
    AUTO(blob_unrefp) struct blob *body = blob_alloc(BODY);
    AUTO_FREE struct sender *s = xcalloc(1, sizeof *s);
    AUTO_FREE uint64_t *seqs = xcalloc(TOPICS, sizeof *seqs);

    memset(body->p, 'x', BODY);
    if (!mkdtemp(dir))
        panic("%s", dir);
    s->body = body;
    s->seqs = seqs;
    double bare = bench_bare(body);
    for (size_t i = 0; i < ARRAY_LEN(groups); i++)
        bench_groups(s, groups[i], 0, bare);
    bench_groups(s, 100, KEEP_FEW, bare);
    bench_open(s);
    bench_read(s);
    return rmdir(dir) == 0 ? 0 : 1;
}
