/*
 * Provisioned subscriptions at run time: a hub without a topic (hub_rig.c), a journal that the test
 * writes, and a sink that notes what it is told and reports what the test says.
 *
 * The sink's notes: "+" start, "-" stop, "!" cancel, "5" the event of that number, "5/2" its second
 * repetition. Included by the tests of subscriptions.
 */
#include "core/subscription.h"
#include "hub_rig.c"

#define JOURNAL_MAX 4096
#define READ_MAX 500 /* events of one read */

static struct {
    /* the sink */
    struct buf notes;
    struct subscription *s; /* of the last start */
    /* the journal */
    struct {
        uint64_t seq;
        enum event_type type;
    } journal[JOURNAL_MAX];
    size_t count;
    uint64_t trimmed; /* up to this number */
    enum err read_err;
    unsigned reads;
    /* commits of cursors */
    enum err commit_err;
    bool hold;
    struct store_commit *held;
    unsigned commits;
    uint64_t expected_seq, num;
    char state[64];
    /* settings stored by the core */
    struct subscription_conf *stored;
    const struct subscription_conf *was;
    unsigned stores;
} t;

/* ---- what belongs to other modules ---- */

static void on_answer(struct mail *m)
{
    struct store_op *op = CONTAINER_OF(m, struct store_op, mail);

    op->done(op);
}

void store_commit(struct store *s, struct store_commit *op)
{
    (void)s;
    t.commits++;
    assert_int_equal(op->event_count, 0);
    t.expected_seq = op->expected_seq;
    t.num = op->topic;
    op->op.err = t.commit_err;
    if (op->op.err == E_OK)
        snprintf(t.state, sizeof t.state, "%.*s", STR_ARG(blob_view(op->state)));
    if (t.hold) {
        assert_null(t.held);
        t.held = op;
        return;
    }
    loop_post(op->op.reply, &op->op.mail, on_answer);
}

static void release(void)
{
    struct store_commit *op = TAKE(t.held);

    assert_non_null(op);
    t.hold = false;
    loop_post(op->op.reply, &op->op.mail, on_answer);
}

void store_read(struct store *s, struct store_read *op)
{
    (void)s;
    t.reads++;
    assert_int_equal(op->topic, rig.topic_conf->num);
    op->op.err = t.read_err;
    op->exact = op->whole = op->after >= t.trimmed;
    op->head = rig.status.seq;
    op->events = op->op.err == E_OK ? xcalloc(READ_MAX, sizeof *op->events) : NULL;
    for (size_t i = 0; i < t.count && op->events; i++) {
        if (t.journal[i].seq <= MAX(op->after, t.trimmed))
            continue;
        if (op->count == READ_MAX) {
            op->more = true;
            break;
        }
        op->events[op->count++] = (struct store_event){
            .seq = t.journal[i].seq,
            .type = (enum store_event_type)t.journal[i].type,
            .body = blob_new("[]", 2),
        };
    }
    loop_post(op->op.reply, &op->op.mail, on_answer);
}

void store_read_done(struct store_read *op)
{
    for (size_t i = 0; i < op->count; i++)
        blob_unref(op->events[i].body);
    free(op->events);
}

/* Of mode changes, which is not told here. */
void store_load(struct store *s, struct store_load *op)
{
    (void)s;
    (void)op;
    fail();
}

void store_load_done(struct store_load *op)
{
    (void)op;
}

void subscription_store(struct shard *sh, struct subscription_conf *c,
                        const struct subscription_conf *was, subscription_done_f *done, void *arg)
{
    (void)sh;
    (void)done;
    (void)arg;
    subscription_conf_unref(t.stored);
    t.stored = subscription_conf_ref(c);
    t.was = was;
    t.stores++;
}

/* ---- the sink ---- */

struct config {
    struct subscription_common common;
};

static const struct attr rows[] = {SUBSCRIPTION_ROWS(struct config)};

static void *config_new(const jval *root, struct faults *f)
{
    struct config *c = xcalloc(1, sizeof *c);
    struct attr_ctx ctx;

    attr_ctx_init(&ctx, f, "Validation error: Subscription", "");
    attr_parse(&ctx, rows, ARRAY_LEN(rows), root, c);
    attr_ctx_done(&ctx);
    return c;
}

static void config_free(void *config)
{
    free(config);
}

static void note(const char *fmt, ...) PRINTF(1, 2);
static void note(const char *fmt, ...)
{
    va_list ap;

    if (t.notes.len)
        buf_putc(&t.notes, ' ');
    va_start(ap, fmt);
    buf_vprintf(&t.notes, fmt, ap);
    va_end(ap);
}

static void *sink_start(struct subscription *s)
{
    note("+");
    t.s = s;
    return &t;
}

static void sink_stop(void *state)
{
    assert_ptr_equal(state, &t);
    note("-");
}

static void sink_deliver(void *state, struct event *e, unsigned attempt)
{
    assert_ptr_equal(state, &t);
    if (attempt)
        note("%llu/%u", (unsigned long long)e->seq, attempt);
    else
        note("%llu", (unsigned long long)e->seq);
}

static void sink_cancel(void *state)
{
    assert_ptr_equal(state, &t);
    note("!");
}

