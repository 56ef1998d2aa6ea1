/*
 * The commands of the program. Each has a row in the table of main.c and a run function that gets
 * its own name as argv[0]. Results go to standard output, everything else to standard error.
 *
 * Every command ends with one of three statuses, so that scripts can tell "no" from "could not".
 */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include "base/err.h"
#include "base/str.h"

enum { STATUS_OK = 0, STATUS_NO = 1, STATUS_FAULT = 2 };

struct command {
    const char *name;
    const char *summary; /* one line of the list of commands */
    const char *help;    /* usage, what it does, examples, exit status */
    int (*run)(int argc, char **argv);
    void (*more_help)(void); /* prints what follows the help text; NULL: nothing */
};

extern const struct command command_serve, command_try, command_tail, command_check, command_apply,
    command_get, command_delete, command_feed, command_date;

/* "pollcast: …" on standard error. Returns STATUS_FAULT: `return command_fail("…");`. */
int command_fail(const char *fmt, ...) PRINTF(1, 2);
/* The worse of two statuses. */
static inline int command_worst(int a, int b)
{
    return MAX(a, b);
}

/* ---- options ---- */

struct option_list {
    const char **items; /* borrowed texts; freed by option_list_done() */
    size_t count;
};
void option_list_done(struct option_list *l);

/* One of the three pointers says what kind of option it is. */
struct option {
    const char *name;   /* "--every" */
    const char *alias;  /* "-H" or NULL */
    const char **value; /* gets the value; given twice, the last */
    bool *flag;         /* takes no value */
    struct option_list *list;
};

/* Take the options out of argv[1…] and move the rest together (what follows a "--" is no option).
 * Returns the new argc, or -1 after saying what is wrong. */
int options_take(const struct option *options, size_t count, int argc, char **argv);

#endif
