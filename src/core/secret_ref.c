#include "core/secret_ref.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/address.h"
#include "core/conf.h"
#include "core/limits.h"

#define BEGIN STR("${")
#define ESCAPE STR("$${")
#define FORMS "expected ${env:NAME} or ${file:/absolute/path}, or $${ for ${ itself, found "
#define SCHEME_MAX 16 /* letters of a word before a reference */

/* Names and paths in messages. */
#define QUOTED_MAX ((size_t)150)
#define QUOTED(s) (int)MIN((s).n, QUOTED_MAX), (s).p

/* ---- characters ---- */

static bool is_letter(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_name(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_letter(s.p[i]) && s.p[i] != '_' && (i == 0 || !is_digit(s.p[i])))
            return false;
    return s.n > 0;
}

/* Counted in characters from 1, as people do. */
static size_t place_of(struct str text, size_t at)
{
    size_t n = 1;

    for (size_t i = 0; i < at; i++)
        n += ((unsigned char)text.p[i] & 0xc0) != 0x80;
    return n;
}

/* Absolute, and without . and .. : what it begins with says where it is. */
static bool is_clear_path(struct str path)
{
    struct str rest = path;

    if (!str_starts(path, STR("/")) || memchr(path.p, '\0', path.n))
        return false;
    while (rest.p) {
        struct str part = str_split(&rest, '/');

        if (str_eqz(part, ".") || str_eqz(part, ".."))
            return false;
    }
    return true;
}

/* ---- parts ---- */

static enum err unknown_kind(struct str text, size_t at, struct str kind, struct errinfo *ei)
{
    static const char *const kinds[] = {"env", "file"};
    const char *nearest = str_nearest(kind, kinds, ARRAY_LEN(kinds));

    return err_set(ei, E_INVALID, FORMS "\"${\" with another word behind it at character %zu%s%s%s",
                   place_of(text, at), nearest ? "; did you mean \"" : "", nearest ? nearest : "",
                   nearest ? "\"?" : "");
}

static enum err check_name(struct str name, struct errinfo *ei)
{
    if (is_name(name))
        return E_OK;
    return err_set(ei, E_INVALID,
                   "expected the name of an environment variable (letters, digits and _, no digit "
                   "first) in ${env:NAME}, found \"%.*s\"",
                   QUOTED(name));
}

static enum err check_path(struct str path, struct errinfo *ei)
{
    if (is_clear_path(path) && !str_ends(path, STR("/")))
        return E_OK;
    return err_set(ei, E_INVALID,
                   "expected the absolute path of a file, without . and .. as parts of it, in "
                   "${file:/absolute/path}, found \"%.*s\"",
                   QUOTED(path));
}

/* What stands between "${" and "}". */
static enum err parse_inside(struct str text, size_t at, struct str inside, struct secret_part *ret,
                             struct errinfo *ei)
{
    struct str rest = inside;
    struct str kind = str_split(&rest, ':');
    struct secret_part part = {SECRET_ENV, rest};
    enum err err;

    if (rest.p && str_eqz(kind, "env")) {
        err = check_name(rest, ei);
    } else if (rest.p && str_eqz(kind, "file")) {
        part.kind = SECRET_FILE;
        err = check_path(rest, ei);
    } else {
        err = unknown_kind(text, at, kind, ei);
    }
    if (err == E_OK)
        *ret = part;
    return err;
}

static enum err parse_reference(struct str text, size_t *at, struct secret_part *ret,
                                struct errinfo *ei)
{
    struct str inside = str_drop(text, *at + BEGIN.n);

    inside.n = str_find(inside, '}');
    bool closed = *at + BEGIN.n + inside.n < text.n;
    if (!closed || (inside.n > 0 && memmem(inside.p, inside.n, BEGIN.p, BEGIN.n)))
        return err_set(ei, E_INVALID, FORMS "\"${\" at character %zu that no } closes",
                       place_of(text, *at));
    enum err err = parse_inside(text, *at, inside, ret, ei);
    if (err == E_OK)
        *at += BEGIN.n + inside.n + 1;
    return err;
}

enum err secret_ref_next(struct str text, size_t *at, struct secret_part *ret, struct errinfo *ei)
{
    struct str rest = str_drop(text, *at);
    size_t n = 1;

