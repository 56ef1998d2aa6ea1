/*
 * The diff: cases from files (tests/cases/diff), then properties on random documents.
 *
 * A case file holds one case or an array of them: "comment", "before", "after", and any of
 * "options" ({"key", "allowMove", "maxOps", "maxBytes"}), "patch" (exactly this), "maxBytes" (the
 * patch's text is no larger), "over" (a limit is hit), "coarse" (so many subtrees replaced).
 */
#include "reads.h"

#include <dirent.h>

#include "base/rand.h"
#include "json/diff.h"
#include "json/patch.h"

static struct jdoc *parse_str(struct str text)
{
    struct errinfo ei = ERRINFO_INIT;
    struct jdoc *d = NULL;

    assert_ok(jdoc_parse(text, NULL, &d, &ei), &ei);
    return d;
}

static struct jdoc *parse(const char *text)
{
    return parse_str(str_of(text));
}

static size_t size_of(const jval *v)
{
    AUTO(buf_done) struct buf b = BUF_INIT;

    assert_int_equal(jv_write(v, &b), E_OK);
    return b.len;
}

static bool applies_to(const jval *before, struct str patch_text, const jval *after)
{
    AUTO(buf_done) struct buf b = BUF_INIT, result = BUF_INIT;

    assert_int_equal(jv_write(before, &b), E_OK);
    if (jpatch_apply_texts(buf_view(&b), &patch_text, 1, &result, NULL) != E_OK)
        return false;

    AUTO(jdoc_freep) struct jdoc *d = parse_str(buf_view(&result));

    return jv_equal(jdoc_root(d), after);
}

/* The patch; that it is the same from the text of `before` is looked at, too. */
static void diff(const jval *before, const jval *after, const struct jdiff_options *o,
                 struct buf *patch, struct jdiff_result *ret)
{
    AUTO(buf_done) struct buf text = BUF_INIT, again = BUF_INIT_MAX(patch->max);
    struct jdiff_result r;
    size_t was = patch->len;

    buf_append(&again, patch->p, was);
    assert_int_equal(jv_write(before, &text), E_OK);
    assert_int_equal(jdiff_text(buf_view(&text), after, o, &again, &r), E_OK);
    jdiff(before, after, o, patch, ret);
    assert_int_equal(r.over, ret->over);
    assert_int_equal(r.equal, ret->equal);
    if (r.over)
        return;
    if (!str_eq(buf_view(&again), buf_view(patch)))
        fail_msg("from the text\n  %s\nthe patch to %s is\n  %s\nand not\n  %s", buf_cstr(&text),
                 buf_cstr(&again), buf_cstr(&again), buf_cstr(patch));
    assert_int_equal(r.ops, ret->ops);
    assert_int_equal(r.coarse, ret->coarse);
}

/* ---- cases ---- */

static size_t number_or(const jval *obj, const char *name, size_t otherwise)
{
    int64_t v;

    return jv_i64(jv_getz(obj, name), &v) ? (size_t)v : otherwise;
}

static struct jdiff_options options_of(const jval *options)
{
    struct jdiff_options o = {.max_ops = number_or(options, "maxOps", 0)};

    o.array_key = jv_str(jv_getz(options, "key"));
    o.allow_move = jv_bool(jv_getz(options, "allowMove"));
    o.max_bytes = number_or(options, "maxBytes", 0);
    return o;
}

static void check_case(const char *file, const jval *c)
{
    AUTO_FREE char *name = str_dup(jv_str(jv_getz(c, "comment")));
    AUTO(buf_done) struct buf patch = BUF_INIT;
    const jval *before = jv_getz(c, "before"), *after = jv_getz(c, "after");
    struct jdiff_options options = options_of(jv_getz(c, "options"));
    const jval *want = jv_getz(c, "patch");
    struct jdiff_result r;

    assert_non_null(before);
    assert_non_null(after);
    diff(before, after, &options, &patch, &r);
    if (r.over != jv_bool(jv_getz(c, "over")))
        fail_msg("%s: %s: over is %d", file, name, r.over);
    if (r.over)
        return;
    if (r.equal != jv_equal(before, after) || !applies_to(before, buf_view(&patch), after))
        fail_msg("%s: %s: wrong patch %s", file, name, buf_cstr(&patch));
    if (patch.len > number_or(c, "maxBytes", SIZE_MAX))
        fail_msg("%s: %s: %zu bytes: %s", file, name, patch.len, buf_cstr(&patch));
    if (r.coarse != number_or(c, "coarse", r.coarse))
        fail_msg("%s: %s: %zu replaced whole: %s", file, name, r.coarse, buf_cstr(&patch));

    AUTO(jdoc_freep) struct jdoc *d = parse_str(buf_view(&patch));

    assert_int_equal(r.ops, jv_count(jdoc_root(d)));
    if (want && !jv_equal(jdoc_root(d), want))
        fail_msg("%s: %s: the patch is %s", file, name, buf_cstr(&patch));
}

