/*
 * The attribute engine by a table of every kind.
 */
#include "unit.h"

#include "base/clock.h"
#include "core/attr.h"
#include "core/conf.h"

struct inner {
    int64_t depth;
    char *secret;
};

struct all {
    char *string, *url, *pointer, *preset;
    bool flag;
    int64_t count, wait;
    double share;
    struct attr_map map;
    struct attr_ints codes;
    struct attr_texts pointers, secrets;
    int colour;
    unsigned sides;
    struct inner inner;
    const jval *json;
    const jval *list;
};

static const char *const colours[] = {"red", "green", NULL};
static const char *const colours_later[] = {"blue", NULL};
static const char *const sides[] = {"left", "right", NULL};

static bool is_secret(struct str name)
{
    return str_eqz(name, "password");
}

static size_t checks;

static void check_string(struct attr_ctx *c, const struct attr *row, const void *value)
{
    const char *text = *(char *const *)value;

    assert_string_equal(row->name, "string");
    checks++;
    if (strcmp(text, "bad") == 0)
        attr_fault(c, "this is %s", text);
}

static const struct attr inner_rows[] = {
    {.name = "depth",
     .kind = ATTR_INT,
     .at = offsetof(struct inner, depth),
     .flags = ATTR_REQUIRED,
     .preset = "7",
     .max = 9},
    {.name = "secret",
     .kind = ATTR_STRING,
     .at = offsetof(struct inner, secret),
     .flags = ATTR_SECRET | ATTR_REFERENCE,
     .min = 3,
     .max = 20},
};

#define ROW(kind_, member, ...)                                                                    \
    {                                                                                              \
        .name = #member, .kind = ATTR_##kind_, .at = offsetof(struct all, member), __VA_ARGS__     \
    }

static const struct attr rows[] = {
    ROW(STRING, string, .min = 2, .max = 4, .check = check_string),
    ROW(URL, url),
    ROW(POINTER, pointer),
    ROW(STRING, preset, .preset = "as it is", .max = 20),
    ROW(BOOL, flag, .preset = "true"),
    ROW(INT, count, .preset = "-3", .min = -5, .max = 5),
    ROW(DURATION, wait, .preset = "PT1.5S", .max = 60 * US_PER_S),
    ROW(NUMBER, share, .preset = "0.25", .max = 1),
    ROW(STRING_MAP, map, .flags = ATTR_REFERENCE, .max = 3, .is_secret = is_secret),
    ROW(INT_LIST, codes, .preset = "1,22,-3", .min = -3, .max = 99),
    ROW(POINTER_LIST, pointers, .max = 3),
    ROW(STRING_LIST, secrets, .flags = ATTR_SECRET | ATTR_REFERENCE, .max = 2),
    ROW(ENUM, colour, .preset = "green", .names = colours, .later = colours_later),
    ROW(NAME_LIST, sides, .names = sides),
    ROW(OBJECT, inner, .rows = inner_rows, .row_count = ARRAY_LEN(inner_rows)),
    ROW(JSON, json),
    ROW(TYPED_LIST, list),
    {.name = "ours", .kind = ATTR_IGNORED},
    {.name = "later", .kind = ATTR_LATER},
};

struct result {
    struct jdoc *doc;
    struct faults faults;
    struct all all;
};

static void parse_as(struct result *r, const char *json, bool stored)
{
    struct attr_ctx c;

    *r = (struct result){.doc = NULL};
    assert_int_equal(jdoc_parse(str_of(json), NULL, &r->doc, NULL), E_OK);
    faults_init(&r->faults);
    r->faults.stored = stored;
    attr_ctx_init(&c, &r->faults, "Title", "/at");
    attr_parse(&c, rows, ARRAY_LEN(rows), jdoc_root(r->doc), &r->all);
    assert_string_equal(buf_cstr(&c.pointer), "/at");
    attr_ctx_done(&c);
}

static void parse(struct result *r, const char *json)
{
    parse_as(r, json, false);
}

static void result_done(struct result *r)
{
    attr_done(rows, ARRAY_LEN(rows), &r->all);
    faults_done(&r->faults);
    jdoc_free(r->doc);
}

