/*
 * Whole files as input.
 */
#ifndef CLI_INPUT_H
#define CLI_INPUT_H

#include "base/buf.h"

/* Append the file's bytes ("-": standard input) to b, up to b's maximum. Errors: E_IO, E_LIMIT; ei
 * names the file. */
MUST_USE enum err input_read(const char *path, struct buf *b, struct errinfo *ei);

#endif
