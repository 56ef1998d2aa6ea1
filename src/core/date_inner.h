/*
 * The inside of the date_* family: fields, compiled patterns, the calendar.
 */
#ifndef CORE_DATE_INNER_H
#define CORE_DATE_INNER_H

#include "core/date_pattern.h"
#include "core/limits.h"

/* What can be known of a date and time; each the value of a ChronoField or the like of Java. */
enum date_field {
    DATE_ERA, /* 0: BC, 1: AD */
    DATE_YEAR_OF_ERA,
    DATE_YEAR,
    DATE_QUARTER,
    DATE_MONTH,
    DATE_DAY_OF_YEAR,
    DATE_DAY,
    DATE_DAY_OF_SEVEN, /* 1 … 7, counted from the first of the month */
    DATE_WEEKDAY,      /* 1: Monday */
    DATE_WEEKDAY_US,   /* 1: Sunday */
    DATE_WEEK_OF_MONTH,
    DATE_WEEK, /* of the week-based year */
    DATE_WEEK_YEAR,
    DATE_JULIAN_DAY, /* modified */
    DATE_AMPM,       /* the first field of the time; all before are of the date */
    DATE_HOUR,
    DATE_HOUR_24, /* 1 … 24 */
    DATE_HOUR_0_11,
    DATE_HOUR_12, /* 1 … 12 */
    DATE_MINUTE,
    DATE_SECOND,
    DATE_NANO,
    DATE_MILLI_OF_DAY,
    DATE_NANO_OF_DAY,
    DATE_OFFSET,
    DATE_FIELDS,
};
#define DATE_FIRST_OF_TIME DATE_AMPM

struct date_field_row {
    const char *name;
    int64_t min, max;
};
extern const struct date_field_row date_field_rows[DATE_FIELDS];

/* ---- calendar: proleptic Gregorian; weeks as in Locale.ENGLISH, from Sunday, the first of a year
 * being the one that holds 1 January ---- */

#define DATE_YEAR_MAX INT64_C(999999999)

struct date_day {
    int64_t days; /* since 1970-01-01 */
    int64_t year;
    int month, day, weekday, day_of_year;
};

struct date_day date_day_of(int64_t days);
bool date_is_leap(int64_t year);
/* Days since 1970-01-01 of this day of the week (1: Sunday) in that week of a week-based year. */
int64_t date_days_of_week(int64_t week_year, int week, int weekday_us);
/* The same in a week of a month (0 … 6). */
int64_t date_days_of_month_week(int64_t year, int month, int week, int weekday_us);

/* One field of a local date and time. DATE_OFFSET is not one. */
int64_t date_field_of_day(const struct date_day *d, enum date_field f);
int64_t date_field_of_time(int32_t second_of_day, int32_t nanos, enum date_field f);

/* ---- English texts ---- */

enum date_style { STYLE_SHORT, STYLE_FULL, STYLE_NARROW };

/* Of DATE_ERA, DATE_QUARTER, DATE_MONTH, DATE_WEEKDAY, DATE_AMPM. */
const char *date_text(enum date_field f, int64_t value, enum date_style style);
/* The longest text of the field that s begins with; returns its length, 0: none. */
size_t date_text_match(struct str s, enum date_field f, enum date_style style, int64_t *ret);

#define DATE_PERIODS 8
const char *date_period_text(int period, enum date_style style);
int date_period_of(int minute_of_day);
/* True if the minute (0 … 1440) lies in the period; midnight and noon are single minutes. */
bool date_period_has(int period, int minute_of_day);
/* The minute that stands for a period of which nothing else is known. */
int date_period_middle(int period);
size_t date_period_match(struct str s, enum date_style style, int *ret);

/* ---- compiled patterns ---- */

enum date_item_kind {
    ITEM_LITERAL,
    ITEM_NUMBER,
    ITEM_REDUCED, /* two digits of a year from 2000 to 2099 */
    ITEM_FRACTION,
    ITEM_TEXT,
    ITEM_PERIOD,
    ITEM_OFFSET,
    ITEM_OFFSET_GMT, /* GMT+1 */
    ITEM_ZONE_ID,
    ITEM_ZONE_TEXT,
    ITEM_OPTION, /* of the items up to `end` */
};

enum date_sign { SIGN_NORMAL, SIGN_NONE, SIGN_EXCEEDS_PAD };

struct date_item {
    enum date_item_kind kind;
    char letter;
    size_t at; /* in the pattern, in characters from 1 */
    enum date_field field;
    enum date_style style;
    enum date_sign sign;
    size_t min, max;       /* digits */
    size_t digits_behind;  /* that belong to numbers which follow without a gap */
    size_t pad;            /* 0: none */
    bool colon;            /* of offsets: between their parts */
    char minutes, seconds; /* of offsets: 'M' always, 'm' unless zero, 0 never */
    const char *zero;      /* of offsets: text of none */
    bool generic;          /* of names of zones */
    size_t text, length;   /* of a literal: where in the pattern's texts */
    size_t end;
};

struct date_pattern {
    char *texts;
    size_t count;
    struct date_item items[];
};

/* ---- parsing ---- */

/* What has been read, before it is put together. */
struct date_fields {
    uint32_t have; /* a bit per field */
    int64_t v[DATE_FIELDS];
    int period;                         /* -1: none */
    char zone[DATE_ZONE_NAME_MAX + 16]; /* its id; empty: none */
    bool zone_is_named;                 /* by a name that leaves open which zone it is */
};

static inline bool date_has(const struct date_fields *f, enum date_field field)
{
    return f->have >> field & 1;
}

/* Put the fields together as ResolverStyle.SMART has it. E_INVALID says what contradicts what. */
MUST_USE enum err date_resolve(struct date_fields *f, const struct date_zone *zone,
                               struct date_reading *ret, struct errinfo *ei);

#endif
