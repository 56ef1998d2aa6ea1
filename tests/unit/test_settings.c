#include "unit.h"

#include "base/clock.h"
#include "base/settings.h"

struct conf {
    char *data;
    bool insecure;
    int64_t workers;
    int64_t max_header;
    int64_t period;
    int level;
    struct settings_list allow;
    char *token;
};

#define ROW(kind, member, ...) SETTING(kind, struct conf, member, __VA_ARGS__)

static const struct settings_row rows[] = {
    ROW(STRING, data, "data", "./data", "1..20", "Folder of the journal"),
    ROW(BOOL, insecure, "insecure", "false", "", "Listen anywhere without authentication"),
    ROW(INT, workers, "loop.count", "-1", "-1..64", "Number of loops", .flag = "-n"),
    ROW(BYTES, max_header, "http.maxHeaderBytes", "64 KiB", "1 KiB..1 MiB", "Largest header"),
    ROW(DURATION, period, "poll.minPeriod", "PT0.5S", "PT0.1S..", "Shortest period"),
    ROW(ENUM, level, "log.level", "info", "error|warn|info|debug", "What to log", .flag = "--log"),
    ROW(LIST, allow, "egress.allow", "", "..3", "Networks that may be reached"),
    ROW(STRING, token, "admin.token", "", "..10", "Token of the administrator", .secret = true),
};

struct fixture {
    struct conf conf;
    struct settings *s;
};

static struct fixture begin(void)
{
    return (struct fixture){.conf = {0}};
}

static void start(struct fixture *f)
{
    f->s = settings_new(rows, ARRAY_LEN(rows), &f->conf);
}

static void end(struct fixture *f)
{
    settings_freep(&f->s);
    settings_release(rows, ARRAY_LEN(rows), &f->conf);
}

#define FIXTURE(f)                                                                                 \
    AUTO(end) struct fixture f = begin();                                                          \
    start(&f)

static void from_file(struct fixture *f, const char *name, const char *value)
{
    settings_file(f->s, str_of(name), str_of(value), "conf.json:3");
}

static int from_flags(struct fixture *f, const char *line, char *argv[16])
{
    static char text[256];
    struct str rest = str_of(text);
    int argc = 0;

    snprintf(text, sizeof text, "%s", line);
    rest = str_of(text);
    while (rest.p) {
        struct str word = str_split(&rest, ' ');

        text[word.p + word.n - text] = '\0';
        argv[argc++] = text + (word.p - text);
    }
    return settings_flags(f->s, argc, argv);
}

static void test_defaults(void **state)
{
    (void)state;
    FIXTURE(f);

    assert_string_equal(f.conf.data, "./data");
    assert_false(f.conf.insecure);
    assert_int_equal(f.conf.workers, -1);
    assert_int_equal(f.conf.max_header, 65536);
    assert_int_equal(f.conf.period, US_PER_S / 2);
    assert_int_equal(f.conf.level, 2);
    assert_int_equal(f.conf.allow.count, 0);
    assert_string_equal(f.conf.token, "");
    assert_int_equal(settings_origin(f.s, "data"), FROM_DEFAULT);
    assert_string_equal(settings_where(f.s, "data"), "default");
    assert_true(settings_check(f.s));
}

static void test_values_by_file(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t bytes;
    } sizes[] = {
        {"1024", 1024},     {"2 KiB", 2048},  {"2KiB", 2048},   {"2 kib", 2048},
        {"1 MiB", 1048576}, {"64 kB", 64000}, {"4096 B", 4096}, {" 1 MiB ", 1048576},
    };
    FIXTURE(f);

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        from_file(&f, "http.maxHeaderBytes", sizes[i].text);
        assert_int_equal(f.conf.max_header, sizes[i].bytes);
    }
    from_file(&f, "data", "/var/lib");
    from_file(&f, "insecure", "yes");
    from_file(&f, "loop.count", "64");
    from_file(&f, "poll.minPeriod", "P1D");
    from_file(&f, "log.level", "debug");
    assert_true(settings_check(f.s));
    assert_string_equal(f.conf.data, "/var/lib");
    assert_true(f.conf.insecure);
    assert_int_equal(f.conf.workers, 64);
    assert_int_equal(f.conf.period, US_PER_DAY);
    assert_int_equal(f.conf.level, 3);
    assert_string_equal(settings_where(f.s, "data"), "conf.json:3");
}

