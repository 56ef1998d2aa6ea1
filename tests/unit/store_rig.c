/*
 * A store in a directory of its own, a loop that its answers come to, and calls that wait for
 * them. Included by the tests of the store.
 *
 * `stores` is the table of all stores; each has to pass the same tests.
 */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/stat.h>
#include <time.h>

#include "store/store_journal.h"

#include "store_check.c"

#define DIR_MAX 200
#define WAIT_S 60

struct store_kind {
    const char *name;
    /* Walk all that a directory holds and fail on any contradiction; returns what is still to be
     * removed. The store may be open, but idle. */
    size_t (*check)(const char *dir);
};

static const struct store_kind stores[] = {{"sqlite", store_check}};
static const struct store_kind *kind = &stores[0];

/* ---- directories ---- */

static inline void dir_new(char *ret)
{
    const char *base = getenv("TMPDIR");

    snprintf(ret, DIR_MAX, "%s/pollcast-test-XXXXXX", base ? base : "/tmp");
    assert_non_null(mkdtemp(ret));
}

static inline void dir_path(char *ret, const char *dir, const char *name)
{
    assert_in_range(snprintf(ret, DIR_MAX + 64, "%s/%s", dir, name), 1, DIR_MAX + 63);
}

/* Calls fn for each file. */
static inline void dir_each(const char *dir,
                            void (*fn)(const char *path, const char *name, void *arg), void *arg)
{
    DIR *d = opendir(dir);
    struct dirent *entry;
    char path[DIR_MAX + 64];

    assert_non_null(d);
    while ((entry = readdir(d))) {
        if (entry->d_name[0] == '.')
            continue;
        dir_path(path, dir, entry->d_name);
        fn(path, entry->d_name, arg);
    }
    closedir(d);
}

static inline void remove_one(const char *path, const char *name, void *arg)
{
    (void)name;
    (void)arg;
    assert_int_equal(unlink(path), 0);
}

static inline void dir_remove(const char *dir)
{
    dir_each(dir, remove_one, NULL);
    assert_int_equal(rmdir(dir), 0);
}

static inline struct blob *file_read(const char *path)
{
    AUTO(buf_done) struct buf b = BUF_INIT;
    char part[65536];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n;

    assert_true(fd >= 0);
    while ((n = read(fd, part, sizeof part)) > 0)
        buf_append(&b, part, (size_t)n);
    assert_int_equal(n, 0);
    close(fd);
    return blob_of_buf(&b);
}

static inline void file_write(const char *path, const void *p, size_t n)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, p, n), n);
    close(fd);
}

static inline void copy_one(const char *path, const char *name, void *arg)
{
    AUTO(blob_unrefp) struct blob *b = file_read(path);
    char to[DIR_MAX + 64];

    dir_path(to, arg, name);
    file_write(to, b->p, b->len);
}

/* ---- the rig ---- */

struct rig {
    char dir[DIR_MAX];
    struct store *s;
    struct loop *loop;
    pthread_t thread;
    sem_t answered;
};

static inline void *rig_thread(void *arg)
{
    loop_run(arg);
    return NULL;
}

static inline enum err rig_try_open(struct rig *r, const struct store_conf *conf,
                                    struct errinfo *ei)
{
    struct store_conf c = conf ? *conf : (struct store_conf){.url = NULL};

    c.url = r->dir;
    return store_open(&c, &r->s, ei);
}

static inline void rig_reopen(struct rig *r)
{
    struct errinfo ei = ERRINFO_INIT;

    assert_ok(rig_try_open(r, NULL, &ei), &ei);
}

static inline void rig_loop_start(struct rig *r)
{
    r->loop = loop_new(0);
    sem_init(&r->answered, 0, 0);
    assert_int_equal(pthread_create(&r->thread, NULL, rig_thread, r->loop), 0);
}

static inline void rig_loop_stop(struct rig *r)
{
    loop_stop(r->loop);
    pthread_join(r->thread, NULL);
    loop_free(r->loop);
    sem_destroy(&r->answered);
}

/* A rig whose store is not open yet. */
static inline struct rig *rig_new(void)
{
    struct rig *r = xcalloc(1, sizeof *r);

    dir_new(r->dir);
    rig_loop_start(r);
    return r;
}

static inline struct rig *rig_open(const struct store_conf *conf)
{
    struct rig *r = rig_new();
    struct errinfo ei = ERRINFO_INIT;

    assert_ok(rig_try_open(r, conf, &ei), &ei);
    return r;
}