static size_t check_file(const char *path)
{
    AUTO(buf_done) struct buf text = BUF_INIT;
    FILE *f = fopen(path, "r");
    char part[4096];
    size_t n;

    assert_non_null(f);
    while ((n = fread(part, 1, sizeof part, f)) > 0)
        buf_append(&text, part, n);
    fclose(f);

    AUTO(jdoc_freep) struct jdoc *d = parse_str(buf_view(&text));
    struct jiter it = jiter_of(jdoc_root(d));

    if (jv_type(jdoc_root(d)) == JT_OBJECT) {
        check_case(path, jdoc_root(d));
        return 1;
    }
    while (jiter_next(&it))
        check_case(path, it.value);
    return it.index + 1;
}

static void cases_in_files(void **state)
{
    const char *root = getenv("POLLCAST_CASES");
    AUTO_FREE char *folder = xasprintf("%s/diff", root ? root : "tests/cases");
    DIR *dir = opendir(folder);
    struct dirent *entry;
    size_t count = 0;

    (void)state;
    if (!dir)
        fail_msg("no folder %s", folder);
    while ((entry = readdir(dir)) != NULL) {
        AUTO_FREE char *path = xasprintf("%s/%s", folder, entry->d_name);

        if (str_ends(str_of(path), STR(".json")))
            count += check_file(path);
    }
    closedir(dir);
    assert_true(count >= 50);
}

/* ---- random documents ---- */

/* Few names and values, so that things collide and come again. */
static const char *const names[] = {"a",       "b", "id", "name", "k\"\n", "~",
                                    "/",       "",  "~1", "x",    "key",   "a name of some length",
                                    "\xc3\xa9"};
static const char *const scalars[] = {"0",
                                      "-0",
                                      "1",
                                      "1.0",
                                      "10e-1",
                                      "2",
                                      "3",
                                      "1e400",
                                      "10e399",
                                      "null",
                                      "true",
                                      "false",
                                      "\"\"",
                                      "\"a\"",
                                      "\"b\"",
                                      "12.5",
                                      "1.25e1",
                                      "9007199254740993",
                                      "\"a longer text with \\\"quotes\\\" and \xe2\x82\xac\"",
                                      "\"\\u0000\"",
                                      "9007199254740992"};

static size_t below(size_t n)
{
    return (size_t)(rand_u64() % n);
}

static void write_random(struct jwriter *w, unsigned depth);

static void write_random_members(struct jwriter *w, unsigned depth)
{
    size_t from = below(ARRAY_LEN(names)), count = below(6);

    for (size_t i = 0; i < count; i++) {
        jw_key(w, names[(from + i) % ARRAY_LEN(names)]);
        write_random(w, depth - 1);
    }
}

/* Elements with an id, which may or may not be unique. */
static void write_random_list(struct jwriter *w, unsigned depth)
{
    size_t count = below(9), id = below(4);
    bool unique = below(4) != 0;

    for (size_t i = 0; i < count; i++) {
        jw_object(w);
        jw_key(w, "id");
        jw_i64(w, (int64_t)(unique ? id += 1 + below(2) : below(9)));
        jw_key(w, "v");
        write_random(w, depth - 1);
        jw_object_end(w);
    }
}

static void write_random(struct jwriter *w, unsigned depth)
{
    size_t kind = depth ? below(8) : 0;

    if (kind < 3) {
        jw_raw(w, str_of(scalars[below(ARRAY_LEN(scalars))]));
    } else if (kind < 5) {
        jw_object(w);
        write_random_members(w, depth);
        jw_object_end(w);
    } else {
        jw_array(w);
        if (kind == 7)
            write_random_list(w, depth);
        else
            for (size_t n = below(7); n; n--)
                write_random(w, depth - 1);
        jw_array_end(w);
    }
}