static void defaults(void **state)
{
    struct result r;

    (void)state;
    parse(&r, "{}");
    assert_int_equal(r.faults.count, 0);
    assert_null(r.all.string);
    assert_null(r.all.url);
    assert_string_equal(r.all.preset, "as it is");
    assert_true(r.all.flag);
    assert_int_equal(r.all.count, -3);
    assert_int_equal(r.all.wait, 1500000);
    assert_true(r.all.share == 0.25);
    assert_int_equal(r.all.map.count, 0);
    assert_int_equal(r.all.codes.count, 3);
    assert_int_equal(r.all.codes.items[1], 22);
    assert_int_equal(r.all.codes.items[2], -3);
    assert_int_equal(r.all.pointers.count, 0);
    assert_int_equal(r.all.colour, 1);
    assert_int_equal(r.all.sides, 0);
    assert_int_equal(r.all.inner.depth, 7);
    assert_null(r.all.json);
    result_done(&r);
}

static void values(void **state)
{
    struct result r;

    (void)state;
    checks = 0;
    parse(
        &r,
        "{\"string\":\"äöü\",\"url\":\"http://h\",\"pointer\":\"/"
        "a\",\"preset\":\"\",\"flag\":false,"
        "\"count\":5e0,\"wait\":\"PT1M\",\"share\":1,\"map\":{\"a\":\"\",\"b\":\"2\"},\"codes\":[],"
        "\"colour\":\"red\",\"sides\":[\"right\"],\"inner\":{\"depth\":0,\"secret\":\"abc\"},"
        "\"json\":{\"x\":1},\"list\":[{}],\"ours\":{\"any\":1}}");
    assert_int_equal(r.faults.count, 0);
    assert_int_equal(checks, 1);
    assert_string_equal(r.all.string, "äöü");
    assert_string_equal(r.all.url, "http://h");
    assert_string_equal(r.all.pointer, "/a");
    assert_string_equal(r.all.preset, "");
    assert_false(r.all.flag);
    assert_int_equal(r.all.count, 5);
    assert_int_equal(r.all.wait, 60 * US_PER_S);
    assert_true(r.all.share == 1);
    assert_int_equal(r.all.map.count, 2);
    assert_string_equal(r.all.map.items[1].value, "2");
    assert_int_equal(r.all.codes.count, 0);
    assert_int_equal(r.all.colour, 0);
    assert_int_equal(r.all.sides, 2);
    assert_int_equal(r.all.inner.depth, 0);
    assert_string_equal(r.all.inner.secret, "abc");
    assert_int_equal(jv_count(r.all.json), 1);
    assert_int_equal(jv_type(r.all.list), JT_ARRAY);
    result_done(&r);
}

