/*
 * A producer's life: made for its first user, shared, retired where it cannot go on, and ended when
 * its last user has left: away from the loop, since librdkafka waits for its threads then. Records
 * that it still has go with it.
 */
#include "subscriber/sub_kafka_producer.h"

#include <errno.h>
#include <pthread.h>

#include "base/count.h"
#include "base/log.h"
#include "base/trace.h"
#include "core/shard.h"
#include "core/subscription.h"
#include "io/bell.h"
#include "io/egress.h"
#include "io/errand.h"
#include "subscriber/sub_kafka_record.h"

/* Of librdkafka's events in one turn; one may tell of many records. */
#define EVENTS_AT_ONCE 64
#define STUCK_US (2 * US_PER_S)
#define LOOK_US US_PER_S
/* A retired producer: what is queued is thrown away each time, as it may be queued again; what was
 * sent is waited for, as long as this. */
#define RETIRED_LOOK_US (100 * US_PER_MS)
#define RETIRED_LOOKS 20

/* What librdkafka's threads see when they connect. */
struct gate {
    struct egress *egress;
    pthread_mutex_t lock;
    struct errinfo refused; /* guarded by it */
};

struct kafka_producer {
    enum kafka_use use;
    struct shard *shard;
    struct subscription_conf *conf; /* of its first user: where it goes */
    struct list link;               /* of the loop's shared ones */
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue;
    struct bell *bell;
    struct gate *gate;
    struct list users;
    struct list to_tell; /* records that librdkafka has */
    struct timer look;
    bool full;    /* some user holds records that there was no room for */
    bool retired; /* takes nothing more */
    unsigned looks;
    struct errinfo trouble;
};

/* Those that are shared, per loop; each only used by its thread, or when that has ended. */
static struct list shared[LOOPS_MAX];

static void check_on(struct kafka_producer *p);

/* ---- addresses ---- */

static struct gate *gate_new(struct egress *e)
{
    struct gate *g = xcalloc(1, sizeof *g);

    g->egress = egress_ref(e);
    pthread_mutex_init(&g->lock, NULL);
    return g;
}

static void gate_free(struct gate *g)
{
    egress_unref(g->egress);
    pthread_mutex_destroy(&g->lock);
    free(g);
}

/* On a thread of librdkafka's, for each address that it connects to. fd does not block. */
static int on_connect(int fd, const struct sockaddr *sa, int len, const char *id, void *opaque)
{
    struct gate *g = opaque;
    struct errinfo ei = ERRINFO_INIT;

    (void)id;
    if (egress_check(g->egress, sa, &ei) != E_OK) {
        pthread_mutex_lock(&g->lock);
        g->refused = ei;
        pthread_mutex_unlock(&g->lock);
        return EACCES;
    }
    if (connect(fd, sa, (socklen_t)len) == 0 || errno == EINPROGRESS)
        return 0;
    return errno;
}

static bool take_refusal(struct gate *g, struct errinfo *ret)
{
    pthread_mutex_lock(&g->lock);
    bool refused = g->refused.text[0] != '\0';
    if (refused)
        *ret = g->refused;
    err_clear(&g->refused);
    pthread_mutex_unlock(&g->lock);
    return refused;
}

/* ---- records ---- */

static struct kafka_record *record_of(struct list *n)
{
    return LIST_ITEM(n, struct kafka_record, link);
}

struct kafka_record *kafka_user_oldest(const struct kafka_user *u)
{
    return list_empty(&u->records) ? NULL : record_of(u->records.next);
}

static void record_free(struct kafka_record *r)
{
    blob_unref(r->value);
    free(r);
}

struct kafka_record *kafka_record_add(struct kafka_user *u, struct blob *value,
                                      const char *event_type, int64_t time_wall)
{
    struct kafka_record *r = xcalloc(1, sizeof *r);

    r->user = u;
    r->value = blob_ref(value);
    r->event_type = event_type;
    r->time_wall = time_wall;
    list_append(&u->records, &r->link);
    if (!u->next)
        u->next = r;
    return r;
}

static void tell(struct kafka_user *u)
{
    loop_defer(u->subscription->shard->loop, &u->tell);
}

static struct kafka_record *newer(const struct kafka_record *r)
{
    return r->link.next == &r->user->records ? NULL : record_of(r->link.next);
}

void kafka_record_fail(struct kafka_record *r, rd_kafka_resp_err_t err)
{
    if (r->user->next == r)
        r->user->next = newer(r);
    r->user->failed = true;
    r->status = KAFKA_FAILED;
    r->err = err;
    tell(r->user);
}

/* Where librdkafka has its bytes, its memory stays until it gives them back. */
void kafka_record_drop(struct kafka_record *r)
{
    if (r->user->next == r)
        r->user->next = newer(r);
    list_remove(&r->link);
    r->user = NULL;
    if (r->status != KAFKA_SENT)
        record_free(r);
}

