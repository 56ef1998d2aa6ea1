/*
 * The commands that work on JSON files alone.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "cli/command.h"

extern const struct command command_diff, command_patch;

/* argv[0] is the command's name; arguments and exit status as the commands' help says. */
int cli_diff(int argc, char **argv);
int cli_patch(int argc, char **argv);

#endif
