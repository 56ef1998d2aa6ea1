/*
 * Commits of a topic: what one run changed, made durable at once, and published after.
 */
#include "base/count.h"
#include "base/log.h"
#include "base/trace.h"
#include "core/change.h"
#include "core/feed.h"
#include "core/limits.h"
#include "core/note.h"
#include "core/processor.h"
#include "core/subscription.h"
#include "core/topic_detached.h"

/* Patches since the last checkpoint: a start-up applies no more than these. */
#define CHECKPOINT_PATCHES 1000

/* So long, and for so many others, a commit waits that nobody waits for: they share a sync, which is
 * most of what a commit costs. */
#define GATHER_US (40 * US_PER_MS)
#define GATHER_COMMITS 64

struct topic_commit {
    struct store_commit op;
    struct topic *topic; /* NULL: it is gone */
    struct shard *shard;
    struct list link; /* on shard->commits until it is handed over */
    int64_t handed_over;
    struct blob *document; /* after the events; NULL: none is kept */
    bool checkpoint;
    bool patient;            /* who made it has nothing more to do when it is done */
    topic_committed_f *done; /* NULL: nobody waits */
    void *arg;
    size_t count; /* of events; 0: only the state */
    struct event **events;
    struct notes notes;          /* for feeds */
    struct store_event stored[]; /* the same for the store */
};

