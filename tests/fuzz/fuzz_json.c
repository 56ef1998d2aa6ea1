/*
 * Any bytes: what parses is written and parsed again to an equal document, whose text is the same.
 */
#include "json/value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct buf written(const jval *v)
{
    struct buf b = BUF_INIT;

    CHECK(jv_write(v, &b) == E_OK);
    return b;
}

static void check_again(const jval *v, struct str text)
{
    struct json_limits limits = json_limits_default;
    AUTO(jdoc_freep) struct jdoc *again = NULL;

    limits.max_depth = 1000;
    CHECK(jdoc_parse(text, &limits, &again, NULL) == E_OK);
    CHECK(jv_equal(v, jdoc_root(again)));
    CHECK(jv_hash(v) == jv_hash(jdoc_root(again)));

    AUTO(buf_done) struct buf same = written(jdoc_root(again));
    AUTO(buf_done) struct buf first = written(v);

    CHECK(str_eq(buf_view(&same), buf_view(&first)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(jdoc_freep) struct jdoc *d = NULL;
    AUTO(buf_done) struct buf pretty = BUF_INIT, whole = BUF_INIT;
    struct errinfo ei = ERRINFO_INIT;
    struct str text = str_make((const char *)data, size);

    if (jdoc_parse(text, NULL, &d, &ei) != E_OK) {
        CHECK(ei.text[0] && json_error_offset() <= size);
        return 0;
    }
    AUTO(buf_done) struct buf plain = written(jdoc_root(d));

    check_again(jdoc_root(d), buf_view(&plain));
    CHECK(jdoc_write(d, text, &whole) == E_OK && str_eq(buf_view(&whole), buf_view(&plain)));
    CHECK(jv_write_pretty(jdoc_root(d), &pretty) == E_OK);
    check_again(jdoc_root(d), buf_view(&pretty));
    return 0;
}
