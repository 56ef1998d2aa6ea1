/*
 * Event types of the topics there are: GET /eventnotifications/v2/event-notification-types.
 */
#include "api/api_answer.h"
#include "api/api_notifications.h"
#include "api/api_page.h"
#include "core/limits.h"
#include "core/note.h"

static void write_type(struct jwriter *w, const struct topic_conf *topic, const char *change,
                       const char *title, const char *payload)
{
    AUTO(buf_done) struct buf type = BUF_INIT;
    AUTO(buf_done) struct buf text = BUF_INIT;
    const struct note example = {
        .time_wall = topic->created_wall,
        .topic_id = str_of(topic->id),
        .topic_name = str_of(topic->name),
        .change = str_of(change),
        .seq = 1,
        .run = 1,
        .payload = str_of(payload),
    };

    note_event_type(&example, &type);
    buf_printf(&text, "%s: %s", topic->name, title);
    jw_object(w);
    jw_key(w, "eventType");
    jw_str(w, buf_view(&type));
    jw_key(w, "title");
    jw_str(w, buf_view(&text));
    jw_key(w, "example");
    note_write(w, &example, buf_view(&type), NULL);
    jw_object_end(w);
}

static void write_types(struct jwriter *w, const struct topic_conf *topic)
{
    if (topic->payload == PAYLOAD_EVENT) {
        write_type(w, topic, "event", "a message was published", "{\"text\":\"a message\"}");
        return;
    }
    write_type(w, topic, "created", "an element was added",
               "{\"op\":\"created\",\"pointer\":\"\",\"keyAt\":\"/id\",\"key\":1,"
               "\"after\":{\"id\":1,\"qty\":2}}");
    write_type(w, topic, "updated", "an element was changed",
               "{\"op\":\"updated\",\"pointer\":\"\",\"keyAt\":\"/id\",\"key\":1,"
               "\"before\":{\"id\":1,\"qty\":2},\"after\":{\"id\":1,\"qty\":3},"
               "\"patch\":[{\"op\":\"replace\",\"path\":\"/qty\",\"value\":3}]}");
    write_type(w, topic, "deleted", "an element was removed",
               "{\"op\":\"deleted\",\"pointer\":\"\",\"keyAt\":\"/id\",\"key\":1,"
               "\"before\":{\"id\":1,\"qty\":3}}");
    write_type(w, topic, "changed", "something else changed",
               "{\"sequence\":1,\"changes\":[{\"op\":\"updated\",\"pointer\":\"/total\","
               "\"before\":1,\"after\":2}]}");
}

/* Without parameters it is the first page, as large as one may be. */
static bool read_page(struct http_request *r, struct api_page *ret)
{
    ret->path = "/eventnotifications/v2/event-notification-types";
    ret->others = STR_NONE;
    return api_query_number(r, "page", 1, UINT32_MAX, 1, &ret->number) &&
           api_query_number(r, "pageSize", 1, LIMIT_FEED_TYPE_TOPICS, LIMIT_FEED_TYPE_TOPICS,
                            &ret->size);
}

void api_notifications_types(const struct api_call *call)
{
    const struct name_order *topics = &call->sh->order;
    AUTO(buf_done) struct buf body = BUF_INIT;
    AUTO(buf_done) struct buf link = BUF_INIT;
    struct jwriter w = jw_begin(&body);
    struct api_page page;

    if (!read_page(call->r, &page))
        return;
    size_t from = (size_t)MIN(api_page_skip(&page), (uint64_t)topics->count);
    size_t to = (size_t)MIN(from + page.size, (uint64_t)topics->count);
    jw_object(&w);
    jw_key(&w, "eventTypes");
    jw_array(&w);
    for (size_t i = from; i < to; i++)
        write_types(&w, topics->items[i]);
    jw_array_end(&w);
    jw_object_end(&w);
    CHECK(jw_end(&w) == E_OK);
    /* Who asks for pages gets the way to the others; clients that know of none see nothing of them. */
    api_page_put_link(&page, topics->count, &link);
    bool asked = http_query_given(call->r, "page", 0) || http_query_given(call->r, "pageSize", 0);
    const struct http_field fields[] = {
        {asked ? "Link" : NULL, buf_view(&link)},
        {NULL, STR_NONE},
    };
    api_answer_json(call->r, 200, fields, &body);
}
