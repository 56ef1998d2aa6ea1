/*
 * Putting together what a text says, as ResolverStyle.SMART of java.time has it: fields become a
 * date and a time where they suffice; what remains must agree with them. Fields that suffice for
 * neither are no fault.
 */
#include <inttypes.h>

#include "base/clock.h"
#include "core/date_inner.h"

#define DAY_S 86400

struct resolver {
    struct date_fields *f;
    bool has_date, has_time;
    struct date_day date;
    int32_t second, nanos; /* of the time */
    int extra_days;        /* 1: the time was 24:00 */
    bool weekdays_differ;  /* counted from Monday and from Sunday */
    bool nano_is_late;     /* it came of milliseconds of the day alone */
    struct errinfo *ei;
};

static bool has(const struct resolver *r, enum date_field f)
{
    return date_has(r->f, f);
}

static int64_t take(struct resolver *r, enum date_field f)
{
    r->f->have &= ~(UINT32_C(1) << f);
    return r->f->v[f];
}

static enum err conflict(struct resolver *r, enum date_field f, int64_t a, int64_t b)
{
    return err_set(r->ei, E_INVALID, "its parts contradict each other: %s %" PRId64 " and %" PRId64,
                   date_field_rows[f].name, a, b);
}

static enum err put(struct resolver *r, enum date_field f, int64_t value)
{
    if (has(r, f) && r->f->v[f] != value)
        return conflict(r, f, r->f->v[f], value);
    r->f->have |= UINT32_C(1) << f;
    r->f->v[f] = value;
    return E_OK;
}

static enum err check(struct resolver *r, enum date_field f, int64_t value)
{
    const struct date_field_row *row = &date_field_rows[f];

    if (value >= row->min && value <= row->max)
        return E_OK;
    return err_set(r->ei, E_INVALID, "%s: %" PRId64 " is not from %" PRId64 " to %" PRId64,
                   row->name, value, row->min, row->max);
}

/* Take a field that is there, and check it. */
static enum err take_checked(struct resolver *r, enum date_field f, int64_t *ret)
{
    *ret = take(r, f);
    return check(r, f, *ret);
}

static enum err set_date(struct resolver *r, int64_t days)
{
    if (r->has_date && r->date.days != days)
        return err_set(r->ei, E_INVALID, "its parts name different dates");
    r->has_date = true;
    r->date = date_day_of(days);
    return check(r, DATE_YEAR, r->date.year);
}

/* ---- dates ---- */

static enum err resolve_era(struct resolver *r)
{
    int64_t year, era;
    enum err err;

    if (!has(r, DATE_YEAR_OF_ERA))
        return has(r, DATE_ERA) ? check(r, DATE_ERA, r->f->v[DATE_ERA]) : E_OK;
    err = take_checked(r, DATE_YEAR_OF_ERA, &year);
    if (err != E_OK)
        return err;
    era = !has(r, DATE_YEAR) || r->f->v[DATE_YEAR] > 0;
    if (has(r, DATE_ERA))
        era = take(r, DATE_ERA);
    return put(r, DATE_YEAR, era ? year : 1 - year);
}

static enum err resolve_month_day(struct resolver *r)
{
    int64_t year, month, day;
    enum err err = take_checked(r, DATE_YEAR, &year);

    if (err == E_OK)
        err = take_checked(r, DATE_MONTH, &month);
    if (err == E_OK)
        err = take_checked(r, DATE_DAY, &day);
    if (err != E_OK)
        return err;
    day = MIN(day, clock_days_in_month(year, (int)month));
    return set_date(r, clock_days(year, (int)month, (int)day));
}

static enum err resolve_year_day(struct resolver *r)
{
    int64_t year, day;
    enum err err = take_checked(r, DATE_YEAR, &year);

    if (err == E_OK)
        err = take_checked(r, DATE_DAY_OF_YEAR, &day);
    if (err != E_OK)
        return err;
    if (day == 366 && !date_is_leap(year))
        return err_set(r->ei, E_INVALID, "%" PRId64 " has no day 366", year);
    return set_date(r, clock_days(year, 1, 1) + day - 1);
}

static enum err resolve_date(struct resolver *r)
{
    enum err err = resolve_era(r);

    if (err != E_OK || !has(r, DATE_YEAR))
        return err;
    if (has(r, DATE_MONTH) && has(r, DATE_DAY))
        return resolve_month_day(r);
    return has(r, DATE_DAY_OF_YEAR) ? resolve_year_day(r) : E_OK;
}