static void apply_in_order(struct fixture *f, const char *order)
{
    static const char *const env[] = {"PATH=/bin", "POLLCAST_DATA=env", "POLLCAST_LOOP_COUNT=3",
                                      NULL};
    char *argv[16];

    for (; *order; order++)
        switch (*order) {
        case 'f':
            from_file(f, "data", "file");
            from_file(f, "loop.count", "2");
            from_file(f, "log.level", "warn");
            break;
        case 'e':
            settings_env(f->s, env);
            break;
        default:
            assert_int_equal(from_flags(f, "pollcast --data flag", argv), 1);
        }
}

static void test_the_stronger_source_wins_in_any_order(void **state)
{
    (void)state;
    static const char *const orders[] = {"fec", "fce", "efc", "ecf", "cfe", "cef"};

    for (size_t i = 0; i < ARRAY_LEN(orders); i++) {
        FIXTURE(f);

        apply_in_order(&f, orders[i]);
        assert_true(settings_check(f.s));
        assert_string_equal(f.conf.data, "flag");
        assert_string_equal(settings_where(f.s, "data"), "flag --data");
        assert_int_equal(f.conf.workers, 3);
        assert_string_equal(settings_where(f.s, "loop.count"), "environment POLLCAST_LOOP_COUNT");
        assert_int_equal(settings_origin(f.s, "loop.count"), FROM_ENVIRONMENT);
        assert_int_equal(f.conf.level, 1);
        assert_int_equal(settings_origin(f.s, "log.level"), FROM_FILE);
    }
}

static void test_flags_are_taken_out(void **state)
{
    (void)state;
    FIXTURE(f);
    char *argv[16];

    assert_int_equal(from_flags(&f,
                                "pollcast serve --data a -n 4 --help --log=debug "
                                "--http-max-header-bytes 2KiB x -- --data b",
                                argv),
                     7);
    assert_string_equal(argv[0], "pollcast");
    assert_string_equal(argv[1], "serve");
    assert_string_equal(argv[2], "--help");
    assert_string_equal(argv[3], "x");
    assert_string_equal(argv[4], "--");
    assert_string_equal(argv[5], "--data");
    assert_string_equal(argv[6], "b");
    assert_string_equal(f.conf.data, "a");
    assert_int_equal(f.conf.workers, 4);
    assert_int_equal(f.conf.level, 3);
    assert_int_equal(f.conf.max_header, 2048);
    assert_true(settings_check(f.s));
}

static void test_flags_with_odd_values(void **state)
{
    (void)state;
    FIXTURE(f);
    char *argv[16];

    assert_int_equal(from_flags(&f, "p -n -1 --data=--x --data --log", argv), 1);
    assert_int_equal(f.conf.workers, -1);
    assert_int_equal(settings_origin(f.s, "loop.count"), FROM_FLAG);
    assert_string_equal(f.conf.data, "--x");
    /* --data has no value, and --log, which stands at the end, neither */
    assert_int_equal(settings_fault_count(f.s), 2);
    assert_string_equal(settings_fault(f.s, 0), "data: no value follows (flag --data)");
    assert_string_equal(settings_fault(f.s, 1), "log.level: no value follows (flag --log)");
    assert_int_equal(settings_flags(f.s, 0, argv), 0);
}

