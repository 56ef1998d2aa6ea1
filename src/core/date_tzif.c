#include "core/date_tzif.h"

#include "base/clock.h"
#include "core/date_inner.h"

#define DAY_S 86400
#define HEADER_BYTES 44
#define TYPES_MAX 256
#define TRANSITIONS_MAX 20000
#define RULE_HOURS_MAX 167

struct local_type {
    int32_t offset;
    bool is_dst;
};

/* The day of a year at which a change is, as POSIX TZ writes it. */
struct rule_day {
    char kind; /* 'M': week and day of the week of a month; 'J': day from 1, never 29 February; '0':
                * day from 0 */
    int month, week, weekday, day;
    int32_t second; /* of that day, local time; may lie before or behind it */
};

struct rule {
    struct local_type standard, summer;
    bool has_summer;
    struct rule_day start, end;
};

struct tzif {
    size_t count; /* of transitions; types[i] holds from at[i] on */
    int64_t *at;
    uint8_t *types;
    size_t type_count;
    struct local_type local[TYPES_MAX];
    bool has_rule;
    struct rule rule;
};

/* ---- the footer's rule ---- */

static bool take_char(struct str *s, char c)
{
    if (s->n == 0 || s->p[0] != c)
        return false;
    *s = str_drop(*s, 1);
    return true;
}

static bool take_int(struct str *s, int max, int *ret)
{
    int v = 0;
    size_t n = 0;

    for (; n < s->n && n < 4 && s->p[n] >= '0' && s->p[n] <= '9'; n++)
        v = v * 10 + (s->p[n] - '0');
    if (n == 0 || v > max)
        return false;
    *s = str_drop(*s, n);
    *ret = v;
    return true;
}

/* [+-]h[:mm[:ss]] */
static bool take_time(struct str *s, int32_t *ret)
{
    int hours, minutes = 0, seconds = 0;
    bool negative = take_char(s, '-');

    if (!negative)
        (void)take_char(s, '+');
    if (!take_int(s, RULE_HOURS_MAX, &hours))
        return false;
    if (take_char(s, ':') && !take_int(s, 59, &minutes))
        return false;
    if (take_char(s, ':') && !take_int(s, 59, &seconds))
        return false;
    *ret = hours * 3600 + minutes * 60 + seconds;
    if (negative)
        *ret = -*ret;
    return true;
}

/* CET or <+03> */
static bool take_name(struct str *s)
{
    bool quoted = take_char(s, '<');
    size_t n = 0;

    while (n < s->n && (quoted ? s->p[n] != '>' : !strchr("+-,0123456789", s->p[n])))
        n++;
    if (n == 0 || (quoted && n == s->n))
        return false;
    *s = str_drop(*s, n + quoted);
    return true;
}

static bool take_day(struct str *s, struct rule_day *d)
{
    bool ok;

    d->second = 2 * 3600;
    d->kind = '0';
    if (take_char(s, 'M')) {
        d->kind = 'M';
        ok = take_int(s, 12, &d->month) && d->month > 0 && take_char(s, '.') &&
             take_int(s, 5, &d->week) && d->week > 0 && take_char(s, '.') &&
             take_int(s, 6, &d->weekday);
    } else if (take_char(s, 'J')) {
        d->kind = 'J';
        ok = take_int(s, 365, &d->day) && d->day > 0;
    } else {
        ok = take_int(s, 365, &d->day);
    }
    return ok && (!take_char(s, '/') || take_time(s, &d->second));
}

/* A POSIX TZ string. Its offsets count westward. */
static bool take_rule(struct str s, struct rule *r)
{
    int32_t west;

    if (!take_name(&s) || !take_time(&s, &west) || west > DAY_S || west < -DAY_S)
        return false;
    r->standard.offset = -west;
    if (s.n == 0)
        return true;
    r->has_summer = true;
    r->summer.is_dst = true;
    r->summer.offset = r->standard.offset + 3600;
    if (!take_name(&s))
        return false;
    if (s.n > 0 && s.p[0] != ',') {
        if (!take_time(&s, &west) || west > DAY_S || west < -DAY_S)
            return false;
        r->summer.offset = -west;
    }
    return take_char(&s, ',') && take_day(&s, &r->start) && take_char(&s, ',') &&
           take_day(&s, &r->end) && s.n == 0;
}

static int64_t day_of_rule(const struct rule_day *d, int64_t year)
{
    int64_t first = clock_days(year, d->kind == 'M' ? d->month : 1, 1), day;

    if (d->kind == '0')
        return first + d->day;
    if (d->kind == 'J')
        return first + d->day - 1 + (d->day > 59 && date_is_leap(year));
    day = first + (d->weekday - date_day_of(first).weekday + 7) % 7 + (d->week - 1) * 7;
    while (day >= first + clock_days_in_month(year, d->month))
        day -= 7;
    return day;
}

static const struct local_type *type_by_rule(const struct rule *r, int64_t t)
{
    int64_t local = t + r->standard.offset, year, start, end;
    bool summer;

    if (!r->has_summer)
        return &r->standard;
    year = date_day_of((local - (local % DAY_S + DAY_S) % DAY_S) / DAY_S).year;
    start = day_of_rule(&r->start, year) * DAY_S + r->start.second - r->standard.offset;
    end = day_of_rule(&r->end, year) * DAY_S + r->end.second - r->summer.offset;
    summer = start < end ? t >= start && t < end : t >= start || t < end;
    return summer ? &r->summer : &r->standard;
}

/* ---- the file ---- */

