#include "unit.h"

#include "core/limits.h"
#include "publisher/http_page.h"

/* Names as the defaults are. */
static struct http_page_conf conf_of(int mode)
{
    static char page[] = "page", page_size[] = "pageSize", offset[] = "offset", limit[] = "limit",
                key[] = "since_key", cursor[] = "cursor";

    return (struct http_page_conf){
        .mode = mode,
        .page = {page, 1},
        .page_size = {page_size, 100},
        .offset = {offset, 0},
        .limit = {limit, 50},
        .key = {key, 0},
        .cursor = {cursor, 0},
        .next = {HTTP_NEXT_HEADER, HTTP_PAGE_NONE, NULL},
        .max_pages = 1000,
    };
}

static void first_requests(void **state)
{
    static const struct {
        int mode;
        const char *url, *first;
    } rows[] = {
        {HTTP_PAGE_PAGE, "http://h/x", "http://h/x?page=1&pageSize=100"},
        {HTTP_PAGE_OFFSET, "http://h/x?a=1", "http://h/x?a=1&offset=0&limit=50"},
        {HTTP_PAGE_KEYSET, "http://h/x", "http://h/x?pageSize=100"},
        {HTTP_PAGE_CURSOR, "http://h/x", "http://h/x?pageSize=100"},
        {HTTP_PAGE_PAGE, "http://h/x?pageSize=5&a&page=7", "http://h/x?pageSize=100&a&page=1"},
        {HTTP_PAGE_CURSOR, "http://h/x?cursor=abc", "http://h/x?cursor=abc&pageSize=100"},
        {HTTP_PAGE_PAGE, "http://h/x#f", "http://h/x?page=1&pageSize=100"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(buf_done) struct buf b = BUF_INIT;
        struct http_page_conf conf = conf_of(rows[i].mode);
        struct errinfo ei = ERRINFO_INIT;

        assert_ok(http_page_first(&conf, str_of(rows[i].url), &b, &ei), &ei);
        assert_str(buf_view(&b), rows[i].first);
    }
}

static void a_first_url_can_be_too_long(void **state)
{
    AUTO(buf_done) struct buf url = BUF_INIT;
    AUTO(buf_done) struct buf b = BUF_INIT;
    struct errinfo ei = ERRINFO_INIT;

    (void)state;
    buf_puts(&url, "http://h/");
    while (url.len < LIMIT_URL_BYTES - 10)
        buf_putc(&url, 'a');
    for (int mode = HTTP_PAGE_PAGE; mode <= HTTP_PAGE_CURSOR; mode++) {
        struct http_page_conf conf = conf_of(mode);

        err_clear(&ei);
        assert_int_equal(http_page_first(&conf, buf_view(&url), &b, &ei), E_POLL_CONFIG);
        assert_non_null(strstr(ei.text, "8192"));
        assert_int_equal(b.len, 0);
    }
}

struct next_row {
    const char *body;
    int mode, type;    /* type: HTTP_PAGE_NONE: the next reference is in the header */
    const char *asked; /* NULL: http://h/x?page=1&pageSize=100 */
    const char *next;  /* NULL: the end, or with says an error */
    enum err err;
    const char *says;
};

static enum err next_of(const struct http_page_conf *conf, const struct next_row *row,
                        struct buf *b, bool *ret_end, struct errinfo *ei)
{
    AUTO(jdoc_freep) struct jdoc *doc = NULL;
    struct http_page_answer page = {.home = STR("http://h/x")};
    struct str link = str_of(row->body);

    page.asked = str_of(row->asked ? row->asked : "http://h/x?page=1&pageSize=100");
    page.url = page.asked;
    if (row->type == HTTP_PAGE_NONE) {
        page.links = &link;
        page.link_count = 1;
    } else {
        assert_int_equal(jdoc_parse(link, NULL, &doc, NULL), E_OK);
        page.root = jdoc_root(doc);
    }
    return http_page_next(conf, &page, b, ret_end, ei);
}

static void check_next(const struct next_row *row, bool allow)
{
    static char pointer[] = "/links/next";
    AUTO(buf_done) struct buf b = BUF_INIT;
    struct http_page_conf conf = conf_of(row->mode);
    struct errinfo ei = ERRINFO_INIT;
    bool end = !row->next;

    conf.allow_other_origin = allow;
    if (row->type != HTTP_PAGE_NONE) {
        conf.next.location = HTTP_NEXT_BODY;
        conf.next.type = row->type;
        conf.next.pointer = pointer;
    }
    enum err err = next_of(&conf, row, &b, &end, &ei);
    if (err != row->err || (row->says && !strstr(ei.text, row->says)))
        fail_msg("%s: %s: %s", row->body, err_row(err)->name, ei.text);
    assert_str(buf_view(&b), row->next ? row->next : "");
    if (err == E_OK)
        assert_int_equal(end, !row->next);
}

#define PAGE HTTP_PAGE_PAGE
#define URI HTTP_NEXT_URI
#define VALUE HTTP_NEXT_VALUE
#define NEXT(text) "{\"links\":{\"next\":" text "}}"

static void next_uris(void **state)
{
    static const struct next_row rows[] = {
        {NEXT("\"/x?page=2\""), PAGE, URI, NULL, "http://h/x?page=2", E_OK, NULL},
        {NEXT("\"?page=2\""), PAGE, URI, NULL, "http://h/x?page=2", E_OK, NULL},
        {NEXT("\"http://H:80/y#f\""), PAGE, URI, NULL, "http://H:80/y", E_OK, NULL},
        {NEXT("\"\""), PAGE, URI, NULL, NULL, E_OK, NULL},
        {NEXT("\" \""), PAGE, URI, NULL, NULL, E_OK, NULL},
        {NEXT("null"), PAGE, URI, NULL, NULL, E_OK, NULL},
        {"{\"links\":{}}", PAGE, URI, NULL, NULL, E_OK, NULL},
        {"{\"links\":[]}", PAGE, URI, NULL, NULL, E_OK, NULL},
        {"[]", PAGE, URI, NULL, NULL, E_OK, NULL},
        {NEXT("2"), PAGE, URI, NULL, NULL, E_POLL_FORMAT,
         "the next reference at \"/links/next\" is of type number: expected a string that is a "
         "URI"},
        {NEXT("false"), PAGE, URI, NULL, NULL, E_POLL_FORMAT, "boolean"},
        {NEXT("{\"href\":\"/2\"}"), PAGE, URI, NULL, NULL, E_POLL_FORMAT, "object"},
        {NEXT("\"file:///etc/passwd\""), PAGE, URI, NULL, NULL, E_POLL_FORMAT,
         "the next reference at \"/links/next\" cannot be used: its scheme is \"file\""},
        {NEXT("\"http://a:b@h/\""), PAGE, URI, NULL, NULL, E_POLL_FORMAT, "user information"},
        {NEXT("\"https://h/x\""), PAGE, URI, NULL, NULL, E_POLL_UNKNOWN, "allowOtherOrigin"},
        {NEXT("\"http://h:8080/x\""), PAGE, URI, NULL, NULL, E_POLL_UNKNOWN, "allowOtherOrigin"},
        {NEXT("\"//other/x?secret\""), PAGE, URI, NULL, NULL, E_POLL_UNKNOWN,
         "the next page is at another origin (http://other/x); ended by the guard "
         "pagination.allowOtherOrigin, which is false"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        check_next(&rows[i], false);
}

static void next_values(void **state)
{
    static const struct next_row rows[] = {
        {NEXT("2"), PAGE, VALUE, NULL, "http://h/x?page=2&pageSize=100", E_OK, NULL},
        {NEXT("\"2\""), PAGE, VALUE, NULL, "http://h/x?page=2&pageSize=100", E_OK, NULL},
        {NEXT("9007199254740993"), HTTP_PAGE_OFFSET, VALUE, "http://h/x?offset=1&limit=5",
         "http://h/x?offset=9007199254740993&limit=5", E_OK, NULL},
        {NEXT("\"a+b/c==&d\""), HTTP_PAGE_CURSOR, VALUE, "http://h/x?pageSize=5",
         "http://h/x?pageSize=5&cursor=a%2Bb/c%3D%3D%26d", E_OK, NULL},
        {NEXT("\"k 2\""), HTTP_PAGE_KEYSET, VALUE, "http://h/x?pageSize=5&since_key=k%201",
         "http://h/x?pageSize=5&since_key=k%202", E_OK, NULL},
        {NEXT("\" \""), HTTP_PAGE_KEYSET, VALUE, "http://h/x", "http://h/x?since_key=%20", E_OK,
         NULL},
        {NEXT("0"), PAGE, VALUE, "http://h/x?page=9", "http://h/x?page=0", E_OK, NULL},
        {NEXT("\"\""), PAGE, VALUE, NULL, NULL, E_OK, NULL},
        {NEXT("null"), PAGE, VALUE, NULL, NULL, E_OK, NULL},
        {"{}", PAGE, VALUE, NULL, NULL, E_OK, NULL},
        {NEXT("true"), PAGE, VALUE, NULL, NULL, E_POLL_FORMAT,
         "is of type boolean: expected a string or a number"},
        {NEXT("[1]"), PAGE, VALUE, NULL, NULL, E_POLL_FORMAT, "array"},
        {NEXT("\"//other/\""), PAGE, VALUE, "http://h/x", "http://h/x?page=//other/", E_OK, NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        check_next(&rows[i], false);
}

static void next_links(void **state)
{
    static const struct next_row rows[] = {
        {"<?page=2>; rel=next", PAGE, -1, NULL, "http://h/x?page=2", E_OK, NULL},
        {"<http://h/y>; rel=\"last next\"", PAGE, -1, NULL, "http://h/y", E_OK, NULL},
        {"<?page=2>; rel=prev", PAGE, -1, NULL, NULL, E_OK, NULL},
        {"<>; rel=next", PAGE, -1, NULL, NULL, E_OK, NULL},
        {"", PAGE, -1, NULL, NULL, E_OK, NULL},
        {"<javascript:x>; rel=next", PAGE, -1, NULL, NULL, E_POLL_FORMAT,
         "the next reference in the header field Link cannot be used: its scheme"},
        {"<http://other/>; rel=next", PAGE, -1, NULL, NULL, E_POLL_UNKNOWN, "allowOtherOrigin"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        check_next(&rows[i], false);
}

static void other_origins_can_be_allowed(void **state)
{
    static const struct next_row rows[] = {
        {NEXT("\"https://other:8/x\""), PAGE, URI, NULL, "https://other:8/x", E_OK, NULL},
        {NEXT("\"file:///x\""), PAGE, URI, NULL, NULL, E_POLL_FORMAT, "scheme"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        check_next(&rows[i], true);
}

/* A redirect has led to another place: references start from there, values go into what is asked. */
static void redirects_move_the_base(void **state)
{
    AUTO(buf_done) struct buf b = BUF_INIT;
    struct http_page_conf conf = conf_of(PAGE);
    struct str link = STR("<2>; rel=next");
    struct str home = STR("<http://h/x/2>; rel=next");
    struct http_page_answer page = {
        .home = STR("http://h/x"),
        .asked = STR("http://h/x?page=1"),
        .url = STR("https://h/v2/x?page=1"),
        .links = &link,
        .link_count = 1,
    };
    struct errinfo ei = ERRINFO_INIT;
    bool end = true;

    (void)state;
    assert_ok(http_page_next(&conf, &page, &b, &end, &ei), &ei);
    assert_false(end);
    assert_str(buf_view(&b), "https://h/v2/2");
    buf_clear(&b);
    page.links = &home;
    assert_ok(http_page_next(&conf, &page, &b, &end, &ei), &ei);
    assert_str(buf_view(&b), "http://h/x/2");
}

static void huge_references_are_refused(void **state)
{
    AUTO(buf_done) struct buf body = BUF_INIT;

    (void)state;
    buf_puts(&body, "{\"links\":{\"next\":\"");
    while (body.len < 1024 * 1024)
        buf_puts(&body, "abcdefgh");
    buf_puts(&body, "\"}}");
    struct next_row row = {buf_cstr(&body), PAGE, URI, NULL, NULL, E_POLL_FORMAT, "8192"};
    check_next(&row, false);
    row.type = VALUE;
    check_next(&row, false);
}

int main(void)
{
    return RUN_TESTS(first_requests, a_first_url_can_be_too_long, next_uris, next_values,
                     next_links, other_origins_can_be_allowed, redirects_move_the_base,
                     huge_references_are_refused);
}