static void test_bool_flags(void **state)
{
    (void)state;
    static const struct {
        const char *flag;
        bool value;
    } forms[] = {
        {"p --insecure", true},
        {"p --insecure=true", true},
        {"p --insecure=off", false},
        {"p --insecure --no-insecure", false},
        {"p --no-insecure --insecure", true},
    };
    char *argv[16];

    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        FIXTURE(f);

        assert_int_equal(from_flags(&f, forms[i].flag, argv), 1);
        assert_int_equal(f.conf.insecure, forms[i].value);
        assert_true(settings_check(f.s));
    }

    FIXTURE(g);
    assert_int_equal(from_flags(&g, "p --insecure false --no-data --no-insecure=1", argv), 4);
    assert_true(g.conf.insecure);
}

static void test_lists(void **state)
{
    (void)state;
    FIXTURE(f);
    char *argv[16];

    from_file(&f, "egress.allow", "10.0.0.0/8");
    from_file(&f, "egress.allow", " ::1 , 127.0.0.1");
    assert_int_equal(f.conf.allow.count, 3);
    assert_string_equal(f.conf.allow.items[1], "::1");
    assert_true(settings_check(f.s));
    from_file(&f, "egress.allow", "");
    assert_int_equal(f.conf.allow.count, 0);
    from_file(&f, "egress.allow", "a");
    from_flags(&f, "p --egress-allow b --egress-allow=c,d", argv);
    assert_int_equal(f.conf.allow.count, 3);
    assert_string_equal(f.conf.allow.items[0], "b");
    from_file(&f, "egress.allow", "e");
    assert_int_equal(f.conf.allow.count, 3);
    assert_true(settings_check(f.s));
    from_flags(&f, "p --egress-allow e", argv);
    assert_false(settings_check(f.s));
    assert_string_equal(settings_fault(f.s, 0),
                        "egress.allow: expected a list (such as a,b,c) of at most 3 items, found 4 "
                        "items (flag --egress-allow)");
}

static void test_faults_say_what_and_where(void **state)
{
    (void)state;
    static const struct {
        const char *name, *value, *fault;
    } bad[] = {
        {"data", "", "data: expected text from 1 to 20 bytes, found \"\" (conf.json:3)"},
        {"insecure", "maybe", "insecure: expected true or false, found \"maybe\" (conf.json:3)"},
        {"loop.count", "65",
         "loop.count: expected a whole number from -1 to 64, found \"65\" (conf.json:3)"},
        {"loop.count", "-2",
         "loop.count: expected a whole number from -1 to 64, found \"-2\" (conf.json:3)"},
        {"loop.count", "1.5",
         "loop.count: expected a whole number from -1 to 64, found \"1.5\" (conf.json:3)"},
        {"http.maxHeaderBytes", "64 K",
         "http.maxHeaderBytes: expected a size (such as 64 KiB) from 1 KiB to 1 MiB, found \"64 "
         "K\" (conf.json:3)"},
        {"http.maxHeaderBytes", "99999999999 TiB",
         "http.maxHeaderBytes: expected a size (such as 64 KiB) from 1 KiB to 1 MiB, found "
         "\"99999999999 TiB\" (conf.json:3)"},
        {"poll.minPeriod", "P1M",
         "poll.minPeriod: expected an ISO-8601 duration without years and months (such as PT5M) of "
         "at least PT0.1S, found \"P1M\" (conf.json:3)"},
        {"poll.minPeriod", "PT0.09S",
         "poll.minPeriod: expected an ISO-8601 duration without years and months (such as PT5M) of "
         "at least PT0.1S, found \"PT0.09S\" (conf.json:3)"},
        {"log.level", "debgu",
         "log.level: expected one of error, warn, info, debug, found \"debgu\" (conf.json:3); did "
         "you mean \"debug\"?"},
        {"log.level", "",
         "log.level: expected one of error, warn, info, debug, found \"\" (conf.json:3)"},
        {"egress.allow", "a,,b",
         "egress.allow: expected a list (such as a,b,c) of at most 3 items, found \"a,,b\" "
         "(conf.json:3)"},
        {"admin.token", "hunter2hunter2",
         "admin.token: expected text of at most 10 bytes, found something else, which is not shown "
         "(conf.json:3)"},
        {"http.maxHeaderByte", "1",
         "setting \"http.maxHeaderByte\" is not known (conf.json:3); did you mean "
         "\"http.maxHeaderBytes\"?"},
        {"zzz", "1", "setting \"zzz\" is not known (conf.json:3)"},
    };
    FIXTURE(f);
    FIXTURE(untouched);
    AUTO(buf_done) struct buf a = BUF_INIT;
    AUTO(buf_done) struct buf b = BUF_INIT;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        from_file(&f, bad[i].name, bad[i].value);
    assert_false(settings_check(f.s));
    assert_int_equal(settings_fault_count(f.s), ARRAY_LEN(bad));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_string_equal(settings_fault(f.s, i), bad[i].fault);
    settings_print(f.s, &a);
    settings_print(untouched.s, &b);
    assert_string_equal(buf_cstr(&a), buf_cstr(&b));
}