struct mutation {
    unsigned per_mille; /* of each value */
    unsigned depth;     /* of new values */
};

static void write_mutated(struct jwriter *w, const jval *v, const struct mutation *m);

static bool chance(const struct mutation *m)
{
    return below(1000) < m->per_mille;
}

static void mutate_array(struct jwriter *w, const jval *v, const struct mutation *m)
{
    size_t n = jv_count(v), shift = n && chance(m) ? below(n) : 0;
    bool reverse = chance(m);

    for (size_t i = 0; i < n; i++) {
        size_t at = (i + shift) % n;
        const jval *one = jv_at(v, reverse ? n - 1 - at : at);

        if (chance(m))
            continue;
        if (chance(m))
            write_random(w, m->depth);
        if (chance(m))
            one = jv_at(v, below(n));
        write_mutated(w, one, m);
    }
}

static void mutate_object(struct jwriter *w, const jval *v, const struct mutation *m)
{
    struct jiter it = jiter_of(v);
    const char *extra = names[below(ARRAY_LEN(names))];
    bool last_first = chance(m) && jv_count(v) > 1;
    struct str skipped = STR_NONE;

    if (last_first) {
        struct jiter find = jiter_of(v);

        while (jiter_next(&find))
            skipped = find.name;
        jw_key_str(w, skipped);
        write_mutated(w, jv_get(v, skipped), m);
    }
    while (jiter_next(&it)) {
        if ((last_first && str_eq(it.name, skipped)) || chance(m))
            continue;
        jw_key_str(w, it.name);
        write_mutated(w, it.value, m);
    }
    if (chance(m) && !jv_getz(v, extra)) {
        jw_key(w, extra);
        write_random(w, m->depth);
    }
}

static void write_mutated(struct jwriter *w, const jval *v, const struct mutation *m)
{
    if (chance(m)) {
        write_random(w, m->depth);
    } else if (jv_type(v) == JT_ARRAY) {
        jw_array(w);
        mutate_array(w, v, m);
        jw_array_end(w);
    } else if (jv_type(v) == JT_OBJECT) {
        jw_object(w);
        mutate_object(w, v, m);
        jw_object_end(w);
    } else {
        jw_value(w, v);
    }
}

static struct jdoc *random_document(unsigned depth)
{
    AUTO(buf_done) struct buf b = BUF_INIT;
    struct jwriter w = jw_begin(&b);

    write_random(&w, depth);
    assert_int_equal(jw_end(&w), E_OK);
    return parse_str(buf_view(&b));
}

static struct jdoc *mutated(const jval *v, const struct mutation *m)
{
    AUTO(buf_done) struct buf b = BUF_INIT;
    struct jwriter w = jw_begin(&b);

    write_mutated(&w, v, m);
    assert_int_equal(jw_end(&w), E_OK);
    return parse_str(buf_view(&b));
}

static void fail_pair(const char *what, const jval *before, const jval *after, struct buf *patch)
{
    AUTO(buf_done) struct buf a = BUF_INIT, b = BUF_INIT;

    assert_int_equal(jv_write(before, &a), E_OK);
    assert_int_equal(jv_write(after, &b), E_OK);
    fail_msg("%s\n  before %s\n  after  %s\n  patch  %s", what, buf_cstr(&a), buf_cstr(&b),
             buf_cstr(patch));
}

static void check_operations(const jval *patch, const struct jdiff_options *o)
{
    struct jiter it = jiter_of(patch);

    while (jiter_next(&it)) {
        struct str op = jv_str(jv_getz(it.value, "op"));
        bool plain = str_eqz(op, "add") || str_eqz(op, "remove") || str_eqz(op, "replace");

        assert_true(plain || (o->allow_move && str_eqz(op, "move")));
    }
}

/* ---- what comparing by place would give ---- */

static size_t operation_size(const char *op, struct buf *path, const jval *value)
{
    AUTO(buf_done) struct buf b = BUF_INIT;

    buf_printf(&b, ",{\"op\":\"%s\",\"path\":", op);
    buf_json_str(&b, buf_view(path));
    buf_puts(&b, value ? ",\"value\":}" : "}");
    return b.len + (value ? size_of(value) : 0);
}

static size_t by_place(const jval *a, const jval *b, struct buf *path);

