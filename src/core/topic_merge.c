#include "core/topic_merge.h"

#include "json/merge.h"

#define SUBSCRIBERS "subscribers"

/* The array as a map by type; an empty or absent one allows sse. */
static void write_by_type(struct jwriter *w, const jval *list)
{
    struct jiter it = jiter_of(list);

    jw_object(w);
    if (jv_count(list) == 0) {
        jw_key(w, "sse");
        jw_object(w);
        jw_object_end(w);
    }
    while (jiter_next(&it)) {
        jw_key_str(w, jv_str(jv_getz(it.value, "type")));
        jw_value(w, it.value);
    }
    jw_object_end(w);
}

static struct jdoc *with_map(const jval *topic)
{
    AUTO(buf_done) struct buf text = BUF_INIT;
    struct jwriter w = jw_begin(&text);
    struct jiter it = jiter_of(topic);
    struct jdoc *doc = NULL;

    jw_object(&w);
    while (jiter_next(&it)) {
        if (str_eqz(it.name, SUBSCRIBERS))
            continue;
        jw_key_str(&w, it.name);
        jw_value(&w, it.value);
    }
    jw_key(&w, SUBSCRIBERS);
    write_by_type(&w, jv_getz(topic, SUBSCRIBERS));
    jw_object_end(&w);
    CHECK(jw_end(&w) == E_OK);
    CHECK(jdoc_parse(buf_view(&text), NULL, &doc, NULL) == E_OK);
    buf_wipe(&text);
    return doc;
}

void topic_merge(const struct topic_conf *was, const jval *patch, struct buf *ret)
{
    AUTO(jdoc_freep) struct jdoc *stored = NULL;
    AUTO(jdoc_freep) struct jdoc *mapped = NULL;

    CHECK(jdoc_parse(blob_view(was->json), NULL, &stored, NULL) == E_OK);
    const jval *topic = jdoc_root(stored);
    if (jv_type(jv_getz(patch, SUBSCRIBERS)) == JT_OBJECT &&
        jv_type(jv_getz(topic, SUBSCRIBERS)) != JT_OBJECT) {
        mapped = with_map(topic);
        topic = jdoc_root(mapped);
    }
    CHECK(jmerge(topic, patch, ret) == E_OK);
}
