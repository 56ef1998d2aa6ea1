#include "unit.h"

#include "core/gate.h"

/* Rules as a user writes them; NULL: with faults. */
static bool parse(const char *rules, struct gate_conf *ret, struct faults *f)
{
    AUTO(jdoc_freep) struct jdoc *d = NULL;
    struct attr_ctx c;

    assert_int_equal(jdoc_parse(str_of(rules), NULL, &d, NULL), E_OK);
    faults_init(f);
    gate_conf_init(ret);
    attr_ctx_init(&c, f, "Title", "");
    attr_parse(&c, gate_attrs, GATE_ATTRS, jdoc_root(d), ret);
    attr_ctx_done(&c);
    return f->count == 0;
}

#define TEN "[1,2,3,4,5,6,7,8,9,0]"
#define SHRINK(n) "{\"maxShrink\":" n "}"

static const struct {
    const char *rules, *last, *payload, *says; /* says NULL: it passes */
} cases[] = {
    {"{}", TEN, "null", NULL},
    /* minItems */
    {"{\"minItems\":3}", NULL, "[1,2,3]", NULL},
    {"{\"minItems\":3}", NULL, "[1,[2,3,4]]",
     "assert.minItems: expected at least 3 elements, found 2"},
    {"{\"minItems\":1}", NULL, "{\"a\":0}", NULL},
    {"{\"minItems\":1}", NULL, "{}", "assert.minItems: expected at least 1 members, found 0"},
    {"{\"minItems\":0}", NULL, "[]", NULL},
    {"{\"minItems\":0}", NULL, "\"abc\"",
     "expected an array or object, found a payload of type string"},
    {"{\"minItems\":1}", NULL, "null", "found a payload of type null"},
    /* maxShrink of arrays */
    {SHRINK("0.5"), NULL, "[]", NULL},
    {SHRINK("0.5"), TEN, "[1,2,3,4,5]", NULL},
    {SHRINK("0.5"), TEN, "[1,2,3,4]",
     "assert.maxShrink: expected at least 5 elements (the last good payload has 10), found 4"},
    {SHRINK("0.5"), "[1,2,3]", "[1,2]", NULL},
    {SHRINK("0.5"), "[1,2,3]", "[1]", "expected at least 2 elements (the last good payload has 3)"},
    {SHRINK("0.7"), TEN, "[1,2,3]", NULL},
    {SHRINK("0.7"), TEN, "[1,2]", "at least 3 elements"},
    {SHRINK("0"), TEN, TEN, NULL},
    {SHRINK("0"), TEN, "[1,2,3,4,5,6,7,8,9]", "at least 10 elements"},
    {SHRINK("1"), TEN, "[]", NULL},
    {SHRINK("0"), "[]", "[]", NULL},
    {SHRINK("0"), "[[],{\"a\":[1,2]}]", "[1,2]", NULL},
    /* in bytes, when one of them is no array */
    {SHRINK("0.5"), "{\"a\":123456}", "{\"a\":1}", NULL},
    {SHRINK("0.4"), "{\"a\":123456}", "{\"a\":1}",
     "assert.maxShrink: expected at least 8 bytes (the last good payload has 12), found 7"},
    {SHRINK("0.5"), TEN, "{\"error\":1}", NULL},
    {SHRINK("0.4"), TEN, "{\"error\":1}",
     "at least 13 bytes (the last good payload has 21), found 11"},
    {SHRINK("0"), "{\"error\":1}", "[1]",
     "at least 11 bytes (the last good payload has 11), found 3"},
    /* pointerExists */
    {"{\"pointerExists\":\"/a\"}", NULL, "{\"a\":null}", NULL},
    {"{\"pointerExists\":\"/a\"}", NULL, "{\"b\":1}",
     "assert.pointerExists: expected something, found nothing at \"/a\""},
    {"{\"pointerExists\":[\"/a/0\",\"\",\"/b\"]}", NULL, "{\"a\":[1],\"b\":2}", NULL},
    {"{\"pointerExists\":[\"/a/0\",\"/b\"]}", NULL, "{\"a\":[1]}", "at \"/b\""},
    {"{\"pointerExists\":\"/*\"}", NULL, "{\"a\":1}", "at \"/*\""},
    {"{\"pointerExists\":[]}", NULL, "1", NULL},
    /* together: the first that fails is named */
    {"{\"minItems\":2,\"maxShrink\":0.1,\"pointerExists\":\"/0/id\"}", TEN, "[1]", "minItems"},
    {"{\"minItems\":1,\"maxShrink\":0.1,\"pointerExists\":\"/0/id\"}", TEN, "[1]", "maxShrink"},
    {"{\"minItems\":1,\"maxShrink\":1,\"pointerExists\":\"/0/id\"}", TEN, "[1]", "pointerExists"},
    {"{\"minItems\":1,\"maxShrink\":1,\"pointerExists\":\"/0/id\"}", TEN, "[{\"id\":1}]", NULL},
};