    if (str_starts(rest, ESCAPE)) {
        *ret = (struct secret_part){SECRET_TEXT, str_make(rest.p + 1, BEGIN.n)};
        *at += ESCAPE.n;
        return E_OK;
    }
    if (str_starts(rest, BEGIN))
        return parse_reference(text, at, ret, ei);
    while (n < rest.n && !str_starts(str_drop(rest, n), ESCAPE) &&
           !str_starts(str_drop(rest, n), BEGIN))
        n++;
    *ret = (struct secret_part){SECRET_TEXT, str_make(rest.p, n)};
    *at += n;
    return E_OK;
}

bool secret_ref_any(struct str text)
{
    return text.n > 0 && memmem(text.p, text.n, BEGIN.p, BEGIN.n);
}

/* One word and blanks, as names of authentication schemes stand before credentials. */
static bool is_scheme(struct str s)
{
    size_t n = 0;

    while (n < s.n && is_letter(s.p[n]))
        n++;
    size_t blanks = n;
    while (blanks < s.n && s.p[blanks] == ' ')
        blanks++;
    return n > 0 && n <= SCHEME_MAX && blanks > n && blanks == s.n;
}

bool secret_ref_is_plain(struct str text)
{
    struct secret_part part;
    size_t refs = 0;

    for (size_t at = 0; at < text.n;) {
        bool first = at == 0;

        if (secret_ref_next(text, &at, &part, NULL) != E_OK)
            return false;
        refs += part.kind != SECRET_TEXT;
        if (part.kind == SECRET_TEXT && !(first && is_scheme(part.s)))
            return false;
    }
    return refs > 0;
}

/* ---- rules ---- */

void secret_rules_of(const struct conf *c, struct secret_rules *ret)
{
    *ret = (struct secret_rules){
        .local = address_is_local(str_of(c->listen)),
        .env = &c->secrets_env,
        .files = &c->secrets_files,
    };
}

bool secret_rule_is_glob(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_letter(s.p[i]) && !is_digit(s.p[i]) && (!s.p[i] || !strchr("_*?[]!-", s.p[i])))
            return false;
    return s.n > 0;
}

bool secret_rule_is_directory(struct str s)
{
    return is_clear_path(s);
}

/* Links are followed: who can make them there may say what is read. */
static bool is_below(struct str path, struct str directory)
{
    while (str_ends(directory, STR("/")))
        directory.n--;
    return path.n > directory.n && str_starts(path, directory) && path.p[directory.n] == '/';
}

static bool is_listed(const struct secret_rules *rules, const struct secret_part *part)
{
    const struct settings_list *list = part->kind == SECRET_ENV ? rules->env : rules->files;
    AUTO_FREE char *name = str_dup(part->s);

    for (size_t i = 0; i < list->count; i++)
        if (part->kind == SECRET_ENV ? fnmatch(list->items[i], name, 0) == 0
                                     : is_below(part->s, str_of(list->items[i])))
            return true;
    return list->count == 0 && rules->local;
}

static enum err check_rules(const struct secret_part *part, const struct secret_rules *rules,
                            struct errinfo *ei)
{
    bool env = part->kind == SECRET_ENV;

    if (part->kind == SECRET_TEXT || is_listed(rules, part))
        return E_OK;
    return err_set(ei, E_INVALID,
                   "expected %s that the setting %s of this server allows, found \"%.*s\"; the "
                   "operator can add it there",
                   env ? "an environment variable" : "a file in a directory",
                   env ? "secrets.env" : "secrets.files", QUOTED(part->s));
}

enum err secret_ref_check(struct str text, const struct secret_rules *rules, struct errinfo *ei)
{
    struct secret_part part;
    enum err err = E_OK;

    for (size_t at = 0; err == E_OK && at < text.n;) {
        err = secret_ref_next(text, &at, &part, ei);
        if (err == E_OK && rules)
            err = check_rules(&part, rules, ei);
    }
    return err;
}

/* ---- resolving ---- */

struct resolving {
    struct buf *b;
    size_t end; /* b->len may come to this */
    const struct secret_part *part;
    struct errinfo *ei;
};

static const char *what_of(const struct secret_part *part)
{
    return part->kind == SECRET_ENV ? "the environment variable" : "the file";
}