/* One side may be NULL. */
static size_t by_place_in(const jval *a, const jval *b, struct buf *path, struct str token)
{
    size_t was = path->len, n;

    buf_putc(path, '/');
    for (; token.n; token = str_drop(token, 1)) {
        if (*token.p == '~' || *token.p == '/')
            buf_puts(path, *token.p == '~' ? "~0" : "~1");
        else
            buf_append(path, token.p, 1);
    }
    n = !a  ? operation_size("add", path, b)
        : b ? by_place(a, b, path)
            : operation_size("remove", path, NULL);
    path->len = was;
    return n;
}

static size_t by_place(const jval *a, const jval *b, struct buf *path)
{
    bool object = jv_type(b) == JT_OBJECT;
    struct jiter it = jiter_of(a), at = jiter_of(b);
    size_t sum = 0, shorter = MIN(jv_count(a), jv_count(b));

    if (jv_type(a) != jv_type(b) || (!object && jv_type(b) != JT_ARRAY))
        return jv_equal(a, b) ? 0 : operation_size("replace", path, b);
    while (object && jiter_next(&it))
        if (!jv_get(b, it.name))
            sum += by_place_in(it.value, NULL, path, it.name);
    while (object && jiter_next(&at))
        sum += by_place_in(jv_get(a, at.name), at.value, path, at.name);
    for (size_t i = 0; !object && i < MAX(jv_count(a), jv_count(b)); i++) {
        char index[24];

        snprintf(index, sizeof index, "%zu", MIN(i, shorter));
        sum +=
            by_place_in(jv_at(a, i), jv_at(b, i), path, i < jv_count(a) ? str_of(index) : STR("-"));
    }
    return sum;
}

/* With its brackets; the first comma is none. */
static size_t by_place_size(const jval *a, const jval *b)
{
    AUTO(buf_done) struct buf path = BUF_INIT;
    size_t n = by_place(a, b, &path);

    return n ? n + 1 : 2;
}

/* Patch bytes that replacing the whole document adds to its text. */
#define REPLACE_ALL (sizeof("[{\"op\":\"replace\",\"path\":\"\",\"value\":}]") - 1)

static void check_pair(const jval *before, const jval *after, const struct jdiff_options *o)
{
    AUTO(buf_done) struct buf patch = BUF_INIT;
    struct jdiff_result r;

    buf_puts(&patch, "kept");
    diff(before, after, o, &patch, &r);
    assert_memory_equal(patch.p, "kept", 4);
    buf_consume(&patch, 4);
    if (r.over) {
        if (!o->max_bytes && !o->max_ops)
            fail_pair("over without a limit", before, after, &patch);
        return;
    }
    if (r.equal != jv_equal(before, after) || r.equal != (patch.len == 2))
        fail_pair("wrong about being equal", before, after, &patch);
    if (!applies_to(before, buf_view(&patch), after))
        fail_pair("wrong patch", before, after, &patch);
    if (patch.len > (o->max_bytes ? o->max_bytes : size_of(after) + REPLACE_ALL))
        fail_pair("larger than allowed", before, after, &patch);
    if (!o->max_bytes && !o->max_ops && patch.len > by_place_size(before, after))
        fail_pair("longer than by place", before, after, &patch);
    if (o->max_ops && r.ops > o->max_ops)
        fail_pair("more operations than allowed", before, after, &patch);

    AUTO(jdoc_freep) struct jdoc *d = parse_str(buf_view(&patch));

    assert_int_equal(jv_count(jdoc_root(d)), r.ops);
    check_operations(jdoc_root(d), o);
}

static struct jdiff_options random_options(const jval *after)
{
    struct jdiff_options o = {.allow_move = below(2)};

    if (below(3) == 0)
        o.array_key = below(2) ? STR("id") : STR("/v/a");
    if (below(3) == 0)
        o.max_bytes = MAX(size_of(after), (size_t)2);
    if (below(6) == 0)
        o.max_ops = 1 + below(5);
    return o;
}

static void any_patch_applies(void **state)
{
    (void)state;
    rand_seed(20);
    for (int round = 0; round < ROUNDS_OF(30000); round++) {
        struct mutation m = {.per_mille = (unsigned)below(120), .depth = (unsigned)below(3)};
        AUTO(jdoc_freep) struct jdoc *a = random_document((unsigned)below(6));
        AUTO(jdoc_freep)
        struct jdoc *b = below(50) ? mutated(jdoc_root(a), &m) : random_document(4);
        struct jdiff_options o = random_options(jdoc_root(b));

        check_pair(jdoc_root(a), jdoc_root(b), &o);
        if (jv_equal(jdoc_root(a), jdoc_root(b)))
            assert_int_equal(jv_hash(jdoc_root(a)), jv_hash(jdoc_root(b)));
    }
}

