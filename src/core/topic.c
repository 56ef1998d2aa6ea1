#include "core/topic.h"

#include "base/count.h"
#include "base/log.h"
#include "base/trace.h"
#include "core/document.h"
#include "core/feed.h"
#include "core/gate.h"
#include "core/limits.h"
#include "core/post.h"
#include "core/request.h"
#include "core/subscription.h"
#include "core/topic_detached.h"

/* Hubs learn of checks that found nothing new this often: their heartbeats tell it. */
#define TELL_CHECKED_US (2 * US_PER_S)

struct topic_load_op {
    struct store_load load;
    struct topic *topic; /* NULL: it is gone */
};

/* ---- life ---- */

static void restore_checked(struct topic *t)
{
    AUTO(jdoc_freep) struct jdoc *d = NULL;
    int64_t not_before, now_wall = clock_now_wall();

    if (!t->saved || jdoc_parse(blob_view(t->saved), NULL, &d, NULL) != E_OK)
        return;
    (void)jv_i64(jv_getz(jdoc_root(d), "checked"), &t->checked_wall);
    /* No longer than was allowed when it was saved: the clock may have been set back since. */
    if (jv_i64(jv_getz(jdoc_root(d), "notBefore"), &not_before) && not_before > now_wall)
        t->poller.not_before =
            clock_now() + MIN(not_before - now_wall, LIMIT_RETRY_AFTER_S * US_PER_S);
}

static void on_attach_loaded(struct topic_loader *l, struct topic *t, enum err err,
                             const struct errinfo *ei);

static struct topic *alloc(struct shard *sh, struct topic_conf *conf)
{
    struct topic *t = xcalloc(1, sizeof *t);

    t->magic = TOPIC_MAGIC;
    t->shard = sh;
    t->conf = topic_conf_ref(conf);
    list_init(&t->loaders);
    list_init(&t->subscriptions);
    t->attach_loader.fn = on_attach_loaded;
    poller_init(&t->poller, t);
    return t;
}

struct topic *topic_new(struct shard *sh, struct topic_conf *conf, const struct store_head *head)
{
    struct topic *t = alloc(sh, conf);

    t->seq = head->seq;
    t->changed_wall = head->changed_wall;
    t->load = head->has_snapshot ? TOPIC_UNLOADED : TOPIC_LOADED;
    if (head->state.p)
        t->saved = blob_new(head->state.p, head->state.n);
    restore_checked(t);
    t->checked_wall = MAX(t->checked_wall, t->changed_wall);
    map_put(&sh->topics, str_of(conf->id), t);
    count_one(COUNT_topics);
    return t;
}

static void drop_refused(struct topic *t)
{
    if (!t->refused)
        return;
    blob_unref(t->refused->payload);
    free(TAKE(t->refused));
}

static void topic_free(void *p)
{
    struct topic *t = p;

    drop_refused(t);
    event_unref(t->error);
    blob_unref(t->document);
    blob_unref(t->saved);
    topic_conf_unref(t->conf);
    free(t);
}

struct topic *topic_new_detached(struct shard *sh, struct topic_conf *conf,
                                 const struct topic *like, struct trial *trial)
{
    struct topic *t = alloc(sh, conf);

    t->trial = trial;
    t->load = TOPIC_LOADED;
    if (like) {
        t->seq = like->seq;
        t->document = like->document ? blob_ref(like->document) : NULL;
        t->saved = topic_state(like);
    }
    t->poller.state = conf->processor->start(t);
    topic_restore_state(t);
    return t;
}

void topic_free_detached(struct topic *t)
{
    if (!t)
        return;
    t->conf->processor->stop(TAKE(t->poller.state));
    loop_bury(t->shard->loop, t, topic_free);
}

/* Who waits for the document learns that it will not come; loops with a hub are told otherwise. */
static void fail_loaders(struct topic *t)
{
    struct list *n;

    list_remove(&t->attach_loader.link);
    while ((n = list_pop(&t->loaders))) {
        struct topic_loader *l = CONTAINER_OF(n, struct topic_loader, link);

        l->fn(l, t, t->deleted ? E_GONE : E_UNAVAILABLE, NULL);
    }
}

