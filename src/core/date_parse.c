/*
 * Reading a text by a compiled pattern: items, one after the other, into fields. What the fields
 * come to together is date_resolve.c.
 *
 * A part that does not fit fails softly: within [ ] the rest may be tried without it. The furthest
 * place reached is what the message names. Where Java throws instead (an offset of 25 hours), the
 * whole text is refused, even within [ ].
 */
#include <inttypes.h>

#include "core/date_inner.h"

#define NO_FIT ((size_t)-1)
#define UTC_NAME "Coordinated Universal Time" /* the one name that leaves nothing open */

struct reader {
    const struct date_pattern *p;
    struct str text;
    bool thrown;
    size_t furthest; /* where the first of the items that got furthest did not fit */
    const struct date_item *expected;
};

/* ---- messages ---- */

static void expect_number(const struct date_item *item, struct buf *b)
{
    const char *name = date_field_rows[item->field].name;

    if (item->kind == ITEM_FRACTION)
        buf_printf(b, "%zu digits of a second's fraction", item->max);
    else if (item->min == item->max)
        buf_printf(b, "%s in %zu digit%s", name, item->min, item->min == 1 ? "" : "s");
    else
        buf_printf(b, "%s in at least %zu digit%s", name, item->min, item->min == 1 ? "" : "s");
}

static void expect_item(const struct reader *r, const struct date_item *item, struct buf *b)
{
    switch (item->kind) {
    case ITEM_LITERAL:
        buf_printf(b, "\"%.*s\"", (int)item->length, r->p->texts + item->text);
        break;
    case ITEM_NUMBER:
    case ITEM_REDUCED:
    case ITEM_FRACTION:
        expect_number(item, b);
        break;
    case ITEM_TEXT:
        buf_printf(b, "%s such as %s", date_field_rows[item->field].name,
                   date_text(item->field, date_field_rows[item->field].max, item->style));
        break;
    case ITEM_PERIOD:
        buf_printf(b, "a part of the day such as %s", date_period_text(1, item->style));
        break;
    case ITEM_OFFSET:
        buf_printf(b, "%s or an offset such as +01%s%s", item->zero, item->colon ? ":" : "",
                   item->minutes == 'M' ? "00" : "");
        break;
    case ITEM_OFFSET_GMT:
        buf_puts(b, item->style == STYLE_FULL ? "an offset such as GMT+01:00"
                                              : "an offset such as GMT+1");
        break;
    case ITEM_ZONE_ID:
        buf_puts(b, "a zone such as Europe/Berlin");
        break;
    case ITEM_ZONE_TEXT:
        buf_puts(b, "the name of a zone");
        break;
    case ITEM_OPTION:
        break;
    }
    if (item->letter)
        buf_printf(b, " (letter %zu of the pattern, %c)", item->at, item->letter);
}

static size_t no_fit(struct reader *r, const struct date_item *item, size_t pos)
{
    if (!r->expected || pos > r->furthest) {
        r->furthest = pos;
        r->expected = item;
    }
    return NO_FIT;
}

/* Java leaves its reader by an exception here: no other way of reading is tried. */
static size_t thrown(struct reader *r, const struct date_item *item, size_t pos)
{
    r->thrown = true;
    r->furthest = pos;
    r->expected = item;
    return NO_FIT;
}

/* ---- parts ---- */

static int digit_at(struct str s, size_t pos)
{
    return pos < s.n && s.p[pos] >= '0' && s.p[pos] <= '9' ? s.p[pos] - '0' : -1;
}

static size_t put(struct reader *r, const struct date_item *item, struct date_fields *f,
                  enum date_field field, int64_t value, size_t from, size_t to)
{
    if (date_has(f, field) && f->v[field] != value)
        return no_fit(r, item, from);
    f->have |= UINT32_C(1) << field;
    f->v[field] = value;
    return to;
}

static size_t digits_at(struct str s, size_t pos, size_t max)
{
    size_t n = 0;

    while (n < max && digit_at(s, pos + n) >= 0)
        n++;
    return n;
}

/* The number of n digits; of one too great for 64 bits its last digit is left unread. */
static uint64_t digits_value(struct str s, size_t pos, size_t *n, uint64_t max)
{
    unsigned __int128 value = 0;

    for (size_t i = 0; i < *n; i++)
        value = value * 10 + (unsigned)digit_at(s, pos + i);
    if (value > max) {
        value /= 10;
        --*n;
    }
    return (uint64_t)value;
}

