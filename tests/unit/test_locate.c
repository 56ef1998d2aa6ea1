#include "unit.h"

#include "json/locate.h"

static const char text[] = "{\n"
                           "  \"a\": 1, \"a\": [10,\n"
                           "    {\"x/y\": \"]}\\\"\", \"t~\": null},\n"
                           "    \"{\"],\n"
                           "  \"esc\\u0061pe\": {},\n"
                           "  \"\": true\n"
                           "}";

static void check(const char *pointer, const char *at, unsigned line)
{
    const char *found = text + json_locate(str_of(text), str_of(pointer));

    if (strncmp(found, at, strlen(at)) != 0)
        fail_msg("%s: found \"%.12s\", expected \"%s\"", pointer, found, at);
    assert_int_equal(json_locate_line(str_of(text), str_of(pointer)), line);
}

static void test_members_and_elements(void **state)
{
    (void)state;
    check("", "{\n", 1);
    check("/a", "\"a\": [", 2); /* the last of the two */
    check("/a/0", "10", 2);
    check("/a/1", "{\"x/y\"", 3);
    check("/a/1/x~1y", "\"x/y\"", 3);
    check("/a/1/t~0", "\"t~\"", 3);
    check("/a/2", "\"{\"]", 4);
    check("/escape", "\"esc\\u", 5);
    check("/", "\"\": true", 6);
}

static void test_what_is_not_there(void **state)
{
    (void)state;
    check("/nothing", "{\n", 1);
    check("/a/9", "\"a\": [", 2);
    check("/a/01", "\"a\": [", 2);
    check("/a/1/none/deeper", "{\"x/y\"", 3);
    check("/a/0/deeper", "10", 2);
}

static void test_scalars_alone(void **state)
{
    (void)state;
    assert_int_equal(json_locate(STR("  17"), STR("")), 2);
    assert_int_equal(json_locate(STR("\"s\""), STR("/x")), 0);
    assert_int_equal(json_locate(STR("[]"), STR("/0")), 0);
}

int main(void)
{
    return RUN_TESTS(test_members_and_elements, test_what_is_not_there, test_scalars_alone);
}
