/*
 * Time. int64 microseconds everywhere: monotonic unless the name ends in `_wall` (Unix time).
 * Tests may freeze both clocks and move them by hand.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include "base/buf.h"

#define US_PER_MS INT64_C(1000)
#define US_PER_S INT64_C(1000000)
#define US_PER_DAY (86400 * US_PER_S)
#define TIME_NEVER INT64_MAX

int64_t clock_now(void);
int64_t clock_now_wall(void);

/* For tests: from now on the clocks give these values. */
void clock_fake(int64_t now, int64_t now_wall);
/* Move faked clocks on. */
void clock_advance(int64_t us);
void clock_unfake(void);

/* A moment of UTC in the proleptic Gregorian calendar. */
struct clock_civil {
    int64_t year;
    int month, day; /* from 1 */
    int hour, minute, second, us;
    int weekday; /* 0: Sunday */
};
struct clock_civil clock_civil_of(int64_t wall);
/* Days from 1970-01-01 to this date; month 1…12, day 1…31, not checked. */
int64_t clock_days(int64_t year, int month, int day);
/* month 1…12 */
int clock_days_in_month(int64_t year, int month);

/* "2026-01-31T08:15:00.123456Z" (RFC 3339, UTC); no fraction when it is zero. Years that have not
 * four digits become the nearest moment that RFC 3339 can write. */
void clock_format_wall(struct buf *b, int64_t wall);

#define CLOCK_MS_LEN 24
/* The same cut to milliseconds, always with them, NUL-terminated: "2026-01-31T08:15:00.123Z". */
void clock_text_ms(char ret[CLOCK_MS_LEN + 1], int64_t wall);

/* RFC 3339 date-time to Unix microseconds; digits past the microsecond are cut. A leap second (:60,
 * at the end of a month of UTC) becomes the last microsecond of :59. E_INVALID. */
MUST_USE enum err clock_parse_wall(struct str s, int64_t *ret_wall);
/* HTTP-date (RFC 9110 §5.6.7, all three forms) to Unix microseconds. The name of the day must be
 * one, but need not be the right one. Leap seconds as above. E_INVALID. */
MUST_USE enum err clock_parse_http(struct str s, int64_t *ret_wall);
/* IMF-fixdate (RFC 9110 §5.6.7), cut to seconds; years as clock_format_wall. */
void clock_format_http(struct buf *b, int64_t wall);

#endif