#define SINK(n, bytes)                                                                             \
    {                                                                                              \
        .window_bytes = (bytes), .type = SUBSCRIBER_WEBHOOK, .attrs = rows,                        \
        .attr_count = ARRAY_LEN(rows), .config_new = config_new, .config_free = config_free,       \
        .window = (n), .start = sink_start, .stop = sink_stop, .deliver = sink_deliver,            \
        .cancel = sink_cancel                                                                      \
    }

static const struct sink one_by_one = SINK(1, 0);
static const struct sink eight_at_once = SINK(8, 0);
static const struct sink few_bytes_at_once = SINK(8, 1000);

static void report(enum sink_outcome outcome, int64_t wait_us)
{
    struct sink_result res = {.outcome = outcome, .wait_us = wait_us, .info = ERRINFO_INIT};

    if (outcome != SINK_DONE)
        (void)err_set(&res.info, E_CLOSED, "the receiver says %d", outcome);
    subscription_report(t.s, &res);
    turns();
}

static void done(void)
{
    report(SINK_DONE, 0);
}

#define assert_notes(z) assert_notes_at((z), __FILE__, __LINE__)
static void assert_notes_at(const char *z, const char *file, int line)
{
    assert_str_at(buf_view(&t.notes), z, file, line);
    buf_clear(&t.notes);
}

/* ---- life ---- */

static void journal_add(enum event_type type, uint64_t seq)
{
    assert_true(t.count < JOURNAL_MAX);
    t.journal[t.count].seq = seq;
    t.journal[t.count++].type = type;
}

static int set_up(void **state)
{
    clock_fake(1000 * US_PER_S, WALL);
    t.notes = (struct buf)BUF_INIT;
    rig_setup(state);
    rig.topic_conf->deliveries[SUBSCRIBER_WEBHOOK].modes = ~0u;
    rig.topic.shard = &rig.shard;
    rig.topic.conf = rig.topic_conf;
    list_init(&rig.topic.subscriptions);
    map_put(&rig.shard.topics, STR(TOPIC_ID), &rig.topic);
    return 0;
}

static int tear_down(void **state)
{
    while (!list_empty(&rig.topic.subscriptions))
        subscription_free(LIST_ITEM(rig.topic.subscriptions.next, struct subscription, link));
    if (t.held)
        release();
    turns();
    map_done(&rig.shard.topics);
    subscription_conf_unref(t.stored);
    buf_done(&t.notes);
    rig_teardown(state);
    memset(&t, 0, sizeof t);
    return 0;
}

#define sub_test(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

/* Today's document, at the topic's start. */
static void topic_at(uint64_t seq)
{
    status_set(seq, "{}");
    rig.topic.seq = seq;
}

/* One more event; of snapshot topics with its document. */
static void topic_says(enum event_type type, uint64_t seq)
{
    journal_add(type, seq);
    rig.topic.seq = seq;
    rig.status.seq = seq;
    publish(type, seq, "[]", type == EVENT_EVENT ? NULL : "{}");
    turns();
}

static void conf_set_status(struct subscription_conf *c, enum subscription_status status)
{
    AUTO(buf_done) struct buf text = BUF_INIT;

    buf_printf(&text, "{\"subscriptionMode\":\"%s\",\"subscriptionStatus\":\"%s\"}",
               mode_name(c->mode), subscription_status_names[status]);
    c->status = status;
    blob_unref(c->json);
    c->json = blob_of_buf(&text);
}

static struct subscription_conf *conf_make(const struct sink *sink, enum mode mode, uint64_t since)
{
    struct subscription_conf *c = xcalloc(1, sizeof *c);

    atomic_init(&c->refs, 1);
    c->num = 7;
    c->rev = 1;
    c->since = since;
    memcpy(c->id, "22222222-2222-4222-8222-222222222222", UUID_LEN);
    memcpy(c->topic, TOPIC_ID, UUID_LEN);
    c->sink = sink;
    c->config = xcalloc(1, sizeof(struct config));
    c->mode = mode;
    conf_set_status(c, SUBSCRIPTION_ACTIVE);
    return c;
}

/* As it is made, or (state) loaded. */
static struct subscription *make(const struct sink *sink, enum mode mode, uint64_t since,
                                 const char *state)
{
    struct subscription_conf *c = conf_make(sink, mode, since);
    struct store_head head = {.seq = 3, .state = state ? str_of(state) : STR_NONE};
    struct subscription *s = subscription_new(&rig.topic, c, &head);

    subscription_conf_unref(c);
    return s;
}

static struct subscription *run(const struct sink *sink, enum mode mode, uint64_t since,
                                const char *state)
{
    struct subscription *s = make(sink, mode, since, state);

    subscription_run(s);
    turns();
    return s;
}

static void change_status(struct subscription *s, enum subscription_status status)
{
    struct subscription_conf *c = conf_make(s->conf->sink, s->conf->mode, s->conf->since);

    conf_set_status(c, status);
    subscription_conf_changed(s, c);
    subscription_conf_unref(c);
    turns();
}

/* Nothing happens until just before; then time is up. */
static inline void assert_waits(int64_t at_least_us, int64_t at_most_us)
{
    clock_advance(at_least_us - US_PER_MS);
    turns();
    assert_notes("");
    clock_advance(at_most_us - at_least_us + 2 * US_PER_MS);
    turns();
}