/* A day of the week from Sunday replaces one from Monday. Java compares them only where one makes a
 * date with a week; which one does depends on its memory's layout, so both must agree there. */
static enum err resolve_weekday(struct resolver *r)
{
    int64_t weekday;
    enum err err;

    if (!has(r, DATE_WEEKDAY_US))
        return E_OK;
    err = take_checked(r, DATE_WEEKDAY_US, &weekday);
    if (err != E_OK)
        return err;
    weekday = weekday == 1 ? 7 : weekday - 1;
    r->weekdays_differ = has(r, DATE_WEEKDAY) && take(r, DATE_WEEKDAY) != weekday;
    return put(r, DATE_WEEKDAY, weekday);
}

static enum err resolve_month_week(struct resolver *r, int weekday)
{
    int64_t year, month, week;
    enum err err = take_checked(r, DATE_YEAR, &year);

    if (err == E_OK)
        err = take_checked(r, DATE_MONTH, &month);
    if (err == E_OK)
        err = take_checked(r, DATE_WEEK_OF_MONTH, &week);
    if (err != E_OK)
        return err;
    return set_date(r, date_days_of_month_week(year, (int)month, (int)week, weekday));
}

static enum err resolve_year_week(struct resolver *r, int weekday)
{
    int64_t year, week;
    enum err err = take_checked(r, DATE_WEEK_YEAR, &year);

    if (err == E_OK)
        err = take_checked(r, DATE_WEEK, &week);
    return err == E_OK ? set_date(r, date_days_of_week(year, (int)week, weekday)) : err;
}

static bool fits_int(int64_t v)
{
    return v >= INT32_MIN && v <= INT32_MAX;
}

static enum err resolve_weeks(struct resolver *r)
{
    static const enum date_field weeks[] = {DATE_WEEK_OF_MONTH, DATE_WEEK, DATE_WEEK_YEAR};
    bool any = false, of_month, of_year;
    int64_t weekday;
    enum err err;

    for (size_t i = 0; i < ARRAY_LEN(weeks); i++) {
        any |= has(r, weeks[i]);
        if (has(r, weeks[i]) && !fits_int(r->f->v[weeks[i]]))
            return check(r, weeks[i], r->f->v[weeks[i]]);
    }
    if (!any || !has(r, DATE_WEEKDAY))
        return E_OK;
    err = check(r, DATE_WEEKDAY, r->f->v[DATE_WEEKDAY]);
    if (err != E_OK)
        return err;
    if (has(r, DATE_YEAR)) {
        err = check(r, DATE_YEAR, r->f->v[DATE_YEAR]);
        if (err != E_OK)
            return err;
    }
    of_month = has(r, DATE_YEAR) && has(r, DATE_MONTH) && has(r, DATE_WEEK_OF_MONTH);
    of_year = !has(r, DATE_YEAR) && has(r, DATE_WEEK_YEAR) && has(r, DATE_WEEK);
    if (!of_month && !of_year)
        return E_OK;
    if (r->weekdays_differ)
        return err_set(r->ei, E_INVALID,
                       "its parts contradict each other: two different days of the week");
    weekday = take(r, DATE_WEEKDAY) % 7 + 1;
    if (of_month)
        err = resolve_month_week(r, (int)weekday);
    else
        err = resolve_year_week(r, (int)weekday);
    return err;
}

static enum err resolve_julian(struct resolver *r)
{
    int64_t day;
    enum err err;

    if (!has(r, DATE_JULIAN_DAY))
        return E_OK;
    err = take_checked(r, DATE_JULIAN_DAY, &day);
    return err == E_OK ? set_date(r, day - 40587) : err;
}

/* ---- times ---- */

/* 0 stands for the highest hour here, as the highest does for 0. */
static enum err resolve_clock_hour(struct resolver *r, enum date_field from, enum date_field to)
{
    int64_t hour;
    enum err err;

    if (!has(r, from))
        return E_OK;
    hour = take(r, from);
    err = hour ? check(r, from, hour) : E_OK;
    return err == E_OK ? put(r, to, hour == date_field_rows[from].max ? 0 : hour) : err;
}

static enum err resolve_ampm(struct resolver *r)
{
    int64_t half, hour;
    enum err err;

    if (!has(r, DATE_AMPM) || !has(r, DATE_HOUR_0_11))
        return E_OK;
    half = take(r, DATE_AMPM);
    err = take_checked(r, DATE_HOUR_0_11, &hour);
    return err == E_OK ? put(r, DATE_HOUR, half * 12 + hour) : err;
}

