/*
 * A mail owns the references in it and is freed when it ran.
 */
#include "core/hub_mail.h"

#include "core/shard.h"
#include "core/topic.h"

struct hub_mail {
    struct mail mail;
    struct shard *to;
    struct shard *from; /* attach, detach */
    char topic_id[UUID_LEN + 1];
    union {
        struct topic_status status;
        struct {
            struct event *event;
            struct blob *document;
        };
        struct topic_conf *conf;
        int64_t checked_wall;
    };
};

static struct hub_mail *mail_new(struct shard *to, const char *topic_id)
{
    struct hub_mail *m = xcalloc(1, sizeof *m);

    m->to = to;
    memcpy(m->topic_id, topic_id, UUID_LEN);
    return m;
}

static struct hub_mail *mail_of(struct mail *m)
{
    return CONTAINER_OF(m, struct hub_mail, mail);
}

/* The hub that a mail is for, or NULL. */
static struct hub *hub_of(const struct hub_mail *m)
{
    return hub_find(m->to, m->topic_id);
}

/* ---- to the owner ---- */

static void on_attach(struct mail *mail)
{
    AUTO_FREE struct hub_mail *m = mail_of(mail);
    struct topic *t = topic_find(m->to, m->topic_id);

    if (t && !t->deleted)
        topic_attach_hub(t, m->from);
    else
        hub_post_deleted(m->from, m->topic_id);
}

static void on_detach(struct mail *mail)
{
    AUTO_FREE struct hub_mail *m = mail_of(mail);
    struct topic *t = topic_find(m->to, m->topic_id);

    if (t && !t->deleted)
        topic_detach_hub(t, m->from);
}

static void post_to_owner(struct shard *from, const char *topic_id, mail_f *fn)
{
    struct hub_mail *m = mail_new(shard_owner(from->engine, topic_id), topic_id);

    m->from = from;
    loop_post(m->to->loop, &m->mail, fn);
}

void hub_post_attach(struct shard *from, const char *topic_id)
{
    post_to_owner(from, topic_id, on_attach);
}

void hub_post_detach(struct shard *from, const char *topic_id)
{
    post_to_owner(from, topic_id, on_detach);
}

/* ---- to a hub ---- */

static void on_attached(struct mail *mail)
{
    AUTO_FREE struct hub_mail *m = mail_of(mail);
    struct hub *h = hub_of(m);

    if (h)
        hub_attached(h, &m->status);
    else
        hub_post_detach(m->to, m->topic_id);
    blob_unref(m->status.document);
    event_unref(m->status.error);
}

void hub_post_attached(struct shard *to, const char *topic_id, const struct topic_status *st)
{
    struct hub_mail *m = mail_new(to, topic_id);

    m->status = *st;
    if (st->document)
        blob_ref(st->document);
    if (st->error)
        event_ref(st->error);
    loop_post(to->loop, &m->mail, on_attached);
}

static void on_event(struct mail *mail)
{
    AUTO_FREE struct hub_mail *m = mail_of(mail);
    struct hub *h = hub_of(m);

    if (h)
        hub_publish(h, m->event, m->document);
    event_unref(m->event);
    blob_unref(m->document);
}

void hub_post_event(struct shard *to, const char *topic_id, struct event *e, struct blob *document)
{
    struct hub_mail *m = mail_new(to, topic_id);

    m->event = event_ref(e);
    m->document = document ? blob_ref(document) : NULL;
    loop_post(to->loop, &m->mail, on_event);
}

static void on_checked(struct mail *mail)
{
    AUTO_FREE struct hub_mail *m = mail_of(mail);
    struct hub *h = hub_of(m);

    if (h)
        hub_checked(h, m->checked_wall);
}

void hub_post_checked(struct shard *to, const char *topic_id, int64_t checked_wall)
{
    struct hub_mail *m = mail_new(to, topic_id);

    m->checked_wall = checked_wall;
    loop_post(to->loop, &m->mail, on_checked);
}

static void on_conf(struct mail *mail)
{
    AUTO_FREE struct hub_mail *m = mail_of(mail);
    struct hub *h = hub_of(m);

    if (h)
        hub_conf_changed(h, m->conf);
    topic_conf_unref(m->conf);
}

void hub_post_conf(struct shard *to, const char *topic_id, struct topic_conf *conf)
{
    struct hub_mail *m = mail_new(to, topic_id);

    m->conf = topic_conf_ref(conf);
    loop_post(to->loop, &m->mail, on_conf);
}

static void on_deleted(struct mail *mail)
{
    AUTO_FREE struct hub_mail *m = mail_of(mail);
    struct hub *h = hub_of(m);

    if (h)
        hub_topic_deleted(h);
}

void hub_post_deleted(struct shard *to, const char *topic_id)
{
    struct hub_mail *m = mail_new(to, topic_id);

    loop_post(to->loop, &m->mail, on_deleted);
}
