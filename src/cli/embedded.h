/*
 * A server within this process, for commands that need none: one loop, a port of its own on the
 * loopback interface, and a data directory that goes with it. Nothing has to outlive the process,
 * and the machine is the user's own.
 *
 *     embedded_init(&e);              adjust e.conf
 *     embedded_start(&e, &ei);        then e.address is where it answers
 *     embedded_done(&e);              in any case
 */
#ifndef CLI_EMBEDDED_H
#define CLI_EMBEDDED_H

#include "core/engine.h"

struct embedded {
    struct conf conf;
    char *directory;
    struct engine *engine;
    char address[ADDRESS_TEXT_MAX];
};

void embedded_init(struct embedded *e);
/* Signals that the caller has blocked stay so in the threads of the engine. e stays where it is.
 * Errors of engine_start(), and E_IO when there is no place for the data. */
MUST_USE enum err embedded_start(struct embedded *e, struct errinfo *ei);
void embedded_done(struct embedded *e);

#endif
