/*
 * A search expression, a newline, and a document. What is accepted matches or not, and does the same
 * within parentheses and joined with itself; what is refused is refused with a reason.
 */
#include "core/search.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Parentheses, and the expression with itself, change nothing. */
static void check_variants(struct str text, const jval *v, bool matched)
{
    static const char *const betweens[] = {NULL, ") AND (", ")OR ("};

    for (size_t i = 0; i < ARRAY_LEN(betweens); i++) {
        AUTO(buf_done) struct buf b = BUF_INIT;
        AUTO(search_freep) struct search *s = NULL;

        buf_putc(&b, '(');
        buf_str(&b, text);
        if (betweens[i]) {
            buf_puts(&b, betweens[i]);
            buf_str(&b, text);
        }
        buf_putc(&b, ')');
        enum err err = search_parse(buf_view(&b), &s, NULL);
        CHECK(err == E_OK || err == E_LIMIT);
        if (err == E_OK)
            CHECK(search_matches(s, v) == matched);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(search_freep) struct search *s = NULL;
    AUTO(jdoc_freep) struct jdoc *doc = NULL;
    struct errinfo ei = ERRINFO_INIT;
    struct str rest = str_make((const char *)data, size);
    struct str text = str_split(&rest, '\n');

    if (size == 0)
        return 0;
    enum err err = search_parse(text, &s, &ei);
    if (err != E_OK) {
        CHECK((err == E_INVALID || err == E_LIMIT) && ei.text[0] && !s);
        return 0;
    }
    (void)search_asks(s, STR("a.b"));
    if (!rest.p || jdoc_parse(rest, NULL, &doc, NULL) != E_OK)
        return 0;
    check_variants(text, jdoc_root(doc), search_matches(s, jdoc_root(doc)));
    return 0;
}
