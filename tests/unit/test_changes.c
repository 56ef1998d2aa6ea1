/*
 * What mode `changes` tells: cases, then that on random documents the items lead from one to the
 * other, and tell nothing that did not change.
 */
#include "unit.h"

#include "base/rand.h"
#include "core/changes.h"
#include "core/limits.h"
#include "json/patch.h"
#include "json/pointer.h"

static struct jdoc *parse(struct str text)
{
    struct errinfo ei = ERRINFO_INIT;
    struct jdoc *d = NULL;

    assert_ok(jdoc_parse(text, NULL, &d, &ei), &ei);
    return d;
}

/* ---- cases ---- */

static void check(const char *key, const char *before, const char *after, const char *wanted)
{
    struct change_conf conf = {.array_key = key};
    struct blob *got = changes_make(str_of(before), str_of(after), &conf);

    assert_non_null(got);
    assert_string_equal(got->p, wanted);
    blob_unref(got);
}

static void elements_by_key(void **state)
{
    (void)state;
    check(NULL, "{\"items\":[{\"id\":1,\"n\":1},{\"id\":2},{\"id\":3}]}",
          "{\"items\":[{\"id\":3},{\"id\":1,\"n\":2},{\"id\":\"4\"}]}",
          "[{\"op\":\"deleted\",\"pointer\":\"/items\",\"keyAt\":\"/id\",\"key\":2,"
          "\"before\":{\"id\":2}},"
          "{\"op\":\"updated\",\"pointer\":\"/items\",\"keyAt\":\"/id\",\"key\":1,"
          "\"before\":{\"id\":1,\"n\":1},\"after\":{\"id\":1,\"n\":2},"
          "\"patch\":[{\"op\":\"replace\",\"path\":\"/n\",\"value\":2}]},"
          "{\"op\":\"created\",\"pointer\":\"/items\",\"keyAt\":\"/id\",\"key\":\"4\","
          "\"after\":{\"id\":\"4\"}}]");
}

static void array_at_the_root(void **state)
{
    (void)state;
    check("sku", "[]", "[{\"sku\":\"a\",\"id\":1},{\"sku\":\"b\",\"id\":1}]",
          "[{\"op\":\"created\",\"pointer\":\"\",\"keyAt\":\"/sku\",\"key\":\"a\","
          "\"after\":{\"sku\":\"a\",\"id\":1}},"
          "{\"op\":\"created\",\"pointer\":\"\",\"keyAt\":\"/sku\",\"key\":\"b\","
          "\"after\":{\"sku\":\"b\",\"id\":1}}]");
}

static void key_by_pointer(void **state)
{
    (void)state;
    check("/m/~1k", "{\"a~b\":[{\"m\":{\"/k\":1},\"x\":1}]}", "{\"a~b\":[{\"m\":{\"/k\":1.0}}]}",
          "[{\"op\":\"updated\",\"pointer\":\"/a~0b\",\"keyAt\":\"/m/~1k\",\"key\":1.0,"
          "\"before\":{\"m\":{\"/k\":1},\"x\":1},\"after\":{\"m\":{\"/k\":1.0}},"
          "\"patch\":[{\"op\":\"remove\",\"path\":\"/x\"}]}]");
    check("a/b", "[{\"a/b\":1}]", "[]",
          "[{\"op\":\"deleted\",\"pointer\":\"\",\"keyAt\":\"/a~1b\",\"key\":1,"
          "\"before\":{\"a/b\":1}}]");
}

/* A key that does not fit, or fits twice, is no key; then the next that does. */
static void which_key(void **state)
{
    (void)state;
    check("sku", "[{\"sku\":1,\"name\":\"a\"},{\"sku\":1,\"name\":\"b\"}]", "[{\"name\":\"b\"}]",
          "[{\"op\":\"deleted\",\"pointer\":\"\",\"keyAt\":\"/name\",\"key\":\"a\","
          "\"before\":{\"sku\":1,\"name\":\"a\"}},"
          "{\"op\":\"updated\",\"pointer\":\"\",\"keyAt\":\"/name\",\"key\":\"b\","
          "\"before\":{\"sku\":1,\"name\":\"b\"},\"after\":{\"name\":\"b\"},"
          "\"patch\":[{\"op\":\"remove\",\"path\":\"/sku\"}]}]");
    check(NULL, "[{\"id\":true}]", "[]",
          "[{\"op\":\"updated\",\"pointer\":\"\",\"before\":[{\"id\":true}],\"after\":[],"
          "\"patch\":[{\"op\":\"remove\",\"path\":\"/0\"}]}]");
}