void topic_close(struct topic *t)
{
    CHECK_OBJ(t, TOPIC_MAGIC);
    while (!list_empty(&t->subscriptions))
        subscription_free(LIST_ITEM(t->subscriptions.next, struct subscription, link));
    poller_done(&t->poller);
    post_line_close(t);
    fail_loaders(t);
    list_remove(&t->state_link);
    if (t->error)
        count_add(COUNT_topics_failing, -1);
    if (t->load_op)
        t->load_op->topic = NULL;
    topic_orphan_commits(t);
    map_remove(&t->shard->topics, str_of(t->conf->id));
    count_add(COUNT_topics, -1);
    loop_bury(t->shard->loop, t, topic_free);
}

void topic_delete(struct topic *t)
{
    t->deleted = true;
    trace(topic, "%s: deleted", t->conf->name);
    TOPIC_EACH_HUB(t, to)
    hub_post_deleted(to, t->conf->id);
    topic_close(t);
}

struct topic *topic_find(struct shard *sh, const char *id)
{
    return map_get(&sh->topics, str_of(id));
}

void topic_conf_changed(struct topic *t, struct topic_conf *conf)
{
    struct topic_conf *was = t->conf;
    bool poll_now = t->poller.once || t->poller.again;
    /* A poll under way goes on, and a source that asked to wait is not asked sooner, because the topic
     * got another name or other subscribers. */
    bool anew = !topic_conf_same_config(was, conf);

    if (anew) {
        poller_done(&t->poller);
        t->poller.not_before = 0;
    }
    t->conf = topic_conf_ref(conf);
    map_put(&t->shard->topics, str_of(conf->id), t); /* its key is the new one's */
    TOPIC_EACH_HUB(t, to)
    hub_post_conf(to, t->conf->id, t->conf);
    if (anew)
        t->poller.fresh = poll_now;
    poller_update(&t->poller);
    /* Who asked for a poll was promised one. */
    if (poll_now && !t->poller.running)
        (void)poller_poll_now(&t->poller);
    topic_conf_unref(was);
}

/* ---- who follows ---- */

bool topic_is_followed(const struct topic *t)
{
    return t->hub_mask != 0 || feeds_cover(t->shard, t->conf);
}

void topic_status_get(const struct topic *t, struct topic_status *ret)
{
    *ret = (struct topic_status){
        .seq = t->seq,
        .changed_wall = t->changed_wall,
        .checked_wall = t->checked_wall,
        .document = t->conf->payload == PAYLOAD_SNAPSHOT ? t->document : NULL,
        .error = t->error,
    };
}

/* Loops that asked get the status of this moment; from here on they get each event. */
static void on_attach_loaded(struct topic_loader *l, struct topic *t, enum err err,
                             const struct errinfo *ei)
{
    struct topic_status st;

    (void)l;
    if (err != E_OK)
        log_error("the document of a topic cannot be read", LOG_S("topic", t->conf->name),
                  LOG_S("why", err_text(ei, err)));
    topic_status_get(t, &st);
    uint64_t asking = t->asking_mask;
    t->asking_mask = 0;
    for (unsigned i = 0; i < t->shard->engine->shard_count; i++) {
        if (asking >> i & 1)
            hub_post_attached(t->shard->engine->shards[i], t->conf->id, &st);
    }
}

void topic_attach_hub(struct topic *t, struct shard *to)
{
    CHECK_OBJ(t, TOPIC_MAGIC);
    t->hub_mask |= UINT64_C(1) << to->index;
    t->asking_mask |= UINT64_C(1) << to->index;
    if (!list_linked(&t->attach_loader.link))
        topic_load(t, &t->attach_loader);
    poller_update(&t->poller);
}

void topic_detach_hub(struct topic *t, struct shard *from)
{
    CHECK_OBJ(t, TOPIC_MAGIC);
    t->hub_mask &= ~(UINT64_C(1) << from->index);
    t->asking_mask &= ~(UINT64_C(1) << from->index);
    poller_update(&t->poller);
}

/* ---- the document ---- */

/* Loaders wait until the document is in memory and no commit is under way. */
void topic_run_loaders(struct topic *t, enum err err, const struct errinfo *ei)
{
    struct list batch, *n;

    if (t->load != TOPIC_LOADED || t->commit)
        return;
    list_init(&batch);
    list_splice(&batch, &t->loaders);
    while ((n = list_pop(&batch))) {
        struct topic_loader *l = CONTAINER_OF(n, struct topic_loader, link);
        l->fn(l, t, err, ei);
    }
}

