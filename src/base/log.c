#include "base/log.h"

#include <errno.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/clock.h"

/* A line is built here and written at once, so that lines of several threads do not mix. What does
 * not fit is left out; ROOM_END is kept for closing what is open. */
#define LINE_SIZE 8192
#define ROOM_END 16

struct line {
    size_t n;
    char p[LINE_SIZE];
};

static _Atomic int level_on = LOG_INFO;
static _Atomic int format_on = LOG_LOGFMT;

static const char *const level_names[] = {"error", "warn", "info", "debug"};

void log_set(enum log_level level, enum log_format format)
{
    atomic_store_explicit(&level_on, (int)level, memory_order_relaxed);
    atomic_store_explicit(&format_on, (int)format, memory_order_relaxed);
}

bool log_on(enum log_level level)
{
    return (int)level <= atomic_load_explicit(&level_on, memory_order_relaxed);
}

bool log_level_parse(struct str s, enum log_level *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(level_names); i++)
        if (str_eqz(s, level_names[i])) {
            *ret = (enum log_level)i;
            return true;
        }
    return false;
}

static size_t room(const struct line *l)
{
    return l->n < LINE_SIZE - ROOM_END ? LINE_SIZE - ROOM_END - l->n : 0;
}

static void put(struct line *l, const char *p, size_t n)
{
    memcpy(l->p + l->n, p, n);
    l->n += n;
}

static void put_z(struct line *l, const char *z)
{
    put(l, z, strlen(z));
}

/* As a JSON string; both formats quote so. The caller made sure of a room of 2. */
static void put_quoted(struct line *l, struct str s)
{
    put_z(l, "\"");
    while (s.n) {
        char c[STR_JSON_CHAR];
        size_t n = str_json_char(&s, c);

        if (n > room(l)) {
            put_z(l, "\xe2\x80\xa6");
            break;
        }
        put(l, c, n);
    }
    put_z(l, "\"");
}

static bool needs_quotes(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c >= 0x7f)
            return true;
    }
    return s.n == 0;
}

static void put_field(struct line *l, bool json, const struct log_field *f)
{
    char number[24];
    struct str s = f->s;
    struct str key = str_of(f->key);

    if (f->is_int)
        s = str_make(number, (size_t)snprintf(number, sizeof number, "%lld", (long long)f->i));
    if (room(l) < key.n + sizeof number + 8)
        return;
    if (json)
        put_z(l, l->n > 1 ? ",\"" : "\"");
    else if (l->n)
        put_z(l, " ");
    put(l, key.p, key.n);
    put_z(l, json ? "\":" : "=");
    if (f->is_int || (!json && !needs_quotes(s) && s.n <= room(l)))
        put(l, s.p, s.n);
    else
        put_quoted(l, s);
}

static void write_line(const struct line *l)
{
    int was = errno;

    while (write(STDERR_FILENO, l->p, l->n) < 0 && errno == EINTR)
        ;
    errno = was;
}

void log_write(enum log_level level, const char *msg, const struct log_field *fields)
{
    struct line l;
    char time[CLOCK_MS_LEN + 1];
    bool json = atomic_load_explicit(&format_on, memory_order_relaxed) == LOG_JSON;

    l.n = 0;
    clock_text_ms(time, clock_now_wall());
    if (json)
        put_z(&l, "{");
    put_field(&l, json, &LOG_S("time", time));
    put_field(&l, json, &LOG_S("level", level_names[level]));
    put_field(&l, json, &LOG_S("msg", msg));
    for (; fields && fields->key; fields++)
        put_field(&l, json, fields);
    put_z(&l, json ? "}\n" : "\n");
    write_line(&l);
}
