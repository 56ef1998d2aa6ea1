#include "core/feed_impl.h"

#include "base/count.h"
#include "base/log.h"
#include "core/limits.h"

/* After a start, nothing is dropped for so long, or half of the retention. */
#define GRACE_US (3600 * US_PER_S)

/* ---- wishes ---- */

static bool wish_is(const struct feed_wish *w, const struct feed_conf *conf, char *const *types,
                    size_t count)
{
    if (!w || w->conf != conf || w->type_count != count)
        return false;
    for (size_t i = 0; i < count; i++)
        if (strcmp(w->types[i], types[i]) != 0)
            return false;
    return true;
}

/* Nothing is being read. What another wish passed over is passed over. */
static void set_wish(struct feed_consumer *c, char *const *types, size_t count)
{
    if (wish_is(c->wish, c->feed->conf, types, count))
        return;
    feed_wish_unref(c->wish);
    c->wish = feed_wish_new(c->feed->conf, types, count);
    c->ahead = false;
}

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
    c->read.wanted = c->wish->conf->everything && !c->wish->type_count ? NULL : feed_wish_wants;
    c->read.arg = c->wish;
    store_notes(c->shard->engine->store, &c->read);
}

/* ---- answers ---- */

static void unwait(struct feed_ask *a)
{
    if (!timer_is_set(&a->timer_))
        return;
    timer_clear(a->consumer_->shard->loop, &a->timer_);
    atomic_fetch_sub(&a->consumer_->shard->feeds->waiting, 1);
}

void feed_answer(struct feed_ask *a, enum err err, const struct errinfo *ei)
{
    list_remove(&a->link_);
    if (a->consumer_) {
        unwait(a);
        a->consumer_->asked--;
        if (a->consumer_->current == a)
            a->consumer_->current = NULL;
    }
    a->consumer_ = NULL;
    a->err = err;
    if (err != E_OK && ei)
        a->info = *ei;
    a->answered(a);
}

void feed_ask_cancel(struct feed_ask *a)
{
    /* What is being carried out ends first. */
    if (a->consumer_ && list_linked(&a->link_))
        feed_answer(a, E_OK, NULL);
}

void feed_ask_done(struct feed_ask *a)
{
    blob_unrefp(&a->body);
    for (size_t i = 0; i < a->type_count; i++)
        free(a->types[i]);
    free(a->types);
    a->types = NULL;
    a->type_count = 0;
}

static void answer_current(struct feed_consumer *c, enum err err, const struct errinfo *ei)
{
    if (c->current)
        feed_answer(c->current, err, ei);
}

/* ---- waiting ---- */

static void on_time(struct timer *t, void *arg)
{
    struct feed_ask *a = arg;
    struct feed_consumer *c = a->consumer_;

    (void)t;
    /* It was set, and is counted until it is taken back: see unwait(). */
    atomic_fetch_sub(&c->shard->feeds->waiting, 1);
    list_remove(&a->link_);
    list_append(&c->asks, &a->link_);
    feed_pump(c);
}

void feed_nothing(struct feed_consumer *c, struct feed_ask *a)
{
    struct shard *sh = c->shard;
    int64_t until = a->until_;

    if (c->state.open)
        until = MIN(until, c->lease_until);
    if (a->until_ <= loop_now(sh->loop) || sh->feeds->draining) {
        feed_answer(a, E_OK, NULL);
        return;
    }
    if (c->current == a)
        c->current = NULL;
    list_append(&c->idle, &a->link_);
    timer_set(sh->loop, &a->timer_, MAX(until, loop_now(sh->loop) + 1));
    atomic_fetch_add(&sh->feeds->waiting, 1);
    /* What became durable before this was counted rang for nobody. */
    if (!c->state.open && store_notes_head(sh->engine->store) > feed_position(c))
        feeds_ring(sh->engine);
}

static void wake(struct feed_consumer *c)
{
    struct list *n;

    while ((n = list_pop(&c->idle))) {
        struct feed_ask *a = CONTAINER_OF(n, struct feed_ask, link_);
        unwait(a);
        list_append(&c->asks, &a->link_);
    }
    feed_pump(c);
}

static void on_bell(struct mail *m)
{
    struct feeds *fs = CONTAINER_OF(m, struct feeds, bell);
    struct feed *f;

    atomic_store(&fs->rung, false);
    for (size_t i = 0; (f = map_next(&fs->running, &i));) {
        LIST_EACH_SAFE (n, &f->consumers) {
            struct feed_consumer *c = LIST_ITEM(n, struct feed_consumer, link);
            if (!list_empty(&c->idle))
                wake(c);
        }
    }
}

