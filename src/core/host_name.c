#include "core/host_name.h"

#include <arpa/inet.h>

#define NAME_MAX 253

static bool is_port(struct str s)
{
    uint64_t port;

    return str_to_u64(s, UINT16_MAX, &port);
}

/* RFC 9110 §7.2, RFC 3986 §3.2.2 */
struct str host_name_of_field(struct str field)
{
    struct str host = str_trim(field), port;

    if (str_starts(host, STR("["))) {
        size_t end = str_find(host, ']');

        port = str_drop(host, end + 1);
        if (end == host.n || (port.n > 0 && port.p[0] != ':'))
            return STR_NONE;
        host = str_make(host.p + 1, end - 1);
    } else {
        size_t end = str_find(host, ':');

        port = str_drop(host, end);
        host.n = end;
    }
    if (host.n == 0 || (port.n > 1 && !is_port(str_drop(port, 1))))
        return STR_NONE;
    if (host.p[host.n - 1] == '.')
        host.n--;
    return host;
}

static bool is_address(struct str host)
{
    char text[INET6_ADDRSTRLEN + 1];
    struct in6_addr a;

    if (host.n >= sizeof text)
        return false;
    memcpy(text, host.p, host.n);
    text[host.n] = '\0';
    return inet_pton(AF_INET, text, &a) == 1 || inet_pton(AF_INET6, text, &a) == 1;
}

bool host_name_is_own(struct str host)
{
    struct str local = STR("localhost");

    if (is_address(host))
        return true;
    if (host.n > local.n && host.p[host.n - local.n - 1] == '.')
        host = str_drop(host, host.n - local.n);
    return str_case_eq(host, local);
}

static bool is_name_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_';
}

bool host_name_is_valid(struct str host)
{
    if (host.n == 0 || host.n > NAME_MAX || host.p[0] == '.' || host.p[host.n - 1] == '.')
        return false;
    for (size_t i = 0; i < host.n; i++)
        if (!is_name_character(host.p[i]))
            return false;
    return true;
}

bool host_name_is_origin(struct str origin)
{
    bool https = str_case_starts(origin, STR("https://"));
    struct str authority = str_drop(origin, https ? 8 : 7);
    size_t colon = authority.n;

    if (str_eqz(origin, "*"))
        return true;
    if (!https && !str_case_starts(origin, STR("http://")))
        return false;
    while (colon > 0 && authority.p[colon - 1] != ':' && authority.p[colon - 1] != ']')
        colon--;
    bool has_port = colon > 0 && authority.p[colon - 1] == ':';
    struct str port = has_port ? str_drop(authority, colon) : STR_NONE;
    struct str host = host_name_of_field(authority);

    /* A browser leaves a default port out: an origin with one would never match. */
    if (has_port && (!is_port(port) || str_eqz(port, https ? "443" : "80")))
        return false;
    if (str_starts(authority, STR("[")))
        return host.p && is_address(host);
    return host.p && host_name_is_valid(host) &&
           host.n + (has_port ? port.n + 1 : 0) == authority.n;
}
