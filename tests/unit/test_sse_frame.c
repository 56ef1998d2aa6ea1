/*
 * Frames byte for byte.
 */
#include "unit.h"

#include "io/sse_frame.h"

static const struct {
    struct str id;
    const char *event;
    struct str data;
    const char *frame;
} frames[] = {
    {{"7", 1}, "snapshot", {"{\"a\":1}", 7}, "id: 7\nevent: snapshot\ndata: {\"a\":1}\n\n"},
    {{NULL, 0}, "patch", {"[]", 2}, "event: patch\ndata: []\n\n"},
    {{NULL, 0}, NULL, {"x", 1}, "data: x\n\n"},
    {{"", 0}, "e", {"x", 1}, "id: \nevent: e\ndata: x\n\n"},
    {{"1", 1}, "e", {"", 0}, "id: 1\nevent: e\ndata: \n\n"},
    {{"1", 1}, "e", {NULL, 0}, "id: 1\nevent: e\ndata: \n\n"},
    {{NULL, 0}, NULL, {"a\nb", 3}, "data: a\ndata: b\n\n"},
    {{NULL, 0}, NULL, {"a\rb", 3}, "data: a\ndata: b\n\n"},
    {{NULL, 0}, NULL, {"a\r\nb", 4}, "data: a\ndata: b\n\n"},
    {{NULL, 0}, NULL, {"a\n\rb", 4}, "data: a\ndata: \ndata: b\n\n"},
    {{NULL, 0}, NULL, {"\n", 1}, "data: \ndata: \n\n"},
    {{NULL, 0}, NULL, {"a\r", 2}, "data: a\ndata: \n\n"},
    {{NULL, 0}, NULL, {" lead", 5}, "data:  lead\n\n"},
    {{"a\r\nb", 4}, "c\nd", {"x", 1}, "id: ab\nevent: cd\ndata: x\n\n"},
    {{"a\0b", 3}, "e", {"x", 1}, "event: e\ndata: x\n\n"},
};

static void test_frames(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(frames); i++) {
        AUTO(buf_done) struct buf b = BUF_INIT;
        sse_frame(&b, frames[i].id, frames[i].event, frames[i].data);
        assert_string_equal(buf_cstr(&b), frames[i].frame);
    }
}

static void test_parts_make_the_whole(void **state)
{
    (void)state;
    AUTO(buf_done) struct buf whole = BUF_INIT;
    AUTO(buf_done) struct buf parts = BUF_INIT;
    sse_frame(&whole, STR("12"), "snapshot", STR("{}"));
    sse_frame_head(&parts, STR("12"), "snapshot");
    buf_puts(&parts, "{}" SSE_FRAME_TAIL);
    assert_string_equal(buf_cstr(&whole), buf_cstr(&parts));
}

static void test_comments(void **state)
{
    (void)state;
    AUTO(buf_done) struct buf b = BUF_INIT;
    sse_comment(&b, STR("heartbeat"));
    sse_comment(&b, STR("two\nlines"));
    sse_comment(&b, STR_NONE);
    assert_string_equal(buf_cstr(&b), ": heartbeat\n\n: two\n: lines\n\n: \n\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frames),
        cmocka_unit_test(test_parts_make_the_whole),
        cmocka_unit_test(test_comments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
