/*
 * A feed for people: batches and how consumers stand, on standard output.
 */
#ifndef CLI_FEED_PRINT_H
#define CLI_FEED_PRINT_H

#include "cli/terminal.h"

/* Its id, then a line per notification: when, event type, payload. */
void feed_print_batch(const struct terminal *t, const jval *batch);
/* On standard error: what a batch says of notifications that were dropped before it. */
void feed_print_gap(const jval *batch);
/* The head of a table of consumers, and a line of it from an answer to `stats`. */
void feed_print_stats_head(const struct terminal *t);
void feed_print_stats(const struct terminal *t, const jval *stats);

#endif