/* The sign at pos: '+', '-' or 0. False if it may not stand there. */
static bool sign_at(const struct date_item *item, struct str s, size_t pos, char *ret)
{
    *ret = s.p[pos] == '+' || s.p[pos] == '-' ? s.p[pos] : '\0';
    if (*ret == '\0')
        return true;
    return item->sign == SIGN_EXCEEDS_PAD || (item->sign == SIGN_NORMAL && *ret == '-');
}

/* Up to max digits, NO_FIT if they end before min. More than max are never asked for. */
static size_t digits_between(struct str s, size_t pos, size_t min, size_t max)
{
    size_t n = digits_at(s, pos, max);

    return n < MIN(min, max) ? NO_FIT : n;
}

/* How many digits are the number's own, when those of adjacent numbers may follow. */
static size_t own_digits(const struct date_item *item, struct str s, size_t pos)
{
    size_t n = digits_between(s, pos, item->min, item->max + item->digits_behind);

    if (item->digits_behind == 0 || n == NO_FIT)
        return n;
    n = n > item->digits_behind ? n - item->digits_behind : 0;
    return digits_between(s, pos, item->min, MAX(n, item->min));
}

static size_t read_number(struct reader *r, const struct date_item *item, struct date_fields *f,
                          struct str s, size_t from)
{
    size_t pos = from, n;
    char sign;

    if (pos >= s.n || !sign_at(item, s, pos, &sign))
        return no_fit(r, item, from);
    pos += sign != '\0';
    n = own_digits(item, s, pos);
    if (s.n - pos < item->min || n == NO_FIT)
        return no_fit(r, item, pos + digits_at(s, pos, item->min));
    if (n > 38)
        return thrown(r, item, from);

    size_t all = n;
    int64_t value = (int64_t)digits_value(s, pos, &n, sign == '-' ? UINT64_C(1) << 63 : INT64_MAX);

    if (sign == '-' && value == 0)
        return no_fit(r, item, from);
    if (sign != '-' && item->sign == SIGN_EXCEEDS_PAD && (sign == '+') != (all > item->min))
        return no_fit(r, item, from);
    if (sign == '-')
        value = (int64_t) - (uint64_t)value;
    if (item->kind == ITEM_REDUCED && n == 2)
        value += 2000;
    return put(r, item, f, item->field, value, from, pos + n);
}

static size_t read_fraction(struct reader *r, const struct date_item *item, struct date_fields *f,
                            struct str s, size_t from)
{
    size_t n = digits_at(s, from, item->max);
    int64_t nanos = 0;

    if (n < item->min)
        return no_fit(r, item, from + n);
    for (size_t i = 0; i < 9; i++)
        nanos = nanos * 10 + (i < n ? digit_at(s, from + i) : 0);
    return put(r, item, f, DATE_NANO, nanos, from, from + n);
}

static size_t read_text(struct reader *r, const struct date_item *item, struct date_fields *f,
                        struct str s, size_t from)
{
    int64_t value = 0;
    size_t n = date_text_match(str_drop(s, from), item->field, item->style, &value);

    return n ? put(r, item, f, item->field, value, from, from + n) : no_fit(r, item, from);
}

static size_t read_period(struct reader *r, const struct date_item *item, struct date_fields *f,
                          struct str s, size_t from)
{
    int period = 0;
    size_t n = date_period_match(str_drop(s, from), item->style, &period);

    if (n == 0)
        return no_fit(r, item, from);
    f->period = period;
    return from + n;
}

/* ---- offsets ---- */

/* Two digits up to 59, behind a colon if there must be one. */
static bool two_digits(struct str s, size_t *pos, bool colon, int *ret)
{
    size_t at = *pos + colon;

    if (colon && (*pos >= s.n || s.p[*pos] != ':'))
        return false;
    if (digits_at(s, at, 2) < 2 || digit_at(s, at) > 5)
        return false;
    *ret = digit_at(s, at) * 10 + digit_at(s, at + 1);
    *pos = at + 2;
    return true;
}

