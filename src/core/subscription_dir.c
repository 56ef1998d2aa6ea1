/*
 * The settings of all subscriptions: the same on every loop, changed in one order for all, as the
 * directory of topics is (core/directory.c), and behind its changes: what a loop hears of a
 * subscription comes after what it hears of its topic.
 */
#include "base/log.h"
#include "base/seal.h"
#include "base/trace.h"
#include "core/spread.h"
#include "core/subscription.h"
#include "core/topic.h"

#define KIND "subscription"

struct subscription_change {
    struct shard *asker;
    struct subscription_conf *conf;
    bool remove;
    struct store_put put;
    struct store_delete del;
    subscription_done_f *done;
    void *arg;
    struct mail mail; /* to the first loop and back */
};

static subscription_gone_f *gone;

void subscription_on_gone(subscription_gone_f *fn)
{
    gone = fn;
}

/* ---- the map of one loop ---- */

struct subscription_conf *subscription_find(struct shard *sh, struct str id)
{
    return map_get(&sh->subscriptions, id);
}

static void unref_later(void *p)
{
    subscription_conf_unref(p);
}

void subscription_dir_remove(struct shard *sh, const char *id)
{
    struct subscription_conf *c = map_remove(&sh->subscriptions, str_of(id));

    if (c)
        loop_bury(sh->loop, c, unref_later);
}

static void dir_put(struct shard *sh, struct subscription_conf *c)
{
    subscription_dir_remove(sh, c->id);
    map_put(&sh->subscriptions, str_of(c->id), subscription_conf_ref(c));
}

void subscription_loaded(struct engine *e, struct subscription_conf *c,
                         const struct store_head *head)
{
    struct topic *t = topic_find(shard_owner(e, c->topic), c->topic);

    for (unsigned i = 0; i < e->shard_count; i++)
        dir_put(e->shards[i], c);
    (void)subscription_new(t, c, head);
}

/* ---- a change on its way ---- */

static void change_free(void *p)
{
    struct subscription_change *ch = p;

    atomic_fetch_sub(&ch->asker->engine->subscription_changes, 1);
    subscription_conf_unref(ch->conf);
    free(ch->put.id);
    free(ch->put.name);
    blob_unref(ch->put.body);
    free(ch->del.id);
    free(ch);
}

static struct subscription_change *change_new(struct shard *sh, struct subscription_conf *c,
                                              subscription_done_f *done, void *arg)
{
    struct subscription_change *ch = xcalloc(1, sizeof *ch);

    atomic_fetch_add(&sh->engine->subscription_changes, 1);
    ch->asker = sh;
    ch->conf = subscription_conf_ref(c);
    ch->done = done;
    ch->arg = arg;
    return ch;
}

/* What was stored of one whose topic is gone, also by a stop in between, is not loaded again. */
static void on_orphan_deleted(struct store_op *op)
{
    struct subscription_change *ch = CONTAINER_OF(op, struct subscription_change, del.op);

    if (op->err != E_OK && op->err != E_NOT_FOUND)
        log_warn("the subscription of a deleted topic could not be removed",
                 LOG_S("subscription", ch->conf->id), LOG_S("why", err_text(&op->info, op->err)));
    change_free(ch);
}

void subscription_forget(struct engine *e, struct subscription_conf *c)
{
    struct subscription_change *ch = change_new(e->shards[0], c, NULL, NULL);

    ch->del.op.reply = e->shards[0]->loop;
    ch->del.op.done = on_orphan_deleted;
    ch->del.kind = KIND;
    ch->del.id = xstrdup(c->id);
    store_delete(e->store, &ch->del);
}

static void on_told(struct mail *m)
{
    struct subscription_change *ch = CONTAINER_OF(m, struct subscription_change, mail);
    const struct store_op *op = ch->remove ? &ch->del.op : &ch->put.op;

    if (ch->done)
        ch->done(ch->arg, op->err, &op->info, ch->conf);
    loop_bury(ch->asker->loop, ch, change_free);
}

static void on_all_told(void *arg)
{
    struct subscription_change *ch = arg;

    loop_post(ch->asker->loop, &ch->mail, on_told);
}

static void apply_to_owner(struct topic *t, struct subscription_change *ch)
{
    struct subscription *s = subscription_of(t, ch->conf->id);

    if (ch->remove) {
        if (s)
            subscription_free(s);
    } else if (s) {
        subscription_conf_changed(s, ch->conf);
    } else {
        s = subscription_new(t, ch->conf, &(struct store_head){.seq = ch->put.seq});
        subscription_run(s);
    }
}

