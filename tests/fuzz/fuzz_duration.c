/*
 * Any text: refused, or a duration whose shortest form reads back as the same value.
 */
#include "base/duration.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct errinfo ei = ERRINFO_INIT;
    AUTO(buf_done) struct buf b = BUF_INIT;
    int64_t us = -1, back = -1;

    if (duration_parse(str_make((const char *)data, size), &us, &ei) != E_OK) {
        CHECK(us == -1 && ei.err == E_INVALID && ei.text[0]);
        return 0;
    }
    CHECK(us >= 0 && ei.err == E_OK);
    duration_format(&b, us);
    CHECK(duration_parse(buf_view(&b), &back, NULL) == E_OK);
    CHECK(back == us);
    return 0;
}