/* +01:30 and the like at from. NO_FIT: not one; *ret_hours over 23: one that Java throws at. */
static size_t scan_offset(const struct date_item *item, struct str s, size_t from, int *ret_hours,
                          int32_t *ret)
{
    int minutes = 0, seconds = 0;
    size_t pos = from + 1;

    if (from >= s.n || (s.p[from] != '+' && s.p[from] != '-'))
        return NO_FIT;
    if (!two_digits(s, &pos, false, ret_hours))
        return NO_FIT;
    if (!two_digits(s, &pos, item->colon, &minutes) && item->minutes == 'M')
        return NO_FIT;
    if (item->seconds)
        (void)two_digits(s, &pos, item->colon, &seconds);
    *ret = *ret_hours * 3600 + minutes * 60 + seconds;
    if (s.p[from] == '-')
        *ret = -*ret;
    return pos;
}

static size_t read_offset(struct reader *r, const struct date_item *item, struct date_fields *f,
                          struct str s, size_t from)
{
    int32_t offset = 0;
    int hours = 0;

    if (from >= s.n)
        return no_fit(r, item, from);
    if (str_starts(str_drop(s, from), str_of(item->zero)))
        return put(r, item, f, DATE_OFFSET, 0, from, from + strlen(item->zero));

    size_t to = scan_offset(item, s, from, &hours, &offset);

    if (to == NO_FIT)
        return no_fit(r, item, from);
    if (hours > 23)
        return thrown(r, item, from);
    return put(r, item, f, DATE_OFFSET, offset, from, to);
}

/* ":30" at *pos, if both digits are there. */
static int colon_and_two(struct str s, size_t *pos)
{
    if (*pos + 2 >= s.n || s.p[*pos] != ':' || digits_at(s, *pos + 1, 2) < 2)
        return -1;
    *pos += 3;
    return digit_at(s, *pos - 2) * 10 + digit_at(s, *pos - 1);
}

/* Hours and minutes of "GMT+01:30"; *pos moves behind them. */
static bool gmt_full(struct str s, size_t *pos, int *ret_s)
{
    size_t at = *pos;
    int seconds;

    if (digits_at(s, at, 2) < 2 || at + 2 >= s.n || s.p[at + 2] != ':' ||
        digits_at(s, at + 3, 2) < 2)
        return false;
    *ret_s = (digit_at(s, at) * 10 + digit_at(s, at + 1)) * 3600 +
             (digit_at(s, at + 3) * 10 + digit_at(s, at + 4)) * 60;
    *pos = at + 5;
    seconds = colon_and_two(s, pos);
    *ret_s += MAX(seconds, 0);
    return true;
}

/* "GMT+1", "GMT+11:30", "GMT+1:30:15". */
static bool gmt_short(struct str s, size_t *pos, int *ret_s)
{
    size_t n = digits_at(s, *pos, 2);
    int minutes, seconds = -1;

    if (n == 0)
        return false;
    *ret_s = 0;
    for (size_t i = 0; i < n; i++)
        *ret_s = *ret_s * 10 + digit_at(s, *pos + i);
    *ret_s *= 3600;
    *pos += n;
    minutes = colon_and_two(s, pos);
    if (minutes >= 0)
        seconds = colon_and_two(s, pos);
    *ret_s += MAX(minutes, 0) * 60 + MAX(seconds, 0);
    return true;
}

/* Java reads digit by digit and throws where the text ends before one. */
static bool ends_within(const struct date_item *item, struct str s, size_t pos)
{
    if (item->style != STYLE_FULL)
        return pos >= s.n;
    for (size_t i = 0; i < 5; i++) {
        if (pos + i >= s.n)
            return true;
        if (i == 1 && digits_at(s, pos, 2) < 2)
            return false;
        if (i == 2 && s.p[pos + i] != ':')
            return false;
    }
    return false;
}

static size_t read_offset_gmt(struct reader *r, const struct date_item *item, struct date_fields *f,
                              struct str s, size_t from)
{
    size_t pos = from + 3;
    int seconds = 0;

    if (!str_starts(str_drop(s, from), STR("GMT")))
        return no_fit(r, item, from);
    if (pos >= s.n || (s.p[pos] != '+' && s.p[pos] != '-'))
        return put(r, item, f, DATE_OFFSET, 0, from, pos);

    bool negative = s.p[pos++] == '-';

    if (ends_within(item, s, pos))
        return thrown(r, item, pos);
    if (!(item->style == STYLE_FULL ? gmt_full : gmt_short)(s, &pos, &seconds))
        return no_fit(r, item, pos);
    return put(r, item, f, DATE_OFFSET, negative ? -seconds : seconds, from, pos);
}

