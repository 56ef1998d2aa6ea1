/*
 * A feed on an engine whose disk fails: each write of opening and of completing a batch in turn, alone
 * or with all that follow, with and without the end of the program right behind it.
 */
#include "unit.h"

#include <semaphore.h>

#include "core/engine.h"
#include "core/feed.h"
#include "store/store_journal.h"

#include "store_faults.c"

#define FEED "{\"id\":\"f\",\"topics\":[\"t\"],\"batchSize\":3}"

struct rig {
    char directory[64];
    struct conf conf;
    struct engine *engine;
    uint64_t source; /* whose commits bring notes */
    int64_t noted;   /* numbers told: 1 … noted */
};

/* Whoever stands on the feed's loop to do something, and tells when it is done. */
struct errand_ {
    struct mail mail;
    struct rig *rig;
    sem_t done;
    enum err err;
    struct errinfo ei;
};

static struct shard *owner(const struct rig *r)
{
    return feed_owner(r->engine, STR("f"));
}

static void run(struct rig *r, struct errand_ *x, mail_f *fn)
{
    x->rig = r;
    assert_int_equal(sem_init(&x->done, 0, 0), 0);
    loop_post(owner(r)->loop, &x->mail, fn);
    while (sem_wait(&x->done) != 0)
        continue;
    sem_destroy(&x->done);
}

/* ---- the engine ---- */

static void on_request(struct http_request *r, void *arg)
{
    (void)arg;
    http_respond(r, 204, NULL, STR_NONE);
}

static const char *on_error_body(struct buf *b, int status, const char *detail, void *arg)
{
    (void)arg;
    buf_printf(b, "%d %s", status, detail);
    return "text/plain";
}

static void start(struct rig *r)
{
    struct errinfo ei = ERRINFO_INIT;

    assert_ok(engine_start(&r->conf, on_request, on_error_body, &r->engine, &ei), &ei);
}

struct putting {
    struct errand_ x;
    struct store_put op;
    struct feed_conf *conf;
};

static void on_put(struct store_op *op)
{
    struct putting *p = CONTAINER_OF(op, struct putting, op.op);

    p->x.err = op->err;
    p->x.ei = op->info;
    sem_post(&p->x.done);
}

static void on_feed_stored(void *arg, enum err err, const struct errinfo *ei, struct feed_conf *now)
{
    struct putting *p = arg;

    (void)now;
    if (err != E_OK) {
        p->x.err = err;
        p->x.ei = *ei;
    }
    sem_post(&p->x.done);
}

static void put_source(struct mail *m)
{
    struct putting *p = CONTAINER_OF(m, struct putting, x.mail);

    p->op.op.reply = owner(p->x.rig)->loop;
    p->op.op.done = on_put;
    store_put(p->x.rig->engine->store, &p->op);
}

static void put_feed(struct mail *m)
{
    struct putting *p = CONTAINER_OF(m, struct putting, x.mail);

    feed_store(owner(p->x.rig), p->conf, NULL, on_feed_stored, p);
}

static struct feed_conf *feed_of(const char *text)
{
    AUTO(faults_done) struct faults f;
    AUTO(jdoc_freep) struct jdoc *doc = NULL;

    faults_init(&f);
    assert_int_equal(jdoc_parse(str_of(text), NULL, &doc, NULL), E_OK);
    struct feed_conf *c = feed_conf_new(jdoc_root(doc), NULL, 0, 1, &f);
    assert_non_null(c);
    return c;
}

static struct rig *rig_new(void)
{
    struct rig *r = xcalloc(1, sizeof *r);
    struct putting source = {.op = {.kind = "notes of a test", .id = xstrdup("source")}};
    struct putting feed = {.conf = feed_of(FEED)};

    snprintf(r->directory, sizeof r->directory, "/tmp/pollcast-feed-XXXXXX");
    assert_non_null(mkdtemp(r->directory));
    conf_init(&r->conf);
    free(r->conf.listen);
    r->conf.listen = xstrdup("127.0.0.1:0");
    free(r->conf.data);
    r->conf.data = xasprintf("%s/data", r->directory);
    r->conf.loops = 2;
    r->conf.drain_us = 0;
    start(r);
    source.op.name = xstrdup("source");
    source.op.body = blob_new("{}", 2);
    run(r, &source.x, put_source);
    assert_ok(source.x.err, &source.x.ei);
    r->source = source.op.num;
    free(source.op.id);
    free(source.op.name);
    blob_unref(source.op.body);
    run(r, &feed.x, put_feed);
    assert_ok(feed.x.err, &feed.x.ei);
    feed_conf_unref(feed.conf);
    return r;
}

