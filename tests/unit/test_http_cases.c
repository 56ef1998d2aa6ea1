/*
 * Runs the cases of tests/cases/http against a real server: bytes in, statuses out. Their form is
 * described in tests/cases/http/README.
 */
#include "http_rig.c"

#include <dirent.h>

static struct test_server server;
static int faults;

/* ---- the server's side ---- */

static void handler(struct http_request *r, void *arg)
{
    (void)arg;
    int status = 200;
    if (str_starts(r->path, STR("/status/")))
        status = (int)strtol(r->path.p + strlen("/status/"), NULL, 10);
    if (str_eqz(r->path, "/close"))
        r->keep_alive = false;
    AUTO(buf_done) struct buf b = BUF_INIT;
    buf_str(&b, r->method_text);
    buf_putc(&b, ' ');
    buf_str(&b, r->path);
    buf_putc(&b, '|');
    buf_str(&b, r->query);
    buf_putc(&b, '|');
    buf_str(&b, r->body);
    http_respond(r, status, NULL, buf_view(&b));
}

static int start(void **state)
{
    (void)state;
    struct http_server_conf conf;
    http_server_conf_default(&conf);
    conf.max_header_bytes = 8192;
    conf.max_headers = 50;
    conf.max_target_bytes = 1000;
    conf.max_body_bytes = 10000;
    test_server_start(&server, &conf, handler);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    test_server_stop(&server);
    return 0;
}

/* ---- reading a case ---- */

struct http_case {
    const char *file;
    int line;
    char name[200];
    struct buf send, want, says;
};

/* All cases run, whatever the others do. */
static void fault(const struct http_case *hc, const char *what, const struct answer *a)
{
    print_error("%s:%d: %s: %s: %d %s\n", hc->file, hc->line, hc->name, what, a->status,
                a->body ? a->body : "");
    faults++;
}

static void clear_case(struct http_case *c)
{
    c->name[0] = '\0';
    buf_done(&c->send);
    buf_done(&c->want);
    buf_done(&c->says);
}

/* Append s with its repetitions and escapes resolved. */
static void unescape(struct buf *b, struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        const char *end = s.p[i] == '{' ? memmem(s.p + i, s.n - i, "}}", 2) : NULL;
        if (end && i + 1 < s.n && s.p[i + 1] == '{') {
            struct str inner = str_make(s.p + i + 2, (size_t)(end - s.p) - i - 2);
            size_t star = inner.n;
            while (star > 0 && inner.p[star - 1] != '*')
                star--;
            assert_true(star > 0);
            for (unsigned long n = strtoul(inner.p + star, NULL, 10); n > 0; n--)
                unescape(b, str_make(inner.p, star - 1));
            i = (size_t)(end - s.p) + 1;
        } else if (s.p[i] == '\\' && i + 1 < s.n) {
            static const char from[] = "rnt0\\";
            static const char to[] = "\r\n\t\0\\";
            const char *at = strchr(from, s.p[++i]);
            char digits[3] = {s.p[i] == 'x' ? s.p[i + 1] : '0', s.p[i] == 'x' ? s.p[i + 2] : '0'};
            assert_true(at || s.p[i] == 'x');
            buf_putc(b, at ? to[at - from] : (char)strtol(digits, NULL, 16));
            i += at ? 0 : 2;
        } else {
            buf_putc(b, s.p[i]);
        }
    }
}

/* ---- running it ---- */

static void send_case(struct client *c, struct str bytes, bool dripped)
{
    if (!dripped) {
        client_send(c, bytes);
        return;
    }
    for (size_t i = 0; i < bytes.n; i++)
        client_send(c, str_make(bytes.p + i, 1));
}

static void expect_open(const struct http_case *hc, struct client *c)
{
    client_puts(c, "GET /probe HTTP/1.1\r\nHost: probe\r\n\r\n");
    struct answer a = client_answer(c, false);
    if (a.status != 200 || !strstr(a.body, "GET /probe||"))
        fault(hc, "the connection does not go on", &a);
    answer_done(&a);
}

/* One word of `want`; `last` keeps the answer for `says`. */
static void expect_word(const struct http_case *hc, struct client *c, struct str word,
                        struct answer *last)
{
    if (str_eqz(word, "open")) {
        expect_open(hc, c);
        return;
    }
    if (str_eqz(word, "close")) {
        struct answer a = client_answer(c, false);
        if (a.status != 0 || c->in.len > 0)
            fault(hc, "not closed", &a);
        answer_done(&a);
        return;
    }
    bool bodyless = str_starts(word, STR("HEAD:"));
    int64_t status;
    assert_true(str_to_i64(str_drop(word, bodyless ? 5 : 0), &status));
    answer_done(last);
    *last = client_answer(c, bodyless);
    if (last->status != status)
        fault(hc, "another status", last);
}

static void run_once(const struct http_case *hc, bool dripped)
{
    struct client c;
    struct answer last = {0, NULL, NULL, 0};
    client_open(&c, server.port);
    send_case(&c, buf_view(&hc->send), dripped);
    struct str want = buf_view(&hc->want);
    size_t words = 0;
    while (want.p) {
        struct str word = str_split(&want, ' ');
        if (word.n == 0)
            continue;
        expect_word(hc, &c, word, &last);
        words++;
    }
    assert_true(words >= 2);
    if (hc->says.len && (!last.body || !memmem(last.body, last.body_n, hc->says.p, hc->says.len)))
        fault(hc, "another body", &last);
    answer_done(&last);
    client_close(&c);
}

/* Long ones are dripped by no one: it would only be slow. */
#define DRIP_MAX 3000

static void run_case(const struct http_case *hc)
{
    assert_true(hc->send.len > 0);
    assert_true(hc->want.len > 0);
    run_once(hc, false);
    if (hc->send.len <= DRIP_MAX)
        run_once(hc, true);
}

static int run_file(const char *folder, const char *file)
{
    AUTO_FREE char *path = xasprintf("%s/%s", folder, file);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    struct http_case hc = {.file = file};
    char line[4096];
    int cases = 0;
    for (int at = 1;; at++) {
        bool more = fgets(line, sizeof line, f) != NULL;
        struct str s = more ? str_make(line, strcspn(line, "\n")) : STR("");
        if (s.n == 0 && hc.name[0]) {
            run_case(&hc);
            clear_case(&hc);
            cases++;
        }
        if (!more)
            break;
        if (s.n == 0 || s.p[0] == '#')
            continue;
        struct str key = str_split(&s, ' ');
        if (str_eqz(key, "name")) {
            hc.line = at;
            snprintf(hc.name, sizeof hc.name, "%.*s", STR_ARG(s));
        } else if (str_eqz(key, "send")) {
            unescape(&hc.send, s);
        } else if (str_eqz(key, "want")) {
            unescape(&hc.want, s);
        } else if (str_eqz(key, "says")) {
            buf_str(&hc.says, s);
        } else {
            fail_msg("%s:%d: what is \"%.*s\"?", file, at, STR_ARG(key));
        }
    }
    fclose(f);
    return cases;
}

static void test_files(void **state)
{
    (void)state;
    AUTO_FREE char *folder = xasprintf("%s/http", getenv("POLLCAST_CASES"));
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    int cases = 0;
    for (struct dirent *e = readdir(dir); e; e = readdir(dir))
        if (str_ends(str_of(e->d_name), STR(".txt")))
            cases += run_file(folder, e->d_name);
    closedir(dir);
    assert_true(cases > 100);
    assert_int_equal(faults, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_files)};
    return cmocka_run_group_tests(tests, start, stop);
}
