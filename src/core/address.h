/*
 * The address to listen on, from its text.
 */
#ifndef CORE_ADDRESS_H
#define CORE_ADDRESS_H

#include "base/err.h"
#include "base/str.h"

#define ADDRESS_IP_MAX 46

struct address {
    char ip[ADDRESS_IP_MAX]; /* literal; IPv6 without brackets */
    uint16_t port;           /* 0: the system chooses */
    bool loopback;           /* only this machine reaches it */
};

/* "127.0.0.1:8080", "[::1]:0", "localhost:80", ":8080" (this machine only). Names are resolved.
 * E_INVALID says what is wrong and what to write. */
MUST_USE enum err address_parse(struct str s, struct address *ret, struct errinfo *ei);
/* Would only this machine reach it? Told by the text alone, without the resolver: a name other than
 * localhost is taken for one that others reach. */
bool address_is_local(struct str s);
/* E_IO if somebody listens there. The loops share their port, so without this a second server of the
 * same user would take half of the first one's connections. */
MUST_USE enum err address_check_free(const struct address *a, struct errinfo *ei);
/* "127.0.0.1:8080", "[::1]:8080". */
void address_format(const char *ip, uint16_t port, char *ret, size_t size);
#define ADDRESS_TEXT_MAX (ADDRESS_IP_MAX + 8)

#endif