/* Long lists, with and without keys: alignment and moves. */
static void any_list_patch_applies(void **state)
{
    (void)state;
    rand_seed(21);
    for (int round = 0; round < ROUNDS_OF(3000); round++) {
        AUTO(buf_done) struct buf text = BUF_INIT;
        struct mutation m = {.per_mille = (unsigned)below(60), .depth = 1};
        struct jwriter w = jw_begin(&text);
        size_t kind = below(3), count = below(120);

        jw_array(&w);
        for (size_t i = 0; i < count; i++) {
            if (kind == 0) {
                jw_i64(&w, (int64_t)below(40));
            } else {
                jw_object(&w);
                jw_key(&w, kind == 1 ? "id" : "n");
                jw_i64(&w, (int64_t)(kind == 1 ? i : below(50)));
                jw_key(&w, "v");
                jw_strz(&w, names[below(4)]);
                jw_object_end(&w);
            }
        }
        jw_array_end(&w);

        AUTO(jdoc_freep)
        struct jdoc *a = parse_str(buf_view(&text)), *b = mutated(jdoc_root(a), &m);
        struct jdiff_options o = random_options(jdoc_root(b));

        check_pair(jdoc_root(a), jdoc_root(b), &o);
    }
}

static void nothing_changes_a_document_into_itself(void **state)
{
    (void)state;
    rand_seed(22);
    for (int round = 0; round < ROUNDS_OF(5000); round++) {
        AUTO(jdoc_freep) struct jdoc *a = random_document(5);
        AUTO(buf_done) struct buf text = BUF_INIT, patch = BUF_INIT;
        struct jdiff_options o = random_options(jdoc_root(a));
        struct jdiff_result r;

        assert_int_equal(jv_write(jdoc_root(a), &text), E_OK);

        AUTO(jdoc_freep) struct jdoc *b = parse_str(buf_view(&text));

        diff(jdoc_root(a), jdoc_root(b), &o, &patch, &r);
        assert_str(buf_view(&patch), "[]");
        assert_true(r.equal && !r.over && r.ops == 0 && r.coarse == 0);
    }
}

/* ---- limits and sizes ---- */

static void write_catalogue(struct buf *b, int from, int count, int price)
{
    buf_puts(b, "{\"items\":[");
    for (int i = from; i < from + count; i++)
        buf_printf(
            b,
            "%s{\"id\":%d,\"title\":\"Product number %d\",\"price\":%d,\"tags\":[\"a\",\"b\"],"
            "\"place\":{\"lat\":%d.5,\"lon\":-%d.25}}",
            i > from ? "," : "", i, i, i % 7 ? i : i + price, i % 90, i % 180);
    buf_puts(b, "]}");
}

static void an_insert_in_front_makes_a_small_patch(void **state)
{
    AUTO(buf_done) struct buf x = BUF_INIT, y = BUF_INIT, patch = BUF_INIT;
    struct jdiff_options o = {.allow_move = false};
    struct jdiff_result r;

    (void)state;
    write_catalogue(&x, 1, 450, 0);
    write_catalogue(&y, 0, 451, 0);

    AUTO(jdoc_freep) struct jdoc *a = parse(buf_cstr(&x)), *b = parse(buf_cstr(&y));

    assert_true(x.len > 45000);
    diff(jdoc_root(a), jdoc_root(b), &o, &patch, &r);
    assert_int_equal(r.ops, 1);
    assert_true(patch.len < 300);

    buf_clear(&patch);
    diff(jdoc_root(b), jdoc_root(a), &o, &patch, &r);
    assert_str(buf_view(&patch), "[{\"op\":\"remove\",\"path\":\"/items/0\"}]");
}

