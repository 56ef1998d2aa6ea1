/*
 * Events for people and, as lines of JSON, for programs.
 */
#ifndef CLI_TAIL_PRINT_H
#define CLI_TAIL_PRINT_H

#include "cli/sse_client.h"

struct tail_style {
    bool json;
    bool color;
    size_t max_lines;   /* of a document; 0: all */
    size_t max_columns; /* of a line; 0: all */
};

/* As it suits what standard output is. */
struct tail_style tail_style_make(bool json);
void tail_print(const struct tail_style *style, const struct sse_event *e, FILE *out);

#endif