static void rig_free(struct rig *r)
{
    engine_stop(r->engine);
    conf_done(&r->conf);
    assert_int_equal(remove_tree(r->directory), 0);
    free(r);
}

/* ---- what happens ---- */

struct committing {
    struct errand_ x;
    struct store_commit op;
};

static void on_committed(struct store_op *op)
{
    struct committing *c = CONTAINER_OF(op, struct committing, op.op);

    c->x.err = op->err;
    c->x.ei = op->info;
    sem_post(&c->x.done);
}

static void commit(struct mail *m)
{
    struct committing *c = CONTAINER_OF(m, struct committing, x.mail);

    c->op.op.reply = owner(c->x.rig)->loop;
    c->op.op.done = on_committed;
    store_commit(c->x.rig->engine->store, &c->op);
}

struct reading {
    struct errand_ x;
    struct store_read op;
};

static void on_read(struct store_op *op)
{
    sem_post(&CONTAINER_OF(op, struct reading, op.op)->x.done);
}

static void read_head(struct mail *m)
{
    struct reading *a = CONTAINER_OF(m, struct reading, x.mail);

    a->op.op.reply = owner(a->x.rig)->loop;
    a->op.op.done = on_read;
    store_read(a->x.rig->engine->store, &a->op);
}

/* Of the source's journal: after a crash its numbers leap. */
static uint64_t head(struct rig *r)
{
    struct reading a = {.op = {.topic = r->source, .max_events = 1}};

    run(r, &a.x, read_head);
    assert_ok(a.op.op.err, &a.op.op.info);
    store_read_done(&a.op);
    return a.op.head;
}

static void tell(struct rig *r, size_t count)
{
    AUTO(buf_done) struct buf texts = BUF_INIT;
    AUTO_FREE struct store_note *notes = xcalloc(count, sizeof *notes);
    AUTO(blob_unrefp) struct blob *body = blob_new("{}", 2);
    uint64_t seq = head(r);
    struct store_event event = {.seq = seq + 1, .type = STORE_EVENT, .time_wall = 1, .body = body};
    struct committing c = {.op = {.topic = r->source,
                                  .expected_seq = seq,
                                  .events = &event,
                                  .event_count = 1,
                                  .notes = notes,
                                  .note_count = count}};

    for (size_t i = 0; i < count; i++) {
        size_t from = texts.len;
        r->noted++;
        buf_printf(&texts, "%lld 0 1\n{\"n\":%lld}", (long long)r->noted, (long long)r->noted);
        notes[i].body.n = texts.len - from;
        notes[i].label = STR("11111111-2222-4333-8444-555555555555\nt\nevent");
        notes[i].time_wall = 1000 + r->noted;
    }
    for (size_t i = 0, at = 0; i < count; at += notes[i++].body.n)
        notes[i].body.p = texts.p + at;
    run(r, &c.x, commit);
    assert_ok(c.x.err, &c.x.ei);
}

/* ---- who polls ---- */

struct asking {
    struct errand_ x;
    struct feed_ask ask;
};

static void on_answered(struct feed_ask *a)
{
    sem_post(&CONTAINER_OF(a, struct asking, ask)->x.done);
}

static void ask_feed(struct mail *m)
{
    struct asking *a = CONTAINER_OF(m, struct asking, x.mail);

    a->ask.answered = on_answered;
    feed_ask(owner(a->x.rig), STR("f"), STR(""), &a->ask);
}

/* He keeps what he was given, and how far he is. */
struct client {
    struct rig *rig;
    uint64_t batch;     /* the one that he has, not known to be completed; 0: none */
    struct blob *bytes; /* of the last one that he was given */
    uint64_t last;      /* its id */
    int64_t done;       /* numbers that he processed: 1 … done */
    int64_t up_to;      /* of the batch */
    unsigned failed_next, failed_complete;
};

/* The numbers of a batch go on where he is. */
static void take(struct client *c, struct blob *bytes)
{
    AUTO(jdoc_freep) struct jdoc *doc = NULL;
    uint64_t id;

    assert_int_equal(jdoc_parse(blob_view(bytes), NULL, &doc, NULL), E_OK);
    assert_true(str_to_u64(jv_str(jv_getz(jdoc_root(doc), "batchId")), INT64_MAX, &id));
    c->batch = id;
    if (id == c->last) {
        assert_true(str_eq(blob_view(bytes), blob_view(c->bytes)));
        return;
    }
    assert_true(id > c->last);
    /* Never another one before that was completed. */
    assert_int_equal(c->up_to, c->done);
    c->last = id;
    blob_unref(c->bytes);
    c->bytes = blob_ref(bytes);
    struct jiter it = jiter_of(jv_getz(jdoc_root(doc), "notifications"));
    while (jiter_next(&it)) {
        int64_t n;
        assert_true(jv_i64(jv_getz(jv_getz(it.value, "payload"), "n"), &n));
        assert_int_equal(n, ++c->up_to);
    }
}

