#include "base/clock.h"

#include <stdatomic.h>
#include <time.h>

#define WALL_MIN (INT64_C(-62167219200) * US_PER_S) /* 0000-01-01T00:00:00 */
#define WALL_MAX                                                                                   \
    (INT64_C(253402300799) * US_PER_S + (US_PER_S - 1)) /* 9999-12-31T23:59:59.999999 */

static atomic_bool faked;
static _Atomic int64_t fake_now, fake_wall;

static const char month_names[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
static const char *const day_names[7] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                         "Thursday", "Friday", "Saturday"};

static int64_t read_clock(clockid_t id)
{
    struct timespec ts;

    clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * US_PER_S + ts.tv_nsec / 1000;
}

int64_t clock_now(void)
{
    if (UNLIKELY(atomic_load_explicit(&faked, memory_order_relaxed)))
        return atomic_load(&fake_now);
    return read_clock(CLOCK_MONOTONIC);
}

int64_t clock_now_wall(void)
{
    if (UNLIKELY(atomic_load_explicit(&faked, memory_order_relaxed)))
        return atomic_load(&fake_wall);
    return read_clock(CLOCK_REALTIME);
}

void clock_fake(int64_t now, int64_t now_wall)
{
    atomic_store(&fake_now, now);
    atomic_store(&fake_wall, now_wall);
    atomic_store(&faked, true);
}

void clock_advance(int64_t us)
{
    CHECK(atomic_load(&faked));
    atomic_fetch_add(&fake_now, us);
    atomic_fetch_add(&fake_wall, us);
}

