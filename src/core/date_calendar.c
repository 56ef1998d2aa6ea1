/*
 * The calendar behind the fields: days to dates, weeks, and what each field is of a date or time.
 */
#include "base/clock.h"
#include "core/date_inner.h"

#define CYCLE_YEARS 400
#define CYCLE_DAYS 146097

const struct date_field_row date_field_rows[DATE_FIELDS] = {
    [DATE_ERA] = {"era", 0, 1},
    [DATE_YEAR_OF_ERA] = {"year of the era", 1, DATE_YEAR_MAX + 1},
    [DATE_YEAR] = {"year", -DATE_YEAR_MAX, DATE_YEAR_MAX},
    [DATE_QUARTER] = {"quarter", 1, 4},
    [DATE_MONTH] = {"month", 1, 12},
    [DATE_DAY_OF_YEAR] = {"day of the year", 1, 366},
    [DATE_DAY] = {"day of the month", 1, 31},
    [DATE_DAY_OF_SEVEN] = {"day within seven of the month", 1, 7},
    [DATE_WEEKDAY] = {"day of the week", 1, 7},
    [DATE_WEEKDAY_US] = {"day of the week from Sunday", 1, 7},
    [DATE_WEEK_OF_MONTH] = {"week of the month", 0, 6},
    [DATE_WEEK] = {"week", 1, 53},
    [DATE_WEEK_YEAR] = {"week-based year", -DATE_YEAR_MAX, DATE_YEAR_MAX},
    [DATE_JULIAN_DAY] = {"modified Julian day", -365243219162 + 40587, 365241780471 + 40587},
    [DATE_AMPM] = {"AM or PM", 0, 1},
    [DATE_HOUR] = {"hour", 0, 23},
    [DATE_HOUR_24] = {"hour from 1 to 24", 1, 24},
    [DATE_HOUR_0_11] = {"hour from 0 to 11", 0, 11},
    [DATE_HOUR_12] = {"hour from 1 to 12", 1, 12},
    [DATE_MINUTE] = {"minute", 0, 59},
    [DATE_SECOND] = {"second", 0, 59},
    [DATE_NANO] = {"nanosecond", 0, 999999999},
    [DATE_MILLI_OF_DAY] = {"millisecond of the day", 0, 86399999},
    [DATE_NANO_OF_DAY] = {"nanosecond of the day", 0, 86399999999999},
    [DATE_OFFSET] = {"offset", -DATE_OFFSET_MAX, DATE_OFFSET_MAX},
};

static int floor_mod(int64_t a, int m)
{
    return (int)(a % m < 0 ? a % m + m : a % m);
}

bool date_is_leap(int64_t year)
{
    return clock_days_in_month(year, 2) == 29;
}

/* The calendar repeats itself after 400 years, so that one such span serves for all. */
struct date_day date_day_of(int64_t days)
{
    int in_cycle = floor_mod(days, CYCLE_DAYS);
    struct clock_civil c = clock_civil_of(in_cycle * US_PER_DAY);

    return (struct date_day){
        .days = days,
        .year = c.year + (days - in_cycle) / CYCLE_DAYS * CYCLE_YEARS,
        .month = c.month,
        .day = c.day,
        .weekday = c.weekday == 0 ? 7 : c.weekday,
        .day_of_year = in_cycle - (int)clock_days(c.year, 1, 1) + 1,
    };
}

/* ---- weeks ---- */

static int weekday_us(const struct date_day *d)
{
    return d->weekday % 7 + 1;
}

/* The week (from 1) of the nth day of a span, when that day is this day of the week. */
static int week_in_span(int nth, int weekday)
{
    int before = floor_mod(weekday - nth, 7); /* days of the first week that the span lacks */

    return (before + nth - 1) / 7 + 1;
}

/* 1 if the week of the day holds 1 January of the next year. */
static int is_of_next_year(const struct date_day *d)
{
    int left = (date_is_leap(d->year) ? 366 : 365) - d->day_of_year;

    return left < 7 - weekday_us(d);
}

int64_t date_days_of_week(int64_t week_year, int week, int weekday)
{
    struct date_day first = date_day_of(clock_days(week_year, 1, 1));
    int year_days = date_is_leap(week_year) ? 366 : 365;
    int before = weekday_us(&first) - 1;
    int last = (before + year_days) / 7; /* the last week that lies in the year whole */

    return first.days - before + (MIN(week, last) - 1) * 7 + weekday - 1;
}

int64_t date_days_of_month_week(int64_t year, int month, int week, int weekday)
{
    struct date_day first = date_day_of(clock_days(year, month, 1));

    return first.days - (weekday_us(&first) - 1) + (week - 1) * 7 + weekday - 1;
}

/* ---- fields ---- */

int64_t date_field_of_day(const struct date_day *d, enum date_field f)
{
    switch (f) {
    case DATE_ERA:
        return d->year > 0;
    case DATE_YEAR_OF_ERA:
        return d->year > 0 ? d->year : 1 - d->year;
    case DATE_YEAR:
        return d->year;
    case DATE_QUARTER:
        return (d->month + 2) / 3;
    case DATE_MONTH:
        return d->month;
    case DATE_DAY_OF_YEAR:
        return d->day_of_year;
    case DATE_DAY:
        return d->day;
    case DATE_DAY_OF_SEVEN:
        return (d->day - 1) % 7 + 1;
    case DATE_WEEKDAY:
        return d->weekday;
    case DATE_WEEKDAY_US:
        return weekday_us(d);
    case DATE_WEEK_OF_MONTH:
        return week_in_span(d->day, weekday_us(d));
    case DATE_WEEK:
        return is_of_next_year(d) ? 1 : week_in_span(d->day_of_year, weekday_us(d));
    case DATE_WEEK_YEAR:
        return d->year + is_of_next_year(d);
    case DATE_JULIAN_DAY:
        return d->days + 40587;
    default:
        panic("field %d is not one of dates", (int)f);
    }
}

int64_t date_field_of_time(int32_t second_of_day, int32_t nanos, enum date_field f)
{
    int hour = second_of_day / 3600;

    switch (f) {
    case DATE_AMPM:
        return hour / 12;
    case DATE_HOUR:
        return hour;
    case DATE_HOUR_24:
        return hour == 0 ? 24 : hour;
    case DATE_HOUR_0_11:
        return hour % 12;
    case DATE_HOUR_12:
        return hour % 12 == 0 ? 12 : hour % 12;
    case DATE_MINUTE:
        return second_of_day / 60 % 60;
    case DATE_SECOND:
        return second_of_day % 60;
    case DATE_NANO:
        return nanos;
    case DATE_MILLI_OF_DAY:
        return second_of_day * INT64_C(1000) + nanos / 1000000;
    case DATE_NANO_OF_DAY:
        return second_of_day * INT64_C(1000000000) + nanos;
    default:
        panic("field %d is not one of times", (int)f);
    }
}