static void outside_of_keyed_arrays(void **state)
{
    (void)state;
    check(NULL, "{\"gone\":[1],\"n\":1,\"deep\":{\"t\":[1,2],\"same\":{}},\"kind\":1}",
          "{\"new\":null,\"n\":2,\"deep\":{\"same\":{},\"t\":[1,2,3]},\"kind\":{}}",
          "[{\"op\":\"deleted\",\"pointer\":\"/gone\",\"before\":[1]},"
          "{\"op\":\"created\",\"pointer\":\"/new\",\"after\":null},"
          "{\"op\":\"updated\",\"pointer\":\"/n\",\"before\":1,\"after\":2},"
          "{\"op\":\"updated\",\"pointer\":\"/deep/t\",\"before\":[1,2],\"after\":[1,2,3],"
          "\"patch\":[{\"op\":\"add\",\"path\":\"/2\",\"value\":3}]},"
          "{\"op\":\"updated\",\"pointer\":\"/kind\",\"before\":1,\"after\":{}}]");
    check(NULL, "1", "[1]", "[{\"op\":\"updated\",\"pointer\":\"\",\"before\":1,\"after\":[1]}]");
}

static void order_alone_is_no_change(void **state)
{
    (void)state;
    check(NULL, "[{\"id\":1},{\"id\":2}]", "[{\"id\":2},{\"id\":1.0}]", "[]");
    check(NULL, "{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}", "[]");
}

/* A patch of an element is never much larger than the element. */
static void patches_of_what_changed_much(void **state)
{
    (void)state;
    check(NULL, "[{\"id\":1,\"a\":1,\"b\":2,\"c\":3}]", "[{\"id\":1,\"d\":4,\"e\":5}]",
          "[{\"op\":\"updated\",\"pointer\":\"\",\"keyAt\":\"/id\",\"key\":1,"
          "\"before\":{\"id\":1,\"a\":1,\"b\":2,\"c\":3},\"after\":{\"id\":1,\"d\":4,\"e\":5},"
          "\"patch\":[{\"op\":\"replace\",\"path\":\"\",\"value\":{\"id\":1,\"d\":4,\"e\":5}}]}]");
}

/* Long pointers, few bytes in each element. */
static void too_much_to_tell(void **state)
{
    (void)state;
    AUTO(buf_done) struct buf before = BUF_INIT, after = BUF_INIT;
    struct change_conf conf = {0};

    for (int side = 0; side < 2; side++) {
        struct buf *b = side ? &after : &before;
        buf_puts(b, "{\"");
        for (int i = 0; i < 1000; i++)
            buf_putc(b, 'n');
        buf_puts(b, "\":[");
        for (int i = 0; i < 200; i++)
            buf_printf(b, "%s{\"id\":%d,\"v\":%d}", i ? "," : "", i, side);
        buf_puts(b, "]}");
    }
    assert_true(before.len * LIMIT_CHANGES_FACTOR < 200 * 1000);
    assert_null(changes_make(buf_view(&before), buf_view(&after), &conf));
    struct blob *b = changes_make(buf_view(&before), buf_view(&before), &conf);
    assert_string_equal(b->p, "[]");
    blob_unref(b);
}

static void damaged_documents(void **state)
{
    (void)state;
    struct change_conf conf = {0};

    assert_null(changes_make(STR("{"), STR("{}"), &conf));
}

/* ---- applying ---- */

static struct jdoc *patched(struct jdoc *d, const char *op, struct str path, const jval *value)
{
    AUTO(buf_done) struct buf text = BUF_INIT;
    AUTO(jdoc_freep) struct jdoc *patch = NULL;
    struct errinfo ei = ERRINFO_INIT;
    struct jdoc *ret = NULL;
    struct jwriter w = jw_begin(&text);

    jw_array(&w);
    jw_object(&w);
    jw_key(&w, "op");
    jw_strz(&w, op);
    jw_key(&w, "path");
    jw_str(&w, str_make(path.p ? path.p : "", path.n));
    if (value) {
        jw_key(&w, "value");
        jw_value(&w, value);
    }
    jw_object_end(&w);
    jw_array_end(&w);
    assert_int_equal(jw_end(&w), E_OK);
    patch = parse(buf_view(&text));
    assert_ok(jpatch_apply(d, jdoc_root(patch), &ret, &ei), &ei);
    jdoc_free(d);
    return ret;
}

/* Index of the element with the item's key; -1: none. */
static int place_of(const jval *array, const jval *item)
{
    struct jiter it = jiter_of(array);

    while (jiter_next(&it)) {
        if (jv_equal(jpointer_get(it.value, jv_str(jv_getz(item, "keyAt"))), jv_getz(item, "key")))
            return (int)it.index;
    }
    return -1;
}

static struct jdoc *apply_element(struct jdoc *d, const jval *item, struct str op)
{
    AUTO(buf_done) struct buf path = BUF_INIT;
    struct str pointer = jv_str(jv_getz(item, "pointer"));
    const jval *array = jpointer_get(jdoc_root(d), pointer), *after = jv_getz(item, "after");
    int place = place_of(array, item);

