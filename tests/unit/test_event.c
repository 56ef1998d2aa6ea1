#include "unit.h"

#include "base/clock.h"
#include "core/event.h"

#define TOPIC_ID "11111111-1111-4111-8111-111111111111"
#define OTHER_ID "22222222-2222-4222-8222-222222222222"
#define WALL INT64_C(1769847300123456)

static void test_head(void **state)
{
    (void)state;
    struct blob *body = blob_new("[1]", 3);
    struct event *e = event_new(TOPIC_ID, EVENT_PATCH, UINT64_MAX, WALL, body);

    assert_str(str_make(e->head, e->head_len),
               "id: " TOPIC_ID "#18446744073709551615\nevent: patch\ndata: ");
    assert_ptr_equal(e->body, body);
    assert_int_equal(e->seq, UINT64_MAX);
    assert_int_equal(e->time_wall, WALL);
    assert_true(event_size(e) >= sizeof *e + 3);
    blob_unref(body);
    event_unref(event_ref(e));
    event_unref(e);
}

static void test_longest_head_fits(void **state)
{
    (void)state;
    static const enum event_type types[] = {EVENT_SNAPSHOT, EVENT_PATCH, EVENT_EVENT};
    struct blob *body = blob_new("", 0);

    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        struct event *e = event_new(TOPIC_ID, types[i], UINT64_MAX, WALL, body);
        assert_true(e->head_len <= EVENT_HEAD_MAX);
        event_unref(e);
    }
    struct event *e = event_new_error(70500, STR(""), INT64_MAX, UINT32_MAX);
    assert_true(e->head_len <= EVENT_HEAD_MAX);
    event_unref(e);
    blob_unref(body);
}

static void test_error(void **state)
{
    (void)state;
    struct event *e = event_new_error(70013, STR("no \"answer\"\n"), WALL, 0);

    assert_str(str_make(e->head, e->head_len), "event: error\ndata: ");
    assert_str(blob_view(e->body),
               "{\"datetime\":\"2026-01-31T08:15:00.123Z\",\"code\":70013,\"category\":"
               "\"publication\",\"message\":\"no \\\"answer\\\"\\n\"}");
    assert_int_equal(e->seq, 0);
    assert_int_equal(e->error_code, 70013);

    struct event *own = event_new_personal(e, TOPIC_ID, NULL);
    assert_str(str_make(own->head, own->head_len), "event: error\ndata: ");
    assert_str(blob_view(own->body),
               "{\"datetime\":\"2026-01-31T08:15:00.123Z\",\"subscriptionId\":\"" TOPIC_ID "\","
               "\"code\":70013,\"category\":\"publication\",\"message\":\"no \\\"answer\\\"\\n\"}");
    assert_int_equal(own->error_code, 70013);
    event_unref(own);
    event_unref(e);
}

/* As a channel of several topics tells them. */
static void test_events_of_a_channel(void **state)
{
    (void)state;
    struct blob *body = blob_new("{}", 2), *line = blob_new("id: x\n", 6);
    struct event *e = event_new(TOPIC_ID, EVENT_CHANGES, 7, WALL, body);
    struct event *error = event_new_error(40404, STR("gone"), WALL, 1000);

    assert_int_equal(event_id_line(e), 4 + UUID_LEN + 3);
    assert_int_equal(event_id_line(error), 0);
    struct event *own = event_new_as(e, line);
    assert_str(str_make(own->head, own->head_len), "event: changes\ndata: ");
    assert_ptr_equal(own->body, body);
    assert_ptr_equal(event_have_form(own, EVENT_FORM_ID), line);
    assert_int_equal(own->seq, 7);
    assert_int_equal(event_id_line(own), 0);
    event_unref(own);
    own = event_new_personal(error, "s", TOPIC_ID);
    assert_true(str_starts(str_make(own->head, own->head_len), STR("retry: 1000\nevent: error\n")));
    assert_str(blob_view(own->body),
               "{\"datetime\":\"2026-01-31T08:15:00.123Z\",\"subscriptionId\":\"s\",\"topicId\":"
               "\"" TOPIC_ID
               "\",\"code\":40404,\"category\":\"subscription\",\"message\":\"gone\"}");
    event_unref(own);
    event_unref(error);
    event_unref(e);
    blob_unref(line);
    blob_unref(body);
}

