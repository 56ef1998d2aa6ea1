/*
 * Commits of a topic: what one run changed, made durable at once, and published after.
 */
#include "base/count.h"
#include "base/log.h"
#include "base/trace.h"
#include "core/change.h"
#include "core/limits.h"
#include "core/processor.h"
#include "core/topic.h"

/* Patches since the last checkpoint: a start-up applies no more than these. */
#define CHECKPOINT_PATCHES 1000

struct topic_commit {
    struct store_commit op;
    struct store_event stored;
    struct topic *topic; /* NULL: it is gone */
    struct list link;    /* on shard->commits until the turn hands it over */
    int64_t handed_over;
    struct event *event;   /* NULL: only the state */
    struct blob *document; /* after the event */
    bool checkpoint;
    topic_committed_f *done; /* NULL: nobody waits */
    void *arg;
};

static void commit_free(struct topic_commit *c)
{
    event_unref(c->event);
    blob_unref(c->document);
    blob_unref(c->op.checkpoint);
    blob_unref(c->op.state);
    free(c);
}

/* ---- saved state ---- */

/* While the poller does not run, its processor's part is what it was when it stopped. */
static void write_kept(const struct topic *t, struct jwriter *w)
{
    AUTO(jdoc_freep) struct jdoc *d = NULL;
    jval *own;

    if (!t->saved || jdoc_parse(blob_view(t->saved), NULL, &d, NULL) != E_OK)
        return;
    own = jv_getz(jdoc_root(d), "processor");
    if (!own)
        return;
    jw_key(w, "processor");
    jw_value(w, own);
}

static struct blob *state_text(const struct topic *t)
{
    AUTO(buf_done) struct buf own = BUF_INIT;
    AUTO(buf_done) struct buf b = BUF_INIT;
    const struct poller *p = &t->poller;
    struct jwriter w = jw_begin(&b);

    jw_object(&w);
    jw_key(&w, "checked");
    jw_i64(&w, t->checked_wall);
    if (p->not_before > loop_now(t->shard->loop)) {
        jw_key(&w, "notBefore");
        jw_i64(&w, clock_now_wall() + p->not_before - clock_now());
    }
    if (p->state) {
        t->conf->processor->save(p->state, &own);
        jw_key(&w, "processor");
        jw_raw(&w, buf_view(&own));
    } else {
        write_kept(t, &w);
    }
    jw_object_end(&w);
    CHECK(jw_end(&w) == E_OK);
    return blob_of_buf(&b);
}

void topic_keep_state(struct topic *t)
{
    struct blob *now = state_text(t);

    blob_unref(t->saved);
    t->saved = now;
}

void topic_restore_state(struct topic *t)
{
    AUTO(jdoc_freep) struct jdoc *d = NULL;

    if (!t->saved)
        return;
    if (jdoc_parse(blob_view(t->saved), NULL, &d, NULL) == E_OK) {
        jval *own = jv_getz(jdoc_root(d), "processor");
        if (own)
            t->conf->processor->restore(t->poller.state, own);
    }
    blob_unref(TAKE(t->saved));
}

void topic_state_changed(struct topic *t)
{
    if (!list_linked(&t->state_link))
        list_append(&t->shard->dirty_states, &t->state_link);
}

/* ---- the end of a commit ---- */

static void publish(struct topic *t, struct topic_commit *c)
{
    struct event *e = c->event;

    t->seq = e->seq;
    t->changed_wall = e->time_wall;
    blob_unref(t->document);
    t->document = blob_ref(c->document);
    if (e->type == EVENT_SNAPSHOT || c->checkpoint) {
        t->patch_bytes = 0;
        t->patch_count = 0;
    } else {
        t->patch_bytes += e->body->len;
        t->patch_count++;
    }
    TOPIC_EACH_HUB(t, to)
    hub_post_event(to, t->conf->id, e, t->document);
}

/* The run that published ended before the commit did, and took what it had learnt with it; now that
 * the document stands, so does what was committed with it. No other run has looked yet: they wait
 * for the commit. */
static void take_over_state(struct topic *t, const struct topic_commit *c)
{
    blob_unref(t->saved);
    t->saved = blob_ref(c->op.state);
    if (t->poller.state)
        topic_restore_state(t);
}

