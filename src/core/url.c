#include "core/url.h"

#include <arpa/inet.h>

#include "core/limits.h"

static enum err check_bytes(struct str url, struct errinfo *ei)
{
    if (url.n > LIMIT_URL_BYTES)
        return err_set(ei, E_INVALID, "it has %zu bytes, the most allowed are %d", url.n,
                       LIMIT_URL_BYTES);
    for (size_t i = 0; i < url.n; i++) {
        unsigned char c = (unsigned char)url.p[i];

        if (c == ' ')
            return err_set(ei, E_INVALID, "it has a blank at character %zu: write %%20", i + 1);
        if (c < 0x20 || c == 0x7f)
            return err_set(ei, E_INVALID, "it has a control character at character %zu", i + 1);
        if (c > 0x7f)
            return err_set(ei, E_INVALID,
                           "it has a byte beyond ASCII at byte %zu: percent-encode it (a host "
                           "name: write its xn-- form)",
                           i + 1);
    }
    return E_OK;
}

static bool is_host_char(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           strchr("-._~%!$&'()*+,;=", c) != NULL;
}

static enum err check_host(struct str host, struct errinfo *ei)
{
    if (host.n == 0)
        return err_set(ei, E_INVALID, "its host is empty");
    if (host.p[0] == '[') {
        char text[INET6_ADDRSTRLEN + 1];
        unsigned char address[sizeof(struct in6_addr)];
        size_t n = host.n - 2;

        if (host.p[host.n - 1] != ']' || host.n < 3 || n >= sizeof text)
            return err_set(ei, E_INVALID, "its host is not an IPv6 address in brackets");
        memcpy(text, host.p + 1, n);
        text[n] = '\0';
        if (inet_pton(AF_INET6, text, address) != 1)
            return err_set(ei, E_INVALID, "its host \"%s\" is not an IPv6 address", text);
        return E_OK;
    }
    for (size_t i = 0; i < host.n; i++) {
        if (!is_host_char(host.p[i]))
            return err_set(ei, E_INVALID, "its host has the forbidden character '%c'", host.p[i]);
    }
    return E_OK;
}

static enum err check_port(struct str port, struct errinfo *ei)
{
    uint64_t number;

    if (!str_to_u64(port, 65535, &number) || number == 0)
        return err_set(ei, E_INVALID, "its port \"%.*s\" is not a number from 1 to 65535",
                       STR_ARG(port));
    return E_OK;
}

/* The colon of a port comes after the brackets of an IPv6 address, not within them. */
static enum err check_authority(struct str authority, struct errinfo *ei)
{
    size_t host_end = str_find(authority, '@');
    size_t bracket = 0;

    if (host_end < authority.n)
        return err_set(ei, E_INVALID,
                       "it holds user information before \"@\": use the attribute authorization");
    if (authority.n > 0 && authority.p[0] == '[')
        bracket = str_find(authority, ']');
    host_end = bracket + str_find(str_drop(authority, bracket), ':');
    enum err err = check_host(str_make(authority.p, host_end), ei);
    if (err != E_OK || host_end == authority.n)
        return err;
    return check_port(str_drop(authority, host_end + 1), ei);
}

enum err url_check(struct str url, struct errinfo *ei)
{
    enum err err = check_bytes(url, ei);
    struct str rest;
    size_t end = 0;

    if (err != E_OK)
        return err;
    if (str_case_starts(url, STR("http://")))
        rest = str_drop(url, 7);
    else if (str_case_starts(url, STR("https://")))
        rest = str_drop(url, 8);
    else
        return err_set(ei, E_INVALID, "it does not start with http:// or https://");
    while (end < rest.n && !strchr("/?#", rest.p[end]))
        end++;
    return check_authority(str_make(rest.p, end), ei);
}