void feeds_ring(struct engine *e)
{
    for (unsigned i = 0; i < e->shard_count; i++) {
        struct feeds *fs = e->shards[i]->feeds;
        if (atomic_load(&fs->waiting) > 0 && !atomic_exchange(&fs->rung, true))
            loop_post(e->shards[i]->loop, &fs->bell, on_bell);
    }
}

/* ---- next ---- */

void feed_give(struct feed_consumer *c, struct feed_ask *a)
{
    a->found = true;
    a->body = blob_ref(c->state.body);
    a->deliveries = ++c->deliveries;
    if (a->lease_us)
        c->lease_until = loop_now(c->shard->loop) + a->lease_us;
    feed_answer(a, E_OK, NULL);
}

static void next(struct feed_consumer *c, struct feed_ask *a)
{
    c->polled_wall = clock_now_wall();
    if (c->state.open) {
        if (a->lease_us && c->lease_until > loop_now(c->shard->loop))
            feed_nothing(c, a);
        else
            feed_give(c, a);
        return;
    }
    set_wish(c, a->types, a->type_count);
    if (store_notes_head(c->shard->engine->store) <= feed_position(c)) {
        feed_nothing(c, a);
        return;
    }
    c->current = a;
    feed_batch_begin(c);
}

/* ---- the other calls ---- */

/* The next state became the consumer's, or none of it did. Who waits looks again, after the one who
 * changed it was answered: looking takes up the next thing to do. */
static void answer_change(struct feed_consumer *c, enum err err, const struct errinfo *ei)
{
    if (c->current)
        c->current->found = true;
    answer_current(c, err, ei);
    if (err != E_OK)
        return;
    c->lease_until = 0;
    c->deliveries = 0;
    wake(c);
}

static void on_moved(struct feed_consumer *c, enum err err, const struct errinfo *ei)
{
    if (err == E_OK) {
        c->clear_to = c->state.at;
        c->ahead = false;
    }
    answer_change(c, err, ei);
}

static void on_completed(struct feed_consumer *c, enum err err, const struct errinfo *ei)
{
    if (err == E_OK)
        count_one(COUNT_feed_batches_completed);
    answer_change(c, err, ei);
}

static void complete(struct feed_consumer *c, struct feed_ask *a)
{
    const struct feed_state *s = &c->state;

    c->polled_wall = clock_now_wall();
    a->found = a->batch && a->batch == (s->open ? s->batch : s->completed);
    if (!a->found || !s->open) {
        feed_answer(a, E_OK, NULL);
        return;
    }
    c->current = a;
    c->next = feed_state_copy(s);
    c->next.open = false;
    c->next.completed = s->batch;
    blob_unrefp(&c->next.body);
    feed_save(c, on_completed);
}

static void discard(struct feed_consumer *c, struct feed_ask *a)
{
    c->current = a;
    c->next = feed_state_copy(&c->state);
    feed_state_discard(&c->next, store_notes_head(c->shard->engine->store), clock_now_wall());
    feed_save(c, on_moved);
}

static void seek_to(struct feed_consumer *c, uint64_t at)
{
    c->next = feed_state_copy(&c->state);
    c->next.at = MIN(at, store_notes_head(c->shard->engine->store));
    c->next.open = false;
    c->next.completed = 0;
    blob_unrefp(&c->next.body);
    feed_save(c, on_moved);
}

static void on_place(struct feed_consumer *c, enum err err, const struct errinfo *ei)
{
    if (err == E_OK)
        seek_to(c, c->find.num);
    else
        answer_current(c, err, ei);
}

static void on_found(struct store_op *op)
{
    struct feed_consumer *c = CONTAINER_OF(op, struct feed_consumer, find.op);

    ended(c, op->err, &op->info);
}

static void seek(struct feed_consumer *c, struct feed_ask *a)
{
    c->current = a;
    c->polled_wall = clock_now_wall();
    if (!a->by_time) {
        seek_to(c, a->sequence ? a->sequence - 1 : 0);
        return;
    }
    begin(c, on_place);
    c->find.op.reply = c->shard->loop;
    c->find.op.done = on_found;
    c->find.time_wall = a->time_wall;
    store_notes_at(c->shard->engine->store, &c->find);
}