static uint64_t big_endian(const char *p, size_t bytes)
{
    uint64_t v = 0;

    for (size_t i = 0; i < bytes; i++)
        v = v << 8 | (unsigned char)p[i];
    return v;
}

struct header {
    size_t isutc, isstd, leaps, transitions, types, chars;
};

static bool read_header(struct str s, struct header *h)
{
    if (s.n < HEADER_BYTES || memcmp(s.p, "TZif", 4) != 0 || s.p[4] < '2')
        return false;
    h->isutc = big_endian(s.p + 20, 4);
    h->isstd = big_endian(s.p + 24, 4);
    h->leaps = big_endian(s.p + 28, 4);
    h->transitions = big_endian(s.p + 32, 4);
    h->types = big_endian(s.p + 36, 4);
    h->chars = big_endian(s.p + 40, 4);
    return true;
}

/* Counts have 32 bits, so that the sum cannot overflow. */
static size_t body_bytes(const struct header *h, size_t time_bytes)
{
    return h->transitions * (time_bytes + 1) + h->types * 6 + h->chars +
           h->leaps * (time_bytes + 4) + h->isstd + h->isutc;
}

static bool read_body(struct tzif *t, const struct header *h, const char *p)
{
    const char *types = p + h->transitions * 8;
    const char *local = types + h->transitions;

    t->count = h->transitions;
    t->type_count = h->types;
    t->at = xcalloc(t->count + 1, sizeof t->at[0]);
    t->types = xcalloc(t->count + 1, sizeof t->types[0]);
    for (size_t i = 0; i < t->count; i++) {
        t->at[i] = (int64_t)big_endian(p + i * 8, 8);
        t->types[i] = (uint8_t)types[i];
        if (t->types[i] >= t->type_count || (i > 0 && t->at[i] <= t->at[i - 1]))
            return false;
    }
    for (size_t i = 0; i < t->type_count; i++) {
        t->local[i].offset = (int32_t)big_endian(local + i * 6, 4);
        t->local[i].is_dst = local[i * 6 + 4] != 0;
        if (t->local[i].offset > DAY_S || t->local[i].offset < -DAY_S)
            return false;
    }
    return true;
}

static enum err refuse(struct errinfo *ei, const char *why)
{
    return err_set(ei, E_INVALID, "%s", why);
}

enum err tzif_new(struct str bytes, struct tzif **ret, struct errinfo *ei)
{
    AUTO(tzif_freep) struct tzif *t = xcalloc(1, sizeof *t);
    struct header old, h;
    struct str footer;

    if (!read_header(bytes, &old) || body_bytes(&old, 4) > bytes.n - HEADER_BYTES)
        return refuse(ei, "it is not a TZif file of version 2 or later");
    bytes = str_drop(bytes, HEADER_BYTES + body_bytes(&old, 4));
    if (!read_header(bytes, &h) || body_bytes(&h, 8) > bytes.n - HEADER_BYTES)
        return refuse(ei, "it is cut short");
    if (h.types == 0 || h.types > TYPES_MAX || h.transitions > TRANSITIONS_MAX)
        return refuse(ei, "it holds too little or too much");
    if (h.leaps)
        return refuse(ei, "it counts leap seconds");
    if (!read_body(t, &h, bytes.p + HEADER_BYTES))
        return refuse(ei, "its times make no sense");
    footer = str_drop(bytes, HEADER_BYTES + body_bytes(&h, 8));
    if (!take_char(&footer, '\n') || str_find(footer, '\n') == footer.n)
        return refuse(ei, "its footer is missing");
    footer = str_split(&footer, '\n');
    t->has_rule = footer.n > 0;
    if (t->has_rule && !take_rule(footer, &t->rule))
        return refuse(ei, "the rule in its footer makes no sense");
    *ret = TAKE(t);
    return E_OK;
}

void tzif_free(struct tzif *t)
{
    if (!t)
        return;
    free(t->at);
    free(t->types);
    free(t);
}

/* ---- moments ---- */

/* The number of transitions up to t. */
static size_t passed(const struct tzif *t, int64_t epoch_s)
{
    size_t low = 0, high = t->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (t->at[middle] <= epoch_s)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The type that alternates with the one after n transitions: the next of the other kind, else the
 * one before. NULL: none. */
static const struct local_type *partner(const struct tzif *t, size_t n)
{
    const struct local_type *own = &t->local[n ? t->types[n - 1] : 0], *other;

    if (n < t->count) {
        other = &t->local[t->types[n]];
        if (other->is_dst != own->is_dst)
            return other;
    }
    if (n > 1) {
        other = &t->local[t->types[n - 2]];
        if (other->is_dst != own->is_dst)
            return other;
    }
    return NULL;
}

static struct tzif_time time_of(const struct local_type *own, const struct local_type *other)
{
    bool summer = own->is_dst;

    if (other && (own->is_dst ? own->offset < other->offset : own->offset > other->offset))
        summer = !own->is_dst;
    return (struct tzif_time){own->offset, summer};
}

struct tzif_time tzif_at(const struct tzif *t, int64_t epoch_s)
{
    size_t n = passed(t, epoch_s);

    if (n == t->count && t->has_rule) {
        const struct rule *r = &t->rule;
        const struct local_type *own = type_by_rule(r, epoch_s);
        const struct local_type *other = own == &r->standard ? &r->summer : &r->standard;

        return time_of(own, r->has_summer ? other : NULL);
    }
    return time_of(&t->local[n ? t->types[n - 1] : 0], partner(t, n));
}
