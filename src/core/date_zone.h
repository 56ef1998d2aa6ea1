/*
 * Time zones: UTC, fixed offsets, and the places of the IANA database, read from the system's TZif
 * files (RFC 8536), with the English names that Unicode's CLDR and the JDK give them.
 *
 * Immutable once made. Calls of libc that depend on the process's own zone are not used.
 */
#ifndef CORE_DATE_ZONE_H
#define CORE_DATE_ZONE_H

#include "base/err.h"
#include "base/str.h"

/* Where the zone files are (package tzdata). */
#define DATE_ZONE_DIR "/usr/share/zoneinfo"

#define DATE_ZONE_NAME_MAX 64
#define DATE_OFFSET_MAX (18 * 3600) /* seconds either way, as in Java */

struct date_zone;

/* What java.time.ZoneId.of() takes: "Z"; +h, +hh, +hh:mm, +hhmm, +hh:mm:ss, +hhmmss; UTC, GMT or UT,
 * alone or before such an offset; the name of a zone file. E_INVALID: no such zone; E_SYSTEM: the
 * zone files are not installed, or this one cannot be read. */
MUST_USE enum err date_zone_new(struct str name, struct date_zone **ret, struct errinfo *ei);
/* NULL is fine. */
void date_zone_free(struct date_zone *z);
static inline void date_zone_freep(struct date_zone **z)
{
    date_zone_free(*z);
}
/* An offset of so many seconds, at most DATE_OFFSET_MAX either way. Never fails. */
struct date_zone *date_zone_fixed(int32_t offset_s);
/* UTC, static; not to be freed. */
const struct date_zone *date_zone_utc(void);

/* As Java writes it: "+05:30", "Z", "UTC+02:00", "Europe/Berlin". */
const char *date_zone_id(const struct date_zone *z);
/* Seconds east of Greenwich at a moment. */
int32_t date_zone_offset(const struct date_zone *z, int64_t epoch_s);
/* The moment at which clocks there show this (seconds of the local calendar since 1970): the earlier
 * of two; in the gap of a change, as if it had not come yet. */
int64_t date_zone_moment(const struct date_zone *z, int64_t local_s);

enum date_zone_name { ZONE_NAME_SHORT, ZONE_NAME_FULL };
/* "CET", "Central European Summer Time"; `generic`: the same in summer and winter. The zone's id
 * where it has no name. Static, or as long as z. */
const char *date_zone_text(const struct date_zone *z, int64_t epoch_s, enum date_zone_name style,
                           bool generic);

/* Length of the longest name of any zone, in that style, that s begins with; 0: none. */
size_t date_zone_text_match(struct str s, enum date_zone_name style);

#endif
