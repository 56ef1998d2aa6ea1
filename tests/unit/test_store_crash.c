/*
 * kill -9 in the middle of commits, again and again on the same directory. A child commits to
 * several topics as fast as it can and tells through a pipe what was acknowledged; the parent
 * kills it at a random moment and looks: what was acknowledged is there as it was, no number was
 * used twice, and each topic's state is that of its last commit. Then the same with bodies so large
 * that the store is always moving its write-ahead log.
 */
#include "unit.h"

#include <poll.h>
#include <sys/prctl.h>

#include "base/hash.h"
#include "base/rand.h"

#include "store_rig.c"

#define ROUNDS 60
#define ROUNDS_LARGE 12
#define TOPICS 4
#define TRIMMED 4 /* this topic keeps few events; numbers begin with 1 */
#define EVENTS_MAX 3

static size_t body_max = 300;                                      /* of nearly all bodies */
static const char *const names[TOPICS] = {"t1", "t2", "t3", "t4"}; /* numbers 1 … */

/* What the child tells: this event is durable. */
struct ack {
    uint64_t topic, seq, hash;
};

/* ---- the child ---- */

struct committer {
    struct child *child;
    struct store_commit op;
    struct store_event events[EVENTS_MAX];
    uint64_t topic, seq;
};

struct child {
    struct store *store;
    struct loop *loop;
    int tell;
    size_t count;
    struct committer of[TOPICS];
};

/* Never the same twice, unlike its number, should that be used again. */
static struct blob *unique_body(const struct committer *c, uint64_t seq)
{
    size_t n = 1 + rand_u64() % (rand_u64() % 20 ? body_max : 30 * body_max);
    struct blob *b = blob_alloc(n + 64);

    memset(b->p, 'x', b->len);
    snprintf(b->p, 64, "%llu/%llu %llx", (unsigned long long)c->topic, (unsigned long long)seq,
             (unsigned long long)rand_u64());
    return b;
}

static struct blob *number_blob(uint64_t n)
{
    char text[24];
    int len = snprintf(text, sizeof text, "%llu", (unsigned long long)n);

    return blob_new(text, (size_t)len);
}

static void commit_next(struct committer *c);

static void on_committed(struct store_op *op)
{
    struct committer *c = CONTAINER_OF((struct store_commit *)op, struct committer, op);

    if (op->err != E_OK)
        _exit(3);
    for (size_t i = 0; i < c->op.event_count; i++) {
        struct store_event *ev = &c->events[i];
        struct ack ack = {c->topic, ev->seq, hash64(ev->body->p, ev->body->len)};
        if (write(c->child->tell, &ack, sizeof ack) != sizeof ack)
            _exit(4);
        c->seq = ev->seq;
        blob_unref(ev->body);
    }
    blob_unref(c->op.state);
    blob_unref(c->op.checkpoint);
    commit_next(c);
}

static void commit_next(struct committer *c)
{
    size_t count = 1 + rand_u64() % EVENTS_MAX;
    bool is_trimmed = c->topic == TRIMMED;

    for (size_t i = 0; i < count; i++) {
        uint64_t seq = c->seq + 1 + i;
        c->events[i] = (struct store_event){seq, rand_u64() % 10 ? STORE_PATCH : STORE_SNAPSHOT,
                                            clock_now_wall(), unique_body(c, seq)};
    }
    c->op = (struct store_commit){
        .op = {.reply = c->child->loop, .done = on_committed},
        .topic = c->topic,
        .expected_seq = c->seq,
        .events = c->events,
        .event_count = count,
        .state = number_blob(c->seq + count),
        .checkpoint = rand_u64() % 10 ? NULL : number_blob(c->seq + count),
        .retention = {.max_events = is_trimmed ? 20 : 0},
    };
    store_commit(c->child->store, &c->op);
}

static void note_topic(const struct store_record *rec, const struct store_head *head, void *arg)
{
    struct child *child = arg;

    child->of[child->count++] =
        (struct committer){.child = child, .topic = rec->num, .seq = head->seq};
}

static void run_child(const char *dir, int tell)
{
    struct child *child = xcalloc(1, sizeof *child);
    struct store_conf conf = {.url = dir};

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    child->tell = tell;
    child->loop = loop_new(0);
    if (store_open(&conf, &child->store, NULL) != E_OK)
        _exit(1);
    if (store_each_record(child->store, STR("topic"), note_topic, child, NULL) != E_OK)
        _exit(2);
    for (size_t i = 0; i < child->count; i++)
        commit_next(&child->of[i]);
    loop_run(child->loop);
    _exit(6);
}

/* ---- the parent ---- */

struct acks {
    struct ack *v;
    size_t count, cap;
    uint64_t last[TOPICS + 1]; /* by topic */
};

static void note_ack(struct acks *acks, const struct ack *ack)
{
    assert_in_range(ack->topic, 1, TOPICS);
    assert_true(ack->seq > acks->last[ack->topic]); /* else it was used twice */
    acks->last[ack->topic] = ack->seq;
    if (acks->count == acks->cap) {
        acks->cap = acks->cap ? acks->cap * 2 : 1024;
        acks->v = xrealloc(acks->v, acks->cap * sizeof *acks->v);
    }
    acks->v[acks->count++] = *ack;
}

