/*
 * Compiling a date pattern: one table of letters says what each means, how often it may stand, and
 * what it is made into.
 */
#include "core/date_inner.h"

struct compiler {
    struct str rest;
    size_t at; /* of the first character of rest, from 1 */
    struct date_pattern *p;
    size_t texts; /* bytes used */
    size_t pad;   /* for the next item */
    size_t open[LIMIT_DATE_PATTERN], depth;
    size_t closed; /* items up to the last ]: text behind it does not join them */
    struct date_item
        *number; /* the last item, or one before it, if it is a number to which one that
                               * follows without a gap is adjacent; NULL: none */
    struct errinfo *ei;
};

struct letter {
    char letter;
    uint32_t counts; /* a bit for each number of letters that is allowed, from 1 */
    enum date_field field;
    void (*make)(struct date_item *item, size_t count);
};

#define TIMES(n) (UINT32_C(1) << ((n)-1))
#define UP_TO(n) ((UINT32_C(1) << (n)) - 1)
#define ANY UINT32_MAX

/* ---- what letters are made into ---- */

static void number(struct date_item *item, size_t min, size_t max, enum date_sign sign)
{
    item->kind = ITEM_NUMBER;
    item->min = min;
    item->max = max;
    item->sign = sign;
}

/* A letter stands for as many digits as it takes, two for two digits. */
static void make_number(struct date_item *item, size_t count)
{
    number(item, count, count == 1 ? 19 : count, count == 1 ? SIGN_NORMAL : SIGN_NONE);
}

static void make_wide(struct date_item *item, size_t count)
{
    number(item, count, 19, SIGN_NONE);
}

static void make_julian(struct date_item *item, size_t count)
{
    number(item, count, 19, SIGN_NORMAL);
}

static void make_day_of_year(struct date_item *item, size_t count)
{
    number(item, count, count == 1 ? 19 : 3, count == 1 ? SIGN_NORMAL : SIGN_NONE);
}

static void make_week(struct date_item *item, size_t count)
{
    number(item, count, 2, SIGN_NONE);
}

static void make_digit(struct date_item *item, size_t count)
{
    number(item, count, count, SIGN_NONE);
}

static void make_year(struct date_item *item, size_t count)
{
    number(item, count, 19, count < 4 ? SIGN_NORMAL : SIGN_EXCEEDS_PAD);
    if (count == 2) {
        number(item, 2, 2, SIGN_NONE);
        item->kind = ITEM_REDUCED;
    }
}

static void make_fraction(struct date_item *item, size_t count)
{
    number(item, count, count, SIGN_NONE);
    item->kind = ITEM_FRACTION;
}

static void make_text(struct date_item *item, size_t count)
{
    item->kind = ITEM_TEXT;
    item->style = count == 5 ? STYLE_NARROW : count == 4 ? STYLE_FULL : STYLE_SHORT;
}

static void make_number_or_text(struct date_item *item, size_t count)
{
    if (count < 3)
        make_number(item, count);
    else
        make_text(item, count);
}

static void make_weekday(struct date_item *item, size_t count)
{
    if (count < 3) {
        make_digit(item, count);
        item->field = DATE_WEEKDAY_US;
    } else {
        make_text(item, count);
    }
}

static void make_period(struct date_item *item, size_t count)
{
    make_text(item, count);
    item->kind = ITEM_PERIOD;
}

static void make_zone_id(struct date_item *item, size_t count)
{
    (void)count;
    item->kind = ITEM_ZONE_ID;
}

static void make_zone_text(struct date_item *item, size_t count)
{
    make_text(item, count);
    item->kind = ITEM_ZONE_TEXT;
    item->generic = item->letter == 'v';
}

static void offset(struct date_item *item, bool colon, char minutes, char seconds, const char *zero)
{
    item->kind = ITEM_OFFSET;
    item->colon = colon;
    item->minutes = minutes;
    item->seconds = seconds;
    item->zero = zero;
}

static void make_offset(struct date_item *item, size_t count)
{
    bool colon = count % 2 == 1 && count > 1;
    const char *zero = colon ? "+00:00" : count == 1 ? "+00" : "+0000";

    offset(item, colon, count == 1 ? 'm' : 'M', count > 3 ? 's' : '\0',
           item->letter == 'X' ? "Z" : zero);
}

static void make_offset_gmt(struct date_item *item, size_t count)
{
    make_text(item, count);
    item->kind = ITEM_OFFSET_GMT;
}

static void make_offset_rfc(struct date_item *item, size_t count)
{
    if (count == 4)
        make_offset_gmt(item, count);
    else
        offset(item, count == 5, 'M', count == 5 ? 's' : '\0', count == 5 ? "Z" : "+0000");
}