    assert_int_equal(jv_type(array), JT_ARRAY);
    buf_str(&path, pointer);
    if (str_eqz(op, "created")) {
        assert_int_equal(place, -1);
        buf_puts(&path, "/-");
        return patched(d, "add", buf_view(&path), after);
    }
    assert_true(place >= 0);
    assert_true(jv_equal(jv_at(array, (size_t)place), jv_getz(item, "before")));
    jpointer_add_index(&path, (size_t)place);
    return patched(d, after ? "replace" : "remove", buf_view(&path), after);
}

static struct jdoc *apply_item(struct jdoc *d, const jval *item)
{
    const jval *before = jv_getz(item, "before"), *after = jv_getz(item, "after");
    struct str op = jv_str(jv_getz(item, "op")), pointer = jv_str(jv_getz(item, "pointer"));

    assert_true(str_eqz(op, !before ? "created" : after ? "updated" : "deleted"));
    assert_true(!before || !after || !jv_equal(before, after));
    if (jv_getz(item, "patch")) {
        AUTO(buf_done) struct buf text = BUF_INIT;
        AUTO(jdoc_freep) struct jdoc *now = NULL;
        struct errinfo ei = ERRINFO_INIT;
        assert_int_equal(jv_write(before, &text), E_OK);
        AUTO(jdoc_freep) struct jdoc *was = parse(buf_view(&text));
        assert_ok(jpatch_apply(was, jv_getz(item, "patch"), &now, &ei), &ei);
        assert_true(jv_equal(jdoc_root(now), after));
    }
    if (jv_getz(item, "key"))
        return apply_element(d, item, op);
    const jval *there = jpointer_get(jdoc_root(d), pointer);
    assert_true(before ? jv_equal(there, before) : !there);
    return patched(d, !before ? "add" : after ? "replace" : "remove", pointer, after);
}

/* Arrays of objects that members lead to: in any order. */
static bool same_but_for_order(const jval *a, const jval *b)
{
    struct jiter it = jiter_of(a);

    if (jv_type(a) != jv_type(b) || jv_count(a) != jv_count(b))
        return false;
    if (jv_type(a) != JT_OBJECT && jv_type(a) != JT_ARRAY)
        return jv_equal(a, b);
    while (jiter_next(&it)) {
        if (jv_type(a) == JT_OBJECT) {
            if (!same_but_for_order(it.value, jv_get(b, it.name)))
                return false;
            continue;
        }
        struct jiter other = jiter_of(b);
        bool found = false;
        while (!found && jiter_next(&other))
            found = jv_equal(it.value, other.value);
        if (!found || (jv_type(it.value) != JT_OBJECT && !jv_equal(it.value, jv_at(b, it.index))))
            return false;
    }
    return true;
}

/* ---- random documents ---- */

static size_t below(size_t n)
{
    return (size_t)(rand_u64() % n);
}

static void write_value(struct jwriter *w, unsigned depth);

static void write_scalar(struct jwriter *w)
{
    static const char *const texts[] = {
        "null", "true", "1",     "1.0",           "10e-1",
        "-0",   "\"\"", "\"1\"", "\"\\u0000/~\"", "12345678901234567890.5"};

    jw_raw(w, str_of(texts[below(ARRAY_LEN(texts))]));
}

/* Mostly an array that is keyed. */
static void write_rows(struct jwriter *w, unsigned depth)
{
    static const char *const keys[] = {"sku", "id", "name"};
    const char *key = keys[below(3)];
    size_t first = below(30), step = 1 + 2 * below(15);

    jw_array(w);
    for (size_t i = below(12); i > 0; i--) {
        jw_object(w);
        jw_key(w, below(60) ? key : "odd");
        if (below(60))
            jw_i64(w, (int64_t)((first + i * step) % 31));
        else
            write_scalar(w);
        for (size_t j = below(3); j > 0; j--) {
            jw_key(w, j == 1 ? "x" : "y");
            write_value(w, depth);
        }
        jw_object_end(w);
    }
    jw_array_end(w);
}

static void write_value(struct jwriter *w, unsigned depth)
{
    size_t what = depth == 0 ? 0 : below(6);

    if (what <= 1) {
        write_scalar(w);
    } else if (what == 2) {
        jw_array(w);
        for (size_t i = below(4); i > 0; i--)
            write_value(w, depth - 1);
        jw_array_end(w);
    } else if (what == 3) {
        write_rows(w, depth - 1);
    } else {
        jw_object(w);
        size_t first = below(40), n = below(20) ? below(6) : 40;
        for (size_t i = 0; i < n; i++) {
            AUTO_FREE char *name = xasprintf("%zu/~", (first + i * 7) % 41 % (n + 2));
            jw_key(w, name);
            write_value(w, depth - 1);
        }
        jw_object_end(w);
    }
}

