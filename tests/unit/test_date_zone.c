#include "unit.h"

#include "core/date_tzif.h"
#include "core/date_zone.h"

static struct date_zone *open_zone(const char *name)
{
    struct date_zone *z = NULL;
    struct errinfo ei = ERRINFO_INIT;

    assert_ok(date_zone_new(str_of(name), &z, &ei), &ei);
    return z;
}

static void test_fixed(void **state)
{
    (void)state;
    static const struct {
        const char *name, *id;
        int32_t offset;
    } rows[] = {
        {"Z", "Z", 0},
        {"UTC", "UTC", 0},
        {"+5", "+05:00", 18000},
        {"-05", "-05:00", -18000},
        {"+0530", "+05:30", 19800},
        {"+05:30:15", "+05:30:15", 19815},
        {"+00:00", "Z", 0},
        {"UTC+2", "UTC+02:00", 7200},
        {"GMT-0130", "GMT-01:30", -5400},
        {"UT+0", "UT", 0},
        {"-18:00", "-18:00", -64800},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(date_zone_freep) struct date_zone *z = open_zone(rows[i].name);

        assert_string_equal(date_zone_id(z), rows[i].id);
        assert_int_equal(date_zone_offset(z, 0), rows[i].offset);
        assert_int_equal(date_zone_moment(z, 1000), 1000 - rows[i].offset);
    }
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const names[] = {
        "",
        "X",
        "Europe/Nowhere",
        "../../../etc/passwd",
        "/etc/localtime",
        "Europe/..",
        "Europe//Berlin",
        "Europe/",
        "Europe",
        "zone.tab",
        "+19:00",
        "-18:00:01",
        "+5:30",
        "+05:60",
        "+0530:10",
        "UTC+19",
        "UTCX",
        "Europe/Berlin ",
        "europe/berlin",
        ".hidden",
    };

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct date_zone *z = NULL;
        struct errinfo ei = ERRINFO_INIT;

        if (date_zone_new(str_of(names[i]), &z, &ei) != E_INVALID)
            fail_msg("\"%s\" is taken", names[i]);
        assert_null(z);
        assert_non_null(strstr(ei.text, "there is no zone \""));
    }
}

static void test_changes(void **state)
{
    (void)state;
    static const struct {
        const char *zone;
        int64_t at;
        int32_t offset;
    } rows[] = {
        {"Europe/Berlin", 1616893199, 3600},     {"Europe/Berlin", 1616893200, 7200},
        {"Europe/Berlin", 4102444800, 3600},     {"Europe/Berlin", 4118083200, 7200},
        {"Europe/Berlin", -4000000000, 3208},    {"Australia/Sydney", 4102444800, 39600},
        {"Australia/Sydney", 4118083200, 36000}, {"Asia/Kolkata", 1616893199, 19800},
        {"Pacific/Apia", 1325239199, -36000},    {"Pacific/Apia", 1325239200, 50400},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(date_zone_freep) struct date_zone *z = open_zone(rows[i].zone);

        assert_int_equal(date_zone_offset(z, rows[i].at), rows[i].offset);
    }
}

/* 28 March 2021: 02:00 to 03:00 is skipped; 31 October: it comes twice. */
static void test_moments_at_changes(void **state)
{
    AUTO(date_zone_freep) struct date_zone *z = open_zone("Europe/Berlin");
    AUTO(date_zone_freep) struct date_zone *apia = open_zone("Pacific/Apia");

    (void)state;
    assert_int_equal(date_zone_moment(z, 1616896800 - 1), 1616893199);
    assert_int_equal(date_zone_moment(z, 1616896800 + 1800), 1616893200 + 1800);
    assert_int_equal(date_zone_moment(z, 1616900400), 1616893200);
    assert_int_equal(date_zone_moment(z, 1635645600 + 1800), 1635642000 - 3600 + 1800);
    assert_int_equal(date_zone_moment(z, 1635649200), 1635645600);
    /* A whole day is missing. */
    assert_int_equal(date_zone_moment(apia, 1325246400), 1325246400 + 36000);
}

static void test_names(void **state)
{
    AUTO(date_zone_freep) struct date_zone *berlin = open_zone("Europe/Berlin");
    AUTO(date_zone_freep) struct date_zone *dublin = open_zone("Europe/Dublin");
    AUTO(date_zone_freep) struct date_zone *fixed = date_zone_fixed(3600);

    (void)state;
    assert_string_equal(date_zone_text(berlin, 0, ZONE_NAME_SHORT, false), "CET");
    assert_string_equal(date_zone_text(berlin, 1632304569, ZONE_NAME_SHORT, false), "CEST");
    assert_string_equal(date_zone_text(berlin, 1632304569, ZONE_NAME_FULL, false),
                        "Central European Summer Time");
    assert_string_equal(date_zone_text(berlin, 1632304569, ZONE_NAME_FULL, true),
                        "Central European Time");
    assert_string_equal(date_zone_text(dublin, 1632304569, ZONE_NAME_FULL, false),
                        "Irish Standard Time");
    assert_string_equal(date_zone_text(dublin, 1640000000, ZONE_NAME_SHORT, false), "GMT");
    assert_string_equal(date_zone_text(fixed, 0, ZONE_NAME_FULL, false), "+01:00");
    assert_string_equal(date_zone_text(date_zone_utc(), 0, ZONE_NAME_FULL, false),
                        "Coordinated Universal Time");
    assert_int_equal(date_zone_text_match(STR("CEST 2021"), ZONE_NAME_SHORT), 4);
    assert_int_equal(date_zone_text_match(STR("cest"), ZONE_NAME_SHORT), 0);
}

/* ---- broken files ---- */

static void read_berlin(struct buf *b)
{
    FILE *f = fopen(DATE_ZONE_DIR "/Europe/Berlin", "re");

    assert_non_null(f);
    assert_int_equal(buf_reserve(b, 65536), E_OK);
    b->len = fread(b->p, 1, 65536, f);
    fclose(f);
    assert_true(b->len > 500);
}

/* The bytes stand at the end of a block of their size, so that a sanitizer sees a read past it. */
static bool decodes(const char *p, size_t n)
{
    AUTO_FREE char *copy = xmalloc(n + 1);
    AUTO(tzif_freep) struct tzif *t = NULL;
    struct errinfo ei = ERRINFO_INIT;

    memcpy(copy + 1, p, n);
    if (tzif_new(str_make(copy + 1, n), &t, &ei) != E_OK) {
        assert_true(ei.text[0]);
        return false;
    }
    for (int64_t at = INT32_MIN; at < INT64_C(10000000000); at += 900000007)
        (void)tzif_at(t, at);
    return true;
}

static void test_cut_files(void **state)
{
    AUTO(buf_done) struct buf b = BUF_INIT;

    (void)state;
    read_berlin(&b);
    assert_true(decodes(b.p, b.len));
    for (size_t n = 0; n < b.len; n++)
        assert_false(decodes(b.p, n));
}

static void test_changed_files(void **state)
{
    AUTO(buf_done) struct buf b = BUF_INIT;
    size_t taken = 0, refused = 0;

    (void)state;
    read_berlin(&b);
    for (size_t i = 0; i < b.len; i++) {
        char was = b.p[i];

        b.p[i] = (char)(was ^ 0xff);
        if (decodes(b.p, b.len))
            taken++;
        else
            refused++;
        b.p[i] = was;
    }
    assert_true(taken > 0 && refused > 0);
}

int main(void)
{
    return RUN_TESTS(test_fixed, test_refused, test_changes, test_moments_at_changes, test_names,
                     test_cut_files, test_changed_files);
}