static const struct letter letters[] = {
    {'G', UP_TO(5), DATE_ERA, make_text},
    {'u', UP_TO(19), DATE_YEAR, make_year},
    {'y', UP_TO(19), DATE_YEAR_OF_ERA, make_year},
    {'D', UP_TO(3), DATE_DAY_OF_YEAR, make_day_of_year},
    {'M', UP_TO(5), DATE_MONTH, make_number_or_text},
    {'L', UP_TO(5), DATE_MONTH, make_number_or_text},
    {'d', UP_TO(2), DATE_DAY, make_number},
    {'g', UP_TO(19), DATE_JULIAN_DAY, make_julian},
    {'Q', UP_TO(5), DATE_QUARTER, make_number_or_text},
    {'q', UP_TO(5), DATE_QUARTER, make_number_or_text},
    {'Y', ANY, DATE_WEEK_YEAR, make_year},
    {'w', UP_TO(2), DATE_WEEK, make_week},
    {'W', TIMES(1), DATE_WEEK_OF_MONTH, make_digit},
    {'E', UP_TO(5), DATE_WEEKDAY, make_text},
    {'e', UP_TO(5), DATE_WEEKDAY, make_weekday},
    {'c', UP_TO(5) & ~TIMES(2), DATE_WEEKDAY, make_weekday},
    {'F', TIMES(1), DATE_DAY_OF_SEVEN, make_number},
    {'a', TIMES(1), DATE_AMPM, make_text},
    {'B', TIMES(1) | TIMES(4) | TIMES(5), DATE_AMPM, make_period},
    {'h', UP_TO(2), DATE_HOUR_12, make_number},
    {'K', UP_TO(2), DATE_HOUR_0_11, make_number},
    {'k', UP_TO(2), DATE_HOUR_24, make_number},
    {'H', UP_TO(2), DATE_HOUR, make_number},
    {'m', UP_TO(2), DATE_MINUTE, make_number},
    {'s', UP_TO(2), DATE_SECOND, make_number},
    {'S', UP_TO(9), DATE_NANO, make_fraction},
    {'A', UP_TO(19), DATE_MILLI_OF_DAY, make_wide},
    {'n', UP_TO(19), DATE_NANO, make_wide},
    {'N', UP_TO(19), DATE_NANO_OF_DAY, make_wide},
    {'V', TIMES(2), DATE_OFFSET, make_zone_id},
    {'v', TIMES(1) | TIMES(4), DATE_OFFSET, make_zone_text},
    {'z', UP_TO(4), DATE_OFFSET, make_zone_text},
    {'O', TIMES(1) | TIMES(4), DATE_OFFSET, make_offset_gmt},
    {'X', UP_TO(5), DATE_OFFSET, make_offset},
    {'x', UP_TO(5), DATE_OFFSET, make_offset},
    {'Z', UP_TO(5), DATE_OFFSET, make_offset_rfc},
};

/* ---- refusals ---- */

/* "1, 4 or 5 times" */
static void write_counts(struct buf *b, uint32_t counts)
{
    if ((counts & (counts + 1)) == 0 && counts > 1) {
        buf_printf(b, "at most %d times", __builtin_popcount(counts));
        return;
    }
    for (; counts; counts &= counts - 1) {
        int left = __builtin_popcount(counts);
        int count = __builtin_ctz(counts) + 1;

        buf_printf(b, "%d%s", count, left > 2 ? ", " : left == 2 ? " or " : "");
        if (left == 1)
            buf_puts(b, count == 1 ? " time" : " times");
    }
}

static enum err refuse_count(struct compiler *c, const struct letter *l, size_t count)
{
    AUTO(buf_done) struct buf b = BUF_INIT;

    write_counts(&b, l->counts);
    return err_set(c->ei, E_INVALID,
                   "letter %zu of the pattern: %c may stand %s in a row, found %zu", c->at,
                   l->letter, buf_cstr(&b), count);
}

static enum err refuse_letter(struct compiler *c, char letter)
{
    return err_set(c->ei, E_INVALID,
                   "letter %zu of the pattern: %c has no meaning; put text in quotes: '%c'", c->at,
                   letter, letter);
}

/* ---- the walk ---- */

static bool is_letter(char ch)
{
    return (ch >= 'A' && ch <= 'Z') || (ch >= 'a' && ch <= 'z');
}

static size_t run_length(struct str s)
{
    size_t n = 0;

    while (n < s.n && s.p[n] == s.p[0])
        n++;
    return n;
}

/* Characters, not bytes, are what positions count. */
static void advance(struct compiler *c, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        c->at += ((unsigned char)c->rest.p[i] & 0xc0) != 0x80;
    c->rest = str_drop(c->rest, bytes);
}

static struct date_item *add(struct compiler *c, enum date_item_kind kind, char letter)
{
    struct date_item *item = &c->p->items[c->p->count++];

    *item = (struct date_item){.kind = kind, .letter = letter, .at = c->at, .pad = c->pad};
    c->pad = 0;
    return item;
}

/*
 * Numbers that follow each other without a gap (yyyyMMdd): those of fixed width leave the first of
 * them what is not theirs. One of free width among them takes that over, and the first then reads
 * what it can. Java keeps the first by its place and fails when it is padded.
 */
static enum err join_numbers(struct compiler *c, struct date_item *item)
{
    bool is_fixed = item->min == item->max && (item->sign == SIGN_NONE || item->letter == 'Y');

