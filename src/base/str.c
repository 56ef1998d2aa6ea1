#include "base/str.h"

#define DISTANCE_LEN ((size_t)128)

static unsigned char lower(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

int str_cmp(struct str a, struct str b)
{
    size_t n = MIN(a.n, b.n);
    int c = n ? memcmp(a.p, b.p, n) : 0;

    if (c)
        return c < 0 ? -1 : 1;
    return (a.n > b.n) - (a.n < b.n);
}

bool str_case_eq(struct str a, struct str b)
{
    return a.n == b.n && str_case_starts(a, b);
}

bool str_case_eqz(struct str a, const char *z)
{
    return str_case_eq(a, str_of(z));
}

bool str_starts(struct str s, struct str prefix)
{
    return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

bool str_case_starts(struct str s, struct str prefix)
{
    if (s.n < prefix.n)
        return false;
    for (size_t i = 0; i < prefix.n; i++)
        if (lower(s.p[i]) != lower(prefix.p[i]))
            return false;
    return true;
}

bool str_ends(struct str s, struct str suffix)
{
    return s.n >= suffix.n && str_eq(str_drop(s, s.n - suffix.n), suffix);
}

size_t str_find(struct str s, char c)
{
    const char *at = s.n ? memchr(s.p, c, s.n) : NULL;

    return at ? (size_t)(at - s.p) : s.n;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct str str_trim(struct str s)
{
    while (s.n && is_blank(s.p[0]))
        s = str_drop(s, 1);
    while (s.n && is_blank(s.p[s.n - 1]))
        s.n--;
    return s;
}

struct str str_split(struct str *rest, char sep)
{
    struct str s = *rest;

    if (!s.p)
        return STR_NONE;

    size_t at = str_find(s, sep);

    *rest = at < s.n ? str_drop(s, at + 1) : STR_NONE;
    return str_make(s.p, at);
}

struct str str_drop(struct str s, size_t n)
{
    if (!s.p)
        return STR_NONE;
    n = MIN(n, s.n);
    return str_make(s.p + n, s.n - n);
}

bool str_to_u64(struct str s, uint64_t max, uint64_t *ret)
{
    uint64_t v = 0;

    if (s.n == 0)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;

        uint64_t digit = (uint64_t)(s.p[i] - '0');

        if (digit > max || v > (max - digit) / 10)
            return false;
        v = v * 10 + digit;
    }
    *ret = v;
    return true;
}

bool str_to_i64(struct str s, int64_t *ret)
{
    bool minus = s.n && s.p[0] == '-';
    uint64_t v;

    if (!str_to_u64(minus ? str_drop(s, 1) : s, (uint64_t)INT64_MAX + minus, &v))
        return false;
    *ret = (int64_t)(minus ? 0 - v : v);
    return true;
}

struct str str_put(char **at, struct str s)
{
    if (!s.p)
        return STR_NONE;
    struct str copy = str_make(*at, s.n);
    if (s.n > 0)
        memcpy(*at, s.p, s.n);
    *at += s.n;
    return copy;
}

char *str_dup(struct str s)
{
    return xstrndup(s.n ? s.p : "", s.n);
}

/* One row of the table of distances of prefixes; i counts a's characters from 1. */
static size_t distance_row(struct str a, struct str b, size_t i, const size_t *before,
                           const size_t *above, size_t *row)
{
    size_t least = row[0] = i;

    for (size_t j = 1; j <= b.n; j++) {
        bool same = a.p[i - 1] == b.p[j - 1];
        size_t d = above[j - 1] + !same;

        d = MIN(d, above[j] + 1);
        d = MIN(d, row[j - 1] + 1);
        if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] && a.p[i - 2] == b.p[j - 1])
            d = MIN(d, before[j - 2] + 1);
        row[j] = d;
        least = MIN(least, d);
    }
    return least;
}

size_t str_distance(struct str a, struct str b, size_t max)
{
    size_t rows[3][DISTANCE_LEN + 1];
    size_t longer = MAX(a.n, b.n), shorter = MIN(a.n, b.n);
    size_t least_above = 0;

    if (longer > DISTANCE_LEN || longer - shorter > max)
        return max + 1;
    for (size_t j = 0; j <= b.n; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a.n; i++) {
        size_t least = distance_row(a, b, i, rows[(i + 1) % 3], rows[(i + 2) % 3], rows[i % 3]);

        /* A swap reaches two rows up, so two rows must be over max to give up. */
        if (least > max && least_above > max)
            return max + 1;
        least_above = least;
    }
    return MIN(rows[a.n % 3][b.n], max + 1);
}

