/*
 * Life of hubs and what the owner tells them. A hub is owned by its shard (hub_list) and goes by
 * the linger timer, with the last reader of a deleted topic, or with the shard.
 */
#include "core/hub.h"

#include "base/clock.h"
#include "base/trace.h"
#include "core/changes.h"
#include "core/channel.h"
#include "core/hub_mail.h"
#include "core/reader_replay.h"
#include "core/shard.h"
#include "io/sse_frame.h"

/* A page that is loaded again must not stop and start the poller. */
#define LINGER_US (2 * US_PER_S)

/* ---- life ---- */

static void status_clear(struct topic_status *st)
{
    blob_unrefp(&st->document);
    event_unrefp(&st->error);
}

static void hub_free(void *p)
{
    struct hub *h = p;

    status_clear(&h->status);
    event_unref(h->whole);
    blob_unref(h->beat);
    blob_unref(h->beat_packed);
    hub_ring_clear(&h->ring, 0);
    topic_conf_unref(h->conf);
    free(h);
}

/* Nothing points to it any more but perhaps the caller. */
static void hub_remove(struct hub *h)
{
    CHECK(h->reader_count == 0);
    if (!h->closing)
        map_remove(&h->shard->hubs, str_of(h->conf->id));
    list_remove(&h->all_link);
    list_remove(&h->dirty_link);
    timer_clear(h->shard->loop, &h->linger);
    replay_hub_gone(h);
    loop_bury(h->shard->loop, h, hub_free);
}

static void set_linger(struct hub *h)
{
    timer_set(h->shard->loop, &h->linger, loop_now(h->shard->loop) + LINGER_US);
}

static void on_linger(struct timer *t, void *arg)
{
    struct hub *h = arg;

    (void)t;
    if (!h->ready) {
        set_linger(h);
        return;
    }
    trace(hub, "%s: goes", h->conf->name);
    hub_post_detach(h->shard, h->conf->id);
    hub_remove(h);
}

static struct hub *hub_new(struct shard *sh, struct topic_conf *conf)
{
    struct hub *h = xcalloc(1, sizeof *h);

    h->shard = sh;
    h->conf = topic_conf_ref(conf);
    for (int i = 0; i < HUB_LISTS; i++)
        list_init(&h->lists[i]);
    list_init(&h->replays);
    timer_init(&h->linger, on_linger, h);
    list_append(&sh->hub_list, &h->all_link);
    map_put(&sh->hubs, str_of(conf->id), h);
    return h;
}

struct hub *hub_find(struct shard *sh, const char *topic_id)
{
    return map_get(&sh->hubs, str_of(topic_id));
}

struct hub *hub_get(struct shard *sh, struct topic_conf *conf)
{
    struct hub *h = hub_find(sh, conf->id);

    if (h)
        return h;
    h = hub_new(sh, conf);
    trace(hub, "%s: comes", conf->name);
    set_linger(h);
    hub_post_attach(sh, conf->id);
    return h;
}

void hub_free_all(struct shard *sh)
{
    hub_drain_stop(sh);
    channel_idle_close(sh);
    /* A reader that closes may take others with it, and the last of a closing hub takes that away; in
     * the same turn it is still there. */
    while (!list_empty(&sh->hub_list)) {
        struct hub *h = LIST_ITEM(sh->hub_list.next, struct hub, all_link);
        for (int i = 0; i < HUB_LISTS; i++) {
            while (!list_empty(&h->lists[i])) {
                struct reader *r = LIST_ITEM(h->lists[i].next, struct reader, link);
                r->ops->close(r);
            }
        }
        if (list_linked(&h->all_link))
            hub_remove(h);
    }
}

/* ---- for readers ---- */

void hub_add_reader(struct hub *h, const struct reader *r)
{
    h->reader_count++;
    h->durable_count += r->durable;
    h->wanted[HUB_WHOLE] += r->mode == MODE_SNAPSHOT_ONLY;
    h->wanted[HUB_CHANGES] += r->mode == MODE_CHANGES;
    timer_clear(h->shard->loop, &h->linger);
}

