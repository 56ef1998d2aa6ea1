/*
 * ISO-8601 durations, as the settings and topics write them: PT0.5S, PT5M, P7D, P1DT12H, P2W.
 * Years and months have no fixed length and are refused.
 */
#ifndef BASE_DURATION_H
#define BASE_DURATION_H

#include "base/buf.h"

/* Text to microseconds (>= 0; digits past the microsecond are cut). The last part may have a
 * fraction; weeks stand alone; signs and small letters are refused. E_INVALID names what is wrong. */
MUST_USE enum err duration_parse(struct str s, int64_t *ret_us, struct errinfo *ei);
/* Shortest form of whole numbers (seconds may have a fraction) that parses back to the same value;
 * of equally short ones that with the larger units, but P7D, not P1W. us >= 0. */
void duration_format(struct buf *b, int64_t us);

#endif
