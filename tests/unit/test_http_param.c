/*
 * Computed query parameters: what may be configured, and what goes into the URL.
 */
#include "unit.h"

#include "base/clock.h"
#include "core/limits.h"
#include "publisher/http_param.h"

#define URL "http://h/items"
#define PERIOD (5 * US_PER_S)
#define NEVER INT64_C(0)

/* 2024-02-29T12:34:56.789012Z, a minute later, and what the texts below have for it. */
#define SUCCESS (INT64_C(1709210096) * US_PER_S + 789012)
#define NOW (SUCCESS + 60 * US_PER_S)

/* Parse text as the attribute computedQueryParameters at /q; ret and faults are the caller's. */
static void parse(const char *text, struct http_params *ret, struct faults *f)
{
    AUTO(jdoc_freep) struct jdoc *doc = NULL;
    struct attr_ctx c;

    assert_int_equal(jdoc_parse(str_of(text), NULL, &doc, NULL), E_OK);
    faults_init(f);
    attr_ctx_init(&c, f, "title", "/q");
    http_params_parse(&c, jdoc_root(doc), ret);
    assert_str(buf_view(&c.pointer), "/q");
    attr_ctx_done(&c);
}

/* Parameters that must be fine. */
static struct http_params params_of(const char *text)
{
    AUTO(faults_done) struct faults f;
    struct http_params p;

    parse(text, &p, &f);
    if (f.count)
        fail_msg("%s: %s: %s", text, f.items[0].pointer, f.items[0].detail);
    return p;
}

/* ---- attributes ---- */

static void defaults_are_those_of_the_table(void **state)
{
    struct http_params p = params_of("{\"since\":{\"type\":\"date-time\"}}");

    (void)state;
    assert_int_equal(p.count, 1);
    assert_string_equal(p.items[0].name, "since");
    assert_null(p.items[0].pattern);
    assert_null(p.items[0].zone_name);
    assert_null(p.items[0].zone);
    assert_null(p.items[0].initial);
    assert_non_null(p.items[0].format);
    assert_false(p.items[0].milliseconds);
    assert_int_equal(p.items[0].overlap_us, 0);
    http_params_done(&p);
    assert_int_equal(p.count, 0);
}

static void all_attributes_are_read(void **state)
{
    struct http_params p = params_of(
        "{\"a\":{\"type\":\"date-time\",\"reference\":\"last-success\",\"pattern\":\"yyyy-MM-dd\","
        "\"zone\":\"Europe/Berlin\",\"initialValue\":\"2020-01-31\",\"overlap\":\"PT90S\"},"
        "\"b\":{\"type\":\"timestamp\",\"useMilliseconds\":true,\"initialValue\":17},"
        "\"-._~!*'()Z9\":{\"type\":\"timestamp\",\"initialValue\":\"-17\",\"pattern\":null}}");

    (void)state;
    assert_int_equal(p.count, 3);
    assert_string_equal(p.items[0].pattern, "yyyy-MM-dd");
    assert_string_equal(p.items[0].zone_name, "Europe/Berlin");
    assert_non_null(p.items[0].zone);
    assert_string_equal(p.items[0].initial, "2020-01-31");
    assert_int_equal(p.items[0].overlap_us, 90 * US_PER_S);
    assert_true(p.items[1].milliseconds);
    assert_string_equal(p.items[1].initial, "17");
    assert_null(p.items[1].format);
    assert_string_equal(p.items[2].name, "-._~!*'()Z9");
    assert_string_equal(p.items[2].initial, "-17");
    http_params_done(&p);
}

static void none(void **state)
{
    static const char *const texts[] = {"{}", "{\"a\":null}"};
    struct faults f;
    struct attr_ctx c;
    struct http_params p;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        p = params_of(texts[i]);
        assert_int_equal(p.count, 0);
        http_params_done(&p);
    }
    faults_init(&f);
    attr_ctx_init(&c, &f, "title", "/q");
    http_params_parse(&c, NULL, &p);
    assert_int_equal(f.count + p.count, 0);
    http_params_done(&p);
    attr_ctx_done(&c);
    faults_done(&f);
}

