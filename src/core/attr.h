/*
 * Attributes by table: a row says of one attribute of a JSON object its name, type, default, range
 * and meaning, and which member of a plain struct holds it. From the rows come the checks, the
 * parsed struct, what the API shows, the manual and OpenAPI.
 *
 * null is the same as absent, as it is after a merge patch. All faults are collected, each with
 * its pointer, what was expected and what was found; values of secrets never get into a message.
 *
 * The struct owns what was allocated for it: attr_done(). Rows are static.
 */
#ifndef CORE_ATTR_H
#define CORE_ATTR_H

#include "base/buf.h"
#include "core/fault.h"

#define SECRET_MASK "********"

/* Each with the type of its member in the struct. */
enum attr_kind {
    ATTR_STRING,       /* char *, NULL when absent; min … max characters, none of them control */
    ATTR_SCALAR,       /* char *; a string, or the text of a number */
    ATTR_URL,          /* char *; core/url.h */
    ATTR_POINTER,      /* char *; RFC 6901 */
    ATTR_POINTER_LIST, /* struct attr_texts; one ATTR_POINTER, or an array of at most max */
    ATTR_STRING_LIST,  /* struct attr_texts; a string, or an array of at most max */
    ATTR_BOOL,         /* bool */
    ATTR_INT,          /* int64_t; min … max */
    ATTR_NUMBER,       /* double; min … max */
    ATTR_DURATION,     /* int64_t µs; min … max µs; ISO-8601 text */
    ATTR_STRING_MAP,   /* struct attr_map; at most max members */
    ATTR_INT_LIST,     /* struct attr_ints; each min … max, at most ATTR_LIST_MAX */
    ATTR_ENUM,         /* int: place in names; "" is as absent */
    ATTR_NAME_LIST,    /* unsigned: a bit for each place in names */
    ATTR_OBJECT,       /* a struct in place, described by rows */
    ATTR_JSON,         /* const jval *: an object, borrowed from the document; NULL when absent */
    ATTR_TYPED_LIST, /* const jval *: an array of objects, or an object of objects by their type */
    ATTR_IGNORED,    /* none: the server sets it; what a client sends back is passed over */
    ATTR_LATER,      /* none: known, but not offered by this version */
};

#define ATTR_REQUIRED 1u
#define ATTR_SECRET 2u /* shown as SECRET_MASK */
#define ATTR_BEYOND 4u /* an addition to the product whose API this is */
/* Of text, and of the values of an ATTR_STRING_MAP: may hold references (core/secret_ref.h). They are
 * checked, and shown where all else of a secret is masked. */
#define ATTR_REFERENCE 8u

#define ATTR_LIST_MAX 500

struct attr_ctx;
struct attr;
/* A further check of a member (`value` points to it), called where it is given and of its type. */
typedef void attr_check_f(struct attr_ctx *c, const struct attr *row, const void *value);

struct attr {
    const char *name;
    enum attr_kind kind;
    unsigned flags;
    size_t at;          /* offsetof the member */
    const char *preset; /* the default as text: "PT5S", "500,503,504", "true"; NULL: none */
    double min, max;
    void (*range)(double *ret_min, double *ret_max); /* instead of min, max: from the settings */
    const char *const *names;                        /* NULL at the end */
    const char *const *later; /* names known but not offered by this version; may be NULL */
    const struct attr *rows;  /* of ATTR_OBJECT */
    size_t row_count;
    attr_check_f *check;
    bool (*is_secret)(struct str name); /* members of an ATTR_STRING_MAP */
    const char *help;                   /* one or more sentences for the manual */
};

struct attr_pair {
    char *name, *value;
};
struct attr_map {
    struct attr_pair *items;
    size_t count;
};
struct attr_ints {
    int64_t *items;
    size_t count;
};
struct attr_texts {
    char **items;
    size_t count;
};

/* Where a check is at. */
struct attr_ctx {
    struct faults *faults;
    const char *title; /* of the faults */
    struct buf pointer;
};

void attr_ctx_init(struct attr_ctx *c, struct faults *f, const char *title, const char *pointer);
void attr_ctx_done(struct attr_ctx *c);
/* Step into a member or element, and back to where it was. */
size_t attr_enter(struct attr_ctx *c, struct str name);
size_t attr_enter_index(struct attr_ctx *c, size_t index);
void attr_leave(struct attr_ctx *c, size_t was);
/* A fault at the place where c is. */
void attr_fault(struct attr_ctx *c, const char *fmt, ...) PRINTF(2, 3);

/* Fill *out (zeroed, or set to what absent members without a default shall have) from object, which
 * is one or NULL (then all is absent): values and defaults. What has a fault keeps its default. */
void attr_parse(struct attr_ctx *c, const struct attr *rows, size_t count, const jval *object,
                void *out);
void attr_done(const struct attr *rows, size_t count, void *out);
/* The object as the API shows it: members in the order of the rows, defaults filled in, secrets
 * masked. An ATTR_OBJECT that is absent stays so. */
void attr_write(const struct attr *rows, size_t count, const jval *object, struct jwriter *w);
/* Its members alone, into an object that is open. */
void attr_write_members(const struct attr *rows, size_t count, const jval *object,
                        struct jwriter *w);
/* The place of s in names; a fault (with the nearest name, or that it comes later) when it is not
 * there. Both lists end with NULL; later may be NULL. */
bool attr_check_name(struct attr_ctx *c, const char *const *names, const char *const *later,
                     struct str s, size_t *ret);
/* The default of a row that has one, as JSON. */
void attr_write_preset(const struct attr *row, struct jwriter *w);
/* "an integer between 0 and 100": what a row takes, for messages and the manual. */
void attr_expected(const struct attr *row, struct buf *b);
/* Append `root` with each string SECRET_MASK replaced by the string that stands at the same place
 * of `was`; where none stands it is left, and attr_parse() refuses it for a secret. */
void attr_unmask(const jval *root, const jval *was, struct jwriter *w);

#endif