static void one_fault(void **state)
{
    static const struct {
        const char *json, *pointer, *says;
    } table[] = {
        {"{\"string\":\"a\"}", "/at/string",
         "expected a string of 2 to 4 characters, found the string \"a\": it has 1 characters"},
        {"{\"string\":\"bad\"}", "/at/string", "this is bad"},
        {"{\"url\":\"h\"}", "/at/url", "it does not start with http:// or https://"},
        {"{\"pointer\":\"a\"}", "/at/pointer", "expected a JSON pointer (RFC 6901)"},
        {"{\"flag\":0}", "/at/flag", "expected true or false, found the number 0"},
        {"{\"count\":6}", "/at/count", "expected an integer between -5 and 5, found the number 6"},
        {"{\"count\":0.5}", "/at/count", "found the number 0.5"},
        {"{\"wait\":\"PT1M0.000001S\"}", "/at/wait", "between PT0S and PT1M, found the string"},
        {"{\"wait\":\"1 s\"}", "/at/wait", "expected an ISO-8601 duration"},
        {"{\"share\":\"x\"}", "/at/share", "expected a number between 0 and 1"},
        {"{\"map\":{\"a\":1}}", "/at/map/a", "expected a string, found the number 1"},
        {"{\"map\":{\"password\":123}}", "/at/map/password", "expected a string, found number"},
        {"{\"map\":{\"password\":\"********\"}}", "/at/map/password", "none is stored here"},
        {"{\"map\":{\"a\":\"\",\"b\":\"\",\"c\":\"\",\"d\":\"\"}}", "/at/map", "at most 3 names"},
        {"{\"codes\":[1,100]}", "/at/codes/1",
         "expected an integer between -3 and 99, found the number 100"},
        {"{\"pointers\":7}", "/at/pointers",
         "expected a JSON pointer (RFC 6901), or an array of at most 3, found the number 7"},
        {"{\"pointers\":\"a\"}", "/at/pointers",
         "expected a JSON pointer (RFC 6901) such as \"/items\", found the string \"a\": "},
        {"{\"pointers\":[\"/a\",\"/b~\"]}", "/at/pointers/1", "character 3"},
        {"{\"pointers\":[null]}", "/at/pointers/0", "such as \"/items\", found null"},
        {"{\"pointers\":[[\"/a\"]]}", "/at/pointers/0", "found an array"},
        {"{\"pointers\":[\"/a\\u0000\"]}", "/at/pointers/0", "NUL"},
        {"{\"pointers\":[\"\",\"\",\"\",\"\"]}", "/at/pointers",
         "expected at most 3 elements, found 4"},
        {"{\"colour\":\"gren\"}", "/at/colour",
         "expected one of \"red\", \"green\", found the string \"gren\"; did you mean \"green\"?"},
        {"{\"colour\":\"blue\"}", "/at/colour", "\"blue\" is not offered by this version yet"},
        {"{\"colour\":3}", "/at/colour", "found the number 3"},
        {"{\"sides\":[\"left\",\"up\"]}", "/at/sides/1", "found the string \"up\""},
        {"{\"sides\":\"left\"}", "/at/sides", "expected an array of \"left\", \"right\""},
        {"{\"inner\":{}}", "/at/inner/depth",
         "\"depth\" is required: expected an integer between 0 and 9, found nothing"},
        {"{\"inner\":{\"depth\":null}}", "/at/inner/depth", "is required"},
        {"{\"inner\":[]}", "/at/inner", "expected an object, found an array"},
        {"{\"inner\":{\"depth\":1,\"secret\":\"ab\"}}", "/at/inner/secret",
         "found string: it has 2 characters"},
        {"{\"inner\":{\"depth\":1,\"secret\":\"********\"}}", "/at/inner/secret",
         "none is stored here"},
        {"{\"inner\":{\"depth\":1,\"secret\":\"abc${abc}\"}}", "/at/inner/secret",
         "expected ${env:NAME} or ${file:/absolute/path}"},
        {"{\"map\":{\"a\":\"${env:A\"}}", "/at/map/a", "at character 1 that no } closes"},
        {"{\"json\":[]}", "/at/json", "expected an object"},
        {"{\"later\":0}", "/at/later", "not offered by this version yet"},
        {"{\"cuont\":0}", "/at/cuont", "did you mean \"count\"?"},
        {"{\"zzzzzzzz\":0}", "/at/zzzzzzzz", "known here: string, url"},
        {"{\"inner\":{\"depth\":1,\"dept\":2}}", "/at/inner/dept", "did you mean \"depth\"?"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct result r;

        parse(&r, table[i].json);
        if (r.faults.count != 1)
            fail_msg("%s: %zu faults", table[i].json, r.faults.count);
        assert_string_equal(r.faults.items[0].pointer, table[i].pointer);
        assert_string_equal(r.faults.items[0].title, "Title");
        if (!strstr(r.faults.items[0].detail, table[i].says))
            fail_msg("%s: %s", table[i].json, r.faults.items[0].detail);
        result_done(&r);
    }
}

static void pointer_lists(void **state)
{
    struct result r;

    (void)state;
    parse(&r, "{\"pointers\":\"\"}");
    assert_int_equal(r.faults.count, 0);
    assert_int_equal(r.all.pointers.count, 1);
    assert_string_equal(r.all.pointers.items[0], "");
    result_done(&r);
    parse(&r, "{\"pointers\":[\"/a~1b\",\"/*/c\",\"/a~1b\"]}");
    assert_int_equal(r.faults.count, 0);
    assert_int_equal(r.all.pointers.count, 3);
    assert_string_equal(r.all.pointers.items[1], "/*/c");
    assert_string_equal(r.all.pointers.items[2], "/a~1b");
    result_done(&r);
    parse(&r, "{\"pointers\":[]}");
    assert_int_equal(r.faults.count, 0);
    assert_int_equal(r.all.pointers.count, 0);
    result_done(&r);
    parse(&r, "{\"pointers\":[\"/a\",1,\"/b\",\"c\"]}");
    assert_int_equal(r.faults.count, 1);
    assert_int_equal(r.all.pointers.count, 0);
    result_done(&r);
    parse(&r, "{\"pointers\":[\"/a\",1,\"c\"]}");
    assert_int_equal(r.faults.count, 2);
    assert_int_equal(r.all.pointers.count, 0);
    result_done(&r);
}

static void string_lists(void **state)
{
    struct result r;

    (void)state;
    parse(&r, "{\"secrets\":\"abc\"}");
    assert_int_equal(r.faults.count, 0);
    assert_int_equal(r.all.secrets.count, 1);
    assert_string_equal(r.all.secrets.items[0], "abc");
    result_done(&r);
    parse(&r, "{\"secrets\":[\"abc\",\"${env:A}\"]}");
    assert_int_equal(r.faults.count, 0);
    assert_int_equal(r.all.secrets.count, 2);
    assert_string_equal(r.all.secrets.items[1], "${env:A}");
    result_done(&r);
    parse(&r, "{\"secrets\":[\"\",\"********\"]}");
    assert_int_equal(r.faults.count, 2);
    assert_string_equal(r.faults.items[0].pointer, "/at/secrets/0");
    assert_string_equal(r.faults.items[1].pointer, "/at/secrets/1");
    assert_non_null(strstr(r.faults.items[1].detail, "none is stored"));
    assert_int_equal(r.all.secrets.count, 0);
    result_done(&r);
    parse(&r, "{\"secrets\":[1,\"hush\",2]}");
    assert_int_equal(r.faults.count, 1);
    assert_non_null(strstr(r.faults.items[0].detail, "at most 2 elements, found 3"));
    result_done(&r);
    parse(&r, "{\"secrets\":{\"hush\":1}}");
    assert_int_equal(r.faults.count, 1);
    assert_string_equal(r.faults.items[0].detail,
                        "expected a string, or an array of at most 2, found object");
    result_done(&r);
}

/* What had a fault has its default, so that later checks find no half-made values. */
static void faulty_keeps_default(void **state)
{
    struct result r;

    (void)state;
    parse(&r, "{\"codes\":[1,1000],\"count\":99,\"preset\":7,\"inner\":3,\"colour\":\"no\"}");
    assert_int_equal(r.faults.count, 5);
    assert_int_equal(r.all.codes.count, 3);
    assert_int_equal(r.all.count, -3);
    assert_string_equal(r.all.preset, "as it is");
    assert_int_equal(r.all.inner.depth, 7);
    assert_int_equal(r.all.colour, 1);
    result_done(&r);
}

static void null_and_empty_are_absent(void **state)
{
    struct result r;

    (void)state;
    parse(&r, "{\"string\":null,\"count\":null,\"later\":null,\"inner\":null,\"colour\":\"\","
              "\"map\":{\"a\":null}}");
    assert_int_equal(r.faults.count, 0);
    assert_int_equal(r.all.count, -3);
    assert_int_equal(r.all.colour, 1);
    assert_int_equal(r.all.map.count, 0);
    result_done(&r);
}

/* What a server that others reach allows its clients to refer to; what it has stored it keeps. */
static void references_that_are_not_allowed(void **state)
{
    const char *json = "{\"map\":{\"a\":\"${env:A}\"},\"inner\":{\"depth\":1,"
                       "\"secret\":\"${file:/a}\"}}";
    struct result r;
    struct conf conf;

    (void)state;
    conf_init(&conf);
    free(conf.listen);
    conf.listen = xstrdup("0.0.0.0:80");
    parse(&r, json);
    assert_int_equal(r.faults.count, 0);
    result_done(&r);
    conf_set_current(&conf);
    parse(&r, json);
    assert_int_equal(r.faults.count, 2);
    assert_string_equal(r.faults.items[0].pointer, "/at/map/a");
    assert_non_null(strstr(r.faults.items[0].detail, "the setting secrets.env of this server"));
    assert_string_equal(r.faults.items[1].pointer, "/at/inner/secret");
    assert_non_null(strstr(r.faults.items[1].detail, "the setting secrets.files of this server"));
    result_done(&r);
    parse_as(&r, json, true);
    assert_int_equal(r.faults.count, 0);
    assert_string_equal(r.all.inner.secret, "${file:/a}");
    result_done(&r);
    parse_as(&r, "{\"map\":{\"a\":\"${env\"}}", true);
    assert_int_equal(r.faults.count, 1);
    result_done(&r);
    conf_set_current(NULL);
    conf_done(&conf);
}

static void assert_written(const char *json, const char *expected)
{
    AUTO(buf_done) struct buf text = BUF_INIT;
    AUTO(jdoc_freep) struct jdoc *doc = NULL;
    struct jwriter w = jw_begin(&text);

    assert_int_equal(jdoc_parse(str_of(json), NULL, &doc, NULL), E_OK);
    attr_write(rows, ARRAY_LEN(rows), jdoc_root(doc), &w);
    assert_int_equal(jw_end(&w), E_OK);
    assert_str(buf_view(&text), expected);
}

#define PRESETS(a, b)                                                                              \
    "\"preset\":\"as it is\",\"flag\":true,\"count\":" a ",\"wait\":\"PT1.5S\",\"share\":0.25," b  \
    "\"codes\":[1,22,-3],\"colour\":\"green\""

static void written(void **state)
{
    (void)state;
    assert_written("{}", "{" PRESETS("-3", "") "}");
    assert_written("{\"count\":1.0,\"string\":null,\"map\":{\"password\":\"x\",\"user\":\"y\"}}",
                   "{" PRESETS("1.0", "\"map\":{\"password\":\"********\",\"user\":\"y\"},") "}");
    assert_written("{\"inner\":{\"secret\":\"abc\"}}",
                   "{" PRESETS("-3", "") ",\"inner\":{\"depth\":7,\"secret\":\"********\"}}");
    assert_written("{\"inner\":{\"secret\":\"${env:A}\"}}",
                   "{" PRESETS("-3", "") ",\"inner\":{\"depth\":7,\"secret\":\"${env:A}\"}}");
    assert_written("{\"map\":{\"password\":\"abc${env:A}\"}}",
                   "{" PRESETS("-3", "\"map\":{\"password\":\"********\"},") "}");
    assert_written("{\"secrets\":\"a\"}",
                   "{\"preset\":\"as it is\",\"flag\":true,\"count\":-3,\"wait\":\"PT1.5S\","
                   "\"share\":0.25,\"codes\":[1,22,-3],\"secrets\":\"********\","
                   "\"colour\":\"green\"}");
    assert_written("{\"secrets\":[\"a\",\"${env:A}\"]}",
                   "{\"preset\":\"as it is\",\"flag\":true,\"count\":-3,\"wait\":\"PT1.5S\","
                   "\"share\":0.25,\"codes\":[1,22,-3],\"secrets\":[\"********\",\"${env:A}\"],"
                   "\"colour\":\"green\"}");
    assert_written("{\"map\":{\"password\":\"${file:/a}\"}}",
                   "{" PRESETS("-3", "\"map\":{\"password\":\"${file:/a}\"},") "}");
}

static void unmasked(void **state)
{
    static const struct {
        const char *root, *was, *expected;
    } table[] = {
        {"{\"a\":\"********\",\"b\":1}", "{\"a\":\"x\"}", "{\"a\":\"x\",\"b\":1}"},
        {"{\"a\":\"********\"}", "{}", "{\"a\":\"********\"}"},
        {"{\"a\":\"********\"}", "{\"a\":1}", "{\"a\":\"********\"}"},
        {"{\"a\":\"*******\"}", "{\"a\":\"x\"}", "{\"a\":\"*******\"}"},
        {"[{\"k\":\"********\"},\"********\"]", "[{\"k\":\"y\"}]", "[{\"k\":\"y\"},\"********\"]"},
        {"{\"a\":{\"b\":[\"********\"]}}", "{\"a\":{\"b\":[\"z\"]}}", "{\"a\":{\"b\":[\"z\"]}}"},
        {"{\"a\":{\"b\":\"********\"}}", "{\"a\":\"x\"}", "{\"a\":{\"b\":\"********\"}}"},
        {"{\"a\":1.50,\"b\":null}", "{\"b\":\"x\"}", "{\"a\":1.50,\"b\":null}"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        AUTO(buf_done) struct buf text = BUF_INIT;
        AUTO(jdoc_freep) struct jdoc *root = NULL;
        AUTO(jdoc_freep) struct jdoc *was = NULL;
        struct jwriter w = jw_begin(&text);

        assert_int_equal(jdoc_parse(str_of(table[i].root), NULL, &root, NULL), E_OK);
        assert_int_equal(jdoc_parse(str_of(table[i].was), NULL, &was, NULL), E_OK);
        attr_unmask(jdoc_root(root), jdoc_root(was), &w);
        assert_int_equal(jw_end(&w), E_OK);
        assert_str(buf_view(&text), table[i].expected);
    }
}

int main(void)
{
    return RUN_TESTS(defaults, values, one_fault, pointer_lists, string_lists, faulty_keeps_default,
                     null_and_empty_are_absent, references_that_are_not_allowed, written, unmasked);
}
