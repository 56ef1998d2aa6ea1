/*
 * Ranges of addresses and what they mean for a program that connects where others tell it to.
 *
 * Every address is compared as IPv6: IPv4 as ::ffff:a.b.c.d. The forms of IPv6 that only carry an
 * IPv4 address (mapped, compatible, NAT64, 6to4) are turned into it first, or they would be a way
 * around every IPv4 range.
 */
#include "io/egress.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdatomic.h>

struct addr {
    uint8_t b[16];
};

struct cidr {
    struct addr addr;
    unsigned bits;
};

struct egress {
    atomic_uint refs;
    bool guard_private;
    size_t count;
    struct cidr allow[];
};

enum verdict { FREE, GUARDED, NEVER };

struct range {
    const char *text;
    enum verdict verdict;
    const char *what;
};

/* The first that matches decides. */
static const struct range ranges[] = {
    {"0.0.0.0/8", NEVER, "this host itself"},
    {"169.254.0.0/16", NEVER, "link-local and cloud metadata"},
    {"100.100.100.200/32", NEVER, "cloud metadata"},
    {"168.63.129.16/32", NEVER, "cloud metadata"},
    {"192.0.0.192/32", NEVER, "cloud metadata"},
    {"224.0.0.0/4", NEVER, "multicast"},
    {"240.0.0.0/4", NEVER, "reserved and broadcast"},
    {"127.0.0.0/8", GUARDED, "loopback"},
    {"10.0.0.0/8", GUARDED, "private"},
    {"172.16.0.0/12", GUARDED, "private"},
    {"192.168.0.0/16", GUARDED, "private"},
    {"100.64.0.0/10", GUARDED, "shared by carriers"},
    {"192.0.0.0/24", GUARDED, "protocol assignments"},
    {"198.18.0.0/15", GUARDED, "benchmarks"},
    {"::/128", NEVER, "this host itself"},
    {"fe80::/10", NEVER, "link-local"},
    {"fd00:ec2::254/128", NEVER, "cloud metadata"},
    {"ff00::/8", NEVER, "multicast"},
    {"::1/128", GUARDED, "loopback"},
    {"fc00::/7", GUARDED, "private"},
    {"fec0::/10", GUARDED, "private"},
    {"64:ff9b:1::/48", GUARDED, "private"},
};

/* ---- addresses ---- */

static struct addr addr_of_v4(const uint8_t v4[4])
{
    struct addr a = {{[10] = 0xff, [11] = 0xff}};

    memcpy(a.b + 12, v4, 4);
    return a;
}

static bool has_prefix(const struct addr *a, const struct addr *prefix, unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;

    if (memcmp(a->b, prefix->b, whole) != 0)
        return false;
    return rest == 0 || (a->b[whole] ^ prefix->b[whole]) >> (8 - rest) == 0;
}

static struct addr unwrap(struct addr a)
{
    static const struct addr nat64 = {{0x00, 0x64, 0xff, 0x9b}};
    static const struct addr six_to_four = {{0x20, 0x02}};
    static const struct addr zero = {{0}};

    if (has_prefix(&a, &nat64, 96))
        return addr_of_v4(a.b + 12);
    if (has_prefix(&a, &six_to_four, 16))
        return addr_of_v4(a.b + 2);
    /* IPv4-compatible; ::0 and ::1 are none. */
    if (has_prefix(&a, &zero, 96) && (a.b[12] || a.b[13] || a.b[14] || a.b[15] > 1))
        return addr_of_v4(a.b + 12);
    return a;
}

/* "10.0.0.0/8", "fd00::/8", "10.1.2.3". */
static bool cidr_parse(struct str s, struct cidr *ret)
{
    char text[INET6_ADDRSTRLEN];
    struct cidr c;
    uint8_t v4[4];
    uint64_t bits;

    struct str rest = s;
    struct str host = str_split(&rest, '/');
    if (host.n == 0 || host.n >= sizeof text)
        return false;
    memcpy(text, host.p, host.n);
    text[host.n] = '\0';
    bool is_v4 = inet_pton(AF_INET, text, v4) == 1;
    unsigned max = is_v4 ? 32 : 128;
    if (is_v4)
        c.addr = addr_of_v4(v4);
    else if (inet_pton(AF_INET6, text, c.addr.b) != 1)
        return false;
    bits = max;
    if (rest.p && !str_to_u64(rest, max, &bits))
        return false;
    c.bits = (unsigned)bits + (128 - max);
    *ret = c;
    return true;
}

