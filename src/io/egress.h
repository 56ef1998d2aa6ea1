/*
 * Which addresses the program may connect to, checked at the moment of connecting, after names
 * were resolved, so that no name, redirect or second answer of a resolver gets around it.
 * Link-local and cloud metadata addresses are refused always; loopback and private ranges only
 * when the server listens beyond loopback, unless allowed.
 */
#ifndef IO_EGRESS_H
#define IO_EGRESS_H

#include <sys/socket.h>

#include "base/err.h"
#include "base/str.h"

struct egress; /* immutable, counted */

/* allow: CIDR list ("10.1.0.0/16", "fd00::/8", single addresses), for what is guarded; what is refused
 * always (also 0.0.0.0, which is this host) stays so. E_INVALID names the bad entry, and one that lies
 * wholly in what is refused always. */
MUST_USE enum err egress_new(bool guard_private, const char *const *allow, size_t count,
                             struct egress **ret, struct errinfo *ei);
struct egress *egress_ref(struct egress *e);
void egress_unref(struct egress *e);
/* E_OK or E_POLL_EGRESS with the address and how to allow it. IPv6 that only carries an IPv4 address
 * (mapped, compatible, NAT64, 6to4) counts as IPv4. e NULL: guards nothing, refuses what is refused
 * always. */
MUST_USE enum err egress_check(const struct egress *e, const struct sockaddr *sa,
                               struct errinfo *ei);
/* True for 127.0.0.0/8, ::1 and "localhost". */
bool egress_is_loopback_name(struct str host);

#endif
