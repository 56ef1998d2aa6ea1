#include "unit.h"

#include "core/host_name.h"

static void fields(void **state)
{
    static const struct {
        const char *field, *host; /* host NULL: not valid */
        bool own;
    } rows[] = {
        {"localhost", "localhost", true},
        {"LocalHost:8080", "LocalHost", true},
        {"localhost.", "localhost", true},
        {"a.localhost:1", "a.localhost", true},
        {"notlocalhost", "notlocalhost", false},
        {"localhost.example", "localhost.example", false},
        {"127.0.0.1", "127.0.0.1", true},
        {"127.0.0.1:", "127.0.0.1", true},
        {"10.1.2.3:65535", "10.1.2.3", true},
        {"[::1]", "::1", true},
        {"[::1]:8080", "::1", true},
        {" a.example ", "a.example", false},
        {"a.example:80", "a.example", false},
        {"127.0.0.1.example:80", "127.0.0.1.example", false},
        {"127.0.0.1.", "127.0.0.1", true},
        {"2130706433", "2130706433",
         false}, /* a browser makes 127.0.0.1 of it before it sends it */
        {"127.1", "127.1", false},
        {"[::1", NULL, false},
        {"[]", NULL, false},
        {"[::1]x", NULL, false},
        {"::1", NULL, false},
        {"", NULL, false},
        {":80", NULL, false},
        {"a:65536", NULL, false},
        {"a:b", NULL, false},
        {"a:80:90", NULL, false},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct str host = host_name_of_field(str_of(rows[i].field));

        if ((host.p == NULL) != (rows[i].host == NULL) || !str_eqz(host, rows[i].host))
            fail_msg("%s: %.*s", rows[i].field, STR_ARG(host));
        if (host.p && host_name_is_own(host) != rows[i].own)
            fail_msg("%s", rows[i].field);
    }
}

static void names(void **state)
{
    static const char *const good[] = {"a", "a.example", "a-b_c.example", "A1"};
    static const char *const bad[] = {"",    ".a",  "a.",  "a:80", "http://a",
                                      "a b", "*.a", "a/b", "[::1]"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_true(host_name_is_valid(str_of(good[i])));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(host_name_is_valid(str_of(bad[i])));
    AUTO(buf_done) struct buf b = BUF_INIT;
    while (b.len < 253)
        buf_putc(&b, 'a');
    assert_true(host_name_is_valid(buf_view(&b)));
    buf_putc(&b, 'a');
    assert_false(host_name_is_valid(buf_view(&b)));
}

static void origins(void **state)
{
    static const char *const good[] = {
        "*",
        "http://a",
        "https://a.example",
        "https://a.example:8443",
        "http://a.example:443",
        "https://127.0.0.1:80",
        "http://[::1]",
        "http://[::1]:8080",
        "HTTPS://A.example",
    };
    static const char *const bad[] = {
        "",
        "null",
        "a.example",
        "https://",
        "https://a/",
        "https://a.example:443",
        "http://a:80",
        "https://a:",
        "https://a:x",
        "https://a:65536",
        "ftp://a",
        "https://u@a",
        "https://a b",
        "https://a/path",
        "https://[::1",
        "https://[x]",
        "https://a.",
        "https://[::1]:443",
        "https://*.example",
        "**",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        if (!host_name_is_origin(str_of(good[i])))
            fail_msg("%s", good[i]);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (host_name_is_origin(str_of(bad[i])))
            fail_msg("%s", bad[i]);
}

int main(void)
{
    return RUN_TESTS(fields, names, origins);
}
