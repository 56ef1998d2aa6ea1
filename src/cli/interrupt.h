/*
 * SIGINT and SIGTERM of commands that wait and then end in an orderly way. One per process.
 */
#ifndef CLI_INTERRUPT_H
#define CLI_INTERRUPT_H

#include <signal.h>
#include <stdbool.h>

struct client;

/* The two signals. */
void interrupt_signals(sigset_t *ret);
/* From now on they interrupt instead of ending the process, and are blocked; so are they in threads that
 * are started now. *ret_before: the signals that were blocked until now. */
void interrupt_take(sigset_t *ret_before);
/* Let them through, as the mask of a wait that they are to end. */
void interrupt_let_through(sigset_t *mask);
/* The client whose call ends when one comes; NULL: none. */
void interrupt_client(struct client *c);
/* It came by another way. */
void interrupt_mark(void);
bool interrupted(void);

#endif