/* ---- zones ---- */

static const struct date_item offset_of_id = {
    .kind = ITEM_OFFSET, .colon = true, .minutes = 'M', .seconds = 's', .zero = "Z"};

static size_t put_zone(struct date_fields *f, struct str prefix, int32_t offset, size_t to)
{
    AUTO(date_zone_freep) struct date_zone *fixed = date_zone_fixed(offset);
    bool bare = prefix.n > 0 && offset == 0;

    snprintf(f->zone, sizeof f->zone, "%.*s%s", STR_ARG(prefix), bare ? "" : date_zone_id(fixed));
    f->zone_is_named = false;
    return to;
}

/* An offset, behind UTC, GMT or UT if there is a prefix; then it may be missing. */
static size_t read_zone_offset(struct reader *r, const struct date_item *item,
                               struct date_fields *f, struct str s, size_t from, size_t prefix)
{
    struct str name = str_make(s.p + from, prefix);
    size_t pos = from + prefix, to;
    int32_t offset = 0;
    int hours = 0;

    if (pos >= s.n)
        return put_zone(f, name, 0, pos);
    to = scan_offset(&offset_of_id, s, pos, &hours, &offset);
    if (to == NO_FIT)
        return prefix ? put_zone(f, name, 0, pos) : no_fit(r, item, from);
    if (hours > 23)
        return thrown(r, item, pos);
    if (offset > DATE_OFFSET_MAX || offset < -DATE_OFFSET_MAX)
        return no_fit(r, item, from);
    return put_zone(f, name, offset, to);
}

static bool is_zone_char(char ch)
{
    return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') ||
           (ch != '\0' && strchr("/._+-~", ch));
}

/* The longest beginning of s that is a zone of the database. */
static size_t zone_id_match(struct str s)
{
    size_t n = 0;

    while (n < s.n && n < DATE_ZONE_NAME_MAX && is_zone_char(s.p[n]))
        n++;
    for (; n > 1; n--) {
        AUTO(date_zone_freep) struct date_zone *zone = NULL;

        if (date_zone_new(str_make(s.p, n), &zone, NULL) == E_OK)
            return n;
    }
    return 0;
}

static size_t read_zone_name(struct reader *r, const struct date_item *item, struct date_fields *f,
                             struct str s, size_t from)
{
    struct str rest = str_drop(s, from);
    size_t id = zone_id_match(rest), name = 0;

    if (item->kind == ITEM_ZONE_TEXT)
        name = date_zone_text_match(rest,
                                    item->style == STYLE_FULL ? ZONE_NAME_FULL : ZONE_NAME_SHORT);
    if (id == 0 && name == 0)
        return rest.p[0] == 'Z' ? put_zone(f, STR(""), 0, from + 1) : no_fit(r, item, from);
    if (str_starts(rest, STR(UTC_NAME)) && name > 0)
        return put_zone(f, STR("UTC"), 0, from + name);
    f->zone_is_named = name > 0 && name >= id;
    snprintf(f->zone, sizeof f->zone, "%.*s", (int)MIN(MAX(id, name), sizeof f->zone - 1), rest.p);
    return from + MAX(id, name);
}

static size_t read_zone(struct reader *r, const struct date_item *item, struct date_fields *f,
                        struct str s, size_t from)
{
    struct str rest = str_drop(s, from);

    if (rest.n == 0)
        return no_fit(r, item, from);
    if (rest.p[0] == '+' || rest.p[0] == '-')
        return read_zone_offset(r, item, f, s, from, 0);
    if (str_starts(rest, STR("UTC")))
        return read_zone_offset(r, item, f, s, from, 3);
    if (str_starts(rest, STR("UT")))
        return read_zone_offset(r, item, f, s, from, 2);
    if (str_starts(rest, STR("GMT0"))) {
        snprintf(f->zone, sizeof f->zone, "GMT0");
        f->zone_is_named = false;
        return from + 4;
    }
    if (str_starts(rest, STR("GMT")))
        return read_zone_offset(r, item, f, s, from, 3);
    return read_zone_name(r, item, f, s, from);
}

/* ---- the walk ---- */

static size_t read_item(struct reader *r, const struct date_item *item, struct date_fields *f,
                        struct str s, size_t from)
{
    struct str literal;

