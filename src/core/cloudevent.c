#include "core/cloudevent.h"

#include "base/clock.h"
#include "core/topic_conf.h"
#include "json/value.h"

#define ENVELOPE_BYTES 1024 /* about */

static void put(struct jwriter *w, const char *name, struct str value)
{
    jw_key(w, name);
    jw_str(w, value);
}

static void put_time(struct jwriter *w, int64_t wall)
{
    AUTO(buf_done) struct buf text = BUF_INIT;

    clock_format_wall(&text, wall);
    put(w, "time", buf_view(&text));
}

void cloudevent_write(const struct cloudevent *ce, struct buf *b)
{
    AUTO_FREE char *source = xasprintf("/streams/hub/api/v1/topics/%s", ce->topic_id);
    AUTO_FREE char *type = xasprintf("pollcast.%s", ce->type);

    CHECK(buf_reserve(b, ENVELOPE_BYTES + ce->data.n) == E_OK);
    struct jwriter w = jw_begin(b);
    jw_object(&w);
    put(&w, "specversion", STR("1.0"));
    put(&w, "id", ce->id);
    put(&w, "source", str_of(source));
    put(&w, "type", str_of(type));
    put_time(&w, ce->time_wall);
    put(&w, "datacontenttype", STR("application/json"));
    if (ce->topic_name.n > 0)
        put(&w, "subject", ce->topic_name);
    jw_key(&w, "data");
    jw_raw(&w, ce->data);
    jw_object_end(&w);
    CHECK(jw_end(&w) == E_OK);
}

static struct blob *make(const struct event *e, const void *arg)
{
    const struct topic_conf *topic = arg;
    AUTO(buf_done) struct buf text = BUF_INIT;
    char id[EVENT_ID_MAX + 1];

    event_id_make(id, topic->id, e->seq);
    cloudevent_write(
        &(struct cloudevent){
            .id = str_of(id),
            .topic_id = topic->id,
            .topic_name = str_of(topic->name),
            .type = event_type_name(e->type),
            .time_wall = e->time_wall,
            .data = blob_view(e->body),
        },
        &text);
    return blob_of_buf(&text);
}

struct blob *cloudevent_of(struct event *e, const struct topic_conf *topic)
{
    return event_form_with(e, EVENT_FORM_CLOUDEVENT, make, topic);
}
