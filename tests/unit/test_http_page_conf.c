#include "unit.h"

#include "publisher/http_page_conf.h"

/* Parse text as the attribute pagination at /p; ret and faults are the caller's. */
static void parse(const char *text, struct http_page_conf *ret, struct faults *f)
{
    AUTO(jdoc_freep) struct jdoc *doc = NULL;
    struct attr_ctx c;

    assert_int_equal(jdoc_parse(str_of(text), NULL, &doc, NULL), E_OK);
    faults_init(f);
    attr_ctx_init(&c, f, "title", "/p");
    http_page_conf_init(ret);
    attr_parse(&c, http_page_attrs, HTTP_PAGE_ATTRS, jdoc_root(doc), ret);
    http_page_conf_check(&c, jdoc_root(doc), ret);
    attr_ctx_done(&c);
}

static void done(struct http_page_conf *conf, struct faults *f)
{
    attr_done(http_page_attrs, HTTP_PAGE_ATTRS, conf);
    faults_done(f);
}

static void assert_param(const struct http_page_param *p, const char *name, int64_t value)
{
    assert_string_equal(p->name, name);
    assert_int_equal(p->value, value);
}

static void defaults_are_those_of_the_table(void **state)
{
    struct http_page_conf conf;
    struct faults f;

    (void)state;
    parse("{\"mode\":\"page\",\"nextReference\":{\"location\":\"header\"}}", &conf, &f);
    assert_int_equal(f.count, 0);
    assert_int_equal(conf.mode, HTTP_PAGE_PAGE);
    assert_param(&conf.page, "page", 1);
    assert_param(&conf.page_size, "pageSize", 100);
    assert_param(&conf.offset, "offset", 1);
    assert_param(&conf.limit, "limit", 100);
    assert_param(&conf.key, "since_key", 0);
    assert_param(&conf.cursor, "cursor", 0);
    assert_int_equal(conf.next.location, HTTP_NEXT_HEADER);
    assert_int_equal(conf.next.type, HTTP_PAGE_NONE);
    assert_null(conf.next.pointer);
    assert_int_equal(conf.max_pages, 1000);
    assert_false(conf.allow_other_origin);
    done(&conf, &f);
}

static void all_attributes_are_read(void **state)
{
    struct http_page_conf conf;
    struct faults f;

    (void)state;
    parse("{\"mode\":\"offset\",\"offset\":{\"parameterName\":\"skip\",\"initial\":0},"
          "\"limit\":{\"parameterName\":\"top\",\"value\":1},\"nextReference\":{\"location\":"
          "\"body\",\"type\":\"value\",\"pointer\":\"/next\"},\"maxPages\":5,"
          "\"allowOtherOrigin\":true}",
          &conf, &f);
    assert_int_equal(f.count, 0);
    assert_int_equal(conf.mode, HTTP_PAGE_OFFSET);
    assert_ptr_equal(http_page_mover(&conf), &conf.offset);
    assert_ptr_equal(http_page_sizer(&conf), &conf.limit);
    assert_param(&conf.offset, "skip", 0);
    assert_param(&conf.limit, "top", 1);
    assert_int_equal(conf.next.location, HTTP_NEXT_BODY);
    assert_int_equal(conf.next.type, HTTP_NEXT_VALUE);
    assert_string_equal(conf.next.pointer, "/next");
    assert_int_equal(conf.max_pages, 5);
    assert_true(conf.allow_other_origin);
    done(&conf, &f);
}

static void absent_means_no_pagination(void **state)
{
    struct http_page_conf conf;
    struct faults f;
    struct attr_ctx c;

    (void)state;
    faults_init(&f);
    attr_ctx_init(&c, &f, "title", "/p");
    http_page_conf_init(&conf);
    attr_parse(&c, http_page_attrs, HTTP_PAGE_ATTRS, NULL, &conf);
    http_page_conf_check(&c, NULL, &conf);
    attr_ctx_done(&c);
    assert_int_equal(f.count, 0);
    assert_int_equal(conf.mode, HTTP_PAGE_NONE);
    done(&conf, &f);
}

#define NEXT "\"nextReference\":{\"location\":\"header\"}"
#define BODY(more) "{\"mode\":\"page\",\"nextReference\":{\"location\":\"body\"" more "}}"

