/*
 * A shard with hubs, without topics: the owner of the topic (and of a second, where a test wants one)
 * is played by the test. Everything runs on the test's thread: turn() is one turn of the loop. Included by the tests of
 * hubs and channels.
 */
#include <poll.h>
#include <uv.h>

#include "base/clock.h"
#include "base/count.h"
#include "core/channel.h"
#include "core/hub_mail.h"
#include "core/limits.h"
#include "core/shard.h"
#include "core/topic.h"

#define TOPIC_ID "11111111-1111-4111-8111-111111111111"
#define SECOND_ID "22222222-2222-4222-8222-222222222222"
#define WALL INT64_C(1769847300123000) /* 2026-01-31T08:15:00.123Z */
#define HEARTBEAT_US (5 * US_PER_S)
#define STALL_US (60 * US_PER_S)

#define rig_test(fn) cmocka_unit_test_setup_teardown(fn, rig_setup, rig_teardown)

struct rig {
    struct conf conf;
    struct engine engine;
    struct shard shard;
    struct topic_conf *topic_conf;
    /* the owner */
    struct topic topic;
    bool exists; /* the topic */
    bool mute;   /* does not answer an attach */
    unsigned attached, detached;
    struct topic_status status;
    struct topic second;
    struct topic_conf *second_conf;
    struct topic_status second_status;
};

static struct rig rig;

/* ---- what belongs to other modules ---- */

struct topic *topic_find(struct shard *sh, const char *id)
{
    assert_ptr_equal(sh, &rig.shard);
    if (strcmp(id, SECOND_ID) == 0)
        return &rig.second;
    return rig.exists && strcmp(id, TOPIC_ID) == 0 ? &rig.topic : NULL;
}

void topic_attach_hub(struct topic *t, struct shard *to)
{
    if (t == &rig.second) {
        hub_post_attached(to, SECOND_ID, &rig.second_status);
        return;
    }
    assert_ptr_equal(t, &rig.topic);
    rig.attached++;
    if (!rig.mute)
        hub_post_attached(to, TOPIC_ID, &rig.status);
}

void topic_detach_hub(struct topic *t, struct shard *from)
{
    assert_ptr_equal(from, &rig.shard);
    if (t == &rig.second)
        return;
    assert_ptr_equal(t, &rig.topic);
    rig.detached++;
}

struct shard *shard_owner(struct engine *e, const char *topic_id)
{
    (void)topic_id;
    return e->shards[0];
}

/* ---- life ---- */

static bool on_flush(void *arg)
{
    return hub_flush_all(arg);
}

static struct topic_conf *rig_conf(const char *id, uint64_t num)
{
    struct topic_conf *conf = xcalloc(1, sizeof *conf);

    atomic_init(&conf->refs, 1);
    memcpy(conf->id, id, UUID_LEN);
    conf->num = num;
    conf->name = xstrdup("prices");
    conf->deliveries[SUBSCRIBER_SSE].modes = ~0u;
    return conf;
}

static int rig_setup(void **state)
{
    rig = (struct rig){.exists = true};
    rig.conf.sse_heartbeat_us = HEARTBEAT_US;
    rig.conf.sse_stall_us = STALL_US;
    rig.engine.conf = &rig.conf;
    rig.engine.shard_count = 1;
    rig.engine.shards[0] = &rig.shard;
    rig.shard.engine = &rig.engine;
    rig.shard.loop = loop_new(0);
    list_init(&rig.shard.dirty_hubs);
    list_init(&rig.shard.idle_channels);
    list_init(&rig.shard.hub_list);
    loop_set_step(rig.shard.loop, LOOP_STEP_FLUSH, on_flush, &rig.shard);
    rig.topic_conf = rig_conf(TOPIC_ID, 1);
    rig.second_conf = rig_conf(SECOND_ID, 2);
    *state = &rig;
    return 0;
}

static void status_set_of(struct topic_status *st, uint64_t seq, const char *document)
{
    blob_unref(st->document);
    st->document = document ? blob_new(document, strlen(document)) : NULL;
    st->seq = seq;
    st->changed_wall = seq ? WALL - 60 * US_PER_S : 0;
    st->checked_wall = seq ? WALL - US_PER_S : 0;
}

static void status_set(uint64_t seq, const char *document)
{
    status_set_of(&rig.status, seq, document);
}

static int rig_teardown(void **state)
{
    (void)state;
    hub_free_all(&rig.shard);
    loop_free(rig.shard.loop);
    map_done(&rig.shard.hubs);
    blob_unref(rig.status.document);
    event_unref(rig.status.error);
    blob_unref(rig.second_status.document);
    topic_conf_unref(rig.topic_conf);
    topic_conf_unref(rig.second_conf);
    clock_unfake();
    return 0;
}

static inline void close_reader(struct reader *r)
{
    r->ops->close(r);
}

/* ---- the loop ---- */

static void turn(void)
{
    uv_run(loop_uv(rig.shard.loop), UV_RUN_NOWAIT);
}

/* As many turns as mail and its consequences can take. */
static inline void turns(void)
{
    for (int i = 0; i < 6; i++)
        turn();
}

/* True when the loop has something to do, false after a while. */
static inline bool loop_wait(void)
{
    struct pollfd p = {uv_backend_fd(loop_uv(rig.shard.loop)), POLLIN, 0};
    return poll(&p, 1, 20) > 0;
}

/* ---- what the owner says ---- */

static inline struct hub *the_hub(void)
{
    return hub_find(&rig.shard, TOPIC_ID);
}

static void publish_to(const char *topic_id, enum event_type type, uint64_t seq, const char *body,
                       const char *document)
{
    struct blob *b = blob_new(body, strlen(body));
    struct blob *d = NULL;

    if (type == EVENT_SNAPSHOT)
        d = blob_ref(b);
    else if (document)
        d = blob_new(document, strlen(document));
    struct event *e = event_new(topic_id, type, seq, clock_now_wall(), b);
    hub_post_event(&rig.shard, topic_id, e, d);
    event_unref(e);
    blob_unref(b);
    blob_unref(d);
}

static inline void publish(enum event_type type, uint64_t seq, const char *body,
                           const char *document)
{
    publish_to(TOPIC_ID, type, seq, body, document);
}

static inline void publish_error(int code, const char *message)
{
    struct event *e = event_new_error(code, str_of(message), clock_now_wall(), 0);

    event_unref(rig.status.error);
    rig.status.error = event_ref(e);
    hub_post_event(&rig.shard, TOPIC_ID, e, NULL);
    event_unref(e);
}
