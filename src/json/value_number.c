/*
 * Numbers by exact decimal value, from their text. Nothing is turned into a double, nothing
 * allocates, and an exponent may have any number of digits.
 *
 * A number that is not zero is digits × 10^exponent, where `digits` starts and ends with a digit
 * other than 0. That form is unique, so comparing and hashing it is exact.
 */
#include <math.h>

#include "json/value_inner.h"

/* Digits that a written exponent may have to be computed with; longer ones are compared as text. */
#define EXPONENT_DIGITS 17
/* Exponents beyond (either sign) all hash alike. Far above what moving the point can make of an
 * exponent, so the written and the computed exponent are always on the same side. */
#define EXPONENT_HUGE INT64_C(1000000000000000)
#define CHUNK_DIGITS 18

struct decimal {
    bool negative;
    const char *first, *end; /* first to behind last digit that counts; equal: zero */
    int64_t count;           /* digits in between (a point may be among them) */
    struct str written;      /* digits of the exponent as written, without leading zeros */
    bool written_negative;
    int64_t shift;    /* exponent = written exponent + shift */
    int64_t exponent; /* if exact */
    bool exact;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The text is a number of the JSON grammar, or any text when the caller gave nonsense. */
static void parse_mantissa(struct decimal *d, const char **at, const char *end)
{
    const char *p = *at;
    int64_t index = 0, whole = -1, first = 0, last = 0;

    for (; p < end && (is_digit(*p) || *p == '.'); p++) {
        if (*p == '.') {
            whole = index;
            continue;
        }
        if (*p != '0') {
            if (!d->first) {
                d->first = p;
                first = index;
            }
            last = index;
            d->end = p + 1;
        }
        index++;
    }
    if (whole < 0)
        whole = index;
    d->count = d->first ? last - first + 1 : 0;
    d->shift = whole - 1 - last;
    *at = p;
}

static void parse_exponent(struct decimal *d, const char *p, const char *end)
{
    int64_t value = 0;

    if (p < end && (*p == 'e' || *p == 'E'))
        p++;
    if (p < end && (*p == '+' || *p == '-'))
        d->written_negative = *p++ == '-';
    while (p < end && *p == '0')
        p++;
    d->written = str_make(p, (size_t)(end - p));
    d->exact = d->written.n <= EXPONENT_DIGITS;
    if (!d->exact)
        return;
    for (; p < end && is_digit(*p); p++)
        value = value * 10 + (*p - '0');
    d->exponent = (d->written_negative ? -value : value) + d->shift;
}

static struct decimal parse(struct str text)
{
    struct decimal d = {0};
    const char *p = text.p, *end = text.p + text.n;