/* Acknowledgements until the deadline; the first is waited for as long as it takes. */
static void listen_until_kill(int fd, struct acks *acks)
{
    size_t before = acks->count;
    int64_t until = TIME_NEVER;
    struct ack ack;

    for (;;) {
        struct pollfd p = {fd, POLLIN, 0};
        int64_t left_ms = until == TIME_NEVER ? WAIT_S * 1000 : (until - clock_now()) / US_PER_MS;
        if (left_ms < 0 || poll(&p, 1, (int)left_ms) <= 0)
            break;
        assert_int_equal(read(fd, &ack, sizeof ack), sizeof ack);
        note_ack(acks, &ack);
        if (until == TIME_NEVER)
            until = clock_now() + (int64_t)(rand_u64() % 40000);
    }
    assert_true(acks->count > before);
}

static void run_round(const char *dir, struct acks *acks)
{
    int tell[2];
    struct ack ack;

    assert_int_equal(pipe(tell), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(tell[0]);
        run_child(dir, tell[1]);
    }
    close(tell[1]);
    listen_until_kill(tell[0], acks);
    kill(pid, SIGKILL);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    while (read(tell[0], &ack, sizeof ack) == sizeof ack)
        note_ack(acks, &ack);
    close(tell[0]);
}

static void rig_begin(struct rig *r, const char *dir)
{
    struct errinfo ei = ERRINFO_INIT;

    snprintf(r->dir, sizeof r->dir, "%s", dir);
    rig_loop_start(r);
    assert_ok(rig_try_open(r, NULL, &ei), &ei);
}

static void rig_end(struct rig *r)
{
    store_close(r->s);
    rig_loop_stop(r);
}

static void create_topics(const char *dir)
{
    struct rig r;

    rig_begin(&r, dir);
    for (size_t i = 0; i < TOPICS; i++)
        assert_int_equal(topic(&r, names[i]), i + 1);
    rig_end(&r);
}

/* Each acknowledged event from `from` on that the journal keeps is what it was. There may be more:
 * what became durable before the child could tell. */
static void expect_acks(struct rig *r, uint64_t num, const struct acks *acks, size_t from,
                        uint64_t after)
{
    AUTO_READ rd = read_raw(r, num, after, 0, 0);
    size_t at = 0;

    assert_true(rd.exact || num == TRIMMED);
    for (size_t i = from; i < acks->count; i++) {
        const struct ack *ack = &acks->v[i];
        if (ack->topic != num || (num == TRIMMED && ack->seq < rd.events[0].seq))
            continue;
        while (at < rd.count && rd.events[at].seq < ack->seq)
            at++;
        assert_true(at < rd.count);
        assert_int_equal(rd.events[at].seq, ack->seq);
        assert_true(ack->hash == hash64(rd.events[at].body->p, rd.events[at].body->len));
    }
}

/* State and events of a commit come together: the state is the number of the last event. */
static void expect_state(struct rig *r, uint64_t num, const struct seen *seen)
{
    AUTO_READ rd = read_raw(r, num, 0, 0, 0);
    uint64_t state;

    assert_int_equal(rd.count > 0, seen->has_state);
    if (rd.count == 0)
        return; /* killed before the first commit */
    assert_true(str_to_u64(str_of(seen->state), UINT64_MAX, &state));
    assert_int_equal(rd.events[rd.count - 1].seq, state);
    assert_true(seen->seq >= state + STORE_LEAP);
}

static void expect_document(struct rig *r, uint64_t num)
{
    AUTO_LOAD ld = load(r, num);

    assert_true(ld.op.err == E_OK || ld.op.err == E_NOT_FOUND);
}

static void expect_all(const char *dir, const struct acks *acks, size_t from, const uint64_t *after)
{
    struct seen seen[TOPICS];
    struct rig r;

    (void)kind->check(dir);
    rig_begin(&r, dir);
    for (size_t i = 0; i < TOPICS; i++)
        seen[i] = look(&r, names[i]); /* before any operation */
    for (size_t i = 0; i < TOPICS; i++) {
        expect_state(&r, i + 1, &seen[i]);
        expect_acks(&r, i + 1, acks, from, after[i + 1]);
        expect_document(&r, i + 1);
    }
    rig_end(&r);
}

static void kill_again_and_again(int rounds)
{
    char dir[DIR_MAX];
    struct acks acks = {NULL, 0, 0, {0}};
    const uint64_t zero[TOPICS + 1] = {0};

    dir_new(dir);
    create_topics(dir);
    for (int round = 0; round < rounds; round++) {
        size_t from = acks.count;
        uint64_t after[TOPICS + 1];
        memcpy(after, acks.last, sizeof after);
        run_round(dir, &acks);
        expect_all(dir, &acks, from, after);
    }
    run_round(dir, &acks);
    expect_all(dir, &acks, 0, zero);
    print_message("%zu events acknowledged\n", acks.count);
    free(acks.v);
    dir_remove(dir);
}

static void test_kill_in_mid_commit(void **state)
{
    (void)state;
    kill_again_and_again(ROUNDS);
}

static void test_kill_while_the_log_is_moved(void **state)
{
    (void)state;
    body_max = 60000;
    kill_again_and_again(ROUNDS_LARGE);
    body_max = 300;
}

int main(void)
{
    int failed = 0;

    for (size_t i = 0; i < ARRAY_LEN(stores); i++) {
        kind = &stores[i];
        failed += RUN_TESTS(test_kill_in_mid_commit, test_kill_while_the_log_is_moved);
    }
    return failed;
}