static void the_buffers_maximum_is_a_limit(void **state)
{
    AUTO(buf_done) struct buf x = BUF_INIT, y = BUF_INIT;
    struct jdiff_options o = {.allow_move = false};

    (void)state;
    write_catalogue(&x, 1, 50, 0);
    write_catalogue(&y, 1, 50, 3);

    AUTO(jdoc_freep) struct jdoc *a = parse(buf_cstr(&x)), *b = parse(buf_cstr(&y));

    for (size_t max = 4; max < 700; max += 7) {
        AUTO(buf_done) struct buf patch = BUF_INIT_MAX(max);
        struct jdiff_result r;

        buf_puts(&patch, "kept");
        diff(jdoc_root(a), jdoc_root(b), &o, &patch, &r);
        assert_memory_equal(patch.p, "kept", 4);
        assert_true(r.over ||
                    applies_to(jdoc_root(a), str_drop(buf_view(&patch), 4), jdoc_root(b)));
    }
}

/* The clock stands still until the diff looks at it: time is up at the first look. */
static void out_of_time_it_replaces(void **state)
{
    AUTO(buf_done) struct buf x = BUF_INIT, y = BUF_INIT, patch = BUF_INIT;
    struct jdiff_options o = {.max_us = -1};
    struct jdiff_result r;

    (void)state;
    write_catalogue(&x, 1, 400, 0);
    write_catalogue(&y, 1, 400, 3);

    AUTO(jdoc_freep) struct jdoc *a = parse(buf_cstr(&x)), *b = parse(buf_cstr(&y));

    jdiff(jdoc_root(a), jdoc_root(b), &o, &patch, &r);
    assert_false(r.over);
    assert_true(r.coarse > 10);
    assert_true(applies_to(jdoc_root(a), buf_view(&patch), jdoc_root(b)));
}

/* Everything differs, twice over: no path through the diff may be quadratic. */
static void hostile_documents_take_no_time(void **state)
{
    AUTO(buf_done) struct buf x = BUF_INIT, y = BUF_INIT, z = BUF_INIT;
    const int count = 60000;

    (void)state;
    for (int i = 0; i < count; i++) {
        buf_printf(&x, "%s{\"id\":%d,\"l\":[0,0]}", i ? "," : "[", i);
        buf_printf(&y, "%s{\"id\":%d,\"l\":[0,0,0]}", i ? "," : "[", count - i);
        buf_printf(&z, "%s[%d]", i ? "," : "[", i % 2);
    }
    buf_puts(&x, "]");
    buf_puts(&y, "]");
    buf_puts(&z, ",[1]]");

    AUTO(jdoc_freep) struct jdoc *dx = parse(buf_cstr(&x)), *dy = parse(buf_cstr(&y));
    AUTO(jdoc_freep) struct jdoc *dz = parse(buf_cstr(&z));
    const jval *roots[3] = {jdoc_root(dx), jdoc_root(dy), jdoc_root(dz)};
    int64_t start = cpu_now();

    for (int i = 0; i < 9; i++) {
        AUTO(buf_done) struct buf patch = BUF_INIT;
        struct jdiff_options o = {.allow_move = i % 2};
        struct jdiff_result r;

        jdiff(roots[i % 3], roots[i / 3], &o, &patch, &r);
        assert_int_equal(r.equal, i % 3 == i / 3);
    }
    assert_takes_reads(start, buf_view(&x), 200);
}

static void deep_documents_are_walked(void **state)
{
    AUTO(buf_done) struct buf x = BUF_INIT, y = BUF_INIT, patch = BUF_INIT;
    struct json_limits limits = json_limits_default;
    AUTO(jdoc_freep) struct jdoc *a = NULL, *b = NULL;
    struct jdiff_options o = {.allow_move = true};
    struct jdiff_result r;

    (void)state;
    limits.max_depth = UINT32_MAX;
    for (int i = 0; i < 2000; i++) {
        buf_puts(&x, i % 2 ? "[1," : "{\"a\":");
        buf_puts(&y, i % 2 ? "[1," : "{\"a\":");
    }
    buf_puts(&x, "0");
    buf_puts(&y, "[]");
    for (int i = 2000; i-- > 0;) {
        buf_puts(&x, i % 2 ? "]" : "}");
        buf_puts(&y, i % 2 ? "]" : "}");
    }
    assert_int_equal(jdoc_parse(buf_view(&x), &limits, &a, NULL), E_OK);
    assert_int_equal(jdoc_parse(buf_view(&y), &limits, &b, NULL), E_OK);
    diff(jdoc_root(a), jdoc_root(b), &o, &patch, &r);
    assert_false(r.over);
    assert_true(r.ops == 1);
}

