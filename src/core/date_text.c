/*
 * The English texts of dates, by table: as java.time prints them for Locale.ENGLISH.
 */
#include "core/date_inner.h"

#define TEXTS(...) ((const char *const[]){__VA_ARGS__})

/* count texts for the values from `first` on, in three styles. */
struct texts {
    int64_t first, count;
    const char *const *styles[3];
};

static const struct texts eras = {
    0, 2, {TEXTS("BC", "AD"), TEXTS("Before Christ", "Anno Domini"), TEXTS("B", "A")}};
static const struct texts quarters = {
    1,
    4,
    {TEXTS("Q1", "Q2", "Q3", "Q4"),
     TEXTS("1st quarter", "2nd quarter", "3rd quarter", "4th quarter"), TEXTS("1", "2", "3", "4")}};
static const struct texts months = {
    1,
    12,
    {TEXTS("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
     TEXTS("January", "February", "March", "April", "May", "June", "July", "August", "September",
           "October", "November", "December"),
     TEXTS("J", "F", "M", "A", "M", "J", "J", "A", "S", "O", "N", "D")}};
static const struct texts weekdays = {
    1,
    7,
    {TEXTS("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
     TEXTS("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
     TEXTS("M", "T", "W", "T", "F", "S", "S")}};
static const struct texts halves = {0, 2, {TEXTS("AM", "PM"), TEXTS("AM", "PM"), TEXTS("a", "p")}};
static const struct texts periods = {
    0,
    DATE_PERIODS,
    {TEXTS("midnight", "noon", "in the morning", "in the afternoon", "in the evening", "at night",
           "AM", "PM"),
     TEXTS("midnight", "noon", "in the morning", "in the afternoon", "in the evening", "at night",
           "AM", "PM"),
     TEXTS("mi", "n", "in the morning", "in the afternoon", "in the evening", "at night", "a",
           "p")}};

/* In minutes of the day; midnight and noon are the minute itself. The last two are read, but never
 * written: one before them fits. */
static const struct {
    int from, to;
} spans[DATE_PERIODS] = {{0, 0},          {720, 720},  {6 * 60, 720}, {720, 18 * 60},
                         {18 * 60, 1260}, {1260, 360}, {0, 720},      {720, 1440}};

static const struct texts *texts_of(enum date_field f)
{
    switch (f) {
    case DATE_ERA:
        return &eras;
    case DATE_QUARTER:
        return &quarters;
    case DATE_MONTH:
        return &months;
    case DATE_WEEKDAY:
        return &weekdays;
    case DATE_AMPM:
        return &halves;
    default:
        panic("field %d has no texts", (int)f);
    }
}

/* Of equal texts (J for January, June and July) the last value is meant, as in Java. */
static size_t match(struct str s, const struct texts *t, enum date_style style, int64_t *ret)
{
    size_t best = 0;

    for (int64_t i = 0; i < t->count; i++) {
        struct str text = str_of(t->styles[style][i]);

        if (text.n >= best && str_starts(s, text)) {
            best = text.n;
            *ret = t->first + i;
        }
    }
    return best;
}

const char *date_text(enum date_field f, int64_t value, enum date_style style)
{
    const struct texts *t = texts_of(f);

    CHECK(value >= t->first && value < t->first + t->count);
    return t->styles[style][value - t->first];
}

size_t date_text_match(struct str s, enum date_field f, enum date_style style, int64_t *ret)
{
    return match(s, texts_of(f), style, ret);
}

const char *date_period_text(int period, enum date_style style)
{
    return periods.styles[style][period];
}

bool date_period_has(int period, int minute_of_day)
{
    int from = spans[period].from, to = spans[period].to;

    if (minute_of_day == 1440 && to == 0)
        return true;
    if (from == to)
        return minute_of_day == from;
    return from < to ? minute_of_day >= from && minute_of_day < to
                     : minute_of_day >= from || minute_of_day < to;
}

int date_period_of(int minute_of_day)
{
    int period = 0;

    while (!date_period_has(period, minute_of_day))
        period++;
    return period;
}

int date_period_middle(int period)
{
    int from = spans[period].from, to = spans[period].to;

    return (from + (to < from ? to + 1440 : to)) / 2 % 1440;
}

size_t date_period_match(struct str s, enum date_style style, int *ret)
{
    int64_t period = 0;
    size_t n = match(s, &periods, style, &period);

    if (n > 0)
        *ret = (int)period;
    return n;
}
