/*
 * The directory of topics: the same on every loop, changed in one order for all.
 *
 * Every change goes through the first loop: it stores the change and, when that is durable, spreads
 * it to all loops (core/spread.h), so all see all changes in the order in which they became
 * durable. When the last has, the loop that asked is told.
 */
#include "base/count.h"
#include "base/seal.h"
#include "base/trace.h"
#include "core/fetch_share.h"
#include "core/limits.h"
#include "core/spread.h"
#include "core/subscription.h"
#include "core/topic.h"

struct directory_change {
    struct shard *asker;
    struct topic_conf *conf;
    bool remove;
    bool is_new;
    struct store_put put;
    struct store_delete del;
    directory_done_f *done;
    void *arg;
    struct mail mail; /* to the first loop and back */
};

/* ---- the maps of one loop ---- */

struct topic_conf *directory_find_id(struct shard *sh, struct str id)
{
    return map_get(&sh->by_id, id);
}

struct topic_conf *directory_find(struct shard *sh, struct str id_or_name)
{
    struct topic_conf *c = uuid_is_valid(id_or_name) ? map_get(&sh->by_id, id_or_name) : NULL;

    return c ? c : map_get(&sh->by_name, id_or_name);
}

static void unref_later(void *p)
{
    topic_conf_unref(p);
}

void directory_remove(struct shard *sh, const char *id)
{
    struct topic_conf *c = map_remove(&sh->by_id, str_of(id));

    if (!c)
        return;
    fetch_share_leave(sh, c);
    name_order_remove(&sh->order, c);
    /* Another topic may have taken the name already. */
    if (map_get(&sh->by_name, str_of(c->name)) == c)
        map_remove(&sh->by_name, str_of(c->name));
    loop_bury(sh->loop, c, unref_later);
}

void directory_put(struct shard *sh, struct topic_conf *c)
{
    directory_remove(sh, c->id);
    map_put(&sh->by_id, str_of(c->id), topic_conf_ref(c));
    map_put(&sh->by_name, str_of(c->name), c);
    name_order_add(&sh->order, c);
    fetch_share_enter(sh, c);
}

void directory_loaded(struct shard *sh)
{
    name_order_sort(&sh->order);
}

/* ---- topics that were ---- */

struct deleted_ids {
    size_t next; /* written so far; the oldest is overwritten */
    char ids[LIMIT_DELETED_TOPICS][UUID_LEN];
};

static void remember_deleted(struct shard *sh, const char *id)
{
    struct deleted_ids *d = sh->deleted;

    if (!d)
        d = sh->deleted = xcalloc(1, sizeof *d);
    memcpy(d->ids[d->next++ % LIMIT_DELETED_TOPICS], id, UUID_LEN);
}

bool directory_was_deleted(const struct shard *sh, struct str id)
{
    const struct deleted_ids *d = sh->deleted;

    if (!d || id.n != UUID_LEN)
        return false;
    for (size_t i = 0; i < MIN(d->next, (size_t)LIMIT_DELETED_TOPICS); i++) {
        if (memcmp(d->ids[i], id.p, UUID_LEN) == 0)
            return true;
    }
    return false;
}

/* ---- a change on its way ---- */

static void change_free(void *p)
{
    struct directory_change *ch = p;

    topic_conf_unref(ch->conf);
    free(ch->put.id);
    free(ch->put.name);
    blob_unref(ch->put.body);
    free(ch->del.id);
    free(ch);
}

static void on_told(struct mail *m)
{
    struct directory_change *ch = CONTAINER_OF(m, struct directory_change, mail);
    const struct store_op *op = ch->remove ? &ch->del.op : &ch->put.op;

    ch->done(ch->arg, op->err, &op->info, ch->conf);
    loop_bury(ch->asker->loop, ch, change_free);
}

static void on_applied(void *arg)
{
    struct directory_change *ch = arg;

    loop_post(ch->asker->loop, &ch->mail, on_told);
}