static void on_load_done(struct store_op *op)
{
    AUTO_FREE struct topic_load_op *lo = CONTAINER_OF(op, struct topic_load_op, load.op);
    struct topic *t = lo->topic;
    enum err err = op->err;

    if (t) {
        t->load_op = NULL;
        t->load = TOPIC_LOADED;
        if (err == E_OK)
            err = document_assemble(&lo->load, &t->document, &op->info);
        else if (err == E_NOT_FOUND)
            err = E_OK; /* nothing was ever published */
        if (err == E_OK) {
            t->patch_count = (unsigned)lo->load.patch_count;
            for (size_t i = 0; i < lo->load.patch_count; i++)
                t->patch_bytes += lo->load.patches[i]->len;
        }
    }
    if (op->err == E_OK)
        store_load_done(&lo->load);
    /* Whoever made it load may not tell, and who comes later finds a topic without a document. */
    if (t && err != E_OK)
        topic_failed(t, err, &op->info);
    if (t)
        topic_run_loaders(t, err, &op->info);
}

void topic_load(struct topic *t, struct topic_loader *l)
{
    list_append(&t->loaders, &l->link);
    if (t->load == TOPIC_LOADED) {
        topic_run_loaders(t, E_OK, NULL);
        return;
    }
    if (t->load == TOPIC_LOADING)
        return;
    t->load = TOPIC_LOADING;
    struct topic_load_op *lo = xcalloc(1, sizeof *lo);
    lo->topic = t;
    lo->load.op.reply = t->shard->loop;
    lo->load.op.done = on_load_done;
    lo->load.topic = t->conf->num;
    t->load_op = lo;
    store_load(t->shard->engine->store, &lo->load);
}

/* ---- the gate ---- */

enum err topic_pass_gate(struct topic *t, const jval *value, const struct buf *text,
                         struct errinfo *ei)
{
    struct errinfo why = ERRINFO_INIT;

    if (!t->conf->gate)
        return E_OK;
    enum err err = gate_check(t->conf->gate, blob_view(t->document), value, text->len, &why);
    if (err == E_OK)
        return E_OK;
    drop_refused(t);
    t->refused = xcalloc(1, sizeof *t->refused);
    *t->refused = (struct topic_refused){blob_of_buf(text), clock_now_wall(), why};
    return err_set(ei, err, "%s", why.text);
}

/* ---- outcome of polls ---- */

void topic_works(struct topic *t)
{
    if (!t->error)
        return;
    event_unref(TAKE(t->error));
    count_add(COUNT_topics_failing, -1);
    log_info("topic works again", LOG_S("topic", t->conf->name));
    t->told_checked = 0;
}

void topic_checked(struct topic *t, int64_t now_wall)
{
    int64_t now = loop_now(t->shard->loop);

    t->checked_wall = now_wall;
    drop_refused(t);
    topic_state_changed(t);
    topic_works(t);
    if (t->hub_mask && now - t->told_checked >= TELL_CHECKED_US) {
        t->told_checked = now;
        TOPIC_EACH_HUB(t, to)
        hub_post_checked(to, t->conf->id, now_wall);
    }
}

void topic_failed(struct topic *t, enum err err, const struct errinfo *ei)
{
    int code = err_row(err)->channel_code;
    const char *text = err_text(ei, err);

    if (code == 0)
        code = err_row(E_POLL)->channel_code;
    topic_state_changed(t); /* the source may have asked to wait: that outlives a restart */
    if (t->error && t->error->error_code == code) {
        log_debug("poll failed again", LOG_S("topic", t->conf->name), LOG_I("code", code),
                  LOG_S("why", text));
        return;
    }
    log_warn("poll failed", LOG_S("topic", t->conf->name), LOG_I("code", code), LOG_S("why", text));
    if (!t->error)
        count_one(COUNT_topics_failing);
    event_unref(t->error);
    t->error = event_new_error(code, str_of(text), clock_now_wall(), 0);
    TOPIC_EACH_HUB(t, to)
    hub_post_event(to, t->conf->id, t->error, NULL);
}