static void passes_or_says_why_not(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO(jdoc_freep) struct jdoc *d = NULL;
        AUTO(faults_done) struct faults f;
        struct errinfo ei = ERRINFO_INIT;
        struct gate_conf conf;

        assert_true(parse(cases[i].rules, &conf, &f));
        assert_int_equal(jdoc_parse(str_of(cases[i].payload), NULL, &d, NULL), E_OK);
        enum err err =
            gate_check(&conf, str_of(cases[i].last), jdoc_root(d), strlen(cases[i].payload), &ei);
        if (err != (cases[i].says ? E_POLL_FORMAT : E_OK) ||
            (cases[i].says && !strstr(ei.text, cases[i].says)))
            fail_msg("case %zu, %s: %s", i, cases[i].rules, ei.text);
        attr_done(gate_attrs, GATE_ATTRS, &conf);
    }
}

/* What is no whole number in binary shrinks by as much as it says. */
static void shares_are_as_written(void **state)
{
    AUTO(buf_done) struct buf last = BUF_INIT;
    struct gate_conf conf;

    (void)state;
    gate_conf_init(&conf);
    for (int i = 0; i < 100; i++)
        buf_puts(&last, i ? ",0" : "[0");
    buf_putc(&last, ']');
    for (int percent = 0; percent <= 100; percent++) {
        AUTO_FREE char *share = xasprintf("0.%02d", percent);

        conf.max_shrink = percent == 100 ? 1 : strtod(share, NULL);
        for (int n = 0; n <= 100; n++) {
            AUTO(buf_done) struct buf now = BUF_INIT;
            AUTO(jdoc_freep) struct jdoc *d = NULL;

            buf_putc(&now, '[');
            for (int k = 0; k < n; k++)
                buf_puts(&now, k ? ",0" : "0");
            buf_putc(&now, ']');
            assert_int_equal(jdoc_parse(buf_view(&now), NULL, &d, NULL), E_OK);
            enum err err = gate_check(&conf, buf_view(&last), jdoc_root(d), now.len, NULL);
            if ((err == E_OK) != (n >= 100 - percent))
                fail_msg("%d of 100 with maxShrink %s", n, share);
        }
    }
}

static void rules_are_checked(void **state)
{
    static const struct {
        const char *rules, *pointer, *says;
    } table[] = {
        {"{\"minItems\":-1}", "/minItems", "expected an integer between 0 and 4000000"},
        {"{\"minItems\":1.5}", "/minItems", "found the number 1.5"},
        {"{\"maxShrink\":1.1}", "/maxShrink", "expected a number between 0 and 1"},
        {"{\"maxShrink\":\"20%\"}", "/maxShrink",
         "expected a number between 0 and 1, found the string"},
        {"{\"pointerExists\":\"a\"}", "/pointerExists",
         "such as \"/items\", found the string \"a\""},
        {"{\"pointerExists\":{}}", "/pointerExists", "or an array of at most 64"},
        {"{\"pointerExists\":[\"/a\",7]}", "/pointerExists/1", "found the number 7"},
        {"{\"minItem\":1}", "/minItem", "did you mean \"minItems\"?"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        AUTO(faults_done) struct faults f;
        struct gate_conf conf;

        assert_false(parse(table[i].rules, &conf, &f));
        assert_int_equal(f.count, 1);
        assert_string_equal(f.items[0].pointer, table[i].pointer);
        if (!strstr(f.items[0].detail, table[i].says))
            fail_msg("%s: %s", table[i].rules, f.items[0].detail);
        assert_false(gate_has_rules(&conf));
        attr_done(gate_attrs, GATE_ATTRS, &conf);
    }
}

static void without_rules_nothing_is_asked(void **state)
{
    static const struct {
        const char *rules;
        bool has;
    } table[] = {
        {"{}", false},
        {"{\"minItems\":null,\"maxShrink\":null,\"pointerExists\":[]}", false},
        {"{\"minItems\":0}", true},
        {"{\"maxShrink\":0}", true},
        {"{\"pointerExists\":\"\"}", true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        AUTO(faults_done) struct faults f;
        struct gate_conf conf;

        assert_true(parse(table[i].rules, &conf, &f));
        assert_int_equal(gate_has_rules(&conf), table[i].has);
        attr_done(gate_attrs, GATE_ATTRS, &conf);
    }
}

int main(void)
{
    return RUN_TESTS(passes_or_says_why_not, shares_are_as_written, rules_are_checked,
                     without_rules_nothing_is_asked);
}
