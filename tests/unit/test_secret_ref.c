/*
 * References in texts: what is one, what may be shown and used, and what variables and files give.
 */
#include "unit.h"

#include <sys/stat.h>

#include "core/conf.h"
#include "core/limits.h"
#include "core/secret_ref.h"

#define assert_has(text, part)                                                                     \
    do {                                                                                           \
        if (!strstr((text), (part)))                                                               \
            fail_msg("\"%s\" does not hold \"%s\"", (text), (part));                               \
    } while (0)

static char directory[64];

static int set_up(void **state)
{
    (void)state;
    snprintf(directory, sizeof directory, "/tmp/pollcast-secrets-XXXXXX");
    return mkdtemp(directory) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    return remove_tree(directory);
}

/* A file in the test's directory; its path. */
static const char *put_file(const char *name, const void *bytes, size_t size)
{
    static char path[128];

    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, size, f), size);
    assert_int_equal(fclose(f), 0);
    return path;
}

/* ---- what is a reference ---- */

/* kind and text of each part: t(ext), e(nv), f(ile), each before what it holds, with | between. */
static void put_parts(struct str text, struct buf *b)
{
    struct secret_part part;
    struct errinfo ei = ERRINFO_INIT;

    for (size_t at = 0; at < text.n;) {
        size_t was = at;
        assert_ok(secret_ref_next(text, &at, &part, &ei), &ei);
        assert_true(at > was);
        buf_printf(b, "%s%c%.*s", b->len ? "|" : "", "tef"[part.kind], STR_ARG(part.s));
    }
}