/* The same text with each part as it is, or another: the two have much in common. */
static void write_variant(struct jwriter *w, const jval *v, unsigned depth)
{
    struct jiter it = jiter_of(v);
    bool object = jv_type(v) == JT_OBJECT;

    if ((!object && jv_type(v) != JT_ARRAY) || !below(25)) {
        if (below(6))
            jw_value(w, v);
        else
            write_value(w, depth);
        return;
    }
    if (!object && !below(8)) {
        write_rows(w, depth);
        return;
    }
    if (object)
        jw_object(w);
    else
        jw_array(w);
    while (jiter_next(&it)) {
        if (!below(9))
            continue;
        if (object)
            jw_key_str(w, it.name);
        write_variant(w, it.value, depth);
    }
    if (object && !below(4)) {
        jw_key(w, "added");
        write_value(w, depth);
    }
    if (object)
        jw_object_end(w);
    else
        jw_array_end(w);
}

static struct str minified(struct jdoc *d, struct buf *b)
{
    assert_int_equal(jv_write(jdoc_root(d), b), E_OK);
    return buf_view(b);
}

/* Names that were written twice are there once. */
static struct jdoc *random_document(const jval *like)
{
    AUTO(buf_done) struct buf b = BUF_INIT;
    struct jwriter w = jw_begin(&b);

    if (like)
        write_variant(&w, like, 3);
    else
        write_value(&w, 4);
    assert_int_equal(jw_end(&w), E_OK);
    return parse(buf_view(&b));
}

static void check_pair(struct jdoc *a, const jval *b, struct str before, struct str after,
                       unsigned *told)
{
    struct change_conf conf = {.array_key = below(2) ? "sku" : NULL, .allow_move = below(2)};
    struct blob *got = changes_make(before, after, &conf);

    assert_non_null(got);
    AUTO(jdoc_freep) struct jdoc *items = parse(blob_view(got));
    AUTO(jdoc_freep) struct jdoc *now = parse(before);
    struct jiter it = jiter_of(jdoc_root(items));

    while (jiter_next(&it)) {
        now = apply_item(now, it.value);
        (*told)++;
    }
    if (!same_but_for_order(jdoc_root(now), b))
        fail_msg("%.*s\n%.*s\n%s", STR_ARG(before), STR_ARG(after), got->p);
    if (jv_equal(jdoc_root(a), b))
        assert_string_equal(got->p, "[]");
    blob_unref(got);
}

static void random_pairs(void **state)
{
    (void)state;
    unsigned told = 0;

    for (int i = 0; i < ROUNDS_OF(4000); i++) {
        AUTO(buf_done) struct buf before = BUF_INIT, after = BUF_INIT;
        AUTO(jdoc_freep) struct jdoc *a = random_document(NULL);
        AUTO(jdoc_freep) struct jdoc *b = random_document(below(20) ? jdoc_root(a) : NULL);

        check_pair(a, jdoc_root(b), minified(a, &before), minified(b, &after), &told);
    }
    assert_true(told > ROUNDS_OF(4000));
}

/* Tens of thousands of members and elements in another order take no time to speak of. */
static void large_documents(void **state)
{
    (void)state;
    struct buf text[2] = {BUF_INIT, BUF_INIT};
    struct change_conf conf = {0};

    for (unsigned side = 0; side < 2; side++) {
        buf_puts(&text[side], "{\"o\":{");
        for (unsigned i = 0; i < 40000; i++)
            buf_printf(&text[side], "%s\"k%u\":1", i ? "," : "", side ? i * 7919 % 40000 : i);
        buf_puts(&text[side], "},\"a\":[");
        for (unsigned i = 0; i < 40000; i++)
            buf_printf(&text[side], "%s{\"id\":%u}", i ? "," : "", side ? i * 7919 % 40000 : i);
        buf_puts(&text[side], "]}");
    }
    struct blob *got = changes_make(buf_view(&text[0]), buf_view(&text[1]), &conf);
    assert_string_equal(got->p, "[]");
    blob_unref(got);
    buf_done(&text[0]);
    buf_done(&text[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elements_by_key),
        cmocka_unit_test(array_at_the_root),
        cmocka_unit_test(key_by_pointer),
        cmocka_unit_test(which_key),
        cmocka_unit_test(outside_of_keyed_arrays),
        cmocka_unit_test(order_alone_is_no_change),
        cmocka_unit_test(patches_of_what_changed_much),
        cmocka_unit_test(too_much_to_tell),
        cmocka_unit_test(damaged_documents),
        cmocka_unit_test(random_pairs),
        cmocka_unit_test(large_documents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
