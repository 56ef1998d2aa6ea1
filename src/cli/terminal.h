/*
 * Printing for people: colours and cuts where standard output is a terminal, neither elsewhere.
 */
#ifndef CLI_TERMINAL_H
#define CLI_TERMINAL_H

#include <stdio.h>

#include "json/value.h"

#define TERMINAL_RED "31"
#define TERMINAL_GREEN "32"
#define TERMINAL_YELLOW "33"
#define TERMINAL_BOLD "1"
#define TERMINAL_DIM "2"

struct terminal {
    FILE *out;
    bool color;         /* NO_COLOR in the environment turns it off */
    size_t max_lines;   /* of a document; 0: all */
    size_t max_columns; /* of a line; 0: all */
};

/* Standard output as it is. */
struct terminal terminal_make(void);
void terminal_paint(const struct terminal *t, const char *color, struct str text);
/* Cut to `columns` characters, an ellipsis counted, which is the caller's to print; 0: not at all. */
struct str terminal_cut(struct str s, size_t columns, bool *ret_cut);
/* A document, indented, cut to max_lines; hint: how to see the rest. */
void terminal_document(const struct terminal *t, const jval *v, const char *hint);
/* The operations of a JSON Patch, a line each; with a hint cut to max_lines, too. */
void terminal_patch(const struct terminal *t, const jval *patch, const char *hint);
/* What an event of mode changes tells (core/changes.h), a line each. */
void terminal_changes(const struct terminal *t, const jval *items);

#endif