/* "7 in the evening": the hour that lies in the part of the day, else the one before noon. */
static enum err resolve_period_hour(struct resolver *r)
{
    int64_t hour, minute = 0;
    enum err err;

    if (r->f->period < 0 || !has(r, DATE_HOUR_0_11))
        return E_OK;
    err = take_checked(r, DATE_HOUR_0_11, &hour);
    if (err != E_OK)
        return err;
    if (has(r, DATE_MINUTE))
        minute = r->f->v[DATE_MINUTE] % 60;
    if (date_period_has(r->f->period, (int)((hour + 12) * 60 + minute)))
        hour += 12;
    r->f->period = -1;
    return put(r, DATE_HOUR, hour);
}

static enum err put_second_of_day(struct resolver *r, int64_t second)
{
    enum err err = put(r, DATE_HOUR, second / 3600);

    if (err == E_OK)
        err = put(r, DATE_MINUTE, second / 60 % 60);
    return err == E_OK ? put(r, DATE_SECOND, second % 60) : err;
}

static enum err resolve_of_day(struct resolver *r)
{
    int64_t value, millis;
    enum err err = E_OK;

    if (has(r, DATE_NANO_OF_DAY)) {
        err = take_checked(r, DATE_NANO_OF_DAY, &value);
        if (err == E_OK)
            err = put_second_of_day(r, value / 1000000000);
        if (err == E_OK)
            err = put(r, DATE_NANO, value % 1000000000);
    }
    if (err != E_OK || !has(r, DATE_MILLI_OF_DAY))
        return err;
    err = take_checked(r, DATE_MILLI_OF_DAY, &value);
    if (err == E_OK)
        err = put_second_of_day(r, value / 1000);
    if (err == E_OK && has(r, DATE_NANO))
        err = check(r, DATE_NANO, r->f->v[DATE_NANO]);
    if (err != E_OK)
        return err;
    /* Nanoseconds beside milliseconds may only add what those leave open. */
    millis = value % 1000 * 1000000;
    r->nano_is_late = !has(r, DATE_NANO);
    return put(r, DATE_NANO, millis + (has(r, DATE_NANO) ? r->f->v[DATE_NANO] % 1000000 : 0));
}

static enum err set_time(struct resolver *r, int64_t hour, int64_t minute, int64_t second,
                         int64_t nanos)
{
    enum err err = check(r, DATE_MINUTE, minute);

    if (err == E_OK)
        err = check(r, DATE_NANO, nanos);
    if (err != E_OK)
        return err;
    r->has_time = true;
    if (hour == 24 && minute == 0 && second == 0 && nanos == 0) {
        r->extra_days = 1;
        return E_OK;
    }
    err = check(r, DATE_HOUR, hour);
    if (err == E_OK)
        err = check(r, DATE_SECOND, second);
    if (err != E_OK)
        return err;
    r->second = (int32_t)(hour * 3600 + minute * 60 + second);
    r->nanos = (int32_t)nanos;
    return E_OK;
}

static enum err take_time(struct resolver *r)
{
    static const enum date_field parts[] = {DATE_HOUR, DATE_MINUTE, DATE_SECOND, DATE_NANO};
    int64_t v[ARRAY_LEN(parts)];

    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        v[i] = has(r, parts[i]) ? r->f->v[parts[i]] : 0;
        (void)take(r, parts[i]);
    }
    return set_time(r, v[0], v[1], v[2], v[3]);
}

/* A part of the day with nothing finer stands for its middle. */
static enum err resolve_rough_time(struct resolver *r)
{
    int64_t half;
    enum err err;

    if (r->f->period >= 0) {
        int minute = date_period_middle(r->f->period);

        r->f->period = -1;
        return set_time(r, minute / 60, minute % 60, 0, 0);
    }
    if (!has(r, DATE_AMPM))
        return E_OK;
    err = take_checked(r, DATE_AMPM, &half);
    return err == E_OK ? set_time(r, half * 12 + 6, 0, 0, 0) : err;
}

static enum err check_left_times(struct resolver *r)
{
    enum err err = E_OK;

    for (enum date_field f = DATE_FIRST_OF_TIME; f < DATE_OFFSET && err == E_OK; f++)
        if (has(r, f))
            err = check(r, f, r->f->v[f]);
    return err;
}

static enum err check_period(struct resolver *r)
{
    int minute = r->extra_days ? 1440 : (int)r->second / 60;