    if (p < end && *p == '-') {
        d.negative = true;
        p++;
    }
    parse_mantissa(&d, &p, end);
    parse_exponent(&d, p, end);
    return d;
}

static bool same_digits(const struct decimal *a, const struct decimal *b)
{
    const char *p = a->first, *q = b->first;

    for (int64_t left = a->count; left > 0; left--) {
        p += *p == '.';
        q += *q == '.';
        if (*p++ != *q++)
            return false;
    }
    return true;
}

/* Do two exponents as written differ by exactly `want`, which is small? Long subtraction from the
 * front: once the difference is large, no further digit can make it small again. */
static bool written_differ_by(struct str a, struct str b, int64_t want)
{
    const int64_t large = INT64_C(10000000000000);
    size_t n = MAX(a.n, b.n);
    int64_t difference = 0;

    for (size_t i = 0; i < n; i++) {
        int digit_a = i + a.n >= n ? a.p[i + a.n - n] - '0' : 0;
        int digit_b = i + b.n >= n ? b.p[i + b.n - n] - '0' : 0;

        difference = difference * 10 + digit_a - digit_b;
        if (difference > large || difference < -large)
            return false;
    }
    return difference == want;
}

static bool same_exponent(const struct decimal *a, const struct decimal *b)
{
    if (a->exact && b->exact)
        return a->exponent == b->exponent;
    if (a->written_negative != b->written_negative)
        return false;

    int64_t want = b->shift - a->shift;

    return written_differ_by(a->written, b->written, a->written_negative ? -want : want);
}

/* The usual number: short, without an exponent. The same form as above in two integers. */
struct small {
    uint64_t digits; /* 0: zero */
    int exponent;
    bool negative;
};

static bool parse_small(struct str text, struct small *ret)
{
    const char *p = text.p, *end = text.p + text.n, *point = NULL;
    struct small s = {0};

    if (text.n > CHUNK_DIGITS)
        return false;
    if (p < end && *p == '-') {
        s.negative = true;
        p++;
    }
    for (; p < end; p++) {
        if (LIKELY(is_digit(*p)))
            s.digits = s.digits * 10 + (uint64_t)(*p - '0');
        else if (*p == '.')
            point = p;
        else
            return false;
    }
    s.exponent = point ? -(int)(end - point - 1) : 0;
    while (s.digits && s.digits % 10 == 0) {
        s.digits /= 10;
        s.exponent++;
    }
    *ret = s;
    return true;
}

static bool same_small(const struct small *a, const struct small *b)
{
    if (!a->digits || !b->digits)
        return a->digits == b->digits;
    return a->digits == b->digits && a->exponent == b->exponent && a->negative == b->negative;
}

/* Is it written in the only way that has no exponent and no digit too many? No such two texts are
 * equal by value. Says no of a few that are. */
static bool is_shortest(const jval *v)
{
    const uint64_t letters = UINT64_C(0x4040404040404040); /* of all that numbers have, e and E */
    const char *p = v->uni.str;
    size_t n = jvf_len(v);
    uint64_t head, tail;

    if (n > 16)
        return false;
    head = n < 8 ? jvf_head(p, n) : jvf_load8(p);
    tail = n < 8 ? 0 : jvf_load8(p + n - 8);
    return ((head | tail) & letters) == 0 && (p[n - 1] != '0' || !memchr(p, '.', n)) &&
           !(n == 2 && p[0] == '-' && p[1] == '0');
}

bool jvf_number_equal(const jval *a, const jval *b)
{
    return !(is_shortest(a) && is_shortest(b)) && json_number_equal(jvf_text(a), jvf_text(b));
}

bool json_number_equal(struct str a, struct str b)
{
    struct small s, t;

    if (str_eq(a, b))
        return true;
    if (LIKELY(parse_small(a, &s) && parse_small(b, &t)))
        return same_small(&s, &t);

    struct decimal x = parse(a), y = parse(b);

    if (x.count == 0 || y.count == 0)
        return x.count == y.count;
    return x.negative == y.negative && x.count == y.count && same_digits(&x, &y) &&
           same_exponent(&x, &y);
}

static uint64_t exponent_hash(const struct decimal *d)
{
    if (d->exact && d->exponent <= EXPONENT_HUGE && d->exponent >= -EXPONENT_HUGE)
        return (uint64_t)d->exponent;

    bool negative = d->exact ? d->exponent < 0 : d->written_negative;

    return negative ? UINT64_C(0x8000000000000001) : UINT64_C(0x8000000000000002);
}

static uint64_t zero_hash(uint64_t seed)
{
    return jvf_mix(seed ^ UINT64_C(0xa0761d6478bd642f), UINT64_C(0xe7037ed1a0b428db));
}

static uint64_t last_chunk_hash(uint64_t hash, uint64_t chunk, bool negative, uint64_t exponent)
{
    return jvf_mix(hash ^ chunk ^ (negative ? UINT64_C(1) << 63 : 0),
                   exponent ^ UINT64_C(0x8ebc6af09c88c6e3));
}

uint64_t json_number_hash(struct str text, uint64_t seed)
{
    uint64_t hash = seed ^ UINT64_C(0xa0761d6478bd642f), chunk = 0;
    struct small s;
    int in_chunk = 0;

    if (LIKELY(parse_small(text, &s)))
        return s.digits ? last_chunk_hash(hash, s.digits, s.negative, (uint64_t)s.exponent)
                        : zero_hash(seed);

    struct decimal d = parse(text);
    const char *p = d.first;

    if (d.count == 0)
        return zero_hash(seed);
    for (int64_t left = d.count; left > 0; left--) {
        p += *p == '.';
        chunk = chunk * 10 + (uint64_t)(*p++ - '0');
        if (++in_chunk == CHUNK_DIGITS && left > 1) {
            hash = jvf_mix(hash ^ chunk, UINT64_C(0xe7037ed1a0b428db));
            chunk = 0;
            in_chunk = 0;
        }
    }
    return last_chunk_hash(hash, chunk, d.negative, exponent_hash(&d));
}

bool jv_i64(const jval *v, int64_t *ret)
{
    if (!v || jvf_kind(v) != JVF_NUMBER)
        return false;

    struct decimal d = parse(jvf_text(v));
    uint64_t value = 0, most = d.negative ? UINT64_C(1) << 63 : INT64_MAX;
    const char *p = d.first;

    if (d.count == 0) {
        *ret = 0;
        return true;
    }
    if (!d.exact || d.exponent < 0 || d.exponent > 19 || d.count + d.exponent > 19)
        return false;
    for (int64_t i = 0; i < d.count + d.exponent; i++) {
        p += i < d.count && *p == '.';
        value = value * 10 + (i < d.count ? (uint64_t)(*p++ - '0') : 0);
    }
    if (value > most)
        return false;
    *ret = d.negative ? (int64_t)(0 - value) : (int64_t)value;
    return true;
}

bool jv_double(const jval *v, double *ret)
{
    jval parsed;

    if (!v || jvf_kind(v) != JVF_NUMBER)
        return false;
    /* The text is followed by a byte that no number has, see jdoc_parse(). */
    if (!yyjson_read_number(v->uni.str, &parsed, 0, NULL, NULL))
        return false;

    double d = yyjson_get_num(&parsed);

    if (!isfinite(d))
        return false;
    *ret = d;
    return true;
}
