#include "unit.h"

#include "core/cloudevent.h"
#include "core/topic_conf.h"

#define TOPIC_ID "11111111-1111-4111-8111-111111111111"
#define WALL INT64_C(1769847300123456)

static void written(void **state)
{
    AUTO(buf_done) struct buf b = BUF_INIT;
    struct cloudevent ce = {
        .id = STR("an id"),
        .topic_id = TOPIC_ID,
        .topic_name = STR("a \"name\""),
        .type = "changes",
        .time_wall = WALL,
        .data = STR("[1.50,{}]"),
    };

    (void)state;
    cloudevent_write(&ce, &b);
    assert_str(buf_view(&b), "{\"specversion\":\"1.0\",\"id\":\"an id\",\"source\":"
                             "\"/streams/hub/api/v1/topics/" TOPIC_ID "\",\"type\":"
                             "\"pollcast.changes\",\"time\":\"2026-01-31T08:15:00.123456Z\","
                             "\"datacontenttype\":\"application/json\","
                             "\"subject\":\"a \\\"name\\\"\",\"data\":[1.50,{}]}");
    buf_clear(&b);
    ce.topic_name = STR_NONE;
    cloudevent_write(&ce, &b);
    assert_null(memmem(b.p, b.len, "subject", 7));
}

static void of_an_event_made_once(void **state)
{
    struct topic_conf topic = {.id = TOPIC_ID, .name = (char *)"prices"};
    struct blob *body = blob_new("{\"a\":1}", 7);
    struct event *e = event_new(TOPIC_ID, EVENT_PATCH, 42, WALL, body);
    struct blob *form = cloudevent_of(e, &topic);

    (void)state;
    assert_non_null(strstr(form->p, "\"id\":\"" TOPIC_ID "#42\""));
    assert_non_null(strstr(form->p, "\"type\":\"pollcast.patch\""));
    assert_non_null(strstr(form->p, "\"subject\":\"prices\",\"data\":{\"a\":1}}"));
    assert_ptr_equal(cloudevent_of(e, &topic), form);
    event_unref(e);
    blob_unref(body);
}

int main(void)
{
    return RUN_TESTS(written, of_an_event_made_once);
}