void hub_drop_reader(struct hub *h, const struct reader *r)
{
    h->reader_count--;
    h->durable_count -= r->durable;
    h->wanted[HUB_WHOLE] -= r->mode == MODE_SNAPSHOT_ONLY;
    h->wanted[HUB_CHANGES] -= r->mode == MODE_CHANGES;
    if (h->reader_count > 0)
        return;
    if (h->closing)
        hub_remove(h);
    else
        set_linger(h);
}

void hub_wake(struct hub *h)
{
    if (!list_empty(&h->lists[HUB_DUE]) && !list_linked(&h->dirty_link))
        list_append(&h->shard->dirty_hubs, &h->dirty_link);
}

void hub_ask(struct hub *h)
{
    hub_post_attach(h->shard, h->conf->id);
}

struct event *hub_whole(struct hub *h)
{
    const struct topic_status *st = &h->status;

    if (!h->whole && st->document)
        h->whole = event_new(h->conf->id, EVENT_SNAPSHOT, st->seq, st->changed_wall, st->document);
    return h->whole;
}

void hub_beat_write(int64_t changed_wall, int64_t checked_wall, struct buf *b)
{
    AUTO(buf_done) struct buf text = BUF_INIT;
    char changed[CLOCK_MS_LEN + 1], checked[CLOCK_MS_LEN + 1];

    clock_text_ms(changed, changed_wall);
    clock_text_ms(checked, checked_wall);
    if (changed_wall)
        buf_printf(&text, "unchanged since %s", changed);
    else
        buf_puts(&text, "nothing yet");
    if (checked_wall)
        buf_printf(&text, " checked %s", checked);
    sse_comment(b, buf_view(&text));
}

struct blob *hub_beat(struct hub *h)
{
    AUTO(buf_done) struct buf line = BUF_INIT;

    if (!h->beat) {
        hub_beat_write(h->status.changed_wall, h->status.checked_wall, &line);
        h->beat = blob_of_buf(&line);
    }
    return h->beat;
}

static void forget_beat(struct hub *h)
{
    blob_unrefp(&h->beat);
    blob_unrefp(&h->beat_packed);
}

/* ---- what the owner says ---- */

static void set_document(struct hub *h, uint64_t seq, int64_t changed_wall, struct blob *document)
{
    struct topic_status *st = &h->status;

    blob_unref(st->document);
    st->document = document ? blob_ref(document) : NULL;
    st->seq = seq;
    st->changed_wall = changed_wall;
    event_unrefp(&h->whole);
    forget_beat(h);
}

static void set_checked(struct hub *h, int64_t checked_wall)
{
    h->status.checked_wall = checked_wall;
    forget_beat(h);
}

static void set_error(struct hub *h, struct event *error)
{
    event_unref(h->status.error);
    h->status.error = error ? event_ref(error) : NULL;
}

/* One that has to read the journal waits, or goes on waiting, on the same list. */
static void start_all(struct hub *h)
{
    struct list batch, *n;

    list_init(&batch);
    list_splice(&batch, &h->lists[HUB_WAITING]);
    while ((n = list_pop(&batch))) {
        struct reader *r = LIST_ITEM(n, struct reader, link);
        if (r->replay)
            list_append(&h->lists[HUB_WAITING], n);
        else
            reader_start(r);
    }
}

void hub_attached(struct hub *h, const struct topic_status *st)
{
    bool again = h->ready;

    if (h->closing)
        return;
    set_checked(h, st->checked_wall);
    set_error(h, st->error);
    /* Answered twice (it asked again, or went and came while the first answer was on its way): what
     * it has is whole, unless the second answer knows of more. */
    if (!again || st->seq > h->status.seq) {
        set_document(h, st->seq, st->changed_wall, st->document);
        hub_ring_clear(&h->ring, st->seq);
        h->ready = true;
        trace(hub, "%s: attached at %llu", h->conf->name, (unsigned long long)st->seq);
        list_splice(&h->lists[HUB_DUE], &h->lists[HUB_CURRENT]);
    }
    start_all(h);
    hub_wake(h);
}

