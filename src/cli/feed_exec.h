/*
 * A command of the shell that is given some bytes and waited for.
 */
#ifndef CLI_FEED_EXEC_H
#define CLI_FEED_EXEC_H

#include <signal.h>

#include "base/buf.h"

/* Run it by /bin/sh with `input` as its standard input (a file: it may leave some unread, or read it
 * twice), the signals as in `mask`, in a process group of its own. SIGINT, SIGTERM and SIGCHLD are
 * blocked, and SIGCHLD is not ignored. Who gets one of the first two meanwhile passes it on to that
 * group, a further one as SIGKILL, and has *ret_interrupted set. *ret_status: as of waitpid(2).
 * E_SYSTEM: it could not be started. */
MUST_USE enum err feed_exec(const char *command, struct str input, const sigset_t *mask,
                            int *ret_status, bool *ret_interrupted, struct errinfo *ei);
/* "status 3", "signal 9": how it ended. */
void feed_exec_describe(int status, struct buf *b);

#endif
