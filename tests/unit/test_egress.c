#include "unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "io/egress.h"

static enum err check(const struct egress *e, const char *ip, struct errinfo *ei)
{
    struct sockaddr_storage ss = {0};
    struct sockaddr_in *v4 = (struct sockaddr_in *)&ss;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&ss;

    if (inet_pton(AF_INET, ip, &v4->sin_addr) == 1) {
        ss.ss_family = AF_INET;
    } else {
        ss.ss_family = AF_INET6;
        assert_int_equal(inet_pton(AF_INET6, ip, &v6->sin6_addr), 1);
    }
    return egress_check(e, (struct sockaddr *)&ss, ei);
}

static struct egress *make(bool guard, const char *const *allow, size_t count)
{
    struct errinfo ei = ERRINFO_INIT;
    struct egress *e = NULL;

    assert_ok(egress_new(guard, allow, count, &e, &ei), &ei);
    return e;
}

static const char *const never[] = {
    "0.0.0.0",
    "0.1.2.3",
    "169.254.169.254",
    "169.254.0.1",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "fe80::1",
    "febf::1",
    "fd00:ec2::254",
    "ff02::1",
    /* IPv4 in disguise */
    "::ffff:169.254.169.254",
    "::ffff:0.0.0.0",
    "64:ff9b::169.254.169.254",
    "::169.254.169.254",
    "2002:a9fe:a9fe::1",
};

static const char *const guarded[] = {
    "127.0.0.1",
    "127.255.255.255",
    "10.0.0.1",
    "10.255.255.255",
    "172.16.0.1",
    "172.31.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "100.127.255.255",
    "198.18.0.1",
    "198.19.0.1",
    "192.0.0.1",
    "::1",
    "fc00::1",
    "fdff::1",
    "fd00:ec2::1",
    "::ffff:127.0.0.1",
    "64:ff9b::10.0.0.1",
    "2002:7f00:1::",
    "fec0::1",
    "::10.1.2.3",
    "64:ff9b:1::1",
    "::ffff:192.168.0.9",
    "::ffff:100.64.0.1",
};

static const char *const open_to_all[] = {
    "1.1.1.1",     "9.255.255.255", "11.0.0.0",       "172.15.255.255",  "172.32.0.0",
    "192.167.0.1", "169.253.0.1",   "169.255.0.1",    "126.255.255.255", "128.0.0.1",
    "100.63.0.1",  "100.128.0.1",   "2001:4860::1",   "::ffff:8.8.8.8",  "64:ff9b::8.8.8.8",
    "198.17.0.1",  "198.20.0.1",    "2002:808:808::", "223.255.255.255",
};

static void test_ranges(void **state)
{
    struct egress *guard = make(true, NULL, 0);
    struct egress *at_home = make(false, NULL, 0);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(never); i++) {
        struct errinfo ei = ERRINFO_INIT;
        assert_int_equal(check(guard, never[i], &ei), E_POLL_EGRESS);
        assert_non_null(strstr(ei.text, "refused always"));
        assert_int_equal(check(at_home, never[i], NULL), E_POLL_EGRESS);
        assert_int_equal(check(NULL, never[i], NULL), E_POLL_EGRESS);
    }
    for (size_t i = 0; i < ARRAY_LEN(guarded); i++) {
        struct errinfo ei = ERRINFO_INIT;
        if (check(guard, guarded[i], &ei) != E_POLL_EGRESS)
            fail_msg("%s is not guarded", guarded[i]);
        assert_non_null(strstr(ei.text, "egress.allow"));
        assert_int_equal(check(at_home, guarded[i], NULL), E_OK);
        assert_int_equal(check(NULL, guarded[i], NULL), E_OK);
    }
    for (size_t i = 0; i < ARRAY_LEN(open_to_all); i++) {
        struct errinfo ei = ERRINFO_INIT;
        assert_ok(check(guard, open_to_all[i], &ei), &ei);
    }
    struct errinfo ei = ERRINFO_INIT;
    assert_int_equal(check(guard, "10.1.2.3", &ei), E_POLL_EGRESS);
    assert_non_null(strstr(ei.text, "10.1.2.3 is in 10.0.0.0/8"));
    egress_unref(guard);
    egress_unref(at_home);
}

