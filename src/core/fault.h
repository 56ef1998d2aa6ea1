/*
 * Faults found in what a user gave (a topic, settings): collected all at once, each with the place,
 * what was expected, what was found and, for a misspelt name, the nearest known one.
 */
#ifndef CORE_FAULT_H
#define CORE_FAULT_H

#include "json/value.h"

struct fault {
    const char *pointer; /* JSON pointer of the place ("" is the whole) */
    const char *title;   /* "Validation error: Publisher config" */
    const char *detail;  /* one sentence: expected, found, what to do */
};

#define FAULTS_MAX 100

struct faults {
    struct arena arena; /* owns the texts */
    struct fault items[FAULTS_MAX];
    size_t count;
    size_t dropped; /* beyond FAULTS_MAX */
    bool stored; /* what is checked was accepted before: ranges and rules from the settings, which
                     * may have changed since, are no fault of it */
};

void faults_init(struct faults *f);
void faults_done(struct faults *f);
static inline bool faults_any(const struct faults *f)
{
    return f->count > 0;
}
void fault_add(struct faults *f, const char *pointer, const char *title, const char *fmt, ...)
    PRINTF(4, 5);
/* "found" for messages: the value's type and, when short, its text. Memory of f. */
const char *fault_found(struct faults *f, const jval *v);

#endif