static void test_nul_and_control_characters(void **state)
{
    (void)state;
    FIXTURE(f);

    settings_file(f.s, STR("data"), STR("a\0b"), "x");
    settings_file(f.s, STR("x\ny\0"), STR("a"), "x");
    assert_int_equal(settings_fault_count(f.s), 2);
    assert_string_equal(settings_fault(f.s, 0),
                        "data: expected text from 1 to 20 bytes, found \"a\\u0000b\" (x)");
    assert_string_equal(settings_fault(f.s, 1), "setting \"x\\ny\\u0000\" is not known (x)");
}

static void test_a_weaker_source_is_checked_too(void **state)
{
    (void)state;
    FIXTURE(f);
    char *argv[16];

    from_flags(&f, "p -n 5", argv);
    from_file(&f, "loop.count", "many");
    assert_int_equal(settings_fault_count(f.s), 1);
    assert_int_equal(f.conf.workers, 5);
}

static void test_unknown_flags_and_variables(void **state)
{
    (void)state;
    static const char *const env[] = {"POLLCAST_PORT=tcp://1.2.3.4",
                                      "POLLCAST_LOG_LEVLE=info",
                                      "POLLCAST_",
                                      "POLLCAST_DATA",
                                      "POLLCASTX=1",
                                      NULL};
    FIXTURE(f);

    settings_env(f.s, env);
    settings_unknown_flag(f.s, "--http-max-header-byts=5");
    settings_unknown_flag(f.s, "--what");
    assert_int_equal(settings_fault_count(f.s), 3);
    assert_string_equal(settings_fault(f.s, 0),
                        "environment variable \"POLLCAST_LOG_LEVLE\" is not known; did you mean "
                        "\"POLLCAST_LOG_LEVEL\"?");
    assert_string_equal(settings_fault(f.s, 1), "flag \"--http-max-header-byts\" is not known; did "
                                                "you mean \"--http-max-header-bytes\"?");
    assert_string_equal(settings_fault(f.s, 2), "flag \"--what\" is not known");
}

static void test_own_faults(void **state)
{
    (void)state;
    FIXTURE(f);

    settings_add_fault(f.s, "%s and %s exclude each other", "a", "b");
    assert_false(settings_check(f.s));
    assert_string_equal(settings_fault(f.s, 0), "a and b exclude each other");
}

