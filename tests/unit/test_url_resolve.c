#include "unit.h"

#include "core/limits.h"
#include "core/url.h"

struct row {
    const char *reference, *url; /* url NULL: refused */
};

static void check(const char *base, const struct row *row)
{
    AUTO(buf_done) struct buf b = BUF_INIT;
    struct errinfo ei = ERRINFO_INIT;

    buf_puts(&b, "before ");
    enum err err = url_resolve(str_of(base), str_of(row->reference), &b, &ei);
    if (!row->url) {
        assert_str(buf_view(&b), "before ");
        assert_int_equal(err, E_INVALID);
        assert_true(ei.text[0]);
        return;
    }
    if (err != E_OK)
        fail_msg("\"%s\": %s", row->reference, ei.text);
    assert_str(str_drop(buf_view(&b), 7), row->url);
}

/* RFC 3986 §5.4, but that fragments go and that only http and https are followed. */
static void examples_of_the_rfc(void **state)
{
    static const struct row rows[] = {
        /* §5.4.1 */
        {"g:h", NULL},
        {"g", "http://a/b/c/g"},
        {"./g", "http://a/b/c/g"},
        {"g/", "http://a/b/c/g/"},
        {"/g", "http://a/g"},
        {"//g", "http://g"},
        {"?y", "http://a/b/c/d;p?y"},
        {"g?y", "http://a/b/c/g?y"},
        {"#s", "http://a/b/c/d;p?q"},
        {"g#s", "http://a/b/c/g"},
        {"g?y#s", "http://a/b/c/g?y"},
        {";x", "http://a/b/c/;x"},
        {"g;x", "http://a/b/c/g;x"},
        {"g;x?y#s", "http://a/b/c/g;x?y"},
        {"", "http://a/b/c/d;p?q"},
        {".", "http://a/b/c/"},
        {"./", "http://a/b/c/"},
        {"..", "http://a/b/"},
        {"../", "http://a/b/"},
        {"../g", "http://a/b/g"},
        {"../..", "http://a/"},
        {"../../", "http://a/"},
        {"../../g", "http://a/g"},
        /* §5.4.2 */
        {"../../../g", "http://a/g"},
        {"../../../../g", "http://a/g"},
        {"/./g", "http://a/g"},
        {"/../g", "http://a/g"},
        {"g.", "http://a/b/c/g."},
        {".g", "http://a/b/c/.g"},
        {"g..", "http://a/b/c/g.."},
        {"..g", "http://a/b/c/..g"},
        {"./../g", "http://a/b/g"},
        {"./g/.", "http://a/b/c/g/"},
        {"g/./h", "http://a/b/c/g/h"},
        {"g/../h", "http://a/b/c/h"},
        {"g;x=1/./y", "http://a/b/c/g;x=1/y"},
        {"g;x=1/../y", "http://a/b/c/y"},
        {"g?y/./x", "http://a/b/c/g?y/./x"},
        {"g?y/../x", "http://a/b/c/g?y/../x"},
        {"g#s/./x", "http://a/b/c/g"},
        {"g#s/../x", "http://a/b/c/g"},
        {"http:g", NULL}, /* strict */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        check("http://a/b/c/d;p?q", &rows[i]);
}

static void further_references(void **state)
{
    static const struct row rows[] = {
        {"https://other:8443/x?y#z", "https://other:8443/x?y"},
        {"HTTPS://Other/x", "HTTPS://Other/x"},
        {"//other/a/../b", "https://other/b"},
        {"//other?x", "https://other?x"},
        {"https://other/a/b/../../..", "https://other/"},
        {"/a//b/..", "https://h:1/a//"},
        {"//h/..", "https://h/"},
        {"  /g \n", "https://h:1/g"},
        {"?", "https://h:1/p?"},
        {"?a=b?c=/d", "https://h:1/p?a=b?c=/d"},
        {"g:80/x", NULL}, /* a scheme, by the letter */
        {"./g:80/x", "https://h:1/g:80/x"},
        {"1:2", "https://h:1/1:2"},
        {"?t=10:20", "https://h:1/p?t=10:20"},
        /* what sources write that no URL may hold */
        {"/a b?c d", "https://h:1/a%20b?c%20d"},
        {"/\xc3\xa9?\xc3\xa9", "https://h:1/%C3%A9?%C3%A9"},
        {"/{a}|\"<>^`\\", "https://h:1/%7Ba%7D%7C%22%3C%3E%5E%60%5C"},
        {"?page[number]=2&x=%7e%zz%", "https://h:1/p?page[number]=2&x=%7e%zz%"},
        /* refused */
        {"file:///etc/passwd", NULL},
        {"javascript:alert(1)", NULL},
        {"ftp://h/x", NULL},
        {"ws://h/x", NULL},
        {"data:application/json,{}", NULL},
        {"https:", NULL},
        {"https:///x", NULL},
        {"//", NULL},
        {"///x", NULL},
        {"https://user@h/x", NULL},
        {"https://h:1\\@evil/", NULL},
        {"https://h\xc3\xa9/", NULL},
        {"https://h:99999/", NULL},
        {"https://[::1/", NULL},
        {"/a\x01", NULL},
        {"/a\nb", NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        check("https://h:1/p?q=1#f", &rows[i]);
}

static void bases_without_a_path(void **state)
{
    (void)state;
    check("http://a", &(struct row){"g", "http://a/g"});
    check("http://a?q", &(struct row){"g", "http://a/g"});
    check("http://a?q", &(struct row){"", "http://a?q"});
    check("http://a?q/r", &(struct row){"../g", "http://a/g"});
    check("http://a/?q/r", &(struct row){"g", "http://a/g"});
    check("http://a#x/y", &(struct row){"g", "http://a/g"});
}

static void errors_say_what_is_wrong(void **state)
{
    static const struct row rows[] = {
        {"file:///etc/passwd", "its scheme is \"file\", only http and https are followed"},
        {"javascript:alert(1)", "its scheme is \"javascript\", only http and https are followed"},
        {"a-scheme-that-is-longer-than-any:x",
         "its scheme is \"a-scheme-that-is-lon\", only http and https are followed"},
        {"http:x", "it names no host"},
        {"https:///x", "its host is empty"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(buf_done) struct buf b = BUF_INIT;
        struct errinfo ei = ERRINFO_INIT;

        assert_int_equal(url_resolve(STR("http://h/"), str_of(rows[i].reference), &b, &ei),
                         E_INVALID);
        assert_string_equal(ei.text, rows[i].url);
    }
}

static enum err resolve_long(size_t n, char c, size_t *ret)
{
    AUTO(buf_done) struct buf reference = BUF_INIT;
    AUTO(buf_done) struct buf b = BUF_INIT;
    struct errinfo ei = ERRINFO_INIT;

    buf_putc(&reference, '/');
    while (reference.len < n)
        buf_putc(&reference, c);
    enum err err = url_resolve(STR("http://h/"), buf_view(&reference), &b, &ei);
    *ret = b.len;
    if (err != E_OK)
        assert_non_null(strstr(ei.text, "the most allowed are 8192"));
    return err;
}

static void long_references_are_refused(void **state)
{
    size_t n;

    (void)state;
    assert_int_equal(resolve_long(LIMIT_URL_BYTES - 8, 'a', &n), E_OK);
    assert_int_equal(n, LIMIT_URL_BYTES);
    assert_int_equal(resolve_long(LIMIT_URL_BYTES - 7, 'a', &n), E_INVALID);
    assert_int_equal(resolve_long(LIMIT_URL_BYTES / 2, '^', &n), E_INVALID);
    assert_int_equal(resolve_long(1024 * 1024, 'a', &n), E_INVALID);
    assert_int_equal(n, 0);
}

static void origins(void **state)
{
    static const struct {
        const char *a, *b;
        bool equal;
    } rows[] = {
        {"http://h", "http://h/x?y", true},
        {"http://h:80/", "http://h/", true},
        {"https://h:443/", "https://h", true},
        {"http://h:/", "http://h", true},
        {"http://h:080/", "http://h", true},
        {"HTTP://H/", "http://h/", true},
        {"http://[::1]:80", "http://[::1]/x", true},
        {"http://[::A]", "http://[::a]", true},
        {"http://user@h/", "http://h/", true},
        {"http://h?x", "http://h#x", true},
        {"http://h", "https://h", false},
        {"http://h:443", "https://h:443", false},
        {"http://h:80", "http://h:81", false},
        {"https://h:80", "https://h", false},
        {"http://h", "http://h.example", false},
        {"http://h", "http://h:8", false},
        {"http://[::1]", "http://[::2]", false},
        {"http://[::1]:8", "http://[::1]", false},
        {"http://h@evil", "http://h", false},
        {"http://h?@evil", "http://evil", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (url_origin_equal(str_of(rows[i].a), str_of(rows[i].b)) != rows[i].equal ||
            url_origin_equal(str_of(rows[i].b), str_of(rows[i].a)) != rows[i].equal)
            fail_msg("%s, %s", rows[i].a, rows[i].b);
    }
}

int main(void)
{
    return RUN_TESTS(examples_of_the_rfc, further_references, bases_without_a_path,
                     errors_say_what_is_wrong, long_references_are_refused, origins);
}