    if (r->f->period < 0 || date_period_has(r->f->period, minute))
        return E_OK;
    return err_set(r->ei, E_INVALID, "its parts contradict each other: %02d:%02d is not \"%s\"",
                   minute / 60, minute % 60, date_period_text(r->f->period, STYLE_FULL));
}

static enum err resolve_time_parts(struct resolver *r)
{
    bool minute = has(r, DATE_MINUTE), second = has(r, DATE_SECOND), nano = has(r, DATE_NANO);
    enum err err;

    if (!has(r, DATE_HOUR) && !minute && !second && !nano) {
        err = resolve_rough_time(r);
        return err == E_OK ? check_left_times(r) : err;
    }
    if (!has(r, DATE_HOUR))
        return check_left_times(r);
    if ((!minute && (second || nano)) || (minute && !second && nano))
        return E_OK; /* a gap between the parts: they stay what they are */

    /* Java compares the part of the day only with times it had to complete. */
    bool whole = minute && second && nano && !r->nano_is_late;

    err = take_time(r);
    if (err == E_OK && !whole)
        err = check_period(r);
    return err == E_OK ? check_left_times(r) : err;
}

static enum err resolve_time(struct resolver *r)
{
    enum err err = resolve_clock_hour(r, DATE_HOUR_24, DATE_HOUR);

    if (err == E_OK)
        err = resolve_clock_hour(r, DATE_HOUR_12, DATE_HOUR_0_11);
    if (err == E_OK)
        err = resolve_ampm(r);
    if (err == E_OK)
        err = resolve_of_day(r);
    if (err == E_OK && has(r, DATE_NANO))
        err = check(r, DATE_NANO, r->f->v[DATE_NANO]);
    if (err == E_OK)
        err = resolve_period_hour(r);
    return err == E_OK ? resolve_time_parts(r) : err;
}

/* ---- together ---- */

static enum err cross_check(struct resolver *r)
{
    for (enum date_field f = 0; f < DATE_OFFSET; f++) {
        bool is_time = f >= DATE_FIRST_OF_TIME;
        int64_t value;

        if (!has(r, f) || !(is_time ? r->has_time : r->has_date))
            continue;
        value =
            is_time ? date_field_of_time(r->second, r->nanos, f) : date_field_of_day(&r->date, f);
        if (value != r->f->v[f])
            return conflict(r, f, r->f->v[f], value);
    }
    return E_OK;
}

static enum err zone_of(struct resolver *r, struct date_zone **ret)
{
    struct errinfo *ei = r->ei;

    if (has(r, DATE_OFFSET)) {
        enum err err = check(r, DATE_OFFSET, r->f->v[DATE_OFFSET]);

        if (err == E_OK)
            *ret = date_zone_fixed((int32_t)r->f->v[DATE_OFFSET]);
        return err;
    }
    return r->f->zone[0] && !r->f->zone_is_named ? date_zone_new(str_of(r->f->zone), ret, ei)
                                                 : E_OK;
}

static enum err resolve_moment(struct resolver *r, const struct date_zone *zone,
                               struct date_reading *ret)
{
    AUTO(date_zone_freep) struct date_zone *own = NULL;
    struct date_reading reading = {.is_moment = true, .nanos = r->nanos};
    enum err err;

    if (!r->has_date || !r->has_time)
        return E_OK;
    err = set_date(r, r->date.days);
    if (err == E_OK)
        err = check(r, DATE_YEAR, date_day_of(r->date.days + r->extra_days).year);
    if (err == E_OK)
        err = zone_of(r, &own);
    if (err != E_OK || (r->f->zone_is_named && !own))
        return err;
    reading.epoch_s =
        date_zone_moment(own ? own : zone, (r->date.days + r->extra_days) * DAY_S + r->second);
    *ret = reading;
    return E_OK;
}

enum err date_resolve(struct date_fields *f, const struct date_zone *zone, struct date_reading *ret,
                      struct errinfo *ei)
{
    struct resolver r = {.f = f, .ei = ei};
    enum err err = resolve_date(&r);

    if (err == E_OK)
        err = resolve_weekday(&r);
    if (err == E_OK)
        err = resolve_weeks(&r);
    if (err == E_OK)
        err = resolve_julian(&r);
    if (err == E_OK)
        err = resolve_time(&r);
    if (err == E_OK)
        err = cross_check(&r);
    return err == E_OK ? resolve_moment(&r, zone, ret) : err;
}
