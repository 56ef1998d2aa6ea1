/*
 * A document on the first line, a patch behind it. Both ways of applying agree, and failing leaves
 * nothing behind.
 */
#include "json/patch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str patch = str_make((const char *)data, size);
    struct str doc = str_split(&patch, '\n');
    AUTO(jdoc_freep) struct jdoc *d = NULL, *p = NULL, *one = NULL, *two = NULL;
    AUTO(buf_done) struct buf text = BUF_INIT_MAX(1 << 20);
    struct errinfo ei = ERRINFO_INIT;

    if (jdoc_parse(doc, NULL, &d, NULL) != E_OK || jdoc_parse(patch, NULL, &p, NULL) != E_OK)
        return 0;

    enum err e = jpatch_apply(d, jdoc_root(p), &one, &ei);
    enum err of_texts = jpatch_apply_texts(doc, &patch, 1, &text, NULL);

    CHECK((e == E_OK) == (one != NULL));
    CHECK(e == E_OK || ei.text[0]);
    CHECK(of_texts == E_OK || text.len == 0);
    if (e != E_OK || of_texts == E_LIMIT) /* the text may be too large, the result too deep */
        return 0;
    CHECK(of_texts == E_OK);
    CHECK(jdoc_parse(buf_view(&text), NULL, &two, NULL) == E_OK);
    CHECK(jv_equal(jdoc_root(one), jdoc_root(two)));
    return 0;
}
