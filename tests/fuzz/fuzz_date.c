/*
 * A pattern, a zone and a text, a line each. No fault of memory; a refusal says why and leaves no
 * output; what is printed is UTF-8; a text that is taken is taken again as the same. The whole input
 * is also tried as a zone file.
 */
#include "core/date_pattern.h"
#include "core/date_tzif.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void print(const struct date_pattern *p, const struct date_zone *zone, int64_t s,
                  int32_t nanos)
{
    AUTO(buf_done) struct buf b = BUF_INIT;
    struct errinfo ei = ERRINFO_INIT;

    if (date_pattern_format(p, zone, s, nanos, &b, &ei) != E_OK)
        CHECK(ei.text[0] && b.len == 0);
    else
        CHECK(str_is_utf8(buf_view(&b)));
}

static void read_text(const struct date_pattern *p, const struct date_zone *zone, struct str text)
{
    struct date_reading a = {0}, b = {0};
    struct errinfo ei = ERRINFO_INIT;

    if (date_pattern_parse(p, zone, text, &a, &ei) != E_OK) {
        CHECK(ei.text[0]);
        return;
    }
    CHECK(date_pattern_parse(p, zone, text, &b, NULL) == E_OK);
    CHECK(a.is_moment == b.is_moment && a.epoch_s == b.epoch_s && a.nanos == b.nanos);
    if (a.is_moment)
        print(p, zone, a.epoch_s, a.nanos);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str rest = str_make((const char *)data, size);
    struct str pattern = str_split(&rest, '\n'), name = str_split(&rest, '\n');
    AUTO(date_pattern_freep) struct date_pattern *p = NULL;
    AUTO(date_zone_freep) struct date_zone *zone = NULL;
    AUTO(tzif_freep) struct tzif *file = NULL;
    struct errinfo ei = ERRINFO_INIT;

    if (tzif_new(str_make((const char *)data, size), &file, NULL) == E_OK)
        for (int64_t at = INT64_C(-5000000000); at < INT64_C(9000000000); at += 777777777)
            (void)tzif_at(file, at);
    if (date_pattern_new(pattern, &p, &ei) != E_OK) {
        CHECK(ei.text[0]);
        return 0;
    }
    if (date_zone_new(name, &zone, NULL) != E_OK)
        zone = date_zone_fixed(-12345);
    print(p, zone, 1632304569, 123456789);
    print(p, zone, INT64_C(-31557014135596800), 0);
    print(p, zone, (int64_t)size * 1000000007, 5);
    if (rest.p)
        read_text(p, zone, rest);
    return 0;
}
