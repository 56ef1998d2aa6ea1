#include "core/change.h"

#include "base/trace.h"
#include "core/limits.h"
#include "json/diff.h"
#include "json/omit.h"

#define PATCH_ROOM ((size_t)16 << 10) /* at first */

void change_find(struct str before, const jval *after, size_t after_bytes,
                 const struct change_conf *conf, struct change *ret)
{
    AUTO(buf_done) struct buf patch = BUF_INIT;
    struct jdiff_result res = {0};
    struct jdiff_options opt = {
        .array_key = str_of(conf->array_key),
        .allow_move = conf->allow_move,
        .max_ops = LIMIT_DIFF_OPS,
        .max_bytes = after_bytes,
        .max_us = LIMIT_DIFF_US,
    };

    *ret = (struct change){0};
    if (conf->ignore && change_is_none(before, after, conf)) {
        trace(diff, "equal but for what is ignored");
        ret->equal = true;
        return;
    }
    if (buf_reserve(&patch, MIN(after_bytes / 2, PATCH_ROOM)) != E_OK)
        return;
    /* Old bytes are our own writing: they parse, or the store is damaged and the whole is sent. */
    if (jdiff_text(before, after, &opt, &patch, &res) != E_OK)
        return;
    trace(diff, "%zu ops, %zu bytes of patch, %zu of document%s%s", res.ops, patch.len, after_bytes,
          res.equal ? ", equal" : "", res.over ? ", over" : "");
    ret->equal = res.equal;
    if (!res.equal && !res.over)
        ret->patch = blob_take_buf(&patch);
}

bool change_is_none(struct str before, const jval *after, const struct change_conf *conf)
{
    AUTO(jdoc_freep) struct jdoc *old = NULL;

    if (jdoc_parse_own(before, &old) != E_OK)
        return false;
    return conf->ignore ? jomit_equal(conf->ignore, jdoc_root(old), after)
                        : jv_equal(jdoc_root(old), after);
}
