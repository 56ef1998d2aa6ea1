/*
 * Two documents, the first on the first line: the patch of their difference applies, is never larger
 * than replacing the whole, and is the same from the text of the first.
 */
#include "json/diff.h"
#include "json/patch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* From the text of the first the patch is the same. */
static void check_text(struct str before, const jval *b, const struct jdiff_options *options,
                       struct str patch, const struct jdiff_result *r)
{
    AUTO(buf_done) struct buf again = BUF_INIT;
    struct jdiff_result s;

    CHECK(jdiff_text(before, b, options, &again, &s) == E_OK);
    CHECK(s.over == r->over && s.equal == r->equal);
    CHECK(r->over || str_eq(buf_view(&again), patch));
}

static void check(const jval *a, const jval *b, const struct jdiff_options *options)
{
    AUTO(buf_done)
    struct buf before = BUF_INIT, after = BUF_INIT, patch = BUF_INIT, result = BUF_INIT;
    AUTO(jdoc_freep) struct jdoc *d = NULL;
    struct jdiff_result r;

    CHECK(jv_write(a, &before) == E_OK && jv_write(b, &after) == E_OK);
    jdiff(a, b, options, &patch, &r);
    check_text(buf_view(&before), b, options, buf_view(&patch), &r);
    CHECK(r.over || r.equal == jv_equal(a, b));
    if (r.over) {
        CHECK(options->max_bytes || options->max_ops);
        return;
    }
    struct str text = buf_view(&patch);

    CHECK(patch.len <= (options->max_bytes ? options->max_bytes : after.len + 40));
    CHECK(!options->max_ops || r.ops <= options->max_ops);
    CHECK(jpatch_apply_texts(buf_view(&before), &text, 1, &result, NULL) == E_OK);
    CHECK(jdoc_parse(buf_view(&result), NULL, &d, NULL) == E_OK);
    CHECK(jv_equal(jdoc_root(d), b));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str after = str_make((const char *)data, size);
    struct str before = str_split(&after, '\n');
    AUTO(jdoc_freep) struct jdoc *a = NULL, *b = NULL;

    if (jdoc_parse(before, NULL, &a, NULL) != E_OK || jdoc_parse(after, NULL, &b, NULL) != E_OK)
        return 0;
    check(jdoc_root(a), jdoc_root(b), &(struct jdiff_options){.allow_move = false});
    check(jdoc_root(a), jdoc_root(b), &(struct jdiff_options){.allow_move = true});
    check(jdoc_root(a), jdoc_root(b),
          &(struct jdiff_options){.array_key = STR("/a/b"), .max_ops = 3});
    check(jdoc_root(b), jdoc_root(a),
          &(struct jdiff_options){.max_bytes = MAX(size / 2, (size_t)2)});
    return 0;
}
