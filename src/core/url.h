/*
 * URLs: what is asked of one before it is stored, what a reference in an answer points to, and
 * parameters of the query. Pure. Only http and https.
 *
 * What writes a URL appends it to b, which then holds none of the input; after an error b is as it
 * was. The fragment never goes along: no server is sent one.
 */
#ifndef CORE_URL_H
#define CORE_URL_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/* An absolute http or https URL (RFC 3986) with a host, without user information, in printable
 * ASCII, of at most LIMIT_URL_BYTES. E_INVALID says what is wrong and what to write instead. */
MUST_USE enum err url_check(struct str url, struct errinfo *ei);

/* ---- url_resolve.c ---- */

/* Append what the reference means where base (absolute, as url_check() has it) is the URL it was
 * found at (RFC 3986 §5.2, strict). Blanks at its ends are dropped; bytes that no URL may hold, as
 * blanks and those beyond ASCII, are percent-encoded in path and query. E_INVALID: another scheme
 * than http and https, no host, over LIMIT_URL_BYTES, or what url_check() refuses; ei is fit to
 * follow "the reference cannot be used: " and shows nothing of a query. */
MUST_USE enum err url_resolve(struct str base, struct str reference, struct buf *b,
                              struct errinfo *ei);
/* Do two URLs have the same scheme, host (any case) and port (80 and 443 are there unwritten)? */
bool url_origin_equal(struct str a, struct str b);

/* ---- url_query.c ---- */

/* Append url with the query parameter name=value. It takes the place of the first parameter of
 * that name (names compare decoded, "+" is a blank), further ones of the name go; where there is
 * none it comes last. All else keeps its exact spelling. In name and value every byte but
 * unreserved ones (RFC 3986 §2.3), ":" and "/" is percent-encoded. E_INVALID: over
 * LIMIT_URL_BYTES. */
MUST_USE enum err url_query_set(struct str url, struct str name, struct str value, struct buf *b,
                                struct errinfo *ei);

#endif