/* ---- from the text of what was before ---- */

static enum err diff_text(const char *before, const char *after, struct buf *patch)
{
    AUTO(jdoc_freep) struct jdoc *b = parse(after);
    struct jdiff_options o = {.allow_move = false};
    struct jdiff_result r;

    buf_clear(patch);
    return jdiff_text(str_of(before), jdoc_root(b), &o, patch, &r);
}

/* So long that no patch replaces all of it. */
#define PAD8 "12345678"
#define PAD64 PAD8 PAD8 PAD8 PAD8 PAD8 PAD8 PAD8 PAD8
#define PADDED "{\"d\":%s,\"pad\":\"" PAD64 PAD64 "\"}"

/* Shown by texts that could not be parsed. */
static void text_of_the_same_shape_is_not_parsed(void **state)
{
    static const char *const same[][3] = {
        {"{\"a\":tru,\"b\":2}", "{\"a\":1,\"b\":2}", "\"/d/a\""},
        {"[{\"id\":1,\"v\":tru},{\"id\":2,\"v\":2}]", "[{\"id\":1,\"v\":5},{\"id\":2,\"v\":2}]",
         "\"/d/0/v\""},
        {"[tru,2,3]", "[1,2,3]", "\"/d/0\""},
        {"[1,2,tru]", "[1,2,[3]]", "\"/d/2\""},
        {"[1,[tru,\"]\\\"\",{}]]", "[1,null]", "\"/d/1\""},
        {"[[1,2],tru]", "[[1,2],{\"x\":[]}]", "\"/d/1\""},
    };
    static const char *const other[][2] = {
        {"{\"a\":tru,\"b\":2}", "{\"b\":2,\"a\":1}"},
        {"[{\"id\":1,\"v\":tru},{\"id\":2,\"v\":2}]", "[{\"id\":1,\"v\":5},{\"id\":3,\"v\":3}]"},
        {"[1,tru,3]", "[1,5,4]"},
        {"[tru,2]", "[1]"},
        {"[{\"v\":tru},{\"v\":2}]", "[{\"v\":5},{\"v\":2}]"},
        {"{\"a\":tru", "{\"a\":2}"},
        {"{\"a\":\"x", "{\"a\":2}"},
        {"[tru]]", "[2]"},
        {"", "[2]"},
    };
    AUTO(buf_done) struct buf patch = BUF_INIT;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(same); i++) {
        AUTO(buf_done) struct buf before = BUF_INIT, after = BUF_INIT;

        buf_printf(&before, PADDED, same[i][0]);
        buf_printf(&after, PADDED, same[i][1]);
        assert_int_equal(diff_text(buf_cstr(&before), buf_cstr(&after), &patch), E_OK);
        assert_non_null(strstr(buf_cstr(&patch), same[i][2]));
    }
    for (size_t i = 0; i < ARRAY_LEN(other); i++)
        assert_int_equal(diff_text(other[i][0], other[i][1], &patch), E_JSON_SYNTAX);
}

static void text_is_compared_by_value(void **state)
{
    static const char *const pairs[][3] = {
        {"{\"u\":\"a\\n\\\"b\\\\\",\"v\":1}", "{\"u\":\"a\\u000a\\u0022b\\u005c\",\"v\":2}", "/v"},
        {"{\"a\":\"é😀\",\"v\":1}", "{\"\\u0061\":\"\\u00e9\\ud83d\\ude00\",\"v\":2}", "/v"},
        {"{\"a\":\"\\\\n\",\"v\":1}", "{\"a\":\"\\n\",\"v\":1}", "/a"},
        {"{\"a\":\"\\n\",\"v\":1}", "{\"a\":\"\\\\n\",\"v\":1}", "/a"},
        {"{\"a\":\"x\\\\\",\"v\":1}", "{\"a\":\"x\\\\\",\"v\":\"\\\"\"}", "/v"},
        {"{\"a\":[1.0,10e-1,-0,1E400],\"v\":1}", "{\"a\":[1,1,0,1e400],\"v\":2}", "/v"},
        {"[10,1.0]", "[1,1]", "/0"},
    };
    AUTO(buf_done) struct buf patch = BUF_INIT;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        assert_int_equal(diff_text(pairs[i][0], pairs[i][1], &patch), E_OK);

        AUTO(jdoc_freep) struct jdoc *d = parse_str(buf_view(&patch));

        assert_int_equal(jv_count(jdoc_root(d)), 1);
        assert_str(jv_str(jv_getz(jv_at(jdoc_root(d), 0), "path")), pairs[i][2]);
    }
}

