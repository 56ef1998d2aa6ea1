/*
 * What a trial tells of its requests and of the pages they gave: JSON, written down while it
 * happens, because what is told of is gone a moment later.
 *
 * Secrets are masked: header fields that hold credentials, and wherever they turn up else what was
 * sent in these fields and what was named by trial_record_hide(). Payloads are no part of it. Of
 * many entries the first and the last are kept (LIMIT_TRIAL_ENTRIES).
 */
#ifndef CORE_TRIAL_RECORD_H
#define CORE_TRIAL_RECORD_H

#include "core/mask.h"
#include "core/token.h"
#include "io/fetch.h"
#include "json/value.h"

struct trial_list {
    struct buf *entries; /* a JSON text each; see place_of() */
    size_t count;        /* of all there were */
};

struct trial_record {
    int64_t began; /* of the trial, monotonic µs */
    struct trial_list requests, pages;
    struct mask mask;
};

/* Zeroed memory is an empty record. */
void trial_record_done(struct trial_record *rec);
/* Mask this text wherever it turns up; one that is shorter than 4 bytes is left, it could be part
 * of anything. */
void trial_record_hide(struct trial_record *rec, struct str secret);
/* All that is secret in an object with these attributes: values of secrets, fields of header maps
 * that are secrets by their names, or by a reference in their values. */
void trial_record_hide_all(struct trial_record *rec, const struct attr *rows, size_t count,
                           const jval *object);

struct trial_answer {
    size_t page;      /* from 1 */
    unsigned attempt; /* from 1 */
    int64_t asked_at; /* when it was handed to the fetcher, monotonic µs */
    const struct fetch_hops *hops;
    const struct fetch_result *res;
    const char *error; /* what is wrong with the answer; NULL: nothing */
};
void trial_record_answer(struct trial_record *rec, const struct trial_answer *a);

/* A request for an access token, that was or would have been needed. */
struct trial_token {
    struct str provider;
    int64_t asked_at;
    const struct token_exchange *exchange;
    const char *error; /* or NULL */
};
void trial_record_token(struct trial_record *rec, const struct trial_token *t);

struct trial_page {
    size_t number; /* from 1 */
    const struct fetch_result *res;
    const jval *value; /* what was taken of it; NULL: nothing, for it is not modified or an error */
    size_t bytes;      /* of that, as minified text */
    struct str next;   /* the URL of the page after it; p NULL: there is none */
    const char *error; /* or NULL */
};
void trial_record_page(struct trial_record *rec, const struct trial_page *p);

/* The members requests, requestsLeftOut, pages and pagesLeftOut. */
void trial_record_write(const struct trial_record *rec, struct jwriter *w);
/* A string with what is hidden masked. */
void trial_record_text(const struct trial_record *rec, struct str text, struct jwriter *w);
/* A member with milliseconds. */
void trial_record_ms(struct jwriter *w, const char *name, int64_t us);

#endif
