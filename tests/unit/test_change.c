#include "unit.h"

#include "core/change.h"
#include "json/omit.h"

static void find(const char *before, const char *after, const struct change_conf *conf,
                 struct change *ret)
{
    AUTO(jdoc_freep) struct jdoc *d = NULL;

    assert_int_equal(jdoc_parse(str_of(after), NULL, &d, NULL), E_OK);
    change_find(str_of(before), jdoc_root(d), strlen(after), conf, ret);
}

#define PAD ",\"pad\":\"so long that a patch is the smaller message, whatever is in it, for sure\"}"

static void nothing_a_patch_or_the_whole(void **state)
{
    const struct change_conf conf = {0};
    struct change c;

    (void)state;
    find("{\"a\":1}", "{\"a\":1.0}", &conf, &c);
    assert_true(c.equal);
    assert_null(c.patch);
    find("{\"a\":1" PAD, "{\"a\":2" PAD, &conf, &c);
    assert_false(c.equal);
    assert_str(blob_view(c.patch), "[{\"op\":\"replace\",\"path\":\"/a\",\"value\":2}]");
    blob_unref(c.patch);
    find("{\"a\":1}", "{\"a\":2}", &conf, &c);
    assert_false(c.equal);
    assert_null(c.patch);
}

/* What is ignored is no reason for an event, but is told with one. */
static void ignored_values_go_with_the_others(void **state)
{
    char *patterns[] = {(char *)(uintptr_t) "/at"};
    struct jomit *ignore = jomit_new(patterns, 1);
    const struct change_conf conf = {.ignore = ignore};
    struct change c;

    (void)state;
    find("{\"at\":1,\"v\":1" PAD, "{\"at\":2,\"v\":1" PAD, &conf, &c);
    assert_true(c.equal);
    assert_null(c.patch);
    find("{\"at\":1,\"v\":1" PAD, "{\"at\":3,\"v\":2" PAD, &conf, &c);
    assert_false(c.equal);
    assert_str(blob_view(c.patch), "[{\"op\":\"replace\",\"path\":\"/at\",\"value\":3},"
                                   "{\"op\":\"replace\",\"path\":\"/v\",\"value\":2}]");
    blob_unref(c.patch);
    jomit_free(ignore);
}

static bool is_none(const char *before, const char *after, const struct change_conf *conf)
{
    AUTO(jdoc_freep) struct jdoc *d = NULL;

    assert_int_equal(jdoc_parse(str_of(after), NULL, &d, NULL), E_OK);
    return change_is_none(str_of(before), jdoc_root(d), conf);
}

/* Where nothing but this counts, no patch is looked for. */
static void equal_or_not(void **state)
{
    char *patterns[] = {(char *)(uintptr_t) "/at"};
    struct jomit *ignore = jomit_new(patterns, 1);
    const struct change_conf plain = {0}, ignoring = {.ignore = ignore};

    (void)state;
    assert_true(is_none("{\"a\":1,\"b\":2}", "{\"b\":2.0,\"a\":1}", &plain));
    assert_false(is_none("[1,2]", "[2,1]", &plain));
    assert_false(is_none("{\"at\":1}", "{\"at\":2}", &plain));
    assert_true(is_none("{\"at\":1,\"v\":1}", "{\"at\":2,\"v\":1}", &ignoring));
    assert_false(is_none("{\"at\":1,\"v\":1}", "{\"at\":1,\"v\":2}", &ignoring));
    /* What was damaged is like nothing. */
    assert_false(is_none("{\"v\":", "{\"v\":1}", &plain));
    jomit_free(ignore);
}

int main(void)
{
    return RUN_TESTS(nothing_a_patch_or_the_whole, ignored_values_go_with_the_others, equal_or_not);
}