static void commit_free(struct topic_commit *c)
{
    for (size_t i = 0; i < c->count; i++)
        event_unref(c->events[i]);
    free(c->events);
    blob_unref(c->document);
    blob_unref(c->op.checkpoint);
    blob_unref(c->op.state);
    notes_done(&c->notes);
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

struct blob *topic_state(const struct topic *t)
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
    struct blob *now = topic_state(t);

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

static void count_patches(struct topic *t, const struct topic_commit *c)
{
    const struct event *e = c->events[0];

    if (e->type != EVENT_PATCH || c->checkpoint) {
        t->patch_bytes = 0;
        t->patch_count = 0;
    } else {
        t->patch_bytes += e->body->len;
        t->patch_count++;
    }
}

static void publish(struct topic *t, struct topic_commit *c)
{
    const struct event *last = c->events[c->count - 1];
    bool whole = t->conf->payload == PAYLOAD_SNAPSHOT;

    t->seq = last->seq;
    t->changed_wall = last->time_wall;
    t->checked_wall = MAX(t->checked_wall, last->time_wall);
    blob_unref(t->document);
    t->document = c->document ? blob_ref(c->document) : NULL;
    count_patches(t, c);
    topic_works(t);
    for (size_t i = 0; i < c->count; i++) {
        TOPIC_EACH_HUB(t, to)
        hub_post_event(to, t->conf->id, c->events[i], whole ? t->document : NULL);
    }
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
    if (op->err == E_OK && c->notes.count)
        feeds_ring(c->shard->engine);
    if (t) {
        *(c->count ? &t->commit : &t->saving) = NULL;
        if (op->err == E_OK && c->count)
            publish(t, c);
        else if (op->err != E_OK && op->err != E_NOT_FOUND && !c->done)
            log_warn(c->count ? "an event could not be stored" : "a state could not be stored",
                     LOG_S("topic", t->conf->name), LOG_S("why", err_text(&op->info, op->err)));
    }
    if (c->done)
        c->done(c->arg, op->err, &op->info);
    else if (t && op->err == E_OK && c->count)
        take_over_state(t, c);
    if (t)
        topic_run_loaders(t, E_OK, NULL);
    commit_free(c);
}

/* ---- the start of a commit ---- */

static struct topic_commit *commit_new(struct topic *t, size_t events)
{
    const struct conf *conf = t->shard->engine->conf;
    struct topic_commit *c = xcalloc(1, sizeof *c + events * sizeof c->stored[0]);

    c->topic = t;
    c->shard = t->shard;
    c->count = events;
    c->events = events ? xcalloc(events, sizeof(struct event *)) : NULL;
    c->op.events = c->stored;
    c->op.event_count = events;
    c->op.op.reply = t->shard->loop;
    c->op.op.done = on_commit_done;
    c->op.topic = t->conf->num;
    c->op.expected_seq = t->seq;
    c->op.state = topic_state(t);
    c->op.retention = (struct store_retention){
        .max_events = (uint64_t)conf->journal_max_events,
        .max_bytes = (uint64_t)conf->journal_max_bytes,
        .max_age_us = conf->journal_max_age_us,
        .hold_seq = subscriptions_hold(t),
        .hold_max_bytes = (uint64_t)conf->journal_hold_bytes,
    };
    list_append(&t->shard->commits, &c->link);
    list_remove(&t->state_link);
    return c;
}

static bool checkpoint_due(const struct topic *t, size_t patch, size_t document)
{
    const struct conf *conf = t->shard->engine->conf;
    size_t kept = (size_t)conf->journal_max_bytes;
    size_t max_bytes = 8 * document;
    int64_t max_patches = CHECKPOINT_PATCHES;

    /* What the document is made of is not trimmed: it must not be all that may be kept. */
    if (kept > 0)
        max_bytes = MIN(max_bytes, MAX(kept / 2, 2 * document));
    max_bytes = MAX(max_bytes, (size_t)conf->journal_checkpoint_bytes);
    if (conf->journal_max_events > 0)
        max_patches = MIN(max_patches, conf->journal_max_events / 2 + 1);
    return t->patch_bytes + patch > max_bytes || t->patch_count + 1 >= max_patches;
}

static struct topic_commit *commit_events(struct topic *t, enum event_type type,
                                          struct blob *const *bodies, size_t count)
{
    struct topic_commit *c = commit_new(t, count);
    int64_t now_wall = clock_now_wall();

    CHECK(count > 0 && t->load == TOPIC_LOADED && !t->commit);
    t->commit = c;
    for (size_t i = 0; i < count; i++) {
        c->events[i] = event_new(t->conf->id, type, t->seq + 1 + i, now_wall, bodies[i]);
        c->stored[i] = (struct store_event){
            .seq = c->events[i]->seq,
            .type = (enum store_event_type)type,
            .time_wall = now_wall,
            .body = bodies[i],
        };
    }
    return c;
}

static void keep_document(struct topic_commit *c, struct blob *document, bool checkpoint)
{
    c->document = blob_ref(document);
    c->checkpoint = checkpoint;
    if (checkpoint)
        c->op.checkpoint = blob_ref(document);
}

/* What feeds are told of it; nothing of topics that none of them holds. */
static void note_messages(struct topic *t, struct topic_commit *c)
{
    if (!feeds_cover(t->shard, t->conf))
        return;
    for (size_t i = 0; i < c->count; i++)
        notes_add_message(&c->notes, t->conf, NULL, c->stored[i].seq, c->stored[0].seq,
                          c->stored[i].time_wall, blob_view(c->stored[i].body));
    c->op.notes = notes_stored(&c->notes);
    c->op.note_count = c->notes.count;
}

static void note_change(struct topic *t, struct topic_commit *c, const struct blob *document)
{
    if (!feeds_cover(t->shard, t->conf))
        return;
    notes_add_change(&c->notes, t->conf, c->stored[0].seq, c->stored[0].time_wall,
                     blob_view(t->document), blob_view(document));
    c->op.notes = notes_stored(&c->notes);
    c->op.note_count = c->notes.count;
}

/* The change from today's document to this one. */
static struct topic_commit *commit_change(struct topic *t, struct blob *patch,
                                          struct blob *document)
{
    bool checkpoint = patch && checkpoint_due(t, patch->len, document->len);
    struct topic_commit *c =
        commit_events(t, patch ? EVENT_PATCH : EVENT_SNAPSHOT, patch ? &patch : &document, 1);

    note_change(t, c, document);
    keep_document(c, document, checkpoint);
    return c;
}

/* The document as a message of its own. The next is compared with it, also after a restart, and of
 * messages the journal tells no document: so it goes beside it. */
static struct topic_commit *commit_message(struct topic *t, struct blob *document)
{
    struct topic_commit *c = commit_events(t, EVENT_EVENT, &document, 1);

    note_messages(t, c);
    keep_document(c, document, true);
    return c;
}

bool topic_find_change(const struct topic *t, const jval *value, size_t bytes,
                       struct blob **ret_patch)
{
    struct change change = {0};

    if (!t->document)
        return true;
    if (t->conf->payload == PAYLOAD_EVENT)
        return !change_is_none(blob_view(t->document), value, &t->conf->change);
    change_find(blob_view(t->document), value, bytes, &t->conf->change, &change);
    *ret_patch = change.patch;
    return !change.equal;
}

bool topic_publish_document(struct topic *t, const jval *value, struct blob *document,
                            topic_committed_f *done, void *arg)
{
    struct blob *patch = NULL;

    if (!topic_find_change(t, value, document->len, &patch))
        return false;
    struct topic_commit *c = t->conf->payload == PAYLOAD_EVENT ? commit_message(t, document)
                                                               : commit_change(t, patch, document);
    c->patient = !t->posts; /* who posts gets an answer */
    c->done = done;
    c->arg = arg;
    blob_unref(patch);
    return true;
}

void topic_publish_messages(struct topic *t, struct blob *const *bodies, size_t count,
                            topic_committed_f *done, void *arg)
{
    struct topic_commit *c = commit_events(t, EVENT_EVENT, bodies, count);

    note_messages(t, c);
    c->done = done;
    c->arg = arg;
}

void topic_forget_commit(struct topic *t, const void *arg)
{
    if (t->commit && t->commit->arg == arg)
        t->commit->done = NULL;
}

static void orphan(struct topic_commit *c)
{
    if (c)
        c->topic = NULL;
}

void topic_orphan_commits(struct topic *t)
{
    orphan(TAKE(t->commit));
    orphan(TAKE(t->saving));
}

/* ---- steps of the shard ---- */

/* By whom it is made, by a subscriber, a feed, or who asks for the document. */
static bool is_awaited(const struct topic_commit *c)
{
    const struct topic *t = c->topic;

    return !c->patient || !t || t->hub_mask || c->notes.count || !list_empty(&t->loaders);
}

static bool are_due(const struct shard *sh)
{
    unsigned count = 0;

    if (atomic_load_explicit(&sh->engine->stage, memory_order_relaxed) == ENGINE_DRAINING)
        return true;
    for (const struct list *n = sh->commits.next; n != &sh->commits; n = n->next)
        if (++count >= GATHER_COMMITS || is_awaited(CONTAINER_OF(n, struct topic_commit, link)))
            return true;
    return false;
}

void topic_commit_due(struct shard *sh)
{
    if (list_empty(&sh->commits))
        return;
    if (are_due(sh))
        topic_commit_all(sh);
    else if (!timer_is_set(&sh->gather))
        timer_set(sh->loop, &sh->gather, loop_now(sh->loop) + GATHER_US);
}

void topic_commit_all(struct shard *sh)
{
    struct list *n;

    timer_clear(sh->loop, &sh->gather);
    while ((n = list_pop(&sh->commits))) {
        struct topic_commit *c = CONTAINER_OF(n, struct topic_commit, link);
        c->handed_over = clock_now();
        store_commit(sh->engine->store, &c->op);
    }
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
            t->saving = commit_new(t, 0);
    }
    list_splice(&sh->dirty_states, &later);
}
