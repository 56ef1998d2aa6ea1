/*
 * pollcast apply: makes a server's topics and feeds equal those in files. First the plan is made whole, then
 * it is carried out; a fault in any file and nothing is done.
 */
#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>

#include "cli/apply_plan.h"
#include "cli/command.h"
#include "core/conf.h"

static const char help[] =
    "usage: pollcast apply FILE|DIR… [--dry-run] [--prune] [--server URL]\n"
    "\n"
    "Makes the topics and feeds of a server equal to those in the files (of a directory, all "
    "*.json\n"
    "in it): creates what is missing and changes what differs. Topics are matched by name, feeds "
    "by\n"
    "id; what a file does not say gets its default. What is in no file stays, unless --prune is\n"
    "given. A file is one topic or feed, an array of them, or {\"topics\": […], \"feeds\": […]}.\n"
    "\n"
    "examples:\n"
    "  pollcast apply topic.json\n"
    "  pollcast apply topics/ --dry-run                   # only say what would be done\n"
    "  pollcast apply topics/ --prune                     # and delete all other topics\n"
    "  pollcast get topics --json --server $A | pollcast apply - --server $B\n"
    "  pollcast get feeds --json --server $A | pollcast apply - --server $B\n"
    "\n"
    "exit status: 0 done (or nothing to do), 1 a file has faults or the server refused one,\n"
    "2 a file could not be read or the server could not be asked\n"
    "\n"
    "options:\n"
    "  --dry-run      print the plan and do nothing\n"
    "  --prune        delete the server's topics that are in no file, if files hold topics, and "
    "its\n"
    "                 feeds, but for `all`, if files hold feeds\n"
    "  --server URL   the server (else POLLCAST_SERVER, else http://127.0.0.1:8080)\n";

static int only_json(const struct dirent *e)
{
    return str_ends(str_of(e->d_name), STR(".json")) && e->d_name[0] != '.';
}

static int add_directory(struct plan *p, const char *path)
{
    struct dirent **names;
    int count = scandir(path, &names, only_json, alphasort), status = STATUS_OK;

    if (count < 0)
        return command_fail("apply: %s: %s", path, strerror(errno));
    for (int i = 0; i < count; i++) {
        AUTO_FREE char *file = xasprintf("%s/%s", path, names[i]->d_name);
        status = command_worst(status, plan_add_file(p, file));
        free(names[i]);
    }
    free(names);
    return status;
}

static int add_all(struct plan *p, int argc, char **argv)
{
    int worst = STATUS_OK;
    struct stat st;

    for (int i = 1; i < argc; i++) {
        bool directory = stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode);
        int status = directory ? add_directory(p, argv[i]) : plan_add_file(p, argv[i]);
        worst = command_worst(worst, status);
    }
    return worst;
}

static int apply(struct plan *p, int argc, char **argv, const char *server, bool dry_run)
{
    AUTO(client_freep) struct client *c = NULL;
    struct errinfo ei = ERRINFO_INIT;
    int status = add_all(p, argc, argv);

    if (status != STATUS_OK)
        return status;
    enum err err = client_new(server, &c, &ei);
    if (err == E_OK)
        err = plan_compare(p, c, &ei);
    if (err != E_OK)
        return command_fail("apply: %s", err_text(&ei, err));
    return plan_carry_out(p, c, dry_run);
}

static int run(int argc, char **argv)
{
    const char *server = NULL;
    bool dry_run = false, prune = false;
    const struct option options[] = {{.name = "--server", .value = &server},
                                     {.name = "--dry-run", .flag = &dry_run},
                                     {.name = "--prune", .flag = &prune}};
    struct conf bounds;

    argc = options_take(options, ARRAY_LEN(options), argc, argv);
    if (argc < 0)
        return STATUS_FAULT;
    if (argc < 2)
        return command_fail("apply: which file or directory? `pollcast apply topic.json`");
    /* Which periods are allowed is the server's to say. */
    conf_init(&bounds);
    bounds.poll_min_period_us = 1;
    bounds.poll_max_period_us = INT64_MAX;
    conf_set_current(&bounds);
    struct plan *p = plan_new(prune);
    int status = apply(p, argc, argv, server, dry_run);
    plan_free(p);
    conf_set_current(NULL);
    conf_done(&bounds);
    return status;
}

const struct command command_apply = {
    .name = "apply",
    .summary = "Make a server's topics and feeds equal to files",
    .help = help,
    .run = run,
};
