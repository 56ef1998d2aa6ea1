/*
 * Emptying a feed batch by batch until a signal ends it: each batch is printed, or given to a command,
 * and completed after that. What a crash interrupts between the two comes again.
 */
#ifndef CLI_FEED_FOLLOW_H
#define CLI_FEED_FOLLOW_H

#include "cli/feed_client.h"

struct feed_follow {
    struct feed_client *feed; /* borrowed, as all here */
    const char *command;      /* NULL: a line of JSON per notification on standard output */
    const char *max;          /* notifications of a batch, as text; NULL: as the feed says */
    uint64_t count;           /* batches to complete; 0: no end */
};

/* Takes SIGINT and SIGTERM over for the rest of the process. Returns a status of command.h. */
int feed_follow(const struct feed_follow *conf);

#endif
