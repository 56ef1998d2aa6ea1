#include "unit.h"

#include "api/problem.h"

static void one(void **state)
{
    static const struct {
        struct problem p;
        const char *expected;
    } rows[] = {
        {{.status = 404, .detail = "no topic"},
         "{\"errors\":[{\"status\":404,\"title\":\"Not Found\",\"detail\":\"no "
         "topic\",\"meta\":{},\"source\":{}}]}"},
        {{.status = 400,
          .title = "Validation error: Publisher config",
          .detail = "d",
          .pointer = "/publisher/config/url"},
         "{\"errors\":[{\"status\":400,\"title\":\"Validation error: Publisher "
         "config\",\"detail\":\"d\",\"meta\":{},"
         "\"source\":{\"parameter\":\"config\",\"pointer\":\"/publisher/config/url\"}}]}"},
        {{.status = 400, .detail = "d", .pointer = "/publisher/configure"},
         "{\"errors\":[{\"status\":400,\"title\":\"Bad Request\",\"detail\":\"d\",\"meta\":{},"
         "\"source\":{\"parameter\":\"publisher\",\"pointer\":\"/publisher/configure\"}}]}"},
        {{.status = 400, .detail = "d", .pointer = "/name"},
         "{\"errors\":[{\"status\":400,\"title\":\"Bad Request\",\"detail\":\"d\",\"meta\":{},"
         "\"source\":{\"parameter\":\"name\",\"pointer\":\"/name\"}}]}"},
        {{.status = 400, .detail = "d", .pointer = ""},
         "{\"errors\":[{\"status\":400,\"title\":\"Bad "
         "Request\",\"detail\":\"d\",\"meta\":{},\"source\":{\"pointer\":\"\"}}]}"},
        {{.status = 400, .detail = "d", .parameter = "page"},
         "{\"errors\":[{\"status\":400,\"title\":\"Bad "
         "Request\",\"detail\":\"d\",\"meta\":{},\"source\":{\"parameter\":\"page\"}}]}"},
        {{.status = 400, .detail = "d", .line = 3, .column = 14},
         "{\"errors\":[{\"status\":400,\"title\":\"Bad "
         "Request\",\"detail\":\"d\",\"meta\":{\"line\":3,\"column\":14},\"source\":{}}]}"},
        {{.status = 404, .detail = "a \"b\" \x01 \xff"},
         "{\"errors\":[{\"status\":404,\"title\":\"Not Found\",\"detail\":\"a \\\"b\\\" \\u0001 "
         "\xef\xbf\xbd\",\"meta\":{},\"source\":{}}]}"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(buf_done) struct buf b = BUF_INIT;

        problem_write(&b, &rows[i].p, 1);
        assert_str(buf_view(&b), rows[i].expected);
    }
}

static void faults(void **state)
{
    AUTO(buf_done) struct buf b = BUF_INIT;
    AUTO(jdoc_freep) struct jdoc *doc = NULL;
    AUTO(faults_done) struct faults f;

    (void)state;
    faults_init(&f);
    for (int i = 0; i < FAULTS_MAX + 3; i++)
        fault_add(&f, "/name", "T", "fault %d", i);
    problem_write_faults(&b, &f);
    assert_int_equal(jdoc_parse(buf_view(&b), NULL, &doc, NULL), E_OK);
    const jval *errors = jv_getz(jdoc_root(doc), "errors");
    assert_int_equal(jv_count(errors), FAULTS_MAX + 1);
    assert_str(jv_str(jv_getz(jv_at(errors, 99), "detail")), "fault 99");
    assert_str(jv_str(jv_getz(jv_at(errors, 99), "title")), "T");
    assert_str(jv_str(jv_getz(jv_at(errors, FAULTS_MAX), "detail")),
               "and 3 more faults that are not listed");
}

static void servers_own(void **state)
{
    AUTO(buf_done) struct buf b = BUF_INIT;

    (void)state;
    assert_string_equal(problem_http_body(&b, 431, "too large", NULL), "application/json");
    assert_str(buf_view(&b),
               "{\"errors\":[{\"status\":431,\"title\":\"Request Header Fields Too Large\","
               "\"detail\":\"too large\",\"meta\":{},\"source\":{}}]}");
}

int main(void)
{
    return RUN_TESTS(one, faults, servers_own);
}
