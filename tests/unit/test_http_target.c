/*
 * Query parameters. Targets as such: tests/cases/http/line.txt.
 */
#include "unit.h"

#include "io/http_server.h"

static const struct {
    const char *query, *name;
    size_t n;
    const char *value; /* NULL: none */
} queries[] = {
    {"a=1&b=2", "a", 0, "1"},
    {"a=1&b=2", "b", 0, "2"},
    {"a=1&b=2", "c", 0, NULL},
    {"a=1&b=2&a=3", "a", 1, "3"},
    {"a=1&b=2&a=3", "a", 2, NULL},
    {"a", "a", 0, ""},
    {"a=", "a", 0, ""},
    {"a=b=c", "a", 0, "b=c"},
    {"&&a=1", "a", 0, "1"},
    {"a=x+y%2Bz%26", "a", 0, "x y+z&"},
    {"a+b=1", "a b", 0, "1"},
    {"%61=1", "a", 0, "1"},
    {"A=1", "a", 0, NULL},
    {"aa=1", "a", 0, NULL},
    {"a=%zz", "a", 0, NULL},
    {"a=%2", "a", 0, NULL},
    {"a=%", "a", 0, NULL},
    {"a=%00", "a", 0, NULL},
    {"%zz=1&a=2", "a", 0, "2"},
    {"a=%C3%A4", "a", 0, "\xc3\xa4"},
    {"", "a", 0, NULL},
};

static void test_queries(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(queries); i++) {
        struct http_request r = {.query = str_of(queries[i].query), .arena = ARENA_INIT};
        struct str value = STR("untouched");
        bool found = http_query(&r, queries[i].name, queries[i].n, &value);
        assert_int_equal(found, queries[i].value != NULL);
        if (!str_eqz(value, found ? queries[i].value : "untouched"))
            fail_msg("%s: \"%.*s\"", queries[i].query, STR_ARG(value));
        arena_done(&r.arena);
    }
}

static void test_no_query(void **state)
{
    (void)state;
    struct http_request r = {.query = STR_NONE, .arena = ARENA_INIT};
    struct str value = STR_NONE;
    assert_false(http_query(&r, "a", 0, &value));
    assert_null(value.p);
}

static void test_given(void **state)
{
    static const struct {
        const char *query;
        size_t count; /* of a */
    } rows[] = {
        {"", 0}, {"b", 0}, {"a", 1}, {"a=%zz", 1}, {"%61=1&a=%00&b=2&a", 3}, {"%zz=1", 0},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct http_request r = {.query = str_of(rows[i].query), .arena = ARENA_INIT};
        size_t count = 0;
        while (http_query_given(&r, "a", count))
            count++;
        assert_int_equal(count, rows[i].count);
        arena_done(&r.arena);
    }
}

static void test_without(void **state)
{
    static const char *const names[] = {"page", "size", NULL};
    static const char *const rows[][2] = {
        {"", ""},
        {"page=1", ""},
        {"page=1&size=2", ""},
        {"a=1&page=1&b=%20", "a=1&b=%20"},
        {"&&a&&p%61ge=1&pagesize=2&", "a&pagesize=2"},
        {"a=page&%zz=1&page", "a=page&%zz=1"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct http_request r = {.query = str_of(rows[i][0]), .arena = ARENA_INIT};
        assert_str(http_query_without(&r, names), rows[i][1]);
        arena_done(&r.arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_queries),
        cmocka_unit_test(test_given),
        cmocka_unit_test(test_without),
        cmocka_unit_test(test_no_query),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
