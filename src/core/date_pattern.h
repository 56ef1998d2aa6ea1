/*
 * Dates in the patterns of Java's java.time.format.DateTimeFormatter: what
 * `DateTimeFormatter.ofPattern(pattern, Locale.ENGLISH)` of JDK 17 prints, parses and refuses.
 *
 * A pattern is compiled once, when it is configured, and immutable from then on, like a zone: both
 * may be used by many threads. All functions are pure but for date_zone_new(), which reads the
 * system's zone files. Positions in messages count characters from 1.
 */
#ifndef CORE_DATE_PATTERN_H
#define CORE_DATE_PATTERN_H

#include "base/buf.h"
#include "core/date_zone.h"

struct date_pattern;

/* Compile. text is copied. E_INVALID names the letter and why Java refuses it; E_LIMIT: too long
 * (LIMIT_DATE_PATTERN). */
MUST_USE enum err date_pattern_new(struct str text, struct date_pattern **ret, struct errinfo *ei);
/* NULL is fine. */
void date_pattern_free(struct date_pattern *p);
static inline void date_pattern_freep(struct date_pattern **p)
{
    date_pattern_free(*p);
}

/* Append to b the moment epoch_s seconds (and 0 … 999999999 nanos) after 1970-01-01T00:00Z, as it is
 * in the zone. E_INVALID where Java compiles the pattern but cannot print it (a padded text wider
 * than its pad), or the year is beyond ±999999999; b is then as before. */
MUST_USE enum err date_pattern_format(const struct date_pattern *p, const struct date_zone *zone,
                                      int64_t epoch_s, int32_t nanos, struct buf *b,
                                      struct errinfo *ei);

/* What a text says. */
struct date_reading {
    bool is_moment; /* it names a date and a time: epoch_s and nanos are set */
    int64_t epoch_s;
    int32_t nanos;
};

/* Read a text, all of it, as strictly as Java's parse() does (ResolverStyle.SMART). A date and time
 * without zone or offset are taken to be in `zone`. is_moment stays false where the zone is given by
 * a name such as CET, which stands for many places. ret may be NULL: only the check is wanted.
 * E_INVALID says where the text departs from the pattern and what was expected there, or which
 * parts contradict each other; E_LIMIT: too long (LIMIT_DATE_TEXT). */
MUST_USE enum err date_pattern_parse(const struct date_pattern *p, const struct date_zone *zone,
                                     struct str text, struct date_reading *ret, struct errinfo *ei);

#endif
