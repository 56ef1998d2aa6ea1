#include "base/duration.h"

#include "base/clock.h"

/* In the order in which they may stand. */
static const struct unit {
    char letter;
    bool is_time; /* stands after the T */
    int64_t us;
} units[] = {
    {'W', false, 7 * US_PER_DAY}, {'D', false, US_PER_DAY}, {'H', true, 3600 * US_PER_S},
    {'M', true, 60 * US_PER_S},   {'S', true, US_PER_S},
};

#define WEEK 0
#define DAY 1

/* Reading "P…": where we are and what was read. */
struct reader {
    struct str rest;
    bool in_time;  /* the T was read */
    bool fraction; /* the last part had one, so nothing may follow */
    size_t parts;
    size_t next; /* the first unit that may still come */
    int64_t sum;
};

static size_t digits(struct str s)
{
    size_t n = 0;

    while (n < s.n && s.p[n] >= '0' && s.p[n] <= '9')
        n++;
    return n;
}

/* A number with a fraction in millionths of the unit's millionth: whole, and tail/scale of it. */
struct number {
    uint64_t whole;
    uint64_t tail, scale;
};

static const char *take_number(struct reader *r, struct number *ret)
{
    size_t n = digits(r->rest);

    if (n == 0)
        return r->rest.n && (r->rest.p[0] == '-' || r->rest.p[0] == '+') ? "a duration has no sign"
                                                                         : "a number is missing";
    if (!str_to_u64(str_make(r->rest.p, n), INT64_MAX, &ret->whole))
        return "it is too long";
    r->rest = str_drop(r->rest, n);
    ret->tail = 0;
    ret->scale = 1;
    if (r->rest.n == 0 || (r->rest.p[0] != '.' && r->rest.p[0] != ','))
        return NULL;
    r->rest = str_drop(r->rest, 1);
    n = digits(r->rest);
    if (n == 0)
        return "digits are missing after the point";
    /* 18 digits say a microsecond of a week and fit. */
    for (size_t i = 0; i < MIN(n, (size_t)18); i++) {
        ret->tail = ret->tail * 10 + (uint64_t)(r->rest.p[i] - '0');
        ret->scale *= 10;
    }
    r->rest = str_drop(r->rest, n);
    r->fraction = true;
    return NULL;
}

static const char *take_unit(struct reader *r, const struct unit **ret)
{
    char c = r->rest.n ? r->rest.p[0] : '\0';
    bool known = false;

    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (units[i].letter != c || units[i].is_time != r->in_time)
            continue;
        known = true;
        if (i < r->next)
            continue;
        r->next = i + 1;
        r->rest = str_drop(r->rest, 1);
        *ret = &units[i];
        return NULL;
    }
    if (known)
        return "its parts are repeated or out of order";
    if (!r->in_time && (c == 'Y' || c == 'M'))
        return "years and months have no fixed length; for minutes write PT";
    return r->in_time ? "expected H, M or S after a number" : "expected W or D after a number";
}

static const char *add(struct reader *r, const struct number *number, const struct unit *unit)
{
    unsigned __int128 us = (unsigned __int128)number->whole * (uint64_t)unit->us;

    us += (unsigned __int128)number->tail * (uint64_t)unit->us / number->scale;
    if (us > (uint64_t)(INT64_MAX - r->sum))
        return "it is too long";
    r->sum += (int64_t)us;
    r->parts++;
    return NULL;
}

static const char *take_part(struct reader *r)
{
    struct number number;
    const struct unit *unit = NULL;
    const char *wrong;

    if (r->fraction)
        return "only the last part may have a fraction";
    if (!r->in_time && r->rest.p[0] == 'T') {
        r->rest = str_drop(r->rest, 1);
        r->in_time = true;
        if (r->rest.n == 0)
            return "nothing follows the T";
    }
    wrong = take_number(r, &number);
    if (!wrong)
        wrong = take_unit(r, &unit);
    if (!wrong)
        wrong = add(r, &number, unit);
    if (!wrong && unit == &units[WEEK] && r->rest.n)
        wrong = "weeks stand alone";
    return wrong;
}

enum err duration_parse(struct str s, int64_t *ret_us, struct errinfo *ei)
{
    struct reader r = {.rest = str_drop(s, 1)};
    const char *wrong = NULL;

    if (s.n == 0 || s.p[0] != 'P')
        wrong = "it must start with P";
    else if (r.rest.n == 0)
        wrong = "nothing follows the P";
    while (!wrong && r.rest.n)
        wrong = take_part(&r);
    if (wrong)
        return err_set(ei, E_INVALID, "\"%.*s\" is not an ISO-8601 duration such as PT5M: %s",
                       (int)MIN(s.n, (size_t)40), s.n ? s.p : "", wrong);
    *ret_us = r.sum;
    return E_OK;
}

#define TEXT 64

static size_t put(char *text, size_t n, int64_t count, char letter)
{
    return n + (size_t)snprintf(text + n, TEXT - n, "%lld%c", (long long)count, letter);
}

static size_t put_seconds(char *text, size_t n, int64_t us)
{
    if (us % US_PER_S == 0)
        return put(text, n, us / US_PER_S, 'S');
    n += (size_t)snprintf(text + n, TEXT - n, "%lld.%06lld", (long long)(us / US_PER_S),
                          (long long)(us % US_PER_S));
    while (text[n - 1] == '0')
        n--;
    text[n++] = 'S';
    text[n] = '\0';
    return n;
}

/* Write us in the units of the set (bit i: units[i]); false if they leave a rest. */
static bool write_in(char *text, unsigned set, int64_t us)
{
    size_t n = 1;
    bool in_time = false;

    text[0] = 'P';
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        const struct unit *u = &units[i];
        int64_t count = us / u->us;

        if (!(set >> i & 1u) || us == 0 || (count == 0 && u->letter != 'S'))
            continue;
        if (u->is_time && !in_time)
            text[n++] = 'T';
        in_time = u->is_time;
        n = u->letter == 'S' ? put_seconds(text, n, us) : put(text, n, count, u->letter);
        us = u->letter == 'S' ? 0 : us % u->us;
    }
    return us == 0;
}

void duration_format(struct buf *b, int64_t us)
{
    char best[TEXT] = "PT0S", text[TEXT];
    bool have = us == 0;

    CHECK(us >= 0);
    /* Descending: sets with the larger units (the lower bits, when mirrored) come first. */
    for (unsigned mirrored = 15; mirrored > 0 && us; mirrored--) {
        unsigned set = 0;

        for (unsigned i = 0; i < 4; i++)
            set |= (mirrored >> i & 1u) << (4 - i);
        if (write_in(text, set, us) && (!have || strlen(text) < strlen(best))) {
            memcpy(best, text, sizeof best);
            have = true;
        }
    }
    if (us && write_in(text, 1u << WEEK, us) && strlen(text) < strlen(best))
        memcpy(best, text, sizeof best);
    buf_puts(b, best);
}