static const struct range *range_of(const struct addr *a)
{
    struct cidr c;

    for (size_t i = 0; i < ARRAY_LEN(ranges); i++) {
        if (!cidr_parse(str_of(ranges[i].text), &c))
            panic("bad range %s", ranges[i].text);
        if (has_prefix(a, &c.addr, c.bits))
            return &ranges[i];
    }
    return NULL;
}

/* ---- the check ---- */

/* An allowed range that lies wholly where nothing is ever allowed is a misunderstanding. */
static enum err check_allow(const char *text, const struct cidr *c, struct errinfo *ei)
{
    struct cidr never;

    for (size_t i = 0; i < ARRAY_LEN(ranges); i++) {
        if (ranges[i].verdict != NEVER || !cidr_parse(str_of(ranges[i].text), &never))
            continue;
        if (c->bits >= never.bits && has_prefix(&c->addr, &never.addr, never.bits))
            return err_set(ei, E_INVALID, "%s cannot be allowed: %s (%s) is refused always", text,
                           ranges[i].text, ranges[i].what);
    }
    return E_OK;
}

enum err egress_new(bool guard_private, const char *const *allow, size_t count, struct egress **ret,
                    struct errinfo *ei)
{
    AUTO_FREE struct egress *e = xcalloc(1, sizeof *e + count * sizeof e->allow[0]);

    e->guard_private = guard_private;
    e->count = count;
    for (size_t i = 0; i < count; i++) {
        if (!cidr_parse(str_trim(str_of(allow[i])), &e->allow[i]))
            return err_set(ei, E_INVALID,
                           "\"%s\" is not an address range; write it like 10.1.0.0/16, fd00::/8 or "
                           "10.1.2.3",
                           allow[i]);
        enum err bad = check_allow(allow[i], &e->allow[i], ei);
        if (bad)
            return bad;
    }
    atomic_init(&e->refs, 1);
    *ret = TAKE(e);
    return E_OK;
}

struct egress *egress_ref(struct egress *e)
{
    if (e)
        atomic_fetch_add_explicit(&e->refs, 1, memory_order_relaxed);
    return e;
}

void egress_unref(struct egress *e)
{
    if (e && atomic_fetch_sub_explicit(&e->refs, 1, memory_order_acq_rel) == 1)
        free(e);
}

static bool is_allowed(const struct egress *e, const struct addr *a)
{
    for (size_t i = 0; i < e->count; i++)
        if (has_prefix(a, &e->allow[i].addr, e->allow[i].bits))
            return true;
    return false;
}

static bool addr_of(const struct sockaddr *sa, struct addr *ret, char text[INET6_ADDRSTRLEN])
{
    const void *raw;

    if (sa->sa_family == AF_INET) {
        raw = &((const struct sockaddr_in *)(const void *)sa)->sin_addr;
        *ret = addr_of_v4(raw);
    } else if (sa->sa_family == AF_INET6) {
        raw = &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr;
        memcpy(ret->b, raw, sizeof ret->b);
        *ret = unwrap(*ret);
    } else {
        return false;
    }
    return inet_ntop(sa->sa_family, raw, text, INET6_ADDRSTRLEN) != NULL;
}

enum err egress_check(const struct egress *e, const struct sockaddr *sa, struct errinfo *ei)
{
    char text[INET6_ADDRSTRLEN];
    struct addr a;

    if (!addr_of(sa, &a, text))
        return err_set(ei, E_POLL_EGRESS, "only IPv4 and IPv6 addresses can be connected to");
    const struct range *r = range_of(&a);
    if (!r || (r->verdict == GUARDED && (!e || !e->guard_private || is_allowed(e, &a))))
        return E_OK;
    if (r->verdict == NEVER)
        return err_set(ei, E_POLL_EGRESS, "the address %s is in %s (%s), which is refused always",
                       text, r->text, r->what);
    return err_set(ei, E_POLL_EGRESS,
                   "the address %s is in %s (%s), which is refused because this server listens "
                   "beyond loopback; to allow it, add %s or its range to egress.allow",
                   text, r->text, r->what, text);
}

bool egress_is_loopback_name(struct str host)
{
    static const uint8_t one[16] = {[15] = 1};
    char text[INET6_ADDRSTRLEN];
    uint8_t a[16];

    if (str_case_eqz(host, "localhost") || str_case_eqz(host, "localhost."))
        return true;
    if (host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']')
        host = str_make(host.p + 1, host.n - 2);
    if (host.n == 0 || host.n >= sizeof text)
        return false;
    memcpy(text, host.p, host.n);
    text[host.n] = '\0';
    if (inet_pton(AF_INET, text, a) == 1)
        return a[0] == 127;
    return inet_pton(AF_INET6, text, a) == 1 && memcmp(a, one, sizeof one) == 0;
}