/* What may be shorter as a whole is not written out at every level in vain until time is up. */
static void deep_documents_with_long_strings_take_no_time(void **state)
{
    AUTO(buf_done) struct buf x = BUF_INIT, y = BUF_INIT, patch = BUF_INIT;
    struct jdiff_options o = {.max_us = 50 * US_PER_MS};
    struct jdiff_result r;
    const int depth = 500;

    (void)state;
    for (int i = 0; i < depth; i++) {
        buf_puts(&x, "[");
        buf_puts(&y, "[");
    }
    buf_puts(&x, "1");
    buf_puts(&y, "\"");
    for (int i = 0; i < 2600000; i++)
        buf_puts(&y, "\\u0001");
    buf_puts(&y, "\"");
    for (int i = 0; i < depth; i++) {
        buf_puts(&x, "]");
        buf_puts(&y, "]");
    }

    AUTO(jdoc_freep) struct jdoc *a = parse(buf_cstr(&x)), *b = parse(buf_cstr(&y));

    int64_t start = cpu_now();

    diff(jdoc_root(a), jdoc_root(b), &o, &patch, &r);
    assert_takes_reads(start, buf_view(&y), 200);
    assert_true(applies_to(jdoc_root(a), buf_view(&patch), jdoc_root(b)));
}

/* A replacement may be one byte shorter than what appends. */
static void text_and_values_agree_to_the_byte(void **state)
{
    AUTO(jdoc_freep) struct jdoc *a = parse("[1,2,3,4,5,6,7,8,9,1,2,3,4,5]");
    AUTO(jdoc_freep) struct jdoc *b = parse("[1,2,3,4,5,6,7,8,9,1,2,3,4,5,6,7]");
    AUTO(buf_done) struct buf patch = BUF_INIT;
    struct jdiff_options o = {.allow_move = false};
    struct jdiff_result r;

    (void)state;
    diff(jdoc_root(a), jdoc_root(b), &o, &patch, &r);
    assert_int_equal(r.ops, 2);
}

/* Changed values only: what most documents of the same shape differ in. */
static void write_revalued(struct jwriter *w, const jval *v, unsigned per_mille)
{
    struct jiter it = jiter_of(v);

    switch (jv_type(v)) {
    case JT_OBJECT:
        jw_object(w);
        while (jiter_next(&it)) {
            jw_key_str(w, it.name);
            write_revalued(w, it.value, per_mille);
        }
        jw_object_end(w);
        return;
    case JT_ARRAY:
        jw_array(w);
        while (jiter_next(&it))
            write_revalued(w, it.value, per_mille);
        jw_array_end(w);
        return;
    default:
        if (below(1000) < per_mille)
            write_random(w, 1);
        else
            jw_value(w, v);
    }
}

static void any_changed_values_are_found_in_the_text(void **state)
{
    (void)state;
    rand_seed(23);
    for (int round = 0; round < ROUNDS_OF(20000); round++) {
        AUTO(buf_done) struct buf text = BUF_INIT;
        AUTO(jdoc_freep) struct jdoc *a = random_document((unsigned)below(7));
        struct jwriter w = jw_begin(&text);

        write_revalued(&w, jdoc_root(a), (unsigned)below(300));
        assert_int_equal(jw_end(&w), E_OK);

        AUTO(jdoc_freep) struct jdoc *b = parse_str(buf_view(&text));
        struct jdiff_options o = random_options(jdoc_root(b));

        check_pair(jdoc_root(a), jdoc_root(b), &o);
    }
}

int main(void)
{
    return RUN_TESTS(cases_in_files, any_patch_applies, any_list_patch_applies,
                     nothing_changes_a_document_into_itself, an_insert_in_front_makes_a_small_patch,
                     the_buffers_maximum_is_a_limit, out_of_time_it_replaces,
                     hostile_documents_take_no_time, deep_documents_are_walked,
                     text_of_the_same_shape_is_not_parsed, text_is_compared_by_value,
                     deep_documents_with_long_strings_take_no_time,
                     text_and_values_agree_to_the_byte, any_changed_values_are_found_in_the_text);
}
