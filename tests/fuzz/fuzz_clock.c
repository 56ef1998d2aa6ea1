/*
 * Any text as RFC 3339 and as an HTTP-date: refused, or a moment that is written and read back as
 * the same one (to the second as an HTTP-date).
 */
#include "base/clock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What RFC 3339 can write. An offset may lead out of it. */
static bool has_four_digit_year(int64_t wall)
{
    int64_t year = clock_civil_of(wall).year;

    return year >= 0 && year <= 9999;
}

static void check(int64_t wall)
{
    AUTO(buf_done) struct buf b = BUF_INIT;
    int64_t back;

    if (!has_four_digit_year(wall))
        return;
    clock_format_wall(&b, wall);
    CHECK(clock_parse_wall(buf_view(&b), &back) == E_OK);
    CHECK(back == wall);
    buf_clear(&b);
    clock_format_http(&b, wall);
    CHECK(clock_parse_http(buf_view(&b), &back) == E_OK);
    CHECK(back <= wall && wall - back < US_PER_S);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str s = str_make((const char *)data, size);
    int64_t wall = 5;

    clock_fake(0, INT64_C(1780000000) * US_PER_S);
    if (clock_parse_wall(s, &wall) == E_OK)
        check(wall);
    else
        CHECK(wall == 5);
    wall = 5;
    if (clock_parse_http(s, &wall) == E_OK)
        check(wall);
    else
        CHECK(wall == 5);
    return 0;
}
