/*
 * pollcast date: what a date pattern makes of a moment.
 */
#include "base/clock.h"
#include "cli/command.h"
#include "core/date_pattern.h"

#define DATE_USAGE "pollcast date PATTERN [INSTANT] [--zone ZONE]"

struct instant {
    int64_t s;
    int32_t nanos;
};

/* [-]digits[.up to 9 digits]; -1.5 is half a second before -1. */
static bool parse_epoch(struct str text, struct instant *ret)
{
    bool negative = text.n > 0 && text.p[0] == '-', has_point = str_find(text, '.') < text.n;
    struct str rest = str_drop(text, negative), whole = str_split(&rest, '.');
    uint64_t s, nanos = 0;

    if (!str_to_u64(whole, INT64_MAX / 2, &s) || rest.n > 9 || (has_point && rest.n == 0))
        return false;
    if (rest.n > 0 && !str_to_u64(rest, UINT64_MAX, &nanos))
        return false;
    for (size_t i = rest.n; i < 9; i++)
        nanos *= 10;
    ret->s = negative ? -(int64_t)s - (nanos > 0) : (int64_t)s;
    ret->nanos = (int32_t)(negative && nanos ? 1000000000 - nanos : nanos);
    return true;
}

/* As people write them: the offset last, seconds and their fraction if they like. */
static bool parse_iso(struct str text, struct instant *ret)
{
    static const char pattern[] =
        "uuuu-MM-dd'T'HH:mm[:ss[.SSSSSSSSS][.SSSSSS][.SSS][.SS][.S]][XXXXX][XXX][XX][X]";
    AUTO(date_pattern_freep) struct date_pattern *p = NULL;
    struct date_reading reading;

    if (date_pattern_new(str_of(pattern), &p, NULL) != E_OK ||
        date_pattern_parse(p, date_zone_utc(), text, &reading, NULL) != E_OK || !reading.is_moment)
        return false;
    *ret = (struct instant){reading.epoch_s, reading.nanos};
    return true;
}

static struct instant now(void)
{
    int64_t us = clock_now_wall();

    return (struct instant){us / US_PER_S, (int32_t)(us % US_PER_S * 1000)};
}

static int print(const char *pattern, struct instant at, const char *zone_name)
{
    AUTO(date_pattern_freep) struct date_pattern *p = NULL;
    AUTO(date_zone_freep) struct date_zone *zone = NULL;
    AUTO(buf_done) struct buf b = BUF_INIT;
    struct errinfo ei = ERRINFO_INIT;
    enum err err = date_pattern_new(str_of(pattern), &p, &ei);

    if (err != E_OK)
        return command_fail("date: %s", err_text(&ei, err));
    err = date_zone_new(str_of(zone_name), &zone, &ei);
    if (err != E_OK)
        return command_fail("date: --zone: %s", err_text(&ei, err));
    err = date_pattern_format(p, zone, at.s, at.nanos, &b, &ei);
    if (err != E_OK)
        return command_fail("date: %s", err_text(&ei, err));
    puts(buf_cstr(&b));
    return STATUS_OK;
}

static int run_date(int argc, char **argv)
{
    const char *zone = "UTC";
    const struct option options[] = {{.name = "--zone", .value = &zone}};
    struct instant at;

    argc = options_take(options, ARRAY_LEN(options), argc, argv);
    if (argc < 0)
        return STATUS_FAULT;
    if (argc < 2 || argc > 3)
        return command_fail("date: expected a pattern and at most one instant; usage: " DATE_USAGE);
    if (argc == 2)
        at = now();
    else if (!parse_epoch(str_of(argv[2]), &at) && !parse_iso(str_of(argv[2]), &at))
        return command_fail("date: \"%s\" is no instant; write seconds since 1970, such as "
                            "1632304569.25, or 2021-09-22T09:56:09Z",
                            argv[2]);
    return print(argv[1], at, zone);
}

const struct command command_date = {
    .name = "date",
    .summary = "Print a moment by a date pattern",
    .run = run_date,
    .help =
        "usage: " DATE_USAGE "\n"
        "\n"
        "Prints a moment as a pattern of a computed query parameter gives it. Patterns are those "
        "of\n"
        "Java's DateTimeFormatter, with English texts. INSTANT is seconds since 1970 with up to 9\n"
        "decimals, or a date and time such as 2021-09-22T09:56:09Z; without it, now.\n"
        "\n"
        "  --zone ZONE    UTC (the default), an offset such as +05:30, or a place such as\n"
        "                 Europe/Berlin\n"
        "\n"
        "examples:\n"
        "  pollcast date \"yyyy-MM-dd'T'HH:mm:ssXXX\"\n"
        "  pollcast date 'EEE, d MMM yyyy HH:mm:ss z' 1632304569 --zone Europe/Berlin\n"
        "\n"
        "exit status: 0 printed, 2 the pattern is refused, or the instant or zone is not known\n",
};