static void test_allow(void **state)
{
    static const char *const allow[] = {"10.1.0.0/16", " fd12::/16 ", "127.0.0.1", "0.0.0.0/0"};
    struct egress *some = make(true, allow, 3);
    struct egress *all = make(true, allow + 3, 1);

    (void)state;
    assert_int_equal(check(some, "10.1.255.1", NULL), E_OK);
    assert_int_equal(check(some, "::ffff:10.1.255.1", NULL), E_OK);
    assert_int_equal(check(some, "10.2.0.1", NULL), E_POLL_EGRESS);
    assert_int_equal(check(some, "fd12::5", NULL), E_OK);
    assert_int_equal(check(some, "fd13::5", NULL), E_POLL_EGRESS);
    assert_int_equal(check(some, "127.0.0.1", NULL), E_OK);
    assert_int_equal(check(some, "127.0.0.2", NULL), E_POLL_EGRESS);
    /* Everything of IPv4, but never what is refused always. */
    assert_int_equal(check(all, "192.168.0.1", NULL), E_OK);
    assert_int_equal(check(all, "::1", NULL), E_POLL_EGRESS);
    assert_int_equal(check(all, "169.254.169.254", NULL), E_POLL_EGRESS);
    assert_int_equal(check(all, "0.0.0.0", NULL), E_POLL_EGRESS);
    egress_unref(some);
    egress_unref(all);
}

static void test_bad_entries(void **state)
{
    static const char *const bad[] = {"",          "x",          "10.0.0.0/33", "10.0.0.0/",
                                      "10.0.0",    "fd00::/129", "10.0.0.0/-1", "10.0.0.0/8/8",
                                      "localhost", "[::1]"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        const char *const list[] = {"10.0.0.0/8", bad[i]};
        struct errinfo ei = ERRINFO_INIT;
        struct egress *e = NULL;
        assert_int_equal(egress_new(true, list, 2, &e, &ei), E_INVALID);
        assert_null(e);
        assert_non_null(strstr(ei.text, "not an address range"));
    }
}

/* Allowing what cannot be allowed would be believed to work. */
static void test_allowing_the_refused(void **state)
{
    static const char *const entries[] = {"169.254.169.254", "169.254.0.0/16", "fe80::/64",
                                          "0.0.0.0", "fd00:ec2::254"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(entries); i++) {
        struct errinfo ei = ERRINFO_INIT;
        struct egress *e = NULL;
        assert_int_equal(egress_new(true, &entries[i], 1, &e, &ei), E_INVALID);
        assert_non_null(strstr(ei.text, "refused always"));
    }
}

static void test_other_families(void **state)
{
    struct sockaddr sa = {.sa_family = AF_UNIX};

    (void)state;
    assert_int_equal(egress_check(NULL, &sa, NULL), E_POLL_EGRESS);
}

static void test_loopback_names(void **state)
{
    static const char *const yes[] = {"localhost", "LOCALHOST", "localhost.", "127.0.0.1",
                                      "127.9.9.9", "::1",       "[::1]"};
    static const char *const no[] = {"",     "localhost.example", "128.0.0.1", "::2",
                                     "[::]", "127.0.0.1.example", "0.0.0.0",   "10.0.0.1"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(yes); i++)
        assert_true(egress_is_loopback_name(str_of(yes[i])));
    for (size_t i = 0; i < ARRAY_LEN(no); i++)
        assert_false(egress_is_loopback_name(str_of(no[i])));
}

static void test_references(void **state)
{
    struct egress *e = make(true, NULL, 0);

    (void)state;
    assert_ptr_equal(egress_ref(e), e);
    egress_unref(e);
    assert_int_equal(check(e, "10.0.0.1", NULL), E_POLL_EGRESS);
    egress_unref(e);
    assert_null(egress_ref(NULL));
    egress_unref(NULL);
}

int main(void)
{
    return RUN_TESTS(test_ranges, test_allow, test_bad_entries, test_allowing_the_refused,
                     test_other_families, test_loopback_names, test_references);
}
