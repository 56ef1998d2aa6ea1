/*
 * Settings by table: a row says name, type, default, range and help of one setting and which member
 * of a plain struct holds it. From the rows come the keys of the file, the flags, the environment
 * variables, the checks, the help and the listing.
 *
 *     struct conf {
 *         int64_t max_header;
 *         int level;
 *         char *data;
 *     };
 *     #define ROW(kind, member, ...) SETTING(kind, struct conf, member, __VA_ARGS__)
 *     static const struct settings_row rows[] = {
 *         ROW(BYTES, max_header, "http.maxHeaderBytes", "64 KiB", "1 KiB..1 MiB", "Largest header"),
 *         ROW(ENUM, level, "log.level", "info", "error|warn|info|debug", "What to log", .flag = "--log"),
 *         ROW(STRING, data, "data", "./data", "1..", "Folder of the journal"),
 *     };
 *
 *     struct conf conf = {0};
 *     AUTO(settings_freep) struct settings *s = settings_new(rows, ARRAY_LEN(rows), &conf);
 *     argc = settings_flags(s, argc, argv);   // what is left is no setting
 *     settings_env(s, (const char *const *)environ);
 *     settings_file(s, key, text, "/etc/pollcast.json:12");   // for each key of the file
 *     settings_check(s);
 *     for (size_t i = 0; i < settings_fault_count(s); i++)
 *         fprintf(stderr, "%s\n", settings_fault(s, i));
 *     …
 *     settings_release(rows, ARRAY_LEN(rows), &conf);
 *
 * The sources may come in any order: a flag beats the environment, that the file, that the default.
 * "http.maxHeaderBytes" is the flag --http-max-header-bytes and the variable
 * POLLCAST_HTTP_MAX_HEADER_BYTES. A fault changes no value; all faults are collected.
 *
 * kind      member                 text
 * STRING    char * (never NULL)    anything without NUL; range: bytes
 * BOOL      bool                   true false yes no on off 1 0; as a flag: --x, --no-x, --x=false
 * INT       int64_t                -5; range: 1..10, 1.., ..10 (so for all with numbers), "" for none
 * BYTES     int64_t                65536, 64 KiB, 1 GB; units B kB MB GB TB KiB MiB GiB TiB
 * DURATION  int64_t (µs)           PT0.5S (duration.h)
 * ENUM      int (place in range)   one of the range's names, which `|` parts
 * LIST      struct settings_list   a,b,c; range: number of items. Given more than once by the same
 *                                  source, the items add up (so an array of the file is fed item by
 *                                  item; "" empties it)
 *
 * Ownership: the rows are static; the struct belongs to the caller, its strings and lists to it
 * (settings_release). struct settings knows origins and faults only and may go before the struct.
 */
#ifndef BASE_SETTINGS_H
#define BASE_SETTINGS_H

#include "base/buf.h"

#define SETTINGS_ENV_PREFIX "POLLCAST_"

enum setting_type {
    SETTING_STRING,
    SETTING_BOOL,
    SETTING_INT,
    SETTING_BYTES,
    SETTING_DURATION,
    SETTING_ENUM,
    SETTING_LIST,
};

/* Weak to strong. */
enum setting_origin { FROM_DEFAULT, FROM_FILE, FROM_ENVIRONMENT, FROM_FLAG };

struct settings_list {
    char **items;
    size_t count;
};

struct settings_row {
    const char *name;
    enum setting_type type;
    size_t offset;
    const char *value; /* the default */
    const char *range;
    const char *help; /* one sentence without a full stop */
    const char *flag; /* "--log" or "-l" instead of the one from the name; NULL: that */
    bool secret;      /* never shown */
};

#define SETTING_C_STRING char *
#define SETTING_C_BOOL bool
#define SETTING_C_INT int64_t
#define SETTING_C_BYTES int64_t
#define SETTING_C_DURATION int64_t
#define SETTING_C_ENUM int
#define SETTING_C_LIST struct settings_list

/* SETTING(kind, struct, member, name, default, range, help, further members of struct settings_row…).
 * The comparison of pointers makes the compiler refuse a member of another type. */
#define SETTING(kind, strct, member, name_, value_, range_, ...)                                   \
    {                                                                                              \
        .name = name_, .type = SETTING_##kind,                                                     \
        .offset =                                                                                  \
            offsetof(strct, member) + 0 * sizeof((SETTING_C_##kind *)0 == &((strct *)0)->member),  \
        .value = value_, .range = range_, .help = __VA_ARGS__                                      \
    }

struct settings;

/* target: the zeroed struct; it gets the defaults. A row that contradicts itself panics. */
struct settings *settings_new(const struct settings_row *rows, size_t count, void *target);
/* NULL is fine. The struct keeps its values. */
void settings_free(struct settings *s);
void settings_freep(struct settings **s);
/* Free the strings and lists of the struct. */
void settings_release(const struct settings_row *rows, size_t count, void *target);

/* One value of the file. where: file and line, shown with faults and in the listing. */
void settings_file(struct settings *s, struct str name, struct str value, const char *where);
/* All variables with the prefix. One that is no setting is a fault only if it looks like a slip of
 * one: the same prefix is used by other programs (Kubernetes names services so). */
void settings_env(struct settings *s, const char *const *env);
/* Takes the flags of the table and their values out of argv[1…] up to a "--" and moves the rest
 * together. Returns the new argc. */
int settings_flags(struct settings *s, int argc, char **argv);

/* After the last source: what can only be said then. True if there is no fault at all. */
bool settings_check(struct settings *s);

/* For what settings_flags() left and the caller does not know either. */
void settings_unknown_flag(struct settings *s, const char *arg);
/* For what the caller finds, such as two settings that exclude each other. */
void settings_add_fault(struct settings *s, const char *fmt, ...) PRINTF(2, 3);
size_t settings_fault_count(const struct settings *s);
/* One sentence: setting, what was expected, what was found, where. Borrowed. */
const char *settings_fault(const struct settings *s, size_t i);

/* The name must be a row's. */
enum setting_origin settings_origin(const struct settings *s, const char *name);
/* "default", "environment POLLCAST_DATA", "flag --data", "/etc/pollcast.json:12". Borrowed. */
const char *settings_where(const struct settings *s, const char *name);

/* The value in force as its text; a secret as "***". */
void settings_format(const struct settings_row *row, const void *target, struct buf *b);
/* "name = value  # where it came from", a line each. */
void settings_print(const struct settings *s, struct buf *b);
/* Flags with what they take, help, range, default and variable. */
void settings_help(const struct settings_row *rows, size_t count, struct buf *b);

#endif