/* Ends with a check of all that is left. */
static inline void rig_free(struct rig *r)
{
    store_close(r->s);
    rig_loop_stop(r);
    (void)kind->check(r->dir);
    dir_remove(r->dir);
    free(r);
}

/* Go on with what would be on the disk had the process died here. The store must be idle. */
static inline void rig_crash(struct rig *r)
{
    char dir[DIR_MAX];

    dir_new(dir);
    dir_each(r->dir, copy_one, dir);
    store_close(r->s);
    dir_remove(r->dir);
    memcpy(r->dir, dir, sizeof dir);
    rig_reopen(r);
}

static inline void rig_close_open(struct rig *r)
{
    store_close(r->s);
    rig_reopen(r);
}

/* The operations of the tests have the rig's semaphore right behind them. */
#define ASKED(type)                                                                                \
    struct asked_##type {                                                                          \
        struct store_##type op;                                                                    \
        sem_t *answered;                                                                           \
    };                                                                                             \
    static inline void on_##type(struct store_op *op)                                              \
    {                                                                                              \
        sem_post(CONTAINER_OF((struct store_##type *)op, struct asked_##type, op)->answered);      \
    }                                                                                              \
    static inline void start_##type(struct rig *r, struct asked_##type *a)                         \
    {                                                                                              \
        a->op.op.reply = r->loop;                                                                  \
        a->op.op.done = on_##type;                                                                 \
        a->answered = &r->answered;                                                                \
        store_##type(r->s, &a->op);                                                                \
    }
ASKED(put)
ASKED(delete)
ASKED(commit)
ASKED(read)
ASKED(load)

static inline void await(struct rig *r, size_t count)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WAIT_S;
    for (size_t i = 0; i < count; i++)
        assert_int_equal(sem_timedwait(&r->answered, &until), 0);
}

/* ---- calls that wait ---- */

static inline enum err put_full(struct rig *r, struct store_put *op, const char *what,
                                const char *id, const char *name, const char *body,
                                uint64_t expected_rev)
{
    AUTO(blob_unrefp) struct blob *b = blob_new(body, strlen(body));
    AUTO_FREE char *own_id = xstrdup(id);
    AUTO_FREE char *own_name = xstrdup(name);
    struct asked_put a = {
        .op = {
            .kind = what, .id = own_id, .name = own_name, .body = b, .expected_rev = expected_rev}};

    start_put(r, &a);
    await(r, 1);
    *op = a.op;
    return a.op.op.err;
}

/* A new topic of this name; its number. */
static inline uint64_t topic(struct rig *r, const char *name)
{
    struct store_put op;

    assert_ok(put_full(r, &op, "topic", name, name, "{}", 0), &op.op.info);
    return op.num;
}

static inline enum err delete_topic(struct rig *r, const char *id, uint64_t expected_rev)
{
    AUTO_FREE char *own_id = xstrdup(id);
    struct asked_delete a = {.op = {.kind = "topic", .id = own_id, .expected_rev = expected_rev}};

    start_delete(r, &a);
    await(r, 1);
    return a.op.op.err;
}

static inline enum err commit(struct rig *r, struct store_commit *op)
{
    struct asked_commit a = {.op = *op};

    start_commit(r, &a);
    await(r, 1);
    *op = a.op;
    return a.op.op.err;
}

static inline char noise_at(uint64_t seed, uint64_t i)
{
    uint64_t x = (seed + i) * UINT64_C(0x9e3779b97f4a7c15);

    return (char)((x ^ x >> 29) * UINT64_C(0xbf58476d1ce4e5b9) >> 56);
}

/* The body of an event is made of its number, so that a reader can tell. That of every other one
 * repeats itself, and is short where the store packs it; the rest cannot be made shorter. */
static inline struct blob *body_of(uint64_t topic_num, uint64_t seq, size_t size)
{
    char head[64];
    int n = snprintf(head, sizeof head, "%llu/%llu ", (unsigned long long)topic_num,
                     (unsigned long long)seq);
    struct blob *b = blob_alloc(MAX((size_t)n, size));

    for (size_t i = 0; i < b->len; i++)
        b->p[i] = seq % 2 ? 'x' : noise_at(topic_num + seq, i);
    memcpy(b->p, head, (size_t)n);
    return b;
}

struct batch {
    uint64_t topic, after; /* events after + 1 … */
    size_t count;
    enum store_event_type type;
    size_t size;
    int64_t time_wall;
    const char *checkpoint, *state;
    struct store_retention retention;
};

/* A commit of such events; fails as the store does. */
static inline enum err commit_batch(struct rig *r, const struct batch *b, struct errinfo *ei)
{
    AUTO_FREE struct store_event *events = xcalloc(b->count + 1, sizeof *events);
    AUTO(blob_unrefp) struct blob *doc = NULL;
    AUTO(blob_unrefp) struct blob *state = NULL;

    for (size_t i = 0; i < b->count; i++)
        events[i] = (struct store_event){
            .seq = b->after + 1 + i,
            .type = b->type ? b->type : STORE_EVENT,
            .time_wall = b->time_wall ? b->time_wall : clock_now_wall(),
            .body = body_of(b->topic, b->after + 1 + i, b->size),
        };
    if (b->checkpoint)
        doc = blob_new(b->checkpoint, strlen(b->checkpoint));
    if (b->state)
        state = blob_new(b->state, strlen(b->state));
    struct store_commit op = {.topic = b->topic,
                              .expected_seq = b->after,
                              .events = events,
                              .event_count = b->count,
                              .checkpoint = doc,
                              .state = state,
                              .retention = b->retention};
    enum err e = commit(r, &op);
    for (size_t i = 0; i < b->count; i++)
        blob_unref(events[i].body);
    if (ei)
        *ei = op.op.info;
    return e;
}

static inline void must_commit(struct rig *r, struct batch b)
{
    struct errinfo ei = ERRINFO_INIT;

    assert_ok(commit_batch(r, &b, &ei), &ei);
}

/* Whatever the bodies are; free with store_read_done(). */
static inline struct store_read read_raw(struct rig *r, uint64_t topic_num, uint64_t after,
                                         size_t max_events, size_t max_bytes)
{
    struct asked_read a = {
        .op = {
            .topic = topic_num, .after = after, .max_events = max_events, .max_bytes = max_bytes}};

    start_read(r, &a);
    await(r, 1);
    for (size_t i = 0; i < a.op.count; i++)
        assert_true(a.op.events[i].seq > (i ? a.op.events[i - 1].seq : after));
    return a.op;
}

/* Bodies are checked against body_of(). */
static inline struct store_read read_after(struct rig *r, uint64_t topic_num, uint64_t after,
                                           size_t max_events, size_t max_bytes)
{
    struct store_read rd = read_raw(r, topic_num, after, max_events, max_bytes);

    for (size_t i = 0; i < rd.count; i++) {
        const struct store_event *ev = &rd.events[i];
        AUTO(blob_unrefp) struct blob *want = body_of(topic_num, ev->seq, ev->body->len);
        assert_true(str_eq(blob_view(ev->body), blob_view(want)));
    }
    return rd;
}

#define AUTO_READ AUTO(store_read_done) struct store_read
#define AUTO_LOAD AUTO(store_load_done) struct store_load

/* first 0: none. */
static inline void expect_read(struct rig *r, uint64_t num, uint64_t after, bool exact,
                               uint64_t first, uint64_t last)
{
    AUTO_READ rd = read_after(r, num, after, 0, 0);

    assert_int_equal(rd.op.err, E_OK);
    assert_int_equal(rd.exact, exact);
    assert_int_equal(rd.count, first ? last + 1 - first : 0);
    if (first) {
        assert_int_equal(rd.events[0].seq, first);
        assert_int_equal(rd.events[rd.count - 1].seq, last);
    }
    assert_false(rd.more);
}

static inline struct store_load load(struct rig *r, uint64_t topic_num)
{
    struct asked_load a = {.op = {.topic = topic_num}};

    start_load(r, &a);
    await(r, 1);
    return a.op;
}

/* What each_record says of one topic. */
struct seen {
    uint64_t num, rev, seq;
    int64_t changed_wall;
    char body[64], state[64];
    bool found, has_state, has_snapshot;
    const char *id;
};

static inline void note_record(const struct store_record *rec, const struct store_head *head,
                               void *arg)
{
    struct seen *seen = arg;

    if (!str_eqz(rec->id, seen->id))
        return;
    seen->found = true;
    seen->num = rec->num;
    seen->rev = rec->rev;
    seen->seq = head->seq;
    seen->changed_wall = head->changed_wall;
    seen->has_snapshot = head->has_snapshot;
    seen->has_state = head->state.p != NULL;
    snprintf(seen->body, sizeof seen->body, "%.*s", STR_ARG(rec->body));
    snprintf(seen->state, sizeof seen->state, "%.*s", STR_ARG(head->state));
}

static inline struct seen look(struct rig *r, const char *id)
{
    struct seen seen = {.id = id};
    struct errinfo ei = ERRINFO_INIT;

    assert_ok(store_each_record(r->s, STR("topic"), note_record, &seen, &ei), &ei);
    return seen;
}
