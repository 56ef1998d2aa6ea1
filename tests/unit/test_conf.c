#include "unit.h"

#include <ctype.h>

#include "base/clock.h"
#include "base/log.h"
#include "core/conf.h"

/* A conf read from the text of a file; faults one per line. */
struct reading {
    struct conf conf;
    struct settings *s;
    struct buf faults;
};

static bool read_text(struct reading *r, const char *text)
{
    *r = (struct reading){.faults = BUF_INIT};
    r->s = settings_new(conf_rows, conf_row_count, &r->conf);
    conf_read_file(r->s, str_of(text), "f.json");
    conf_check(&r->conf, r->s);
    bool good = settings_check(r->s);
    for (size_t i = 0; i < settings_fault_count(r->s); i++)
        buf_printf(&r->faults, "%s\n", settings_fault(r->s, i));
    return good;
}

static void done(struct reading *r)
{
    settings_free(r->s);
    conf_done(&r->conf);
    buf_done(&r->faults);
}

static void expect_fault(const char *text, const char *fault)
{
    struct reading r;

    if (read_text(&r, text))
        fail_msg("%s: expected a fault", text);
    if (!strstr(buf_cstr(&r.faults), fault))
        fail_msg("%s: expected \"%s\", found \"%s\"", text, fault, buf_cstr(&r.faults));
    done(&r);
}

/* ---- the table ---- */

static void test_every_row_has_help(void **state)
{
    (void)state;
    assert_true(conf_row_count > 30);
    for (size_t i = 0; i < conf_row_count; i++) {
        const struct settings_row *row = &conf_rows[i];
        size_t n = row->help ? strlen(row->help) : 0;

        if (n < 10 || !isupper((unsigned char)row->help[0]) || row->help[n - 1] == '.')
            fail_msg("%s: the help is to be one sentence without a full stop", row->name);
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(row->name, conf_rows[j].name);
            assert_int_not_equal(row->offset, conf_rows[j].offset);
        }
    }
}

static void test_defaults(void **state)
{
    struct conf c;

    (void)state;
    conf_init(&c);
    assert_string_equal(c.listen, "127.0.0.1:8080");
    assert_string_equal(c.data, "pollcast-data");
    assert_int_equal(c.loops, 0);
    assert_false(c.insecure);
    assert_int_equal(c.log_level, LOG_INFO);
    assert_int_equal(c.log_format, LOG_LOGFMT);
    assert_int_equal(c.http_max_header_bytes, 16 * 1024);
    assert_int_equal(c.poll_min_period_us, 500 * US_PER_MS);
    assert_int_equal(c.poll_max_period_us, 3600 * US_PER_S);
    assert_true(c.poll_follow_redirects);
    assert_int_equal(c.payload_max_bytes, 1 << 20);
    assert_true(c.http_max_body_bytes > c.payload_max_bytes);
    assert_int_equal(c.journal_max_events, 10000);
    assert_int_equal(c.journal_max_bytes, 16 << 20);
    assert_int_equal(c.journal_max_age_us, US_PER_DAY);
    assert_int_equal(c.sse_heartbeat_us, 5 * US_PER_S);
    assert_int_equal(c.egress_allow.count, 0);
    assert_int_equal(c.secrets_env.count, 0);
    assert_int_equal(c.secrets_files.count, 0);
    conf_done(&c);
}

static void test_names_of_enums_match(void **state)
{
    static const enum log_level levels[] = {LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG};
    static const char *const texts[] = {"error", "warn", "info", "debug"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
        struct reading r;
        AUTO_FREE char *text = xasprintf("{\"log\":{\"level\":\"%s\"}}", texts[i]);

        assert_true(read_text(&r, text));
        assert_int_equal(r.conf.log_level, levels[i]);
        done(&r);
    }
    struct reading r;
    assert_true(read_text(&r, "{\"log.format\":\"json\"}"));
    assert_int_equal(r.conf.log_format, LOG_JSON);
    done(&r);
}

static void test_what_reloads(void **state)
{
    size_t count = 0;

    (void)state;
    for (size_t i = 0; i < conf_row_count; i++)
        if (conf_row_reloads(&conf_rows[i])) {
            count++;
            assert_true(strncmp(conf_rows[i].name, "log.", 4) == 0 ||
                        strcmp(conf_rows[i].name, "trace") == 0);
        }
    assert_int_equal(count, 3);
}

static void test_current(void **state)
{
    struct conf c;

    (void)state;
    assert_string_equal(conf_current()->listen, "127.0.0.1:8080");
    conf_init(&c);
    conf_set_current(&c);
    assert_ptr_equal(conf_current(), &c);
    conf_set_current(NULL);
    assert_ptr_not_equal(conf_current(), &c);
    conf_done(&c);
}

/* ---- the file ---- */

