/*
 * How web clients name a server: Host fields and origins. Pure.
 */
#ifndef CORE_HOST_NAME_H
#define CORE_HOST_NAME_H

#include "base/str.h"

/* The host of a Host field value ("[::1]:8080", "a.example:80"), without brackets, port and a dot at
 * its end. p NULL: not valid. */
struct str host_name_of_field(struct str field);
/* An IP address, or a name that is this machine's whatever a resolver says (RFC 6761 §6.3): localhost
 * and names below it. */
bool host_name_is_own(struct str host);
/* A name as settings have it: no port, no scheme. */
bool host_name_is_valid(struct str host);
/* "https://a.example:8443" (RFC 6454 §6.2): no path, no default port; or "*". */
bool host_name_is_origin(struct str origin);

#endif