static void parts(void **state)
{
    static const char *const rows[][2] = {
        {"", ""},
        {"plain", "tplain"},
        {"$", "t$"},
        {"a$b{c}", "ta$b{c}"},
        {"${env:A}", "eA"},
        {"${env:_a9}", "e_a9"},
        {"${file:/a}", "f/a"},
        {"${file:/run/my secrets/x:y$z}", "f/run/my secrets/x:y$z"},
        {"${file:/a/..b/...}", "f/a/..b/..."},
        {"Bearer ${env:T}", "tBearer |eT"},
        {"${env:A}${file:/b}-${env:C}.", "eA|f/b|t-|eC|t."},
        {"$${", "t${"},
        {"$${env:A}", "t${|tenv:A}"},
        {"$$${env:A}", "t$|t${|tenv:A}"},
        {"a$${b}${env:A}$", "ta|t${|tb}|eA|t$"},
        {"}${env:A}}", "t}|eA|t}"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(buf_done) struct buf b = BUF_INIT;
        struct errinfo ei = ERRINFO_INIT;

        put_parts(str_of(rows[i][0]), &b);
        assert_string_equal(buf_cstr(&b), rows[i][1]);
        assert_ok(secret_ref_check(str_of(rows[i][0]), NULL, &ei), &ei);
        assert_int_equal(secret_ref_any(str_of(rows[i][0])), strstr(rows[i][0], "${") != NULL);
    }
}

static void malformed(void **state)
{
    static const char *const rows[][2] = {
        {"${", "\"${\" at character 1 that no } closes"},
        {"é ${env:A", "\"${\" at character 3 that no } closes"},
        {"${env:A ${env:B}", "\"${\" at character 1 that no } closes"},
        {"${file:/a/${env:B}}", "\"${\" at character 1 that no } closes"},
        {"${}", "another word behind it at character 1"},
        {"${env}", "another word behind it at character 1"},
        {"${env:A}${ENV:A}", "another word behind it at character 9"},
        {"${evn:A}", "expected ${env:NAME} or ${file:/absolute/path}, or $${ for ${ itself"},
        {"${evn:A}", "did you mean \"env\"?"},
        {"${fil:/a}", "did you mean \"file\"?"},
        {"${vault:/a}", "another word behind it at character 1"},
        {"${env:}", "name of an environment variable"},
        {"${env:9A}", "found \"9A\""},
        {"${env:A-B}", "found \"A-B\""},
        {"${env: A}", "found \" A\""},
        {"${env:Ä}", "found \"Ä\""},
        {"${file:}", "expected the absolute path of a file"},
        {"${file:a/b}", "found \"a/b\""},
        {"${file:./a}", "found \"./a\""},
        {"${file:~/a}", "found \"~/a\""},
        {"${file:/a/../b}", "found \"/a/../b\""},
        {"${file:/a/./b}", "found \"/a/./b\""},
        {"${file:/a/..}", "found \"/a/..\""},
        {"${file:/a/}", "found \"/a/\""},
        {"${file:/}", "found \"/\""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct errinfo ei = ERRINFO_INIT;

        if (secret_ref_check(str_of(rows[i][0]), NULL, &ei) != E_INVALID)
            fail_msg("%s: no fault", rows[i][0]);
        assert_has(ei.text, rows[i][1]);
        assert_false(secret_ref_is_plain(str_of(rows[i][0])));
    }
}

/* A password that happens to look like one is not told. */
static void messages_do_not_quote_what_is_no_reference(void **state)
{
    static const char *const rows[] = {"hush${hush:hush}hush", "hush${hush", "${hush}hush"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct errinfo ei = ERRINFO_INIT;

        assert_int_equal(secret_ref_check(str_of(rows[i]), NULL, &ei), E_INVALID);
        assert_null(strstr(ei.text, "hush"));
    }
}

static void what_may_be_shown(void **state)
{
    static const char *const shown[] = {
        "${env:A}",        "${file:/a}",        "${env:A}${file:/b}",
        "Bearer ${env:A}", "bearer   ${env:A}", "Token ${env:A}${env:B}",
    };
    static const char *const hidden[] = {
        "",
        "hush",
        "$${env:A}",
        "hush${env:A}",
        "${env:A}hush",
        "${env:A} ${env:B}",
        "hush1 ${env:A}",
        "hush-hush ${env:A}",
        "two words ${env:A}",
        " ${env:A}",
        "Bearer ${env:A}:hush",
        "Bearer ",
        "abcdefghijklmnopq ${env:A}",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(shown); i++)
        if (!secret_ref_is_plain(str_of(shown[i])))
            fail_msg("\"%s\" is hidden", shown[i]);
    for (size_t i = 0; i < ARRAY_LEN(hidden); i++)
        if (secret_ref_is_plain(str_of(hidden[i])))
            fail_msg("\"%s\" is shown", hidden[i]);
}

/* ---- rules ---- */

/* Lists as settings have them: parted by commas. */
struct ruled {
    struct conf conf;
    struct secret_rules rules;
};

static void fill(struct settings_list *list, const char *items)
{
    struct str rest = items[0] ? str_of(items) : STR_NONE;

    list->items = xcalloc(8, sizeof *list->items);
    while (rest.p)
        list->items[list->count++] = str_dup(str_split(&rest, ','));
}

static void ruled_init(struct ruled *r, const char *listen, const char *env, const char *files)
{
    conf_init(&r->conf);
    free(r->conf.listen);
    r->conf.listen = xstrdup(listen);
    fill(&r->conf.secrets_env, env);
    fill(&r->conf.secrets_files, files);
    secret_rules_of(&r->conf, &r->rules);
}

static void ruled_done(struct ruled *r)
{
    conf_done(&r->conf);
}

#define LOCAL "127.0.0.1:0"
#define BEYOND "0.0.0.0:80"

static void rules(void **state)
{
    static const struct {
        const char *listen, *env, *files, *text;
        const char *refused; /* a part of the message; NULL: allowed */
    } rows[] = {
        {LOCAL, "", "", "${env:HOME}${file:/etc/hosts}", NULL},
        {"[::1]:8080", "", "", "${env:HOME}${file:/etc/hosts}", NULL},
        {"localhost:8080", "", "", "${env:HOME}", NULL},
        {":8080", "", "", "${env:HOME}", NULL},
        {BEYOND, "", "", "no reference $${env:HOME}", NULL},
        {BEYOND, "", "", "${env:HOME}", "secrets.env of this server allows, found \"HOME\""},
        {BEYOND, "", "", "${file:/a}", "secrets.files of this server allows, found \"/a\""},
        {"[::]:8080", "", "", "${env:HOME}", "secrets.env"},
        {"192.0.2.1:8080", "", "", "${env:HOME}", "secrets.env"},
        {"some.name:8080", "", "", "${env:HOME}", "secrets.env"},
        {"nonsense", "", "", "${env:HOME}", "secrets.env"},
        {BEYOND, "API_*,X", "/run/secrets", "${env:API_KEY}${env:X}${file:/run/secrets/a}", NULL},
        {BEYOND, "API_*,X", "", "${env:MY_API_KEY}", "found \"MY_API_KEY\""},
        {BEYOND, "API_*,X", "", "${env:XX}", "found \"XX\""},
        {BEYOND, "API_*,X", "", "${file:/a}", "secrets.files"},
        {BEYOND, "", "/a", "${env:A}", "secrets.env"},
        {BEYOND, "*", "/", "${env:HOME}${file:/etc/hosts}", NULL},
        /* what is listed is all there is, also on this machine */
        {LOCAL, "API_*", "", "${env:HOME}", "secrets.env"},
        {LOCAL, "API_*", "", "${file:/etc/hosts}", NULL},
        {LOCAL, "", "/a,/b/c/", "${file:/a/x}${file:/b/c/d/x}${env:HOME}", NULL},
        {LOCAL, "", "/a,/b/c/", "${file:/ab}", "found \"/ab\""},
        {LOCAL, "", "/a,/b/c/", "${file:/a}", "found \"/a\""},
        {LOCAL, "", "/a,/b/c/", "${file:/b/x}", "found \"/b/x\""},
        {LOCAL, "", "/a", "${env:HOME} and ${file:/b}", "found \"/b\""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(ruled_done) struct ruled r;
        struct errinfo ei = ERRINFO_INIT;

        ruled_init(&r, rows[i].listen, rows[i].env, rows[i].files);
        enum err err = secret_ref_check(str_of(rows[i].text), &r.rules, &ei);
        if ((err == E_OK) != !rows[i].refused)
            fail_msg("%s %s %s %s: %s", rows[i].listen, rows[i].env, rows[i].files, rows[i].text,
                     err_row(err)->name);
        if (rows[i].refused)
            assert_has(ei.text, rows[i].refused);
    }
}

static void rules_can_be_written(void **state)
{
    (void)state;
    assert_true(secret_rule_is_glob(STR("*")));
    assert_true(secret_rule_is_glob(STR("API_[A-Z]?*9")));
    assert_false(secret_rule_is_glob(STR("")));
    assert_false(secret_rule_is_glob(STR("API.*")));
    assert_false(secret_rule_is_glob(STR("${env:A}")));
    assert_false(secret_rule_is_glob(str_make("A\0B", 3)));
    assert_true(secret_rule_is_directory(STR("/")));
    assert_true(secret_rule_is_directory(STR("/run/secrets")));
    assert_true(secret_rule_is_directory(STR("/run/secrets/")));
    assert_false(secret_rule_is_directory(STR("")));
    assert_false(secret_rule_is_directory(STR("run/secrets")));
    assert_false(secret_rule_is_directory(STR("/run/../etc")));
}

/* ---- resolving ---- */

static const char *flaw(struct str value)
{
    return memchr(value.p, '!', value.n) ? "an exclamation mark" : NULL;
}

static enum err resolve(const char *text, struct buf *b, struct errinfo *ei)
{
    AUTO(ruled_done) struct ruled r;

    err_clear(ei);
    ruled_init(&r, LOCAL, "", "");
    return secret_ref_resolve(str_of(text), &r.rules, flaw, b, ei);
}

static void assert_gives(const char *text, const char *expected)
{
    AUTO(buf_wipe) struct buf b = BUF_INIT;
    struct errinfo ei = ERRINFO_INIT;

    buf_puts(&b, "before ");
    assert_ok(resolve(text, &b, &ei), &ei);
    assert_str(str_drop(buf_view(&b), 7), expected);
    assert_true(str_starts(buf_view(&b), STR("before ")));
}

/* Fails with a message that has both parts, not the value, and leaves the buffer alone. */
static void assert_fails(const char *text, const char *who, const char *why)
{
    AUTO(buf_wipe) struct buf b = BUF_INIT;
    struct errinfo ei = ERRINFO_INIT;

    buf_puts(&b, "before");
    if (resolve(text, &b, &ei) != E_INVALID)
        fail_msg("%s: it does not fail", text);
    assert_has(ei.text, who);
    assert_has(ei.text, why);
    assert_null(strstr(ei.text, "hush"));
    assert_str(buf_view(&b), "before");
}

static void variables(void **state)
{
    (void)state;
    setenv("SECRET_A", "hush", 1);
    setenv("SECRET_B", "b c\n", 1);
    setenv("SECRET_EMPTY", "", 1);
    setenv("SECRET_FLAW", "hush!", 1);
    unsetenv("SECRET_NONE");
    assert_gives("", "");
    assert_gives("plain", "plain");
    assert_gives("$${env:SECRET_A}", "${env:SECRET_A}");
    assert_gives("Bearer ${env:SECRET_A}", "Bearer hush");
    assert_gives("${env:SECRET_A}:${env:SECRET_A}$", "hush:hush$");
    assert_gives("${env:SECRET_B}", "b c\n"); /* only files end with line breaks by habit */
    assert_gives("!${env:SECRET_A}!", "!hush!");
    assert_fails("hush ${env:SECRET_NONE}", "the environment variable SECRET_NONE",
                 "is not set where the server runs: set it there");
    assert_fails("hush ${env:SECRET_EMPTY}", "SECRET_EMPTY", "is empty");
    assert_fails("${env:SECRET_A}${env:SECRET_FLAW}", "SECRET_FLAW",
                 "cannot be used: it has an exclamation mark");
    assert_fails("hush ${env:SECRET_A", "expected ${env:NAME}", "no } closes");
}

static void files(void **state)
{
    static const struct {
        const char *text, *gives;
    } rows[] = {
        {"hush", "hush"},           {"hush\n", "hush"},   {"hush\r\n", "hush"},
        {"hush\n\n", "hush\n"},     {"hush\r", "hush\r"}, {"\nhush ", "\nhush "},
        {"h\xff\x01", "h\xff\x01"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *path = put_file("a", rows[i].text, strlen(rows[i].text));
        AUTO_FREE char *one = xasprintf("${file:%s}", path);
        AUTO_FREE char *two = xasprintf("x${file:%s}y${file:%s}", path, path);
        AUTO_FREE char *twice = xasprintf("x%sy%s", rows[i].gives, rows[i].gives);

        assert_gives(one, rows[i].gives);
        assert_gives(two, twice);
    }
}

static void files_that_cannot_be_used(void **state)
{
    static const char *const empty[] = {"", "\n", "\r\n"};
    AUTO_FREE char *text = xasprintf("x${file:%s/a}", directory);
    AUTO_FREE char *path = xasprintf("%s/a", directory);

    (void)state;
    assert_fails(text, path, "cannot be opened: No such file or directory; put it there");
    assert_int_equal(mkdir(path, 0700), 0);
    assert_fails(text, path, "is no regular file");
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_fails(text, path, "is no regular file");
    assert_int_equal(unlink(path), 0);
    for (size_t i = 0; i < ARRAY_LEN(empty); i++) {
        put_file("a", empty[i], strlen(empty[i]));
        assert_fails(text, path, "is empty");
    }
    put_file("a", "hush!", 5);
    assert_fails(text, path, "cannot be used: it has an exclamation mark");
    if (geteuid() != 0) { /* who may read everything cannot test it */
        assert_int_equal(chmod(path, 0), 0);
        assert_fails(text, path, "cannot be opened: Permission denied");
    }
}

static void a_file_is_read_as_it_is_now(void **state)
{
    const char *path = put_file("a", "first", 5);
    AUTO_FREE char *text = xasprintf("${file:%s}", path);
    AUTO_FREE char *link = xasprintf("%s/link", directory);
    AUTO_FREE char *linked = xasprintf("${file:%s}", link);

    (void)state;
    assert_int_equal(symlink("a", link), 0);
    assert_gives(text, "first");
    assert_gives(linked, "first");
    put_file("b", "second, and longer", 18);
    assert_int_equal(unlink(link), 0);
    assert_int_equal(symlink("b", link), 0);
    assert_gives(linked, "second, and longer");
    put_file("a", "3", 1);
    assert_gives(text, "3");
}

static void sizes(void **state)
{
    AUTO_FREE char *bytes = xmalloc(LIMIT_SECRET_BYTES + 2);
    AUTO_FREE char *text = xasprintf("${file:%s/a}", directory);
    AUTO_FREE char *more = xasprintf("%s%s", text, "x");
    AUTO_FREE char *twice = xasprintf("%s%s", text, text);
    struct errinfo ei = ERRINFO_INIT;

    (void)state;
    memset(bytes, 'a', LIMIT_SECRET_BYTES + 2);
    put_file("a", bytes, LIMIT_SECRET_BYTES);
    for (int with_rest = 0; with_rest < 2; with_rest++) {
        AUTO(buf_wipe) struct buf b = BUF_INIT;

        buf_printf(&b, "%s", with_rest ? "rest" : "");
        assert_ok(resolve(text, &b, &ei), &ei);
        assert_int_equal(b.len, LIMIT_SECRET_BYTES + (with_rest ? 4 : 0));
        assert_memory_equal(b.p + b.len - LIMIT_SECRET_BYTES, bytes, LIMIT_SECRET_BYTES);
    }
    assert_fails(more, "the value", "larger than 65536 bytes");
    assert_fails(twice, "/a makes the value", "larger than 65536 bytes");
    put_file("a", bytes, LIMIT_SECRET_BYTES + 1);
    assert_fails(text, "/a makes the value", "larger than 65536 bytes");
    bytes[LIMIT_SECRET_BYTES + 1] = '\0';
    setenv("SECRET_LONG", bytes, 1);
    assert_fails("${env:SECRET_LONG}", "SECRET_LONG makes the value", "larger than 65536 bytes");
    unsetenv("SECRET_LONG");
}

/* The size that the system tells need not be that of what is read. */
static void a_file_without_a_size(void **state)
{
    AUTO(buf_wipe) struct buf b = BUF_INIT;
    struct errinfo ei = ERRINFO_INIT;

    (void)state;
    assert_ok(resolve("${file:/proc/self/status}", &b, &ei), &ei);
    assert_true(b.len > 600);
    assert_true(str_starts(buf_view(&b), STR("Name:\t")));
    assert_int_not_equal(b.p[b.len - 1], '\n');
}

static void rules_hold_at_use(void **state)
{
    AUTO(ruled_done) struct ruled r;
    AUTO(buf_wipe) struct buf b = BUF_INIT;
    AUTO_FREE char *allowed = xasprintf("${file:%s}", put_file("a", "hush", 4));
    struct errinfo ei = ERRINFO_INIT;

    (void)state;
    ruled_init(&r, BEYOND, "SECRET_A", directory);
    setenv("SECRET_A", "hush", 1);
    assert_ok(secret_ref_resolve(str_of(allowed), &r.rules, flaw, &b, &ei), &ei);
    assert_ok(secret_ref_resolve(STR("${env:SECRET_A}"), &r.rules, flaw, &b, &ei), &ei);
    assert_str(buf_view(&b), "hushhush");
    assert_int_equal(secret_ref_resolve(STR("${env:HOME}"), &r.rules, flaw, &b, &ei), E_INVALID);
    assert_has(ei.text, "secrets.env");
    err_clear(&ei);
    assert_int_equal(secret_ref_resolve(STR("${file:/etc/hosts}"), &r.rules, flaw, &b, &ei),
                     E_INVALID);
    assert_has(ei.text, "secrets.files");
    assert_str(buf_view(&b), "hushhush");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts),
        cmocka_unit_test(malformed),
        cmocka_unit_test(messages_do_not_quote_what_is_no_reference),
        cmocka_unit_test(what_may_be_shown),
        cmocka_unit_test(rules),
        cmocka_unit_test(rules_can_be_written),
        cmocka_unit_test(variables),
        cmocka_unit_test_setup_teardown(files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(files_that_cannot_be_used, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_is_read_as_it_is_now, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sizes, set_up, tear_down),
        cmocka_unit_test(a_file_without_a_size),
        cmocka_unit_test_setup_teardown(rules_hold_at_use, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
