/*
 * Consumers of feeds and the feeds that run: how they come and go, and the one thing at a time that a
 * consumer has under way.
 */
#include "core/feed_impl.h"

#include "base/count.h"
#include "base/log.h"

/* After a start, nothing is dropped for so long, or half of the retention. */
#define GRACE_US (3600 * US_PER_S)

/* ---- one thing at a time ---- */

static void consumer_free(void *p)
{
    struct feed_consumer *c = p;

    feed_state_done(&c->state);
    feed_state_done(&c->next);
    feed_batch_forget(c);
    store_notes_done(&c->read);
    feed_wish_unref(c->wish);
    blob_unref(c->save.state);
    free(c->put.id);
    free(c->put.name);
    blob_unref(c->put.body);
    free(c->name);
    free(c);
}

static void begin(struct feed_consumer *c, feed_then_f *then)
{
    CHECK(!c->then);
    c->then = then;
    c->shard->feeds->busy++;
}

/* What was under way ended: go on with it, or free the consumer if its feed is gone. */
static void ended(struct feed_consumer *c, enum err err, const struct errinfo *ei)
{
    feed_then_f *then = c->then;

    c->then = NULL;
    c->shard->feeds->busy--;
    if (!c->feed) {
        loop_bury(c->shard->loop, c, consumer_free);
        return;
    }
    then(c, err, ei);
    feed_pump(c);
}

static void on_saved(struct store_op *op)
{
    struct feed_consumer *c = CONTAINER_OF(op, struct feed_consumer, save.op);

    blob_unrefp(&c->save.state);
    if (op->err == E_OK) {
        feed_state_done(&c->state);
        c->state = c->next;
        c->next = (struct feed_state){.at = 0};
    } else {
        feed_state_done(&c->next);
    }
    ended(c, op->err, &op->info);
}

void feed_save(struct feed_consumer *c, feed_then_f *then)
{
    begin(c, then);
    c->next.polled_wall = c->polled_wall;
    c->save.op.reply = c->shard->loop;
    c->save.op.done = on_saved;
    c->save.topic = c->num;
    c->save.expected_seq = c->head;
    c->save.state = feed_state_encode(&c->next);
    store_commit(c->shard->engine->store, &c->save);
}

static void on_read(struct store_op *op)
{
    struct feed_consumer *c = CONTAINER_OF(op, struct feed_consumer, read.op);

    ended(c, op->err, &op->info);
}

void feed_read(struct feed_consumer *c, feed_then_f *then)
{
    begin(c, then);
    c->read.op.reply = c->shard->loop;
    c->read.op.done = on_read;
    c->read.wanted = feed_wish_takes_all(c->wish) ? NULL : feed_wish_wants;
    c->read.arg = c->wish;
    store_notes(c->shard->engine->store, &c->read);
}

static void on_found(struct store_op *op)
{
    struct feed_consumer *c = CONTAINER_OF(op, struct feed_consumer, find.op);

    ended(c, op->err, &op->info);
}

void feed_seek(struct feed_consumer *c, int64_t time_wall, feed_then_f *then)
{
    begin(c, then);
    c->find.op.reply = c->shard->loop;
    c->find.op.done = on_found;
    c->find.time_wall = time_wall;
    store_notes_at(c->shard->engine->store, &c->find);
}

/* ---- life ---- */

struct feed_consumer *feed_consumer_find(struct feed *f, struct str name)
{
    LIST_EACH (n, &f->consumers) {
        struct feed_consumer *c = LIST_ITEM(n, struct feed_consumer, link);
        if (str_eqz(name, c->name))
            return c;
    }
    return NULL;
}

/* The server may have been away as well: who comes back with it finds everything there. */
static int64_t polled_at_least(const struct feed_conf *conf)
{
    int64_t retention = feed_conf_retention(conf);

    return clock_now_wall() - retention + MIN(retention / 2, GRACE_US);
}

/* Without a state that can be read it begins where it began once. */
static void restore(struct feed_consumer *c, struct str state, uint64_t since)
{
    if (state.p && feed_state_decode(state, &c->state)) {
        c->wish = feed_wish_new(c->feed->conf, c->state.filter);
        return;
    }
    if (state.p)
        log_error("the state of a consumer cannot be read: it begins anew",
                  LOG_S("feed", c->feed->conf->config.id), LOG_S("consumer", c->name));
    c->state = (struct feed_state){.at = since};
}