void clock_unfake(void)
{
    atomic_store(&faked, false);
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static bool is_leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

int clock_days_in_month(int64_t year, int month)
{
    static const char days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    return days[month - 1] + (month == 2 && is_leap(year));
}

/*
 * Years are counted from 1 March, so that the leap day is a year's last; the months from March on
 * then have 153 days in each five. 719468 days lie between 0000-03-01 and 1970-01-01.
 */
int64_t clock_days(int64_t year, int month, int day)
{
    int64_t y = month > 2 ? year : year - 1;
    int64_t m = month > 2 ? month - 3 : month + 9;
    int64_t leap_days = floor_div(y, 4) - floor_div(y, 100) + floor_div(y, 400);

    return y * 365 + leap_days + (153 * m + 2) / 5 + day - 1 - 719468;
}

static void civil_date(struct clock_civil *c, int64_t days)
{
    int64_t d = days + 719468;
    int64_t era = floor_div(d, 146097); /* days of 400 years */
    int64_t doe = d - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (yoe * 365 + yoe / 4 - yoe / 100);
    int64_t m = (5 * doy + 2) / 153;

    c->day = (int)(doy - (153 * m + 2) / 5 + 1);
    c->month = (int)(m < 10 ? m + 3 : m - 9);
    c->year = yoe + era * 400 + (c->month <= 2);
    c->weekday = (int)(days + 4 - floor_div(days + 4, 7) * 7);
}

struct clock_civil clock_civil_of(int64_t wall)
{
    struct clock_civil c;
    int64_t days = floor_div(wall, US_PER_DAY);
    int64_t rest = wall - days * US_PER_DAY;
    int64_t s = rest / US_PER_S;

    civil_date(&c, days);
    c.us = (int)(rest % US_PER_S);
    c.hour = (int)(s / 3600);
    c.minute = (int)(s / 60 % 60);
    c.second = (int)(s % 60);
    return c;
}

static struct clock_civil civil_of_four_digits(int64_t wall)
{
    return clock_civil_of(MIN(MAX(wall, WALL_MIN), WALL_MAX));
}

void clock_format_wall(struct buf *b, int64_t wall)
{
    struct clock_civil c = civil_of_four_digits(wall);

    buf_printf(b, "%04d-%02d-%02dT%02d:%02d:%02d", (int)c.year, c.month, c.day, c.hour, c.minute,
               c.second);
    if (c.us)
        buf_printf(b, ".%06d", c.us);
    buf_putc(b, 'Z');
}

static void put_digits(char *p, int width, int v)
{
    for (int i = width - 1; i >= 0; i--, v /= 10)
        p[i] = (char)('0' + v % 10);
}

void clock_text_ms(char ret[CLOCK_MS_LEN + 1], int64_t wall)
{
    struct clock_civil c = civil_of_four_digits(wall);

    memcpy(ret, "0000-00-00T00:00:00.000Z", CLOCK_MS_LEN + 1);
    put_digits(ret, 4, (int)c.year);
    put_digits(ret + 5, 2, c.month);
    put_digits(ret + 8, 2, c.day);
    put_digits(ret + 11, 2, c.hour);
    put_digits(ret + 14, 2, c.minute);
    put_digits(ret + 17, 2, c.second);
    put_digits(ret + 20, 3, c.us / 1000);
}

void clock_format_http(struct buf *b, int64_t wall)
{
    struct clock_civil c = civil_of_four_digits(wall);

    buf_printf(b, "%.3s, %02d %s %04d %02d:%02d:%02d GMT", day_names[c.weekday], c.day,
               month_names[c.month - 1], (int)c.year, c.hour, c.minute, c.second);
}

/* Parsing: each step takes its text off the front of *s, or says no. */

static bool take_text(struct str *s, const char *z)
{
    if (!str_starts(*s, str_of(z)))
        return false;
    *s = str_drop(*s, strlen(z));
    return true;
}

static bool take_digits(struct str *s, size_t width, int *ret)
{
    uint64_t v;

    if (s->n < width || !str_to_u64(str_make(s->p, width), INT32_MAX, &v))
        return false;
    *s = str_drop(*s, width);
    *ret = (int)v;
    return true;
}

static bool take_either(struct str *s, char a, char b)
{
    if (s->n == 0 || (s->p[0] != a && s->p[0] != b))
        return false;
    *s = str_drop(*s, 1);
    return true;
}

static bool take_time(struct str *s, struct clock_civil *c)
{
    return take_digits(s, 2, &c->hour) && take_text(s, ":") && take_digits(s, 2, &c->minute) &&
           take_text(s, ":") && take_digits(s, 2, &c->second);
}

static bool take_fraction(struct str *s, int *ret_us)
{
    int us = 0, scale = 100000;
    size_t n = 0;

    if (!take_text(s, "."))
        return true;
    for (; n < s->n && s->p[n] >= '0' && s->p[n] <= '9'; n++, scale /= 10)
        us += (s->p[n] - '0') * scale;
    *s = str_drop(*s, n);
    *ret_us = us;
    return n > 0;
}

static bool take_offset(struct str *s, int64_t *ret_s)
{
    int hour, minute;
    int64_t sign = s->n && s->p[0] == '-' ? -1 : 1;

    if (take_either(s, 'Z', 'z')) {
        *ret_s = 0;
        return true;
    }
    if (!take_either(s, '+', '-') || !take_digits(s, 2, &hour) || !take_text(s, ":") ||
        !take_digits(s, 2, &minute) || hour > 23 || minute > 59)
        return false;
    *ret_s = sign * (hour * 3600 + minute * 60);
    return true;
}

/* Check the ranges and join the parts; offset_s is how far the civil time is ahead of UTC. */
static bool wall_of(const struct clock_civil *c, int64_t offset_s, int64_t *ret_wall)
{
    if (c->month < 1 || c->month > 12 || c->day < 1 ||
        c->day > clock_days_in_month(c->year, c->month) || c->hour > 23 || c->minute > 59 ||
        c->second > 60)
        return false;

    int64_t s = clock_days(c->year, c->month, c->day) * 86400 + c->hour * 3600 + c->minute * 60 +
                c->second - offset_s;

    if (c->second < 60) {
        *ret_wall = s * US_PER_S + c->us;
        return true;
    }

    /* s is the second after the leap second: only a month's first can be that. */
    struct clock_civil next = clock_civil_of(s * US_PER_S);

    if (next.day != 1 || next.hour || next.minute || next.second)
        return false;
    *ret_wall = s * US_PER_S - 1;
    return true;
}

enum err clock_parse_wall(struct str s, int64_t *ret_wall)
{
    struct clock_civil c = {0};
    int year;
    int64_t offset_s;

    if (!take_digits(&s, 4, &year) || !take_text(&s, "-") || !take_digits(&s, 2, &c.month) ||
        !take_text(&s, "-") || !take_digits(&s, 2, &c.day) || !take_either(&s, 'T', 't'))
        return E_INVALID;
    c.year = year;
    if (!take_time(&s, &c) || !take_fraction(&s, &c.us) || !take_offset(&s, &offset_s) || s.n)
        return E_INVALID;
    return wall_of(&c, offset_s, ret_wall) ? E_OK : E_INVALID;
}

static bool take_month(struct str *s, int *ret)
{
    for (int i = 0; i < 12; i++)
        if (take_text(s, month_names[i])) {
            *ret = i + 1;
            return true;
        }
    return false;
}

/* "Sunday" or "Sun" */
static bool take_day_name(struct str *s, bool *ret_long)
{
    for (size_t i = 0; i < ARRAY_LEN(day_names); i++) {
        struct str name = str_of(day_names[i]);

        *ret_long = str_starts(*s, name);
        if (*ret_long || str_starts(*s, str_make(name.p, 3))) {
            *s = str_drop(*s, *ret_long ? name.n : 3);
            return true;
        }
    }
    return false;
}

/* 06 Nov 1994 08:49:37 GMT */
static bool take_imf(struct str *s, struct clock_civil *c)
{
    int year;

    if (!take_digits(s, 2, &c->day) || !take_text(s, " ") || !take_month(s, &c->month) ||
        !take_text(s, " ") || !take_digits(s, 4, &year) || !take_text(s, " ") || !take_time(s, c))
        return false;
    c->year = year;
    return take_text(s, " GMT");
}

/* 06-Nov-94 08:49:37 GMT */
static bool take_rfc850(struct str *s, struct clock_civil *c)
{
    int year;

    if (!take_digits(s, 2, &c->day) || !take_text(s, "-") || !take_month(s, &c->month) ||
        !take_text(s, "-") || !take_digits(s, 2, &year) || !take_text(s, " ") || !take_time(s, c))
        return false;

    /* The latest year with these digits that is not over 50 years ahead (RFC 9110 §5.6.7). */
    int64_t horizon = clock_civil_of(clock_now_wall()).year + 50;

    c->year = horizon - (horizon - year) % 100;
    return take_text(s, " GMT");
}

/* Nov  6 08:49:37 1994 */
static bool take_asctime(struct str *s, struct clock_civil *c)
{
    int year;

    if (!take_month(s, &c->month) || !take_text(s, " "))
        return false;
    if (!(take_text(s, " ") ? take_digits(s, 1, &c->day) : take_digits(s, 2, &c->day)) ||
        !take_text(s, " ") || !take_time(s, c) || !take_text(s, " ") || !take_digits(s, 4, &year))
        return false;
    c->year = year;
    return true;
}

enum err clock_parse_http(struct str s, int64_t *ret_wall)
{
    struct clock_civil c = {0};
    bool is_long, ok;

    if (!take_day_name(&s, &is_long))
        return E_INVALID;
    if (take_text(&s, ", "))
        ok = is_long ? take_rfc850(&s, &c) : take_imf(&s, &c);
    else
        ok = !is_long && take_text(&s, " ") && take_asctime(&s, &c);
    return ok && s.n == 0 && wall_of(&c, 0, ret_wall) ? E_OK : E_INVALID;
}
