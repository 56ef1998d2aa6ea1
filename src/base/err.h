/*
 * Errors: one enum for all layers, one table (errors.def) that says what each means to whom.
 *
 * A function that can fail returns `enum err` (E_OK = 0, must be used) and, where the caller can
 * do something with detail, takes a `struct errinfo *` that lives in the caller's frame and may be
 * NULL. The first failure wins; a layer above may prefix where it happened.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "base/mem.h"

enum err_kind {
    ERR_KIND_RETRY,  /* passing: the same call may succeed later */
    ERR_KIND_FAIL,   /* give up: repeating it changes nothing */
    ERR_KIND_CALLER, /* the caller's fault: bad input */
    ERR_KIND_OURS,   /* this server cannot at the moment */
    ERR_KIND_GONE,   /* what was asked for is not there */
    ERR_KIND_BUG,    /* should not happen */
};

enum err {
    E_OK = 0,
#define ERR(name, kind, http, code, text) name,
#include "base/errors.def"
#undef ERR
    ERR_COUNT
};

struct err_row {
    const char *name;
    enum err_kind kind;
    int http_status;  /* of an API answer that fails so */
    int channel_code; /* of the error event that subscribers see; 0: none */
    const char *text; /* one sentence without a full stop */
};

/* Static; e must be a real error or E_OK. */
const struct err_row *err_row(enum err e);

#define ERRINFO_TEXT 480

/* Detail of a failure. No allocation: text is cut at its size. */
struct errinfo {
    enum err err;
    char text[ERRINFO_TEXT];
};
#define ERRINFO_INIT                                                                               \
    {                                                                                              \
        E_OK, ""                                                                                   \
    }

/* Record a failure and return it: `return err_set(ei, E_LIMIT, "body over %zu bytes", max);`.
 * Keeps an earlier failure. ei may be NULL. */
enum err err_set(struct errinfo *ei, enum err e, const char *fmt, ...) PRINTF(3, 4);

/* Put "prefix: " before the text. ei may be NULL. Returns e for chaining. */
enum err err_prefix(struct errinfo *ei, enum err e, const char *fmt, ...) PRINTF(3, 4);

/* The text that was set, or the table's. Never NULL or empty. */
const char *err_text(const struct errinfo *ei, enum err e);

void err_clear(struct errinfo *ei);

#endif