static void on_commit_done(struct store_op *op)
{
    struct topic_commit *c = CONTAINER_OF(op, struct topic_commit, op.op);
    struct topic *t = c->topic;

    count_time(HIST_commit_duration, clock_now() - c->handed_over);
    if (t) {
        *(c->event ? &t->commit : &t->saving) = NULL;
        if (op->err == E_OK && c->event)
            publish(t, c);
        else if (op->err != E_OK && op->err != E_NOT_FOUND && !c->done)
            log_warn(c->event ? "an event could not be stored" : "a state could not be stored",
                     LOG_S("topic", t->conf->name), LOG_S("why", err_text(&op->info, op->err)));
        if (c->done)
            c->done(c->arg, op->err, &op->info);
        else if (op->err == E_OK && c->event)
            take_over_state(t, c);
        topic_run_loaders(t, E_OK, NULL);
    }
    commit_free(c);
}

/* ---- the start of a commit ---- */

static struct topic_commit *commit_new(struct topic *t)
{
    const struct conf *conf = t->shard->engine->conf;
    struct topic_commit *c = xcalloc(1, sizeof *c);

    c->topic = t;
    c->op.op.reply = t->shard->loop;
    c->op.op.done = on_commit_done;
    c->op.topic = t->conf->num;
    c->op.expected_seq = t->seq;
    c->op.state = state_text(t);
    c->op.retention = (struct store_retention){
        .max_events = (uint64_t)conf->journal_max_events,
        .max_bytes = (uint64_t)conf->journal_max_bytes,
        .max_age_us = conf->journal_max_age_us,
    };
    list_append(&t->shard->commits, &c->link);
    list_remove(&t->state_link);
    return c;
}

static bool checkpoint_due(const struct topic *t, size_t patch, size_t document)
{
    const struct conf *conf = t->shard->engine->conf;
    size_t max_bytes = MAX((size_t)conf->journal_checkpoint_bytes, 2 * document);
    int64_t max_patches = CHECKPOINT_PATCHES;

    /* What the document is made of is not trimmed: it must not be all that may be kept. */
    if (conf->journal_max_events > 0)
        max_patches = MIN(max_patches, conf->journal_max_events / 2 + 1);
    return t->patch_bytes + patch > max_bytes || t->patch_count + 1 >= max_patches;
}

static void commit_event(struct topic *t, struct blob *patch, struct blob *document,
                         topic_committed_f *done, void *arg)
{
    struct topic_commit *c = t->commit = commit_new(t);
    int64_t now_wall = clock_now_wall();

    c->event = event_new(t->conf->id, patch ? EVENT_PATCH : EVENT_SNAPSHOT, t->seq + 1, now_wall,
                         patch ? patch : document);
    c->document = blob_ref(document);
    c->stored = (struct store_event){
        .seq = c->event->seq,
        .type = (enum store_event_type)c->event->type,
        .time_wall = now_wall,
        .body = c->event->body,
    };
    c->op.events = &c->stored;
    c->op.event_count = 1;
    if (patch && checkpoint_due(t, patch->len, document->len)) {
        c->checkpoint = true;
        c->op.checkpoint = blob_ref(document);
    }
    c->done = done;
    c->arg = arg;
}

bool topic_publish_document(struct topic *t, const jval *value, struct buf *text,
                            topic_committed_f *done, void *arg)
{
    struct change change = {0};

    CHECK(t->load == TOPIC_LOADED && !t->commit);
    if (t->document) {
        change_find(blob_view(t->document), value, text->len, &t->conf->change, &change);
        if (change.equal)
            return false;
    }
    struct blob *document = blob_of_buf(text);
    commit_event(t, change.patch, document, done, arg);
    blob_unref(document);
    blob_unref(change.patch);
    return true;
}

void topic_forget_commit(struct topic *t, const void *arg)
{
    if (t->commit && t->commit->arg == arg)
        t->commit->done = NULL;
}

static void orphan(struct topic_commit *c)
{
    if (!c)
        return;
    c->topic = NULL;
    c->done = NULL;
}

void topic_orphan_commits(struct topic *t)
{
    orphan(TAKE(t->commit));
    orphan(TAKE(t->saving));
}

/* ---- steps of the shard ---- */

bool topic_commit_all(struct shard *sh)
{
    struct list *n;

    while ((n = list_pop(&sh->commits))) {
        struct topic_commit *c = CONTAINER_OF(n, struct topic_commit, link);
        c->handed_over = clock_now();
        store_commit(sh->engine->store, &c->op);
    }
    return false;
}

void topic_save_states(struct shard *sh)
{
    struct list later, *n;

    list_init(&later);
    while ((n = list_pop(&sh->dirty_states))) {
        struct topic *t = CONTAINER_OF(n, struct topic, state_link);
        /* One behind an event that is being committed would tell a state that may not come true. */
        if (t->commit || t->saving)
            list_append(&later, &t->state_link);
        else
            t->saving = commit_new(t);
    }
    list_splice(&sh->dirty_states, &later);
}
