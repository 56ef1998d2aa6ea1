/*
 * Error answers, all in one shape:
 *
 *     {"errors":[{"status":400,"title":"…","detail":"…","meta":{},"source":{"parameter":"…","pointer":"…"}}]}
 */
#ifndef API_PROBLEM_H
#define API_PROBLEM_H

#include "core/fault.h"
#include "io/http_server.h"

struct problem {
    int status;
    const char *title; /* NULL: the status in words */
    const char *detail;
    const char *pointer;             /* into the body; NULL: none */
    const char *parameter;           /* of the query, or the attribute; NULL: from the pointer */
    unsigned line, column;           /* of the body, from 1; 0: none */
    const struct http_field *fields; /* of the answer besides; NULL: none */
};

/* Append the body for one problem or several. */
void problem_write(struct buf *b, const struct problem *items, size_t count);
void problem_write_faults(struct buf *b, const struct faults *f);

/* Answer the request; it is gone after. */
void problem_answer(struct http_request *r, const struct problem *p);
/* Status and title by the error's row; errors of ours are logged. */
void problem_answer_err(struct http_request *r, enum err err, const struct errinfo *ei);
/* 400 with all of them. */
void problem_answer_faults(struct http_request *r, const struct faults *f);
/* For the HTTP server's own refusals: http_error_body_f. */
const char *problem_http_body(struct buf *b, int status, const char *detail, void *arg);

#endif
