/*
 * Zones by name, their offsets and their English names.
 */
#include "core/date_zone.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "core/date_inner.h"
#include "core/date_tzif.h"

#define DAY_S 86400

struct zone_names {
    const char *names[3][2]; /* standard, summer, generic; short, full */
    const char *zones;       /* each with a blank behind */
};

static const struct zone_names all_names[] = {
#define ROW(s, sf, d, df, g, gf, zones) {{{s, sf}, {d, df}, {g, gf}}, zones},
#include "core/date_zone_names.def"
#undef ROW
};

struct date_zone {
    char id[DATE_ZONE_NAME_MAX + 16];
    int32_t offset;                 /* if there is no file */
    struct tzif *file;              /* NULL: a fixed offset */
    const struct zone_names *names; /* NULL: it has none */
};

static const struct date_zone utc = {.id = "UTC", .names = NULL};

/* ---- names ---- */

static const struct zone_names *names_of(const char *id)
{
    AUTO_FREE char *word = xasprintf("%s ", id);

    for (size_t i = 0; i < ARRAY_LEN(all_names); i++) {
        const char *at = all_names[i].zones;

        while ((at = strstr(at, word))) {
            if (at == all_names[i].zones || at[-1] == ' ')
                return &all_names[i];
            at++;
        }
    }
    return NULL;
}

const char *date_zone_text(const struct date_zone *z, int64_t epoch_s, enum date_zone_name style,
                           bool generic)
{
    const struct zone_names *names = z == &utc ? names_of(z->id) : z->names;
    int kind = generic ? 2 : z->file && tzif_at(z->file, epoch_s).is_summer;

    return names ? names->names[kind][style] : z->id;
}

size_t date_zone_text_match(struct str s, enum date_zone_name style)
{
    size_t best = 0;

    for (size_t i = 0; i < ARRAY_LEN(all_names); i++) {
        for (size_t kind = 0; kind < 3; kind++) {
            struct str name = str_of(all_names[i].names[kind][style]);

            if (name.n > best && str_starts(s, name))
                best = name.n;
        }
    }
    return best;
}

/* ---- fixed offsets ---- */

static void format_offset(int32_t offset, char *ret, size_t size)
{
    int s = offset < 0 ? -offset : offset;
    char seconds[8] = "";

    if (s % 60)
        snprintf(seconds, sizeof seconds, ":%02d", s % 60);
    snprintf(ret, size, "%c%02d:%02d%s", offset < 0 ? '-' : '+', s / 3600, s / 60 % 60, seconds);
}

struct date_zone *date_zone_fixed(int32_t offset_s)
{
    struct date_zone *z = xcalloc(1, sizeof *z);

    CHECK(offset_s >= -DATE_OFFSET_MAX && offset_s <= DATE_OFFSET_MAX);
    z->offset = offset_s;
    if (offset_s == 0)
        snprintf(z->id, sizeof z->id, "Z");
    else
        format_offset(offset_s, z->id, sizeof z->id);
    return z;
}

const struct date_zone *date_zone_utc(void)
{
    return &utc;
}

/* Two digits of at most max; of hours alone one is enough. */
static bool take_two(struct str *s, int max, bool one_is_enough, int *ret)
{
    size_t n = one_is_enough && s->n == 1 ? 1 : 2;
    uint64_t v;

    if (s->n < n || !str_to_u64(str_make(s->p, n), (uint64_t)max, &v))
        return false;
    *s = str_drop(*s, n);
    *ret = (int)v;
    return true;
}

static bool parse_offset(struct str s, int32_t *ret)
{
    int part[3] = {0};
    bool negative = s.n > 0 && s.p[0] == '-', colon;

    if (s.n == 0 || (s.p[0] != '+' && s.p[0] != '-'))
        return false;
    s = str_drop(s, 1);
    if (!take_two(&s, 18, true, &part[0]))
        return false;
    colon = s.n > 0 && s.p[0] == ':';
    for (size_t i = 1; i < 3 && s.n > 0; i++) {
        if (colon && s.p[0] != ':')
            return false;
        s = str_drop(s, colon);
        if (!take_two(&s, 59, false, &part[i]))
            return false;
    }
    *ret = part[0] * 3600 + part[1] * 60 + part[2];
    if (s.n > 0 || *ret > DATE_OFFSET_MAX)
        return false;
    if (negative)
        *ret = -*ret;
    return true;
}

/* Z, +01:00, UTC, UTC+01:00. */
static struct date_zone *fixed_of(struct str name)
{
    static const char *const prefixes[] = {"UTC", "GMT", "UT"};
    struct str prefix = STR_NONE;
    struct date_zone *z;
    int32_t offset = 0;

