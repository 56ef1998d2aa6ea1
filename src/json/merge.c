#include "json/merge.h"

#include "json/value_inner.h"

static void write_merged(struct jwriter *w, const jval *target, const jval *patch);

/* What the target has, as the patch leaves it. */
static void write_kept(struct jwriter *w, const jval *target, const jval *patch)
{
    AUTO(jfinder_done) struct jfinder patches;
    const jval *name = jvf_first(target);

    jfinder_init(&patches, patch);
    for (size_t left = jvf_len(target); left; left--, name = jvf_next(name + 1)) {
        const jval *change = jfinder_find(&patches, name);

        if (jv_type(change) == JT_NULL)
            continue;
        jw_key_str(w, jvf_text(name));
        if (change)
            write_merged(w, name + 1, change);
        else
            jw_value(w, name + 1);
    }
}

/* What only the patch has. */
static void write_new(struct jwriter *w, const jval *target, const jval *patch)
{
    AUTO(jfinder_done) struct jfinder members = {0};
    const jval *name = jvf_first(patch);

    if (target)
        jfinder_init(&members, target);
    for (size_t left = jvf_len(patch); left; left--, name = jvf_next(name + 1)) {
        if (jv_type(name + 1) == JT_NULL || (target && jfinder_find(&members, name)))
            continue;
        jw_key_str(w, jvf_text(name));
        write_merged(w, NULL, name + 1);
    }
}

/* MergePatch() of RFC 7396 §2. Recursion is bounded by the depth of the documents. */
static void write_merged(struct jwriter *w, const jval *target, const jval *patch)
{
    if (jv_type(patch) != JT_OBJECT) {
        jw_value(w, patch);
        return;
    }
    if (jv_type(target) != JT_OBJECT)
        target = NULL;
    jw_object(w);
    if (target)
        write_kept(w, target, patch);
    write_new(w, target, patch);
    jw_object_end(w);
}

enum err jmerge(const jval *target, const jval *patch, struct buf *b)
{
    struct jwriter w = jw_begin(b);

    write_merged(&w, target, patch);
    return jw_end(&w);
}
