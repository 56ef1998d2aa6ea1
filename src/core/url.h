/*
 * What is asked of a URL before it is stored. Pure.
 */
#ifndef CORE_URL_H
#define CORE_URL_H

#include "base/err.h"
#include "base/str.h"

/* An absolute http or https URL (RFC 3986) with a host, without user information, in printable
 * ASCII, of at most LIMIT_URL_BYTES. E_INVALID says what is wrong and what to write instead. */
MUST_USE enum err url_check(struct str url, struct errinfo *ei);

#endif