    switch (item->kind) {
    case ITEM_LITERAL:
        literal = str_make(r->p->texts + item->text, item->length);
        return str_starts(str_drop(s, from), literal) ? from + literal.n : no_fit(r, item, from);
    case ITEM_NUMBER:
    case ITEM_REDUCED:
        return read_number(r, item, f, s, from);
    case ITEM_FRACTION:
        return read_fraction(r, item, f, s, from);
    case ITEM_TEXT:
        return read_text(r, item, f, s, from);
    case ITEM_PERIOD:
        return read_period(r, item, f, s, from);
    case ITEM_OFFSET:
        return read_offset(r, item, f, s, from);
    case ITEM_OFFSET_GMT:
        return read_offset_gmt(r, item, f, s, from);
    case ITEM_ZONE_ID:
    case ITEM_ZONE_TEXT:
        return read_zone(r, item, f, s, from);
    case ITEM_OPTION:
        break;
    }
    return from;
}

/* Bytes of the first count characters from pos on; NO_FIT if there are not so many. */
static size_t bytes_of(struct str s, size_t pos, size_t count)
{
    size_t n = pos;

    while (count > 0 && n < s.n) {
        bool ok;

        n += str_utf8_step(str_drop(s, n), &ok);
        count--;
    }
    return count ? NO_FIT : n - pos;
}

/* Blanks, then the item; both fill the width exactly. */
static size_t read_padded(struct reader *r, const struct date_item *item, struct date_fields *f,
                          size_t from)
{
    size_t width = bytes_of(r->text, from, item->pad), pos = from, to;
    struct str s;

    if (from >= r->text.n || width == NO_FIT)
        return no_fit(r, item, from);
    s = str_make(r->text.p, from + width);
    while (pos < s.n && s.p[pos] == ' ')
        pos++;
    to = read_item(r, item, f, s, pos);
    if (to == NO_FIT || to == s.n)
        return to;
    return no_fit(r, item, to);
}

static size_t read_items(struct reader *r, size_t first, size_t end, struct date_fields *f,
                         size_t pos)
{
    for (size_t i = first; i < end && pos != NO_FIT; i++) {
        const struct date_item *item = &r->p->items[i];

        if (item->kind == ITEM_OPTION) {
            struct date_fields with = *f;
            size_t to = read_items(r, i + 1, item->end, &with, pos);

            if (r->thrown)
                return NO_FIT;
            if (to != NO_FIT) {
                *f = with;
                pos = to;
            }
            i = item->end - 1;
        } else if (item->pad) {
            pos = read_padded(r, item, f, pos);
        } else {
            pos = read_item(r, item, f, r->text, pos);
        }
    }
    return pos;
}

static size_t position(struct str s, size_t bytes)
{
    size_t n = 1;

    for (size_t i = 0; i < bytes && i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
    return n;
}

static enum err refuse(const struct reader *r, size_t read, struct errinfo *ei)
{
    AUTO(buf_done) struct buf b = BUF_INIT;

    if (!r->expected || (read != NO_FIT && read >= r->furthest))
        return err_set(ei, E_INVALID, "character %zu of the text: nothing more was expected",
                       position(r->text, read));
    expect_item(r, r->expected, &b);
    return err_set(ei, E_INVALID, "character %zu of the text: expected %s%s",
                   position(r->text, r->furthest), buf_cstr(&b),
                   r->furthest >= r->text.n ? ", found the end" : "");
}

enum err date_pattern_parse(const struct date_pattern *p, const struct date_zone *zone,
                            struct str text, struct date_reading *ret, struct errinfo *ei)
{
    struct date_fields f = {.period = -1};
    struct reader r = {.p = p, .text = text};
    struct date_reading reading = {0};
    enum err err;

    if (text.n > LIMIT_DATE_TEXT)
        return err_set(ei, E_LIMIT, "the text is longer than %d bytes", LIMIT_DATE_TEXT);
    if (!str_is_utf8(text))
        return err_set(ei, E_INVALID, "the text is not UTF-8");

    size_t read = read_items(&r, 0, p->count, &f, 0);

    if (read != text.n)
        return refuse(&r, read, ei);
    err = date_resolve(&f, zone, &reading, ei);
    if (err == E_OK && ret)
        *ret = reading;
    return err;
}