static void apply_to_owner(struct shard *sh, struct directory_change *ch)
{
    struct topic *t = topic_find(sh, ch->conf->id);

    if (ch->remove) {
        if (t)
            topic_delete(t);
    } else if (t) {
        topic_conf_changed(t, ch->conf);
    } else {
        t = topic_new(sh, ch->conf, &(struct store_head){.seq = ch->put.seq});
        poller_update(&t->poller);
    }
}

static void on_apply(struct shard *sh, void *arg)
{
    struct directory_change *ch = arg;

    if (ch->remove) {
        subscription_dir_topic_deleted(sh, ch->conf->id);
        directory_remove(sh, ch->conf->id);
        remember_deleted(sh, ch->conf->id);
    } else {
        directory_put(sh, ch->conf);
    }
    if (shard_owner(sh->engine, ch->conf->id) == sh)
        apply_to_owner(sh, ch);
}

static void stored(struct directory_change *ch, enum err err)
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
    trace(topic, "%s: %s, revision %llu", ch->conf->name, ch->remove ? "removed" : "stored",
          (unsigned long long)ch->conf->rev);
    /* The owner first: whoever sees the topic on another loop finds that its owner knows it. */
    spread_start(e, shard_owner(e, ch->conf->id), on_apply, on_applied, ch);
}

static void on_put(struct store_op *op)
{
    stored(CONTAINER_OF(op, struct directory_change, put.op), op->err);
}

static void on_deleted(struct store_op *op)
{
    stored(CONTAINER_OF(op, struct directory_change, del.op), op->err);
}

static void on_asked(struct mail *m)
{
    struct directory_change *ch = CONTAINER_OF(m, struct directory_change, mail);
    struct store *store = ch->asker->engine->store;

    if (ch->remove)
        store_delete(store, &ch->del);
    else
        store_put(store, &ch->put);
}

static struct directory_change *change_new(struct shard *sh, struct topic_conf *c,
                                           directory_done_f *done, void *arg)
{
    struct directory_change *ch = xcalloc(1, sizeof *ch);

    ch->asker = sh;
    ch->conf = topic_conf_ref(c);
    ch->done = done;
    ch->arg = arg;
    return ch;
}

static void init_op(struct directory_change *ch, struct store_op *op, store_done_f *done)
{
    op->reply = ch->asker->engine->shards[0]->loop;
    op->done = done;
}

void directory_store(struct shard *sh, struct topic_conf *c, const struct topic_conf *was,
                     directory_done_f *done, void *arg)
{
    struct directory_change *ch = change_new(sh, c, done, arg);

    init_op(ch, &ch->put.op, on_put);
    ch->put.kind = "topic";
    ch->put.id = xstrdup(c->id);
    ch->put.name = xstrdup(c->name);
    ch->put.body = seal_make(sh->engine->seal, blob_view(c->json));
    ch->put.expected_rev = was ? was->rev : 0;
    ch->put.id_given = !was && c->id_given;
    loop_post(sh->engine->shards[0]->loop, &ch->mail, on_asked);
}

static void delete (struct shard *sh, struct topic_conf *c, uint64_t rev, directory_done_f *done,
                    void *arg)
{
    struct directory_change *ch = change_new(sh, c, done, arg);

    ch->remove = true;
    init_op(ch, &ch->del.op, on_deleted);
    ch->del.kind = "topic";
    ch->del.id = xstrdup(c->id);
    ch->del.expected_rev = rev;
    loop_post(sh->engine->shards[0]->loop, &ch->mail, on_asked);
}

void directory_delete(struct shard *sh, struct topic_conf *c, directory_done_f *done, void *arg)
{
    delete (sh, c, 0, done, arg);
}

void directory_delete_unchanged(struct shard *sh, struct topic_conf *c, directory_done_f *done,
                                void *arg)
{
    delete (sh, c, c->rev, done, arg);
}