struct event *hub_changes(struct hub *h, struct str before)
{
    const struct topic_status *st = &h->status;
    struct blob *body = changes_make(before, blob_view(st->document), &h->conf->change);

    if (!body)
        return event_ref(hub_whole(h));
    struct event *e = event_new(h->conf->id, EVENT_CHANGES, st->seq, st->changed_wall, body);
    blob_unref(body);
    return e;
}

/* What is kept beside the event whose document is that of now. ret: references for the caller. */
static void make_sides(struct hub *h, const struct blob *before, struct event *ret[HUB_SIDES])
{
    if (!h->status.document)
        return;
    if (h->wanted[HUB_WHOLE])
        ret[HUB_WHOLE] = event_ref(hub_whole(h));
    if (h->wanted[HUB_CHANGES])
        ret[HUB_CHANGES] = before ? hub_changes(h, blob_view(before)) : event_ref(hub_whole(h));
}

static void take_document(struct hub *h, struct event *e, struct blob *document,
                          struct event *ret_sides[HUB_SIDES])
{
    struct topic_status *st = &h->status;
    AUTO(blob_unrefp) struct blob *before = st->document ? blob_ref(st->document) : NULL;

    set_error(h, NULL);
    set_document(h, e->seq, e->time_wall, document);
    set_checked(h, MAX(st->checked_wall, e->time_wall));
    if (e->type == EVENT_SNAPSHOT)
        h->whole = event_ref(e);
    make_sides(h, before, ret_sides);
}

void hub_publish(struct hub *h, struct event *e, struct blob *document)
{
    struct event *sides[HUB_SIDES] = {NULL};

    if (!h->ready || h->closing)
        return;
    /* Sent before the answer to the attach, which covers it. */
    if (e->type != EVENT_ERROR && e->seq <= h->status.seq)
        return;
    if (e->type == EVENT_ERROR)
        set_error(h, e);
    else
        take_document(h, e, document, sides);
    hub_ring_push(&h->ring, e, sides);
    for (int i = 0; i < HUB_SIDES; i++)
        event_unref(sides[i]);
    list_splice(&h->lists[HUB_DUE], &h->lists[HUB_CURRENT]);
    hub_wake(h);
}

void hub_checked(struct hub *h, int64_t checked_wall)
{
    set_checked(h, checked_wall);
    set_error(h, NULL);
}

void hub_conf_changed(struct hub *h, struct topic_conf *conf)
{
    struct topic_conf *was = h->conf;

    h->conf = topic_conf_ref(conf);
    topic_conf_unref(was);
    for (int i = 0; i < HUB_ENDING; i++) {
        LIST_EACH_SAFE (n, &h->lists[i]) {
            struct reader *r = LIST_ITEM(n, struct reader, link);
            r->ops->conf_changed(r);
        }
    }
}

void hub_topic_deleted(struct hub *h)
{
    if (h->closing)
        return;
    trace(hub, "%s: the topic was deleted", h->conf->name);
    h->closing = true;
    map_remove(&h->shard->hubs, str_of(h->conf->id));
    if (h->reader_count == 0) {
        hub_remove(h);
        return;
    }
    struct event *e = event_new_error(40404, STR("the topic was deleted"), clock_now_wall(), 0);
    for (int i = 0; i < HUB_ENDING; i++) {
        LIST_EACH_SAFE (n, &h->lists[i]) {
            struct reader *r = LIST_ITEM(n, struct reader, link);
            r->ops->end(r, e);
        }
    }
    event_unref(e);
}
