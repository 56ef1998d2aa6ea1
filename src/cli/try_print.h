/*
 * The answer of a trial for people: each request as sent, what came, what was taken of it, and what
 * would be published.
 */
#ifndef CLI_TRY_PRINT_H
#define CLI_TRY_PRINT_H

#include "cli/terminal.h"

/* full: nothing is cut, and all header fields of answers are shown. */
void try_print(const struct terminal *t, bool full, const jval *answer);

#endif