    if (str_eqz(name, "Z"))
        return date_zone_fixed(0);
    for (size_t i = 0; i < ARRAY_LEN(prefixes) && prefix.n == 0; i++)
        if (str_starts(name, str_of(prefixes[i])))
            prefix = str_of(prefixes[i]);
    if (name.n != prefix.n && !parse_offset(str_drop(name, prefix.n), &offset))
        return NULL;
    if (name.n == 0)
        return NULL;
    z = date_zone_fixed(offset);
    if (prefix.n > 0) {
        snprintf(z->id, sizeof z->id, "%.*s", STR_ARG(prefix));
        if (offset)
            format_offset(offset, z->id + prefix.n, sizeof z->id - prefix.n);
        z->names = offset ? NULL : names_of(z->id);
    }
    return z;
}

/* ---- files ---- */

/* The name becomes a path: letters, then also digits and ~ / . _ + -, no empty or hidden part. */
static bool is_file_name(struct str name)
{
    static const char others[] = "0123456789~/._+-";
    char before = '/';

    if (name.n < 2 || name.n > DATE_ZONE_NAME_MAX)
        return false;
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

        if (!letter && (c == '\0' || !strchr(others, c)))
            return false;
        if (before == '/' && !letter)
            return false;
        before = c;
    }
    return before != '/' && before != '.';
}

static void closep(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static enum err no_such_zone(struct str name, struct errinfo *ei)
{
    if (access(DATE_ZONE_DIR "/Etc/UTC", R_OK) != 0)
        return err_set(ei, E_SYSTEM,
                       "zones need the files of " DATE_ZONE_DIR
                       ", which are not there; install the package tzdata");
    return err_set(
        ei, E_INVALID,
        "there is no zone \"%.*s\"; write UTC, an offset such as +05:30, or a place such "
        "as Europe/Berlin",
        (int)MIN(name.n, DATE_ZONE_NAME_MAX), name.p);
}

static enum err read_file(const char *id, struct buf *b, struct errinfo *ei)
{
    AUTO_FREE char *path = xasprintf("%s/%s", DATE_ZONE_DIR, id);
    AUTO(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    ssize_t n;

    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return no_such_zone(str_of(id), ei);
    if (st.st_size > LIMIT_ZONE_FILE)
        return err_set(ei, E_SYSTEM, "%s is too large for a zone file", path);
    enum err err = buf_reserve(b, (size_t)st.st_size + 1);
    if (err != E_OK)
        return err;
    n = read(fd, b->p, (size_t)st.st_size);
    if (n != st.st_size)
        return err_set(ei, E_SYSTEM, "%s cannot be read", path);
    b->len = (size_t)n;
    return E_OK;
}

enum err date_zone_new(struct str name, struct date_zone **ret, struct errinfo *ei)
{
    AUTO(date_zone_freep) struct date_zone *z = fixed_of(name);
    AUTO(buf_done) struct buf bytes = BUF_INIT;
    struct errinfo why = ERRINFO_INIT;
    enum err err;

    if (z) {
        *ret = TAKE(z);
        return E_OK;
    }
    if (!is_file_name(name))
        return no_such_zone(name, ei);
    z = xcalloc(1, sizeof *z);
    snprintf(z->id, sizeof z->id, "%.*s", STR_ARG(name));
    err = read_file(z->id, &bytes, ei);
    if (err != E_OK)
        return err;
    if (bytes.len < 4 || memcmp(bytes.p, "TZif", 4) != 0)
        return no_such_zone(name, ei);
    err = tzif_new(buf_view(&bytes), &z->file, &why);
    if (err != E_OK)
        return err_set(ei, E_SYSTEM, DATE_ZONE_DIR "/%s: %s", z->id, err_text(&why, err));
    z->names = names_of(z->id);
    *ret = TAKE(z);
    return E_OK;
}

void date_zone_free(struct date_zone *z)
{
    if (!z)
        return;
    CHECK(z != &utc);
    tzif_free(z->file);
    free(z);
}

/* ---- moments ---- */

const char *date_zone_id(const struct date_zone *z)
{
    return z->id;
}

int32_t date_zone_offset(const struct date_zone *z, int64_t epoch_s)
{
    return z->file ? tzif_at(z->file, epoch_s).offset : z->offset;
}

/* A day either way is behind and ahead of any change that could matter here. */
int64_t date_zone_moment(const struct date_zone *z, int64_t local_s)
{
    int32_t before = date_zone_offset(z, local_s - DAY_S);
    int32_t after = date_zone_offset(z, local_s + DAY_S);

    if (date_zone_offset(z, local_s - before) == before)
        return local_s - before;
    if (date_zone_offset(z, local_s - after) == after)
        return local_s - after;
    return local_s - before;
}