static void test_print(void **state)
{
    (void)state;
    FIXTURE(f);
    AUTO(buf_done) struct buf b = BUF_INIT;

    from_file(&f, "data", "a \"b\"");
    from_file(&f, "http.maxHeaderBytes", "1500");
    from_file(&f, "poll.minPeriod", "PT60S");
    from_file(&f, "egress.allow", "a,b");
    from_file(&f, "admin.token", "hunter2");
    settings_print(f.s, &b);
    assert_string_equal(buf_cstr(&b), "data = \"a \\\"b\\\"\"  # conf.json:3\n"
                                      "insecure = false  # default\n"
                                      "loop.count = -1  # default\n"
                                      "http.maxHeaderBytes = 1500 B  # conf.json:3\n"
                                      "poll.minPeriod = PT1M  # conf.json:3\n"
                                      "log.level = info  # default\n"
                                      "egress.allow = \"a,b\"  # conf.json:3\n"
                                      "admin.token = ***  # conf.json:3\n");
}

/* What settings_format() writes is read back as the same value. */
static void test_format_and_parse_are_inverse(void **state)
{
    (void)state;
    FIXTURE(f);
    FIXTURE(g);

    from_file(&f, "data", " odd, \n");
    from_file(&f, "http.maxHeaderBytes", "3 KiB");
    from_file(&f, "poll.minPeriod", "P1DT0.25S");
    from_file(&f, "log.level", "error");
    from_file(&f, "egress.allow", "a,b");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(buf_done) struct buf b = BUF_INIT;

        if (rows[i].secret)
            continue;
        settings_format(&rows[i], &f.conf, &b);
        settings_file(g.s, str_of(rows[i].name), buf_view(&b), "x");
    }
    assert_true(settings_check(g.s));
    assert_string_equal(g.conf.data, f.conf.data);
    assert_int_equal(g.conf.max_header, f.conf.max_header);
    assert_int_equal(g.conf.period, f.conf.period);
    assert_int_equal(g.conf.level, f.conf.level);
    assert_int_equal(g.conf.allow.count, 2);
}

static void test_help(void **state)
{
    (void)state;
    AUTO(buf_done) struct buf b = BUF_INIT;
    static const char *const parts[] = {
        "  --data TEXT\n      Folder of the journal, from 1 to 20 bytes\n"
        "      [data, POLLCAST_DATA, default ./data]\n",
        "  --insecure\n      Listen anywhere without authentication\n",
        "  -n NUMBER\n      Number of loops, from -1 to 64\n",
        "  --log NAME\n      What to log: error, warn, info, debug\n"
        "      [log.level, POLLCAST_LOG_LEVEL, default info]\n",
        "[egress.allow, POLLCAST_EGRESS_ALLOW]\n",
    };

    settings_help(rows, ARRAY_LEN(rows), &b);
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        if (!strstr(buf_cstr(&b), parts[i]))
            fail_msg("not in the help: %s", parts[i]);
}

static void new_with(void *arg)
{
    struct conf conf = {0};

    settings_new(arg, 1, &conf);
}

static void test_rows_that_contradict_themselves_panic(void **state)
{
    (void)state;
    struct settings_row bad[] = {
        ROW(INT, workers, "a", "5", "6..", "Default out of range"),
        ROW(INT, workers, "a", "5", "6", "Range without dots"),
        ROW(INT, workers, "a", "5", "x..9", "Bound that is no number"),
        ROW(INT, workers, "a", "5", "9..1", "Bounds that cross"),
        ROW(ENUM, level, "a", "no", "yes|maybe", "Default that is no choice"),
        ROW(LIST, allow, "a", "", "1..", "Too few items"),
    };

    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_true(aborts(new_with, &bad[i]));
}

int main(void)
{
    return RUN_TESTS(test_defaults, test_values_by_file, test_the_stronger_source_wins_in_any_order,
                     test_flags_are_taken_out, test_flags_with_odd_values, test_bool_flags,
                     test_lists, test_faults_say_what_and_where, test_nul_and_control_characters,
                     test_a_weaker_source_is_checked_too, test_unknown_flags_and_variables,
                     test_own_faults, test_print, test_format_and_parse_are_inverse, test_help,
                     test_rows_that_contradict_themselves_panic);
}
