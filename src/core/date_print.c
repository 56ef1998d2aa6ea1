/*
 * Printing a moment by a compiled pattern.
 */
#include <inttypes.h>

#include "core/date_inner.h"

#define DAY_S 86400

struct moment {
    const struct date_zone *zone;
    int64_t epoch_s;
    struct date_day day;
    int32_t second, nanos; /* of the local day, of the second */
    int32_t offset;
};

static int64_t field_of(const struct moment *m, enum date_field f)
{
    return f < DATE_FIRST_OF_TIME ? date_field_of_day(&m->day, f)
                                  : date_field_of_time(m->second, m->nanos, f);
}

static enum err refuse_year(const struct date_item *item, struct errinfo *ei)
{
    return err_set(ei, E_INVALID,
                   "letter %zu of the pattern: a year of %zu letters can be read, not printed; "
                   "write at most 10",
                   item->at, item->min);
}

/* With more digits than letters a year of four letters and more gets a plus. Java has no number to
 * compare with for 11 to 18 of them, and fails. */
static enum err print_number(const struct date_item *item, const struct moment *m, struct buf *b,
                             struct errinfo *ei)
{
    int64_t value = field_of(m, item->field);
    char digits[24];
    size_t n = (size_t)snprintf(digits, sizeof digits, "%" PRId64, value < 0 ? -value : value);
    bool exceeds = item->sign == SIGN_EXCEEDS_PAD && value >= 0 && item->min < 19;

    if (exceeds && item->min > 10)
        return refuse_year(item, ei);
    if (value < 0)
        buf_putc(b, '-');
    else if (exceeds && n > item->min)
        buf_putc(b, '+');
    for (size_t i = n; i < item->min; i++)
        buf_putc(b, '0');
    buf_append(b, digits, n);
    return E_OK;
}

static void print_reduced(const struct date_item *item, const struct moment *m, struct buf *b)
{
    int64_t year = field_of(m, item->field);

    buf_printf(b, "%02d", (int)((year < 0 ? -year : year) % 100));
}

static void print_fraction(const struct date_item *item, const struct moment *m, struct buf *b)
{
    char digits[16];

    snprintf(digits, sizeof digits, "%09d", (int)m->nanos);
    buf_append(b, digits, item->max);
}

static void print_offset(const struct date_item *item, int32_t offset, struct buf *b)
{
    int s = offset < 0 ? -offset : offset;
    int hours = s / 3600, minutes = s / 60 % 60, seconds = s % 60;
    const char *colon = item->colon ? ":" : "";
    bool has_seconds = item->seconds && seconds;
    bool has_minutes = item->minutes == 'M' || minutes || has_seconds;

    if (hours == 0 && (!has_minutes || minutes == 0) && !has_seconds) {
        buf_puts(b, item->zero);
        return;
    }
    buf_printf(b, "%c%02d", offset < 0 ? '-' : '+', hours);
    if (has_minutes)
        buf_printf(b, "%s%02d", colon, minutes);
    if (has_seconds)
        buf_printf(b, "%s%02d", colon, seconds);
}

static void print_offset_gmt(const struct date_item *item, int32_t offset, struct buf *b)
{
    int s = offset < 0 ? -offset : offset;
    int hours = s / 3600, minutes = s / 60 % 60, seconds = s % 60;
    bool full = item->style == STYLE_FULL;

    buf_puts(b, "GMT");
    if (s == 0)
        return;
    buf_printf(b, full ? "%c%02d" : "%c%d", offset < 0 ? '-' : '+', hours);
    if (full || minutes || seconds)
        buf_printf(b, ":%02d", minutes);
    if (seconds)
        buf_printf(b, ":%02d", seconds);
}

static enum err print_item(const struct date_pattern *p, const struct date_item *item,
                           const struct moment *m, struct buf *b, struct errinfo *ei)
{
    switch (item->kind) {
    case ITEM_LITERAL:
        buf_append(b, p->texts + item->text, item->length);
        break;
    case ITEM_NUMBER:
        return print_number(item, m, b, ei);
    case ITEM_REDUCED:
        print_reduced(item, m, b);
        break;
    case ITEM_FRACTION:
        print_fraction(item, m, b);
        break;
    case ITEM_TEXT:
        buf_puts(b, date_text(item->field, field_of(m, item->field), item->style));
        break;
    case ITEM_PERIOD:
        buf_puts(b, date_period_text(date_period_of(m->second / 60), item->style));
        break;
    case ITEM_OFFSET:
        print_offset(item, m->offset, b);
        break;
    case ITEM_OFFSET_GMT:
        print_offset_gmt(item, m->offset, b);
        break;
    case ITEM_ZONE_ID:
        buf_puts(b, date_zone_id(m->zone));
        break;
    case ITEM_ZONE_TEXT:
        buf_puts(b, date_zone_text(m->zone, m->epoch_s,
                                   item->style == STYLE_FULL ? ZONE_NAME_FULL : ZONE_NAME_SHORT,
                                   item->generic));
        break;
    case ITEM_OPTION:
        break; /* a whole moment has all that its items ask for */
    }
    return E_OK;
}

static size_t characters(struct str s)
{
    size_t n = 0;

    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
    return n;
}

static enum err print_padded(const struct date_pattern *p, const struct date_item *item,
                             const struct moment *m, struct buf *b, struct errinfo *ei)
{
    AUTO(buf_done) struct buf text = BUF_INIT;
    enum err err = print_item(p, item, m, &text, ei);
    size_t n = characters(buf_view(&text));

    if (err != E_OK)
        return err;
    if (n > item->pad)
        return err_set(ei, E_INVALID,
                       "letter %zu of the pattern: \"%s\" is wider than the %zu it is padded to",
                       item->at, buf_cstr(&text), item->pad);
    for (; n < item->pad; n++)
        buf_putc(b, ' ');
    buf_str(b, buf_view(&text));
    return E_OK;
}

static bool moment_of(const struct date_zone *zone, int64_t epoch_s, int32_t nanos,
                      struct moment *ret)
{
    const int64_t far = (DATE_YEAR_MAX + 2) * 366 * DAY_S;
    int64_t local, second;

    CHECK(nanos >= 0 && nanos < 1000000000);
    if (epoch_s < -far || epoch_s > far)
        return false;
    ret->zone = zone;
    ret->epoch_s = epoch_s;
    ret->nanos = nanos;
    ret->offset = date_zone_offset(zone, epoch_s);
    local = epoch_s + ret->offset;
    second = local % DAY_S < 0 ? local % DAY_S + DAY_S : local % DAY_S;
    ret->second = (int32_t)second;
    ret->day = date_day_of((local - second) / DAY_S);
    return ret->day.year >= -DATE_YEAR_MAX && ret->day.year <= DATE_YEAR_MAX;
}

enum err date_pattern_format(const struct date_pattern *p, const struct date_zone *zone,
                             int64_t epoch_s, int32_t nanos, struct buf *b, struct errinfo *ei)
{
    size_t was = b->len;
    enum err err = E_OK;
    struct moment m;

    if (!moment_of(zone, epoch_s, nanos, &m))
        return err_set(ei, E_INVALID, "the year is beyond %" PRId64, DATE_YEAR_MAX);
    for (size_t i = 0; i < p->count && err == E_OK; i++) {
        const struct date_item *item = &p->items[i];

        err = item->pad ? print_padded(p, item, &m, b, ei) : print_item(p, item, &m, b, ei);
    }
    if (err != E_OK)
        b->len = was;
    return err;
}
