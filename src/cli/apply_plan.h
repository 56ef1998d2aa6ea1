/*
 * What has to be done so that the things of a server (cli/kind.h) equal those in files.
 */
#ifndef CLI_APPLY_PLAN_H
#define CLI_APPLY_PLAN_H

#include "cli/client.h"

struct plan;

/* prune: what the server has and no file is to be deleted, of the kinds that files speak of. */
struct plan *plan_new(bool prune);
void plan_free(struct plan *p);
/* Take in what a file describes. Prints faults; returns a status of command.h. */
int plan_add_file(struct plan *p, const char *path);
/* Look what the server has, of the kinds that files speak of. */
MUST_USE enum err plan_compare(struct plan *p, struct client *c, struct errinfo *ei);
/* Print each step and, unless dry_run, do it. Returns a status of command.h. */
int plan_carry_out(struct plan *p, struct client *c, bool dry_run);

#endif
