/*
 * What the store costs. Each prints one line of JSON.
 *
 *   bench_store commit GROUP [KEEP]   events of 1 KB a second by the most in a group; KEEP: so many are kept per topic, and
 *                                     are there before
 *   bench_store open [unclean]        opening with 100 000 topics; after a crash, when all of them leap
 *   bench_store read                  reading the last 100 events of 10 000
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

#include "body_rig.c"

#define TOPICS 1000
#define BODY 1024
#define ROUND_US (2 * US_PER_S)
#define ROUND_EVENTS 100000 /* at most: a disk that is written to for long may become slow */
#define MANY_TOPICS 100000
#define LONG_JOURNAL 10000
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

/* ---- what is measured ---- */

static void bench_commit(struct sender *s, unsigned group, uint64_t keep)
{
    struct store_stats before, after;

    s->send = send_put;
    s->keep = keep;
    s->store = open_store(FLIGHT_MAX);
    run(s, FLIGHT_MAX, TOPICS, 0);
    store_close(s->store);
    s->store = open_store(keep ? FLIGHT_MAX : group);
    s->send = send_commit;
    if (keep) {
        run(s, FLIGHT_MAX, keep * TOPICS, 0);
        store_close(s->store);
        s->store = open_store(group);
    }
    store_stats(s->store, &before);
    struct meter m = meter_start();
    run(s, MIN(2 * group, FLIGHT_MAX), ROUND_EVENTS, ROUND_US);
    store_stats(s->store, &after);
    double events = (double)s->answered;
    printf("{\"cpuUs\":%.3f,\"perS\":%.0f,\"inGroup\":%.1f}\n",
           (double)(cpu_now() - m.cpu) / events,
           events * US_PER_S / (double)(clock_now() - m.began),
           events / (double)(after.groups - before.groups));
    store_close(s->store);
}

/* As if the last end had been a crash, and every topic had to leap. */
static void make_unclean(void)
{
    AUTO_FREE char *path = xasprintf("%s/pollcast.db", dir);
    sqlite3 *db;

    if (sqlite3_open(path, &db) != SQLITE_OK)
        panic("%s", path);
    if (sqlite3_exec(db, "UPDATE meta SET value = 0; UPDATE heads SET seq = 1", NULL, NULL, NULL) !=
        SQLITE_OK)
        panic("%s", sqlite3_errmsg(db));
    sqlite3_close(db);
}

static void bench_open(struct sender *s, bool unclean)
{
    s->store = open_store(FLIGHT_MAX);
    s->send = send_put;
    run(s, FLIGHT_MAX, MANY_TOPICS, 0);
    store_close(s->store);
    if (unclean)
        make_unclean();
    struct meter m = meter_start();
    s->store = open_store(0);
    printf("{\"ms\":%.1f,\"cpuMs\":%.1f}\n", (double)(clock_now() - m.began) / 1e3,
           (double)(cpu_now() - m.cpu) / 1e3);
    store_close(s->store);
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
    printf("{\"us\":%.1f,\"cpuUs\":%.1f}\n", (double)(clock_now() - m.began) / READS,
           (double)(cpu_now() - m.cpu) / READS);
    store_read_done(&s->slots[0].read);
    store_close(s->store);
}

int main(int argc, char **argv)
{
    AUTO(blob_unrefp) struct blob *body = blob_alloc(BODY);
    AUTO_FREE struct sender *s = xcalloc(1, sizeof *s);
    AUTO_FREE uint64_t *seqs = xcalloc(TOPICS, sizeof *seqs);
    unsigned group = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 0;

    CHECK(argc > 1);
    fill_body(body->p, BODY);
    if (!mkdtemp(dir))
        panic("%s", dir);
    s->body = body;
    s->seqs = seqs;
    if (strcmp(argv[1], "commit") == 0)
        bench_commit(s, group, argc > 3 ? strtoul(argv[3], NULL, 10) : 0);
    else if (strcmp(argv[1], "open") == 0)
        bench_open(s, argc > 2);
    else
        bench_read(s);
    clear_dir();
    return rmdir(dir) == 0 ? 0 : 1;
}