    if (item->kind > ITEM_FRACTION) {
        c->number = NULL;
        return E_OK;
    }
    if (item->pad)
        c->number = NULL;
    if (c->number && c->number->pad)
        return err_set(c->ei, E_INVALID,
                       "letter %zu of the pattern: a number may not follow the padded number at "
                       "letter %zu without a text between them",
                       item->at, c->number->at);
    if (c->number && is_fixed) {
        c->number->digits_behind += item->max;
        return E_OK;
    }
    if (c->number)
        c->number->digits_behind = 0;
    c->number = item;
    return E_OK;
}

static enum err take_letters(struct compiler *c)
{
    char ch = c->rest.p[0];
    size_t count = run_length(c->rest);
    const struct letter *l = NULL;

    for (size_t i = 0; i < ARRAY_LEN(letters); i++)
        if (letters[i].letter == ch)
            l = &letters[i];
    if (!l)
        return refuse_letter(c, ch);
    if (l->counts != ANY && (count > 31 || !(l->counts >> (count - 1) & 1)))
        return refuse_count(c, l, count);

    struct date_item *item = add(c, ITEM_NUMBER, ch);

    item->field = l->field;
    l->make(item, count);
    advance(c, count);
    return join_numbers(c, item);
}

static enum err take_pad(struct compiler *c)
{
    size_t count = run_length(c->rest);

    if (count == c->rest.n || !is_letter(c->rest.p[count]))
        return err_set(
            c->ei, E_INVALID,
            "letter %zu of the pattern: behind p, which pads, must stand the letter to pad", c->at);
    c->pad = count;
    advance(c, count);
    return take_letters(c);
}

static void add_text(struct compiler *c, struct str text)
{
    struct date_pattern *p = c->p;
    struct date_item *last = p->count ? &p->items[p->count - 1] : NULL;

    if (!last || last->kind != ITEM_LITERAL || p->count == c->closed) {
        last = add(c, ITEM_LITERAL, '\0');
        last->text = c->texts;
    }
    memcpy(p->texts + c->texts, text.p, text.n);
    c->texts += text.n;
    last->length += text.n;
    c->number = NULL;
}

/* 'text', with '' for a quote within; '' alone is a quote. */
static enum err take_quoted(struct compiler *c)
{
    struct str s = c->rest;
    size_t i = 1;

    for (; i < s.n && (s.p[i] != '\'' || (i + 1 < s.n && s.p[i + 1] == '\'')); i++) {
        add_text(c, str_make(s.p + i, 1));
        i += s.p[i] == '\'';
    }
    if (i >= s.n)
        return err_set(c->ei, E_INVALID, "letter %zu of the pattern: this quote is not closed",
                       c->at);
    if (i == 1)
        add_text(c, STR("'"));
    advance(c, i + 1);
    return E_OK;
}

static enum err take_other(struct compiler *c)
{
    char ch = c->rest.p[0];

    if (ch == '[') {
        c->open[c->depth++] = c->p->count;
        add(c, ITEM_OPTION, '\0');
        c->number = NULL;
    } else if (ch == ']' && c->depth == 0) {
        return err_set(c->ei, E_INVALID, "letter %zu of the pattern: no [ stands before this ]",
                       c->at);
    } else if (ch == ']') {
        c->p->items[c->open[--c->depth]].end = c->p->count;
        c->closed = c->p->count;
        c->number = NULL;
    } else if (ch == '{' || ch == '}' || ch == '#') {
        return err_set(c->ei, E_INVALID,
                       "letter %zu of the pattern: %c is reserved; put text in quotes: '%c'", c->at,
                       ch, ch);
    } else {
        add_text(c, str_make(&ch, 1));
    }
    advance(c, 1);
    return E_OK;
}

static enum err take(struct compiler *c)
{
    char ch = c->rest.p[0];

    if (ch == 'p')
        return take_pad(c);
    if (is_letter(ch))
        return take_letters(c);
    return ch == '\'' ? take_quoted(c) : take_other(c);
}

enum err date_pattern_new(struct str text, struct date_pattern **ret, struct errinfo *ei)
{
    AUTO(date_pattern_freep) struct date_pattern *p = NULL;

    if (text.n > LIMIT_DATE_PATTERN)
        return err_set(ei, E_LIMIT, "the pattern is longer than %d bytes", LIMIT_DATE_PATTERN);
    if (!str_is_utf8(text))
        return err_set(ei, E_INVALID, "the pattern is not UTF-8");
    p = xcalloc(1, sizeof *p + (text.n + 1) * sizeof p->items[0]);
    p->texts = xcalloc(1, text.n + 1);

    struct compiler c = {.rest = text, .at = 1, .p = p, .ei = ei};

    while (c.rest.n > 0) {
        enum err err = take(&c);

        if (err != E_OK)
            return err;
    }
    while (c.depth > 0)
        p->items[c.open[--c.depth]].end = p->count;
    *ret = TAKE(p);
    return E_OK;
}

void date_pattern_free(struct date_pattern *p)
{
    if (!p)
        return;
    free(p->texts);
    free(p);
}
