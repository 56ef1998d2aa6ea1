#include "core/feed_impl.h"

#include "base/count.h"
#include "core/limits.h"

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
    blob_unrefp(&a->filter);
}

void feed_answer_current(struct feed_consumer *c, enum err err, const struct errinfo *ei)
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
    feed_wish_set(c, a->filter);
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
    feed_answer_current(c, err, ei);
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
        feed_answer_current(c, err, ei);
}

static void seek(struct feed_consumer *c, struct feed_ask *a)
{
    c->current = a;
    c->polled_wall = clock_now_wall();
    if (!a->by_time) {
        seek_to(c, a->sequence ? a->sequence - 1 : 0);
        return;
    }
    feed_seek(c, a->time_wall, on_place);
}

static void remove_consumer(struct feed_consumer *c, struct feed_ask *a)
{
    struct errinfo ei = ERRINFO_INIT;
    enum err err = err_set(&ei, E_NOT_FOUND, "the consumer was removed");

    a->found = true;
    feed_answer(a, E_OK, NULL);
    feed_consumer_part(c, true, err, &ei);
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
