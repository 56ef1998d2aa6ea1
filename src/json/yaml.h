/*
 * JSON values as YAML 1.2, for people to read. Pure.
 */
#ifndef JSON_YAML_H
#define JSON_YAML_H

#include "json/value.h"

/* Append v in block style, a line for each scalar; the last ends with a newline. Texts stand plain
 * where no YAML reader could take them for anything else, otherwise within double quotes. */
void yaml_write(const jval *v, struct buf *b);

#endif
