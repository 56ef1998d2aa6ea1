#include "unit.h"

#include "core/address.h"

static void good(const char *text, const char *ip, unsigned port, bool loopback)
{
    struct address a;
    struct errinfo ei = ERRINFO_INIT;

    if (address_parse(str_of(text), &a, &ei) != E_OK)
        fail_msg("%s: %s", text, ei.text);
    assert_string_equal(a.ip, ip);
    assert_int_equal(a.port, port);
    assert_int_equal(a.loopback, loopback);
}

static void bad(const char *text, const char *why)
{
    struct address a = {.port = 7};
    struct errinfo ei = ERRINFO_INIT;

    assert_int_equal(address_parse(str_of(text), &a, &ei), E_INVALID);
    assert_non_null(strstr(ei.text, why));
    assert_int_equal(a.port, 7);
}

static void test_good(void **state)
{
    (void)state;
    good("127.0.0.1:8080", "127.0.0.1", 8080, true);
    good("127.9.9.9:1", "127.9.9.9", 1, true);
    good("[::1]:0", "::1", 0, true);
    good("localhost:65535", "127.0.0.1", 65535, true);
    good("LocalHost:80", "127.0.0.1", 80, true);
    good(":8080", "127.0.0.1", 8080, true);
    good("0.0.0.0:8080", "0.0.0.0", 8080, false);
    good("[::]:8080", "::", 8080, false);
    good("10.0.0.1:8080", "10.0.0.1", 8080, false);
}

static void test_bad(void **state)
{
    (void)state;
    bad("", "has no port");
    bad("8080", "has no port");
    bad("127.0.0.1", "has no port");
    bad("127.0.0.1:", "not a port");
    bad("127.0.0.1:65536", "not a port");
    bad("127.0.0.1:http", "not a port");
    bad("127.0.0.1:-1", "not a port");
    bad("::1:8080", "brackets");
    bad("no such host:80", "no address");
    bad("[::1:8080", "brackets");
}

static void test_local_by_its_text(void **state)
{
    static const char *const local[] = {"127.0.0.1:8080", "127.9.9.9:0", "[::1]:80", "LocalHost:80",
                                        ":8080"};
    static const char *const others[] = {"0.0.0.0:8080",     "[::]:8080", "10.0.0.1:80",
                                         "no such host:80",  "8080",      "",
                                         "localhost.net:80", "::1:8080"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(local); i++)
        if (!address_is_local(str_of(local[i])))
            fail_msg("%s is local", local[i]);
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        if (address_is_local(str_of(others[i])))
            fail_msg("%s is not local", others[i]);
}

static void test_format(void **state)
{
    char text[ADDRESS_TEXT_MAX];

    (void)state;
    address_format("127.0.0.1", 8080, text, sizeof text);
    assert_string_equal(text, "127.0.0.1:8080");
    address_format("::1", 65535, text, sizeof text);
    assert_string_equal(text, "[::1]:65535");
}

int main(void)
{
    return RUN_TESTS(test_good, test_bad, test_local_by_its_text, test_format);
}
