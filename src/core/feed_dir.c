/*
 * The settings of all feeds: the same on every loop, changed in one order for all, as those of
 * subscriptions are (core/subscription_dir.c). And the feeds that run on a loop, from their records.
 */
#include "core/feed_impl.h"

#include "base/log.h"
#include "base/seal.h"
#include "base/trace.h"
#include "core/limits.h"
#include "core/spread.h"
#include "core/topic.h"

struct feed_change {
    struct shard *asker;
    struct feed_conf *conf;
    bool remove;
    struct store_put put;
    struct store_delete del;
    feed_done_f *done; /* NULL: nobody waits */
    void *arg;
    struct mail mail; /* to the first loop and back */
};

/* ---- the map of one loop ---- */

struct feed_conf *feed_find(struct shard *sh, struct str id)
{
    return map_get(&sh->feeds->confs, id);
}

static int by_id(const void *a, const void *b)
{
    const struct feed_conf *const *x = a, *const *y = b;

    return strcmp((*x)->config.id, (*y)->config.id);
}

struct feed_conf **feed_all(struct shard *sh, size_t *ret_count)
{
    struct feeds *fs = sh->feeds;
    struct feed_conf **all = xcalloc(fs->confs.count + 1, sizeof(struct feed_conf *));
    struct feed_conf *c;
    size_t count = 0;

    for (size_t i = 0; (c = map_next(&fs->confs, &i));)
        all[count++] = c;
    qsort(all, count, sizeof(struct feed_conf *), by_id);
    *ret_count = count;
    return all;
}

size_t feed_count(const struct shard *sh)
{
    return sh->feeds->confs.count;
}

static void unref_later(void *p)
{
    feed_conf_unref(p);
}

static void dir_remove(struct shard *sh, struct str id)
{
    struct feed_conf *c = map_remove(&sh->feeds->confs, id);

    if (!c)
        return;
    sh->feeds->active -= c->active;
    loop_bury(sh->loop, c, unref_later);
}

static void dir_put(struct shard *sh, struct feed_conf *c)
{
    dir_remove(sh, str_of(c->config.id));
    map_put(&sh->feeds->confs, str_of(c->config.id), feed_conf_ref(c));
    sh->feeds->active += c->active;
}

static void put_default(struct shard *sh)
{
    struct feed_conf *c = feed_conf_default();

    dir_put(sh, c);
    feed_conf_unref(c);
}

bool feeds_cover(const struct shard *sh, const struct topic_conf *topic)
{
    const struct feed_conf *c;

    if (!sh->feeds->active)
        return false;
    for (size_t i = 0; (c = map_next(&sh->feeds->confs, &i));) {
        if (c->active && feed_conf_covers(c, str_of(topic->id), str_of(topic->name)))
            return true;
    }
    return false;
}

/* ---- a change on its way ---- */

static void change_free(void *p)
{
    struct feed_change *ch = p;

    ch->asker->feeds->busy--;
    feed_conf_unref(ch->conf);
    free(ch->put.id);
    free(ch->put.name);
    blob_unref(ch->put.body);
    free(ch->del.id);
    free(ch);
}

static struct feed_change *change_new(struct shard *sh, struct feed_conf *c, feed_done_f *done,
                                      void *arg)
{
    struct feed_change *ch = xcalloc(1, sizeof *ch);

    ch->asker = sh;
    ch->conf = feed_conf_ref(c);
    ch->done = done;
    ch->arg = arg;
    sh->feeds->busy++;
    return ch;
}

static void on_told(struct mail *m)
{
    struct feed_change *ch = CONTAINER_OF(m, struct feed_change, mail);
    const struct store_op *op = ch->remove ? &ch->del.op : &ch->put.op;

    ch->done(ch->arg, op->err, &op->info, ch->conf);
    loop_bury(ch->asker->loop, ch, change_free);
}

static void on_all_told(void *arg)
{
    struct feed_change *ch = arg;

    loop_post(ch->asker->loop, &ch->mail, on_told);
}

static void apply_to_owner(struct shard *sh, struct feed_change *ch)
{
    struct feed *f = map_get(&sh->feeds->running, str_of(ch->conf->config.id));

    if (ch->remove) {
        if (f)
            feed_free(f, true);
    } else if (f) {
        feed_conf_changed(f, ch->conf);
    } else {
        (void)feed_new(sh, ch->conf, ch->put.seq, STR_NONE);
    }
}