/* False: there is no room. */
static bool send_one(struct kafka_producer *p, struct kafka_record *r)
{
    rd_kafka_resp_err_t err = kafka_record_produce(p->rk, r);

    if (err == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
        p->full = true;
        return false;
    }
    if (err) {
        kafka_record_fail(r, err);
        return true;
    }
    r->user->next = newer(r);
    r->status = KAFKA_SENT;
    r->sent_at = loop_now(p->shard->loop);
    list_append(&p->to_tell, &r->to_tell);
    check_on(p);
    return true;
}

/* Behind one that failed nothing is sent: it would arrive without it. */
void kafka_user_send(struct kafka_user *u)
{
    struct kafka_record *r;

    while (!u->failed && (r = u->next)) {
        if (u->producer->retired)
            kafka_record_fail(r, RD_KAFKA_RESP_ERR__PURGE_QUEUE);
        else if (!send_one(u->producer, r))
            return;
    }
}

/* ---- what librdkafka tells ---- */

/* Logged when it begins and when it is over: while it lasts, there is much of it. */
static void set_trouble(struct kafka_producer *p, const char *text)
{
    bool new = !p->trouble.text[0];

    err_clear(&p->trouble);
    (void)err_set(&p->trouble, E_IO, "%s", text);
    if (new)
        log_warn("trouble with a Kafka cluster", LOG_S("name", rd_kafka_name(p->rk)),
                 LOG_S("why", text));
}

static void clear_trouble(struct kafka_producer *p)
{
    if (p->retired || !p->trouble.text[0])
        return;
    err_clear(&p->trouble);
    log_info("a Kafka cluster confirms records again", LOG_S("name", rd_kafka_name(p->rk)));
}

/* It was not let connect: that says more than what librdkafka makes of it. */
static bool is_refused(struct kafka_producer *p)
{
    struct errinfo refused = ERRINFO_INIT;

    if (!take_refusal(p->gate, &refused))
        return false;
    set_trouble(p, refused.text);
    return true;
}

static void on_record_told(struct kafka_producer *p, const rd_kafka_message_t *m)
{
    struct kafka_record *r = m->_private;

    list_remove(&r->to_tell);
    if (m->err) {
        count_one(COUNT_kafka_errors);
    } else {
        count_one(COUNT_kafka_records);
        clear_trouble(p);
    }
    r->status = m->err ? KAFKA_FAILED : KAFKA_DONE;
    if (!r->user)
        record_free(r);
    else if (m->err)
        kafka_record_fail(r, m->err);
    else
        tell(r->user);
}

static void on_records_told(struct kafka_producer *p, rd_kafka_event_t *e)
{
    const rd_kafka_message_t *m;

    while ((m = rd_kafka_event_message_next(e)))
        on_record_told(p, m);
}

static void retire(struct kafka_producer *p)
{
    if (p->retired)
        return;
    p->retired = true;
    list_remove(&p->link);
    log_warn("a Kafka producer cannot go on and is replaced", LOG_S("name", rd_kafka_name(p->rk)),
             LOG_S("why", p->trouble.text));
    LIST_EACH (n, &p->users) {
        struct kafka_user *u = LIST_ITEM(n, struct kafka_user, link);

        kafka_user_send(u);
        tell(u);
    }
    timer_set(p->shard->loop, &p->look, loop_now(p->shard->loop));
}

/* Once there was a fatal error, whatever is told of: the producer does nothing more. */
static bool retire_if_fatal(struct kafka_producer *p)
{
    char text[ERRINFO_TEXT];

    if (p->retired || !rd_kafka_fatal_error(p->rk, text, sizeof text))
        return p->retired;
    set_trouble(p, text);
    retire(p);
    return true;
}

static void on_error(struct kafka_producer *p, rd_kafka_event_t *e)
{
    rd_kafka_resp_err_t err = rd_kafka_event_error(e);

    if (retire_if_fatal(p) || is_refused(p))
        return;
    if (err != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || !p->trouble.text[0])
        set_trouble(p, rd_kafka_event_error_string(e));
    /* Another password may be in force by now: references are looked up by the next one. */
    if (err == RD_KAFKA_RESP_ERR__AUTHENTICATION)
        retire(p);
}

/* "[thrd:a:9092/1]: a:9092/1: Connect to … failed" */
static const char *without_thread(const char *text)
{
    const char *end = text[0] == '[' ? strstr(text, "]: ") : NULL;

    return end ? end + 3 : text;
}

/* level: of syslog. What is told by us anyway, and that some settings are experimental, is only for
 * debugging. Not each connection that fails becomes an error event. */
