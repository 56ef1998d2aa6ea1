#include "unit.h"

#include "core/topic_merge.h"

static void merges(void **state)
{
    static const struct {
        const char *topic, *patch, *merged;
    } rows[] = {
        {"{'name':'a','x':{'y':1}}", "{'x':{'y':null,'z':2}}", "{'name':'a','x':{'z':2}}"},
        {"{'name':'a'}", "{}", "{'name':'a'}"},
        {"{'name':'a'}", "[1]", "[1]"},
        /* an array replaces */
        {"{'subscribers':[{'type':'sse'},{'type':'webhook'}]}",
         "{'subscribers':[{'type':'kafka'}]}", "{'subscribers':[{'type':'kafka'}]}"},
        {"{'subscribers':{'sse':{}}}", "{'subscribers':[{'type':'kafka'}]}",
         "{'subscribers':[{'type':'kafka'}]}"},
        {"{'subscribers':[{'type':'sse'}]}", "{'subscribers':null}", "{}"},
        /* a map changes its types, whatever form stands */
        {"{'subscribers':[{'type':'sse','a':1},{'type':'webhook'}]}",
         "{'subscribers':{'sse':{'b':2},'webhook':null,'kafka':{}}}",
         "{'subscribers':{'sse':{'type':'sse','a':1,'b':2},'kafka':{}}}"},
        {"{'subscribers':{'sse':{'a':1}}}", "{'subscribers':{'sse':{'a':null},'kafka':{'c':3}}}",
         "{'subscribers':{'sse':{},'kafka':{'c':3}}}"},
        /* nothing and an empty array stand for sse */
        {"{'name':'a'}", "{'subscribers':{'webhook':{}}}",
         "{'name':'a','subscribers':{'sse':{},'webhook':{}}}"},
        {"{'subscribers':[]}", "{'subscribers':{'sse':{'a':1}}}",
         "{'subscribers':{'sse':{'a':1}}}"},
        {"{'name':'a'}", "{'subscribers':{'sse':null}}", "{'name':'a','subscribers':{}}"},
        {"{'name':'a'}", "{'subscribers':{}}", "{'name':'a','subscribers':{'sse':{}}}"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(buf_done) struct buf topic = BUF_INIT, merged = BUF_INIT;
        AUTO(jdoc_freep) struct jdoc *patch = NULL, *got = NULL, *expected = NULL;
        const char *const texts[] = {rows[i].patch, rows[i].merged};
        struct jdoc **const docs[] = {&patch, &expected};
        struct topic_conf conf = {0};

        for (size_t k = 0; k < 2; k++) {
            AUTO_FREE char *text = xstrdup(texts[k]);
            for (char *p = text; *p; p++)
                *p = *p == '\'' ? '"' : *p;
            assert_int_equal(jdoc_parse(str_of(text), NULL, docs[k], NULL), E_OK);
        }
        for (const char *p = rows[i].topic; *p; p++)
            buf_putc(&topic, *p == '\'' ? '"' : *p);
        conf.json = blob_of_buf(&topic);
        topic_merge(&conf, jdoc_root(patch), &merged);
        assert_int_equal(jdoc_parse(buf_view(&merged), NULL, &got, NULL), E_OK);
        if (!jv_equal(jdoc_root(got), jdoc_root(expected)))
            fail_msg("%s with %s: %.*s", rows[i].topic, rows[i].patch, STR_ARG(buf_view(&merged)));
        blob_unref(conf.json);
    }
}

int main(void)
{
    return RUN_TESTS(merges);
}