/* Topics that are polled for feeds alone. */
static void update_pollers(struct shard *sh)
{
    struct topic *t;

    for (size_t i = 0; (t = map_next(&sh->topics, &i));) {
        if (!t->conf->always_on)
            poller_update(&t->poller);
    }
}

static void on_each(struct shard *sh, void *arg)
{
    struct feed_change *ch = arg;
    struct str id = str_of(ch->conf->config.id);

    if (!ch->remove)
        dir_put(sh, ch->conf);
    else if (str_eqz(id, FEED_ALL))
        put_default(sh);
    else
        dir_remove(sh, id);
    if (sh == feed_owner(sh->engine, id))
        apply_to_owner(sh, ch);
    update_pollers(sh);
}

static void stored(struct feed_change *ch, enum err err)
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
    trace(topic, "feed %s: %s", ch->conf->config.id, ch->remove ? "removed" : "stored");
    spread_start(e, feed_owner(e, str_of(ch->conf->config.id)), on_each, on_all_told, ch);
}

static void on_put(struct store_op *op)
{
    stored(CONTAINER_OF(op, struct feed_change, put.op), op->err);
}

static void on_deleted(struct store_op *op)
{
    stored(CONTAINER_OF(op, struct feed_change, del.op), op->err);
}

static void on_asked(struct mail *m)
{
    struct feed_change *ch = CONTAINER_OF(m, struct feed_change, mail);
    struct store *store = ch->asker->engine->store;

    if (ch->remove)
        store_delete(store, &ch->del);
    else
        store_put(store, &ch->put);
}

void feed_store(struct shard *sh, struct feed_conf *c, const struct feed_conf *was,
                feed_done_f *done, void *arg)
{
    struct feed_change *ch = change_new(sh, c, done, arg);
    struct blob *record = feed_conf_record(c);

    ch->put.op.reply = sh->engine->shards[0]->loop;
    ch->put.op.done = on_put;
    ch->put.kind = FEED_KIND;
    ch->put.id = xstrdup(c->config.id);
    ch->put.name = xstrdup(c->config.id);
    ch->put.body = seal_make(sh->engine->seal, blob_view(record));
    ch->put.expected_rev = was ? was->rev : 0;
    blob_unref(record);
    loop_post(sh->engine->shards[0]->loop, &ch->mail, on_asked);
}

void feed_remove(struct shard *sh, struct feed_conf *c, uint64_t rev, feed_done_f *done, void *arg)
{
    struct feed_change *ch = change_new(sh, c, done, arg);

    ch->remove = true;
    ch->del.op.reply = sh->engine->shards[0]->loop;
    ch->del.op.done = on_deleted;
    ch->del.kind = FEED_KIND;
    ch->del.id = xstrdup(c->config.id);
    ch->del.expected_rev = rev;
    loop_post(sh->engine->shards[0]->loop, &ch->mail, on_asked);
}

/* ---- records nobody waits for ---- */

struct forgetting {
    struct store_delete op;
    struct shard *shard;
};

static void on_forgotten(struct store_op *op)
{
    struct forgetting *fo = CONTAINER_OF(op, struct forgetting, op.op);

    if (op->err != E_OK && op->err != E_NOT_FOUND)
        log_warn("a record of feeds could not be removed", LOG_S("id", fo->op.id),
                 LOG_S("why", err_text(&op->info, op->err)));
    fo->shard->feeds->busy--;
    free(fo->op.id);
    free(fo);
}

void feed_record_delete(struct shard *sh, const char *kind, const char *id)
{
    struct forgetting *fo = xcalloc(1, sizeof *fo);

    fo->shard = sh;
    fo->op.op.reply = sh->loop;
    fo->op.op.done = on_forgotten;
    fo->op.kind = kind;
    fo->op.id = xstrdup(id);
    sh->feeds->busy++;
    store_delete(sh->engine->store, &fo->op);
}

/* ---- start ---- */

struct loading {
    struct engine *engine;
    bool skipped;       /* a feed could not be loaded */
    struct buf orphans; /* ids of consumers without a feed, one to a line */
};

static enum err load_conf(const struct engine *e, const struct store_record *r,
                          struct feed_conf **ret, struct errinfo *ei)
{
    AUTO(buf_done) struct buf plain = BUF_INIT;
    enum err err = seal_undo(e->seal, r->body, &plain, ei);

    return err == E_OK ? feed_conf_load(buf_view(&plain), r->num, r->rev, ret, ei) : err;
}