static unsigned made;

static struct blob *make_form(const struct event *e)
{
    made++;
    return blob_new(e->head, e->head_len);
}

static void test_a_form_is_made_once(void **state)
{
    (void)state;
    struct blob *body = blob_new("{}", 2);
    struct event *e = event_new(TOPIC_ID, EVENT_PATCH, 7, WALL, body);
    size_t size = event_size(e);

    struct blob *form = event_form(e, EVENT_FORM_DEFLATED, make_form);
    assert_ptr_equal(event_form(e, EVENT_FORM_DEFLATED, make_form), form);
    assert_ptr_not_equal(event_form(e, EVENT_FORM_WS_TEXT, make_form), form);
    assert_int_equal(made, 2);
    assert_int_equal(event_size(e), size);
    event_unref(e);
    blob_unref(body);
}

static void test_error_with_retry(void **state)
{
    (void)state;
    struct event *e = event_new_error(50503, STR("x"), WALL, 4711);

    assert_true(
        str_starts(str_make(e->head, e->head_len), STR("retry: 4711\nevent: error\ndata: ")));
    event_unref(e);
}

static void test_categories(void **state)
{
    (void)state;
    assert_string_equal(event_category(40404), "subscription");
    assert_string_equal(event_category(50503), "server");
    assert_string_equal(event_category(60000), "topic");
    assert_string_equal(event_category(70000), "publication");
    assert_string_equal(event_category(70504), "publication");
}

static void test_id_is_parsed_back(void **state)
{
    (void)state;
    static const uint64_t seqs[] = {1, 9, 10, 1000000, UINT64_MAX};

    for (size_t i = 0; i < ARRAY_LEN(seqs); i++) {
        char id[EVENT_ID_MAX + 1];
        struct errinfo ei = ERRINFO_INIT;
        uint64_t seq = 0;
        event_id_make(id, TOPIC_ID, seqs[i]);
        assert_ok(event_id_parse(str_of(id), TOPIC_ID, &seq, &ei), &ei);
        assert_int_equal(seq, seqs[i]);
    }
}

static void test_id_in_capitals(void **state)
{
    (void)state;
    uint64_t seq = 0;

    assert_int_equal(event_id_parse(STR("ABCDEF00-1111-4111-8111-111111111111#7"),
                                    "abcdef00-1111-4111-8111-111111111111", &seq, NULL),
                     E_OK);
    assert_int_equal(seq, 7);
}

static void test_malformed_ids(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "#",
        "7",
        TOPIC_ID,
        TOPIC_ID "#",
        TOPIC_ID "#0",
        TOPIC_ID "#07",
        TOPIC_ID "#-1",
        TOPIC_ID "#+1",
        TOPIC_ID "#1x",
        TOPIC_ID "#1 ",
        TOPIC_ID "#1#2",
        TOPIC_ID "#18446744073709551616",
        "11111111-1111-4111-8111-11111111111#1",
        "prices#1",
        "#1",
    };

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        uint64_t seq = 4711;
        if (event_id_parse(str_of(bad[i]), TOPIC_ID, &seq, NULL) != E_INVALID)
            fail_msg("taken: %s", bad[i]);
        assert_int_equal(seq, 4711);
    }
}

static void test_id_of_another_topic(void **state)
{
    (void)state;
    struct errinfo ei = ERRINFO_INIT;
    uint64_t seq = 4711;

    assert_int_equal(event_id_parse(STR(OTHER_ID "#1"), TOPIC_ID, &seq, &ei), E_INVALID);
    assert_non_null(strstr(ei.text, OTHER_ID));
    assert_int_equal(seq, 4711);
}

int main(void)
{
    return RUN_TESTS(test_head, test_longest_head_fits, test_error, test_error_with_retry,
                     test_events_of_a_channel, test_a_form_is_made_once, test_categories,
                     test_id_is_parsed_back, test_id_in_capitals, test_malformed_ids,
                     test_id_of_another_topic);
}