static void on_log(struct kafka_producer *p, rd_kafka_event_t *e)
{
    static const char *const told[] = {"FAIL", "ERROR", "FATAL", "CONFWARN"};
    const char *about, *text;
    bool is_told = false;
    int level;

    if (rd_kafka_event_log(e, &about, &text, &level) != 0)
        return;
    for (size_t i = 0; i < ARRAY_LEN(told); i++)
        is_told = is_told || strcmp(about, told[i]) == 0;
    if (level <= 4 && strcmp(about, "FAIL") == 0 && !p->retired && !p->trouble.text[0])
        set_trouble(p, without_thread(text));
    log_at(level <= 4 && !is_told ? LOG_WARN : LOG_DEBUG, "librdkafka",
           LOG_S("name", rd_kafka_name(p->rk)), LOG_S("about", about), LOG_S("text", text));
}

static void on_event(struct kafka_producer *p, rd_kafka_event_t *e)
{
    switch (rd_kafka_event_type(e)) {
    case RD_KAFKA_EVENT_DR:
        on_records_told(p, e);
        break;
    case RD_KAFKA_EVENT_ERROR:
        on_error(p, e);
        break;
    case RD_KAFKA_EVENT_LOG:
        on_log(p, e);
        break;
    default:
        break;
    }
}

/* False: there are none now. */
static bool take_events(struct kafka_producer *p)
{
    for (int i = 0; i < EVENTS_AT_ONCE; i++) {
        rd_kafka_event_t *e = rd_kafka_queue_poll(p->queue, 0);

        if (!e)
            return false;
        on_event(p, e);
        rd_kafka_event_destroy(e);
    }
    return true;
}

/* It rings by itself only after the queue was found empty. Records make room when the event that told
 * of them is destroyed. */
static void on_bell(void *arg)
{
    struct kafka_producer *p = arg;

    if (take_events(p))
        bell_ring(p->bell);
    if (!p->full)
        return;
    p->full = false;
    /* Another is the first each time. */
    list_append(&p->users, list_pop(&p->users));
    LIST_EACH (n, &p->users)
        kafka_user_send(LIST_ITEM(n, struct kafka_user, link));
}

/* ---- looking after it ---- */

static void check_on(struct kafka_producer *p)
{
    if (!timer_is_set(&p->look))
        timer_set(p->shard->loop, &p->look, loop_now(p->shard->loop) + LOOK_US);
}

static void tell_stuck(struct kafka_producer *p, int64_t before)
{
    struct errinfo unknown = ERRINFO_INIT;

    (void)is_refused(p);
    (void)err_set(&unknown, E_IO,
                  "the cluster does not confirm records: the partition may be without a leader, or "
                  "too few of its replicas in sync");
    LIST_EACH (n, &p->users) {
        struct kafka_user *u = LIST_ITEM(n, struct kafka_user, link);
        const struct kafka_record *r = kafka_user_oldest(u);

        if (r && r->status == KAFKA_SENT && r->sent_at < before)
            u->ops->stuck(u, p->trouble.text[0] ? &p->trouble : &unknown);
    }
}

static void on_look(struct timer *t, void *arg)
{
    struct kafka_producer *p = arg;
    int64_t now = loop_now(p->shard->loop);

    if (list_empty(&p->to_tell))
        return;
    if (p->retired) {
        bool long_enough = p->looks++ >= RETIRED_LOOKS;

        rd_kafka_purge(p->rk, RD_KAFKA_PURGE_F_NON_BLOCKING | RD_KAFKA_PURGE_F_QUEUE |
                                  (long_enough ? RD_KAFKA_PURGE_F_INFLIGHT : 0));
        timer_set(p->shard->loop, t, now + RETIRED_LOOK_US);
        return;
    }
    tell_stuck(p, now - STUCK_US);
    timer_set(p->shard->loop, t, now + LOOK_US);
}

/* ---- life ---- */