static void test_file(void **state)
{
    struct reading r;

    (void)state;
    assert_true(read_text(&r, "{\n"
                              "  \"listen\": \"[::1]:0\",\n"
                              "  \"insecure\": true,\n"
                              "  \"poll\": {\n"
                              "    \"minPeriod\": \"PT0.1S\", \"perHost\": 8,\n"
                              "    \"followRedirects\": false },\n"
                              "  \"payload.maxBytes\": \"2 MiB\",\n"
                              "  \"journal\": {\"maxBytes\": 1048576},\n"
                              "  \"egress\": {\"allow\": [\"10.0.0.0/8\", \"fd00::/8\"]}\n"
                              "}"));
    assert_string_equal(r.conf.listen, "[::1]:0");
    assert_true(r.conf.insecure);
    assert_int_equal(r.conf.poll_min_period_us, 100 * US_PER_MS);
    assert_int_equal(r.conf.poll_per_host, 8);
    assert_false(r.conf.poll_follow_redirects);
    assert_int_equal(r.conf.payload_max_bytes, 2 << 20);
    assert_int_equal(r.conf.journal_max_bytes, 1 << 20);
    assert_int_equal(r.conf.egress_allow.count, 2);
    assert_string_equal(r.conf.egress_allow.items[1], "fd00::/8");
    assert_string_equal(settings_where(r.s, "poll.perHost"), "f.json:5");
    done(&r);
}

static void test_empty_list_in_file(void **state)
{
    struct reading r;

    (void)state;
    assert_true(read_text(&r, "{\"egress\":{\"allow\":[]}}"));
    assert_int_equal(r.conf.egress_allow.count, 0);
    assert_string_equal(settings_where(r.s, "egress.allow"), "f.json:1");
    done(&r);
}

static void test_bad_files(void **state)
{
    (void)state;
    expect_fault("", "f.json:1:1: ");
    expect_fault("{\n\"listen\": 1,\n}", "f.json:2:12: trailing comma");
    expect_fault("[]", "f.json:1: expected an object of settings, found array");
    expect_fault("{\n\"listne\":\"x\"}", "setting \"listne\" is not known (f.json:2)");
    expect_fault("{\"poll\":{\"minPeriode\":\"PT1S\"}}", "did you mean \"poll.minPeriod\"?");
    expect_fault("{\"poll\":5}", "setting \"poll\" is not known");
    expect_fault("{\"loops\":{}}", "loops: expected one value, found object (f.json:1)");
    expect_fault("{\"loops\":null}", "loops: expected one value, found null");
    expect_fault("{\"loops\":65}", "loops: expected a whole number from 0 to 64, found \"65\"");
    expect_fault("{\"loops\":1.5}", "found \"1.5\"");
    expect_fault("{\"insecure\":\"maybe\"}", "insecure: expected true or false, found \"maybe\"");
    expect_fault("{\"listen\":\"\"}", "listen: expected text from 1 to 255 bytes");
    expect_fault("{\"log\":{\"level\":\"inf\"}}", "did you mean \"info\"?");
    expect_fault("{\"egress\":{\"allow\":{}}}", "egress.allow: expected an array of texts");
    expect_fault("{\"egress\":{\"allow\":[\"a\",[]]}}", "expected a list of texts, found array");
    expect_fault("{\"poll\":{\"minPeriod\":\"PT0.05S\"}}", "poll.minPeriod: expected ");
    expect_fault("{\"payload\":{\"maxBytes\":\"65 MiB\"}}", "from 1 KiB to 64 MiB");
}

static void test_what_topics_may_refer_to(void **state)
{
    struct reading r;

    (void)state;
    assert_true(read_text(&r, "{\"secrets\":{\"env\":[\"API_*\",\"X?\"],"
                              "\"files\":[\"/run/secrets\",\"/\"]}}"));
    assert_int_equal(r.conf.secrets_env.count, 2);
    assert_string_equal(r.conf.secrets_env.items[0], "API_*");
    assert_int_equal(r.conf.secrets_files.count, 2);
    assert_string_equal(r.conf.secrets_files.items[1], "/");
    done(&r);
    expect_fault("{\"secrets.env\":[\"A\",\"A.B\"]}",
                 "secrets.env: expected names of variables (letters, digits, _, with * and ? for "
                 "others), found \"A.B\" (f.json:1)");
    expect_fault("{\"secrets.files\":\"secrets\"}",
                 "secrets.files: expected absolute paths of directories");
    expect_fault("{\"secrets.files\":[\"/a\",\"/a/../b\"]}", "found \"/a/../b\" (f.json:1)");
}

static void test_all_faults_at_once(void **state)
{
    struct reading r;

    (void)state;
    assert_false(read_text(&r, "{\"listne\":1,\"loops\":-1,\"poll\":{\"perHost\":0,\"x\":{}},"
                               "\"drain\":\"1s\"}"));
    assert_int_equal(settings_fault_count(r.s), 5);
    assert_int_equal(r.conf.poll_per_host, 32); /* a fault changes no value */
    done(&r);
}

static void test_settings_that_need_each_other(void **state)
{
    (void)state;
    expect_fault("{\"poll\":{\"minPeriod\":\"PT2S\",\"maxPeriod\":\"PT1S\"}}",
                 "poll.minPeriod: expected at most poll.maxPeriod");
    expect_fault("{\"tls\":{\"certificate\":\"c.pem\"}}", "found only tls.certificate");
    expect_fault("{\"tls\":{\"key\":\"k.pem\"}}", "found only tls.key");
}

int main(void)
{
    return RUN_TESTS(test_every_row_has_help, test_defaults, test_names_of_enums_match,
                     test_what_reloads, test_current, test_file, test_empty_list_in_file,
                     test_bad_files, test_what_topics_may_refer_to, test_all_faults_at_once,
                     test_settings_that_need_each_other);
}