static enum err refuse(const struct resolving *r, const char *fmt, ...) PRINTF(2, 3);
static enum err refuse(const struct resolving *r, const char *fmt, ...)
{
    char why[200];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(why, sizeof why, fmt, ap);
    va_end(ap);
    if (r->part->kind == SECRET_TEXT)
        return err_set(r->ei, E_INVALID, "%s", why);
    return err_set(r->ei, E_INVALID, "%s %.*s %s", what_of(r->part), QUOTED(r->part->s), why);
}

/* buf_reserve() would leave what was there in memory that is free. */
static void make_room(struct buf *b, size_t n)
{
    struct buf next = {.max = b->max};

    if (b->p && b->cap - b->len >= n)
        return;
    CHECK(buf_reserve(&next, b->len + n) == E_OK);
    buf_append(&next, b->p, b->len);
    buf_wipe(b);
    *b = next;
}

static enum err put(const struct resolving *r, struct str s)
{
    if (s.n > r->end - r->b->len)
        return refuse(r, "makes the value larger than %d bytes", LIMIT_SECRET_BYTES);
    make_room(r->b, s.n);
    buf_str(r->b, s);
    return E_OK;
}

static enum err put_env(const struct resolving *r)
{
    AUTO_FREE char *name = str_dup(r->part->s);
    const char *value = getenv(name);

    if (!value)
        return refuse(r, "is not set where the server runs: set it there, and start the server "
                         "again");
    return put(r, str_of(value));
}

static enum err read_file(const struct resolving *r, int fd, size_t size)
{
    struct buf *b = r->b;
    ssize_t n;

    /* One byte more shows whether that was all. */
    for (;; size = 512) {
        make_room(b, size + 1);
        n = read(fd, b->p + b->len, MIN(b->cap - b->len, r->end - b->len + 1));
        if (n <= 0)
            break;
        b->len += (size_t)n;
        if (b->len > r->end)
            return refuse(r, "makes the value larger than %d bytes", LIMIT_SECRET_BYTES);
    }
    return n == 0 ? E_OK : refuse(r, "cannot be read: %s", strerror(errno));
}

static void drop_line_break(struct buf *b, size_t from)
{
    if (b->len > from && b->p[b->len - 1] == '\n') {
        b->len--;
        if (b->len > from && b->p[b->len - 1] == '\r')
            b->len--;
    }
}

static enum err put_open_file(const struct resolving *r, int fd)
{
    size_t from = r->b->len;
    struct stat st;

    if (fstat(fd, &st) != 0)
        return refuse(r, "cannot be read: %s", strerror(errno));
    if (!S_ISREG(st.st_mode))
        return refuse(r, "is no regular file");
    enum err err = read_file(r, fd, (size_t)MIN(st.st_size, (off_t)LIMIT_SECRET_BYTES));
    if (err == E_OK)
        drop_line_break(r->b, from);
    return err;
}

static enum err put_file(const struct resolving *r)
{
    AUTO_FREE char *path = str_dup(r->part->s);
    struct stat st;

    /* Opening a pipe or a device would do something to it. */
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
        return refuse(r, "is no regular file");
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return refuse(r, "cannot be opened: %s; put it there, readable for the user of the server",
                      strerror(errno));
    enum err err = put_open_file(r, fd);
    close(fd);
    return err;
}

static enum err put_reference(const struct resolving *r, secret_flaw_f *flaw)
{
    size_t from = r->b->len;
    enum err err = r->part->kind == SECRET_ENV ? put_env(r) : put_file(r);

    if (err != E_OK)
        return err;
    struct str value = str_drop(buf_view(r->b), from);
    if (value.n == 0)
        return refuse(r, "is empty: put the secret there");
    const char *why = flaw(value);
    return why ? refuse(r, "cannot be used: it has %s", why) : E_OK;
}

enum err secret_ref_resolve(struct str text, const struct secret_rules *rules, secret_flaw_f *flaw,
                            struct buf *b, struct errinfo *ei)
{
    struct secret_part part;
    size_t was = b->len;
    const struct resolving r = {b, was + LIMIT_SECRET_BYTES, &part, ei};
    enum err err = E_OK;

    for (size_t at = 0; err == E_OK && at < text.n;) {
        err = secret_ref_next(text, &at, &part, ei);
        if (err == E_OK)
            err = check_rules(&part, rules, ei);
        if (err == E_OK)
            err = part.kind == SECRET_TEXT ? put(&r, part.s) : put_reference(&r, flaw);
    }
    if (err != E_OK)
        b->len = was;
    return err;
}