/* A record that this version cannot read stays in the store for one that can. */
static void on_feed(const struct store_record *r, const struct store_head *head, void *arg)
{
    struct loading *l = arg;
    struct engine *e = l->engine;
    struct errinfo ei = ERRINFO_INIT;
    AUTO(feed_conf_unrefp) struct feed_conf *c = NULL;
    enum err err = load_conf(e, r, &c, &ei);

    if (err != E_OK) {
        l->skipped = true;
        log_error("a stored feed cannot be loaded and is left alone", LOG_STR("id", r->id),
                  LOG_S("why", err_text(&ei, err)));
        return;
    }
    for (unsigned i = 0; i < e->shard_count; i++)
        dir_put(e->shards[i], c);
    (void)feed_new(feed_owner(e, r->id), c, head->seq, head->state);
}

static uint64_t stored_since(struct str body)
{
    AUTO(jdoc_freep) struct jdoc *doc = NULL;
    int64_t since = 0;

    if (jdoc_parse(body, NULL, &doc, NULL) == E_OK)
        (void)jv_i64(jv_getz(jdoc_root(doc), "since"), &since);
    return (uint64_t)MAX(since, 0);
}

static void on_consumer(const struct store_record *r, const struct store_head *head, void *arg)
{
    struct loading *l = arg;
    struct str name = r->id, id = str_split(&name, '/');
    struct shard *sh = feed_owner(l->engine, id);
    struct feed *f = map_get(&sh->feeds->running, id);

    if (!f) {
        buf_append(&l->orphans, r->id.p, r->id.n);
        buf_putc(&l->orphans, '\n');
        return;
    }
    struct feed_consumer *c =
        feed_consumer_new(f, name, r->num, head->seq, head->state, stored_since(r->body));
    c->put.id = str_dup(r->id);
}

enum err feeds_load(struct engine *e, struct errinfo *ei)
{
    struct loading l = {.engine = e};

    for (unsigned i = 0; i < e->shard_count; i++)
        put_default(e->shards[i]);
    enum err err = store_each_record(e->store, STR(FEED_KIND), on_feed, &l, ei);
    if (err == E_OK)
        err = store_each_record(e->store, STR(FEED_CONSUMER_KIND), on_consumer, &l, ei);
    /* Their feeds were deleted right before a stop, unless there are feeds that were not loaded. */
    if (err == E_OK && !l.skipped)
        buf_str(&e->shards[0]->feeds->orphans, buf_view(&l.orphans));
    buf_done(&l.orphans);
    return err;
}

/* ---- life ---- */

struct feeds *feeds_new(struct shard *sh)
{
    struct feeds *fs = xcalloc(1, sizeof *fs);

    timer_init(&fs->tend, feed_on_tend, sh);
    return fs;
}

static void drop_orphans(struct shard *sh)
{
    struct str rest = buf_view(&sh->feeds->orphans);

    while (rest.n) {
        AUTO_FREE char *id = str_dup(str_split(&rest, '\n'));
        feed_record_delete(sh, FEED_CONSUMER_KIND, id);
    }
    buf_done(&sh->feeds->orphans);
}

void feeds_start(struct shard *sh)
{
    drop_orphans(sh);
    if (!timer_is_set(&sh->feeds->tend))
        timer_set(sh->loop, &sh->feeds->tend, loop_now(sh->loop) + US_PER_S);
}

void feeds_drain(struct shard *sh)
{
    struct feed *f;

    sh->feeds->draining = true;
    timer_clear(sh->loop, &sh->feeds->tend);
    for (size_t i = 0; (f = map_next(&sh->feeds->running, &i));) {
        LIST_EACH (n, &f->consumers) {
            struct feed_consumer *c = LIST_ITEM(n, struct feed_consumer, link);
            while (!list_empty(&c->idle))
                feed_answer(LIST_ITEM(c->idle.next, struct feed_ask, link_), E_OK, NULL);
        }
    }
}

bool feeds_quiet(const struct shard *sh)
{
    return sh->feeds->busy == 0;
}

void feeds_free(struct shard *sh)
{
    struct feeds *fs = sh->feeds;
    struct feed_conf *c;
    struct feed *f;

    timer_clear(sh->loop, &fs->tend);
    for (size_t i = 0; (f = map_next(&fs->running, &i)); i = 0)
        feed_close(f);
    for (size_t i = 0; (c = map_next(&fs->confs, &i));)
        feed_conf_unref(c);
    buf_done(&fs->orphans);
    map_done(&fs->running);
    map_done(&fs->confs);
    free(fs);
    sh->feeds = NULL;
}
