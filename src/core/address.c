#include "core/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <unistd.h>

#include "base/buf.h"
#include "io/egress.h"

#define EXAMPLE "write ADDRESS:PORT, such as 127.0.0.1:8080 or [::1]:8080"

/* Cut at the colon before the port; an IPv6 literal stands in brackets. */
static enum err split(struct str s, struct str *ret_host, struct str *ret_port, struct errinfo *ei)
{
    size_t at = s.n;

    while (at > 0 && s.p[at - 1] != ':')
        at--;
    if (at == 0)
        return err_set(ei, E_INVALID, "\"%.*s\" has no port: " EXAMPLE, STR_ARG(s));
    struct str host = str_make(s.p, at - 1);
    if (host.n >= 2 && host.p[0] == '[' && host.p[host.n - 1] == ']')
        host = str_make(host.p + 1, host.n - 2);
    else if (host.n && memchr(host.p, ':', host.n))
        return err_set(ei, E_INVALID, "\"%.*s\": an IPv6 address needs brackets: " EXAMPLE,
                       STR_ARG(s));
    *ret_host = host.n ? host : STR("127.0.0.1");
    *ret_port = str_drop(s, at);
    return E_OK;
}

static enum err resolve(const char *host, char ret[ADDRESS_IP_MAX], struct errinfo *ei)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    int rc = getaddrinfo(host, NULL, &hints, &found);

    if (rc != 0)
        return err_set(ei, E_INVALID, "\"%s\" is no address of this machine (%s): " EXAMPLE, host,
                       gai_strerror(rc));
    rc = getnameinfo(found->ai_addr, found->ai_addrlen, ret, ADDRESS_IP_MAX, NULL, 0,
                     NI_NUMERICHOST);
    freeaddrinfo(found);
    return rc == 0 ? E_OK : err_set(ei, E_INVALID, "\"%s\": %s", host, gai_strerror(rc));
}

enum err address_parse(struct str s, struct address *ret, struct errinfo *ei)
{
    struct str host, port;
    struct address a = {0};
    uint64_t number;
    enum err err = split(s, &host, &port, ei);

    if (err != E_OK)
        return err;
    if (!str_to_u64(port, UINT16_MAX, &number))
        return err_set(ei, E_INVALID, "\"%.*s\" is not a port (0 to 65535): " EXAMPLE,
                       STR_ARG(port));
    AUTO_FREE char *name = str_dup(host);
    /* One fixed meaning: the resolver may have either address first. */
    err = resolve(str_case_eqz(host, "localhost") ? "127.0.0.1" : name, a.ip, ei);
    if (err != E_OK)
        return err;
    a.port = (uint16_t)number;
    a.loopback = egress_is_loopback_name(str_of(a.ip));
    *ret = a;
    return E_OK;
}

bool address_is_local(struct str s)
{
    struct str host, port;

    return split(s, &host, &port, NULL) == E_OK && egress_is_loopback_name(host);
}

static int bind_to(const struct addrinfo *ai)
{
    int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;

    if (fd < 0)
        return errno;
    /* Connections of an earlier server that linger are no reason to refuse. */
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    int why = bind(fd, ai->ai_addr, ai->ai_addrlen) == 0 ? 0 : errno;
    close(fd);
    return why;
}

enum err address_check_free(const struct address *a, struct errinfo *ei)
{
    const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
                                   .ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    char port[8], text[ADDRESS_TEXT_MAX];

    snprintf(port, sizeof port, "%u", a->port);
    if (getaddrinfo(a->ip, port, &hints, &found) != 0)
        return E_OK; /* listening on it will say what is wrong */
    int why = bind_to(found);
    freeaddrinfo(found);
    if (why != EADDRINUSE)
        return E_OK;
    address_format(a->ip, a->port, text, sizeof text);
    return err_set(ei, E_IO,
                   "%s is in use by another process: stop it, or listen on another port (0: the "
                   "system chooses one)",
                   text);
}

void address_format(const char *ip, uint16_t port, char *ret, size_t size)
{
    snprintf(ret, size, strchr(ip, ':') ? "[%s]:%u" : "%s:%u", ip, port);
}