/* Not on the loop: librdkafka ends its threads. What it is still to tell is not told. */
static void end(void *arg)
{
    struct kafka_producer *p = arg;

    rd_kafka_destroy_flags(p->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

static void on_ended(void *arg)
{
    struct kafka_producer *p = arg;
    struct list *n;

    while ((n = list_pop(&p->to_tell)))
        record_free(LIST_ITEM(n, struct kafka_record, to_tell));
    gate_free(p->gate);
    subscription_conf_unref(p->conf);
    count_add(COUNT_kafka_producers, -1);
    free(p);
}

static void producer_close(struct kafka_producer *p)
{
    list_remove(&p->link);
    timer_clear(p->shard->loop, &p->look);
    rd_kafka_queue_io_event_enable(p->queue, -1, NULL, 0);
    rd_kafka_queue_destroy(p->queue);
    bell_free(p->bell);
    errand_run(p->shard->loop, end, on_ended, p);
}

/* c is taken. */
static enum err start(struct kafka_producer *p, rd_kafka_conf_t *c, struct errinfo *ei)
{
    static const bell_stroke_t stroke = BELL_STROKE;
    char why[256];

    rd_kafka_conf_set_events(c, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_LOG);
    rd_kafka_conf_set_opaque(c, p->gate);
    rd_kafka_conf_set_connect_cb(c, on_connect);
    p->rk = rd_kafka_new(RD_KAFKA_PRODUCER, c, why, sizeof why);
    if (!p->rk) {
        rd_kafka_conf_destroy(c);
        return err_set(ei, E_INVALID, "%s", why);
    }
    p->queue = rd_kafka_queue_get_main(p->rk);
    rd_kafka_queue_io_event_enable(p->queue, bell_fd(p->bell), &stroke, sizeof stroke);
    rd_kafka_set_log_queue(p->rk, p->queue);
    /* Of what was there before it was listened to, it would never ring. */
    bell_ring(p->bell);
    return E_OK;
}

static enum err producer_new(struct shard *sh, struct subscription_conf *conf, enum kafka_use use,
                             struct kafka_producer **ret, struct errinfo *ei)
{
    struct kafka_producer *p = xcalloc(1, sizeof *p);
    struct secret_rules rules;
    rd_kafka_conf_t *c = NULL;

    p->use = use;
    p->shard = sh;
    list_init(&p->users);
    list_init(&p->to_tell);
    timer_init(&p->look, on_look, p);
    secret_rules_of(sh->engine->conf, &rules);
    enum err err =
        kafka_settings_new(conf->config, use, &rules, sh->engine->conf->kafka_ca_file, &c, ei);
    if (err == E_OK)
        err = bell_new(sh->loop, on_bell, p, &p->bell, ei);
    if (err == E_OK) {
        p->gate = gate_new(sh->engine->egress);
        err = start(p, TAKE(c), ei);
    }
    if (err == E_OK) {
        p->conf = subscription_conf_ref(conf);
        count_one(COUNT_kafka_producers);
        *ret = p;
        return E_OK;
    }
    if (c)
        rd_kafka_conf_destroy(c);
    if (p->gate)
        gate_free(p->gate);
    bell_free(p->bell);
    free(p);
    return err;
}

/* ---- users ---- */

static void on_tell(struct deferred *d, void *arg)
{
    struct kafka_user *u = arg;

    (void)d;
    u->ops->told(u);
}

void kafka_user_init(struct kafka_user *u, const struct kafka_user_ops *ops, struct subscription *s)
{
    *u = (struct kafka_user){.ops = ops, .subscription = s, .conf = s->conf->config};
    list_init(&u->records);
    deferred_init(&u->tell, on_tell, u);
}

static struct kafka_producer *find_shared(struct shard *sh, const struct kafka_conf *conf)
{
    struct list *l = &shared[sh->index];

    if (!l->next)
        list_init(l);
    LIST_EACH (n, l) {
        struct kafka_producer *p = LIST_ITEM(n, struct kafka_producer, link);
        if (kafka_conf_same_cluster(p->conf->config, conf))
            return p;
    }
    return NULL;
}

bool kafka_user_join(struct kafka_user *u, enum kafka_use use)
{
    struct shard *sh = u->subscription->shard;
    struct kafka_producer *p = use == KAFKA_SHARED ? find_shared(sh, u->conf) : NULL;

    CHECK(!u->producer);
    err_clear(&u->why);
    if (!p) {
        if (producer_new(sh, u->subscription->conf, use, &p, &u->why) != E_OK)
            return false;
        if (use == KAFKA_SHARED)
            list_append(&shared[sh->index], &p->link);
    }
    list_append(&p->users, &u->link);
    u->producer = p;
    /* It is asked for at once then; with a record's first, only a second later. */
    u->topic = rd_kafka_topic_new(p->rk, u->conf->topic, NULL);
    CHECK(u->topic);
    return true;
}

void kafka_user_leave(struct kafka_user *u)
{
    struct kafka_producer *p = TAKE(u->producer);
    struct kafka_record *r;

    deferred_cancel(&u->tell);
    while ((r = kafka_user_oldest(u)))
        kafka_record_drop(r);
    u->failed = false;
    if (!p)
        return;
    rd_kafka_topic_destroy(TAKE(u->topic));
    list_remove(&u->link);
    if (list_empty(&p->users))
        producer_close(p);
}

bool kafka_user_is_retired(const struct kafka_user *u)
{
    return u->producer && u->producer->retired;
}

const char *kafka_user_trouble(const struct kafka_user *u)
{
    const struct errinfo *why = u->producer ? &u->producer->trouble : &u->why;

    return why->text[0] ? why->text : NULL;
}