/* The topic was deleted while the change was on its way to disk. */
static void topic_was_quicker(struct shard *sh, struct subscription_change *ch)
{
    if (sh->index > 0 || ch->remove)
        return;
    ch->put.op.err = err_set(&ch->put.op.info, E_NOT_FOUND, "the topic was deleted");
    subscription_forget(sh->engine, ch->conf);
}

static void on_each(struct shard *sh, void *arg)
{
    struct subscription_change *ch = arg;
    struct topic *t = topic_find(sh, ch->conf->topic);

    if (!directory_find_id(sh, str_of(ch->conf->topic))) {
        topic_was_quicker(sh, ch);
        return;
    }
    if (ch->remove)
        subscription_dir_remove(sh, ch->conf->id);
    else
        dir_put(sh, ch->conf);
    if (t)
        apply_to_owner(t, ch);
    if (gone && (ch->remove || ch->conf->status == SUBSCRIPTION_SUSPENDED))
        gone(sh, ch->conf);
}

static void stored(struct subscription_change *ch, enum err err)
{
    struct engine *e = ch->asker->engine;

    if (err != E_OK) {
        loop_post(ch->asker->loop, &ch->mail, on_told);
        return;
    }
    if (!ch->remove) {
        ch->conf->num = ch->put.num;
        ch->conf->rev = ch->put.rev;
    }
    trace(topic, "subscription %s: %s", ch->conf->id, ch->remove ? "removed" : "stored");
    spread_start(e, shard_owner(e, ch->conf->topic), on_each, on_all_told, ch);
}

static void on_put(struct store_op *op)
{
    stored(CONTAINER_OF(op, struct subscription_change, put.op), op->err);
}

static void on_deleted(struct store_op *op)
{
    stored(CONTAINER_OF(op, struct subscription_change, del.op), op->err);
}

static void on_asked(struct mail *m)
{
    struct subscription_change *ch = CONTAINER_OF(m, struct subscription_change, mail);
    struct store *store = ch->asker->engine->store;

    if (ch->remove) {
        store_delete(store, &ch->del);
        return;
    }
    if (directory_find_id(ch->asker->engine->shards[0], str_of(ch->conf->topic))) {
        store_put(store, &ch->put);
        return;
    }
    ch->put.op.err = err_set(&ch->put.op.info, E_NOT_FOUND, "the topic was deleted");
    loop_post(ch->asker->loop, &ch->mail, on_told);
}

void subscription_store(struct shard *sh, struct subscription_conf *c,
                        const struct subscription_conf *was, subscription_done_f *done, void *arg)
{
    struct subscription_change *ch = change_new(sh, c, done, arg);
    struct blob *record = subscription_conf_record(c);

    ch->put.op.reply = sh->engine->shards[0]->loop;
    ch->put.op.done = on_put;
    ch->put.kind = KIND;
    ch->put.id = xstrdup(c->id);
    ch->put.name = xstrdup(c->id);
    ch->put.body = seal_make(sh->engine->seal, blob_view(record));
    ch->put.expected_rev = was ? was->rev : 0;
    blob_unref(record);
    loop_post(sh->engine->shards[0]->loop, &ch->mail, on_asked);
}

void subscription_remove(struct shard *sh, struct subscription_conf *c, uint64_t rev,
                         subscription_done_f *done, void *arg)
{
    struct subscription_change *ch = change_new(sh, c, done, arg);

    ch->remove = true;
    ch->del.op.reply = sh->engine->shards[0]->loop;
    ch->del.op.done = on_deleted;
    ch->del.kind = KIND;
    ch->del.id = xstrdup(c->id);
    ch->del.expected_rev = rev;
    loop_post(sh->engine->shards[0]->loop, &ch->mail, on_asked);
}

/* ---- with the topic ---- */

void subscription_dir_topic_deleted(struct shard *sh, const char *topic_id)
{
    AUTO(buf_done) struct buf found = BUF_INIT;
    struct subscription_conf *c;

    for (size_t i = 0; (c = map_next(&sh->subscriptions, &i));) {
        if (strcmp(c->topic, topic_id) == 0)
            buf_append(&found, (const char *)&c, sizeof c);
    }
    for (size_t at = 0; at < found.len; at += sizeof c) {
        memcpy(&c, found.p + at, sizeof c);
        if (sh->index == 0)
            subscription_forget(sh->engine, c);
        subscription_dir_remove(sh, c->id);
    }
}
