/*
 * What Java prints, reads and refuses, line by line: the files of tests/cases/date, and the shared
 * vectors where they are. A line is zone, pattern, seconds.nanoseconds, text; or "parse" and zone,
 * pattern, text, what it comes to. Files given as arguments are run instead.
 */
#include "unit.h"

#include "core/date_pattern.h"

#define FILE_MAX ((size_t)64 << 20)

struct line {
    struct str zone, pattern, given, expected;
};

/* "-1.500000000" is half a second behind the second -1, as java.time.Instant keeps it. */
static void moment_of(struct str s, int64_t *ret_s, int32_t *ret_nanos)
{
    struct str whole = str_split(&s, '.');
    uint64_t nanos = 0;

    assert_true(str_to_i64(whole, ret_s));
    assert_true(s.n == 9 && str_to_u64(s, 999999999, &nanos));
    *ret_nanos = (int32_t)nanos;
}

static void print_line(const struct date_pattern *p, const struct date_zone *zone, struct str given,
                       struct buf *b, struct errinfo *ei)
{
    int64_t s;
    int32_t nanos;

    moment_of(given, &s, &nanos);
    if (date_pattern_format(p, zone, s, nanos, b, ei) != E_OK)
        buf_puts(b, "FORMAT-ERROR");
}

static void parse_line(const struct date_pattern *p, const struct date_zone *zone, struct str given,
                       struct buf *b, struct errinfo *ei)
{
    struct date_reading reading;

    if (date_pattern_parse(p, zone, given, &reading, ei) != E_OK)
        buf_puts(b, "PARSE-ERROR");
    else if (reading.is_moment)
        buf_printf(b, "%lld.%09d", (long long)reading.epoch_s, (int)reading.nanos);
    else
        buf_puts(b, "OK");
}

static bool run_line(struct line l, bool parse, struct buf *ret, struct errinfo *ei)
{
    AUTO(date_zone_freep) struct date_zone *zone = NULL;
    AUTO(date_pattern_freep) struct date_pattern *p = NULL;

    assert_ok(date_zone_new(l.zone, &zone, ei), ei);
    if (date_pattern_new(l.pattern, &p, ei) != E_OK)
        buf_puts(ret, "ERROR");
    else
        (parse ? parse_line : print_line)(p, zone, l.given, ret, ei);
    if (ei->err != E_OK)
        assert_true(ei->text[0]);
    return str_eq(buf_view(ret), l.expected);
}

/* Returns the number of lines that differ. */
static size_t run_text(struct str text, size_t *count)
{
    size_t bad = 0;

    while (text.p) {
        struct str rest = str_split(&text, '\n');
        AUTO(buf_done) struct buf b = BUF_INIT;
        struct errinfo ei = ERRINFO_INIT;
        bool parse = false;
        struct line l;

        if (rest.n == 0 || rest.p[0] == '#')
            continue;
        l.zone = str_split(&rest, '\t');
        if (str_eqz(l.zone, "parse")) {
            parse = true;
            l.zone = str_split(&rest, '\t');
        }
        l.pattern = str_split(&rest, '\t');
        l.given = str_split(&rest, '\t');
        l.expected = rest;
        ++*count;
        if (!run_line(l, parse, &b, &ei) && ++bad <= 40)
            print_error("%s%.*s | %.*s | %.*s | expected %.*s | found %s (%s)\n",
                        parse ? "parse " : "", STR_ARG(l.zone), STR_ARG(l.pattern),
                        STR_ARG(l.given), STR_ARG(l.expected), buf_cstr(&b), ei.text);
    }
    return bad;
}

static void run_file(const char *path)
{
    AUTO(buf_done) struct buf b = BUF_INIT;
    FILE *f = fopen(path, "re");
    size_t count = 0;

    assert_non_null(f);
    assert_int_equal(buf_reserve(&b, FILE_MAX), E_OK);
    b.len = fread(b.p, 1, FILE_MAX, f);
    fclose(f);
    assert_true(b.len < FILE_MAX);
    assert_int_equal(run_text(buf_view(&b), &count), 0);
    assert_true(count > 100);
}

static void run_case(const char *name)
{
    AUTO_FREE char *path = xasprintf("%s/date/%s", getenv("POLLCAST_CASES"), name);

    run_file(path);
}

static void test_java(void **state)
{
    (void)state;
    run_case("java-datetime.tsv");
}

static void test_more(void **state)
{
    (void)state;
    run_case("more.tsv");
}

static void test_shared(void **state)
{
    AUTO_FREE char *path = xasprintf("%s/java-datetime.tsv", getenv("POLLCAST_VECTORS"));

    (void)state;
    if (access(path, R_OK) != 0)
        skip();
    run_file(path);
}

static char **files;

static void test_arguments(void **state)
{
    (void)state;
    for (; *files; files++)
        run_file(*files);
}

int main(int argc, char **argv)
{
    files = argv + 1;
    if (argc > 1)
        return RUN_TESTS(test_arguments);
    return RUN_TESTS(test_java, test_more, test_shared);
}