/* Each has exactly the fault given. */
static void faults_say_where_and_what(void **state)
{
    static const struct {
        const char *text, *pointer, *says;
    } rows[] = {
        {"{" NEXT "}", "/p/mode", "required"},
        {"{\"mode\":\"\"," NEXT "}", "/p/mode", "required"},
        {"{\"mode\":\"pages\"," NEXT "}", "/p/mode", "did you mean \"page\"?"},
        {"{\"mode\":7," NEXT "}", "/p/mode", "expected one of"},
        {"{\"mode\":\"page\"}", "/p/nextReference", "required"},
        {"{\"mode\":\"page\",\"nextReference\":null}", "/p/nextReference", "required"},
        {"{\"mode\":\"page\",\"nextReference\":\"/next\"}", "/p/nextReference", "an object"},
        {"{\"mode\":\"page\",\"nextReference\":{}}", "/p/nextReference/location", "required"},
        {"{\"mode\":\"page\",\"nextReference\":{\"location\":\"link\"}}",
         "/p/nextReference/location", "\"body\", \"header\""},
        {BODY(",\"type\":\"uri\""), "/p/nextReference/pointer", "required"},
        {BODY(",\"pointer\":\"/a\""), "/p/nextReference/type", "required"},
        {BODY(",\"pointer\":\"/a\",\"type\":\"\""), "/p/nextReference/type", "required"},
        {BODY(",\"pointer\":\"/a\",\"type\":\"url\""), "/p/nextReference/type",
         "did you mean \"uri\"?"},
        {BODY(",\"pointer\":\"a\",\"type\":\"uri\""), "/p/nextReference/pointer", "JSON pointer"},
        {BODY(",\"pointer\":\"\",\"type\":\"uri\""), "/p/nextReference/pointer", "part of"},
        {"{\"mode\":\"page\",\"nextReference\":{\"location\":\"header\",\"type\":\"uri\"}}",
         "/p/nextReference/type", "leave it out"},
        {"{\"mode\":\"page\",\"nextReference\":{\"location\":\"header\",\"pointer\":\"/a\"}}",
         "/p/nextReference/pointer", "leave it out"},
        {"{\"mode\":\"page\",\"offset\":{}," NEXT "}", "/p/offset",
         "\"offset\" has no meaning in mode \"page\", which takes page and pageSize"},
        {"{\"mode\":\"page\",\"limit\":{}," NEXT "}", "/p/limit", "mode \"page\""},
        {"{\"mode\":\"offset\",\"page\":{}," NEXT "}", "/p/page", "mode \"offset\""},
        {"{\"mode\":\"offset\",\"pageSize\":{}," NEXT "}", "/p/pageSize", "offset and limit"},
        {"{\"mode\":\"keyset\",\"cursor\":{}," NEXT "}", "/p/cursor", "key and pageSize"},
        {"{\"mode\":\"cursor\",\"key\":{}," NEXT "}", "/p/key", "cursor and pageSize"},
        {"{\"mode\":\"page\",\"page\":{\"initial\":-1}," NEXT "}", "/p/page/initial",
         "between 0 and"},
        {"{\"mode\":\"page\",\"page\":{\"initial\":\"1\"}," NEXT "}", "/p/page/initial",
         "an integer"},
        {"{\"mode\":\"page\",\"page\":{\"first\":1}," NEXT "}", "/p/page/first",
         "unknown attribute"},
        {"{\"mode\":\"page\",\"page\":{\"parameterName\":\"\"}," NEXT "}", "/p/page/parameterName",
         "1 to 255"},
        {"{\"mode\":\"page\",\"pageSize\":{\"value\":0}," NEXT "}", "/p/pageSize/value",
         "between 1 and"},
        {"{\"mode\":\"offset\",\"limit\":{\"value\":0}," NEXT "}", "/p/limit/value",
         "between 1 and"},
        {"{\"mode\":\"offset\",\"offset\":{\"initial\":-1}," NEXT "}", "/p/offset/initial",
         "between 0 and"},
        {"{\"mode\":\"keyset\",\"key\":{\"value\":1}," NEXT "}", "/p/key/value", "unknown"},
        {"{\"mode\":\"page\",\"pageSize\":{\"parameterName\":\"page\"}," NEXT "}", "/p",
         "two parameters of one name, \"page\""},
        {"{\"mode\":\"page\",\"maxPages\":0," NEXT "}", "/p/maxPages", "between 1 and 100000"},
        {"{\"mode\":\"page\",\"maxPages\":100001," NEXT "}", "/p/maxPages", "found"},
        {"{\"mode\":\"page\",\"allowOtherOrigin\":1," NEXT "}", "/p/allowOtherOrigin",
         "true or false"},
        {"{\"mode\":\"page\",\"maxpages\":1," NEXT "}", "/p/maxpages", "maxPages"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct http_page_conf conf;
        struct faults f;

        parse(rows[i].text, &conf, &f);
        if (f.count != 1 || strcmp(f.items[0].pointer, rows[i].pointer) != 0 ||
            !strstr(f.items[0].detail, rows[i].says))
            fail_msg("%s: %zu faults, %s: %s", rows[i].text, f.count,
                     f.count ? f.items[0].pointer : "", f.count ? f.items[0].detail : "");
        done(&conf, &f);
    }
}

static void null_is_as_absent(void **state)
{
    struct http_page_conf conf;
    struct faults f;

    (void)state;
    parse("{\"mode\":\"page\",\"offset\":null,\"page\":null,\"maxPages\":null,"
          "\"nextReference\":{\"location\":\"header\",\"type\":null,\"pointer\":null}}",
          &conf, &f);
    assert_int_equal(f.count, 0);
    assert_param(&conf.page, "page", 1);
    done(&conf, &f);
}

static void every_attribute_is_explained(void **state)
{
    (void)state;
    for (size_t i = 0; i < HTTP_PAGE_ATTRS; i++) {
        const struct attr *row = &http_page_attrs[i];

        assert_true(row->name && row->help);
        for (size_t k = 0; k < row->row_count; k++)
            assert_true(row->rows[k].name && row->rows[k].help);
    }
}

int main(void)
{
    return RUN_TESTS(defaults_are_those_of_the_table, all_attributes_are_read,
                     absent_means_no_pagination, faults_say_where_and_what, null_is_as_absent,
                     every_attribute_is_explained);
}