static enum err next(struct client *c)
{
    struct asking a = {.ask = {.call = FEED_NEXT}};

    c->batch = 0;
    run(c->rig, &a.x, ask_feed);
    enum err err = a.ask.err;
    if (err != E_OK) {
        assert_true(err == E_IO || err == E_STORE_FULL);
        assert_false(a.ask.found);
        assert_null(a.ask.body);
        c->failed_next++;
    } else if (a.ask.found) {
        take(c, a.ask.body);
    }
    feed_ask_done(&a.ask);
    return err;
}

/* What he has, he has processed. */
static enum err complete(struct client *c)
{
    struct asking a = {.ask = {.call = FEED_COMPLETE, .batch = c->batch}};

    c->done = c->up_to;
    run(c->rig, &a.x, ask_feed);
    enum err err = a.ask.err;
    if (err == E_OK) {
        assert_true(a.ask.found);
        c->batch = 0;
    } else {
        assert_true(err == E_IO || err == E_STORE_FULL);
        c->failed_complete++;
    }
    feed_ask_done(&a.ask);
    return err;
}

/* As long as nothing can be written, what was not done is not done when it is asked for again. */
static void insist(struct client *c, bool opened)
{
    uint64_t was = c->batch;

    if (!opened) {
        assert_int_not_equal(next(c), E_OK);
    } else if (was) {
        assert_int_equal(next(c), E_OK);
        assert_int_equal(c->batch, was);
        assert_int_not_equal(complete(c), E_OK);
    }
}

/* While the n-th write fails; true: it came to that. */
static bool poll_with_faults(struct client *c, long n, int rc, bool lasting, bool crash)
{
    struct rig *r = c->rig;

    faults_arm(n, rc, lasting);
    bool opened = next(c) == E_OK;
    if (opened)
        (void)complete(c);
    bool hit = atomic_load(&faults.hits) > 0;
    if (lasting && hit)
        insist(c, opened);
    /* Nothing that it would tidy up reaches the disk. */
    if (crash && hit) {
        faults_arm(0, rc, true);
        engine_stop(r->engine);
    }
    faults_disarm();
    if (crash && hit)
        start(r);
    return hit;
}

/* Whoever was told that it failed does it again: it is still there, or was done. */
static void poll_on(struct client *c)
{
    if (c->batch)
        assert_int_equal(complete(c), E_OK);
    while (c->done < c->rig->noted) {
        int64_t was = c->done;
        assert_int_equal(next(c), E_OK);
        assert_true(c->batch);
        assert_int_equal(complete(c), E_OK);
        assert_true(c->done > was);
    }
}

static void torture(int rc, bool lasting, bool crash)
{
    struct rig *r = rig_new();
    struct client c = {.rig = r};
    bool was_hit = true;

    for (long n = 0; was_hit; n++) {
        tell(r, 5);
        was_hit = poll_with_faults(&c, n, rc, lasting, crash);
        poll_on(&c);
    }
    /* One that could not be completed is given again as it is, and that needs no disk. */
    tell(r, 1);
    assert_int_equal(next(&c), E_OK);
    faults_arm(0, rc, true);
    assert_int_not_equal(complete(&c), E_OK);
    uint64_t was = c.batch;
    assert_int_equal(next(&c), E_OK);
    assert_int_equal(c.batch, was);
    faults_disarm();
    poll_on(&c);
    assert_int_equal(c.done, r->noted);
    assert_true(c.failed_next > 0);
    assert_true(c.failed_complete > 0);
    blob_unref(c.bytes);
    rig_free(r);
}

static void test_each_write_may_fail(void **state)
{
    (void)state;
    faults_install();
    torture(SQLITE_IOERR_WRITE, false, false);
    torture(SQLITE_FULL, true, false);
    faults_remove();
}

static void test_each_write_may_be_the_last(void **state)
{
    (void)state;
    faults_install();
    torture(SQLITE_IOERR_FSYNC, false, true);
    torture(SQLITE_FULL, true, true);
    faults_remove();
}

int main(void)
{
    return RUN_TESTS(test_each_write_may_fail, test_each_write_may_be_the_last);
}