const char *str_nearest(struct str s, const char *const *names, size_t count)
{
    const char *best = NULL;
    size_t within = MIN(MAX(s.n / 3, (size_t)1), (size_t)5);

    for (size_t i = 0; i < count; i++) {
        struct str name = str_of(names[i]);
        size_t d = str_distance(s, name, within);

        /* As many changes as letters: nothing of it is left. */
        if (d > within || d >= MAX(s.n, name.n))
            continue;
        best = names[i];
        if (d == 0)
            break;
        within = d - 1;
    }
    return best;
}

static bool is_tail(struct str s, size_t at)
{
    return at < s.n && ((unsigned char)s.p[at] & 0xc0) == 0x80;
}

/* Bytes that a lead byte announces (0: it cannot lead) and the range of the second byte. */
static size_t utf8_lead(unsigned char c, unsigned char *ret_lo, unsigned char *ret_hi)
{
    *ret_lo = 0x80;
    *ret_hi = 0xbf;
    if (c < 0x80)
        return 1;
    if (c < 0xc2 || c > 0xf4)
        return 0;
    if (c < 0xe0)
        return 2;
    if (c == 0xe0)
        *ret_lo = 0xa0; /* below: overlong */
    else if (c == 0xed)
        *ret_hi = 0x9f; /* above: surrogates */
    else if (c == 0xf0)
        *ret_lo = 0x90; /* below: overlong */
    else if (c == 0xf4)
        *ret_hi = 0x8f; /* above: past U+10FFFF */
    return c < 0xf0 ? 3 : 4;
}

size_t str_utf8_step(struct str s, bool *ret_ok)
{
    unsigned char lo, hi;
    size_t want = utf8_lead((unsigned char)s.p[0], &lo, &hi);
    size_t n = 1;

    if (want > 1 && s.n > 1 && (unsigned char)s.p[1] >= lo && (unsigned char)s.p[1] <= hi)
        for (n = 2; n < want && is_tail(s, n);)
            n++;
    *ret_ok = n == want;
    return n;
}

static uint64_t load64(const char *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof v);
    return v;
}

/* Bytes of ASCII at the front of s, counted in steps: at most 31 fewer than there are. */
static size_t ascii_run(struct str s)
{
    const uint64_t high = UINT64_C(0x8080808080808080);
    size_t i = 0;

    for (; i + 32 <= s.n; i += 32)
        if ((load64(s.p + i) | load64(s.p + i + 8) | load64(s.p + i + 16) | load64(s.p + i + 24)) &
            high)
            break;
    for (; i + 8 <= s.n; i += 8)
        if (load64(s.p + i) & high)
            break;
    return i;
}

bool str_is_utf8(struct str s)
{
    while (s.n) {
        bool ok = true;

        s = str_drop(s, ascii_run(s));
        /* After text that is not ASCII more of it is likely: several steps before the next run. */
        for (int i = 0; i < 16 && s.n && ok; i++)
            s = str_drop(s, str_utf8_step(s, &ok));
        if (!ok)
            return false;
    }
    return true;
}

static size_t json_escape(unsigned char c, char *ret)
{
    static const char hex[] = "0123456789abcdef";
    static const char short_of[0x20] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};

    ret[0] = '\\';
    if (c >= 0x20 || short_of[c]) {
        ret[1] = c >= 0x20 ? (char)c : short_of[c];
        return 2;
    }
    memcpy(ret + 1, "u00", 3);
    ret[4] = hex[c >> 4];
    ret[5] = hex[c & 15];
    return 6;
}

size_t str_json_char(struct str *s, char ret[STR_JSON_CHAR])
{
    unsigned char c = (unsigned char)s->p[0];
    struct str was = *s;
    bool ok;

    if (c < 0x20 || c == '"' || c == '\\') {
        *s = str_drop(was, 1);
        return json_escape(c, ret);
    }

    size_t n = str_utf8_step(was, &ok);

    *s = str_drop(was, n);
    if (!ok) {
        memcpy(ret, "\xef\xbf\xbd", 3);
        return 3;
    }
    memcpy(ret, was.p, n);
    return n;
}

int str_hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}
