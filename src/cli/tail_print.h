/*
 * Events for people and, as lines of JSON, for programs.
 */
#ifndef CLI_TAIL_PRINT_H
#define CLI_TAIL_PRINT_H

#include "cli/sse_client.h"
#include "cli/terminal.h"

struct tail_style {
    bool json;
    struct terminal terminal;
};

/* As it suits what standard output is. */
struct tail_style tail_style_make(bool json);
/* To standard output. */
void tail_print(const struct tail_style *style, const struct sse_event *e);

#endif