struct feed_consumer *feed_consumer_new(struct feed *f, struct str name, uint64_t num,
                                        uint64_t head, struct str state, uint64_t since)
{
    struct feed_consumer *c = xcalloc(1, sizeof *c);

    c->feed = f;
    c->shard = f->shard;
    c->name = str_dup(name);
    c->num = num;
    c->head = head;
    list_init(&c->asks);
    list_init(&c->idle);
    restore(c, state, since);
    c->polled_wall = MAX(c->state.polled_wall, polled_at_least(f->conf));
    list_append(&f->consumers, &c->link);
    count_one(COUNT_feed_consumers);
    return c;
}

static void on_created(struct feed_consumer *c, enum err err, const struct errinfo *ei)
{
    if (err == E_OK) {
        c->num = c->put.num;
        c->head = c->put.seq;
        return;
    }
    log_warn("a consumer of a feed cannot be stored", LOG_S("feed", c->feed->conf->config.id),
             LOG_S("consumer", c->name), LOG_S("why", err_text(ei, err)));
    feed_consumer_part(c, false, err, ei);
}

static void on_put(struct store_op *op)
{
    struct feed_consumer *c = CONTAINER_OF(op, struct feed_consumer, put.op);

    if (op->err == E_OK && !c->feed)
        feed_record_delete(c->shard, FEED_CONSUMER_KIND, c->put.id);
    ended(c, op->err, &op->info);
}

/* It begins where the feed's own consumer stands. */
struct feed_consumer *feed_consumer_create(struct feed *f, struct str name)
{
    uint64_t since = feed_own_consumer(f)->state.at;
    struct feed_consumer *c = feed_consumer_new(f, name, 0, 0, STR_NONE, since);
    AUTO(buf_done) struct buf body = BUF_INIT;

    c->polled_wall = clock_now_wall();
    begin(c, on_created);
    buf_printf(&body, "{\"since\":%llu}", (unsigned long long)since);
    c->put.op.reply = f->shard->loop;
    c->put.op.done = on_put;
    c->put.kind = FEED_CONSUMER_KIND;
    c->put.id = xasprintf("%s/%s", f->conf->config.id, c->name);
    c->put.name = xstrdup(c->put.id);
    c->put.body = blob_of_buf(&body);
    store_put(f->shard->engine->store, &c->put);
    return c;
}

static void refuse_all(struct list *asks, enum err err, const struct errinfo *ei)
{
    while (!list_empty(asks))
        feed_answer(LIST_ITEM(asks->next, struct feed_ask, link_), err, ei);
}

void feed_consumer_part(struct feed_consumer *c, bool record, enum err err,
                        const struct errinfo *ei)
{
    if (record && c->num)
        feed_record_delete(c->shard, FEED_CONSUMER_KIND, c->put.id);
    feed_answer_current(c, err, ei);
    refuse_all(&c->asks, err, ei);
    refuse_all(&c->idle, err, ei);
    list_remove(&c->link);
    c->feed = NULL;
    count_add(COUNT_feed_consumers, -1);
    if (!c->then)
        loop_bury(c->shard->loop, c, consumer_free);
}

struct feed *feed_new(struct shard *sh, struct feed_conf *conf, uint64_t head, struct str state)
{
    struct feed *f = xcalloc(1, sizeof *f);

    f->shard = sh;
    f->conf = feed_conf_ref(conf);
    list_init(&f->consumers);
    struct feed_consumer *own = feed_consumer_new(f, STR(""), conf->num, head, state, conf->since);
    if (!state.p)
        own->polled_wall = clock_now_wall();
    map_put(&sh->feeds->running, str_of(conf->config.id), f);
    return f;
}

/* The batches that are open stay as they are. */
void feed_conf_changed(struct feed *f, struct feed_conf *conf)
{
    feed_conf_unref(f->conf);
    f->conf = feed_conf_ref(conf);
    LIST_EACH (n, &f->consumers) {
        struct feed_consumer *c = LIST_ITEM(n, struct feed_consumer, link);
        c->ahead = false;
    }
}

void feed_free(struct feed *f, bool records)
{
    struct errinfo ei = ERRINFO_INIT;
    enum err err = err_set(&ei, E_NOT_FOUND, "the feed was deleted");

    map_remove(&f->shard->feeds->running, str_of(f->conf->config.id));
    while (!list_empty(&f->consumers)) {
        struct feed_consumer *c = feed_own_consumer(f);
        feed_consumer_part(c, records && c->name[0], err, &ei);
    }
    feed_conf_unref(f->conf);
    free(f);
}

void feed_close(struct feed *f)
{
    map_remove(&f->shard->feeds->running, str_of(f->conf->config.id));
    while (!list_empty(&f->consumers)) {
        struct feed_consumer *c = feed_own_consumer(f);
        list_remove(&c->link);
        count_add(COUNT_feed_consumers, -1);
        consumer_free(c);
    }
    feed_conf_unref(f->conf);
    free(f);
}