/* Each has exactly the fault given. */
static void faults_say_where_and_what(void **state)
{
#define TIME(more) "{\"a\":{\"type\":\"date-time\"" more "}}"
#define STAMP(more) "{\"a\":{\"type\":\"timestamp\"" more "}}"
    static const struct {
        const char *text, *pointer, *says;
    } rows[] = {
        {"{\"\":{\"type\":\"timestamp\"}}", "/q/", "letters, digits and -._~!*'() only"},
        {"{\"a b\":{\"type\":\"timestamp\"}}", "/q/a b", "RFC 3986"},
        {"{\"a&b\":{\"type\":\"timestamp\"}}", "/q/a&b", "RFC 3986"},
        {"{\"a=\":{\"type\":\"timestamp\"}}", "/q/a=", "RFC 3986"},
        {"{\"a+\":{\"type\":\"timestamp\"}}", "/q/a+", "RFC 3986"},
        {"{\"a%41\":{\"type\":\"timestamp\"}}", "/q/a%41", "RFC 3986"},
        {"{\"a[]\":{\"type\":\"timestamp\"}}", "/q/a[]", "RFC 3986"},
        {"{\"a#\":{\"type\":\"timestamp\"}}", "/q/a#", "RFC 3986"},
        {"{\"a/b\":{\"type\":\"timestamp\"}}", "/q/a~1b", "RFC 3986"},
        {"{\"\xc3\xa4\":{\"type\":\"timestamp\"}}", "/q/\xc3\xa4", "RFC 3986"},
        {"{\"a\\u0000\":{\"type\":\"timestamp\"}}", "/q/a", "RFC 3986"},
        {"{\"a\":\"last-success\"}", "/q/a", "found the string \"last-success\""},
        {"{\"a\":[]}", "/q/a", "an object with type and reference, found an array"},
        {"{\"a\":{}}", "/q/a/type", "required"},
        {"{\"a\":{\"type\":\"\"}}", "/q/a/type", "required"},
        {"{\"a\":{\"type\":\"datetime\"}}", "/q/a/type", "did you mean \"date-time\"?"},
        {"{\"a\":{\"type\":1}}", "/q/a/type", "\"date-time\", \"timestamp\", found the number 1"},
        {TIME(",\"reference\":\"last-succes\""), "/q/a/reference", "mean \"last-success\"?"},
        {TIME(",\"reference\":true"), "/q/a/reference", "expected \"last-success\", found true"},
        {TIME(",\"Pattern\":\"yyyy\""), "/q/a/Pattern", "did you mean \"pattern\"?"},
        {TIME(",\"pattern\":1"), "/q/a/pattern", "expected a string"},
        {TIME(",\"pattern\":\"\""), "/q/a/pattern", "it has 0 characters"},
        {TIME(",\"pattern\":\"yyyy-bb\""), "/q/a/pattern", "letter 6 of the pattern: b"},
        {TIME(",\"pattern\":\"yyyy 'o''clock\""), "/q/a/pattern", "quote"},
        {TIME(",\"pattern\":\"yyyy[\\u0001\""), "/q/a/pattern", "control"},
        {TIME(",\"pattern\":\"HHH\""), "/q/a/pattern", "H"},
        {TIME(",\"zone\":\"Europe/Atlantis\""), "/q/a/zone", "Europe/Atlantis"},
        {TIME(",\"zone\":\"../etc/passwd\""), "/q/a/zone", "zone"},
        {TIME(",\"zone\":\"+19:00\""), "/q/a/zone", "+19:00"},
        {TIME(",\"zone\":2"), "/q/a/zone", "expected a string"},
        {TIME(",\"initialValue\":\"yesterday\""), "/q/a/initialValue", "character 1 of the text"},
        {TIME(",\"initialValue\":\"2024-02-32T00:00:00Z\""), "/q/a/initialValue", "day"},
        {TIME(",\"initialValue\":\"2024-02-29\""), "/q/a/initialValue", "character 11 of the text"},
        {TIME(",\"initialValue\":{}"), "/q/a/initialValue", "expected a string or a number"},
        {TIME(",\"initialValue\":true"), "/q/a/initialValue", "found true"},
        {TIME(",\"initialValue\":\"\""), "/q/a/initialValue", "it has 0 characters"},
        {TIME(",\"useMilliseconds\":true"), "/q/a/useMilliseconds", "only with type timestamp"},
        {TIME(",\"useMilliseconds\":false"), "/q/a/useMilliseconds", "leave it out"},
        {TIME(",\"overlap\":\"-PT1S\""), "/q/a/overlap", "ISO-8601 duration"},
        {TIME(",\"overlap\":\"P400D\""), "/q/a/overlap", "between PT0S and"},
        {TIME(",\"overlap\":60"), "/q/a/overlap", "found the number 60"},
        {STAMP(",\"pattern\":\"yyyy\""), "/q/a/pattern", "only with type date-time"},
        {STAMP(",\"zone\":\"UTC\""), "/q/a/zone", "only with type date-time"},
        {STAMP(",\"useMilliseconds\":\"true\""), "/q/a/useMilliseconds", "true or false"},
        {STAMP(",\"initialValue\":\"2024-02-29T00:00:00Z\""), "/q/a/initialValue", "an integer"},
        {STAMP(",\"initialValue\":1.5"), "/q/a/initialValue", "an integer"},
        {STAMP(",\"initialValue\":\" 1\""), "/q/a/initialValue", "an integer"},
        {STAMP(",\"initialValue\":99999999999999999999"), "/q/a/initialValue", "an integer"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct http_params p;
        struct faults f;

        parse(rows[i].text, &p, &f);
        if (f.count != 1 || strncmp(f.items[0].pointer, rows[i].pointer, strlen(rows[i].pointer)) ||
            !strstr(f.items[0].detail, rows[i].says))
            fail_msg("%s: %zu faults, %s: %s", rows[i].text, f.count,
                     f.count ? f.items[0].pointer : "", f.count ? f.items[0].detail : "");
        http_params_done(&p);
        faults_done(&f);
    }
}

static void all_faults_are_told(void **state)
{
    AUTO(faults_done) struct faults f;
    struct http_params p;

    (void)state;
    parse("{\"a b\":{\"type\":\"date-time\",\"patern\":\"yyyy\",\"overlap\":1},"
          "\"c\":7,\"d\":{\"type\":\"timestamp\",\"zone\":\"UTC\",\"initialValue\":\"x\"}}",
          &p, &f);
    assert_int_equal(f.count, 6);
    assert_string_equal(f.items[0].pointer, "/q/a b");
    assert_string_equal(f.items[1].pointer, "/q/a b/overlap");
    assert_string_equal(f.items[2].pointer, "/q/a b/patern");
    assert_string_equal(f.items[3].pointer, "/q/c");
    assert_string_equal(f.items[4].pointer, "/q/d/zone");
    assert_string_equal(f.items[5].pointer, "/q/d/initialValue");
    http_params_done(&p);
}

static void their_number_is_limited(void **state)
{
    for (size_t more = 0; more < 2; more++) {
        AUTO(buf_done) struct buf text = BUF_INIT;
        AUTO(faults_done) struct faults f;
        struct http_params p;

        buf_putc(&text, '{');
        for (size_t i = 0; i < LIMIT_QUERY_PARAMETERS + more; i++)
            buf_printf(&text, "%s\"p%zu\":{\"type\":\"timestamp\"}", i ? "," : "", i);
        buf_putc(&text, '}');
        parse(buf_cstr(&text), &p, &f);
        assert_int_equal(f.count, more);
        assert_int_equal(p.count, more ? 0 : LIMIT_QUERY_PARAMETERS);
        if (more)
            assert_non_null(strstr(f.items[0].detail, "at most 32 parameters, found 33"));
        http_params_done(&p);
    }
    (void)state;
}

static void every_attribute_is_explained(void **state)
{
    (void)state;
    for (size_t i = 0; i < HTTP_PARAM_ATTRS; i++)
        assert_true(http_param_attrs[i].name && http_param_attrs[i].help);
}

/* ---- values ---- */

/* What one parameter "a" with these attributes makes of a URL. */
static void assert_url(const char *attributes, const char *url, int64_t last_success,
                       const char *expected)
{
    AUTO_FREE char *text = xasprintf("{\"a\":{%s}}", attributes);
    AUTO(buf_done) struct buf b = BUF_INIT;
    struct errinfo ei = ERRINFO_INIT;
    struct http_params p = params_of(text);

    buf_puts(&b, "<");
    assert_ok(http_params_apply(&p, str_of(url), last_success, NOW, PERIOD, &b, &ei), &ei);
    http_params_done(&p);
    if (!str_eqz(str_drop(buf_view(&b), 1), expected))
        fail_msg("%s: %s instead of %s", attributes, buf_cstr(&b) + 1, expected);
}

#define T "\"type\":\"timestamp\""
#define D "\"type\":\"date-time\""

static void moments(void **state)
{
    static const struct {
        const char *attributes;
        int64_t last_success;
        const char *value;
    } rows[] = {
        {T, SUCCESS, "1709210096"},
        {T ",\"useMilliseconds\":true", SUCCESS, "1709210096789"},
        {T ",\"useMilliseconds\":false", SUCCESS, "1709210096"},
        {D, SUCCESS, "2024-02-29T12:34:56Z"},
        {D ",\"pattern\":\"yyyyMMddHHmmssSSSSSSSSS\"", SUCCESS, "20240229123456789012000"},
        /* Never succeeded: a period ago, or the initial value just as it was given. */
        {T, NEVER, "1709210151"},
        {T ",\"useMilliseconds\":true", NEVER, "1709210151789"},
        {D, NEVER, "2024-02-29T12:35:51Z"},
        {T ",\"initialValue\":0", NEVER, "0"},
        {T ",\"initialValue\":\"-42\"", NEVER, "-42"},
        {T ",\"initialValue\":1700000000000,\"useMilliseconds\":true", NEVER, "1700000000000"},
        {D ",\"initialValue\":\"2020-01-01T00:00:00+02:00\"", NEVER, "2020-01-01T00:00:00%2B02:00"},
        {D ",\"pattern\":\"yyyy\",\"initialValue\":2020", NEVER, "2020"},
        /* Once it has, the initial value is of no matter. */
        {T ",\"initialValue\":0", SUCCESS, "1709210096"},
        {D ",\"initialValue\":\"2020-01-01T00:00:00Z\"", SUCCESS, "2024-02-29T12:34:56Z"},
        /* Also before 1970, where the rest of a second counts backwards. */
        {T, -1, "-1"},
        {T ",\"useMilliseconds\":true", -1, "-1"},
        {T ",\"useMilliseconds\":true", -1000, "-1"},
        {T ",\"useMilliseconds\":true", -1001, "-2"},
        {D ",\"pattern\":\"ss.SSSSSS\"", -1, "59.999999"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO_FREE char *expected = xasprintf(URL "?a=%s", rows[i].value);

        assert_url(rows[i].attributes, URL, rows[i].last_success, expected);
    }
}

static void overlap_is_taken_off(void **state)
{
    (void)state;
    assert_url(T ",\"overlap\":\"PT1M\"", URL, SUCCESS, URL "?a=1709210036");
    assert_url(T ",\"overlap\":\"PT0.789S\",\"useMilliseconds\":true", URL, SUCCESS,
               URL "?a=1709210096000");
    assert_url(D ",\"overlap\":\"P1D\"", URL, SUCCESS, URL "?a=2024-02-28T12:34:56Z");
    assert_url(T ",\"overlap\":\"PT1M\"", URL, NEVER, URL "?a=1709210091");
    /* The initial value says itself where to begin. */
    assert_url(T ",\"overlap\":\"PT1M\",\"initialValue\":1000", URL, NEVER, URL "?a=1000");
}

static void zones(void **state)
{
    (void)state;
    assert_url(D ",\"zone\":\"Europe/Berlin\"", URL, SUCCESS, URL "?a=2024-02-29T13:34:56%2B01:00");
    assert_url(D ",\"zone\":\"Europe/Berlin\"", URL, SUCCESS + 180 * US_PER_DAY,
               URL "?a=2024-08-27T14:34:56%2B02:00");
    assert_url(D ",\"zone\":\"-03:30\"", URL, SUCCESS, URL "?a=2024-02-29T09:04:56-03:30");
    assert_url(D ",\"zone\":\"UTC\"", URL, SUCCESS, URL "?a=2024-02-29T12:34:56Z");
    assert_url(D ",\"zone\":\"Asia/Kolkata\",\"pattern\":\"HH:mm VV\"", URL, SUCCESS,
               URL "?a=18:04%20Asia/Kolkata");
    /* A text without a zone of its own is of the one configured; it is sent as it is anyway. */
    assert_url(D ",\"zone\":\"Asia/Kolkata\",\"pattern\":\"HH:mm\",\"initialValue\":\"18:04\"", URL,
               NEVER, URL "?a=18:04");
}

static void values_are_encoded(void **state)
{
    (void)state;
    assert_url(D ",\"pattern\":\"yyyy'&a=+%?;'E\"", URL, SUCCESS,
               URL "?a=2024%26a%3D%2B%25%3F%3BThu");
    assert_url(D ",\"pattern\":\"yyyy-MM-dd'T'HH:mm:ssxx\"", URL, SUCCESS,
               URL "?a=2024-02-29T12:34:56%2B0000");
    assert_url(D ",\"pattern\":\"'\xc3\xa4\xe2\x82\xac'\"", URL, SUCCESS, URL "?a=%C3%A4%E2%82%AC");
}

static void they_replace_those_of_the_url(void **state)
{
    (void)state;
    assert_url(T, URL "?b=1&x=%20", SUCCESS, URL "?b=1&x=%20&a=1709210096");
    assert_url(T, URL "?a=0&b=1", SUCCESS, URL "?a=1709210096&b=1");
    assert_url(T, URL "?b=1&%61=0&a=2&a", SUCCESS, URL "?b=1&a=1709210096");
    assert_url(T, URL "?A=0&aa=1", SUCCESS, URL "?A=0&aa=1&a=1709210096");
    assert_url(T, URL "?", SUCCESS, URL "?a=1709210096");
    assert_url(T, "http://h", SUCCESS, "http://h?a=1709210096");
}

static void several_in_their_order(void **state)
{
    AUTO(buf_done) struct buf b = BUF_INIT;
    struct errinfo ei = ERRINFO_INIT;
    struct http_params p =
        params_of("{\"to\":{" T ",\"overlap\":\"PT6S\"},\"from\":{" T ",\"initialValue\":5},"
                  "\"c(1)\":{" D ",\"pattern\":\"yyyy\"}}");

    (void)state;
    assert_ok(http_params_apply(&p, STR(URL "?x=1&from=0"), SUCCESS, NOW, PERIOD, &b, &ei), &ei);
    assert_str(buf_view(&b), URL "?x=1&from=1709210096&to=1709210090&c%281%29=2024");
    buf_clear(&b);
    assert_ok(http_params_apply(&p, STR(URL), NEVER, NOW, PERIOD, &b, &ei), &ei);
    assert_str(buf_view(&b), URL "?to=1709210145&from=5&c%281%29=2024");
    http_params_done(&p);
}

static void what_cannot_be_sent_is_an_error_of_the_settings(void **state)
{
    AUTO(buf_done) struct buf url = BUF_INIT;
    AUTO(buf_done) struct buf b = BUF_INIT;
    struct errinfo ei = ERRINFO_INIT;
    struct http_params p = params_of("{\"since\":{" T "}}");
    struct http_params wide = params_of("{\"since\":{" D ",\"pattern\":\"ppyyyy\"}}");

    (void)state;
    buf_puts(&url, URL "?k=");
    while (url.len < LIMIT_URL_BYTES - 5)
        buf_putc(&url, 'x');
    buf_puts(&b, "as before");
    assert_int_equal(http_params_apply(&p, buf_view(&url), SUCCESS, NOW, PERIOD, &b, &ei),
                     E_POLL_CONFIG);
    assert_non_null(strstr(err_text(&ei, E_POLL_CONFIG), "since"));
    assert_non_null(strstr(err_text(&ei, E_POLL_CONFIG), "8192 bytes"));
    err_clear(&ei);
    assert_int_equal(http_params_apply(&wide, STR(URL), SUCCESS, NOW, PERIOD, &b, &ei),
                     E_POLL_CONFIG);
    assert_non_null(strstr(err_text(&ei, E_POLL_CONFIG), "computed query parameter since"));
    assert_str(buf_view(&b), "as before");
    http_params_done(&p);
    http_params_done(&wide);
}

int main(void)
{
    return RUN_TESTS(defaults_are_those_of_the_table, all_attributes_are_read, none,
                     faults_say_where_and_what, all_faults_are_told, their_number_is_limited,
                     every_attribute_is_explained, moments, overlap_is_taken_off, zones,
                     values_are_encoded, they_replace_those_of_the_url, several_in_their_order,
                     what_cannot_be_sent_is_an_error_of_the_settings);
}