static void part(struct feed_consumer *c, bool record, enum err err, const struct errinfo *ei);

static void remove_consumer(struct feed_consumer *c, struct feed_ask *a)
{
    struct errinfo ei = ERRINFO_INIT;
    enum err err = err_set(&ei, E_NOT_FOUND, "the consumer was removed");

    a->found = true;
    feed_answer(a, E_OK, NULL);
    part(c, true, err, &ei);
}

void feed_pump(struct feed_consumer *c)
{
    while (c->feed && !c->then && !list_empty(&c->asks)) {
        struct feed_ask *a = CONTAINER_OF(list_pop(&c->asks), struct feed_ask, link_);

        switch (a->call) {
        case FEED_NEXT:
            next(c, a);
            break;
        case FEED_COMPLETE:
            complete(c, a);
            break;
        case FEED_DISCARD:
            discard(c, a);
            break;
        case FEED_SEEK:
            seek(c, a);
            break;
        case FEED_STATS:
        case FEED_ARCHIVE:
            feed_look(c, a);
            break;
        case FEED_REMOVE:
            remove_consumer(c, a);
            break;
        }
    }
}

/* ---- asking ---- */

struct shard *feed_owner(struct engine *e, struct str feed)
{
    return e->shards[hash64_seed(feed.p, feed.n, 1) % e->shard_count];
}

struct feed_consumer *feed_consumer_find(struct feed *f, struct str name)
{
    LIST_EACH (n, &f->consumers) {
        struct feed_consumer *c = LIST_ITEM(n, struct feed_consumer, link);
        if (str_eqz(name, c->name))
            return c;
    }
    return NULL;
}

static size_t count_consumers(const struct feed *f)
{
    size_t count = 0;

    LIST_EACH (n, &f->consumers)
        count++;
    return count;
}

static bool is_created_by(enum feed_call call)
{
    return call == FEED_NEXT || call == FEED_SEEK;
}

/* The one that is asked; NULL: it was answered. */
static struct feed_consumer *find_or_create(struct feed *f, struct str name, struct feed_ask *a)
{
    struct feed_consumer *c = f ? feed_consumer_find(f, name) : NULL;
    struct errinfo ei = ERRINFO_INIT;
    enum err err = E_OK;

    if (!f) {
        err = err_set(&ei, E_NOT_FOUND, "there is no such feed");
        feed_answer(a, err, &ei);
        return NULL;
    }
    if (c || !is_created_by(a->call)) {
        if (!c)
            feed_answer(a, E_OK, NULL);
        return c;
    }
    if (count_consumers(f) > LIMIT_FEED_CONSUMERS)
        err = err_set(&ei, E_TOO_MANY, "a feed has %d consumers at most", LIMIT_FEED_CONSUMERS);
    if (err == E_OK)
        return feed_consumer_create(f, name);
    feed_answer(a, err, &ei);
    return NULL;
}

void feed_ask(struct shard *sh, struct str feed, struct str consumer, struct feed_ask *a)
{
    struct feed *f = map_get(&sh->feeds->running, feed);
    struct feed_consumer *c = find_or_create(f, consumer, a);

    if (!c)
        return;
    if (c->asked >= LIMIT_FEED_WAITING) {
        struct errinfo ei = ERRINFO_INIT;
        enum err err = err_set(&ei, E_TOO_MANY, "%u requests to this feed wait already", c->asked);
        feed_answer(a, err, &ei);
        return;
    }
    c->asked++;
    a->consumer_ = c;
    a->until_ = loop_now(sh->loop) + a->wait_us;
    timer_init(&a->timer_, on_time, a);
    list_append(&c->asks, &a->link_);
    feed_pump(c);
}

/* ---- life ---- */

/* The server may have been away as well: who comes back with it finds everything there. */
static int64_t polled_at_least(const struct feed_conf *conf)
{
    int64_t retention = feed_conf_retention(conf);

    return clock_now_wall() - retention + MIN(retention / 2, GRACE_US);
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
    if (!state.p || !feed_state_decode(state, &c->state))
        c->state = (struct feed_state){.at = since};
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
    part(c, false, err, ei);
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

/* It leaves its feed; who asked it is told why. */
static void part(struct feed_consumer *c, bool record, enum err err, const struct errinfo *ei)
{
    if (record && c->num)
        feed_record_delete(c->shard, FEED_CONSUMER_KIND, c->put.id);
    answer_current(c, err, ei);
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
        part(c, records && c->name[0], err, &ei);
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
